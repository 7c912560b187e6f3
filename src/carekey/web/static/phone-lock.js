// How the user of this device is verified, and what that opens: the vault key, under which the private keys are kept.
//
// The lock is the device's platform authenticator, if it can give a secret for a verified user (WebAuthn's prf
// extension), and a PIN otherwise. Nothing of a PIN is kept but the vault key that it seals, strengthened by PBKDF2 and
// a key that does not come out of WebCrypto. Tries are counted before the PIN is checked.
// This is software: whoever takes over the browser while it is unlocked takes over the keys, and whoever copies its
// profile can try PINs elsewhere, as fast as their machine is. That is why the keys are worth AAL2 at most.

import { random } from "./phone-bytes.js";
import { got, transact } from "./phone-store.js";

const ITERATIONS = 600_000;
const FREE_TRIES = 5;
const LAST_TRY = 10;
const FIRST_PAUSE = 30_000;

const lockOf = () => transact("readonly", (_, device, keep) => got(device.get("lock"), keep));

// "pin", "platform", or undefined where there is no account yet.
export const lockKind = async () => (await lockOf())?.kind;

export const isWeak = (pin) =>
  /^(\d)\1*$/.test(pin) || "01234567890123".includes(pin) || "98765432109876".includes(pin);

// Sealing

const aesKey = (bits, uses) => crypto.subtle.importKey("raw", bits, "AES-GCM", false, uses);
const vaultKey = (bits) => aesKey(bits, ["wrapKey", "unwrapKey"]);

// A new vault under this secret, and how it is kept.
async function sealed(secret) {
  const bits = random(32);
  const iv = random(12);
  const key = await aesKey(secret, ["encrypt"]);
  const vault = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, bits);
  return { kept: { iv, vault }, vault: await vaultKey(bits) };
}

// The vault, or null if the secret is another.
async function unsealed({ iv, vault }, secret) {
  const key = await aesKey(secret, ["decrypt"]);
  try {
    return await vaultKey(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, vault));
  } catch {
    return null;
  }
}

const keepLock = (lock) => transact("readwrite", (_, device) => device.put(lock, "lock"));

// The PIN

async function strengthened(pin, { salt, bind }) {
  const material = await crypto.subtle.importKey("raw", new TextEncoder().encode(pin), "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS },
    material,
    256,
  );
  return crypto.subtle.sign("HMAC", bind, bits);
}

export async function choosePin(pin) {
  const bind = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const lock = { kind: "pin", salt: random(16), bind, tries: 0, pausedUntil: 0 };
  const { kept, vault } = await sealed(await strengthened(pin, lock));
  await keepLock({ ...lock, ...kept });
  return vault;
}

// "right" with the vault, "wrong" with the tries left, "paused" until a moment, or "erased".
export async function checkPin(pin) {
  const now = Date.now();
  const counted = await transact("readwrite", (keys, device, keep) =>
    got(device.get("lock"), (kept) => {
      // The last try was made, and whoever made it did not wait for what came of it.
      if (kept?.tries >= LAST_TRY) return erase(keys, device);
      if (!kept || now < kept.pausedUntil) return keep(kept);
      kept.tries += 1;
      if (kept.tries >= FREE_TRIES) kept.pausedUntil = now + FIRST_PAUSE * 2 ** (kept.tries - FREE_TRIES);
      device.put(kept, "lock");
      keep({ ...kept, counted: true });
    }),
  );
  if (!counted) return { verdict: "erased" };
  if (!counted.counted) return { verdict: "paused", until: counted.pausedUntil };
  const vault = await unsealed(counted, await strengthened(pin, counted));
  if (vault) {
    await transact("readwrite", (_, device) =>
      got(device.get("lock"), (kept) => device.put({ ...kept, tries: 0, pausedUntil: 0 }, "lock")),
    );
    return { verdict: "right", vault };
  }
  if (counted.tries >= LAST_TRY) {
    await transact("readwrite", erase);
    return { verdict: "erased" };
  }
  if (counted.tries >= FREE_TRIES) return { verdict: "paused", until: counted.pausedUntil };
  return { verdict: "wrong", left: FREE_TRIES - counted.tries };
}

// The platform authenticator. Its credential proves nothing to a server: it gives a secret for a verified user.

export const hasPlatform = async () =>
  (await globalThis.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.()) ?? false;

async function platformSecret(id, salt) {
  const given = await navigator.credentials.get({
    publicKey: {
      challenge: random(32),
      allowCredentials: [{ type: "public-key", id, transports: ["internal"] }],
      userVerification: "required",
      extensions: { prf: { eval: { first: salt } } },
    },
  });
  return given.getClientExtensionResults().prf?.results?.first;
}

// The vault, or null if this device's authenticator gives no secrets. Throws if the person does not go through with it.
export async function choosePlatform(name) {
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { name },
      user: { id: random(16), name: `${name} on this device`, displayName: `${name} on this device` },
      challenge: random(32),
      pubKeyCredParams: [
        { type: "public-key", alg: -7 },
        { type: "public-key", alg: -257 },
      ],
      authenticatorSelection: {
        authenticatorAttachment: "platform",
        residentKey: "discouraged",
        userVerification: "required",
      },
      extensions: { prf: {} },
    },
  });
  if (!made.getClientExtensionResults().prf?.enabled) return null;
  const lock = { kind: "platform", id: made.rawId, salt: random(32) };
  const secret = await platformSecret(lock.id, lock.salt);
  if (!secret) return null;
  const { kept, vault } = await sealed(secret);
  await keepLock({ ...lock, ...kept });
  return vault;
}

// The vault. Throws if the device does not say that it is its user.
export async function checkPlatform() {
  const lock = await lockOf();
  const secret = await platformSecret(lock.id, lock.salt);
  const vault = secret && (await unsealed(lock, secret));
  if (!vault) throw new DOMException("no secret", "NotAllowedError");
  return vault;
}

function erase(keys, device) {
  keys.clear();
  device.delete("lock");
}
