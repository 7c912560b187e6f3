// A page that waits for a phone: it hears of each step, and opens what comes next.

const status = document.querySelector("[data-events]");
const source = new EventSource(status.dataset.events);
const next = () => {
  source.close();
  location.replace(status.dataset.next);
};
source.addEventListener("message", ({ data }) => {
  if (data === "opened" || data === "matched") status.textContent = status.dataset.opened;
  else next();
});
// The server ends the stream when there is nothing more to tell; the browser must not ask again and again.
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) return;
  source.close();
});
