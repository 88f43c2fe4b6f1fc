"""Prompts as people write them: words are weighed, long texts are read whole, and a plug-in in the text is refused with the way to do it."""

from dataclasses import replace

import pytest
import torch

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.errors import BadPrompt
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.model.sampler import SampleRequest, generate, generate_each
from plugins_engine.model.weighted_prompts import MAX_CHUNKS, parse_prompt
from tests.plugins_engine.tiny_pipelines import random_tokens


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("a fox", [("a fox", 1.0)]),
        ("a (fox:1.5), Noto style", [("a ", 1.0), ("fox", 1.5), (", Noto style", 1.0)]),
        ("(fox: 0.5)", [("fox", 0.5)]),
        ("(a (fox:2) den:0.5)", [("a ", 0.5), ("fox", 1.0), (" den", 0.5)]),
        ("(fox:-1)", [("fox", -1.0)]),
        ("a fox (red)", [("a fox (red)", 1.0)]),
        ("a fox (red", [("a fox (red", 1.0)]),
        ("half past 9:30) :)", [("half past 9:30) :)", 1.0)]),
        (r"\(fox:1.5\)", [("(fox:1.5)", 1.0)]),
        (r"(a \(red\) fox:1.5)", [("a (red) fox", 1.5)]),
        ("(a (red) fox:1.5)", [("a (red) fox", 1.5)]),
        ("", [("", 1.0)]),
        ("(((fox:1.5)", [("((", 1.0), ("fox", 1.5)]),
    ],
)
def test_weights_are_read_and_all_else_is_text(prompt: str, pieces: list[tuple[str, float]]) -> None:
    assert list(parse_prompt(prompt).pieces) == pieces


@pytest.mark.parametrize("prompt", ["(fox:99)", "(fox:-5)"])
def test_a_weight_out_of_range_is_refused_with_its_words(prompt: str) -> None:
    with pytest.raises(BadPrompt, match=r'of "fox": expected a number from -4 to 4'):
        parse_prompt(prompt)


@pytest.mark.parametrize("tag", ["<lora:ghost:0.8>", "<LORA:ghost>", "< lyco:ghost:1>", "<hypernet:ghost:1>"])
def test_a_plug_in_named_in_the_text_is_refused_with_what_to_do(tag: str) -> None:
    with pytest.raises(BadPrompt, match='choose the plug-in "ghost" and its weight beside the prompt'):
        parse_prompt(f"a fox {tag}")


def test_hostile_prompts_are_read_in_no_time() -> None:
    for prompt in ("(" * 5000, "(a" * 2000 + ":1.1)" * 2000, ":1)" * 5000, "\\" * 5001, "<lora:" * 2000):
        try:
            parse_prompt(prompt)
        except BadPrompt:
            continue


