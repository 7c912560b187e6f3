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
