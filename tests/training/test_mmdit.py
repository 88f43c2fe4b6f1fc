"""The second base: what is saved in its training changes nothing."""

from pathlib import Path

import torch

from plugins_engine.model.families.stable_diffusion_3 import T5_LENGTH
from training import mmdit


def test_one_zero_that_counts_often_is_as_many_zeros(tmp_path: Path) -> None:
    parts = mmdit.build(tmp_path)
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn((2, 8, 16, 16), generator=generator)
    found = []
    for zeros in (T5_LENGTH, 1):
        tokens, pooled = parts.encode(["a red rocket, Lucide style", ""], zeros=zeros)
        time = torch.tensor([400.0, 900.0])
        output = parts.transformer(
            noisy, encoder_hidden_states=tokens, pooled_projections=pooled, timestep=time
        ).sample
        parts.module.zero_grad()
        torch.autograd.backward(output.pow(2).mean())
        gradient = parts.transformer.context_embedder.bias.grad
        assert gradient is not None
        found.append((output.detach(), gradient.clone()))
        parts.transformer.set_attn_processor(mmdit.CountedZeros())

    (output, gradient), (other_output, other_gradient) = found
    assert torch.allclose(output, other_output, atol=1e-4)
    assert torch.allclose(gradient, other_gradient, rtol=1e-3, atol=1e-6)


def test_it_stays_small() -> None:
    parameters = sum(each.numel() for each in mmdit.build_transformer().parameters())
    assert parameters < 10_000_000
