// Adding this device for a person, by the activation code of a link.

import * as client from "./phone-client.js";
import * as keys from "./phone-keys.js";
import { lockKind } from "./phone-lock.js";
import { goHome, message, onSubmit, place, show } from "./phone-page.js";
import { chosen, offerPlatform, showLock, verified } from "./phone-user.js";

export async function register(activation) {
  const { statusCode, uafRequest } = await client.getRequest("Reg", { activation });
  if (statusCode !== client.OK) {
    message(
      "This device cannot be added",
      statusCode === 1403
        ? "You have added as many devices as you may. Ask your Registration Authority (RA) to remove one."
        : "The code has been used, or it has run out.",
      statusCode === 1403 ? "" : "Go back to the other screen and select “Show a new code”.",
    );
    return;
  }
  const name = await client.subject(uafRequest).catch((error) => {
    if (!(error instanceof client.Refusal)) throw error;
    message("This device is already added", "You can log in with it.");
  });
  if (name === undefined) return;
  const asked = await lockKind();
  show(asked ? "pin" : "new-pin", { name, application: `add this device for ${name}` });
  if (asked) {
    place.querySelector("p").textContent = `You are adding this device for ${name}.`;
    place.querySelector("button[type=submit]").textContent = "Add this device";
    place.querySelector("[data-refuse]").addEventListener("click", goHome);
    await showLock();
  } else {
    await offerPlatform((vault) => finishRegistration(uafRequest, vault));
  }
  onSubmit(place.querySelector("[data-pin]") ?? place.querySelector("form"), async (fields) => {
    const pin = fields.get("pin");
    const vault = await (asked ? verified(pin) : chosen(pin, fields.get("again")));
    if (vault) await finishRegistration(uafRequest, vault);
  });
}

async function finishRegistration(uafRequest, vault) {
  const { account, text } = await client.register(uafRequest, vault);
  // Kept before it is sent: an answer that is lost on its way leaves no registration that nobody can use.
  await keys.keep(account);
  const { statusCode: outcome } = await client.sendResponse("Reg", text, account);
  if (outcome !== client.OK) {
    await keys.remove(account.keyId);
    message("This device was not added", "Your organisation did not accept it.", "Go back to the other screen and try again.");
    return;
  }
  await navigator.storage?.persist?.();
  message("This device was added", `You can log in as ${account.username} with it.`, "On the other screen, select “Check again”.");
}
