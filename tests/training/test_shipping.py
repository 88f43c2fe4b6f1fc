"""What ships can be made checkpoints of, and its card says what was measured."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from plugins_engine import EMBEDDED, load_base
from training import card, restore
from training.model import load_trained_parts


def test_training_goes_on_from_the_weights_that_ship(tmp_path: Path) -> None:
    restore.restore(tmp_path)

    parts, base = load_trained_parts(tmp_path), load_base()
    assert torch.equal(parts.unet.conv_in.weight, base.denoiser.conv_in.weight.float())
    prompt = ["a red rocket on a navy ground, Lucide style"]
    assert torch.allclose(parts.encode(prompt), base.encode_prompt(prompt).tokens, atol=1e-5)
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert state["step"] == json.loads((EMBEDDED / "card.json").read_text())["trained_steps"] > 0


def test_better_checkpoints_are_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"better")

    with pytest.raises(FileExistsError, match=r"model\.pt is there already"):
        restore.restore(tmp_path)

    assert (tmp_path / "model.pt").read_bytes() == b"better"


def test_a_card_without_figures_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run `python -m benchmarks base --json"):
        card.write(tmp_path)


def test_the_card_has_the_figures_with_their_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "embedded"
    folder.mkdir()
    facts = {"fingerprint": "ab" * 32, "trained_steps": 10_000}
    (folder / "card.json").write_text(json.dumps(facts))
    monkeypatch.setattr(card, "EMBEDDED", folder)
    figures: list[dict[str, Any]] = [
        figure("training_captions_style", 0.93, target=0.9, met=True),
        figure("autoencoder_psnr_db", 33.7, target=30.0, met=True),
        figure("judge_same_style_area", 0.96, target=0.95, met=True),
        figure("held_out_styles_unknown", 0.2, target=0.1, met=False, at_least=False),
    ]
    (tmp_path / "base.json").write_text(json.dumps({"machine": "two cores", "figures": figures}))

    card.write(tmp_path)

    shown = json.loads((folder / "card.json").read_text())["figures"]
    assert [(each["name"], each["unit"]) for each in shown] == [
        ("training captions style", "%"), ("autoencoder psnr", "dB"), ("judge same style area", ""),
        ("held out styles unknown", "%"),
    ]  # fmt: skip
    page = (folder / "README.md").read_text()
    assert "10,000 steps" in page
    assert "| held out styles unknown (a note) | 0.200 | <= 0.1 | missed |" in page


def figure(name: str, ours: float, **said: Any) -> dict[str, Any]:
    return {"name": name, "ours": ours, "at_least": True, "peer": None, "note": "a note", **said}
