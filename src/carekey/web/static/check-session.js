// In a frame of an application's page: says whether the session is the one that a `session_state` was made for
// (OpenID Connect Session Management 1.0 section 3.2). The answer goes to whoever asked, and to no other origin.

const FORM = /^(\S+) ([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{1,64})$/;

function browserState() {
  const start = `${document.documentElement.dataset.cookie}=`;
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(start));
  return found ? found.slice(start.length) : "";
}

async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

addEventListener("message", async (event) => {
  const asked = typeof event.data === "string" && FORM.exec(event.data);
  if (!event.source || event.origin === "null") return;
  let answer = "error";
  if (asked) {
    const [, client, state, salt] = asked;
    const now = await digest(`${client} ${event.origin} ${browserState()} ${salt}`);
    answer = now === state ? "unchanged" : "changed";
  }
  event.source.postMessage(answer, event.origin);
});
