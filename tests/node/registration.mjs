// A relying party on openid-client that registers itself, and is told everything encrypted.
// One JSON object in, one out for each step (test_registration.py).
import { createInterface } from "node:readline";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const given = await read();
const algorithm = { name: "ECDH", namedCurve: "P-256" };
const key = await crypto.subtle.importKey("jwk", given.key, algorithm, false, ["deriveBits"]);

const config = await client.dynamicClientRegistration(
  new URL(given.issuer),
  given.metadata,
  client.ClientSecretBasic(),
  { initialAccessToken: given.initial_access_token, execute: [client.allowInsecureRequests] },
);
client.enableDecryptingResponses(config, ["A256GCM"], { key, kid: given.key.kid, alg: "ECDH-ES+A256KW" });

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedNonce = client.randomNonce();
const authorize = client.buildAuthorizationUrl(config, {
  redirect_uri: given.metadata.redirect_uris[0],
  scope: "openid profile",
  acr_values: given.acr_values,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
  nonce: expectedNonce,
});
write({ authorize, registered: config.clientMetadata() });

const { callback } = await read();
const checks = { pkceCodeVerifier, expectedNonce, idTokenExpected: true };
const tokens = await client.authorizationCodeGrant(config, new URL(callback), checks);
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const raw = await fetch(config.serverMetadata().userinfo_endpoint, {
  headers: { authorization: `Bearer ${tokens.access_token}` },
});
write({ tokens, claims, userinfo, raw: await raw.text() });
process.exit(0);
