// The authenticator: AAID CA4E#0001, P-256, surrogate attestation, keys in software. What it signs is UAFV1TLV.
// Section numbers are those of the UAF reference (docs/specs/fido-uaf.md).

import { base64url, joined, random, unbase64url, utf8 } from "./phone-bytes.js";
import * as keys from "./phone-keys.js";

export const AAID = "CA4E#0001";
export const VERSION = 1;
const ES256_RAW = 1;
const ECC_X962_RAW = 0x100;
const VERIFIED = 1;
const CONFIRMED = 2;

const u8 = (value) => Uint8Array.of(value);
const u16 = (value) => Uint8Array.of(value & 0xff, value >> 8);
const u32 = (value) => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};
const tlv = (tag, ...children) => {
  const value = joined(...children);
  return joined(u16(tag), u16(value.length), value);
};

const digest = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const sign = async (key, bytes) =>
  new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, bytes));

// Section 11.3: a new key, and the assertion that attests it. The vault is open: the user was verified.
export async function register(fcParams, vault) {
  const made = await keys.newKey(vault);
  const data = tlv(
    0x3e03,
    tlv(0x2e0b, utf8(AAID)),
    tlv(0x2e0e, u16(VERSION), u8(1), u16(ES256_RAW), u16(ECC_X962_RAW)),
    tlv(0x2e0a, await digest(utf8(fcParams))),
    tlv(0x2e09, made.keyId),
    tlv(0x2e0d, u32(0), u32(await keys.nextRegistration())),
    tlv(0x2e0c, made.publicKey),
  );
  const assertion = tlv(0x3e01, data, tlv(0x3e08, tlv(0x2e06, await sign(made.privateKey, data))));
  return { key: { keyId: base64url(made.keyId), wrapped: made.wrapped, counter: 0 }, assertion };
}

// Section 11.4. The vault is open, and `shown`, the bytes to be confirmed, was shown; undefined at a log-in.
export async function authenticate(fcParams, shown, { keyId, ...key }, vault) {
  const data = tlv(
    0x3e04,
    tlv(0x2e0b, utf8(AAID)),
    tlv(0x2e0e, u16(VERSION), u8(shown ? CONFIRMED : VERIFIED), u16(ES256_RAW)),
    tlv(0x2e0f, random(16)),
    tlv(0x2e0a, await digest(utf8(fcParams))),
    shown ? tlv(0x2e10, await digest(shown)) : tlv(0x2e10),
    tlv(0x2e09, unbase64url(keyId)),
    tlv(0x2e0d, u32(await keys.nextCounter(keyId))),
  );
  return tlv(0x3e02, data, tlv(0x2e06, await sign(await keys.unwrapped(key, vault), data)));
}
