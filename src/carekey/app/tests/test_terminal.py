"""What is put on an operator's terminal."""

from carekey.app.terminal import put_pairs


def test_what_others_wrote_does_not_command_the_terminal(capsys) -> None:
    """A certificate that nobody trusts says what it likes, and the record of its refusal has it."""
    put_pairs({"issuer": "CN=\x1b[2J\x1b]0;x\x07\nstate  active", "person": "Zoë O’Brien"})
    assert capsys.readouterr().out.splitlines() == [
        "issuer  CN=\\x1b[2J\\x1b]0;x\\x07\\nstate  active",
        "person  Zoë O’Brien",
    ]
