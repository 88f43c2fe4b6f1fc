"""The judge: a small classifier of style and subject by which every quality number is measured.

It was trained on real pictures only (``python -m training judge``) and takes no part in making plug-ins or pictures.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from pictures.still import on_white
from plugins_engine.concepts import KINDS, Concept
from plugins_engine.known import known_concepts
from plugins_engine.measure.metrics import Rate
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.directory import EMBEDDED

EMBEDDED_JUDGE = EMBEDDED / "judge"
SIZE = 64


class _Block(nn.Module):
    """Residual block, optionally halving the picture."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.skip = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 or inputs != outputs else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + (x if self.skip is None else self.skip(x)))


class JudgeNetwork(nn.Module):
    """Classify (n, 3, 64, 64) pictures in -1..1 by style and by subject."""

    WIDTHS = (48, 96, 160, 224)

    def __init__(self, styles: int, subjects: int) -> None:
        super().__init__()
        first, *rest = self.WIDTHS
        self.stem = nn.Conv2d(3, first, 5, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(first)
        blocks: list[nn.Module] = [_Block(first, first, 1)]
        for before, after in zip(self.WIDTHS, rest, strict=False):
            blocks.append(_Block(before, after, 2))
        self.blocks = nn.Sequential(*blocks)
        # How a thing is drawn shows at every scale, down to single edges; what is drawn, at the largest.
        self.style = nn.Linear(2 * sum(self.WIDTHS), styles)
        self.subject = nn.Linear(self.feature_size, subjects)

    @property
    def feature_size(self) -> int:
        return 2 * self.WIDTHS[-1]

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Give (n, feature_size) features; KID is computed on them."""
        return self._statistics(images)[-1]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give (n, styles) and (n, subjects) logits."""
        scales = self._statistics(images)
        return self.style(torch.cat(scales, dim=1)), self.subject(scales[-1])

    def _statistics(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Give each channel's mean and spread over the picture after every block, (n, 2 * width) each."""
        maps = F.relu(self.norm(self.stem(images)))
        scales = []
        for block in self.blocks:
            maps = block(maps)
            scales.append(torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1))
        return scales


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


def to_tensor(images: Sequence[Image.Image]) -> torch.Tensor:
    """Turn pictures into (n, 3, 64, 64) float32 in -1..1, reduced where they are larger, on white where they are clear."""
    arrays = []
    for image in images:
        image = on_white(image)
        if image.size != (SIZE, SIZE):
            image = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
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
        tensor = to_tensor(images)
        return torch.cat([self.network.features(part) for part in torch.split(tensor, batch)]).numpy()

    @torch.no_grad()
    def verdicts(self, images: Sequence[Image.Image], batch: int = 128) -> list[Verdict]:
        """Judge pictures one by one."""
        found: list[Verdict] = []
        for part in torch.split(to_tensor(images), batch):
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
