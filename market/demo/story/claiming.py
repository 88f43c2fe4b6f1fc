"""The second act: an artist claims, with evidence, that the base model contains their style. The model owner accepts."""

from __future__ import annotations

import json
import re
from typing import Any

from market.demo.story.cast import Cast
from market.demo.story.commands import manage
from market.demo.story.selling import affirm_concept, upload_works
from market.demo.story.steps import Figures, Story
from market.demo.story.visitors import follow_job
from market.seeding.works import WorkSet
from market.stack.browsing import Refusal

BASE = "embedded"
PROMPTS = 4
LONGEST_EVIDENCE = 1200.0


def claim(story: Story, cast: Cast, works: WorkSet, controls: WorkSet) -> str:
    """Take the claim through to its acceptance. Return its page."""
    claimant, owner = cast.claimant, cast.owner
    with story.step("a model owner takes the base over") as figures:
        owner.sign_up()
        owner.take_on("model_owner")
        manage("hand_over_base", BASE, owner.email)
        figures["base"] = owner.browser.open(f"/bases/{BASE}/").says(re.escape(owner.name))[0]

    with story.step("another artist makes a claim") as figures:
        claimant.sign_up()
        claimant.take_on("artist")
        concept = affirm_concept(claimant, works)
        upload_works(claimant, concept, works)
        browser = claimant.browser
        page = browser.open(f"/claims/new/?base={BASE}")
        page = browser.submit(page.form(has="concept"), {"concept": concept.strip("/").split("/")[-1]})
        claimed = page.path
        form = page.form_to(r"/works/$")
        page = browser.submit(form, {"works": [value for name, value in form.boxes if name == "works"]})
        prompts = [work.caption for work in works.works[:PROMPTS]]
        page = browser.submit(
            page.form_to(r"/edit/$"),
            {"prompts": "\n".join(prompts), "rights": f"I made these works: {works.description}"},
        )
        files = [
            ("files", (f"{work.caption}.png", work.file.read_bytes(), "image/png")) for work in controls.works
        ]
        page = browser.submit(page.form_to(r"/controls/$"), files=files)
        page = browser.open(page.link(r"/submit/$"))
        page = browser.submit(
            page.form(has="signature"),
            {
                "signature": claimant.name,
                "address": "1 Brush Lane, Exampletown",
                "telephone": "+1 555 0100",
                "in_good_faith": "on",
                "accurate_under_perjury": "on",
            },
        )
        figures |= {"works": len(works.works), "controls": len(controls.works), "prompts": len(prompts)}

    with story.step("the evidence is measured") as figures:
        page = browser.open(page.link(r"^/jobs/[0-9a-f-]{36}/$"))
        _, seen = follow_job(browser, page, within=LONGEST_EVIDENCE, say=story.say)
        page = browser.open(claimed)
        page.says("What it does not prove")
        report = json.loads(browser.download(page.link(r"/evidence\.json$"))[0])
        figures |= seen | found_in(report)

    with story.step("the model owner accepts it") as figures:
        owner.mailed_link(rf"{claimed}\S*")
        page = owner.browser.open(claimed)
        page = owner.browser.submit(page.form_to(r"/accept/$"))
        figures["state"] = page.says(r"State (Accepted)")[1]
        if cast.stranger.browser.status(claimed) == 200:
            raise Refusal("a stranger reads the claim")
    return claimed


def found_in(report: dict[str, Any]) -> Figures:
    """Read from a report how well the works are told apart from the controls, and how many were reproduced."""
    membership, reproduced = report["figures"]["membership"], report["figures"]["reproduction"]["reproduced"]
    low, high = membership["interval"]
    return {
        "area": f"{membership['area']:.2f} ({low:.2f} to {high:.2f})",
        "reproduced": f"{reproduced['works']['right']} of {reproduced['works']['total']}",
    }
