// The pages' part of verifying the user: by a PIN, or by the device itself.

import * as locks from "./phone-lock.js";
import { fault, message, onSubmit, place, serviceName } from "./phone-page.js";

const at = (moment) =>
  new Intl.DateTimeFormat("en-GB", { hour: "numeric", minute: "2-digit", hour12: true }).format(new Date(moment));

// Asks for no PIN where the device itself says who its user is.
export async function showLock() {
  const platform = (await locks.lockKind()) === "platform";
  place.querySelector('[data-field="pin"]').hidden = platform;
  place.querySelector("[data-lock]").hidden = !platform;
  const heading = place.querySelector("[data-lock-heading]");
  if (!platform || !heading) return;
  heading.textContent = heading.dataset.lockHeading;
  document.title = `${heading.textContent} – ${serviceName}`;
}

// The vault, if the user is verified; otherwise null, and the page says what is wrong.
export async function verified(pin) {
  if ((await locks.lockKind()) === "platform") return byPlatform(locks.checkPlatform);
  if (!pin) {
    fault("pin", "Enter your PIN");
    return null;
  }
  const { verdict, left, until, vault } = await locks.checkPin(pin);
  if (verdict === "right") return vault;
  if (verdict === "wrong") fault("pin", `That PIN is wrong. You have ${left} ${left === 1 ? "try" : "tries"} left`);
  if (verdict === "paused") fault("pin", `Too many wrong PINs. Try again after ${at(until)}`);
  if (verdict === "erased") {
    message(
      "The accounts on this device were removed",
      "The PIN was wrong too often.",
      "Ask your Registration Authority (RA) for a new link to add this device again.",
    );
  }
  return null;
}

// What the platform authenticator gives, or null with words on the page if the person did not go through with it.
async function byPlatform(work) {
  const line = place.querySelector("[data-lock-error]");
  line.textContent = "";
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    line.textContent = "Your device did not confirm that it is you. Try again.";
    return null;
  }
}

// The device's own screen lock instead of a PIN, where it has one that gives a secret.
export async function offerPlatform(done) {
  const form = place.querySelector("[data-platform]");
  form.hidden = !(await locks.hasPlatform());
  onSubmit(form, async () => {
    const line = place.querySelector("[data-lock-error]");
    const vault = await byPlatform(() => locks.choosePlatform(serviceName));
    if (vault) return done(vault);
    line.textContent ||= "The screen lock of this device cannot be used for this. Choose a PIN.";
    return undefined;
  });
}

// The vault under a new PIN, or null and the page says what is wrong with it.
export const chosen = (pin, again) => (isChosen(pin, again) ? locks.choosePin(pin) : null);

function isChosen(pin, again) {
  const wrong = !/^\d{6,12}$/.test(pin)
    ? "PIN must be 6 to 12 numbers"
    : locks.isWeak(pin)
      ? "PIN must not be all the same number, or numbers in a row"
      : "";
  fault("pin", wrong);
  fault("again", "");
  if (!wrong && pin !== again) fault("again", "The two PINs must be the same");
  return !wrong && pin === again;
}
