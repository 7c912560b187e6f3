// The peer: npm's oidc-provider with everything in memory, no authenticator and no pages. An interaction ends by
// itself, so what is measured is the protocol alone. One argument: the file of settings that run.py writes.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

import { Provider } from 'oidc-provider'

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const claims = {
  profile: ['name', 'given_name', 'family_name', 'uid'],
  email: ['email'],
  nhsperson: ['nhsid_useruid', 'title', 'display_name', 'idassurancelevel'],
  associatedorgs: ['nhsid_user_orgs'],
  nationalrbacaccess: ['nhsid_nrbac_roles'],
}

const provider = new Provider(settings.issuer, {
  clients: [{
    client_id: settings.client,
    redirect_uris: [settings.redirect],
    grant_types: ['authorization_code', 'client_credentials'],
    response_types: ['code'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'RS256',
    jwks: settings.clientKeys,
  }],
  jwks: { keys: [settings.signingKey] },
  claims,
  scopes: ['openid', ...Object.keys(claims)],
  pkce: { required: () => false },
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
  cookies: { keys: ['a key for the length of one benchmark'] },
  ttl: { AccessToken: 3600, ClientCredentials: 3600, Grant: 36000, Session: 36000, Interaction: 900, IdToken: 3600 },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...(settings.people[id] ?? settings.people.default), uid: id, nhsid_useruid: id }),
  }),
  // The applications are the operator's own, as with CIS2: nobody is asked to consent.
  loadExistingGrant: async (ctx) => {
    const { client, session } = ctx.oidc
    const known = session.grantIdFor(client.clientId)
    const grant = known ? await provider.Grant.find(known) : new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
    if (!known) {
      grant.addOIDCScope(['openid', ...Object.keys(claims)].join(' '))
      await grant.save()
    }
    return grant
  },
})
provider.on('server_error', (_, error) => console.error(error))

const answer = provider.callback()
const server = createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response)
  const { params } = await provider.interactionDetails(request, response)
  return provider.interactionFinished(request, response, { login: { accountId: params.login_hint } })
})
server.listen(settings.port, '127.0.0.1')
