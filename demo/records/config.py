"""Settings, from the environment: see `from_environment`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    issuer: str = "http://localhost:8000"
    name: str = "http://localhost:8003"
    """Its address as tokens know it (`aud`)."""
    host: str = "127.0.0.1"
    port: int = 8003


def from_environment(environment: Mapping[str, str]) -> Config:
    """RECORDS_ISSUER, RECORDS_NAME, RECORDS_HOST, RECORDS_PORT. Each has a default that fits `make run`.

    Raises: ValueError, naming the variable.
    """
    given = {name.removeprefix("RECORDS_"): value for name, value in environment.items() if name.startswith("RECORDS_")}
    try:
        port = int(given.get("PORT", "8003"))
    except ValueError:
        raise ValueError("RECORDS_PORT must be a number") from None
    usual = Config()
    return Config(
        issuer=given.get("ISSUER", usual.issuer),
        name=given.get("NAME", usual.name),
        host=given.get("HOST", usual.host),
        port=port,
    )
