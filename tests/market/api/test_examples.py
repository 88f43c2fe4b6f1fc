"""The calls in docs/how-to/use-the-api.md do what is said beside them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from django.db import connection
from PIL import Image
from pytest_django.live_server_helper import LiveServer

from market.accounts.models import User
from market.accounts.tokens import make_token
from market.configuration import ROOT
from market.generation.finishing import finish_generation, store_pictures
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from tests.market.api.conftest import EVERY_SCOPE
from tests.market.stage import make_base, make_plugin, top_up

EXAMPLES = re.findall(
    r"^```sh\n(.*?)^```", (ROOT / "docs" / "how-to" / "use-the-api.md").read_text(), re.DOTALL | re.MULTILINE
)


def draw_what_comes(stop: threading.Event) -> None:
    """Do what a worker does, until it has drawn a picture."""
    try:
        while not stop.wait(0.2):
            for job in Job.objects.claim(kinds=["generation"], worker="w"):
                made = GenerationRequest.objects.get(pk=job.pk)
                pictures = [(Image.new("RGB", (8, 8), "teal"), made.seed)]
                stored = store_pictures(pk=job.pk, token=job.fencing_token, pictures=pictures)
                finish_generation(pk=job.pk, token=job.fencing_token, stored=stored)
                return
    finally:
        connection.close()


@pytest.mark.skipif(not shutil.which("curl"), reason="the examples are calls of curl")
@pytest.mark.django_db(transaction=True)
def test_the_examples_make_a_picture(
    user: User, artist: User, model_owner: User, live_server: LiveServer, tmp_path: Path
) -> None:
    make_plugin(artist, make_base(model_owner, slug="embedded"))
    top_up(user)
    _, words = make_token(user, name="test", scopes=EVERY_SCOPE, expires_at=None)
    stop = threading.Event()
    worker = threading.Thread(target=draw_what_comes, args=(stop,))
    worker.start()

    done = subprocess.run(
        ["/bin/sh", "-eux", "-c", "".join(EXAMPLES)],
        env={"PATH": os.environ["PATH"], "MARKET": live_server.url, "TOKEN": words},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    stop.set()
    worker.join()

    assert done.returncode == 0, done.stderr
    assert len(EXAMPLES) == 4
    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")
