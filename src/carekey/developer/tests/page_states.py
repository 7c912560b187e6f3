"""Every state of the developer's pages, as `(name, template, context)`."""

from typing import Any

from carekey.developer.http import DemoPerson
from carekey.kernel.ids import PersonId

PEOPLE = [
    DemoPerson(
        id=PersonId("555254240100"),
        name="Asha Marlow",
        about="A general practitioner with one role.",
        roles=("General Medical Practitioner at Made Up Surgery (Z99001)",),
        password="demo-asha",
    ),
    DemoPerson(
        id=PersonId("555254240104"),
        name="Noor Quill",
        about="Has no role anywhere.",
        roles=(),
        password=None,
    ),
    DemoPerson(
        id=PersonId("555254240105"),
        name="Tam Winter",
        about="Suspended: cannot log in.",
        roles=("Nurse Access Role at Invented General Hospital (Z99)",) * 3,
        password="demo-tam",
        active=False,
    ),
]


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    addresses = ["http://localhost:8001", "http://localhost:8002"]
    return [
        (
            "people-with-cards",
            "developer/people.html",
            {"people": PEOPLE, "applications": addresses, "cards": True, "csrf": "token"},
        ),
        (
            "people",
            "developer/people.html",
            {"people": PEOPLE, "applications": addresses, "cards": False, "csrf": "token"},
        ),
        ("people-none", "developer/people.html", {"people": [], "applications": [], "cards": False, "csrf": "token"}),
    ]
