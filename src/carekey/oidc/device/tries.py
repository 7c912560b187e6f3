"""How often codes may be guessed (RFC 8628 section 5.1).

By browser, so that whoever mistypes is told to stop before they are taken for somebody who guesses; and by everybody
together, since who guesses has as many browsers as they like: at 300 wrong codes a minute and a thousand devices
waiting, a guess hits once in a month, and what it gives is one's own log-in on a stranger's device.
"""

from datetime import datetime, timedelta

from carekey.authenticators.ports import Failures
from carekey.kernel.secret import digest

OF_A_BROWSER, OF_A_BROWSER_IN = 5, timedelta(minutes=10)
OF_ALL, OF_ALL_IN = 300, timedelta(minutes=1)

_ALL = "device:all"


def exhausted(failures: Failures, browser: str, *, now: datetime) -> bool:
    """`browser`: the secret in its cookie."""
    return failures.count(_key(browser), now=now) >= OF_A_BROWSER or failures.count(_ALL, now=now) >= OF_ALL


def failed(failures: Failures, browser: str, *, now: datetime) -> None:
    failures.add(_key(browser), now=now, until=now + OF_A_BROWSER_IN)
    failures.add(_ALL, now=now, until=now + OF_ALL_IN)


def _key(browser: str) -> str:
    return f"device:{digest(browser).hex()}"
