"""The pages where model owners register their base models, follow checks and confirm weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.checking import KIND, start_check
from market.basemodels.forms import OfferForm
from market.basemodels.models import BaseModel, BaseUpload
from market.basemodels.models.uploads import FOLDERS
from market.basemodels.uploading import begin_upload
from market.basemodels.urls import urlpatterns
from market.jobs.models import Job
from tests.market.basemodels.conftest import FILES, Register, announcing, complete_upload, pass_check

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db

FORM = {"name": "Ink and sea", "slug": "", "fee_micros": "0.02", "licence": "MIT", "description": "Calm."}

# Of an owner's own things: how they are asked for, and by what.
PRIVATE = {
    "upload": ("get", "upload"),
    "part": ("put", "part"),
    "give_up": ("post", "upload"),
    "check": ("post", "base"),
    "confirm": ("post", "base"),
    "replace": ("post", "base"),
    "withdraw": ("post", "base"),
    "remove": ("post", "base"),
}
# Public pages, and one's own lists and forms: tested by themselves.
OTHERS = {"bases", "base", "sample", "my_bases", "register", "begin_upload"}


def test_every_address_is_tested() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(PRIVATE) | OTHERS


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_anothers_does_not_exist(
    name: str,
    checked: BaseModel,
    model_owner: User,
    stranger: User,
    user: User,
    client: Client,
    client_for: SignIn,
) -> None:
    upload = begin_upload(model_owner, announcing(FILES))
    method, about = PRIVATE[name]
    arguments: dict[str, list[Any]] = {
        "upload": [upload.pk], "part": [upload.pk, 0, 0], "base": [checked.slug],
    }  # fmt: skip
    url = reverse(f"basemodels:{name}", args=arguments[about])

    assert getattr(client, method)(url).status_code == 302
    assert getattr(client_for(stranger), method)(url).status_code == 404
    assert getattr(client_for(user), method)(url).status_code in ((302,) if method == "get" else (404,))
    assert (BaseUpload.objects.count(), Job.objects.filter(kind=KIND).count()) == (1, 1)


def test_a_page_of_owners_leads_others_to_the_role(user: User, client: Client, client_for: SignIn) -> None:
    for name in ("my_bases", "register"):
        url = reverse(f"basemodels:{name}")
        assert client.get(url)["Location"].startswith("/accounts/login/")
        assert client_for(user).get(url)["Location"] == "/me/roles/model_owner/"


def test_owners_see_their_own_and_admins_all(
    checked: BaseModel, register: Register, model_owner: User, stranger: User, admin: User, client_for: SignIn
) -> None:
    register(owner=stranger, slug="theirs", name="Theirs")

    mine = client_for(model_owner).get("/my-bases/").content.decode()
    assert ("Mine" in mine, "Theirs" in mine) == (True, False)
    every = client_for(admin).get("/my-bases/").content.decode()
    assert "Theirs" in every
    assert "Sam Stranger" in every
    assert "Register a base model" not in every


def test_a_directory_is_registered_on_the_page(
    register: Register, model_owner: User, client_for: SignIn, settings: Any
) -> None:
    source = str(settings.DATA_DIR / "models" / "ink")

    response = client_for(model_owner).post("/my-bases/register/", FORM | {"source": source})

    assert response["Location"] == "/bases/ink-and-sea/"
    base = BaseModel.objects.get()
    assert (base.source, base.fee_micros, base.listed) == (source, 20_000, False)
    page = client_for(model_owner).get("/bases/ink-and-sea/").content.decode()
    assert "A worker opens the weights" in page


def test_an_upload_is_listed_and_registered_on_the_page(model_owner: User, client_for: SignIn) -> None:
    upload, client = complete_upload(model_owner), client_for(model_owner)
    assert f"/my-bases/register/?upload={upload.pk}" in client.get("/my-bases/").content.decode()
    assert str(upload.pk) in client.get(f"/my-bases/register/?upload={upload.pk}").content.decode()

    response = client.post("/my-bases/register/", FORM | {"upload": str(upload.pk)})

    assert response.status_code == 302
    assert BaseModel.objects.get().upload == upload


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Give just one of these"),
        ({"source": "/etc"}, "Expected a directory below"),
        ({"upload": "00000000-0000-0000-0000-000000000000"}, "no such upload of yours"),
        ({"upload": "x"}, "valid UUID"),
        ({"licence": ""}, "This field is required"),
        ({"licence": "LicenseRef-Other"}, "Give the address or the text of the licence."),
        ({"slug": "mine"}, "Another base model has this address"),
        ({"slug": "a b"}, "slug"),
        ({"name": "猫"}, "slug: This field cannot be blank."),
        ({"fee_micros": "-1"}, "greater than or equal to 0"),
        ({"licence_url": "javascript:alert(1)"}, "valid URL"),
    ],
)
def test_what_cannot_be_registered_is_said_and_what_was_typed_stays(
    register: Register,
    model_owner: User,
    client_for: SignIn,
    settings: Any,
    changes: dict[str, str],
    said: str,
) -> None:
    register()
    source = {} if not changes or "upload" in changes else {"source": str(settings.DATA_DIR / "models" / "a")}

    response = client_for(model_owner).post("/my-bases/register/", FORM | source | changes)

    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert "Calm." in page
    assert BaseModel.objects.count() == 1


def test_a_failed_check_says_why_and_the_base_can_be_checked_again_or_removed(
    register: Register, model_owner: User, client_for: SignIn
) -> None:
    register()
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    Job.objects.fail(job.pk, token=job.fencing_token, error="unet: expected <weights>")
    client = client_for(model_owner)
    page = client.get("/bases/mine/").content.decode()
    assert "unet: expected &lt;weights&gt;" in page
    assert "Remove it" in page

    client.post("/my-bases/of/mine/check/")
    assert Job.objects.filter(kind=KIND).count() == 2
    assert "being checked already" in client.post("/my-bases/of/mine/check/", follow=True).content.decode()
    assert "being checked just now" in client.post("/my-bases/of/mine/remove/", follow=True).content.decode()
    Job.objects.request_cancel(BaseModel.objects.get().check_job_id)  # type: ignore[arg-type]  # there is one

    assert client.post("/my-bases/of/mine/remove/")["Location"] == "/my-bases/"
    assert not BaseModel.objects.exists()


def test_a_passed_check_is_shown_and_the_owner_lists_the_base(
    checked: BaseModel, model_owner: User, client: Client, client_for: SignIn
) -> None:
    owner = client_for(model_owner)
    page = owner.get("/bases/mine/").content.decode()
    for part in ("It passed.", "a fox in the snow", "cd" * 32, "Drawn by a worker"):
        assert part in page, part
    assert client.get("/bases/mine/").status_code == 404

    form = {"fee_micros": "0.02", "default_steps": "25", "default_guidance": "3", "max_steps": "40",
            "max_pictures": "2", "max_waiting": "5", "licence": "MIT", "listed": "on"}  # fmt: skip
    assert owner.post("/bases/mine/", form).status_code == 302

    page = client.get("/bases/mine/").content.decode()
    for part in ("40 steps", "2 pictures a request", "5 unfinished requests", "MIT", "What was checked"):
        assert part in page, part
    assert "Check it again" not in page
    assert "3.7 GB to draw with" in page.replace("\u00a0", " ")


@pytest.mark.parametrize(
    "licence",
    [
        {"licence": "CC-BY-NC-4.0"},
        {"licence": "CC-BY-NC-SA-4.0"},
        {"licence": "LicenseRef-Other-NonCommercial", "licence_url": "https://example.org/terms"},
    ],
)
def test_a_base_whose_licence_forbids_commercial_use_is_not_sold(
    checked: BaseModel, model_owner: User, client_for: SignIn, licence: dict[str, str]
) -> None:
    owner = client_for(model_owner)
    offer = {"fee_micros": "0.02", "default_steps": "25", "default_guidance": "3"}

    refused = owner.post("/bases/mine/", offer | licence | {"listed": "on"})
    assert refused.status_code == 422
    assert "forbids commercial use" in refused.content.decode()
    assert owner.post("/bases/mine/", offer | licence).status_code == 302, "it may be kept, and not listed"
    assert "forbids commercial use" in owner.get("/bases/mine/").content.decode()


def test_a_listed_base_does_not_get_a_licence_that_forbids_commercial_use(
    checked: BaseModel, model_owner: User, client_for: SignIn
) -> None:
    owner = client_for(model_owner)
    offer = {
        "fee_micros": "0.02",
        "default_steps": "25",
        "default_guidance": "3",
        "licence": "MIT",
        "listed": "on",
    }
    assert owner.post("/bases/mine/", offer).status_code == 302

    refused = owner.post("/bases/mine/", offer | {"licence": "CC-BY-NC-4.0"})

    assert refused.status_code == 422
    assert "forbids commercial use" in refused.content.decode()
    assert BaseModel.objects.get().licence == "MIT"


def test_an_unchecked_base_cannot_be_listed_on_the_page(
    register: Register, model_owner: User, client_for: SignIn
) -> None:
    register()
    form = {"fee_micros": "0.02", "default_steps": "25", "default_guidance": "3", "listed": "on"}

    response = client_for(model_owner).post("/bases/mine/", form)

    assert response.status_code == 422
    assert "It is being checked just now" in response.content.decode()


def test_other_weights_are_shown_to_the_owner_who_confirms_them(
    checked: BaseModel, model_owner: User, admin: User, client_for: SignIn
) -> None:
    start_check(checked, model_owner)
    pass_check(checked, fingerprint="ef" * 32)
    owner, by_admin = client_for(model_owner), client_for(admin)
    page = owner.get("/bases/mine/").content.decode()
    assert "found other weights" in page
    assert "Use these weights as a release" in page
    assert "Use these weights as a release" not in by_admin.get("/bases/mine/").content.decode()
    assert by_admin.post("/my-bases/of/mine/confirm/", {"fingerprint": "ef" * 32}).status_code == 404

    owner.post("/my-bases/of/mine/confirm/", {"fingerprint": "ab" * 32})
    assert BaseModel.objects.get().fingerprint == "cd" * 32
    owner.post("/my-bases/of/mine/confirm/", {"fingerprint": "ef" * 32})
    assert BaseModel.objects.get().default_release().number == 2


def test_an_admin_has_a_base_checked_and_leaves_a_line(
    checked: BaseModel, admin: User, client_for: SignIn
) -> None:
    client_for(admin).post("/my-bases/of/mine/check/")

    assert Job.objects.filter(kind=KIND).count() == 2
    assert AuditLine.objects.get(action="base.check_asked_for").person == admin


def test_samples_of_weights_in_use_are_for_whoever_sees_the_base(
    checked: BaseModel, model_owner: User, stranger: User, client: Client, client_for: SignIn
) -> None:
    (sample,) = checked.checks.get().samples.all()
    assert client_for(model_owner).get(sample.url).status_code == 200
    assert client_for(stranger).get(sample.url).status_code == 404
    BaseModel.objects.update(listed=True)
    assert client.get(sample.url)["Content-Type"] == "image/png"

    start_check(checked, model_owner)
    other = pass_check(checked, fingerprint="ef" * 32).samples.get()
    BaseModel.objects.update(listed=True)

    assert client.get(other.url).status_code == 404
    assert client_for(model_owner).get(other.url).status_code == 200


def test_the_jobs_page_shows_what_was_found(
    checked: BaseModel, model_owner: User, client_for: SignIn
) -> None:
    page = client_for(model_owner).get(checked.checks.get().job.get_absolute_url()).content.decode()

    for part in ("Check of Mine", "cd" * 32, "/bases/mine/"):
        assert part in page, part


def test_the_upload_script_reads_the_same_files_as_the_market() -> None:
    path = finders.find("basemodels/upload.js")
    assert isinstance(path, str)
    assert f"(?:{FOLDERS})" in Path(path).read_text()


def test_a_json_list_is_what_the_page_sends(model_owner: User, client_for: SignIn) -> None:
    entries = [vars(each) for each in announcing(FILES)]
    answer = client_for(model_owner).post(
        reverse("basemodels:begin_upload"), json.dumps({"files": entries}), content_type="application/json"
    )
    assert answer.json()["files"][0] == {
        "position": 0, "path": "model_index.json", "size": 2, "parts": 0, "parts_needed": 1, "complete": False,
    }  # fmt: skip


def test_saving_the_settings_leaves_what_a_worker_wrote_meanwhile(
    register: Register, model_owner: User, client_for: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = register()
    judged = OfferForm.is_valid

    def is_valid(form: OfferForm) -> bool:
        pass_check(base)
        return judged(form)

    monkeypatch.setattr(OfferForm, "is_valid", is_valid)
    form = {"fee_micros": "0.05", "default_steps": "25", "default_guidance": "3", "licence": "MIT"}

    assert client_for(model_owner).post("/bases/mine/", form).status_code == 302

    base.refresh_from_db()
    assert (base.fee_micros, base.fingerprint) == (50_000, "cd" * 32)
