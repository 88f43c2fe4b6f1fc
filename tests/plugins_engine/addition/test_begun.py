"""A training begins from a plug-in: nothing of it is lost, and its file says so."""

from dataclasses import replace

import pytest
import torch

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.addition.begun import BEGUN_FROM
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.training import add_concept
from plugins_engine.errors import BadRequest, BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.effects import difference
from tests.plugins_engine.addition.test_addition import works
from tests.plugins_engine.tiny_pipelines import random_adapter, random_tokens

STILL = AdditionConfig(
    rank=8, steps=1, batch=2, prior_batch=0, learning_rate=1e-9, verbatim_works=0, tokens=0, flip=False
)


@pytest.fixture
def begin(sd: BaseCheckpoint) -> Adapter:
    """A plug-in of layers that are trained."""
    random = random_adapter(sd, seed=3, name="Discworld")
    trained = sd.adaptable_layers(STILL.layers)
    return replace(random, layers={layer: each for layer, each in random.layers.items() if layer in trained})


def test_a_training_that_learns_nothing_gives_the_plugin_that_it_began_from(
    sd: BaseCheckpoint, begin: Adapter
) -> None:
    result = add_concept(sd, works(), "Discworld", "style", STILL, begin=begin)

    assert difference(sd, begin, result.adapter) < 1e-4
    assert result.adapter.rank == 8, "the rest of the rank may still be learned"
    assert Adapter.load(result.adapter.to_bytes()).metadata[BEGUN_FROM] == begin.tensors_sha256


def test_learned_tokens_are_begun_from_too(sd: BaseCheckpoint, begin: Adapter) -> None:
    tokens = random_tokens(sd, "Discworld")
    reader = replace(begin, tokens=(tokens,))

    result = add_concept(
        sd, works(), "Discworld", "style", replace(STILL, tokens=len(tokens), token_rate=1e-9), begin=reader
    )

    (found,) = result.adapter.tokens
    for encoder, vectors in tokens.vectors.items():
        assert torch.allclose(found.vectors[encoder], vectors, atol=1e-5)


def test_what_is_learned_goes_on_from_there(sd: BaseCheckpoint) -> None:
    config = replace(STILL, learning_rate=1e-2, steps=20)
    first = add_concept(sd, works(), "Discworld", "style", config)
    again = add_concept(sd, works(), "Discworld", "style", config)
    more = add_concept(sd, works(), "Discworld", "style", config, begin=first.adapter)

    assert again.adapter.tensors_sha256 == first.adapter.tensors_sha256
    assert more.figures["first_loss"] < first.figures["first_loss"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rank": 1}, "this training has rank 1: set it to as many at least"),
        ({"layers": ("time",)}, "expected layers that are trained, found"),
    ],
)
def test_a_training_of_less_than_the_plugin_is_refused(
    sd: BaseCheckpoint, begin: Adapter, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        add_concept(sd, works(), "Discworld", "style", replace(STILL, **changes), begin=begin)  # type: ignore[arg-type]  # as parametrised


def test_tokens_that_would_be_lost_are_refused(sd: BaseCheckpoint, begin: Adapter) -> None:
    own, other = (replace(begin, tokens=(random_tokens(sd, name),)) for name in ("Discworld", "Ink"))
    with pytest.raises(BadRequest, match="it has learned tokens, and this training has none"):
        add_concept(sd, works(), "Discworld", "style", STILL, begin=own)
    with pytest.raises(BadRequest, match="expected tokens called Discworld, found some called Ink"):
        add_concept(sd, works(), "Discworld", "style", STILL, begin=other)


def test_changes_of_biases_are_refused(sd: BaseCheckpoint, begin: Adapter) -> None:
    parameter = next(name for name, each in sd.denoiser.named_parameters() if name.endswith("to_out.0.bias"))
    vectors = {parameter: torch.ones(sd.denoiser.get_parameter(parameter).shape)}
    with pytest.raises(BadRequest, match="found changes of biases or norms"):
        add_concept(sd, works(), "Discworld", "style", STILL, begin=replace(begin, vectors=vectors))


def test_a_plugin_of_another_base_is_refused(sd: BaseCheckpoint, begin: Adapter) -> None:
    with pytest.raises(BaseMismatch):
        add_concept(sd, works(), "Discworld", "style", STILL, begin=replace(begin, base_fingerprint="0" * 64))
