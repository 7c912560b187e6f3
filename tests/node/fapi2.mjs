// A relying party on openid-client that keeps to a FAPI 2.0 profile: PAR, PKCE, DPoP with nonces, and with
// message signing a signed request and a signed response. One JSON object in, one out for each step (test_fapi2.py).
import { createInterface } from "node:readline";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const given = await read();
const algorithm = { name: "ECDSA", namedCurve: "P-256" };
const key = await crypto.subtle.importKey("jwk", given.key, algorithm, false, ["sign"]);
const signing = { key, kid: given.key.kid };

// Every answer is counted, so that the test sees that nonces were asked for and found.
const answers = [];
const fetched = async (...request) => {
  const response = await fetch(...request);
  answers.push([new URL(response.url).pathname, response.status]);
  return response;
};

const config = await client.discovery(
  new URL(given.issuer),
  given.client_id,
  { id_token_signed_response_alg: "PS256", authorization_signed_response_alg: "PS256" },
  client.PrivateKeyJwt(signing),
  { execute: [client.allowInsecureRequests], [client.customFetch]: fetched },
);
if (given.signed) client.useJwtResponseMode(config);

const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedNonce = client.randomNonce();
const expectedState = client.randomState();
let parameters = new URLSearchParams({
  redirect_uri: given.redirect_uri,
  scope: given.scope,
  acr_values: given.acr_values,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
  nonce: expectedNonce,
  state: expectedState,
});
if (given.signed) {
  const bounds = (_, payload) => Object.assign(payload, { nbf: payload.iat });
  const url = await client.buildAuthorizationUrlWithJAR(config, parameters, signing, {
    [client.modifyAssertion]: bounds,
  });
  parameters = url.searchParams;
}
write({ authorize: await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP }) });

const { callback } = await read();
const checks = { pkceCodeVerifier, expectedNonce, expectedState, idTokenExpected: true };
const first = await client.authorizationCodeGrant(config, new URL(callback), checks, undefined, { DPoP });
const { sub } = first.claims();
const userinfo = await client.fetchUserInfo(config, first.access_token, sub, { DPoP });
const second = await client.refreshTokenGrant(config, first.refresh_token, undefined, { DPoP });
const again = await client.fetchUserInfo(config, second.access_token, sub, { DPoP });
const introspected = await client.tokenIntrospection(config, second.access_token);

const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
const stolen = await client.fetchUserInfo(config, second.access_token, sub, { DPoP: stranger }).then(
  () => "let in",
  (error) => error.cause[0].parameters.error,
);
const naked = await fetch(config.serverMetadata().userinfo_endpoint, {
  headers: { authorization: `Bearer ${second.access_token}` },
});
write({ first, userinfo, second, again, introspected, stolen, naked: naked.status, answers });
process.exit(0);
