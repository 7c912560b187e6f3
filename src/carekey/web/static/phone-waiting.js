// The texts that wait to be confirmed.

import { answered, reason } from "./phone-answer.js";
import * as client from "./phone-client.js";
import { explain, message, onSubmit, place, show, tell } from "./phone-page.js";
import { showLock, verified } from "./phone-user.js";

// What waits for the people of this device. Without a network there is nothing to be known, and the list stays.
export async function showWaiting(held) {
  const section = place.querySelector("[data-check]");
  const status = section.querySelector("[role=status]");
  const able = held.filter(({ device }) => device);
  let waiting = [];
  try {
    const answer = await tell("/phone/waiting", { devices: able.map(({ device }) => device) });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    ({ waiting } = await answer.json());
  } catch {
    status.textContent = "We cannot check what waits for you. Check that this device is online.";
    return;
  }
  status.textContent = waiting.length === 0 ? "Nothing waits for you." : "";
  section.querySelector("[data-waiting]").replaceChildren(
    ...waiting.map((one) => {
      const item = document.createElement("li");
      const button = Object.assign(document.createElement("button"), {
        className: "carekey-link-button",
        type: "button",
        textContent: `${one.application}, asked at ${one.asked_at}`,
      });
      button.addEventListener("click", () => confirmPage(one, able[one.account]).catch(explain));
      item.append(button);
      return item;
    }),
  );
}

// Shows what the request says, which is what will be signed, and nothing else.
async function confirmPage({ id, application, asked_at, until }, account) {
  const { statusCode, uafRequest } = await client.getRequest("Auth", { confirmation: id, device: account.device });
  const over = () => message("This is no longer needed", "It was answered already, or it has run out.");
  if (statusCode !== client.OK) return over();
  const [able] = await client.candidates(uafRequest);
  const text = client.toConfirm(uafRequest);
  if (!able || text === null) throw new client.Refusal("INVALID_TRANSACTION_CONTENT");
  show("confirm", { application, asked_at, until, name: able.username, text });
  await showLock();
  place.querySelector("[data-refuse]").addEventListener("click", async () => {
    try {
      const answer = await tell("/phone/waiting/refuse", { device: account.device, confirmation: id });
      if (!answer.ok) return over();
      return message("You refused", `${application} was told that you did not confirm it.`);
    } catch (error) {
      return explain(error);
    }
  });
  onSubmit(place.querySelector("form"), async (fields) => {
    const vault = await verified(fields.get("pin"));
    if (!vault) return;
    const outcome = await answered(uafRequest, able, vault);
    if (outcome.statusCode === client.OK) message("You confirmed it", `${application} was told. You can close this page.`);
    else message("It was not confirmed", reason(outcome), "If it still waits for you, open it again.");
  });
}
