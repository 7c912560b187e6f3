"""Every state of every page of a log-in, as `(name, template, context)`."""

import struct
import zlib
from dataclasses import replace
from typing import Any

from carekey.directory.model import Role, RoleProfile
from carekey.kernel.ids import LoginId
from carekey.login import pages
from carekey.login.http import closed
from carekey.login.journey import Closed, Shut
from carekey.login.model import Links, Login, RoleAsked, Rules
from carekey.login.policy import Because, Refusal, offer
from carekey.login.tests.make import ASHA, HEALTHCARE, KEY, NOW, PASSKEY, PASSWORD, SMARTCARD, asked, roles

ASKED = asked(application="Ward list", role=RoleAsked.SELECTED, return_origin="https://ward.example")
ZONES = {"smartcard": frozenset({"hscn"}), "passkey": None, "security-key": None, "password": None}
WAYS = (SMARTCARD, PASSKEY, KEY, PASSWORD)
COMMON = {
    "id": "a1b2c3d4e5f6g7h8i9j0kl",
    "application": "Ward list",
    "person": "Asha Marlow",
    "someone": True,
    "reference": "7KQ4MD2X",
    "csrf": "token",
}
TITLES = (
    "Clinical Practitioner Access Role",
    "Nurse Access Role",
    "Admin/Clinical Support Access Role",
    "Health Records Manager and Information Governance Lead for Community Services",
)
PLACES = ("Invented General Hospital NHS Trust", "Made Up Surgery", "The Long-Winded Integrated Urgent Care Centre")


def _profiles(count: int) -> tuple[RoleProfile, ...]:
    return tuple(
        replace(
            profile,
            role=Role(code=profile.role.code, name=f'"Clinical":"Clinical Provision":"{TITLES[number % len(TITLES)]}"'),
        )
        for number, profile in enumerate(roles(count, of=ASHA))
    )


def _ways(zone: str = "internet", *, last: str | None = None, because: Because | None = None, error: str | None = None):
    found = offer(ASKED, WAYS, ZONES, zone)
    return {
        **COMMON,
        "items": pages.way_items(found.ways, last),
        "left_out": pages.missing(ASKED, found, ZONES),
        "weak": pages.strength(ASKED) if pages.any_too_weak(found) and not because else None,
        "note": pages.note(ASKED, because, proven=True, known=True) if because else None,
        "error": error,
        "errors": [("way", error)] if error else [],
    }


def _roles(count: int, *, query: str = "", error: str | None = None):
    profiles = _profiles(count)
    names = {profile.organisation: PLACES[number % len(PLACES)] for number, profile in enumerate(profiles)}
    return {
        **COMMON,
        "roles": pages.role_page(profiles, names, last=profiles[1].id, query=query),
        "error": error,
        "errors": [("role", error)] if error else [],
    }


LINKS = Links(site="https://ward.example/", policy="https://ward.example/policy", terms="https://ward.example/terms")


def _logo() -> str:
    """Twice as wide as high, with a corner that is not filled."""
    row = b"".join(
        b"\x00" + b"".join(bytes((200 - x, 16 + y, 46, 255 * (x + y > 40))) for x in range(160)) for y in range(80)
    )
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 160, 80, 8, 6, 0, 0, 0)), (b"IDAT", zlib.compress(row)), (b"IEND", b""))
    file = b"".join(
        struct.pack(">I", len(of)) + name + of + struct.pack(">I", zlib.crc32(name + of)) for name, of in parts
    )
    return pages.inline_png(b"\x89PNG\r\n\x1a\n" + file)


def _share(error: str | None = None, links: Links = LINKS, logo: str | None = None):
    items = ("your name and user ID", "your email address", "your roles, and what each allows")
    errors = [("share", error)] if error else []
    return {
        **COMMON,
        "items": items,
        "asked": "555012345678",
        "links": links,
        "logo": logo,
        "error": error,
        "errors": errors,
    }


def _account(error: str | None = None):
    items = [
        pages.Item(value="555012345678", text="Go on as Asha Marlow", hint="User ID 555012345678"),
        pages.Item(value="other", text="Log in as someone else"),
    ]
    return {**COMMON, "items": items, "error": error, "errors": [("account", error)] if error else []}


def _closed(why: Shut):
    login = Login(
        id=LoginId("a1b2c3d4e5f6g7h8i9j0kl"),
        issuer=Rules(issuer=HEALTHCARE, ways={}).issuer,
        browser=b"",
        reference="7KQ4MD2X",
        asked=ASKED,
        request=b"",
        started_at=NOW,
        expires_at=NOW,
    )
    return {"problem": closed(Closed(why=why, login=login)), "reference": "7KQ4MD2X"}


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    nowhere = pages.missing(ASKED, offer(ASKED, (SMARTCARD, PASSWORD), ZONES, "internet"), ZONES)
    return [
        ("ways", "login/ways.html", _ways()),
        ("ways-all", "login/ways.html", _ways("hscn", last="smartcard")),
        ("ways-last", "login/ways.html", _ways(last="security-key")),
        ("ways-too-weak", "login/ways.html", _ways(because=Because.TOO_WEAK)),
        ("ways-again", "login/ways.html", _ways(because=Because.ASKED_AGAIN)),
        ("ways-other-person", "login/ways.html", _ways(because=Because.OTHER_PERSON)),
        ("ways-only", "login/ways.html", {**_ways("hscn"), "items": pages.way_items((SMARTCARD,), None)}),
        ("ways-card-out", "login/ways.html", {**_ways("hscn", because=Because.CARD_OUT), "person": None}),
        ("ways-error", "login/ways.html", _ways(error="Select how you want to log in")),
        ("no-way", "login/no_way.html", {**COMMON, "left_out": nowhere}),
        ("role", "login/role.html", _roles(3)),
        ("role-error", "login/role.html", _roles(3, error="Select a role")),
        ("role-many", "login/role.html", _roles(45)),
        ("role-found", "login/role.html", _roles(45, query="surgery nurse")),
        ("role-none-found", "login/role.html", _roles(45, query="dentist")),
        ("account", "login/account.html", _account()),
        ("account-error", "login/account.html", _account("Select who goes on")),
        ("share", "login/share.html", _share()),
        ("share-logo", "login/share.html", _share(logo=_logo())),
        ("share-no-links", "login/share.html", _share(links=Links())),
        ("share-error", "login/share.html", _share("Select yes to share, or no to go back")),
        *(
            (f"barred-{why.removeprefix('person_')}", "login/barred.html", {**COMMON, **pages.BARRED[why]})
            for why in (Refusal.PERSON_SUSPENDED, Refusal.PERSON_CLOSED, Refusal.PERSON_UNKNOWN)
        ),
        *((f"closed-{why}", "web/problem.html", _closed(why)) for why in Shut),
    ]
