// Runs a WebAuthn ceremony for a form[data-webauthn]: on a press of a button, never by itself.
// It fetches the options, asks the browser, and posts the browser's answer with the form.

const NOTHING = 'Nothing was selected. Try again or use another way.'
const WORDS = {
  NotAllowedError: NOTHING,
  AbortError: NOTHING,
  InvalidStateError: 'This device is already added.',
  NotSupportedError: 'This device cannot be used here. Use another way.',
  ConstraintError: 'This device has no PIN, fingerprint or face set up. Set one up, or use another way.',
  SecurityError: 'Passkeys do not work at this address. Tell your service desk.',
}
const FAILED = 'Something went wrong. Try again or use another way.'

const bytes = (text) => {
  const binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
const text = (buffer) => {
  const binary = String.fromCharCode(...new Uint8Array(buffer))
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}

// For browsers from before the JSON methods (WebAuthn level 3 section 5.1.8).
const described = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }))
const readOptions = {
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
}
const writeAnswer = (credential) => {
  // Some password managers put objects of their own here, with a toJSON that throws.
  try {
    return JSON.stringify(credential.toJSON())
  } catch {
    const { response } = credential
    const parts = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']
    const written = Object.fromEntries(parts.filter((part) => response[part]).map((part) => [part, text(response[part])]))
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: {},
      response: { ...written, transports: response.getTransports?.() },
    })
  }
}

async function fetchOptions(form, { user, hybrid }) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value })
  if (user) body.set('user', form.elements.user.value.trim())
  const response = await fetch(form.dataset.options, { method: 'POST', body, headers: { accept: 'application/json' } })
  if (!response.headers.get('content-type')?.startsWith('application/json')) throw new Error(FAILED)
  const { options, next, problem } = await response.json()
  if (next) {
    location.assign(next)
    return null
  }
  if (problem) throw new Error(problem)
  if (hybrid) options.hints = ['hybrid']
  return options
}

async function run(form, how) {
  const status = form.querySelector('[data-webauthn-status]')
  const buttons = form.querySelectorAll('button')
  const say = (words) => {
    status.textContent = words
  }
  buttons.forEach((button) => { button.disabled = true })
  say(form.dataset.waiting)
  try {
    const kind = form.dataset.webauthn
    const options = await fetchOptions(form, how)
    if (options === null) return
    const credential = await navigator.credentials[kind]({ publicKey: readOptions[kind](options) })
    if (credential === null) throw new DOMException('', 'NotAllowedError')
    form.elements.answer.value = writeAnswer(credential)
    say('Checking')
    form.submit()
    return
  } catch (error) {
    say(error instanceof DOMException ? (WORDS[error.name] ?? FAILED) : error.name === 'Error' ? error.message : FAILED)
  }
  buttons.forEach((button) => { button.disabled = false })
  form.querySelector('[data-webauthn-start=""]').textContent = 'Try again'
  status.focus()
}

for (const form of document.querySelectorAll('form[data-webauthn]')) {
  if (!window.PublicKeyCredential || !window.isSecureContext) {
    form.querySelector('[data-webauthn-unsupported]').hidden = false
    continue
  }
  form.querySelector('[data-webauthn-ready]').hidden = false
  for (const button of form.querySelectorAll('[data-webauthn-start]')) {
    const start = button.dataset.webauthnStart
    button.addEventListener('click', () => run(form, { user: start === 'user', hybrid: start === 'hybrid' }))
  }
  // Enter in the field for the user ID means its own button; the form itself is posted by run() alone.
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    form.querySelector('[data-webauthn-start="user"]')?.click()
  })
}

// A passkey that we do not know: browsers that can stop offering it.
for (const forget of document.querySelectorAll('[data-webauthn-forget]')) {
  window.PublicKeyCredential?.signalUnknownCredential?.({
    rpId: forget.dataset.rpId,
    credentialId: forget.dataset.webauthnForget,
  }).catch(() => {})
}

document.querySelector('[data-focus]')?.focus()
