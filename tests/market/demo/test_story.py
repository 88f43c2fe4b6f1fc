"""What the demo's browser and its story make of pages; the story itself is walked by `./run demo`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from market.configuration import load
from market.demo.running import own_environment
from market.demo.story.amounts import amount, euros, written
from market.demo.story.steps import Outcome, Story
from market.stack.browsing import Refusal, read_page

PAGE = """
<title>Not text</title>
<a href="/plugins/fox/">Fox</a>
<form method="post" action="/studio/" id="studio">
  <input type="hidden" name="csrfmiddlewaretoken" value="t">
  <input name="seed" value=""><input name="off" value="x" disabled>
  <textarea name="prompt">
a fox</textarea>
  <select name="base"><option value="one">One</option><option value="two" selected>Two</option></select>
  <select name="size"><option value="64">64</option><option value="128">128</option></select>
  <input type="checkbox" name="yes" checked><input type="checkbox" name="no">
  <input type="checkbox" name="work" value="1"><input type="checkbox" name="work" value="2">
  <input type="file" name="files">
  <button name="run" value="yes">Run</button><button>Plain</button>
</form>
<input name="elsewhere" form="studio" value="1"><input type="hidden" name="agreed" value="digest">
<div data-state="running">Total <b>€1,234.50</b></div>
"""


def test_a_form_is_read_with_what_it_would_send() -> None:
    form = read_page("http://h/studio/", 200, PAGE).form(has="prompt")

    assert (form.method, form.action) == ("post", "http://h/studio/")
    assert dict(form.values) == {
        "csrfmiddlewaretoken": "t", "seed": "", "prompt": "a fox", "base": "two", "size": "64", "yes": "on",
        "elsewhere": "1",
    }  # fmt: skip
    assert form.buttons == [("run", "yes")]
    assert {"no", "files"} <= form.names
    assert [value for name, value in form.boxes if name == "work"] == ["1", "2"]
    assert "off" not in form.names


def test_a_page_is_read_for_links_states_loose_fields_and_text() -> None:
    page = read_page("http://h/studio/", 200, PAGE)

    assert page.link(r"^/plugins/") == "http://h/plugins/fox/"
    assert page.states == ["running"]
    assert page.hidden("agreed") == "digest"
    assert "Not text" not in page.text
    assert amount(page, "Total") == 1_234_500_000


@pytest.mark.parametrize("ask", ["form", "form_to", "link", "hidden", "says"])
def test_what_a_page_lacks_is_a_refusal_that_says_so(ask: str) -> None:
    page = read_page("http://h/empty/", 200, "<p>Nothing here</p>")

    questions: dict[str, Callable[[], object]] = {
        "form": lambda: page.form(has="x"),
        "form_to": lambda: page.form_to("/x/"),
        "link": lambda: page.link("/x/"),
        "hidden": lambda: page.hidden("x"),
        "says": lambda: page.says("x"),
    }

    with pytest.raises(Refusal, match=r"/empty/.*Nothing here"):
        questions[ask]()


@pytest.mark.parametrize(
    ("text", "micros"),
    [("€0.05", 50_000), ("€1,000.00", 1_000_000_000), ("€0.0505", 50_500), ("€7", 7_000_000)],
)
def test_amounts_are_read_to_the_micro(text: str, micros: int) -> None:
    assert euros(text) == micros
    assert euros(written(micros)) == micros


def test_a_step_that_fails_is_kept_with_its_problem_and_ends_the_story() -> None:
    said: list[str] = []
    story = Story(said.append)

    with story.step("works") as figures:
        figures["count"] = 3
    with pytest.raises(Refusal), story.step("breaks"):
        raise Refusal("no such page")

    assert [(step["name"], step["ok"]) for step in story.as_json()] == [("works", True), ("breaks", False)]
    assert story.as_json()[1]["figures"] == {"problem": "Refusal: no such page"}
    assert said[0].startswith("ok ")
    assert said[1].startswith("FAILED")


def test_an_outcome_is_one_line_with_time_and_figures() -> None:
    line = Outcome("a price is quoted", True, 0.14, {"total": "€0.12", "pictures": 2}).line()

    assert line.split() == [
        "ok",
        "a",
        "price",
        "is",
        "quoted",
        "0.1",
        "s",
        "total",
        "€0.12,",
        "pictures",
        "2",
    ]


def test_the_demo_never_runs_on_the_developers_data(tmp_path: Path) -> None:
    mine = own_environment(
        {
            "PATH": "/bin",
            "DATABASE_URL": "postgresql://real/shop",
            "BROKER_URL": "redis://real",
            "MEDIA_ROOT": "/srv/media",
            "S3_BUCKET": "real",
            "SECRET_KEY": "s" * 40,
            "EMAIL_URL": "smtp://mail",
            "DEVICE": "cpu",
            "PORT": "8123",
        },
        tmp_path,
    )

    config = load(mine)
    assert config.data_dir == tmp_path
    assert config.media_root == tmp_path / "media"
    assert (config.text("DATABASE_URL"), config.text("BROKER_URL"), config.text("S3_BUCKET")) == ("", "", "")
    assert config.text("EMAIL_URL") == "file"
    assert (config.text("DEVICE"), config.number("PORT")) == ("cpu", 8123)
