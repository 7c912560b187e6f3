"""Every contract, on memory, SQLite and PostgreSQL."""

import pytest

from carekey.storage.conformance import (
    authenticators,
    cards,
    confirmation,
    consents,
    decoupled,
    directory,
    logos,
    logout,
    metadata,
    oidc,
    phone,
    push,
    record,
    registration,
    sessions,
    taken_away,
    user_code,
    workstations,
)
from carekey.storage.conformance import store as whole

pytestmark = pytest.mark.anyio


class TestStore(whole.StoreContract): ...


class TestSweep(whole.SweepContract): ...


class TestPeople(directory.PeopleContract): ...


class TestOrganisations(directory.OrganisationsContract): ...


class TestPositions(directory.PositionsContract): ...


class TestRoles(directory.RolesContract): ...


class TestCredentials(authenticators.CredentialsContract): ...


class TestChallenges(authenticators.ChallengesContract): ...


class TestEnrolments(authenticators.EnrolmentsContract): ...


class TestFailures(authenticators.FailuresContract): ...


class TestCards(cards.CardsContract): ...


class TestRevocationEvidence(cards.RevocationEvidenceContract): ...


class TestApprovals(phone.ApprovalsContract): ...


class TestUafKeys(phone.UafKeysContract): ...


class TestMetadataBlobs(metadata.MetadataBlobsContract): ...


class TestConfirmations(confirmation.ConfirmationsContract): ...


class TestEvidences(confirmation.EvidencesContract): ...


class TestDevices(confirmation.DevicesContract): ...


class TestSubscriptions(push.SubscriptionsContract): ...


class TestUserCodes(user_code.UserCodesContract): ...


class TestSessions(sessions.SessionsContract): ...


class TestLogins(sessions.LoginsContract): ...


class TestConsents(consents.ConsentsContract): ...


class TestLogos(logos.LogosContract): ...


class TestLogoutDeliveries(logout.LogoutDeliveriesContract): ...


class TestWorkstations(workstations.WorkstationsContract): ...


class TestCardPlaces(workstations.CardPlacesContract): ...


class TestClients(oidc.ClientsContract): ...


class TestRegistration(registration.RegistrationContract): ...


class TestCodes(oidc.CodesContract): ...


class TestAccessTokens(oidc.AccessTokensContract): ...


class TestRefreshFamilies(oidc.RefreshFamiliesContract): ...


class TestAssertions(oidc.AssertionsContract): ...


class TestPushedRequests(oidc.PushedRequestsContract): ...


class TestDpopProofs(oidc.DpopProofsContract): ...


class TestDecoupledRequests(decoupled.DecoupledRequestsContract): ...


class TestKeys(record.KeysContract): ...


class TestAudit(record.AuditContract): ...


class TestTakenAway(taken_away.TakenAwayContract): ...
