// The authenticator's store: keys that cannot be taken out, and a PIN that has to be right before one signs.
//
// The private keys are CryptoKeys that WebCrypto does not let out; the PIN is not kept, only a keyed digest of its
// PBKDF2 derivation, under a key that does not come out either. Tries are counted before the PIN is checked.
// This is software: whoever takes over the browser takes over the keys, which is why they are worth AAL2 at most.

const ITERATIONS = 600_000;
const FREE_TRIES = 5;
const LAST_TRY = 10;
const FIRST_PAUSE = 30_000;

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("carekey-phone", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("keys", { keyPath: "keyId" });
      request.result.createObjectStore("device");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// One transaction; `work` gets the two stores and a way to keep a result.
async function transact(mode, work) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(["keys", "device"], mode, { durability: "strict" });
      let result;
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
      work(transaction.objectStore("keys"), transaction.objectStore("device"), (value) => {
        result = value;
      });
    });
  } finally {
    database.close();
  }
}

const got = (request, then) => {
  request.onsuccess = () => then(request.result);
};

export const accounts = () => transact("readonly", (keys, _, keep) => got(keys.getAll(), keep));

const pinOf = () => transact("readonly", (_, device, keep) => got(device.get("pin"), keep));

export const hasPin = async () => (await pinOf()) !== undefined;

export const isWeak = (pin) =>
  /^(\d)\1*$/.test(pin) || "01234567890123".includes(pin) || "98765432109876".includes(pin);

async function strengthened(pin, salt, key) {
  const material = await crypto.subtle.importKey("raw", new TextEncoder().encode(pin), "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS },
    material,
    256,
  );
  return { sign: () => crypto.subtle.sign("HMAC", key, bits), verify: (mac) => crypto.subtle.verify("HMAC", key, mac, bits) };
}

export async function choosePin(pin) {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  const mac = await (await strengthened(pin, salt, key)).sign();
  await transact("readwrite", (_, device) => device.put({ salt, key, mac, tries: 0, pausedUntil: 0 }, "pin"));
}

// "right", "wrong" with the tries left, "paused" until a moment, or "erased".
export async function checkPin(pin) {
  const now = Date.now();
  const counted = await transact("readwrite", (_, device, keep) =>
    got(device.get("pin"), (kept) => {
      if (!kept || now < kept.pausedUntil) return keep(kept);
      kept.tries += 1;
      if (kept.tries >= FREE_TRIES) kept.pausedUntil = now + FIRST_PAUSE * 2 ** (kept.tries - FREE_TRIES);
      device.put(kept, "pin");
      keep({ ...kept, counted: true });
    }),
  );
  if (!counted) return { verdict: "erased" };
  if (!counted.counted) return { verdict: "paused", until: counted.pausedUntil };
  if (await (await strengthened(pin, counted.salt, counted.key)).verify(counted.mac)) {
    await transact("readwrite", (_, device) =>
      got(device.get("pin"), (kept) => device.put({ ...kept, tries: 0, pausedUntil: 0 }, "pin")),
    );
    return { verdict: "right" };
  }
  if (counted.tries >= LAST_TRY) {
    await eraseAll();
    return { verdict: "erased" };
  }
  if (counted.tries >= FREE_TRIES) return { verdict: "paused", until: counted.pausedUntil };
  return { verdict: "wrong", left: FREE_TRIES - counted.tries };
}

const eraseAll = () =>
  transact("readwrite", (keys, device) => {
    keys.clear();
    device.delete("pin");
  });

export async function newKey() {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  return {
    keyId: crypto.getRandomValues(new Uint8Array(32)),
    privateKey: pair.privateKey,
    publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)),
  };
}

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

// With the last account the PIN goes, so that the next one begins afresh.
export const remove = (keyId) =>
  transact("readwrite", (keys, device) => {
    keys.delete(keyId);
    got(keys.count(), (left) => {
      if (left === 0) device.delete("pin");
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
