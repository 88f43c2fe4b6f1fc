"""Which layer of the text encoders is read."""

import pytest
import torch

from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.sampler import SampleRequest, generate


def test_a_skipped_layer_of_the_text_encoder_is_not_read(base: BaseCheckpoint) -> None:
    """The peer's own clip_skip does not run with this transformers, so what it would read is read by hand."""
    if base.family.name == "FLUX.1":
        with pytest.raises(BadRequest, match="this base reads CLIP's pooled vector alone"):
            base.encode_to_draw(["a fox"], [], 2)
        return
    if base.family.name == "Z-Image":
        with pytest.raises(BadRequest, match="clip skip 2: this base reads prompts without CLIP"):
            base.encode_to_draw(["a fox"], [], 2)
        return
    reader = base.readers["text_encoder"]
    tokens = reader.tokenizer("a fox", padding="max_length", return_tensors="pt")
    with torch.no_grad():
        output = reader.encoder(tokens.input_ids, output_hidden_states=True)
    norm = getattr(reader.encoder, "text_model", reader.encoder).final_layer_norm
    length, width = output.last_hidden_state.shape[1:]

    def read(clip_skip: int | None) -> torch.Tensor:
        return base.encode_to_draw(["a fox"], [], clip_skip)[0].tokens[0, :length, :width]

    second = output.hidden_states[-2][0]
    last = output.hidden_states[-1][0]
    if len(base.readers) > 1:
        assert torch.equal(read(None), read(2))
        assert torch.allclose(read(2), second, atol=1e-5)
        assert torch.allclose(read(1), last, atol=1e-5)
    else:
        assert torch.allclose(read(None), read(1), atol=1e-6)
        assert torch.allclose(read(2), norm(second), atol=1e-5)
    assert not torch.allclose(read(1), read(2), atol=1e-3)


@pytest.mark.parametrize("clip_skip", [0, -1, 100])
def test_a_layer_that_is_not_there_is_refused(sd: BaseCheckpoint, clip_skip: int) -> None:
    with pytest.raises(BadRequest, match=f"clip skip {clip_skip}: expected 1 "):
        generate(sd, SampleRequest("a fox", steps=1, clip_skip=clip_skip))
