"""Dates and times as people in the United Kingdom read them (ux.md section 2.5)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

try:
    _LONDON: ZoneInfo | None = ZoneInfo("Europe/London")
except ZoneInfoNotFoundError:  # a system without a time zone database
    _LONDON = None


def clock_time(moment: datetime) -> str:
    """`2:45pm`."""
    local, suffix = _local(moment)
    return f"{local.hour % 12 or 12}:{local.minute:02}{'am' if local.hour < 12 else 'pm'}{suffix}"


def day(moment: datetime) -> str:
    """`6 August 2026`."""
    local, _ = _local(moment)
    return f"{local.day} {local:%B %Y}"


def day_and_time(moment: datetime) -> str:
    """`2:45pm on 6 August 2026`."""
    return f"{clock_time(moment)} on {day(moment)}"


def _local(moment: datetime) -> tuple[datetime, str]:
    return (moment.astimezone(UTC), " UTC") if _LONDON is None else (moment.astimezone(_LONDON), "")
