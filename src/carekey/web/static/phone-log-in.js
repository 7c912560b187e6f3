// Log-in on this device: from the log-in page and back to it.

import { prove } from "./phone-answer.js";
import * as client from "./phone-client.js";
import { message } from "./phone-page.js";

export async function logIn(login) {
  const { statusCode, uafRequest } = await client.getRequest("Auth", { login });
  if (statusCode !== client.OK) {
    message("This log in is over", "Go back to your application and start again.");
    return;
  }
  const back = `/login/${encodeURIComponent(login)}`;
  await prove(
    uafRequest,
    "your application",
    async () => location.assign(`${back}/ways`),
    ({ location: next }) => location.replace(next === back ? next : "/phone"),
    [`${back}/ways`, "Use another way to log in"],
  );
}
