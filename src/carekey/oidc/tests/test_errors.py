from datetime import timedelta

import pytest

from carekey.oidc import errors
from carekey.oidc.errors import OAuthError, Reason


def subclasses(base: type[OAuthError]) -> list[type[OAuthError]]:
    return [one for sub in base.__subclasses__() for one in (sub, *subclasses(sub))]


@pytest.mark.parametrize("error", subclasses(OAuthError), ids=lambda error: error.__name__)
def test_every_error_is_complete(error: type[OAuthError]) -> None:
    more = {"retry_after": timedelta(minutes=1)} if error is errors.TooManyRegistrations else {}
    raised = error(reason=Reason.MALFORMED, **more)
    assert list(raised.body()) == ["error_description", "error"]
    assert raised.body()["error"] == error.code
    assert 400 <= raised.status < 600
    assert '"' not in raised.description
    assert raised.description.isascii()


def test_rfc6749_5_2_whatever_a_description_repeats_it_has_the_characters_that_it_may_have() -> None:
    said = errors.InvalidRequest('has "\u00e9\\\n\u202e~', reason=Reason.MALFORMED).body()["error_description"]
    assert said == "has '????~"


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            errors.InvalidGrant,
            400,
            {
                "error_description": "The provided access grant is invalid, expired, or revoked.",
                "error": "invalid_grant",
            },
        ),
        (errors.InvalidAssertion, 401, {"error_description": "JWT is not valid", "error": "invalid_client"}),
        (errors.InvalidClient, 401, {"error_description": "Client authentication failed", "error": "invalid_client"}),
        (
            errors.InvalidToken,
            401,
            {
                "error_description": "The access token provided is expired, revoked, malformed, or invalid for other "
                "reasons.",
                "error": "invalid_token",
            },
        ),
    ],
)
def test_cis2_2_14_the_words_are_cis2s(error: type[OAuthError], status: int, body: dict[str, str]) -> None:
    raised = error(reason=Reason.MALFORMED)
    assert (raised.status, raised.body()) == (status, body)
