// A relying party on npm openid-client, by mutual TLS. Says in a line of JSON what came of each step; reads the address
// that the browser was sent back to from its standard input.
import { readFileSync } from "node:fs";
import https from "node:https";
import { createInterface } from "node:readline/promises";
import * as client from "openid-client";

const { ISSUER, CLIENT_ID, CALLBACK, OWN, OTHER, TRUST } = process.env;
const ca = readFileSync(TRUST);

function by(file) {
  const pem = readFileSync(file);
  return (url, { method, headers, body }) => {
    if (!url.startsWith("https:")) return fetch(url, { method, headers, body });
    return new Promise((resolve, reject) => {
      const request = https.request(url, { method, headers: Object.fromEntries(new Headers(headers)), ca, cert: pem, key: pem, agent: false }, async (answer) => {
        const chunks = [];
        for await (const chunk of answer) chunks.push(chunk);
        resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode, headers: answer.headers }));
      });
      request.on("error", reject);
      request.end(body === undefined || body === null ? undefined : String(body));
    });
  };
}

const config = await client.discovery(new URL(ISSUER), CLIENT_ID, { use_mtls_endpoint_aliases: true }, client.TlsClientAuth(), {
  execute: [client.allowInsecureRequests],
});
config[client.customFetch] = by(OWN);
const say = (told) => console.log(JSON.stringify(told));

say({ credentials: await client.clientCredentialsGrant(config, { scope: "read" }) });

const verifier = client.randomPKCECodeVerifier();
const asked = {
  redirect_uri: CALLBACK,
  scope: "openid",
  acr_values: "AAL1_USERPASS",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state: client.randomState(),
};
say({ authorize: (await client.buildAuthorizationUrlWithPAR(config, asked)).href });
const callback = await createInterface({ input: process.stdin }).question("");
const tokens = await client.authorizationCodeGrant(config, new URL(callback), { pkceCodeVerifier: verifier, expectedState: asked.state });
const { sub } = tokens.claims();
const seen = await client.tokenIntrospection(config, tokens.access_token);
say({ sub, cnf: seen.cnf, userinfo: await client.fetchUserInfo(config, tokens.access_token, sub) });
say({ refreshed: await client.refreshTokenGrant(config, tokens.refresh_token) });

config[client.customFetch] = by(OTHER);
try {
  await client.fetchUserInfo(config, tokens.access_token, sub);
  say({ other: "let in" });
} catch (refused) {
  say({ other: refused.status, why: refused.cause?.[0]?.parameters?.error });
}
process.exit(0);
