"""Projection takes what a delta does in the old layer's main directions to the new layer's, and the rest to the rest."""

import pytest
import torch
from torch import Tensor

from plugins_engine.adapters.delta import LowRank, materialise, rank
from plugins_engine.carrying.projection import main_directions, project, projected
from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine.carrying.generations import NextOf
from tests.plugins_engine.tiny_pipelines import random_adapter


@pytest.fixture
def factors() -> LowRank:
    torch.manual_seed(0)
    return torch.randn(12, 3), torch.randn(3, 20)


def projector(directions: Tensor) -> Tensor:
    return directions @ directions.T


def test_it_is_the_published_equation(factors: LowRank) -> None:
    torch.manual_seed(1)
    old, new = (main_directions(torch.randn(12, 20), 0.7) for _ in range(2))
    ones, wide = torch.eye(12), torch.eye(20)
    (ps, rs), (pt, rt) = ([projector(each) for each in some] for some in (old, new))
    full = materialise(factors)
    main = pt @ ps @ full @ rs @ rt
    rest = (ones - pt) @ (ones - ps) @ full @ (wide - rs) @ (wide - rt)

    found = project(factors, old, new)

    assert rank(found) == 6
    assert torch.allclose(materialise(found), main + rest, atol=1e-4)


def test_main_directions_hold_the_share_that_is_asked_for() -> None:
    torch.manual_seed(2)
    weight = torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.5])) @ torch.linalg.qr(torch.randn(4, 4))[0]
    left, right = main_directions(weight, 0.9)  # 9 and 4 of 14.25 are .912
    assert left.shape == right.shape == (4, 2)
    assert torch.allclose(left.T @ left, torch.eye(2), atol=1e-5)
    assert main_directions(weight, 1.0)[0].shape == (4, 4)


def test_a_delta_in_the_main_directions_of_equal_layers_stays_as_it_is() -> None:
    torch.manual_seed(3)
    directions = main_directions(torch.randn(12, 20), 0.6)
    left, right = directions
    factors = left[:, :2] * 2.0, right[:, :2].T * 3.0
    assert torch.allclose(
        materialise(project(factors, directions, directions)), materialise(factors), atol=1e-5
    )


def test_no_rank_grows(sd: BaseCheckpoint, next_of: NextOf) -> None:
    layers = random_adapter(sd, rank=2, vary_rank=True).factors
    found = projected(sd, next_of(sd), layers, 0.9)
    assert {layer: rank(each) for layer, each in found.items()} == {
        layer: rank(each) for layer, each in layers.items()
    }
