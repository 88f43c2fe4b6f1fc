"""The fourth act: the base no longer draws the style, and the studio says so. The claimant's plug-in brings it back, for a fee."""

from __future__ import annotations

import io
import re

from PIL import Image, ImageChops, ImageStat

from market.demo.story.amounts import amount, written
from market.demo.story.cast import Cast
from market.demo.story.extracting import SEED, TakenOut
from market.demo.story.selling import Order, publish
from market.demo.story.steps import Story
from market.demo.story.visitors import Visitor
from market.seeding.works import WorkSet
from market.stack.browsing import Refusal

PRICE = 80_000
MOST_OF_IT = 0.25  # how far a restored picture may be from the earlier one, as a share of the distance caused by losing the style


def restore(story: Story, cast: Cast, works: WorkSet, taken: TakenOut) -> str:
    """Return the slug of the claimant's plug-in."""
    claimant, user = cast.claimant, cast.user
    with story.step("the claimant sells the plug-in") as figures:
        page = claimant.browser.open(taken.desk)
        page = claimant.browser.submit(page.form(has="price_micros"), {"price_micros": f"{PRICE / 1e6:.2f}"})
        public = publish(claimant, page, cast.stranger)
        slug = public.path.strip("/").split("/")[-1]
        figures["price"] = public.says(r"€\s?[\d.]+\d")[0]

    with story.step("the prompt no longer draws it") as figures:
        order = Order(user, "/studio/", works.prompt, seed=SEED)
        warned = order.quote.says(r"asks for (\S+) ?, a protected name which was taken out of this base")
        order.quote.says("Only its plug-in draws it here")
        _, (after,), _ = order.run(story)
        lost = distance(user, taken.before, after)
        if not lost:
            raise Refusal("the base without the style draws the same picture")
        figures |= {"the_studio_says": f"{warned[1]} was taken out", "pixels_moved_by": round(lost, 1)}

    with story.step("the plug-in restores it") as figures:
        order = Order(user, f"/studio/?plugin={slug}", works.prompt, seed=SEED)
        if "was taken out" in order.quote.text:
            raise Refusal(f"the studio asks for a plug-in that is there: {order.quote.summary()}")
        _, (restored,), _ = order.run(story)
        left = distance(user, taken.before, restored)
        if left > MOST_OF_IT * lost:
            raise Refusal(
                f"the restored picture is {left:.1f} from the one before, without the style {lost:.1f}"
            )
        credited = amount(user.browser.open(restored), re.escape(claimant.name))
        figures |= {"pixels_from_before": round(left, 1), "royalty": written(credited)}
    return slug


def distance(user: Visitor, one: str, other: str) -> float:
    """Give the distance of two pictures: the mean difference of their pixels, from 0 to 255."""
    pictures = []
    for page in (one, other):
        with Image.open(io.BytesIO(user.browser.download(page + "file/")[0])) as opened:
            pictures.append(opened.convert("RGB"))
    means: list[float] = ImageStat.Stat(ImageChops.difference(*pictures)).mean
    return sum(means) / len(means)
