// Web Push, from the page; phone-worker.js shows what comes.

import { place, tell } from "./phone-page.js";

// Being told while the page is closed: offered where the service and this browser can do it. Whoever was told before is
// told on, for accounts that were added since too.
export async function offerTelling(held) {
  if (!place.dataset.push || !("PushManager" in window) || !navigator.serviceWorker) return;
  const devices = held.flatMap(({ device }) => device ?? []);
  if (devices.length === 0) return;
  const section = place.querySelector("[data-tell]");
  const [status, button] = [section.querySelector("[role=status]"), section.querySelector("button")];
  const worker = await navigator.serviceWorker.ready;
  let told = await worker.pushManager.getSubscription();
  const keep = async (subscription) => {
    const answer = await tell("/phone/push", { devices, ...subscription.toJSON() });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  };
  const label = () => {
    button.textContent = told ? "Stop telling me" : "Tell me when something waits";
  };
  label();
  section.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if (told) {
        const answer = await tell("/phone/push/remove", { devices });
        if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
        await told.unsubscribe();
        told = null;
        status.textContent = "This device will not tell you any more.";
      } else {
        const applicationServerKey = place.dataset.push;
        const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
        await keep(made);
        told = made;
        status.textContent = "This device will tell you when something waits.";
      }
    } catch (error) {
      status.textContent =
        error.name === "NotAllowedError"
          ? "Notifications are turned off for this page. Turn them on in the settings of your browser."
          : "That did not work. Check that this device is online, then try again.";
    }
    label();
    button.disabled = false;
  });
  if (told) await keep(told); // it may be another by now, and accounts may have been added
}
