// A relying party without a browser: openid-client waits until somebody has decided, and prints what it got.
// Usage: node decoupled.mjs device|ciba ISSUER CLIENT_ID SECRET [LOGIN_HINT BINDING_MESSAGE [USER_CODE]]
import * as client from "openid-client";

const [flow, issuer, id, secret, hint, message, code] = process.argv.slice(2);
const authentication = secret ? client.ClientSecretPost(secret) : client.None();
const config = await client.discovery(new URL(issuer), id, undefined, authentication, {
  execute: [client.allowInsecureRequests],
});
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

try {
  let tokens;
  if (flow === "device") {
    const asked = await client.initiateDeviceAuthorization(config, { scope: "openid profile" });
    say(asked);
    tokens = await client.pollDeviceAuthorizationGrant(config, asked);
  } else {
    const asked = await client.initiateBackchannelAuthentication(config, {
      scope: "openid profile",
      login_hint: hint,
      binding_message: message,
      ...(code ? { user_code: code } : {}),
    });
    say(asked);
    tokens = await client.pollBackchannelAuthenticationGrant(config, asked);
  }
  const claims = tokens.claims();
  say({ claims, userinfo: await client.fetchUserInfo(config, tokens.access_token, claims.sub) });
} catch (error) {
  say({ error: error.error ?? error.cause?.error ?? String(error) });
}
