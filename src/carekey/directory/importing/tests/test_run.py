import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from carekey.directory.importing import run
from carekey.directory.importing.row import Kind
from carekey.directory.importing.run import AnotherImport, NothingToResume, import_people, interrupted, state_path
from carekey.directory.model import PersonStatus
from carekey.kernel import actor
from carekey.storage.memory.store import MemoryStore

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OPERATOR = actor.operator("ann")


class FixedClock:
    def now(self):
        return NOW


class Counting:
    def __init__(self) -> None:
        self._numbers = count(1)

    def bytes(self, size):
        return next(self._numbers).to_bytes(size)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(run, "BATCH", 3)


async def imported(store, path, **more: Any):
    more = {"operator": OPERATOR, "clock": FixedClock(), "entropy": Counting()} | more
    return await import_people(store, path, **more)


def counts(report):
    return report.progress.new, report.progress.changed, report.progress.same, report.progress.wrong


def person_id(number):
    return f"5550000{number:05}"


def people_csv(folder, numbers, name="people.csv"):
    path = folder / name
    rows = (f"{person_id(number) if number % 5 else 'wrong'},Person{number}" for number in numbers)
    path.write_text("\n".join(("id,family_name", *rows, "")))
    return path


async def names(store, numbers):
    found = [await store.read(lambda tx, n=n: tx.people.find(person_id(n))) for n in numbers]
    return [person and person.family_name for person in found]


async def events(store, tag):
    return [event.data | {"refusal": event.refusal} for event in await store.read(lambda tx: tx.audit.search(tag=tag))]


async def test_wrong_rows_change_nothing_and_the_rest_land(store, tmp_path):
    path = people_csv(tmp_path, range(1, 12))
    report = await imported(store, path)
    assert counts(report) == (9, 0, 0, 2)
    assert report.finished
    assert await names(store, range(1, 12)) == [f"Person{n}" if n % 5 else None for n in range(1, 12)]
    errors = tmp_path / "people.errors.csv"
    assert errors.read_text() == (
        'error,id,family_name\n"id must be 12 digits",wrong,Person5\n"id must be 12 digits",wrong,Person10\n'
    )
    assert errors.stat().st_mode & 0o077 == 0, "it holds personal data"
    assert not state_path(path).exists()


async def test_the_file_of_errors_can_be_corrected_and_fed_back(store, tmp_path):
    await imported(store, people_csv(tmp_path, range(1, 7)))
    errors = tmp_path / "people.errors.csv"
    corrected = errors.read_text().replace("wrong,", f"{person_id(5)},")
    errors.write_text(corrected)
    report = await imported(store, errors)
    assert counts(report) == (1, 0, 0, 0)
    assert await names(store, [5]) == ["Person5"]
    assert errors.read_text() == corrected


async def test_a_file_of_errors_that_somebody_may_be_correcting_is_not_overwritten(store, tmp_path):
    path = people_csv(tmp_path, [5])
    await imported(store, path)
    (tmp_path / "people.errors.csv").write_text("half corrected")
    report = await imported(store, path)
    assert report.progress.errors == "people.errors-2.csv"
    assert (tmp_path / "people.errors.csv").read_text() == "half corrected"


async def test_errors_of_json_lines_are_json_lines(store, tmp_path):
    path = tmp_path / "people.jsonl"
    path.write_text('{"id":"1","family_name":"Ann"}\nnot json\n')
    await imported(store, path)
    first, second = map(json.loads, (tmp_path / "people.errors.jsonl").read_text().splitlines())
    assert first == {"error": "id must be 12 digits", "id": "1", "family_name": "Ann"}
    assert second == {"error": "this line is not JSON", "line": "not json"}


async def test_importing_again_changes_nothing(store, tmp_path):
    path = people_csv(tmp_path, range(1, 5))
    await imported(store, path)
    assert counts(await imported(store, path)) == (0, 0, 4, 0)


