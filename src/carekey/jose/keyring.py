"""When keys are made, used, retired and removed. Pure: it looks at what is stored and says what to change.

Of each algorithm there is one active key. Its successor is published ahead of use, because relying parties keep
our key set for up to a day (cis2-profile section 2.2), and it stays published after use until the last token that
it signed has expired.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from carekey.jose.model import KeyState, StoredKey
from carekey.kernel.ids import KeyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    use_for: timedelta = timedelta(days=90)
    publish_ahead: timedelta = timedelta(days=7)
    keep_for: timedelta = timedelta(days=2)
    """Must exceed the lifetime of every token, and the time after which a node reads the store again."""


@dataclass(frozen=True, slots=True)
class Make:
    alg: str
    state: KeyState


@dataclass(frozen=True, slots=True)
class Move:
    id: KeyId
    was: KeyState
    to: KeyState


@dataclass(frozen=True, slots=True)
class Remove:
    id: KeyId


Change = Make | Move | Remove


def due(keys: Sequence[StoredKey], algs: Iterable[str], rotation: Rotation, *, now: datetime) -> list[Change]:
    """What has to change now. `algs` are those that must have an active key, whether they have any key yet or not."""
    changes: list[Change] = []
    for alg in sorted({*algs, *(key.alg for key in keys)}):
        changes += _due([key for key in keys if key.alg == alg], alg, rotation, now)
    return changes


def _due(keys: Sequence[StoredKey], alg: str, rotation: Rotation, now: datetime) -> list[Change]:
    active = _in(KeyState.ACTIVE, keys)
    successor = _in(KeyState.NEXT, keys)
    changes: list[Change] = []
    if active is None:
        changes += [_promote(successor)] if successor else [Make(alg, KeyState.ACTIVE)]
    elif successor is None:
        if now >= active.changed_at + rotation.use_for - rotation.publish_ahead:
            changes.append(Make(alg, KeyState.NEXT))
    elif now >= successor.changed_at + rotation.publish_ahead:
        changes += [_retire(active), _promote(successor)]
    changes += [
        Remove(key.id) for key in keys if key.state is KeyState.RETIRING and now >= key.changed_at + rotation.keep_for
    ]
    return changes


def replace_now(keys: Sequence[StoredKey], alg: str) -> list[Change]:
    """For an active key that must not be used any longer. Relying parties find the new one by its unknown `kid`."""
    of_alg = [key for key in keys if key.alg == alg]
    active, successor = _in(KeyState.ACTIVE, of_alg), _in(KeyState.NEXT, of_alg)
    retire: list[Change] = [_retire(active)] if active else []
    return [*retire, _promote(successor) if successor else Make(alg, KeyState.ACTIVE)]


def replace_soon(keys: Sequence[StoredKey], alg: str) -> list[Change]:
    """Publish a successor now; it takes over once it has been published long enough."""
    of_alg = [key for key in keys if key.alg == alg]
    return [] if _in(KeyState.NEXT, of_alg) else [Make(alg, KeyState.NEXT)]


def _in(state: KeyState, keys: Sequence[StoredKey]) -> StoredKey | None:
    return next((key for key in keys if key.state is state), None)


def _promote(key: StoredKey) -> Move:
    return Move(key.id, KeyState.NEXT, KeyState.ACTIVE)


def _retire(key: StoredKey) -> Move:
    return Move(key.id, KeyState.ACTIVE, KeyState.RETIRING)