def test_a_plain_prompt_is_encoded_as_ever(base: BaseCheckpoint) -> None:
    with torch.no_grad():
        prompt, negative = base.encode_to_draw(["a fox (red)", "a dog"], ["", "a cat"])
        expected = base.encode_prompt(["a fox (red)", "a dog"]), base.encode_unconditional(["", "a cat"])

    for found, wanted in ((prompt, expected[0]), (negative, expected[1])):
        for one, other in zip(found.each, wanted.each, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    if prompt.pooled is not None and expected[0].pooled is not None:
        torch.testing.assert_close(prompt.pooled, expected[0].pooled, rtol=1e-5, atol=1e-5)


def test_a_weight_scales_its_words_alone_and_keeps_the_mean(sd: BaseCheckpoint) -> None:
    with torch.no_grad():
        plain = sd.encode_prompt(["a fox, Noto style"]).tokens[0]
        found = sd.encode_to_draw(["a (fox:1.5), Noto style"], [])[0].tokens[0]
    reader = sd.readers["text_encoder"]
    first = 1 + len(reader.token_ids("a"))
    fox = slice(first, first + len(reader.token_ids("fox")))

    factors = found / plain
    ratio = factors[0, 0]
    torch.testing.assert_close(
        factors[fox], torch.full_like(factors[fox], float(1.5 * ratio)), rtol=1e-3, atol=1e-3
    )
    torch.testing.assert_close(
        factors[fox.stop :], torch.full_like(factors[fox.stop :], float(ratio)), rtol=1e-3, atol=1e-3
    )
    torch.testing.assert_close(found.mean(), plain.mean(), rtol=1e-3, atol=1e-6)


def test_a_weight_changes_the_picture_and_a_weight_of_one_does_not(sd: BaseCheckpoint) -> None:
    plain, one, more = (
        generate(sd, SampleRequest(prompt, steps=2, guidance=4.0))[0].tobytes()
        for prompt in ("a fox", "a (fox:1.0)", "a (fox:2)")
    )

    assert one == plain
    assert more != plain


def test_a_weight_that_would_change_nothing_is_refused(bases: dict[str, BaseCheckpoint]) -> None:
    base = bases["z_image"]

    with pytest.raises(
        BadPrompt, match=r'the weight 1.3 of "fox": this base takes .* would change nothing; say in words'
    ):
        generate(base, SampleRequest("a (fox:1.3) runs", steps=1))

    plain, escaped = (base.encode_to_draw([each], [])[0] for each in ("a (fox) runs", r"a (\(fox\):1) runs"))
    assert torch.equal(plain.tokens, escaped.tokens)


def test_a_long_prompt_is_read_in_chunks_to_its_end(base: BaseCheckpoint) -> None:
    words = "a fox in the snow beside a house " * 4
    with torch.no_grad():
        first, negative = base.encode_to_draw([words + "red", words + "blue"], [""])
        one = base.encode_to_draw(["a fox"], [""])[0]

    reader, _ = base.places[0]
    if reader.is_language_model:
        assert first.lengths is not None
        assert first.lengths.tolist() == [
            reader.full_length(words + each, base.names) for each in ("red", "blue")
        ]
        assert first.tokens.shape[1] == negative.tokens.shape[1] == first.lengths.max(), (
            "as long as the longest"
        )
        return
    if not reader.is_clip:
        assert first.tokens.shape == one.tokens.repeat(2, 1, 1).shape, "T5 reads it all at once"
        assert not torch.equal(first.tokens[0], first.tokens[1])
        return
    length = reader.length
    assert first.tokens.shape[1] == one.tokens.shape[1] + length == negative.tokens.shape[1]
    assert torch.equal(first.tokens[0, :length], first.tokens[1, :length])
    assert not torch.equal(first.tokens[0, length:], first.tokens[1, length:])
    pictures = generate_each(base, [words, "a fox"], steps=2, guidance=4.0)
    assert len(pictures) == 2


def test_a_prompt_beyond_all_chunks_is_refused_with_its_length(sd: BaseCheckpoint) -> None:
    with pytest.raises(BadPrompt, match=f"tokens long; at most {MAX_CHUNKS * 75} are read: shorten it"):
        generate(sd, SampleRequest("fox " * 1000, steps=1))


def test_no_chunk_ends_inside_a_learned_name(sd: BaseCheckpoint) -> None:
    adapter = Adapter({}, name="Ink", tokens=(random_tokens(sd, "Ink", count=6),))
    before = "a fox " * 36  # so long that the name would begin in the first chunk and end in the second

    with torch.no_grad(), applied(sd, [(adapter, 1.0)]):
        called = sd.encode_to_draw([f"{before}Ink style"], [])[0].tokens
    with torch.no_grad(), applied(sd, [(replace(adapter, tokens=(adapter.tokens[0].scaled(2.0),)), 1.0)]):
        twice = sd.encode_to_draw([f"{before}Ink style"], [])[0].tokens

    length = called.shape[1] // 2
    assert torch.equal(called[0, :length], twice[0, :length])
    assert not torch.equal(called[0, length:], twice[0, length:])
