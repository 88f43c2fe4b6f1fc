"""Learned tokens: a name means something else where it is called, by as much as a plug-in weighs, and nowhere else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.concepts import split_at_names
from plugins_engine.errors import BadAdapter, BadPrompt, BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import Weighted, applied, completed, ordinary_vectors
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate, generate_each
from tests.plugins_engine.tiny_pipelines import random_adapter, random_tokens


def speaking(base: BaseCheckpoint, words: str = "Ink", **options: object) -> Adapter:
    """A plug-in of learned tokens alone."""
    return Adapter({}, name=words, tokens=(random_tokens(base, words, **options),))  # type: ignore[arg-type]


def encoded(base: BaseCheckpoint, prompt: str, plugins: Sequence[Weighted] = ()) -> Tensor:
    with torch.no_grad(), applied(base, plugins):
        return base.encode_prompt([prompt]).tokens[0]


@contextmanager
def read(base: BaseCheckpoint) -> Iterator[list[Tensor]]:
    """Give the vectors that the first text encoder reads, without those of the positions: a list that fills, (prompts, n, width)."""
    encoder = base.readers["text_encoder"].encoder
    positions = encoder.get_submodule(base.path_in_encoder("text_encoder", "text_model.embeddings"))
    seen: list[Tensor] = []

    def see(_: object, __: object, output: Tensor) -> None:
        seen.append(output - positions.position_embedding.weight[: output.shape[1]])

    handle = positions.register_forward_hook(see)
    try:
        yield seen
    finally:
        handle.remove()


def vectors(base: BaseCheckpoint, prompt: str, plugins: Sequence[Weighted] = ()) -> Tensor:
    with read(base) as seen:
        encoded(base, prompt, plugins)
    return seen[0][0]


def test_a_names_vectors_move_as_far_as_the_plugin_weighs(sd: BaseCheckpoint) -> None:
    plugin = speaking(sd)
    (tokens,) = plugin.tokens
    ordinary, learned = tokens.ordinary["text_encoder"], tokens.vectors["text_encoder"]
    place = slice(6, 9)  # the begin mark, five letters and a comma come before "ink"

    torch.testing.assert_close(vectors(sd, "a fox, Ink")[place], ordinary)
    for weight in (1.0, 0.5, -2.0):
        found = vectors(sd, "a fox, Ink", [(plugin, weight)])[place]
        torch.testing.assert_close(found, ordinary + weight * (learned - ordinary))


def test_more_vectors_than_a_name_has_tokens_take_more_positions(sd: BaseCheckpoint) -> None:
    plugin = speaking(sd, count=5)

    plain, found = vectors(sd, "Ink fox"), vectors(sd, "Ink fox", [(plugin, 1.0)])

    torch.testing.assert_close(found[1:6], plugin.tokens[0].vectors["text_encoder"])
    torch.testing.assert_close(found[6:], plain[4:-2])  # what comes after moves on


def test_off_or_not_called_a_plugin_changes_nothing_to_the_bit(base: BaseCheckpoint) -> None:
    plugin = speaking(base)
    plain = encoded(base, "a fox, Ink style")

    assert torch.equal(encoded(base, "a fox, Ink style", [(plugin, 0.0)]), plain)
    assert torch.equal(encoded(base, "a fox", [(plugin, 1.0)]), encoded(base, "a fox"))
    assert not torch.equal(encoded(base, "a fox, Ink style", [(plugin, 1.0)]), plain)
    assert torch.equal(encoded(base, "a fox, Ink style"), plain)


def test_prompts_beside_one_that_calls_it_are_read_as_ever(sd: BaseCheckpoint) -> None:
    prompts = ["a fox", "a fox, Ink style"]
    with torch.no_grad():
        plain = sd.encode_prompt(prompts).tokens
        with applied(sd, [(speaking(sd), 1.0)]):
            found = sd.encode_prompt(prompts).tokens

    assert torch.equal(found[0], plain[0])
    assert not torch.equal(found[1], plain[1])


@pytest.mark.parametrize("prompt", ["an Inkwell", "a pInk fox", "Ink_2", "I n k", "Inks"])
def test_a_name_inside_another_word_is_not_called(sd: BaseCheckpoint, prompt: str) -> None:
    assert torch.equal(encoded(sd, prompt, [(speaking(sd), 1.0)]), encoded(sd, prompt))


@pytest.mark.parametrize("prompt", ["a fox, ink style", "a fox, INK style", "a fox, iNk style"])
def test_a_name_is_called_in_whatever_case(sd: BaseCheckpoint, prompt: str) -> None:
    plugins = [(speaking(sd), 1.0)]

    assert torch.equal(encoded(sd, prompt, plugins), encoded(sd, "a fox, Ink style", plugins))
    assert not torch.equal(encoded(sd, prompt, plugins), encoded(sd, prompt))


def test_a_name_is_called_as_often_as_it_is_said_and_beside_any_punctuation(sd: BaseCheckpoint) -> None:
    plugin = speaking(sd)
    learned = plugin.tokens[0].vectors["text_encoder"]

    found = vectors(sd, "(Ink), Ink.", [(plugin, 1.0)])

    for first in (2, 7):
        torch.testing.assert_close(found[first : first + 3], learned)


def test_a_name_of_several_words_is_called_with_any_blanks_between_them(sd: BaseCheckpoint) -> None:
    plugins = [(speaking(sd, "Big Ink", count=6), 1.0)]

    assert torch.equal(encoded(sd, "big   ink fox", plugins), encoded(sd, "Big Ink fox", plugins))


def test_the_longer_of_two_names_is_called(sd: BaseCheckpoint) -> None:
    short, long = speaking(sd, "Ink"), speaking(sd, "Ink Wash", count=7, seed=1)

    both = encoded(sd, "Ink Wash", [(short, 1.0), (long, 1.0)])

    assert torch.equal(both, encoded(sd, "Ink Wash", [(long, 1.0)]))
    assert split_at_names(["Ink", "Ink Wash"], "Ink, ink wash.") == [
        ("", None), ("Ink", "Ink"), (", ", None), ("ink wash", "Ink Wash"), (".", None),
    ]  # fmt: skip


def test_two_plugins_of_one_name_each_have_their_own_vectors_in_a_prompt(sd: BaseCheckpoint) -> None:
    one, two = speaking(sd, seed=1), speaking(sd, "ink", seed=2, count=4)

    found = vectors(sd, "Ink fox", [(one, 1.0), (two, 0.5)])
    turned = vectors(sd, "Ink fox", [(two, 0.5), (one, 1.0)])

    assert torch.equal(found, turned), "in whatever order they are given"
    begin = 1
    for plugin, weight in sorted(((one, 1.0), (two, 0.5)), key=lambda each: each[0].tokens[0].origin):
        length = len(plugin.tokens[0])
        alone = vectors(sd, "Ink fox", [(plugin, weight)])[1 : 1 + length]
        torch.testing.assert_close(found[begin : begin + length], alone)
        begin += length
    torch.testing.assert_close(found[begin:], vectors(sd, "Ink fox")[4:-4])  # the rest is what it was


def test_a_plugin_given_twice_counts_twice(sd: BaseCheckpoint) -> None:
    plugin = speaking(sd)

    twice = encoded(sd, "an Ink fox", [(plugin, 0.5), (plugin, 0.25)])

    assert torch.equal(twice, encoded(sd, "an Ink fox", [(plugin, 0.75)]))


def test_a_plugin_and_its_negative_are_the_plain_base_to_the_bit(base: BaseCheckpoint) -> None:
    plugin = speaking(base, count=6)

    assert torch.equal(
        encoded(base, "Ink fox", [(plugin, 1.0), (plugin.negated(), 1.0)]), encoded(base, "Ink fox")
    )


def test_a_weighted_sum_reads_prompts_as_its_parts_do_together(base: BaseCheckpoint) -> None:
    parts = [
        (speaking(base, seed=1), 0.5),
        (speaking(base, seed=2), -1.0),
        (speaking(base, "Fox", seed=3), 1.0),
    ]

    summed = encoded(base, "Ink fox", [(weighted_sum(parts), 1.0)])

    assert torch.equal(summed, encoded(base, "Ink fox", parts))


def test_scaling_and_cutting_act_on_tokens_as_on_layers(sd: BaseCheckpoint) -> None:
    plugin = replace(random_adapter(sd), tokens=(random_tokens(sd, "Ink"),))

    assert plugin.scaled(0.5).tokens[0].weight == 0.5
    assert plugin.in_low_rank(1).tokens == plugin.tokens
    assert plugin.scaled(2.0).scaled(0.5).tensors_sha256 == plugin.tensors_sha256


def test_contexts_add_up_and_leave_the_base_as_it_was_whatever_is_raised(sd: BaseCheckpoint) -> None:
    ink, fox = speaking(sd), speaking(sd, "Fox", seed=1)
    together = encoded(sd, "Ink fox", [(ink, 1.0), (fox, 1.0)])

    with applied(sd, [(ink, 1.0)]):
        assert torch.equal(encoded(sd, "Ink fox", [(fox, 1.0)]), together)
        with pytest.raises(RuntimeError), applied(sd, [(fox, 1.0)]):
            raise RuntimeError
        assert len(sd.names) == 1

    assert not sd.names


def test_pictures_are_drawn_with_the_learned_meaning(base: BaseCheckpoint) -> None:
    plugins = [(speaking(base), 1.0)]
    plain = generate(base, SampleRequest("a fox, Ink style", steps=2))[0].tobytes()

    drawn = generate(base, SampleRequest("a fox, Ink style", steps=2, plugins=plugins))[0].tobytes()

    assert drawn != plain
    assert generate_each(base, ["a fox, Ink style"], steps=2, plugins=plugins)[0].tobytes() != plain
    off = SampleRequest("a fox, Ink style", steps=2, plugins=[(speaking(base), 0.0)])
    assert generate(base, off)[0].tobytes() == plain


def test_the_embedded_base_reads_a_name_of_several_tokens() -> None:
    base = load_base()
    plugin = speaking(base, "FxEmoji", count=4)

    found = vectors(base, "a rose, FxEmoji style", [(plugin, 1.0)])

    begin = 1 + len(base.readers["text_encoder"].token_ids("a rose,"))
    torch.testing.assert_close(found[begin : begin + 4], plugin.tokens[0].vectors["text_encoder"])
    assert torch.equal(encoded(base, "a rose", [(plugin, 1.0)]), encoded(base, "a rose"))


def test_a_prompt_that_learned_tokens_make_too_long_is_refused_with_the_limit(sd: BaseCheckpoint) -> None:
    plugin = speaking(sd, count=40)

    encoded(sd, "Ink, 567890123456789012345678901234", [(plugin, 1.0)])
    with pytest.raises(
        BadPrompt, match=r"81 tokens long, 80 of them of names that plug-ins learned; .* 75 at most"
    ):
        encoded(sd, "Ink, Ink", [(plugin, 1.0)])


def test_tokens_of_another_width_or_encoder_do_not_fit(bases: dict[str, BaseCheckpoint]) -> None:
    sd, xl = bases["sd1"], bases["sdxl"]

    with pytest.raises(
        BaseMismatch, match=r'"Ink" of 32 numbers in text_encoder and 24 numbers in text_encoder_2, this base'
    ):
        encoded(sd, "a fox", [(speaking(xl), 1.0)])
    with pytest.raises(
        BaseMismatch, match="reads 32 numbers in text_encoder and 24 numbers in text_encoder_2"
    ):
        encoded(xl, "a fox", [(speaking(sd), 1.0)])
    thin = Adapter({}, tokens=(LearnedTokens("Ink", {"text_encoder": torch.ones(1, 8)}),))
    with pytest.raises(BaseMismatch, match=r"of 8 numbers in text_encoder, this base .* reads 32"):
        encoded(sd, "a fox", [(thin, 1.0)])


def test_what_stands_there_ordinarily_is_taken_from_the_base_where_a_file_does_not_say(
    sd: BaseCheckpoint,
) -> None:
    plugin = speaking(sd)
    silent = replace(plugin, tokens=(replace(plugin.tokens[0], ordinary={}),))

    for weight in (1.0, 0.5):
        assert torch.equal(encoded(sd, "Ink", [(silent, weight)]), encoded(sd, "Ink", [(plugin, weight)]))
    assert completed(sd, silent).tensors_sha256 == plugin.tensors_sha256 != silent.tensors_sha256
    with pytest.raises(BadAdapter, match="expected what stands there without them"):
        silent.scaled(0.5).tokens[0].effective()


def test_a_names_ordinary_vectors_are_its_own_tokens_the_last_one_again(sd: BaseCheckpoint) -> None:
    reader = sd.readers["text_encoder"]
    table = reader.encoder.get_input_embeddings().weight
    own = reader.token_ids("Ink")

    found = ordinary_vectors(sd, "Ink", 5)["text_encoder"]

    assert torch.equal(found, table[[*own, own[-1], own[-1]]])


ONE = torch.ones(1, 4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"words": " "}, "expected the words"),
        ({"words": "a\nb"}, "printable characters"),
        ({"words": "x" * 201}, "at most 200"),
        ({"vectors": {}}, "at least one text encoder"),
        ({"vectors": {"text_encoder_4": ONE}}, "found text_encoder_4"),
        ({"vectors": {"text_encoder": torch.ones(4)}}, r"expected 1 to 75 rows .* found \(4,\)"),
        ({"vectors": {"text_encoder": torch.ones(76, 4)}}, "expected 1 to 75 rows"),
        ({"vectors": {"text_encoder": torch.ones(0, 4)}}, "expected 1 to 75 rows"),
        ({"vectors": {"text_encoder": ONE.int()}}, "found torch.int32"),
        ({"vectors": {"text_encoder": ONE * torch.nan}}, "found NaN"),
        ({"vectors": {"text_encoder": ONE, "text_encoder_2": torch.ones(2, 4)}}, "expected as many"),
        ({"ordinary": {"text_encoder": torch.ones(2, 4)}}, "ordinary vectors of the shapes"),
        ({"ordinary": {"text_encoder_2": ONE}}, "ordinary vectors of the shapes"),
        ({"weight": float("inf")}, "expected a finite weight"),
    ],
)
def test_tokens_that_make_no_sense_are_refused_by_name(changes: dict[str, object], said: str) -> None:
    with pytest.raises(BadAdapter, match=said):
        LearnedTokens(**({"words": "Ink", "vectors": {"text_encoder": ONE}} | changes))  # type: ignore[arg-type]
