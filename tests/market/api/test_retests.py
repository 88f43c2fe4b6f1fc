"""How plug-ins draw on new releases, and training them again, by the API."""

from __future__ import annotations

import pytest

from market.accounts.models import Scope, User
from market.basemodels.models import BaseModel
from market.extractions import retraining
from market.extractions.models import Retest
from market.extractions.retraining import complete_retraining
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.extractions.stage import claim_job, make_dropped, retraining_output


@pytest.fixture
def dropped(artist: User, base: BaseModel) -> Retest:
    return make_dropped(artist, base)


@pytest.fixture
def program(artist: User, program_of: ProgramOf) -> Program:
    return program_of(artist)


def test_an_artist_reads_which_of_their_plugins_dropped(program: Program, dropped: Retest) -> None:
    (listed,) = program.get("retests").json()["results"]
    assert (listed["plugin"], listed["release"], listed["dropped"]) == ("riverink", 2, True)

    said = program.get(listed["url"]).json()

    assert (said["figures"], said["retraining"], said["obstacles"]) == ({"moved": 0.4}, None, [])


def test_it_is_trained_again_compared_and_accepted(program: Program, dropped: Retest) -> None:
    path = f"retests/{dropped.pk}"
    answer = program.post(f"{path}/train-again")
    assert answer.status_code == 201, answer.content
    assert answer.json()["retraining"]["state"] == "training"
    problem(program.post(f"{path}/accept"), 422, "invalid")
    job = claim_job(retraining.KIND)
    complete_retraining(job=job, token=job.fencing_token, output=retraining_output())
    offered = program.get(path).json()["retraining"]
    assert (offered["state"], offered["version"], offered["figures"]["moved"]) == ("offered", 2, 0.03)

    assert program.post(f"{path}/accept").json()["retraining"]["state"] == "accepted"

    assert program.post(f"{path}/decline").json()["retraining"]["state"] == "declined"
    said = problem(program.post(f"{path}/train-again"), 422, "invalid")
    assert "already" in said["detail"]


def test_who_governs_the_base_reads_it_and_only_the_artist_acts(
    dropped: Retest, artist: User, model_owner: User, stranger: User, program_of: ProgramOf
) -> None:
    path = f"retests/{dropped.pk}"
    said = program_of(model_owner).get(path).json()
    assert said["obstacles"] == ["Only its artist has a plug-in trained again."]
    problem(program_of(stranger).get(path), 404, "not-found")

    for other in (model_owner, stranger):
        for act in ("train-again", "accept", "decline"):
            problem(program_of(other).post(f"{path}/{act}"), 404, "not-found")
        assert program_of(other).get("retests").json()["results"] == []
    problem(program_of(artist, Scope.READ).post(f"{path}/train-again"), 403, "not-allowed")
    assert not dropped.retrainings.exists()
