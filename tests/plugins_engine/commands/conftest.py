"""What the tests of several commands begin with."""

from pathlib import Path

import pytest

from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine.tiny_pipelines import random_adapter


@pytest.fixture
def plugin(sd: BaseCheckpoint, tmp_path: Path) -> Path:
    path = tmp_path / "random.safetensors"
    random_adapter(sd).save(path)
    return path
