// The pages of CareKey Phone, one at a time in #phone. What is to be done stands after the # of the address, so that
// it never reaches a log: register=CODE, login=ID, approve=CODE, or nothing.

import * as keys from "./phone-keys.js";
import * as uaf from "./phone-uaf.js";

const place = document.getElementById("phone");
const serviceName = document.title.split(" – ").pop();
let shown = false;
const NO_NETWORK = ["There is no connection", "Check that this device is online. Then try again.", ""];
const TRY_AGAIN = "Go back to the other screen and start again.";

function show(name, texts = {}) {
  const page = document.getElementById(`phone-${name}`).content.cloneNode(true);
  for (const slot of page.querySelectorAll("[data-text]")) {
    if (slot.dataset.text in texts) slot.textContent = texts[slot.dataset.text];
    if (!slot.textContent) slot.hidden = true;
  }
  place.replaceChildren(page);
  const heading = place.querySelector("h1");
  document.title = `${heading.textContent} – ${serviceName}`;
  // A page that follows another begins at its heading; the first one at the top, as any page does.
  if (shown) heading.focus();
  shown = true;
  return place;
}

function message(heading, line, more = "", away = null) {
  show("message", { heading, line, more });
  const link = place.querySelector("[data-home]");
  if (away) {
    [link.href, link.textContent] = away;
    return;
  }
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", "/phone");
    start();
  });
}

// An error beside its field, read out and in focus; an empty text takes it away.
function fault(name, text) {
  const group = place.querySelector(`[data-field="${name}"]`);
  const line = place.querySelector(`#${name}-error`);
  group.classList.toggle("nhsuk-form-group--error", Boolean(text));
  const input = group.querySelector("input");
  input.classList.toggle("nhsuk-input--error", Boolean(text));
  line.hidden = !text;
  line.textContent = text && `Error: ${text}`;
  if (text) input.focus();
}

// Runs `work` when the form is sent, once at a time.
function onSubmit(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const buttons = form.querySelectorAll("button");
    if (form.dataset.busy) return;
    form.dataset.busy = "true";
    for (const button of buttons) button.disabled = true;
    try {
      await work(new FormData(form));
    } catch (error) {
      explain(error);
    }
    delete form.dataset.busy;
    delete form.dataset.sent;
    for (const button of buttons) button.disabled = false;
    place.querySelector(".nhsuk-input--error")?.focus();
  });
}

function explain(error) {
  if (error instanceof uaf.Refusal) {
    message("This device cannot answer that", "What was asked makes no sense to it, or it is added already.", TRY_AGAIN);
  } else if (!navigator.onLine || error instanceof TypeError) {
    message(...NO_NETWORK);
  } else {
    message("Something went wrong", TRY_AGAIN);
  }
}

const at = (moment) =>
  new Intl.DateTimeFormat("en-GB", { hour: "numeric", minute: "2-digit", hour12: true }).format(new Date(moment));

// Asks for no PIN where the device itself says who its user is.
async function showLock() {
  const platform = (await keys.lockKind()) === "platform";
  place.querySelector('[data-field="pin"]').hidden = platform;
  place.querySelector("[data-lock]").hidden = !platform;
  const heading = place.querySelector("[data-lock-heading]");
  if (!platform || !heading) return;
  heading.textContent = heading.dataset.lockHeading;
  document.title = `${heading.textContent} – ${serviceName}`;
}

