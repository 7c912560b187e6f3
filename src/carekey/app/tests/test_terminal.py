"""What commands print for people."""

import pytest

from carekey.app.terminal import put_table


def test_in_a_narrow_terminal_a_table_cuts_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`carekey workstation revoke` wants the whole id that `carekey workstation list` shows."""
    monkeypatch.setenv("COLUMNS", "80")
    station, card = "IVjXZK0mq8FMEEiYRb9GDD", "JH26ToVVFCsXq0Qd3nA1Lw"
    moment = "2026-11-29T13:14:15+00:00"
    put_table(
        ["Workstation", "Name", "State", "Enrolled", "Heard last", "Cards"],
        [[station, "Ward 7, bay 2", "enrolled", moment, moment, card]],
    )
    shown = capsys.readouterr().out
    assert station in shown
    assert "…" not in shown
    assert sum(shown.count(sign) for sign in set(card)) >= len(card)
    assert all(len(line) <= 80 for line in shown.splitlines())
