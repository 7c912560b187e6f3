"""Passkeys and security keys as the application takes them up."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from carekey.authenticators.base import Credential
from carekey.authenticators.http import Described
from carekey.authenticators.ports import Attempts, AuthenticatorTx
from carekey.authenticators.webauthn import levels, models
from carekey.authenticators.webauthn.ceremony import KIND, RelyingParty
from carekey.authenticators.webauthn.enrol_http import RegistrationPages
from carekey.authenticators.webauthn.evidence import decode
from carekey.authenticators.webauthn.exchange import WAYS, Terms
from carekey.authenticators.webauthn.levels import Policy, Unfit
from carekey.authenticators.webauthn.log_in_http import LogInPages
from carekey.authenticators.webauthn.metadata import Metadata
from carekey.authenticators.webauthn.virtual import TEST_MODELS
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Route

TxT = TypeVar("TxT", bound=AuthenticatorTx)


class WebAuthn(Generic[TxT]):
    """Satisfies `authenticators.http.Authenticator`; its ways can be added by link (`authenticators/enrolment`)."""

    kind = KIND
    ways = tuple(WAYS.values())
    sandbox_only = False
    templates: Mapping[str, Path] = {"webauthn": Path(__file__).parent / "templates"}

    def __init__(
        self,
        *,
        store: Store[TxT],
        attempts: Attempts[TxT],
        rp: RelyingParty,
        metadata: Metadata,
        policy: Policy,
    ) -> None:
        self._terms = Terms(rp=rp, policy=policy, metadata=_with_test_models(metadata, policy))
        self._log_in = LogInPages(store=store, attempts=attempts, terms=self._terms)
        self._registration = RegistrationPages(store=store, terms=self._terms)

    def routes(self) -> Sequence[Route]:
        return [*self._log_in.routes(), *self._registration.routes()]

    def use_metadata(self, metadata: Metadata) -> None:
        """Judge by this from now on. Older than what is in use, it is passed over."""
        if metadata.number >= self._terms.metadata.number:
            self._terms.metadata = _with_test_models(metadata, self._terms.policy)

    def describe(self, credential: Credential) -> Described:
        evidence = decode(credential.data)
        worth = levels.worth(evidence, self._terms.metadata.find(evidence.aaguid), self._terms.policy)
        facts = ["Copied between your devices" if evidence.backup_eligible else "Stays on one device"]
        if isinstance(worth, Unfit):
            facts.append("No longer accepted")
        return Described(
            kind=models.kind_of(evidence),
            label=credential.label,
            aal=None if isinstance(worth, Unfit) else worth.aal,
            facts=tuple(facts),
        )


def _with_test_models(metadata: Metadata, policy: Policy) -> Metadata:
    return metadata.also(TEST_MODELS) if policy.allow_test_models else metadata
