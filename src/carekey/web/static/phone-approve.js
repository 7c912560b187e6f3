// Approving a log-in on another device, by its code and its number.

import { prove } from "./phone-answer.js";
import * as client from "./phone-client.js";
import { TRY_AGAIN, explain, fault, message, onSubmit, place, show, tell } from "./phone-page.js";

export async function approve(code, unknown) {
  const answer = await tell("/phone/approval", { code });
  if (!answer.ok) return unknown();
  const about = await answer.json();
  const refuse = () => tell("/phone/approval/refuse", { code, holder: about.holder });
  const { application, asked_at, network } = about;
  show("number", { application, asked_at, network });
  place.querySelector("[data-refuse]").addEventListener("click", async () => {
    try {
      await refuse();
      message("You refused", "Nobody was logged in.", "If somebody else started it, tell your Registration Authority (RA).");
    } catch (error) {
      explain(error);
    }
  });
  onSubmit(place.querySelector("form"), async (fields) => {
    const number = fields.get("number").trim();
    if (!/^\d\d$/.test(number)) return fault("number", "Enter the 2 numbers from the other screen");
    const { statusCode, uafRequest } = await client.getRequest("Auth", { approval: code, holder: about.holder, number });
    if (statusCode !== client.OK) {
      const heading = statusCode === 1403 ? "The number was wrong" : "That took too long";
      return message(heading, "Nobody was logged in.", TRY_AGAIN);
    }
    return prove(uafRequest, application, refuse, () =>
      message("You are logged in on the other device", "You can close this page."),
    );
  });
}
