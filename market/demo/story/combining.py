"""The last act: a user combines two artists' plug-ins into one, and each picture with it pays both."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from market.demo.story.amounts import amount, written
from market.demo.story.cast import Cast
from market.demo.story.selling import Order
from market.demo.story.steps import Story
from market.demo.story.visitors import follow_job
from market.stack.browsing import Refusal

SEED = 23
LONGEST_COMBINATION = 1200.0


def combine(story: Story, cast: Cast, slugs: list[str], prompt: str) -> None:
    user = cast.user
    with story.step("a user combines the two plug-ins") as figures:
        parts = [
            dict(user.browser.open(f"/studio/?plugin={slug}").form(has="prompt").values)["plugin"]
            for slug in slugs
        ]
        page = user.browser.open(f"/combinations/new/?{urlencode([('plugin', part) for part in parts])}")
        figures["costs"] = written(amount(page, "Combining, once"))
        page = user.browser.submit(page.form(has="agreed"), button="start")
        page, seen = follow_job(user.browser, page, within=LONGEST_COMBINATION, say=story.say)
        combined = user.browser.open(page.link(r"^/combinations/[0-9a-f-]{36}/$"))
        figures |= seen

    with story.step("a picture with it pays both artists") as figures:
        order = Order(user, combined.link(r"^/studio/$", asking="plugin="), prompt, seed=SEED)
        total = amount(order.quote, "Total")
        _, (made,), _ = order.run(story)
        picture = user.browser.open(made)
        royalties = {
            who.name: amount(picture, rf"{re.escape(who.name)} for “") for who in (cast.artist, cast.claimant)
        }
        if min(royalties.values()) <= 0 or sum(royalties.values()) > total:
            raise Refusal(f"of {written(total)} the artists got {royalties}: {picture.summary()}")
        figures |= {name: written(royalty) for name, royalty in royalties.items()}
