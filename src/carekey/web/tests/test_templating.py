"""Pages with blanks: kept once, filled in for each browser."""

from pathlib import Path

import pytest

from carekey.web.templating import Pages

TEMPLATE = (
    '{% if person %}<p>{{ person }}</p>{% endif %}<form action="/login/{{ id }}/way">{{ name }} {{ id }}'
    "{% for item in items %}{{ item }}{% endfor %}</form>"
)


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    (tmp_path / "page.html").write_text(TEMPLATE)
    return Pages({"try": tmp_path}, service="CareKey")


def test_a_filled_in_page_is_what_rendering_gives(pages):
    for person in (None, "", "Zoë <b>O'Bench</b> & Sons"):
        for id in ("first", 'second" onclick="x'):
            blanks = {"id": id, "person": person}
            filled = pages.fill_in("try/page.html", blanks, name="Ward & Co", items=("a", "<b>"))
            assert filled == pages.render("try/page.html", **blanks, name="Ward & Co", items=("a", "<b>"))


def test_nobody_is_shown_what_was_another_browsers(pages):
    first = pages.fill_in("try/page.html", {"id": "of-the-first", "person": "Asha"}, name="Ward", items=())
    second = pages.fill_in("try/page.html", {"id": "of-the-second", "person": None}, name="Ward", items=())
    assert "Asha" in first
    assert "of-the-first" in first
    assert "Asha" not in second
    assert "of-the-first" not in second


def test_what_everybody_sees_is_part_of_what_a_page_is_kept_by(pages):
    blanks = {"id": "x", "person": None}
    for name, items in (("Ward", ("a",)), ("Ward", ("b",)), ("Pharmacy", ("a",))):
        assert name in pages.fill_in("try/page.html", blanks, name=name, items=items)
        assert items[0] in pages.fill_in("try/page.html", blanks, name=name, items=items)


def test_no_text_can_pose_as_a_blank(pages):
    """A blank's mark holds what only this process knows."""
    text = "id blank-id. {{ id }} \0id\0 " + "blank-" + "0" * 32 + "-id."
    filled = pages.fill_in("try/page.html", {"id": "secret", "person": text}, name=text, items=())
    assert filled.count("secret") == 2, "where the template has it, and nowhere else"


def test_what_could_change_cannot_be_kept(pages):
    with pytest.raises(TypeError):
        pages.fill_in("try/page.html", {"id": "x", "person": None}, name="Ward", items=["a"])