async def test_a_dry_run_counts_alike_and_writes_nothing(store, tmp_path):
    path = people_csv(tmp_path, range(1, 12))
    assert counts(await imported(store, path, dry_run=True)) == (9, 0, 0, 2)
    assert await names(store, range(1, 12)) == [None] * 11
    assert await store.read(lambda tx: tx.audit.search()) == []
    assert not state_path(path).exists()
    assert (tmp_path / "people.errors.csv").exists(), "what a rehearsal finds is to be corrected"


async def test_every_batch_and_every_refusal_is_on_the_audit_record(store, tmp_path):
    report = await imported(store, people_csv(tmp_path, range(1, 6)))
    run = report.progress.run
    (begun,) = await events(store, "directory:import:begun")
    assert (begun["run"], begun["kind"], begun["resumed"]) == (run, "people", False)
    landed = await events(store, "directory:import:rows-imported")
    assert [(event["first_line"], event["last_line"], event["new"]) for event in landed] == [(2, 4, 3), (5, 5, 1)]
    (refused,) = await events(store, "directory:import:rows-refused")
    assert refused["refusal"]
    assert list(refused["lines"]) == [6]
    (ended,) = await events(store, "directory:import:ended")
    assert (ended["finished"], ended["new"], ended["wrong"]) == (True, 4, 1)
    recorded = await store.read(lambda tx: tx.audit.search())
    assert {event.actor for event in recorded} == {OPERATOR}
    assert {event.reference for event in recorded} == {run}
    assert "Person" not in repr(recorded), "names stay in the directory"


def stopping_after(batches):
    asked = count()
    return lambda: next(asked) >= batches


@pytest.mark.parametrize("batches", [0, 1, 2, 3])
async def test_a_stopped_import_goes_on_to_the_same_end(store, tmp_path, batches):
    numbers = range(1, 12)
    path = people_csv(tmp_path, numbers)
    stopped = await imported(store, path, stop=stopping_after(batches))
    assert not stopped.finished
    assert await names(store, [3 * batches + 1]) == [None]
    resumed = await imported(store, path, resume=True)
    assert resumed.finished
    assert counts(resumed) == (9, 0, 0, 2)
    assert resumed.progress.run == stopped.progress.run
    whole = people_csv(tmp_path, numbers, "whole.csv")
    other = MemoryStore()
    await imported(other, whole)
    assert await names(store, numbers) == await names(other, numbers)
    assert (tmp_path / "people.errors.csv").read_bytes() == (tmp_path / "whole.errors.csv").read_bytes()
    assert interrupted(path) is None


