"""Failures that a person sees as a page of their own (ux.md A8, A9, A13)."""

from dataclasses import dataclass


@dataclass(kw_only=True, eq=False)
class Problem(Exception):
    """Raised by a handler; the dispatcher turns it into a page with the request's reference code.

    Every text is for the person who reads it: what went wrong, what to do next. `detail` pairs are shown under
    "Technical information" and carry codes and identifiers, never anything personal or secret.
    Made anew each time: an exception that is raised twice keeps both tracebacks.
    """

    status: int
    heading: str
    what_to_do: tuple[str, ...]
    detail: tuple[tuple[str, str], ...] = ()
    back: tuple[str, str] | None = None
    """Address and text of the way on."""


def not_found() -> Problem:
    return Problem(
        status=404,
        heading="Page not found",
        what_to_do=(
            "If you typed the web address, check it is correct.",
            "If you pasted the web address, check you copied all of it.",
            "If you were logging in, go back to your application and start again.",
        ),
    )


def not_allowed() -> Problem:
    """The address exists, the method does not: somebody went back to, or typed, an address that forms are sent to."""
    return Problem(
        status=405,
        heading="This page cannot be opened directly",
        what_to_do=("Go back to your application and start again.",),
    )


def malformed() -> Problem:
    return Problem(
        status=400,
        heading="What was sent could not be read",
        what_to_do=("Go back to your application and start again.",),
    )


def too_slow() -> Problem:
    return Problem(
        status=408,
        heading="It took too long to reach us",
        what_to_do=("Check your connection.", "Go back to your application and start again."),
    )


def too_large() -> Problem:
    return Problem(
        status=413,
        heading="Too much was sent",
        what_to_do=("Go back to your application and start again.",),
    )


def not_from_here() -> Problem:
    return Problem(
        status=403,
        heading="This page was not opened from here",
        what_to_do=(
            "Go back to your application and start again.",
            "If it happens again, allow cookies for this address in your browser.",
        ),
    )


def fault() -> Problem:
    return Problem(
        status=500,
        heading="Sorry, there is a problem with the service",
        what_to_do=("Try again in a few minutes.", "If it happens again, tell your service desk the code below."),
    )


def unavailable() -> Problem:
    return Problem(
        status=503,
        heading="Sorry, the service is unavailable",
        what_to_do=("Try again in a few minutes.",),
    )
