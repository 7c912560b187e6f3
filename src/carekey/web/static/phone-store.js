// Where CareKey Phone keeps what it has: a row for each key, and what is the device's.

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("carekey-phone", 2);
    request.onupgradeneeded = () => {
      // Keys of before there was a vault cannot be put into it: they do not come out of WebCrypto.
      for (const name of [...request.result.objectStoreNames]) request.result.deleteObjectStore(name);
      request.result.createObjectStore("keys", { keyPath: "keyId" });
      request.result.createObjectStore("device");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// One transaction; `work` gets the two stores and a way to keep a result.
export async function transact(mode, work) {
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

export const got = (request, then) => {
  request.onsuccess = () => then(request.result);
};
