"""The judge: a small classifier of style and subject by which every quality number is measured.

It was trained on real and procedural pictures (``python -m training judge``) and takes no part in making plug-ins or pictures.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from pictures.still import on_white
from plugins_engine.concepts import KINDS, Concept
from plugins_engine.known import known_concepts
from plugins_engine.measure.judge_network import JudgeNetwork
from plugins_engine.measure.metrics import Rate
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.directory import EMBEDDED

EMBEDDED_JUDGE = EMBEDDED / "judge"


@dataclass(frozen=True)
class Verdict:
    """What the judge sees in one picture.

    Args:
        style: The likeliest style.
        style_confidence: How sure it is of it, 0 to 1.
        subject: The likeliest subject.
        subject_confidence: How sure it is of it, 0 to 1.
    """

    style: str
    style_confidence: float
    subject: str
    subject_confidence: float

    def shows(self, concept: Concept) -> bool:
        """Whether this is what is seen."""
        return concept.is_called(self.style if concept.kind == "style" else self.subject)


def to_tensor(images: Sequence[Image.Image], size: int) -> torch.Tensor:
    """Turn pictures into (n, 3, size, size) float32 in -1..1, resized where they have another size, on white where they are clear."""
    arrays = []
    for image in images:
        image = on_white(image)
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.LANCZOS)
        arrays.append(np.asarray(image, dtype=np.uint8))
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


class Judge:
    """The trained judge with its labels."""

    def __init__(self, network: JudgeNetwork, styles: Sequence[str], subjects: Sequence[str]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.styles = tuple(styles)
        self.subjects = tuple(subjects)

    @classmethod
    def load(cls, folder: Path = EMBEDDED_JUDGE) -> "Judge":
        """Read ``labels.json`` and ``judge.safetensors`` from a folder.

        Raises: FileNotFoundError naming the missing file.
        """
        labels = json.loads((folder / "labels.json").read_text())
        network = JudgeNetwork(len(labels["styles"]), len(labels["subjects"]))
        weights = load_file(folder / "judge.safetensors")
        network.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
        )
        return cls(network, labels["styles"], labels["subjects"])

    def knows(self, concept: Concept) -> bool:
        """Whether it can tell if the concept is seen."""
        listed = {"style": self.styles, "character": self.subjects}.get(concept.kind, ())
        return any(concept.is_called(each) for each in listed)

    @torch.no_grad()
    def features(self, images: Sequence[Image.Image], batch: int = 128) -> np.ndarray:
        """Give (n, feature_size) float32 features of pictures."""
        tensor = to_tensor(images, JudgeNetwork.SIZE)
        return torch.cat([self.network.features(part) for part in torch.split(tensor, batch)]).numpy()

    @torch.no_grad()
    def places(self, images: Sequence[Image.Image], batch: int = 128) -> np.ndarray:
        """Give (n, EMBEDDING) places of unit length; the cosine of two says how alike the pictures' styles are."""
        tensor = to_tensor(images, JudgeNetwork.SIZE)
        return torch.cat([self.network.embed(part) for part in torch.split(tensor, batch)]).numpy()

    @torch.no_grad()
    def verdicts(self, images: Sequence[Image.Image], batch: int = 128) -> list[Verdict]:
        """Judge pictures one by one."""
        found: list[Verdict] = []
        for part in torch.split(to_tensor(images, JudgeNetwork.SIZE), batch):
            style_logits, subject_logits = self.network(part)
            style, subject = style_logits.softmax(1).max(1), subject_logits.softmax(1).max(1)
            for i in range(len(part)):
                found.append(
                    Verdict(
                        self.styles[int(style.indices[i])],
                        float(style.values[i]),
                        self.subjects[int(subject.indices[i])],
                        float(subject.values[i]),
                    )
                )
        return found


def judge_of(base: BaseCheckpoint) -> Judge | None:
    """Give the embedded judge if it knows all that this base says it knows; else None."""
    known = known_concepts(base.directory.path)
    judge = Judge.load()
    fits = (
        known.listed and set(known.styles) <= set(judge.styles) and set(known.subjects) <= set(judge.subjects)
    )
    return judge if fits else None


def rightly_seen(verdicts: Sequence[Verdict], expected: Sequence[tuple[str, str]], kind: str) -> Rate:
    """Give the share of verdicts with the style, or for a character the subject, of the expected (style, subject)."""
    head = KINDS.index(kind)
    return seen(verdicts, [[Concept(each[head], kind)] for each in expected])


def seen(verdicts: Sequence[Verdict], asked: Sequence[Sequence[Concept]]) -> Rate:
    """Give the share of pictures in which all is seen that was asked for, picture by picture."""
    if not verdicts:
        raise ValueError("expected a verdict of at least one picture, found none")
    right = [
        all(verdict.shows(each) for each in concepts)
        for verdict, concepts in zip(verdicts, asked, strict=True)
    ]
    return Rate(sum(right), len(right))
