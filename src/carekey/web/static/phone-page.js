// One page at a time in #phone, made of the templates beside it.

import { Refusal } from "./phone-client.js";

export const place = document.getElementById("phone");
export const serviceName = document.title.split(" – ").pop();
export const TRY_AGAIN = "Go back to the other screen and start again.";
let shown = false;

export function show(name, texts = {}) {
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

// The list of accounts; phone.js knows how it is made.
export const goHome = () => dispatchEvent(new Event("home"));

export function message(heading, line, more = "", away = null) {
  show("message", { heading, line, more });
  const link = place.querySelector("[data-home]");
  if (away) {
    [link.href, link.textContent] = away;
    return;
  }
  link.addEventListener("click", (event) => {
    event.preventDefault();
    goHome();
  });
}

// An error beside its field, read out and in focus; an empty text takes it away.
export function fault(name, text) {
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
export function onSubmit(form, work) {
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

// A page that says what an error means for the person.
export function explain(error) {
  if (error instanceof Refusal) {
    message("This device cannot answer that", "What was asked makes no sense to it, or it is added already.", TRY_AGAIN);
  } else if (!navigator.onLine || error instanceof TypeError) {
    message("There is no connection", "Check that this device is online. Then try again.");
  } else {
    message("Something went wrong", TRY_AGAIN);
  }
}

// What is asked of the server beside UAF.
export const tell = (address, body) =>
  fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
  });
