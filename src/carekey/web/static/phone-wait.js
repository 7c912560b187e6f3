// A page that waits for a phone: it hears of each step, and opens what comes next.

const status = document.querySelector("[data-events]");
const source = status.dataset.events && new EventSource(status.dataset.events);
const next = () => {
  source.close();
  location.replace(status.dataset.next);
};
if (source) {
  source.addEventListener("message", ({ data }) => {
    if (data === "opened" || data === "matched") status.textContent = status.dataset.opened;
    else next();
  });
  // A connection that breaks is made again by the browser, every few seconds; after that there is the button.
  let left = 10;
  source.addEventListener("error", () => {
    left -= 1;
    if (left === 0) source.close();
  });
}
