"""What the discovery document says (OpenID Connect Discovery section 3; cis2-profile section 2.3).

It is made from what the provider was built with, so that it cannot promise anything else.
"""

from collections.abc import Sequence
from typing import Any

from carekey.jose.algorithms import SIGNING, SYMMETRIC
from carekey.jose.encryption import ALGS, ENCS
from carekey.oidc import endpoints, subject
from carekey.oidc.authorize.parameters import response_modes
from carekey.oidc.ciba import grant as ciba
from carekey.oidc.claims.registry import CLAIM_NAMES, SCOPE_NAMES
from carekey.oidc.device import grant as device
from carekey.oidc.model import ClientAuthMethod, Issuer, TokenDelivery
from carekey.oidc.profiles import PROFILES, auth_methods, may_use_devices, push_allowed

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


def document(
    issuer: Issuer, *, acr_values: Sequence[str], grant_types: Sequence[str], details: Sequence[str] = ()
) -> dict[str, Any]:
    asked = PROFILES[issuer.profile]
    scopes = [*SCOPE_NAMES, *(["offline_access"] if "refresh_token" in grant_types else [])]
    for resource in issuer.resources.values():
        scopes += sorted(resource.scopes)
    offered = auth_methods(issuer, asked)
    methods = [method.value for method in ClientAuthMethod if method in offered]
    confidential = [method for method in methods if method != ClientAuthMethod.NONE]
    algs = [name for name in SIGNING if name in asked.algs]
    macs = sorted(SYMMETRIC) if ClientAuthMethod.CLIENT_SECRET_JWT in asked.auth_methods else []
    assertion_algs = [*algs, *macs]
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
        "response_modes_supported": response_modes(issuer, asked),
        "grant_types_supported": [name for name in grant_types if name != device.NAME or may_use_devices(asked)],
        "subject_types_supported": list(subject.types(issuer)),
        "scopes_supported": list(dict.fromkeys(scopes)),
        "claims_supported": [*_PROTOCOL_CLAIMS, *CLAIM_NAMES],
        "claim_types_supported": ["normal"],
        "acr_values_supported": list(acr_values),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": algs,
        "userinfo_signing_alg_values_supported": algs,
        "authorization_signing_alg_values_supported": algs,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "introspection_signing_alg_values_supported": algs,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "dpop_signing_alg_values_supported": algs,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "ui_locales_supported": ["en"],
        "claims_parameter_supported": True,
        "pushed_authorization_request_endpoint": endpoints.address(issuer, endpoints.PAR),
        "require_pushed_authorization_requests": asked.require_par,
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": algs,
        "require_signed_request_object": asked.require_signed_request,
        # A request_uri of the client's own would not be pushed.
        "request_uri_parameter_supported": not asked.require_par,
        "require_request_uri_registration": True,
    }
    for told_by in ("id_token", "userinfo", "introspection", "authorization"):
        told[f"{told_by}_encryption_alg_values_supported"] = list(ALGS)
        told[f"{told_by}_encryption_enc_values_supported"] = list(ENCS)
    if issuer.encrypted_requests:
        told["request_object_encryption_alg_values_supported"] = list(ALGS)
        told["request_object_encryption_enc_values_supported"] = list(ENCS)
    if issuer.registration is not None:
        told["registration_endpoint"] = endpoints.address(issuer, endpoints.REGISTRATION)
    if issuer.session_management:
        told["check_session_iframe"] = endpoints.address(issuer, endpoints.CHECK_SESSION)
    if device.NAME in told["grant_types_supported"]:
        told["device_authorization_endpoint"] = endpoints.address(issuer, endpoints.DEVICE_AUTHORIZATION)
    if ciba.NAME in grant_types:
        told |= {
            "backchannel_authentication_endpoint": endpoints.address(issuer, endpoints.BACKCHANNEL_AUTHENTICATION),
            "backchannel_token_delivery_modes_supported": [
                mode for mode in TokenDelivery if mode is not TokenDelivery.PUSH or push_allowed(asked)
            ],
            "backchannel_authentication_request_signing_alg_values_supported": algs,
            "backchannel_user_code_parameter_supported": True,
        }
    if issuer.api_host is not None:
        told["tls_client_certificate_bound_access_tokens"] = True
        told["mtls_endpoint_aliases"] = {
            name: endpoints.mtls_address(issuer, endpoint)
            for name, endpoint in endpoints.BACK_CHANNEL.items()
            if name in told
        }
    if ClientAuthMethod.ATTEST_JWT_CLIENT_AUTH in offered:
        told["challenge_endpoint"] = endpoints.address(issuer, endpoints.ATTESTATION_CHALLENGE)
        told["client_attestation_signing_alg_values_supported"] = algs
        told["client_attestation_pop_signing_alg_values_supported"] = algs
    if details:
        told["authorization_details_types_supported"] = list(details)
    if issuer.announce_iss or asked.announce_iss:
        told["authorization_response_iss_parameter_supported"] = True
    return told
