from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.public.changelog import Changes, Release, Text, parse

EXAMPLE = """# Changelog

Words before the first release are no entry.

## Unreleased

### Added

- A first thing,
  wrapped over two lines.
- Another with `code` and [a link](https://example.org).

## [1.1.0] - 2027-03-05

### Fixed
* With an asterisk.

## 1.0.0 – 2027-01-31 [YANKED]
"""


def test_keepachangelog_1_1_0_releases_dates_kinds_and_entries():
    assert parse(EXAMPLE) == (
        Release(
            version=None,
            day=None,
            yanked=False,
            changes=(
                Changes(
                    kind="Added",
                    entries=(
                        (Text("A first thing, wrapped over two lines."),),
                        (Text("Another with "), Text("code", code=True), Text(" and a link.")),
                    ),
                ),
            ),
        ),
        Release(
            version="1.1.0",
            day=date(2027, 3, 5),
            yanked=False,
            changes=(Changes(kind="Fixed", entries=((Text("With an asterisk."),),)),),
        ),
        Release(version="1.0.0", day=date(2027, 1, 31), yanked=True, changes=()),
    )


@pytest.mark.parametrize("text", ["", "# Changelog\n", "## \n", "##", "### Added\n- x"])
def test_a_changelog_without_a_release_has_none(text):
    assert parse(text) == ()


def test_a_day_that_does_not_exist_is_left_out():
    assert parse("## 1.0.0 - 2027-02-31\n")[0].day is None


@given(st.text())
def test_any_text_can_be_read(text):
    parse(text)
