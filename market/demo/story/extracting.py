"""The third act: the model owner takes the claimed style out of the base, and puts a release without it into use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from market.demo.story.cast import Cast
from market.demo.story.claiming import BASE
from market.demo.story.selling import Order
from market.demo.story.steps import Story
from market.demo.story.visitors import follow_job
from market.seeding.works import WorkSet
from market.stack.browsing import Page

PICTURES_MEASURED = 60
SEED = 11
LONGEST_EXTRACTION = 2400.0
REASON = f"Measured on {PICTURES_MEASURED} pictures of each group only, and the artist waits."


@dataclass(frozen=True)
class TakenOut:
    """What the third act leaves: the plug-in's page on its owner's desk, and a picture of the style from before."""

    desk: str
    before: str


def take_out(story: Story, cast: Cast, works: WorkSet, claimed: str) -> TakenOut:
    owner = cast.owner
    with story.step("the base still draws the style") as figures:
        order = Order(cast.user, "/studio/", works.prompt, seed=SEED)
        _, (before,), seen = order.run(story)
        figures |= {"prompt": works.prompt, **seen}

    with story.step("the style is taken out of the base") as figures:
        page = owner.browser.open(claimed)
        page = owner.browser.open(page.link(r"/extractions/new/$"))
        page = owner.browser.submit(page.form(has="method"), {"pictures": str(PICTURES_MEASURED)})
        page, seen = follow_job(owner.browser, page, within=LONGEST_EXTRACTION, say=story.say)
        report = owner.browser.open(page.link(r"^/extractions/\d+/$"))
        figures |= seen | measured(report)

    with story.step("it is approved, and a release is built") as figures:
        form = report.form_to(r"/approve/$")
        # With so few pictures a limit may be missed by chance. Then the page asks for a reason.
        missed = "reason" in form.names
        page = owner.browser.submit(form, {"reason": REASON} if missed else {})
        page, seen = follow_job(owner.browser, page, within=LONGEST_EXTRACTION, say=story.say)
        built = owner.browser.open(page.link(r"^/releases/builds/\d+/$"))
        built.says("Plug-ins on sale, drawn again")
        figures |= {
            "release": built.says(r"Release (\d+)")[1],
            "limits": "missed" if missed else "met",
            **seen,
        }

    with story.step("the release is put to use") as figures:
        owner.browser.submit(built.form_to(r"/use/$")).says(r"in use")
        desk = cast.claimant.browser.open("/desk/").link(r"^/desk/plugins/\d+/$")
        figures["base"] = BASE
    return TakenOut(desk, before)


def measured(report: Page) -> dict[str, str]:
    """Read what the report says of each limit."""
    return {
        name: report.says(rf"{re.escape(label)}\s+([\d.]+%)")[1]
        for name, label in (
            ("still_seen", "The concept still seen when it is asked for"),
            ("all_else_kept", "All else seen as often as before"),
            ("recovered", "The concept brought back by the recovery attack"),
        )
    }
