"""Writes docs/settings.md and docs/events.md from the code, or with --check says whether they are up to date."""

import ast
import importlib
import pkgutil
import sys
from pathlib import Path

import msgspec

import carekey
from carekey.app import settings
from carekey.kernel.event import AuditEvent

DOCS = Path(__file__).parent.parent / "docs"


def docstrings(source: Path) -> dict[tuple[str, str], str]:
    """The text under each attribute of each class, which Python itself does not keep."""
    found = {}
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement, after in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                found[node.name, statement.target.id] = " ".join(str(after.value.value).split())
    return found


def settings_page() -> str:
    texts: dict[tuple[str, str], str] = {}
    for source in Path(settings.__file__).parent.glob("*.py"):
        texts |= docstrings(source)
    tables = [
        ("", settings.Settings),
        ("server", settings.Server),
        ("database", settings.Database),
        ("keys", settings.Keys),
        ("sessions", settings.Sessions),
        ("webauthn", settings.WebAuthn),
        ("smartcards", settings.Smartcards),
        ("smartcards.pkis.NAME", settings.CardPki),
        ("card_authority", settings.CardAuthority),
        ("card_authority.profiles.PURPOSE", settings.CardCertificateProfile),
        ("workstations", settings.Workstations),
        ("api_host", settings.ApiHost),
        ("uaf", settings.Uaf),
        ("issuers.NAME", settings.Issuer),
        ('issuers.NAME.resources."ADDRESS"', settings.Resource),
        ("issuers.NAME.registration", settings.Registration),
        ("teams.ID", settings.Team),
        ("ways.NAME", settings.Way),
    ]
    lines = [
        "# Settings",
        "",
        "Made by `make docs` from `src/carekey/app/settings/`.",
        "A setting stands in a TOML file (`--config`, or the variable `CAREKEY_CONFIG`) or in a variable:",
        "`CAREKEY_` and its path in capitals, parts joined by two underscores, such as `CAREKEY_SERVER__PORT=8001`.",
        "`carekey config check` says what is wrong with them, `carekey config show` what is in force.",
        "",
    ]
    for table, section in tables:
        lines += [
            f"## {f'[{table}]' if table else 'Top level'}",
            "",
            "| Setting | Default | Meaning |",
            "|---|---|---|",
        ]
        for field in msgspec.structs.fields(section):
            if isinstance(field.type, type) and issubclass(field.type, settings.Section):
                continue
            default = field.default if field.default is not msgspec.NODEFAULT else None
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            shown = (
                "required"
                if field.required
                else "none"
                if default is None
                else f"`{msgspec.json.encode(default).decode()}`"
            )
            lines.append(f"| `{field.name}` | {shown} | {texts.get((section.__name__, field.name), '')} |")
        lines.append("")
    return "\n".join(lines)


def events_page() -> str:
    for module in pkgutil.walk_packages(carekey.__path__, "carekey."):
        if module.name.endswith(".events"):
            importlib.import_module(module.name)
    # A dataclass with slots is made twice, and both are subclasses; by its tag it is one.
    events = [event for _, event in sorted({event.tag: event for event in _leaves(AuditEvent)}.items())]
    lines = [
        "# Audit events",
        "",
        "Made by `make docs` from each slice's `events.py`. Every event has `at`, `actor` and `reference` besides its own fields.",
        "",
        "| Tag | Refusal | Meaning | Fields |",
        "|---|---|---|---|",
    ]
    for event in events:
        own = [name for name in event.__dataclass_fields__ if name not in AuditEvent.__dataclass_fields__]
        meaning = " ".join((event.__doc__ or "").split())
        lines.append(
            f"| `{event.tag}` | {'yes' if event.refusal else ''} | {meaning} | {', '.join(f'`{name}`' for name in own)} |"
        )
    return "\n".join([*lines, ""])


def _leaves(kind: type[AuditEvent]) -> list[type[AuditEvent]]:
    return [
        leaf for child in kind.__subclasses__() for leaf in ([child] if hasattr(child, "tag") else []) + _leaves(child)
    ]


def main() -> int:
    pages = {"settings.md": settings_page(), "events.md": events_page()}
    stale = [name for name, text in pages.items() if not _same(DOCS / name, text)]
    if "--check" not in sys.argv:
        for name in stale:
            (DOCS / name).write_text(pages[name], encoding="utf-8")
        return 0
    for name in stale:
        sys.stderr.write(f"docs/{name} is not what the code says: run make docs.\n")
    return 1 if stale else 0


def _same(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
