"""The Connection Manager's operations as data: its routes, its OpenAPI document and its page are made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OPENAPI, PAGE = "/openapi.json", "/docs"
"""Where CIS2's has them (cis2-profile section 9.2)."""

EXAMPLE: Mapping[str, Any] = {
    "client_name": "Ward list",
    "redirect_uris": ["https://app.example.test/auth/callback"],
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks_uri": "https://app.example.test/oidc/jwks",
    "jwks_uri_signing_algorithm": "RS512",
    "backchannel_logout_uri": "https://app.example.test/backchannel-logout",
}
_HASH = "3c9d6a1f0b7e42d58a90c6e1b2f47d83a5e0916cb4d82f7a1e3509d4c6b8f217"
_ID = "acme-1.ward-list.4b7f2c1e-5d3b-4f5e-9d55-b0a0a9a6c111.apps"
_CONFIGURATION = {"client_config": EXAMPLE, "hash": _HASH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    name: str
    method: str
    path: str
    summary: str
    answer: Mapping[str, Any]
    """For example."""
    told: Mapping[str, Mapping[str, Any]]
    """Members of the answer, each as a schema; all are there but `client_secret`."""
    status: int = 200
    body: Mapping[str, Any] | None = None
    """For example."""
    takes: Mapping[str, Any] | None = None
    """The schema of the body."""
    scheme: str = "access_token"
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters, all needed, and what they are."""
    errors: Sequence[int] = (401, 403)


_TEXT = {"type": "string"}
_METADATA = {"$ref": "#/components/schemas/ClientMetadata"}
_CLIENT = {
    "client_config": _METADATA,
    "hash": {**_TEXT, "description": "Of the configuration as it is now: a change names it."},
    "client_secret": {**_TEXT, "description": "If the client has a new one. It is not shown again."},
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="authenticate",
        method="POST",
        path="/api/auth",
        summary="Show the team’s secret for an access token of ten minutes",
        scheme="secret",
        told={"access_token": _TEXT, "team_ids": {"type": "array", "items": _TEXT}},
        answer={"access_token": "1795424400.Zm9yIGV4YW1wbGU", "team_ids": ["acme-1"]},
        errors=(401,),
    ),
    Operation(
        name="configs",
        method="GET",
        path="/api/configs/{team}",
        summary="List the ids of the team’s clients",
        told={"configs": {"type": "array", "items": _TEXT}},
        answer={"configs": [_ID]},
    ),
    Operation(
        name="create",
        method="POST",
        path="/api/configs/{team}",
        summary="Register a client",
        takes=_METADATA,
        body=EXAMPLE,
        told={"id": _TEXT, **_CLIENT},
        answer={"id": _ID, **_CONFIGURATION},
        status=201,
        errors=(400, 401, 403),
    ),
    Operation(
        name="read",
        method="GET",
        path="/api/configs/{team}/{id}",
        summary="Read a client’s configuration and its hash",
        told=_CLIENT,
        answer=_CONFIGURATION,
        errors=(401, 403, 404),
    ),
    Operation(
        name="update",
        method="PUT",
        path="/api/configs/{team}/{id}",
        summary="Replace a client’s configuration: what is not sent goes",
        query={"hash": "The hash that was read with the configuration."},
        takes=_METADATA,
        body={**EXAMPLE, "client_name": "Ward list of Acme"},
        told=_CLIENT,
        answer={"client_config": {**EXAMPLE, "client_name": "Ward list of Acme"}, "hash": _HASH[::-1]},
        errors=(400, 401, 403, 404, 409),
    ),
    Operation(
        name="disable",
        method="POST",
        path="/api/configs/{team}/{id}/disable",
        summary="Switch a client off, at once. Only an operator switches it on again",
        takes={
            "type": "object",
            "required": ["why"],
            "properties": {"why": {**_TEXT, "minLength": 1, "maxLength": 300, "description": "For the record."}},
        },
        body={"why": "secret leaked"},
        told={"id": _TEXT, "disabled": {"type": "boolean"}},
        answer={"id": _ID, "disabled": True},
        errors=(400, 401, 403, 404, 409),
    ),
)

ERRORS: Mapping[int, tuple[str, str]] = {
    400: (
        "invalid_client_metadata, invalid_redirect_uri or invalid_request",
        "error_description says what to put right",
    ),
    401: (
        "invalid_client or invalid_token",
        "The secret is wrong, or the access token wrong or older than ten minutes",
    ),
    403: ("insufficient_scope", "The access token is another team’s"),
    404: ("invalid_request", "The team has no such client, or it is switched off"),
    409: ("invalid_client_metadata", "The client was changed since its hash was read: read it again"),
}
"""By status: the code, and why."""


def document(server: str, version: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.1. `server`: the origin; `members`: those of the metadata, as schemas."""
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _described(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "CareKey Connection Manager", "version": version},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {
                "ClientMetadata": {"type": "object", "required": ["client_name"], "properties": dict(members)},
                "Error": {
                    "type": "object",
                    "required": ["error", "error_description"],
                    "properties": {"error": _TEXT, "error_description": _TEXT},
                },
            },
            "securitySchemes": {
                "secret": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "SecretAuth, a space, and the team’s secret",
                },
                "access_token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _described(one: Operation) -> dict[str, Any]:
    names = [part[1:-1] for part in one.path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    parameters += [
        {"name": name, "in": "query", "required": True, "schema": _TEXT, "description": what}
        for name, what in one.query.items()
    ]
    told = {
        "type": "object",
        "required": [name for name in one.told if name != "client_secret"],
        "properties": dict(one.told),
    }
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "security": [{one.scheme: []}],
        "parameters": parameters,
        "responses": {
            str(one.status): {"description": one.summary, "content": _json(told, one.answer)},
            **{
                str(status): {
                    "description": f"{ERRORS[status][0]}. {ERRORS[status][1]}.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
                for status in one.errors
            },
        },
    }
    if one.takes is not None:
        described["requestBody"] = {"required": True, "content": _json(one.takes, one.body)}
    return described


def _json(schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": example}}
