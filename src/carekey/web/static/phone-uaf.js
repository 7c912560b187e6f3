// A UAF 1.1 client, ASM and authenticator in one: AAID CA4E#0001, P-256, surrogate attestation, keys in software.
// Section numbers are those of the UAF reference (docs/specs/fido-uaf.md).

import * as keys from "./phone-keys.js";

export const AAID = "CA4E#0001";
const VERSION = 1;
const ES256_RAW = 1;
const ECC_X962_RAW = 0x100;
const VERIFIED = 1;
const CONFIRMED = 2;
const CONTENT_TYPE = "application/fido+uaf; charset=utf-8";
export const OK = 1200;

// Words of the standard for why a request is not answered (section 29.4).
export class Refusal extends Error {}

// Encoding

const utf8 = (text) => new TextEncoder().encode(text);
const joined = (...parts) => {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};
export const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const unbase64url = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));

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

// Requests

const isText = (value, longest) => typeof value === "string" && value.length > 0 && value.length <= longest;

// The one dictionary of a request, if a strict client takes it (section 27.2).
function read(text, op) {
  let messages;
  try {
    messages = JSON.parse(text);
  } catch {
    throw new Refusal("PROTOCOL_ERROR");
  }
  if (!Array.isArray(messages) || messages.length !== 1) throw new Refusal("PROTOCOL_ERROR");
  const [message] = messages;
  const { header } = message;
  if (header?.upv?.major !== 1 || ![0, 1, 2].includes(header.upv.minor)) throw new Refusal("UNSUPPORTED_VERSION");
  if (header.op !== op) throw new Refusal("PROTOCOL_ERROR");
  if (op === "Dereg") return message;
  const good =
    isText(header.serverData, 1536) &&
    isText(header.appID, 512) &&
    /^[A-Za-z0-9_-]{11,86}$/.test(message.challenge) &&
    Array.isArray(message.policy?.accepted) &&
    message.policy.accepted.length > 0 &&
    (op !== "Reg" || isText(message.username, 128)) &&
    (!message.transaction || textOf(message) !== null) &&
    !(header.exts ?? []).some((extension) => extension.fail_if_unknown);
  if (!good) throw new Refusal("PROTOCOL_ERROR");
  checkFacet(header.appID);
  return message;
}

// Section 7: what is to be confirmed, as this display shows it: printable ASCII, never more than it says it is.
function textOf(message) {
  const shown = message.transaction.find(({ contentType }) => contentType === "text/plain");
  if (!shown) return null;
  const text = String.fromCharCode(...unbase64url(shown.content));
  return /^[\x20-\x7e\r\n]{1,200}$/.test(text) ? text : null;
}

export const toConfirm = (request) => textOf(read(request, "Auth"));

// Section 10.3, as far as this client needs it: its only facet is the origin that it came from.
function checkFacet(appID) {
  if (new URL(appID).origin !== location.origin) throw new Refusal("UNTRUSTED_FACET_ID");
}

const KNOWN_CRITERIA = new Set(["aaid", "vendorID", "keyIDs", "attachmentHint", "authenticatorVersion", "exts"]);

// Criteria about more than model and key are not ours to judge: they count as not met.
function meets(criteria, keyId) {
  const { aaid, vendorID, keyIDs, authenticatorVersion, exts } = criteria;
  return (
    Object.keys(criteria).every((name) => KNOWN_CRITERIA.has(name)) &&
    (!aaid || aaid.some((one) => one.toUpperCase() === AAID)) &&
    (!vendorID || vendorID.some((one) => one.toUpperCase() === AAID.slice(0, 4))) &&
    (!keyIDs || keyId === undefined || keyIDs.includes(keyId)) &&
    (!authenticatorVersion || authenticatorVersion <= VERSION) &&
    !(exts ?? []).some((extension) => extension.fail_if_unknown)
  );
}

const accepts = (policy, keyId) =>
  policy.accepted.some((together) => together.length === 1 && meets(together[0], keyId));

// The accounts on this device that may answer an authentication request.
export async function candidates(request) {
  const message = read(request, "Auth");
  const held = await keys.accounts();
  return held.filter((one) => one.appID === message.header.appID && accepts(message.policy, one.keyId));
}

