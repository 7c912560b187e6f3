// Answering an authentication request: which account, who is there, and how it ended.

import * as client from "./phone-client.js";
import * as keys from "./phone-keys.js";
import { explain, goHome, message, onSubmit, place, show } from "./phone-page.js";
import { showLock, verified } from "./phone-user.js";

export async function answered(uafRequest, account, vault) {
  const sender = await keys.withDevice(account, client.newDevice());
  const outcome = await client.sendResponse("Auth", await client.authenticate(uafRequest, account, vault), sender);
  if (outcome.newUAFRequest) await client.deregister(outcome.newUAFRequest);
  return outcome;
}

// Asks for the PIN, answers the request, and says how it ended. `refuse`: what Cancel does.
export async function prove(uafRequest, application, refuse, done, away = null) {
  const able = await client.candidates(uafRequest);
  if (able.length === 0) {
    if (!away) await refuse();
    message(
      "There is no account for this on this device",
      "To add one, open the link that your Registration Authority (RA) sent you and select “Phone or tablet”.",
      "",
      away,
    );
    return;
  }
  show("pin", { application });
  await showLock();
  if (able.length > 1) choices(able);
  place.querySelector("[data-refuse]").addEventListener("click", () => {
    refuse().then(away ? () => {} : goHome, explain);
  });
  onSubmit(place.querySelector("form"), async (fields) => {
    const vault = await verified(fields.get("pin"));
    if (!vault) return;
    const account = able.find((one) => one.keyId === fields.get("account")) ?? able[0];
    const outcome = await answered(uafRequest, account, vault);
    if (outcome.statusCode === client.OK) done(outcome);
    else message("We could not log you in", reason(outcome), "", away);
  });
}

export function reason({ statusCode, newUAFRequest }) {
  if (newUAFRequest) return "This device was removed from your account.";
  if (statusCode === 1491) return "That took too long.";
  if (statusCode === 1403) return "This device is suspended, or not secure enough for the application.";
  return "This device was not accepted.";
}

function choices(able) {
  const fieldset = place.querySelector("[data-accounts]");
  fieldset.hidden = false;
  able.forEach((account, number) => {
    const item = Object.assign(document.createElement("div"), { className: "nhsuk-radios__item" });
    const input = Object.assign(document.createElement("input"), {
      className: "nhsuk-radios__input",
      type: "radio",
      name: "account",
      id: `account-${number}`,
      value: account.keyId,
      checked: number === 0,
    });
    const label = Object.assign(document.createElement("label"), {
      className: "nhsuk-label nhsuk-radios__label",
      htmlFor: input.id,
      textContent: account.username,
    });
    item.append(input, label);
    fieldset.querySelector("[data-list]").append(item);
  });
}
