"""Was this presented by whom it is bound to? With constraints that say what the test wants said."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from carekey.oidc.errors import InvalidDpopProof, InvalidGrant, InvalidRequest, InvalidToken
from carekey.oidc.model import Confirmation
from carekey.oidc.profiles import PROFILES
from carekey.oidc.tests.world import NOW, WARD_CLIENT
from carekey.oidc.tokens.sender_constraint import (
    NOTHING,
    SenderConstraints,
    Sent,
    Shown,
    check_demand,
    check_grant,
    check_token,
    token_type,
)

JKT, X5T = {"jkt": "a"}, {"x5t#S256": "b"}
SENT = Sent(method="POST", address="https://care.example/access_token")


@dataclass(frozen=True)
class Proves:
    what: Shown

    def shown(self, sent: Sent, *, algs: Collection[str], now: datetime) -> Shown:
        return self.what


def proves(*keys: Confirmation) -> Shown:
    ways = [Proves(Shown(confirmation=key, using_up=(used.append,))) for key in keys]
    return SenderConstraints(*ways, Proves(NOTHING)).shown(SENT, algs=(), now=NOW)


used: list[object] = []


def test_rfc7800_3_what_several_ways_prove_is_told_together():
    assert proves() is NOTHING
    assert proves(JKT).confirmation == JKT
    both = proves(JKT, X5T)
    assert both.confirmation == {**JKT, **X5T}
    used.clear()
    both.use_up("tx")  # type: ignore[arg-type]
    assert used == ["tx", "tx"]


@pytest.mark.parametrize(
    ("bound", "shown", "good"),
    [
        (None, (), True),
        (None, (X5T,), True),
        (None, (JKT,), False),  # RFC 9449 section 7.1: the scheme DPoP is for tokens bound by DPoP
        (JKT, (JKT,), True),
        (JKT, (), False),
        (JKT, ({"jkt": "other"},), False),
        (JKT, (X5T,), False),
        (JKT, (JKT, X5T), True),
        (X5T, (X5T,), True),
        (X5T, (), False),
        (X5T, (JKT,), False),
        (X5T, (JKT, X5T), False),
        ({**JKT, **X5T}, (JKT, X5T), True),
        ({**JKT, **X5T}, (JKT,), False),
    ],
)
def test_rfc9449_7_1_a_token_is_good_with_every_key_that_it_is_bound_to(bound, shown, good):
    if good:
        check_token(bound, proves(*shown))
    else:
        with pytest.raises(InvalidToken):
            check_token(bound, proves(*shown))


@pytest.mark.parametrize(
    ("bound", "shown", "good"),
    [(None, None, True), (None, JKT, True), (JKT, JKT, True), (JKT, None, False), (JKT, X5T, False)],
)
def test_rfc9449_10_a_grant_is_good_with_the_key_that_it_is_bound_to(bound, shown, good):
    if good:
        check_grant(bound, shown)
    else:
        with pytest.raises(InvalidGrant):
            check_grant(bound, shown)


def test_what_a_client_must_prove():
    plain, fapi2 = PROFILES["cis2"], PROFILES["fapi2"]
    bound = replace(WARD_CLIENT, dpop_bound_access_tokens=True)
    check_demand(WARD_CLIENT, plain, NOTHING)
    check_demand(WARD_CLIENT, fapi2, proves(X5T))
    check_demand(bound, fapi2, proves(JKT))
    with pytest.raises(InvalidRequest):
        check_demand(WARD_CLIENT, fapi2, NOTHING)
    for shown in (NOTHING, proves(X5T)):
        with pytest.raises(InvalidDpopProof):
            check_demand(bound, plain, shown)


def test_rfc9449_5_the_token_type_follows_the_binding():
    assert [token_type(bound) for bound in (None, {}, X5T, JKT, {**JKT, **X5T})] == [
        *("Bearer", "Bearer", "Bearer"),
        *("DPoP", "DPoP"),
    ]