async def test_a_crash_between_the_transaction_and_the_state_repeats_one_batch_to_no_effect(store, tmp_path):
    numbers = range(1, 12)
    path = people_csv(tmp_path, numbers)
    before = []

    def crash(progress, _size):
        before.append(state_path(path).read_bytes())
        if len(before) == 3:
            state_path(path).write_bytes(before[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await imported(store, path, on_batch=crash)
    report = await imported(store, path, resume=True)
    assert counts(report) == (6, 0, 3, 2)
    assert (tmp_path / "people.errors.csv").read_text().count("wrong") == 2
    assert await names(store, numbers) == [f"Person{n}" if n % 5 else None for n in numbers]


async def test_only_what_was_interrupted_resumes(store, tmp_path):
    path = people_csv(tmp_path, range(1, 12))
    with pytest.raises(NothingToResume):
        await imported(store, path, resume=True)
    await imported(store, path, stop=stopping_after(1))
    with path.open("a") as file:
        file.write("555000099999,Late\n")
    with pytest.raises(AnotherImport, match="changed since"):
        await imported(store, path, resume=True)
    state_path(path).write_bytes(b"{}")
    with pytest.raises(AnotherImport, match="cannot be read"):
        await imported(store, path, resume=True)


async def test_an_import_resumes_as_what_it_began(store, tmp_path):
    path = tmp_path / "things.jsonl"
    path.write_text('{"code":"RZZ01","name":"A"}\n' * 9)
    await imported(store, path, kind=Kind.ORGANISATIONS, stop=stopping_after(1))
    with pytest.raises(AnotherImport, match="one of organisations"):
        await imported(store, path, resume=True)


def lines(folder, name, *rows: object):
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def fill(store, folder):
    organisation = {"code": "RZZ01", "name": "LARKFORD"}
    position = {
        "id": "ward-7", "organisation": "RZZ01", "name": "Ward 7",
        "roles": [{"role_code": "S8000:G8000:R8001"}, {"role_code": "S8001:G8002:R8008"}],
    }  # fmt: skip
    await imported(store, lines(folder, "organisations", organisation), kind=Kind.ORGANISATIONS)
    await imported(store, lines(folder, "positions", position), kind=Kind.POSITIONS)
    await imported(store, lines(folder, "people", {"id": person_id(1), "family_name": "Ann"}))
    return position


async def roles(store, number=1):
    return await store.read(lambda tx: tx.roles.held_by(person_id(number), at=NOW))


async def test_holders_of_a_position_receive_its_roles(store, tmp_path):
    await fill(store, tmp_path)
    path = lines(tmp_path, "holders", {"person": person_id(1), "position": "ward-7", "gnc": "GNC1"})
    assert counts(await imported(store, path, kind=Kind.HOLDERS, dry_run=True)) == (1, 0, 0, 0)
    assert await roles(store) == []
    assert counts(await imported(store, path, kind=Kind.HOLDERS)) == (1, 0, 0, 0)
    assert {profile.role.code[-5:] for profile in await roles(store)} == {"R8001", "R8008"}
    assert counts(await imported(store, path, kind=Kind.HOLDERS)) == (0, 0, 1, 0)
    path = lines(tmp_path, "leavers", {"person": person_id(1), "position": "ward-7", "to": "2026-11-22"})
    assert counts(await imported(store, path, kind=Kind.HOLDERS)) == (0, 1, 0, 0)
    assert await roles(store) == []


async def test_who_loses_a_role_or_their_standing_is_told_of_in_the_transaction_of_the_batch(store, tmp_path):
    await fill(store, tmp_path)
    lost = []

    def on_loss(tx, people, by, now):
        lost.append((people, by, now))
        tx.audit.search()

    async def run(name, kind, row):
        await imported(store, lines(tmp_path, name, row), kind=kind, on_loss=on_loss)
        return [people for people, *_ in lost]

    ann = person_id(1)
    assert await run("joiners", Kind.HOLDERS, {"person": ann, "position": "ward-7"}) == []
    (membership,) = await store.read(lambda tx: tx.roles.memberships_of(ann))
    granted = BROUGHT | {"membership": membership.id}
    assert await run("leavers", Kind.HOLDERS, {"person": ann, "position": "ward-7", "to": "2026-11-22"}) == [[ann]]
    assert await run("again", Kind.HOLDERS, {"person": ann, "position": "ward-7", "to": "2026-11-22"}) == [[ann]]
    assert await run("granted", Kind.ROLES, granted) == [[ann]]
    assert await run("taken", Kind.ROLES, granted | {"to": "2026-11-22"}) == [[ann]] * 2
    assert await run("suspended", Kind.PEOPLE, {"id": ann, "family_name": "Ann", "status": "suspended"}) == [[ann]] * 3
    assert await run("named", Kind.PEOPLE, {"id": ann, "family_name": "Anne"}) == [[ann]] * 3
    assert lost[0][1:] == (OPERATOR, NOW)


BROUGHT = {
    "id": "555023456789", "membership": "555034567890", "person": person_id(1), "organisation": "RZZ01",
    "role_code": "S8000:G8000:R8001",
}  # fmt: skip


async def test_role_profiles_of_another_service_keep_their_ids(store, tmp_path):
    await fill(store, tmp_path)
    path = lines(tmp_path, "roles", BROUGHT)
    assert counts(await imported(store, path, kind=Kind.ROLES)) == (1, 0, 0, 0)
    assert counts(await imported(store, path, kind=Kind.ROLES)) == (0, 0, 1, 0)
    (profile,) = await roles(store)
    assert (profile.id, profile.membership) == ("555023456789", "555034567890")


@pytest.mark.parametrize(
    ("kind", "row", "why"),
    [
        (
            Kind.HOLDERS,
            {"person": person_id(2), "position": "ward-7"},
            "person is not in the directory; import it first",
        ),
        (Kind.HOLDERS, {"person": person_id(1), "position": "x"}, "position is not in the directory; import it first"),
        (
            Kind.POSITIONS,
            {"id": "x", "organisation": "RZZ99", "name": "X", "role_code": "S8000:G8000:R8001"},
            "organisation is not in the directory; import it first",
        ),
        (Kind.ROLES, BROUGHT | {"person": person_id(2)}, "person is not in the directory; import it first"),
        (Kind.ROLES, BROUGHT | {"organisation": "RZZ99"}, "organisation is not in the directory; import it first"),
        (Kind.ROLES, BROUGHT | {"person": person_id(3)}, "id belongs to somebody else"),
        (
            Kind.ROLES,
            BROUGHT | {"id": "555023456780", "person": person_id(3)},
            "membership belongs to another person or organisation",
        ),
        (
            Kind.ROLES,
            BROUGHT | {"id": "555023456780", "membership": "555034567891"},
            "membership is not the one that the person has in this organisation",
        ),
    ],
)
async def test_a_row_that_does_not_fit_the_directory_is_refused(store, tmp_path, kind, row, why):
    await fill(store, tmp_path)
    await imported(store, lines(tmp_path, "others", {"id": person_id(3), "family_name": "Cat"}))
    await imported(store, lines(tmp_path, "roles", BROUGHT), kind=Kind.ROLES)
    before = await store.read(lambda tx: (tx.roles.granted_to(person_id(1)), tx.positions.find("x")))
    report = await imported(store, lines(tmp_path, "wrong", row), kind=kind)
    assert counts(report) == (0, 0, 0, 1)
    assert json.loads((tmp_path / "wrong.errors.jsonl").read_text())["error"] == why
    assert await store.read(lambda tx: (tx.roles.granted_to(person_id(1)), tx.positions.find("x"))) == before


async def test_a_position_does_not_move_to_another_organisation(store, tmp_path):
    position = await fill(store, tmp_path)
    await imported(store, lines(tmp_path, "more", {"code": "RZZ02", "name": "OTHER"}), kind=Kind.ORGANISATIONS)
    moved = position | {"organisation": "RZZ02"}
    assert counts(await imported(store, lines(tmp_path, "moved", moved), kind=Kind.POSITIONS)) == (0, 0, 0, 1)


async def test_a_list_of_names_brings_no_suspended_person_back(store, tmp_path):
    path = lines(tmp_path, "people", {"id": person_id(1), "family_name": "Ann"})
    await imported(store, path)
    ann = await store.read(lambda tx: tx.people.find(person_id(1)))
    await store.write(lambda tx: tx.people.put([replace(ann, status=PersonStatus.SUSPENDED)]))
    assert counts(await imported(store, path)) == (0, 0, 1, 0)
    assert (await store.read(lambda tx: tx.people.find(person_id(1)))).status is PersonStatus.SUSPENDED


async def test_of_two_rows_with_one_id_the_later_counts(store, tmp_path):
    rows = [{"id": person_id(1), "family_name": name} for name in ("Ann", "Anne", "Anne")]
    report = await imported(store, lines(tmp_path, "people", *rows))
    assert counts(report) == (1, 1, 1, 0)
    assert await names(store, [1]) == ["Anne"]
