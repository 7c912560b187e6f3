// Runs a WebAuthn ceremony for a form[data-webauthn]: on a press of a button, never by itself.
// It fetches the options, asks the browser, and posts the browser's answer with the form.

const nothing = "Nothing was selected. Try again or use another way.";
const failed = "Something went wrong. Try again or use another way.";
const words = {
  NotAllowedError: nothing,
  AbortError: nothing,
  InvalidStateError: "This device is already added.",
  NotSupportedError: "This device cannot be used here. Use another way.",
  ConstraintError: "This device has no PIN, fingerprint or face set up. Set one up, or use another way.",
  SecurityError: "Passkeys do not work at this address. Tell your service desk.",
};

// Words of ours for the person, unlike a fault of the script.
class Problem extends Error {}

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

// For browsers from before the JSON methods (WebAuthn level 3 section 5.1.8).
const described = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
const parse = {
  get: (options) =>
    PublicKeyCredential.parseRequestOptionsFromJSON?.(options) ?? {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: described(options.allowCredentials),
    },
  create: (options) =>
    PublicKeyCredential.parseCreationOptionsFromJSON?.(options) ?? {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: described(options.excludeCredentials),
    },
};

function serialise(credential) {
  // Some password managers put objects of their own here, whose toJSON throws.
  try {
    return JSON.stringify(credential.toJSON());
  } catch {
    const response = { transports: credential.response.getTransports?.() };
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[part]) response[part] = base64url(credential.response[part]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: base64url(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: {},
      response,
    });
  }
}

async function fetchOptions(form, start) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value });
  if (start === "user") body.set("user", form.elements.user.value.trim());
  const response = await fetch(form.dataset.options, { method: "POST", body });
  if (!response.headers.get("content-type")?.startsWith("application/json")) throw new Problem(failed);
  const { options, next, problem } = await response.json();
  if (problem) throw new Problem(problem);
  if (next) {
    location.assign(next);
    return null;
  }
  return start === "hybrid" ? { ...options, hints: ["hybrid"] } : options;
}

async function run(form, start) {
  const status = form.querySelector("[data-webauthn-status]");
  const buttons = form.querySelectorAll("button");
  const kind = form.dataset.webauthn;
  for (const button of buttons) button.disabled = true;
  status.textContent = form.dataset.waiting;
  try {
    const options = await fetchOptions(form, start);
    if (options === null) return;
    const credential = await navigator.credentials[kind]({ publicKey: parse[kind](options) });
    if (credential === null) throw new DOMException("", "NotAllowedError");
    form.elements.answer.value = serialise(credential);
    status.textContent = "Checking";
    form.submit();
  } catch (error) {
    status.textContent = error instanceof Problem ? error.message : (words[error.name] ?? failed);
    for (const button of buttons) button.disabled = false;
    form.querySelector('[data-webauthn-start=""]').textContent = "Try again";
    status.focus();
  }
}

for (const form of document.querySelectorAll("form[data-webauthn]")) {
  const usable = window.PublicKeyCredential && window.isSecureContext;
  form.querySelector("[data-webauthn-no-script]").hidden = true;
  form.querySelector(usable ? "[data-webauthn-ready]" : "[data-webauthn-unsupported]").hidden = false;
  for (const button of form.querySelectorAll("[data-webauthn-start]")) {
    button.addEventListener("click", () => run(form, button.dataset.webauthnStart));
  }
  // Enter in the field for the user ID means its own button; what is posted is posted by run() alone.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector('[data-webauthn-start="user"]')?.click();
  });
}

// Back from the next page, the buttons work again.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-webauthn] button")) button.disabled = false;
});

// A passkey that we do not know: browsers that can stop offering it.
for (const forget of document.querySelectorAll("[data-webauthn-forget]")) {
  window.PublicKeyCredential?.signalUnknownCredential?.({
    rpId: forget.dataset.rpId,
    credentialId: forget.dataset.webauthnForget,
  }).catch(() => {});
}

document.querySelector("[data-focus]")?.focus();
