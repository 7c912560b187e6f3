"""PINs at a real terminal: asked for without an echo, a new one twice."""

import os
import pty
import sys

import pytest

ASKS = """
import sys
from carekey.app.commands.card_reader import secret
from carekey.app.terminal import CommandError
try:
    print("took", len(secret("NO_SUCH_VARIABLE", "New PIN", new=True).reveal()), "characters")
except CommandError as error:
    print(error)
"""


def at_a_terminal(*typed: str) -> str:
    """All that the screen showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", ASKS])
    shown, left = b"", list(typed)
    try:
        while part := os.read(terminal, 1024):
            shown += part
            if left and shown.count(b": ") > len(typed) - len(left):  # what is typed before it is asked for is lost
                os.write(terminal, left.pop(0).encode() + b"\n")
    except OSError:  # it has ended
        pass
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    assert not left, shown
    return shown.decode()


@pytest.mark.parametrize(
    ("again", "said"), [("731902", "took 6 characters"), ("731920", "That was not the same New PIN twice.")]
)
def test_a_new_pin_is_asked_for_twice_and_never_shown(again: str, said: str) -> None:
    """Whoever mistypes it once would have a card that nobody can use."""
    shown = at_a_terminal("731902", again)
    assert said in shown
    assert "New PIN again:" in shown
    assert "7319" not in shown
