"""`manage.py extract_concept` starts what the page starts, and refuses what the page refuses."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.extractions.models import Extraction
from tests.market.extractions.stage import make_claim


def test_it_queues_an_extraction_for_the_owner(base: BaseModel, model_owner: User, artist: User) -> None:
    claim, said = make_claim(artist, base), io.StringIO()
    call_command("extract_concept", "tiny", "Noto", kind="style", claim=str(claim.pk), stdout=said)

    made = Extraction.objects.get()
    assert (made.name, made.by, made.claim, made.method) == ("Noto", model_owner, claim, "hybrid")
    assert str(made.job_id) in said.getvalue()


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (("huge", "Noto"), {}, "registered are: tiny"),
        (("tiny", "Noto"), {"by": "nobody@example.org"}, "nobody with the address"),
        (("tiny", "a, b"), {}, "name: Use letters"),
        (("tiny", "Noto"), {"claim": "77"}, "claim: Select a valid choice"),
        (("tiny", "Noto"), {"pictures": 1}, "pictures: "),
    ],
)
def test_what_cannot_be_is_refused(
    base: BaseModel, arguments: tuple[str, str], options: dict[str, object], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("extract_concept", *arguments, kind="style", **options)
    assert not Extraction.objects.exists()


def test_a_stranger_takes_nothing_out(base: BaseModel, stranger: User) -> None:
    with pytest.raises(CommandError, match="Only the owner"):
        call_command("extract_concept", "tiny", "Noto", kind="style", by=stranger.email)
