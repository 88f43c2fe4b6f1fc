"""The first act: an artist's works become a plug-in, a user pays for pictures with it, and the artist is paid."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from PIL import Image

from market.demo.story.amounts import amount, written
from market.demo.story.cast import Cast
from market.demo.story.steps import Figures, Story
from market.demo.story.visitors import TOP_UP_EUROS, Visitor, follow_job, top_up, wallet
from market.seeding.works import WorkSet
from market.stack.browsing import Page, Refusal

PLUGIN_PRICE = 50_000
PICTURES = 2
LONGEST_TRAINING = 1200.0
LONGEST_GENERATION = 600.0


@dataclass(frozen=True)
class Sold:
    """What the first act leaves: the plug-in's slug, the concept's page, the pages of pictures and of the job that drew them."""

    slug: str
    concept: str
    pictures: list[str]
    job: str


def sell(story: Story, cast: Cast, works: WorkSet) -> Sold:
    artist, user = cast.artist, cast.user
    with story.step("the artist signs up") as figures:
        artist.sign_up()
        artist.sign_out_and_in()
        artist.take_on("artist")
        figures["mails"] = len(list(artist.mail.glob("*.log")))

    with story.step("rights to a concept are affirmed") as figures:
        concept = affirm_concept(artist, works)
        figures["concept"] = works.name

    with story.step("works are uploaded") as figures:
        figures["works"] = upload_works(artist, concept, works)

    with story.step("a plug-in is trained") as figures:
        page = artist.browser.open(concept + "addition/")
        page = artist.browser.submit(
            page.form(has="price_micros"), {"price_micros": f"{PLUGIN_PRICE / 1e6:.2f}"}
        )
        page, seen = follow_job(artist.browser, page, within=LONGEST_TRAINING, say=story.say)
        figures |= seen

    with story.step("the plug-in is published") as figures:
        public = publish(artist, artist.browser.open(page.link(r"^/desk/plugins/\d+/$")), cast.stranger)
        figures["price"] = public.says(r"€\s?[\d.]+\d")[0]
        slug = public.path.strip("/").split("/")[-1]

    with story.step("a user tops up") as figures:
        user.sign_up()
        figures["balance"] = top_up(user)

    with story.step("a price is quoted") as figures:
        order = Order(user, f"/studio/?plugin={slug}", works.prompt, seed=7, pictures=PICTURES)
        total, fee = amount(order.quote, "Total"), amount(order.quote, works.name)
        if fee != PLUGIN_PRICE:
            raise Refusal(
                f"the plug-in costs {fee} a picture instead of {PLUGIN_PRICE}: {order.quote.summary()}"
            )
        figures |= {"total": written(total), "pictures": PICTURES}

    with story.step("pictures are generated") as figures:
        job, pictures, seen = order.run(story)
        figures |= seen

    with story.step("the artist is paid") as figures:
        picture = user.browser.open(pictures[0])
        credited = amount(picture, re.escape(artist.name))
        commission = PICTURES * PLUGIN_PRICE - credited
        if not 0 <= commission <= PICTURES * PLUGIN_PRICE // 2 or credited <= 0:
            raise Refusal(f"the artist got {credited} of {PICTURES * PLUGIN_PRICE}: {picture.summary()}")
        earnings = artist.browser.open("/earnings/")
        if written(credited) not in earnings.text.replace("€ ", "€"):
            raise Refusal(f"earnings do not show {written(credited)}: {earnings.summary()}")
        left = wallet(user)
        if left != TOP_UP_EUROS * 1_000_000 - total:
            raise Refusal(f"the user has {written(left)} left after paying {written(total)}")
        figures |= {"royalty": written(credited), "commission": written(commission), "left": written(left)}
    return Sold(slug, concept, pictures, job)


class Order:
    """A run in the studio: the page prices it on opening, then it runs at that price.

    `quote` is the price box, with all that it says about the prompt.
    """

    def __init__(self, user: Visitor, studio: str, prompt: str, *, seed: int, pictures: int = 1) -> None:
        self.user = user
        self.pictures = pictures
        self.form = user.browser.open(studio).form(has="prompt")
        fixed = {"count": str(pictures), "prompt": prompt, "seed": str(seed)}
        self.form.values = [(name, fixed.get(name, value)) for name, value in self.form.values]
        self.quote: Page = user.browser.post_part(self.form, "/studio/quote/")

    def run(self, story: Story) -> tuple[str, list[str], Figures]:
        """Pay for it, and follow it to its end. Return the job's page, the pages of its pictures, and what was seen."""
        self.form.values = [one for one in self.form.values if one[0] != "agreed"]
        self.form.names.add("agreed")
        page = self.user.browser.submit(self.form, {"agreed": self.quote.hidden("agreed")}, button="run")
        page, seen = follow_job(self.user.browser, page, within=LONGEST_GENERATION, say=story.say)
        pictures = list(
            dict.fromkeys(link for link in page.links if re.search(r"/pictures/[0-9a-f-]{36}/$", link))
        )
        if len(pictures) != self.pictures:
            raise Refusal(f"{len(pictures)} pictures instead of {self.pictures}: {page.summary()}")
        return page.url, pictures, {**seen, **picture_figures(self.user, pictures)}


def affirm_concept(artist: Visitor, works: WorkSet) -> str:
    """Register a concept with the rights to it; return its page."""
    page = artist.browser.open("/desk/concepts/new/")
    page = artist.browser.submit(
        page.form(has="aliases"),
        {"kind": works.kind, "name": works.name, "description": works.description},
    )
    return artist.browser.submit(page.form(has="affirm"), {"affirm": "on"}).path


def publish(artist: Visitor, desk: Page, visitor: Visitor) -> Page:
    """Publish the plug-in of a desk page. Return its public page as somebody else sees it."""
    page = artist.browser.submit(desk.form_to(r"/publish/$"))
    return visitor.browser.open(page.link(r"^/plugins/[^/]+/$"))


def upload_works(artist: Visitor, concept: str, works: WorkSet) -> int:
    page = artist.browser.open(concept)
    files = [("files", (work.file.name, work.file.read_bytes(), "image/png")) for work in works.works]
    page = artist.browser.submit(page.form_to(r"/works/$"), files=files)
    page = artist.browser.open(concept)
    form = page.form_to(r"/captions/$")
    fields = [name for name, _ in form.values if name.startswith("caption-")]
    if len(fields) != len(works.works):
        raise Refusal(f"{len(fields)} of {len(works.works)} works were taken: {page.summary()}")
    # Works are listed in the order in which they were sent, as their numbers show.
    ordered = sorted(fields, key=lambda name: int(name.removeprefix("caption-")))
    captions = {name: work.caption for name, work in zip(ordered, works.works, strict=True)}
    artist.browser.submit(form, captions)
    return len(fields)


def picture_figures(user: Visitor, pictures: list[str]) -> Figures:
    """Open each picture's page and file; check that the files are pictures, and not all the same."""
    files = []
    for picture in pictures:
        user.browser.open(picture)
        content, kind = user.browser.download(picture + "file/")
        if kind != "image/png":
            raise Refusal(f"{picture} is sent as {kind}")
        files.append(content)
    sizes = []
    for content in files:
        with Image.open(io.BytesIO(content)) as opened:
            opened.load()
            sizes.append("{}x{}".format(*opened.size))
    if len(set(files)) != len(files):
        raise Refusal("two pictures of a run are the same")
    return {"pictures": len(files), "size": sizes[0]}
