"""What training changed in the committed weights is kept in four bits."""

import pytest
import torch

from training.difference import added, packed

BEFORE = {
    "layer.weight": torch.randn(60, 80, generator=torch.Generator().manual_seed(1)),
    "layer.bias": torch.randn(7, generator=torch.Generator().manual_seed(2)),
}
CHANGES = {
    name: 0.01 * torch.randn(value.shape, generator=torch.Generator().manual_seed(3))
    for name, value in BEFORE.items()
}
AFTER = {name: value + CHANGES[name] for name, value in BEFORE.items()}


def test_a_difference_brings_the_later_weights_back_but_for_a_hundredth_of_its_energy() -> None:
    back = added(BEFORE, packed(AFTER, BEFORE))
    for name, change in CHANGES.items():
        assert back[name].shape == change.shape
        assert (back[name] - AFTER[name]).pow(2).sum() < 0.02 * change.pow(2).sum()


def test_a_difference_takes_a_quarter_of_the_weights_in_half_precision() -> None:
    held = packed(AFTER, BEFORE)
    size = sum(value.numel() * value.element_size() for value in held.values())
    assert size < 0.28 * 2 * sum(value.numel() for value in BEFORE.values())


def test_weights_that_did_not_change_come_back_as_they_were() -> None:
    back = added(BEFORE, packed(BEFORE, BEFORE))
    assert all(torch.equal(back[name], value) for name, value in BEFORE.items())


def test_weights_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="same tensors of the same shapes"):
        packed(AFTER, {"layer.weight": BEFORE["layer.weight"]})
