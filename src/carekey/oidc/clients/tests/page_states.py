"""The page of the Connection Manager, as `(name, template, context)`."""

from typing import Any

from carekey.oidc.clients.connection_manager_docs_http import TEMPLATE, context
from carekey.oidc.clients.metadata_schema import members
from carekey.oidc.tests.world import ISSUER, NOW


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    return [("docs", TEMPLATE, context("https://id.example", members(ISSUER, NOW)))]
