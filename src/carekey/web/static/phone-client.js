// The UAF 1.1 client: reads requests as a strict one does, picks the key, and carries the messages.
// Section numbers are those of the UAF reference (docs/specs/fido-uaf.md).

import * as authenticator from "./phone-authenticator.js";
import { base64url, random, unbase64url, utf8 } from "./phone-bytes.js";
import * as keys from "./phone-keys.js";

const CONTENT_TYPE = "application/fido+uaf; charset=utf-8";
export const OK = 1200;

// Words of the standard for why a request is not answered (section 29.4).
export class Refusal extends Error {}

// Requests

const isText = (value, longest) => typeof value === "string" && value.length > 0 && value.length <= longest;

// The one dictionary of a request, if a strict client takes it (section 27.2).
function read(text, op) {
  let messages;
  try {
    messages = JSON.parse(text);
  } catch {
    throw new Refusal("PROTOCOL_ERROR");
  }
  if (!Array.isArray(messages) || messages.length !== 1) throw new Refusal("PROTOCOL_ERROR");
  const [message] = messages;
  const { header } = message;
  if (header?.upv?.major !== 1 || ![0, 1, 2].includes(header.upv.minor)) throw new Refusal("UNSUPPORTED_VERSION");
  if (header.op !== op) throw new Refusal("PROTOCOL_ERROR");
  if (op === "Dereg") return message;
  const good =
    isText(header.serverData, 1536) &&
    isText(header.appID, 512) &&
    /^[A-Za-z0-9_-]{11,86}$/.test(message.challenge) &&
    Array.isArray(message.policy?.accepted) &&
    message.policy.accepted.length > 0 &&
    (op !== "Reg" || isText(message.username, 128)) &&
    !(header.exts ?? []).some((extension) => extension.fail_if_unknown);
  if (!good) throw new Refusal("PROTOCOL_ERROR");
  if (message.transaction && textOf(message) === null) throw new Refusal("INVALID_TRANSACTION_CONTENT");
  checkFacet(header.appID);
  return message;
}

// Section 7: what is to be confirmed, as this display shows it: printable ASCII, never more than it says it is. It shows
// no images, as its metadata says: a text grows with the person's letters, and is read aloud.
function textOf(message) {
  const shown = message.transaction.find(({ contentType }) => contentType === "text/plain");
  if (!shown) return null;
  const text = String.fromCharCode(...unbase64url(shown.content));
  return /^[\x20-\x7e\r\n]{1,200}$/.test(text) ? text : null;
}

// The text, or null at a log-in.
export function toConfirm(request) {
  const message = read(request, "Auth");
  return message.transaction ? textOf(message) : null;
}

// Section 10.3, as far as this client needs it: its only facet is the origin that it came from.
function checkFacet(appID) {
  if (new URL(appID).origin !== location.origin) throw new Refusal("UNTRUSTED_FACET_ID");
}

const KNOWN_CRITERIA = new Set(["aaid", "vendorID", "keyIDs", "attachmentHint", "authenticatorVersion", "exts"]);

// Criteria about more than model and key are not ours to judge: they count as not met.
function meets(criteria, keyId) {
  const { aaid, vendorID, keyIDs, authenticatorVersion, exts } = criteria;
  const { AAID, VERSION } = authenticator;
  return (
    Object.keys(criteria).every((name) => KNOWN_CRITERIA.has(name)) &&
    (!aaid || aaid.some((one) => one.toUpperCase() === AAID)) &&
    (!vendorID || vendorID.some((one) => one.toUpperCase() === AAID.slice(0, 4))) &&
    (!keyIDs || keyId === undefined || keyIDs.includes(keyId)) &&
    (!authenticatorVersion || authenticatorVersion <= VERSION) &&
    !(exts ?? []).some((extension) => extension.fail_if_unknown)
  );
}

const accepts = (policy, keyId) =>
  policy.accepted.some((together) => together.length === 1 && meets(together[0], keyId));

// The accounts on this device that may answer an authentication request.
export async function candidates(request) {
  const message = read(request, "Auth");
  const held = await keys.accounts();
  return held.filter((one) => one.appID === message.header.appID && accepts(message.policy, one.keyId));
}

// For whom a registration request is. Throws if this device has a key for them already.
export async function subject(request) {
  const message = read(request, "Reg");
  const held = (await keys.accounts()).filter((one) => one.appID === message.header.appID);
  const barred = (message.policy.disallowed ?? []).some((criteria) =>
    criteria.keyIDs ? held.some((one) => meets(criteria, one.keyId)) : meets(criteria),
  );
  if (barred || !accepts(message.policy)) throw new Refusal("NO_SUITABLE_AUTHENTICATOR");
  return message.username;
}

// Answers

function finalChallenge(message) {
  const params = {
    appID: message.header.appID,
    challenge: message.challenge,
    facetID: location.origin,
    channelBinding: {},
  };
  return base64url(utf8(JSON.stringify(params)));
}

const response = (message, fcParams, assertion) =>
  JSON.stringify([
    {
      header: message.header,
      fcParams,
      assertions: [{ assertionScheme: "UAFV1TLV", assertion: base64url(assertion) }],
    },
  ]);

// Section 27.3. The account is for the caller to keep.
export async function register(request, vault) {
  const message = read(request, "Reg");
  const fcParams = finalChallenge(message);
  const { key, assertion } = await authenticator.register(fcParams, vault);
  const account = {
    ...key,
    device: newDevice(),
    appID: message.header.appID,
    username: message.username,
    addedAt: Date.now(),
  };
  return { account, text: response(message, fcParams, assertion) };
}

// By this secret the phone asks what waits for its person. The server learns it with an answer that it accepts.
export const newDevice = () => base64url(random(32));

// Section 27.4. What is to be confirmed was shown.
export async function authenticate(request, account, vault) {
  const message = read(request, "Auth");
  const fcParams = finalChallenge(message);
  const shown = message.transaction && utf8(textOf(message));
  return response(message, fcParams, await authenticator.authenticate(fcParams, shown, account, vault));
}

// Section 27.5: whatever matches goes; no answer is wanted.
export async function deregister(request) {
  const message = read(request, "Dereg");
  checkFacet(message.header.appID);
  for (const account of await keys.accounts()) {
    const named = message.authenticators.some(
      ({ aaid, keyID }) =>
        (aaid === "" || aaid.toUpperCase() === authenticator.AAID) && (keyID === "" || keyID === account.keyId),
    );
    if (named && account.appID === message.header.appID) await keys.remove(account.keyId);
  }
}

// Transport (section 8)

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": CONTENT_TYPE, accept: "application/fido+uaf" },
    body: JSON.stringify(body),
    redirect: "error",
    cache: "no-store",
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

export const getRequest = (op, context) =>
  post(`/uaf/${op === "Reg" ? "reg" : "auth"}/request`, { op, context: JSON.stringify(context) });

export const sendResponse = (op, text, { device }) =>
  post(`/uaf/${op === "Reg" ? "reg" : "auth"}/response`, { uafResponse: text, context: JSON.stringify({ device }) });
