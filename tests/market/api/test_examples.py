"""The calls in docs/how-to/use-the-api.md do what is said beside them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from PIL import Image
from pytest_django.live_server_helper import LiveServer

from market.accounts.models import User
from market.accounts.tokens import make_token
from market.basemodels.models import BaseModel
from market.basemodels.models.uploads import PART_BYTES
from market.basemodels.uploading import begin_upload, take_part
from market.catalog.models import PlugIn
from market.catalog.versions import complete_version
from market.configuration import ROOT
from market.generation.finishing import finish_generation, store_pictures
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from tests.market.api.conftest import EVERY_SCOPE
from tests.market.basemodels.conftest import announcing
from tests.market.catalog.conftest import output
from tests.market.catalog.pictures import png
from tests.market.stage import make_base, make_plugin, top_up

HOW_TO = (ROOT / "docs" / "how-to" / "use-the-api.md").read_text()

pytestmark = [
    pytest.mark.skipif(not shutil.which("curl"), reason="the examples are calls of curl"),
    pytest.mark.django_db(transaction=True),
]


def examples(section: str, language: str = "sh") -> list[str]:
    """Give the examples of a section of the how-to, in order."""
    (text,) = re.findall(rf"^## {section}$(.*?)(?=^## |\Z)", HOW_TO, re.DOTALL | re.MULTILINE)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def follow(section: str, market: str, person: User, directory: Path) -> None:
    """Run the examples of a section, one after the other, in one shell."""
    _, words = make_token(person, name="test", scopes=EVERY_SCOPE, expires_at=None)
    done = subprocess.run(
        ["/bin/sh", "-eux", "-c", "".join(examples(section))],
        env={"PATH": os.environ["PATH"], "MARKET": market, "TOKEN": words},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def draw(job: Job) -> None:
    made = GenerationRequest.objects.get(pk=job.pk)
    pictures = [(Image.new("RGB", (8, 8), "teal"), made.seed)]
    stored = store_pictures(pk=job.pk, token=job.fencing_token, pictures=pictures)
    finish_generation(pk=job.pk, token=job.fencing_token, stored=stored)


def learn(job: Job) -> None:
    complete_version(job=job, token=job.fencing_token, output=output())


@contextmanager
def worker(kind: str, do: Callable[[Job], None]) -> Iterator[None]:
    """Do meanwhile what a worker does with the first job of a kind."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(0.2):
                for job in Job.objects.claim(kinds=[kind], worker="w"):
                    do(job)
                    return
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_examples_make_a_picture(
    user: User, artist: User, model_owner: User, live_server: LiveServer, tmp_path: Path
) -> None:
    make_plugin(artist, make_base(model_owner, slug="embedded"))
    top_up(user)

    with worker("generation", draw):
        follow("Make a picture", live_server.url, user, tmp_path)

    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")


def test_the_examples_sell_a_plugin(
    artist: User, model_owner: User, live_server: LiveServer, tmp_path: Path
) -> None:
    make_base(model_owner, slug="embedded")
    (tmp_path / "works").mkdir()
    for number, name in enumerate(("red-fox", "house", "old-owl")):
        (tmp_path / "works" / f"{name}.png").write_bytes(png(number))

    with worker("addition", learn):
        follow("Sell a plug-in", live_server.url, artist, tmp_path)

    plugin = PlugIn.objects.published().get()
    assert (plugin.name, plugin.owner, plugin.price_micros) == ("Riverink", artist, 50_000)
    assert [work.caption for work in plugin.concept.works.all()] == ["house", "old owl", "red fox"]


def test_the_examples_send_a_base_model_and_go_on_where_it_was_interrupted(
    model_owner: User, live_server: LiveServer, tmp_path: Path
) -> None:
    (program,) = examples("Send a base model", "python")
    (tmp_path / "send_base.py").write_text(program)
    files = {
        "model_index.json": b"{}",
        "unet/weights.safetensors": b"w" * (PART_BYTES + 10),
        "vae/config.json": b"{}",
    }
    for path, data in (files | {"README.md": b"Read me.", "unet/weights.bin": b"pickled"}).items():
        file = tmp_path / "sd15" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    begun = begin_upload(model_owner, announcing(files))
    take_part(begun, 1, 0, files["unet/weights.safetensors"][:PART_BYTES])

    follow("Send a base model", live_server.url, model_owner, tmp_path)

    base = BaseModel.objects.get()
    assert (base.name, base.upload, base.upload.is_complete if base.upload else None) == (
        "River diffusion", begun, True,
    )  # fmt: skip
