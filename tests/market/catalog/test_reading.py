"""Reading what strangers send: apart, within bounds, few at once, and with nothing of the market held meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from PIL import Image

from market.accounts.models import Role, User
from market.basemodels.models import BaseModel
from market.catalog.merged import parts_stated_in
from market.catalog.models import Concept, Work
from market.catalog.pictures import Limits
from market.catalog.reading import clean_apart
from market.claims import drafting
from market.claims.models import Claim, ClaimPicture
from market.decoding import children as module
from market.decoding.children import EXCEEDED, Children
from market.decoding.places import Places, places_for_files
from market.refusals import Refused
from tests.market.api.conftest import Program, ProgramOf, program_of
from tests.market.catalog.conftest import adapter_file, make_concept
from tests.market.catalog.pictures import drawing, encoded, png, sent
from tests.market.catalog.test_hostile_uploads import bare_png
from tests.market.conftest import make_person
from tests.market.stage import make_base

__all__ = ["program_of"]

SignIn = Callable[[User], Client]


class Watched(Children):
    """The children, and in what state those who wait for them are. `held` makes them wait until it is let go."""

    def __init__(self) -> None:
        super().__init__(2, 2_000_000_000)
        self.connections: list[str] = []
        self.waiting = 0
        self.most = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._counting = threading.Lock()

    def read(self, *asked: Any) -> Any:
        state = "transaction" if connection.in_atomic_block else "open" if connection.connection else "none"
        with self._counting:
            self.connections.append(state)
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        try:
            self.may_go_on.wait(60)
            return super().read(*asked)
        finally:
            with self._counting:
                self.waiting -= 1


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    made = Watched()
    monkeypatch.setattr(module, "children", lambda: made)
    yield made
    made.close()


@pytest.fixture
def three_places(settings: Any) -> Iterator[Places]:
    settings.UPLOADS = replace(settings.UPLOADS, at_once=3)
    places_for_files.cache_clear()
    yield places_for_files()
    places_for_files.cache_clear()


@pytest.mark.slow
def test_the_largest_flat_picture_is_taken_within_the_memory_of_one_child(db: None) -> None:
    picture = Image.new("RGB", (6300, 6300), "white")
    picture.paste("navy", (500, 500, 3000, 4000))

    taken = clean_apart(encoded(picture), Limits.configured())

    assert (taken.width, taken.height) == (6300, 6300)
    child = module.children()._idle[-1].process  # noqa: SLF001
    status = Path(f"/proc/{child.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmPeak"))
    assert peak * 1024 < module.OWN_MEMORY + module.MEMORY_A_PIXEL * Limits.configured().max_pixels


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bare_png(50_000, 50_000), "megapixels"),
        (png(1)[:-400], "damaged"),
        (b"<svg/>", "not a PNG"),
        (b"", "empty"),
    ],
)
def test_what_is_no_good_is_refused_with_the_same_words_from_a_child(
    db: None, data: bytes, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        clean_apart(data, Limits.configured())


def test_a_picture_that_takes_more_memory_than_a_child_has_is_refused(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Children(1, 400_000_000)
    monkeypatch.setattr(module, "children", lambda: small)

    with pytest.raises(Refused):
        clean_apart(encoded(drawing(1, size=(5000, 5000))), Limits.configured())
    assert clean_apart(png(1), Limits.configured()).width == 96
    small.close()


def test_a_header_that_swells_is_refused(db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small = Children(1, 400_000_000)
    monkeypatch.setattr(module, "children", lambda: small)
    header = b'{"__metadata__": [' + b"[]," * 5_000_000 + b"[]]}"
    file = tmp_path / "swells.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)

    with file.open("rb") as opened, pytest.raises(Refused, match=EXCEEDED):
        parts_stated_in(opened)
    small.close()


def upload(client: Client, concept: Concept, *files: Any) -> Any:
    return client.post(reverse("catalog:upload", args=[concept.pk]), {"files": list(files)})


def work_by_page(client: Client, program: Program, concept: Concept, base: BaseModel) -> Any:
    return upload(client, concept, sent(png(1), "fox.png"), sent(png(2), "owl.png"))


def work_by_api(client: Client, program: Program, concept: Concept, base: BaseModel) -> Any:
    return program.post_form(f"concepts/{concept.pk}/works", {"files": [sent(png(1)), sent(png(2))]})


def control_by_page(client: Client, program: Program, concept: Concept, base: BaseModel) -> Any:
    claim = claim_of(concept, base)
    return client.post(reverse("claims:add_controls", args=[claim]), {"files": [sent(png(3), "fox.png")]})


def control_by_api(client: Client, program: Program, concept: Concept, base: BaseModel) -> Any:
    claim = claim_of(concept, base)
    return program.post_form(f"claims/{claim}/controls", {"files": [sent(png(3), "fox.png")]})


def plugin_by_page(client: Client, program: Program, concept: Concept, base: BaseModel) -> Any:
    form = {"base": base.slug, "price_micros": "0.05", "file": sent(adapter_file(), "a.safetensors")}
    return client.post(reverse("catalog:upload_plugin", args=[concept.pk]), form)


def plugin_by_api(client: Client, program: Program, concept: Concept, base: BaseModel) -> Any:
    form = {"base": base.slug, "price_micros": "50000", "file": sent(adapter_file(), "a.safetensors")}
    return program.post_form(f"concepts/{concept.pk}/plugin-files", form)


def claim_of(concept: Concept, base: BaseModel) -> int:
    if begun := Claim.objects.first():
        return begun.pk
    draft = drafting.Draft(prompts=[], rights="")
    return drafting.draft_claim(concept=concept, about=base, by=concept.artist, draft=draft).pk


EVERY_WAY = (work_by_page, work_by_api, control_by_page, control_by_api, plugin_by_page, plugin_by_api)


@pytest.mark.parametrize("way", EVERY_WAY, ids=lambda way: way.__name__)
@pytest.mark.django_db(transaction=True)
def test_whoever_waits_for_a_child_holds_no_connection_and_no_transaction(
    artist: User, model_owner: User, client_for: SignIn, program_of: ProgramOf, watched: Watched, way: Any
) -> None:
    concept, base = make_concept(artist, "Riverink"), make_base(model_owner)

    answer = way(client_for(artist), program_of(artist), concept, base)

    assert answer.status_code in {200, 201, 302}, answer.content
    assert watched.connections
    assert set(watched.connections) == {"none"}


@pytest.mark.parametrize("way", EVERY_WAY, ids=lambda way: way.__name__)
def test_a_second_upload_of_a_person_and_one_too_many_are_refused_and_nothing_is_kept(
    artist: User, model_owner: User, client_for: SignIn, program_of: ProgramOf, three_places: Places, way: Any
) -> None:
    concept, base = make_concept(artist, "Riverink"), make_base(model_owner)
    client, program = client_for(artist), program_of(artist)
    with three_places.taken_by(artist.pk):
        twice = way(client, program, concept, base)
    with three_places.taken_by(-1), three_places.taken_by(-2), three_places.taken_by(-3):
        full = way(client, program, concept, base)

    assert (twice.status_code, full.status_code) == (429, 503)
    assert "An upload of yours is being read" in twice.content.decode()
    assert "as many uploads as it can" in full.content.decode()
    assert not Work.objects.exists()
    assert not ClaimPicture.objects.exists()
    assert not concept.plugins.exists()
    if way.__name__.endswith("api"):
        assert int(full["Retry-After"]) > 0
        assert full.json()["type"].endswith("#problem-busy")


class Senders:
    """Twenty uploads at the same moment, each on a thread with a connection of its own."""

    def __init__(self, people: list[User], concepts: list[Concept]) -> None:
        self.answers: list[int] = []
        self._whose = list(zip(people, concepts, strict=True))
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(20)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, answered: int) -> None:
        until = time.monotonic() + 120
        while len(self.answers) < answered and time.monotonic() < until:
            time.sleep(0.05)

    def end(self) -> Counter[int]:
        for thread in self._threads:
            thread.join()
        return Counter(self.answers)

    def _send(self, number: int) -> None:
        person, concept = self._whose[number]
        client = Client()
        client.force_login(person)
        self.answers.append(upload(client, concept, sent(png(number), "fox.png")).status_code)
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_of_twenty_parallel_uploads_few_threads_wait_and_pages_answer_meanwhile(
    watched: Watched, three_places: Places
) -> None:
    people = [make_person(f"Artist {number}", Role.ARTIST) for number in range(20)]
    watched.may_go_on.clear()
    senders = Senders(people, [make_concept(person, "Ink") for person in people])
    senders.wait_for(17)
    meanwhile = [Client().get(path).status_code for path in ("/", reverse("account_login"))]
    watched.may_go_on.set()

    assert senders.end() == {302: 3, 503: 17}
    assert meanwhile == [200, 200]
    assert watched.most == three_places.count
    assert set(watched.connections) == {"none"}
    assert Work.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_of_twenty_parallel_uploads_of_one_account_one_is_read_at_a_time(
    artist: User, watched: Watched
) -> None:
    concept = make_concept(artist, "Ink")
    watched.may_go_on.clear()
    senders = Senders([artist] * 20, [concept] * 20)
    senders.wait_for(19)
    watched.may_go_on.set()

    assert senders.end() == {302: 1, 429: 19}
    assert watched.most == 1
    assert concept.works.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_repeated_request_of_a_program_is_answered_without_reading_its_files_again(
    artist: User, program_of: ProgramOf, watched: Watched
) -> None:
    concept, program = make_concept(artist, "Ink"), program_of(artist)
    path = f"concepts/{concept.pk}/works"

    first = program.post_form(path, {"files": [sent(png(1))]}, key="one")
    again = program.post_form(path, {"files": [sent(png(1))]}, key="one")

    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert len(watched.connections) == 1
