// The authenticator's keys: each sealed under the vault key (phone-lock.js), with its account, its counter and the secret
// by which the server knows this device.

import { random } from "./phone-bytes.js";
import { got, transact } from "./phone-store.js";

export const accounts = () => transact("readonly", (keys, _, keep) => got(keys.getAll(), keep));

const P256 = { name: "ECDSA", namedCurve: "P-256" };

// A new key, and how it is kept: without the vault it cannot be used.
export async function newKey(vault) {
  const pair = await crypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const iv = random(12);
  return {
    keyId: random(32),
    privateKey: pair.privateKey,
    wrapped: { iv, key: await crypto.subtle.wrapKey("pkcs8", pair.privateKey, vault, { name: "AES-GCM", iv }) },
    publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)),
  };
}

export const unwrapped = ({ wrapped: { iv, key } }, vault) =>
  crypto.subtle.unwrapKey("pkcs8", key, vault, { name: "AES-GCM", iv }, P256, false, ["sign"]);

// Base64url text is the key of the row, since texts compare.
export const keep = (account) => transact("readwrite", (keys) => keys.add(account));

// An account of before there were such secrets gets one.
export const withDevice = (account, device) =>
  transact("readwrite", (keys, _, keepIt) =>
    got(keys.get(account.keyId), (kept) => {
      kept.device ??= device;
      keys.put(kept);
      keepIt(kept);
    }),
  );

// With the last account the lock goes, so that the next one begins afresh.
export const remove = (keyId) =>
  transact("readwrite", (keys, device) => {
    keys.delete(keyId);
    got(keys.count(), (left) => {
      if (left === 0) device.delete("lock");
    });
  });

// The number before it is used: no two signatures ever have the same.
export const nextCounter = (keyId) =>
  transact("readwrite", (keys, _, keepIt) =>
    got(keys.get(keyId), (account) => {
      account.counter += 1;
      keys.put(account);
      keepIt(account.counter);
    }),
  );

export const nextRegistration = () =>
  transact("readwrite", (_, device, keepIt) =>
    got(device.get("registrations"), (count = 0) => {
      device.put(count + 1, "registrations");
      keepIt(count + 1);
    }),
  );
