"""Muon gives every direction of a matrix the same step, and leaves the ends of a model to AdamW."""

import pytest
import torch
from torch import nn

from training.muon import Muon, muon_and_adamw, orthogonalised


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
@pytest.mark.parametrize(("is_quick", "error"), [(False, 1e-3), (True, 0.03)])
def test_singular_values_become_about_one_and_vectors_stay(
    monkeypatch: pytest.MonkeyPatch, is_quick: bool, error: float, shape: tuple[int, int]
) -> None:
    monkeypatch.setattr("training.muon.bfloat16_is_quicker", lambda: is_quick)
    torch.manual_seed(0)
    u, _, vt = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, -2, min(shape))) @ vt
    made = orthogonalised(matrix)
    assert made.shape == shape
    values = torch.linalg.svdvals(made)
    assert 0.4 < values.min() <= values.max() < 1.4
    core = u.T @ made @ vt.T
    assert (core - torch.diag(core.diagonal())).abs().max() < error


def test_nothing_to_go_by_moves_nothing() -> None:
    assert torch.equal(orthogonalised(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_one_step_moves_rare_directions_as_far_as_common_ones() -> None:
    """One input comes five times as strong as the other; its gradient is twenty-five times the other's."""
    inputs = torch.diag(torch.tensor([2.5, 0.5]))
    layer = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(layer.weight)
    optimizer = Muon(layer.parameters(), lr=0.1, weight_decay=0.0)
    torch.autograd.backward((layer(inputs) - inputs).pow(2).sum())
    strong, weak = torch.linalg.svdvals(layer.weight.grad)
    assert strong / weak > 20
    optimizer.step()
    far, near = torch.linalg.svdvals(layer.weight)
    assert far / near < 2


def test_kernels_are_taken_whatever_their_memory_layout() -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 4, 3)
    other = nn.Conv2d(3, 4, 3)
    other.load_state_dict(plain.state_dict())
    other.weight.data = other.weight.data.contiguous(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 8, 8)
    for module in (plain, other):
        optimizer = Muon([module.weight], lr=0.01)
        torch.autograd.backward(module(x).pow(2).mean())
        optimizer.step()
    assert torch.allclose(plain.weight, other.weight, atol=1e-5)


def test_every_parameter_has_one_optimizer_and_the_ends_have_adamw() -> None:
    model = nn.ModuleDict({"embedding": nn.Embedding(5, 4), "inner": nn.Linear(4, 4), "out": nn.Linear(4, 2)})
    muon, adam = muon_and_adamw(model, 1e-3, ("embedding", "out"))
    held = [p for optimizer in (muon, adam) for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in model.parameters()}
    assert len(held) == len(list(model.parameters()))
    assert [p.shape for p in muon.param_groups[0]["params"]] == [model["inner"].weight.shape]
