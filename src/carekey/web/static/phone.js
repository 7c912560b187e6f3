// CareKey Phone. What is to be done stands after the # of the address, so that it never reaches a log: register=CODE,
// login=ID, approve=CODE, or nothing.

import { accountsPage } from "./phone-accounts.js";
import { approve } from "./phone-approve.js";
import { logIn } from "./phone-log-in.js";
import { explain, message, place } from "./phone-page.js";
import { register } from "./phone-register.js";

async function start() {
  const [what, value] = location.hash.slice(1).split("=");
  history.replaceState(null, "", "/phone"); // what was asked is asked once, and not kept in the history
  try {
    if (what === "register" && value) await register(value);
    else if (what === "login" && value) await logIn(value);
    else if (what === "approve" && value) {
      await approve(decodeURIComponent(value), () =>
        message("This code does not work", "Each works once, for 2 minutes.", "Show a new code on the other screen."),
      );
    } else await accountsPage();
  } catch (error) {
    explain(error);
  }
}

// The person came by the notification: what waits may be newer than what the page shows.
navigator.serviceWorker?.addEventListener("message", () => place.querySelector("[data-check] button")?.click());
addEventListener("home", () => accountsPage().catch(explain));
addEventListener("hashchange", () => {
  if (location.hash) start();
});
if (place.dataset.worker) navigator.serviceWorker?.register(place.dataset.worker, { scope: "/phone" }).catch(() => {});
start();
