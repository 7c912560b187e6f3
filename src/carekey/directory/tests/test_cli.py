"""The commands as they are run: in a process of their own, on a database file, with real signals."""

import json
import signal
import subprocess
import sys
from contextlib import closing

import anyio
import pytest
from typer.testing import CliRunner

from carekey.directory.cli import commands, dev_commands
from carekey.directory.importing.run import state_path
from carekey.storage.memory.store import MemoryStore
from carekey.storage.open import open_store
from carekey.storage.sql.migrate import upgrade

SCRIPT = """
import sys
from contextlib import closing
from carekey.directory.cli import commands
from carekey.storage.open import open_store
commands(lambda config: closing(open_store(f"sqlite:///{config}")))()
"""


@pytest.fixture
def run():
    store = MemoryStore()
    opened = lambda _config: closing(store)  # noqa: E731

    def command(*words: str, app=commands):
        return CliRunner().invoke(app(opened), list(words))

    command.store = store
    return command


def people_csv(folder, rows, name="people.csv"):
    path = folder / name
    lines = (f"{'wrong' if row % 1000 == 7 else f'5550{row:08}'},Person{row}" for row in range(rows))
    path.write_text("id,family_name\n" + "".join(line + "\n" for line in lines))
    return path


def test_counts_go_to_stdout_as_json_and_the_rest_to_stderr(run, tmp_path):
    done = run("import", str(people_csv(tmp_path, 20)), "--json")
    counts = json.loads(done.stdout)
    assert (counts["new"], counts["wrong"], counts["errors"]) == (19, 1, "people.errors.csv")
    assert "19 new, 0 changed, 0 same, 1 wrong" in done.stderr
    assert "Correct them there" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["fine.csv"], 0, "1 new"),
        (["fine.csv", "--dry-run"], 0, "Would be: 1 new"),
        (["wrong.csv"], 6, "1 wrong"),
        (["none.csv"], 2, "Nothing was imported: none.csv cannot be read: No such file or directory."),
        (["fine.csv", "--kind", "organisations"], 2, "Nothing was imported: there is no column code"),
        (["fine.csv", "--kind", "robots"], 2, "robots"),
        (["fine.csv", "--resume"], 3, "No import of fine.csv was interrupted."),
        (["fine.csv", "--resume", "--dry-run"], 2, "Leave one of them out."),
        (["begun.csv", "--resume"], 5, "the file has changed since"),
    ],
)
def test_ux_8_exit_codes_and_one_sentence(run, tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fine.csv").write_text("id,family_name\n555000000001,Ann\n")
    (tmp_path / "begun.csv").write_text("id,family_name\n555000000001,Ann\n")
    (tmp_path / "wrong.csv").write_text("id,family_name\n1,Ann\n")
    begun = {"run": "R", "kind": "people", "sha256": "0" * 64}
    state_path(tmp_path / "begun.csv").write_text(json.dumps(begun))
    done = run("import", *words)
    assert done.exit_code == code
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_who_changes_a_position_is_told_to_import_its_holders(run, tmp_path):
    (tmp_path / "organisations.csv").write_text("code,name\nRZZ01,LARKFORD\n")
    run("import", str(tmp_path / "organisations.csv"), "--kind", "organisations")
    path = tmp_path / "positions.csv"
    told = []
    for role in ("S8000:G8000:R8001", "S8000:G8000:R8002"):
        path.write_text(f"id,organisation,name,role_code\nward-7,RZZ01,Ward 7,{role}\n")
        told.append("holders are imported again" in run("import", str(path), "--kind", "positions").stderr)
    assert told == [False, True]


def test_seeding_reports_what_it_made(run):
    done = run("seed", "--people", "50", "--organisations", "20", "--json", app=dev_commands)
    assert done.exit_code == 0
    made = json.loads(done.stdout)
    assert (made["people"], made["organisations"]) == (50, 20)


def a_database(folder, name):
    path = folder / name
    upgrade(f"sqlite:///{path}")
    return path


def everybody(database, rows):
    with closing(open_store(f"sqlite:///{database}")) as store:
        return anyio.run(store.read, lambda tx: [tx.people.find(f"5550{row:08}") for row in range(rows)])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_the_middle_then_resume_gives_the_same_directory(tmp_path, number):
    rows = 30_000
    path = people_csv(tmp_path, rows)
    database = a_database(tmp_path, "broken.db")
    command = [sys.executable, "-c", SCRIPT, "import", str(path), "--config", str(database)]
    with subprocess.Popen([*command, "--verbose"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Line 1001: ")
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 6, rest
    assert "--resume" in rest
    assert "Traceback" not in rest
    found = [person is not None for person in everybody(database, rows)]
    assert any(found)
    assert not all(found[8:]), "it was stopped in the middle"

    resumed = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, check=False)
    assert resumed.returncode == 6, resumed.stderr
    counts = json.loads(resumed.stdout)
    assert (counts["new"], counts["wrong"], counts["finished"]) == (rows - 30, 30, True)

    whole = a_database(tmp_path, "whole.db")
    copy = people_csv(tmp_path, rows, "whole.csv")
    command = [sys.executable, "-c", SCRIPT, "import", str(copy), "--config", str(whole), "--quiet"]
    assert subprocess.run(command, check=False).returncode == 6
    assert everybody(database, rows) == everybody(whole, rows)
    assert (tmp_path / "people.errors.csv").read_bytes() == (tmp_path / "whole.errors.csv").read_bytes()
    assert not state_path(path).exists()
