"""A base model from a hub, over a real connection to a hub on this machine that may be hostile."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from market.accounts.models import User
from market.basemodels.checking import KIND
from market.basemodels.models import BaseModel, Licence
from market.basemodels.registering import register_base
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import BadBase, BaseCheckpoint, Cancelled, Progress
from tests.market.stage import make_order, run, top_up
from workers.engine import Engine
from workers.hub import copy_of_hub
from workers.running import work

pytestmark = pytest.mark.django_db(transaction=True)

NAME, COMMIT = "atelier/ink", "0123456789abcdef0123456789abcdef01234567"
UNET = "unet/diffusion_pytorch_model.safetensors"
FIELDS = {"slug": "ink", "name": "Ink", "licence": Licence.MIT.value, "fee_micros": 10_000}


class Hub:
    """What a hub lists and sends; a test changes one of the two."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.listing = [entry(path, data) for path, data in files.items()]
        self.sent: list[str] = []
        self.tokens: set[str | None] = set()
        self.status = 200

    def list(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self.listing.append(entry(path, data))


def entry(path: str, data: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    found: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob}
    if path.endswith((".safetensors", ".bin")):
        sha256 = hashlib.sha256(data).hexdigest()
        found["lfs"] = {"oid": sha256, "size": len(data), "pointerSize": 134}
    return found


class Answering(BaseHTTPRequestHandler):
    """The two addresses of a hub that a snapshot needs: the listing of a commit, and its files."""

    hub: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.hub.tokens.add(self.headers.get("Authorization"))
        path = urlsplit(self.path).path
        if self.hub.status != 200:
            self.send_response(self.hub.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == f"/api/models/{NAME}/tree/{COMMIT}":
            self.send(json.dumps(self.hub.listing).encode(), body=body)
        elif path.startswith(f"/{NAME}/resolve/{COMMIT}/"):
            name = path.removeprefix(f"/{NAME}/resolve/{COMMIT}/")
            if body:
                self.hub.sent.append(name)
            self.send(self.hub.files[name], body=body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RevisionNotFound" if NAME in path else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def send(self, data: bytes, *, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, as its base class has it
        """Keep quiet."""


@pytest.fixture
def hub(pipeline: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    settings.ALLOW_HUB, settings.HUB_ORGANISATIONS = True, []
    settings.HUB_COPIES_DIR = tmp_path / "hub"
    files = {
        path.relative_to(pipeline).as_posix(): path.read_bytes()
        for path in sorted(pipeline.rglob("*"))
        if path.is_file()
    }
    hub = Hub({path: data for path, data in files.items() if path.count("/") < 2})
    handler = type("OfThisHub", (Answering,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True).start()
    settings.HF_ENDPOINT, settings.HF_TOKEN = f"http://127.0.0.1:{server.server_port}", ""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def registered(hub: Hub, model_owner: User) -> BaseModel:
    return register_base(model_owner, FIELDS, hub=(NAME, COMMIT), by=model_owner)


def refused(base: BaseModel) -> str:
    with pytest.raises(BadBase) as refusal:
        copy_of_hub(base)
    return str(refusal.value)


def kept(base: BaseModel) -> Path:
    """Give the copy of a base, which is there."""
    return copy_of_hub(base)


def test_a_model_of_the_hub_is_fetched_checked_and_drawn_with(
    hub: Hub, registered: BaseModel, loaded: BaseCheckpoint, engine: Engine, user: User
) -> None:
    hub.list("README.md", b"# Ink")
    hub.list("safety_checker/model.safetensors", b"not read")
    hub.list("unet/diffusion_pytorch_model.bin", b"a pickle")
    hub.list("unet/diffusion_pytorch_model.fp16.safetensors", b"half")
    work(engine=engine, kinds=[KIND], worker="w")

    job = Job.objects.get(kind=KIND)
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    base = BaseModel.objects.get(pk=registered.pk)
    assert (base.fingerprint, base.source) == (loaded.fingerprint, f"hub:{NAME}@{COMMIT}")
    assert UNET in hub.sent
    assert not {"README.md", "safety_checker/model.safetensors", "unet/diffusion_pytorch_model.bin"} & set(
        hub.sent
    )
    assert "unet/diffusion_pytorch_model.fp16.safetensors" not in hub.sent, "the plain weights are there"
    assert hub.tokens == {None}

    hub.status = 500
    BaseModel.objects.update(listed=True)
    top_up(user)
    made = run(user, make_order(BaseModel.objects.get()))
    work(engine=Engine("cpu"), kinds=["generation"], worker="w")
    assert made.pictures.count() == 1, "it was fetched once"


def test_an_attempt_after_one_that_broke_fetches_only_what_is_not_there(
    hub: Hub, registered: BaseModel
) -> None:
    weights = hub.files[UNET]
    hub.files[UNET] = weights[:-1] + b"?"
    assert f"{UNET} is not what the hub's listing says" in refused(registered)
    before = list(hub.sent)
    hub.files[UNET] = weights

    assert (kept(registered) / UNET).read_bytes() == weights
    assert hub.sent[len(before) :] == [UNET]
    assert not (kept(registered) / ".cache").exists()


def test_the_token_of_the_workers_is_sent(hub: Hub, registered: BaseModel, settings: Any) -> None:
    settings.HF_TOKEN = "hf_workers"
    kept(registered)
    assert hub.tokens == {"Bearer hf_workers"}


def only_pickles(hub: Hub) -> None:
    hub.listing = [each for each in hub.listing if not each["path"].endswith(".safetensors")]
    hub.list("unet/diffusion_pytorch_model.bin", b"a pickle")


def no_index(hub: Hub) -> None:
    hub.listing = [each for each in hub.listing if each["path"] != "model_index.json"]


def announced_too_large(hub: Hub) -> None:
    for each in hub.listing:
        if each["path"] == UNET:
            each["size"] = 10**12


def large_text(hub: Hub) -> None:
    hub.listing.append({"type": "file", "path": "unet/notes.txt", "size": 10**9, "oid": "ab" * 20})


def sends_more(hub: Hub) -> None:
    hub.files[UNET] += b"0" * 5_000_000


def another_hash(hub: Hub) -> None:
    hub.files["unet/config.json"] = b"x" * len(hub.files["unet/config.json"])


def twice(hub: Hub) -> None:
    hub.listing.append(next(each for each in hub.listing if each["path"] == UNET))


def no_list(hub: Hub) -> None:
    hub.listing = [{"type": "file", "path": "unet/config.json"}]


def breaks(hub: Hub) -> None:
    hub.status = 403


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        (only_pickles, "only unet/diffusion_pytorch_model.bin, which can run code"),
        (no_index, "model_index.json is missing"),
        (announced_too_large, "at most 20,000 MB are taken"),
        (large_text, "unet/notes.txt: expected at most 50 MB, found 1,000.0 MB"),
        (sends_more, "more arrived than the hub's listing says"),
        (another_hash, "unet/config.json is not what the hub's listing says"),
        (twice, "Name each file once"),
        (no_list, "what the hub sent cannot be used"),
        (breaks, "the hub answered 403"),
    ],
)
def test_a_hostile_answer_is_refused_with_the_reason_and_makes_no_copy(
    hub: Hub, registered: BaseModel, settings: Any, hostile: Callable[[Hub], None], said: str
) -> None:
    settings.UPLOADS = replace(settings.UPLOADS, base_bytes=20_000_000_000)
    hostile(hub)
    found = refused(registered)
    assert said in found
    assert found.startswith(f"{NAME} at {COMMIT[:10]}: ")
    assert not [each for each in settings.HUB_COPIES_DIR.iterdir() if not each.name.startswith(".")]


def test_names_that_lead_elsewhere_are_never_written(hub: Hub, registered: BaseModel, tmp_path: Path) -> None:
    for path in ("../evil.json", "unet/../../evil.json", "/tmp/evil.json", "unet/.hidden.json"):  # noqa: S108
        hub.list(path, b"{}")
    copy = kept(registered)
    assert not [each for each in tmp_path.rglob("*") if "evil" in each.name or "hidden" in each.name]
    assert all(each.is_relative_to(copy) for each in copy.rglob("*"))


def test_what_the_hub_does_not_have_is_said(hub: Hub, model_owner: User) -> None:
    other_commit = register_base(model_owner, FIELDS, hub=(NAME, "ab" * 20), by=model_owner)
    other_name = register_base(
        model_owner, FIELDS | {"slug": "b"}, hub=("nobody/nothing", COMMIT), by=model_owner
    )
    assert "no such commit" in refused(other_commit)
    assert "no such model" in refused(other_name)


def test_a_hub_that_cannot_be_reached_fails_the_check_with_words(
    registered: BaseModel, engine: Engine, settings: Any
) -> None:
    settings.HF_ENDPOINT = "http://127.0.0.1:9"
    work(engine=engine, kinds=[KIND], worker="w")
    job = Job.objects.get(kind=KIND)
    assert job.state == JobState.FAILED
    assert "the hub cannot be reached from the workers" in job.error


def test_a_market_that_takes_none_any_more_fetches_nothing(
    hub: Hub, registered: BaseModel, settings: Any
) -> None:
    settings.ALLOW_HUB = False
    assert "fetches nothing from a hub" in refused(registered)
    settings.ALLOW_HUB, settings.HUB_ORGANISATIONS = True, ["others"]
    assert "only of others" in refused(registered)
    assert hub.tokens == set(), "nobody was asked"


def test_who_stops_waiting_stops_the_fetching(hub: Hub, registered: BaseModel, settings: Any) -> None:
    def stop(progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        copy_of_hub(registered, stop)
    assert not [each for each in settings.HUB_COPIES_DIR.iterdir() if not each.name.startswith(".")]
    assert kept(registered).is_dir()


def test_copies_of_what_no_base_is_any_more_are_cleared_away(
    hub: Hub, registered: BaseModel, settings: Any
) -> None:
    copy = kept(registered)
    gone = settings.HUB_COPIES_DIR / "gone"
    gone.mkdir()
    copy.rename(copy.with_name("0" * 32))
    kept(registered)
    assert not gone.exists()
    assert not copy.with_name("0" * 32).exists()
