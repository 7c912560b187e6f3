// The accounts of this device: the list, what can be done from there, and taking one away.

import { approve } from "./phone-approve.js";
import * as keys from "./phone-keys.js";
import { fault, goHome, onSubmit, place, show, tell } from "./phone-page.js";
import { offerTelling } from "./phone-telling.js";
import { showWaiting } from "./phone-waiting.js";

export async function accountsPage() {
  const held = await keys.accounts();
  show("accounts");
  const list = place.querySelector("[data-list]");
  place.querySelector('[data-text="none"]').hidden = held.length > 0;
  list.hidden = held.length === 0;
  for (const account of held) {
    const row = document.createElement("div");
    row.className = "nhsuk-summary-list__row";
    const name = Object.assign(document.createElement("dt"), {
      className: "nhsuk-summary-list__key",
      textContent: account.username,
    });
    const host = Object.assign(document.createElement("dd"), {
      className: "nhsuk-summary-list__value",
      textContent: new URL(account.appID).host,
    });
    const actions = Object.assign(document.createElement("dd"), { className: "nhsuk-summary-list__actions" });
    const button = Object.assign(document.createElement("button"), {
      className: "carekey-link-button",
      type: "button",
      textContent: "Remove",
    });
    const whom = Object.assign(document.createElement("span"), {
      className: "nhsuk-u-visually-hidden",
      textContent: ` ${account.username}`,
    });
    button.append(whom);
    button.addEventListener("click", () => removePage(account));
    actions.append(button);
    row.append(name, host, actions);
    list.append(row);
  }
  const check = place.querySelector("[data-check]");
  check.hidden = held.length === 0;
  check.querySelector("button").addEventListener("click", () => showWaiting(held));
  if (held.length > 0) {
    showWaiting(held);
    offerTelling(held).catch(() => {}); // what waits is on the page all the same
  }
  const form = place.querySelector("[data-code]");
  form.hidden = held.length === 0;
  onSubmit(form, async (fields) => {
    const code = fields.get("code").trim();
    if (!code) return fault("code", "Enter the code from the other screen");
    return approve(code, () => fault("code", "Check the code. Each works once, for 2 minutes"));
  });
}

function removePage(account) {
  show("remove", { name: account.username });
  place.querySelector("[data-refuse]").addEventListener("click", goHome);
  onSubmit(place.querySelector("form"), async () => {
    await keys.remove(account.keyId);
    if (place.dataset.push && account.device) tell("/phone/push/remove", { devices: [account.device] }).catch(() => {});
    goHome();
  });
}
