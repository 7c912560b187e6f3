"""Who did it. An audit event without an actor cannot be made."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["person", "client", "team", "operator", "system", "unknown"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is a person's or client's identifier, an operator's account name or a process's name."""

    kind: ActorKind
    id: str


UNKNOWN = Actor("unknown", "")
"""Somebody on the other side of the network who has not proven who they are."""


def person(id: str) -> Actor:
    return Actor("person", id)


def client(id: str) -> Actor:
    return Actor("client", id)


def team(id: str) -> Actor:
    """The people behind an application, who register it over the network."""
    return Actor("team", id)


def operator(name: str) -> Actor:
    return Actor("operator", name)


def system(process: str) -> Actor:
    return Actor("system", process)
