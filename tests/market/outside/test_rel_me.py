"""Links with rel="me" are found on any page, and no page takes long."""

from __future__ import annotations

import time

import pytest

from market.outside.rel_me import links_to_me


@pytest.mark.parametrize(
    "page",
    [
        '<a rel="me" href="https://m.example/?a=1&amp;b=2">Me</a>',
        "<A HREF='https://m.example/?a=1&b=2' REL='nofollow ME'>",
        "<link rel=me href=https://m.example/?a=1&b=2>",
        '<a\n class="x"\n href = " https://m.example/?a=1&b=2 "\n rel = "me noopener">',
    ],
)
def test_a_link_is_found(page: str) -> None:
    assert list(links_to_me(page)) == ["https://m.example/?a=1&b=2"]


@pytest.mark.parametrize(
    "page",
    [
        '<a href="https://m.example/">',
        '<a rel="meow" href="https://m.example/">',
        '<a data-rel="me" href="https://m.example/">',
        '<!-- <a rel="me" href="https://m.example/"> -->',
        '<script>"<a rel=me href=https://m.example/>"</script>',
        '<textarea><a rel="me" href="https://m.example/"></textarea>',
        '<!-- <a rel="me" href="https://m.example/">',
        '<abbr rel="me" href="https://m.example/">',
        "",
    ],
)
def test_what_is_no_such_link_is_none(page: str) -> None:
    assert list(links_to_me(page)) == []


@pytest.mark.parametrize(
    "part", ["<a ", '<a href="', "<!--", "<a b=' ", "<script>", "<a rel=", "</", "rel =  "]
)
def test_a_hostile_page_takes_no_time(part: str) -> None:
    page = (part * 262_144)[:262_144]
    started = time.monotonic()

    list(links_to_me(page))

    assert time.monotonic() - started < 5
