// The service worker of CareKey Phone. MARK and PARTS stand before this text.
// It keeps the application itself; what is asked of the server is never kept.

addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(MARK)
      .then((cache) => cache.addAll([PARTS.page, ...PARTS.files]))
      .then(() => skipWaiting()),
  );
});

addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== MARK).map((name) => caches.delete(name))))
      .then(() => clients.claim()),
  );
});

// What waits is for the page to ask: the message says no more than that something does.
addEventListener("push", (event) => {
  event.waitUntil(
    registration.showNotification(PARTS.title, {
      body: event.data?.text() ?? "Something waits for you",
      tag: "waiting",
    }),
  );
});

// A browser may renew its subscription by itself. Should it not get through, the page tells the server at its next start.
addEventListener("pushsubscriptionchange", (event) => {
  if (PARTS.push) event.waitUntil(renewed(event));
});

async function renewed({ newSubscription }) {
  const applicationServerKey = PARTS.push;
  const subscription =
    newSubscription ?? (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
  const devices = await heldDevices();
  if (devices.length === 0) return;
  await fetch(`${PARTS.page}/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ devices, ...subscription.toJSON(), renewed: true }),
    cache: "no-store",
  });
}

// The secrets by which the server knows the accounts of this device; phone-keys.js keeps them.
const heldDevices = () =>
  new Promise((resolve) => {
    const opening = indexedDB.open("carekey-phone");
    opening.onupgradeneeded = () => opening.transaction.abort(); // there are none, and none are made here
    opening.onerror = () => resolve([]);
    opening.onsuccess = () => {
      const rows = opening.result.transaction("keys").objectStore("keys").getAll();
      rows.onsuccess = () => {
        opening.result.close();
        resolve(rows.result.flatMap(({ device }) => device ?? []));
      };
    };
  });

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    clients.matchAll({ type: "window" }).then(async (pages) => {
      const page = pages.find(({ url }) => new URL(url).pathname === PARTS.page);
      if (!page) return clients.openWindow(PARTS.page);
      page.postMessage("waiting");
      return page.focus();
    }),
  );
});

// The network first, so that a new version is there at once; what was kept where there is no network.
addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.method !== "GET") return;
  if (pathname !== PARTS.page && !pathname.startsWith("/static/")) return;
  event.respondWith(
    fetch(event.request).catch(async () => {
      const name = pathname.slice(pathname.lastIndexOf("/") + 1);
      const file = PARTS.files.find((kept) => kept.endsWith(`/${name}`)) ?? PARTS.page;
      return (await caches.match(file)) ?? Response.error();
    }),
  );
});
