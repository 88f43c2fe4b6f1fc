"""A plug-in that draws and earns, an artist who says that it contains their work, and takedowns of it."""

from __future__ import annotations

import pytest
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.claims import answering, drafting
from market.claims.models import Claim, CounterNotice
from market.generation.finishing import finish_generation, store_pictures
from market.generation.models import GenerationRequest, Picture
from market.jobs.models import Job
from market.takedowns import taking_down
from market.takedowns.models import Takedown
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause
from tests.market.catalog.conftest import files_of_its_own, make_concept, with_works
from tests.market.claims.conftest import PAPER, PROMPTS, measured, notice, with_controls
from tests.market.stage import EURO, make_base, make_order, make_plugin, run, top_up

__all__ = ["files_of_its_own"]

FEE = 45_000  # of 50 000, less the commission
NOTICE = Cause(Ground.NOTICE, "My drawing of 2019 is in it, says a letter of a Carla Chalk.")
SORRY = "The letter was withdrawn."


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def plugin(second_artist: User, base: BaseModel, user: User) -> PlugIn:
    """The second artist's, at €0.05 a picture."""
    top_up(user, 5 * EURO)
    return make_plugin(second_artist, base, name="Copied")


def claim_about(plugin: PlugIn, concept: Concept) -> Claim:
    """A claim about a plug-in whose evidence is there."""
    said = drafting.Draft(prompts=PROMPTS, rights="I drew them in 2019.")
    claim = drafting.draft_claim(concept=concept, about=plugin, by=concept.artist, draft=said)
    drafting.choose_works(claim, concept.artist, list(concept.works.all()[:2]))
    with_controls(claim)
    drafting.submit_claim(claim, concept.artist, notice())
    measured(claim)
    return claim


@pytest.fixture
def claim(plugin: PlugIn, artist: User) -> Claim:
    return claim_about(plugin, with_works(make_concept(artist, "Riverink"), 3))


def drawn(request: GenerationRequest) -> list[Picture]:
    """Let a worker draw a request."""
    (job,) = Job.objects.claim(kinds=["generation"], worker="test")
    assert job.pk == request.pk
    pictures = [(Image.new("RGB", (8, 8), (index, 90, 30)), index) for index in range(request.count)]
    stored = store_pictures(pk=request.pk, token=job.fencing_token, pictures=pictures)
    return finish_generation(pk=request.pk, token=job.fencing_token, stored=stored)


def query(person: User, *plugins: PlugIn, count: int = 1) -> list[Picture]:
    wish = make_order(plugins[0].base, *((each, 1.0) for each in plugins), count=count)
    return drawn(run(person, wish))


def asked(person: User, *plugins: PlugIn) -> GenerationRequest:
    return run(person, make_order(plugins[0].base, *((each, 1.0) for each in plugins)))


def taken_down(plugin: PlugIn, admin: User, cause: Cause = NOTICE, *, pictures: bool = False) -> Takedown:
    made = taking_down.take_down_plugin(plugin, admin, cause, pictures=pictures)
    plugin.refresh_from_db()
    return made


def accepted(claim: Claim) -> Takedown:
    """Accept a claim about a plug-in as its artist, and give the takedown that came of it."""
    answering.accept_claim(claim, claim.respondent)
    return Takedown.objects.with_everything().get(claim=claim)


def counter_notice() -> CounterNotice:
    return CounterNotice(
        **PAPER, statements="I state it.", mistaken_under_perjury=True, consents_to_jurisdiction=True
    )


def kinds_of(takedown: Takedown) -> list[str]:
    return list(takedown.steps.values_list("kind", flat=True))


def is_offered(plugin: PlugIn) -> bool:
    return PlugIn.objects.published().filter(pk=plugin.pk).exists()
