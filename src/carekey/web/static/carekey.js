// For every page. A module, so that browsers too old for it get the page as it is without script.

document.documentElement.classList.add("carekey-script");

const summary = document.querySelector(".nhsuk-error-summary");
if (summary) {
  summary.tabIndex = -1;
  summary.addEventListener("blur", () => summary.removeAttribute("tabindex"), { once: true });
  summary.addEventListener("click", toQuestion);
  summary.focus();
}

// A link of the summary leads to the field, with its question in sight above it.
function toQuestion(event) {
  const link = event.target.closest("a[href^='#']");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  const question = field.closest("fieldset")?.querySelector("legend") ?? field.labels?.[0] ?? field;
  question.scrollIntoView();
  field.focus({ preventScroll: true });
}

// An impatient second press sends nothing; after three seconds it is a new attempt.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "true";
  setTimeout(() => delete form.dataset.sent, 3000);
});
addEventListener("pageshow", (event) => {
  // Out of the browser's memory comes what was true before, perhaps of the person before: ask for it anew.
  if (event.persisted) return location.reload();
  for (const form of document.forms) delete form.dataset.sent;
});

for (const box of document.querySelectorAll(".nhsuk-password-input")) {
  const input = box.querySelector("input");
  const toggle = box.querySelector("button");
  const status = document.createElement("div");
  status.className = "nhsuk-u-visually-hidden";
  status.setAttribute("aria-live", "polite");
  input.after(status);
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    toggle.textContent = shown ? "Hide" : "Show";
    toggle.setAttribute("aria-label", shown ? "Hide password" : "Show password");
  };
  toggle.addEventListener("click", () => {
    const shown = input.type === "password";
    show(shown);
    status.textContent = shown ? "Your password is visible" : "Your password is hidden";
  });
  // Browsers remember what stood in text fields, so it goes back to a password before it is sent.
  input.form?.addEventListener("submit", () => show(false));
  addEventListener("pageshow", () => show(false));
  toggle.hidden = false;
}

for (const box of document.querySelectorAll(".carekey-copy")) {
  const button = box.querySelector("button");
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const status = box.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText(box.querySelector(".carekey-code").textContent);
      status.textContent = "Copied";
    } catch {
      status.textContent = "Select the text and copy it";
    }
  });
}
