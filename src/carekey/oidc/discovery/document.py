"""What the discovery document says (OpenID Connect Discovery section 3; cis2-profile section 2.3).

It is made from what the provider was built with, so that it cannot promise anything else.
"""

from collections.abc import Sequence
from typing import Any

from carekey.jose.algorithms import SIGNING, SYMMETRIC
from carekey.oidc import endpoints
from carekey.oidc.claims.registry import CLAIM_NAMES, SCOPE_NAMES
from carekey.oidc.model import ClientAuthMethod, Issuer, ResponseMode

_PROTOCOL_CLAIMS = (
    *(
        "iss",
        "sub",
        "aud",
        "azp",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "sid",
        "at_hash",
        "c_hash",
        "s_hash",
    ),
    *("authentication_assurance_level", "id_assurance_level"),
)


def document(issuer: Issuer, *, acr_values: Sequence[str], grant_types: Sequence[str]) -> dict[str, Any]:
    modes = [ResponseMode.QUERY, *([ResponseMode.FORM_POST] if issuer.form_post else [])]
    scopes = [*SCOPE_NAMES, *(["offline_access"] if "refresh_token" in grant_types else [])]
    for resource in issuer.resources.values():
        scopes += sorted(resource.scopes)
    methods = [method.value for method in ClientAuthMethod]
    confidential = [method for method in methods if method != ClientAuthMethod.NONE]
    assertion_algs = [*SIGNING, *sorted(SYMMETRIC)]
    told: dict[str, Any] = {
        "issuer": issuer.url,
        "authorization_endpoint": endpoints.address(issuer, endpoints.AUTHORIZE),
        "token_endpoint": endpoints.address(issuer, endpoints.TOKEN),
        "userinfo_endpoint": endpoints.address(issuer, endpoints.USERINFO),
        "jwks_uri": endpoints.address(issuer, endpoints.JWKS),
        "introspection_endpoint": endpoints.address(issuer, endpoints.INTROSPECTION),
        "revocation_endpoint": endpoints.address(issuer, endpoints.REVOCATION),
        "end_session_endpoint": endpoints.address(issuer, endpoints.END_SESSION),
        "response_types_supported": ["code"],
        "response_modes_supported": [mode.value for mode in modes],
        "grant_types_supported": list(grant_types),
        "subject_types_supported": ["public"],
        "scopes_supported": list(dict.fromkeys(scopes)),
        "claims_supported": [*_PROTOCOL_CLAIMS, *CLAIM_NAMES],
        "claim_types_supported": ["normal"],
        "acr_values_supported": list(acr_values),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": list(SIGNING),
        "userinfo_signing_alg_values_supported": list(SIGNING),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "introspection_signing_alg_values_supported": list(SIGNING),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "ui_locales_supported": ["en"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        # Said aloud, because silence would mean yes.
        "request_uri_parameter_supported": False,
    }
    if issuer.announce_iss:
        told["authorization_response_iss_parameter_supported"] = True
    return told
