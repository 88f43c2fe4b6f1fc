"""The judge's network: style as a place in a space of styles, and subject as a class."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + (x if self.skip is None else self.skip(x)))


class JudgeNetwork(nn.Module):
    """Place (n, 3, 128, 128) pictures in -1..1 among styles, and name their subject.

    Every style has a proxy on the unit sphere, and a picture's embedding is drawn to its own (normalised softmax, Zhai
    and Wu 2018, arXiv 1811.12649). So two pictures of a style that was never seen lie close together too.
    """

    SIZE = 128
    WIDTHS = (24, 48, 96, 160, 224)
    EMBEDDING = 128
    SHARPNESS = 16.0  # logits of styles are cosines times this

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
        self.embedding = nn.Linear(2 * sum(self.WIDTHS), self.EMBEDDING)
        self.proxies = nn.Parameter(torch.randn(styles, self.EMBEDDING))
        self.subject = nn.Linear(self.feature_size, subjects)

    @property
    def feature_size(self) -> int:
        return 2 * self.WIDTHS[-1]

    def features(self, images: Tensor) -> Tensor:
        """Give (n, feature_size) features; KID is computed on them."""
        return self._statistics(images)[-1]

    def embed(self, images: Tensor) -> Tensor:
        """Give (n, EMBEDDING) places of unit length; the cosine of two says how alike their styles are."""
        return self._place(self._statistics(images))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give (n, styles) and (n, subjects) logits."""
        scales = self._statistics(images)
        styles = self.SHARPNESS * self._place(scales) @ F.normalize(self.proxies, dim=1).T
        return styles, self.subject(scales[-1])

    def _place(self, scales: list[Tensor]) -> Tensor:
        return F.normalize(self.embedding(torch.cat(scales, dim=1)), dim=1)

    def _statistics(self, images: Tensor) -> list[Tensor]:
        """Give each channel's mean and spread over the picture after every block, (n, 2 * width) each."""
        maps = F.relu(self.norm(self.stem(images)))
        scales = []
        for block in self.blocks:
            maps = block(maps)
            scales.append(torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1))
        return scales