// For whom a registration request is. Throws if this device has a key for them already.
export async function subject(request) {
  const message = read(request, "Reg");
  const held = (await keys.accounts()).filter((one) => one.appID === message.header.appID);
  const barred = (message.policy.disallowed ?? []).some((criteria) =>
    criteria.keyIDs ? held.some((one) => meets(criteria, one.keyId)) : meets(criteria),
  );
  if (barred || !accepts(message.policy)) throw new Refusal("NO_SUITABLE_AUTHENTICATOR");
  return message.username;
}

// Answers

function finalChallenge(message) {
  const params = {
    appID: message.header.appID,
    challenge: message.challenge,
    facetID: location.origin,
    channelBinding: {},
  };
  return base64url(utf8(JSON.stringify(params)));
}

const digest = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const hash = (text) => digest(utf8(text));
const sign = async (key, bytes) =>
  new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, bytes));
const response = (message, fcParams, assertion) =>
  JSON.stringify([
    {
      header: message.header,
      fcParams,
      assertions: [{ assertionScheme: "UAFV1TLV", assertion: base64url(assertion) }],
    },
  ]);

// Section 27.3. The PIN was chosen or checked before. The account is kept only once the server has said yes.
export async function register(request) {
  const message = read(request, "Reg");
  const fcParams = finalChallenge(message);
  const made = await keys.newKey();
  const data = tlv(
    0x3e03,
    tlv(0x2e0b, utf8(AAID)),
    tlv(0x2e0e, u16(VERSION), u8(1), u16(ES256_RAW), u16(ECC_X962_RAW)),
    tlv(0x2e0a, await hash(fcParams)),
    tlv(0x2e09, made.keyId),
    tlv(0x2e0d, u32(0), u32(await keys.nextRegistration())),
    tlv(0x2e0c, made.publicKey),
  );
  const assertion = tlv(0x3e01, data, tlv(0x3e08, tlv(0x2e06, await sign(made.privateKey, data))));
  const account = {
    keyId: base64url(made.keyId),
    device: newDevice(),
    appID: message.header.appID,
    username: message.username,
    privateKey: made.privateKey,
    counter: 0,
    addedAt: Date.now(),
  };
  return { account, text: response(message, fcParams, assertion) };
}

// By this secret the phone asks what waits for its person. The server learns it with an answer that it accepts.
export const newDevice = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

// Section 27.4. The PIN was checked before, and what is to be confirmed was shown.
export async function authenticate(request, account) {
  const message = read(request, "Auth");
  const fcParams = finalChallenge(message);
  const shown = message.transaction && utf8(textOf(message));
  const data = tlv(
    0x3e04,
    tlv(0x2e0b, utf8(AAID)),
    tlv(0x2e0e, u16(VERSION), u8(shown ? CONFIRMED : VERIFIED), u16(ES256_RAW)),
    tlv(0x2e0f, crypto.getRandomValues(new Uint8Array(16))),
    tlv(0x2e0a, await hash(fcParams)),
    shown ? tlv(0x2e10, await digest(shown)) : tlv(0x2e10),
    tlv(0x2e09, unbase64url(account.keyId)),
    tlv(0x2e0d, u32(await keys.nextCounter(account.keyId))),
  );
  const assertion = tlv(0x3e02, data, tlv(0x2e06, await sign(account.privateKey, data)));
  return response(message, fcParams, assertion);
}

// Section 27.5: whatever matches goes; no answer is wanted.
export async function deregister(request) {
  const message = read(request, "Dereg");
  checkFacet(message.header.appID);
  for (const account of await keys.accounts()) {
    const named = message.authenticators.some(
      ({ aaid, keyID }) =>
        (aaid === "" || aaid.toUpperCase() === AAID) && (keyID === "" || keyID === account.keyId),
    );
    if (named && account.appID === message.header.appID) await keys.remove(account.keyId);
  }
}

// Transport (section 8)

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": CONTENT_TYPE, accept: "application/fido+uaf" },
    body: JSON.stringify(body),
    redirect: "error",
    cache: "no-store",
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

export const getRequest = (op, context) =>
  post(`/uaf/${op === "Reg" ? "reg" : "auth"}/request`, { op, context: JSON.stringify(context) });

export const sendResponse = (op, text, { device }) =>
  post(`/uaf/${op === "Reg" ? "reg" : "auth"}/response`, { uafResponse: text, context: JSON.stringify({ device }) });
