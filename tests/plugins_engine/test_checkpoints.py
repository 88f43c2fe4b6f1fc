"""Checkpoints: what is kept comes back to the bit for the very same request, and else the operation starts anew."""

import hashlib
import io
import logging
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plugins_engine import checkpoints as module
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.checkpoints import NO_CHECKPOINT, Checkpoint, Checkpoints

REQUEST = {"base": "ab" * 32, "config": AdditionConfig(), "prompts": ["a fox", "a boat"]}


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "kept")


def of(kept: Checkpoints, **changes: object) -> Checkpoint:
    return kept.of("test", REQUEST | changes)


def the_file(kept: Checkpoints) -> Path:
    (found,) = kept.folder.iterdir()
    return found


def test_what_was_kept_comes_back_to_the_bit(kept: Checkpoints) -> None:
    tensors = [torch.randn(3, 4), torch.randn(5).bfloat16(), torch.arange(4, dtype=torch.uint8)]
    of(kept).write("part", {"tensors": tensors, "done": 7, "losses": [0.1, 0.2], "nothing": None})

    found = of(kept).read("part")

    assert found is not None
    assert all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(found["tensors"], tensors, strict=True)
    )
    assert (found["done"], found["losses"], found["nothing"]) == (7, [0.1, 0.2], None)
    assert of(kept).read("another part") is None


def test_pictures_come_back_to_the_bit(kept: Checkpoints) -> None:
    rng = np.random.default_rng(0)
    drawn = [Image.fromarray(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)) for _ in range(3)]
    of(kept).keep_pictures("drawn", drawn)

    found = of(kept).pictures("drawn")

    assert found is not None
    assert [(each.mode, each.tobytes()) for each in found] == [(each.mode, each.tobytes()) for each in drawn]


def test_the_folder_is_its_users_alone(kept: Checkpoints) -> None:
    of(kept).write("part", {"done": 1})
    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "change", [{"base": "cd" * 32}, {"config": AdditionConfig(rank=4)}, {"prompts": ["a fox"]}]
)
def test_another_requests_checkpoint_is_left_alone_and_the_log_says_so(
    kept: Checkpoints, change: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    of(kept).write("part", {"done": 1})

    with caplog.at_level(logging.WARNING):
        assert of(kept, **change).read("part") is None

    assert "of another request" in caplog.text
    assert of(kept).read("part") == {"done": 1}


def test_another_version_of_the_code_is_another_request(
    kept: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(kept).write("part", {"done": 1})
    monkeypatch.setattr(module, "_computed_by", lambda: "a later version")
    assert of(kept).read("part") is None


@pytest.mark.parametrize("place", [0, 10, 40, 80, 200, -1])
def test_a_byte_that_changed_anywhere_is_found(kept: Checkpoints, place: int) -> None:
    of(kept).write("part", {"done": 1, "tensor": torch.zeros(64)})
    content = bytearray(the_file(kept).read_bytes())
    content[place] ^= 1
    the_file(kept).write_bytes(content)

    assert of(kept).read("part") is None


@pytest.mark.parametrize("length", [0, 5, 60, 91, 92, 300])
def test_a_file_that_was_cut_off_is_found(
    kept: Checkpoints, length: int, caplog: pytest.LogCaptureFixture
) -> None:
    of(kept).write("part", {"done": 1, "tensor": torch.zeros(64)})
    the_file(kept).write_bytes(the_file(kept).read_bytes()[:length])

    with caplog.at_level(logging.WARNING):
        assert of(kept).read("part") is None

    assert "is damaged" in caplog.text


def test_nothing_that_runs_code_is_read(kept: Checkpoints, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "evil"),)

    buffer = io.BytesIO()
    torch.save({"done": Evil()}, buffer)
    of(kept).write("part", {"done": 1})
    begin = the_file(kept).read_bytes()[: len(module.MARK) + 32]
    digest = hashlib.sha256(buffer.getvalue()).digest()
    the_file(kept).write_bytes(begin + digest + buffer.getvalue())

    assert of(kept).read("part") is None
    assert not (tmp_path / "evil").exists()


def test_a_kill_in_the_middle_of_a_write_leaves_the_one_before(
    kept: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(kept).write("part", {"done": 1})

    class Killed(BaseException):
        pass

    def kill(_descriptor: int) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", kill)
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # a kill clears nothing away
        with pytest.raises(Killed):
            of(kept).write("part", {"done": 2})

    assert len(list(kept.folder.iterdir())) == 2
    assert of(kept).read("part") == {"done": 1}
    kept.clear()
    assert not kept.folder.exists()


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("in the way")
    checkpoint = of(Checkpoints(tmp_path / "kept"))

    with caplog.at_level(logging.WARNING):
        checkpoint.write("part", {"done": 1})

    assert "cannot be written" in caplog.text
    assert checkpoint.read("part") is None


def test_clearing_leaves_what_others_put_there(kept: Checkpoints) -> None:
    of(kept).write("part", {"done": 1})
    (kept.folder / "notes.txt").write_text("mine")

    kept.clear()

    assert [each.name for each in kept.folder.iterdir()] == ["notes.txt"]


def test_without_a_folder_nothing_is_kept() -> None:
    NO_CHECKPOINT.write("part", {"done": 1})
    NO_CHECKPOINT.keep_pictures("part", [Image.new("RGB", (2, 2))])
    assert NO_CHECKPOINT.read("part") is None
    assert not NO_CHECKPOINT.is_due