// The vault, if the user is verified; otherwise null, and the page says what is wrong.
async function verified(pin) {
  if ((await keys.lockKind()) === "platform") return byPlatform(keys.checkPlatform);
  if (!pin) {
    fault("pin", "Enter your PIN");
    return null;
  }
  const { verdict, left, until, vault } = await keys.checkPin(pin);
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

// Pages

async function accountsPage() {
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

// What waits for the people of this device. Without a network there is nothing to be known, and the list stays.
async function showWaiting(held) {
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

// Being told while the page is closed: offered where the service and this browser can do it. Whoever was told before is
// told on, for accounts that were added since too.
async function offerTelling(held) {
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

// Shows what the request says, which is what will be signed, and nothing else.
async function confirmPage({ id, application, asked_at, until }, account) {
  const { statusCode, uafRequest } = await uaf.getRequest("Auth", { confirmation: id, device: account.device });
  const over = () => message("This is no longer needed", "It was answered already, or it has run out.");
  if (statusCode !== uaf.OK) return over();
  const [able] = await uaf.candidates(uafRequest);
  const text = uaf.toConfirm(uafRequest);
  if (!able || text === null) throw new uaf.Refusal("INVALID_TRANSACTION_CONTENT");
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
    if (outcome.statusCode === uaf.OK) message("You confirmed it", `${application} was told. You can close this page.`);
    else message("It was not confirmed", reason(outcome), "If it still waits for you, open it again.");
  });
}

function removePage(account) {
  show("remove", { name: account.username });
  place.querySelector("[data-refuse]").addEventListener("click", accountsPage);
  onSubmit(place.querySelector("form"), async () => {
    await keys.remove(account.keyId);
    if (place.dataset.push && account.device) tell("/phone/push/remove", { devices: [account.device] }).catch(() => {});
    await accountsPage();
  });
}

async function register(activation) {
  const { statusCode, uafRequest } = await uaf.getRequest("Reg", { activation });
  if (statusCode !== uaf.OK) {
    message(
      "This device cannot be added",
      statusCode === 1403
        ? "You have added as many devices as you may. Ask your Registration Authority (RA) to remove one."
        : "The code has been used, or it has run out.",
      statusCode === 1403 ? "" : "Go back to the other screen and select “Show a new code”.",
    );
    return;
  }
  const name = await uaf.subject(uafRequest).catch((error) => {
    if (!(error instanceof uaf.Refusal)) throw error;
    message("This device is already added", "You can log in with it.");
  });
  if (name === undefined) return;
  const asked = await keys.lockKind();
  show(asked ? "pin" : "new-pin", { name, application: `add this device for ${name}` });
  if (asked) {
    place.querySelector("p").textContent = `You are adding this device for ${name}.`;
    place.querySelector("button[type=submit]").textContent = "Add this device";
    place.querySelector("[data-refuse]").addEventListener("click", accountsPage);
    await showLock();
  } else {
    await offerPlatform((vault) => finishRegistration(uafRequest, vault));
  }
  onSubmit(place.querySelector("[data-pin]") ?? place.querySelector("form"), async (fields) => {
    const pin = fields.get("pin");
    let vault = null;
    if (asked) vault = await verified(pin);
    else if (isChosen(pin, fields.get("again"))) vault = await keys.choosePin(pin);
    if (vault) await finishRegistration(uafRequest, vault);
  });
}

// The device's own screen lock instead of a PIN, where it has one that gives a secret.
async function offerPlatform(done) {
  const form = place.querySelector("[data-platform]");
  form.hidden = !(await keys.hasPlatform());
  onSubmit(form, async () => {
    const line = place.querySelector("[data-lock-error]");
    const vault = await byPlatform(() => keys.choosePlatform(serviceName));
    if (vault) return done(vault);
    line.textContent ||= "The screen lock of this device cannot be used for this. Choose a PIN.";
    return undefined;
  });
}

async function finishRegistration(uafRequest, vault) {
  const { account, text } = await uaf.register(uafRequest, vault);
  // Kept before it is sent: an answer that is lost on its way leaves no registration that nobody can use.
  await keys.keep(account);
  const { statusCode: outcome } = await uaf.sendResponse("Reg", text, account);
  if (outcome !== uaf.OK) {
    await keys.remove(account.keyId);
    message("This device was not added", "Your organisation did not accept it.", "Go back to the other screen and try again.");
    return;
  }
  await navigator.storage?.persist?.();
  message("This device was added", `You can log in as ${account.username} with it.`, "On the other screen, select “Check again”.");
}

function isChosen(pin, again) {
  const wrong = !/^\d{6,12}$/.test(pin)
    ? "PIN must be 6 to 12 numbers"
    : keys.isWeak(pin)
      ? "PIN must not be all the same number, or numbers in a row"
      : "";
  fault("pin", wrong);
  fault("again", "");
  if (!wrong && pin !== again) fault("again", "The two PINs must be the same");
  return !wrong && pin === again;
}

async function answered(uafRequest, account, vault) {
  const sender = await keys.withDevice(account, uaf.newDevice());
  const outcome = await uaf.sendResponse("Auth", await uaf.authenticate(uafRequest, account, vault), sender);
  if (outcome.newUAFRequest) await uaf.deregister(outcome.newUAFRequest);
  return outcome;
}

// Asks for the PIN, answers the request, and says how it ended. `refuse`: what Cancel does.
async function prove(uafRequest, application, refuse, done, away = null) {
  const able = await uaf.candidates(uafRequest);
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
    refuse().then(away ? () => {} : accountsPage, explain);
  });
  onSubmit(place.querySelector("form"), async (fields) => {
    const vault = await verified(fields.get("pin"));
    if (!vault) return;
    const account = able.find((one) => one.keyId === fields.get("account")) ?? able[0];
    const outcome = await answered(uafRequest, account, vault);
    if (outcome.statusCode === uaf.OK) done(outcome);
    else message("We could not log you in", reason(outcome), "", away);
  });
}

function reason({ statusCode, newUAFRequest }) {
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

async function logIn(login) {
  const { statusCode, uafRequest } = await uaf.getRequest("Auth", { login });
  if (statusCode !== uaf.OK) {
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

const tell = (address, body) =>
  fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
  });

async function approve(code, unknown) {
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
    const { statusCode, uafRequest } = await uaf.getRequest("Auth", { approval: code, holder: about.holder, number });
    if (statusCode !== uaf.OK) {
      const heading = statusCode === 1403 ? "The number was wrong" : "That took too long";
      return message(heading, "Nobody was logged in.", TRY_AGAIN);
    }
    return prove(uafRequest, application, refuse, () =>
      message("You are logged in on the other device", "You can close this page."),
    );
  });
}

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
addEventListener("hashchange", () => {
  if (location.hash) start();
});
if (place.dataset.worker) navigator.serviceWorker?.register(place.dataset.worker, { scope: "/phone" }).catch(() => {});
start();
