"""A base whose prompts a language model reads: as messages in a chat template, each of its own length."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.errors import BadBase, BadPrompt
from plugins_engine.extraction.erasure import aligned_positions
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied, ordinary_vectors
from plugins_engine.model.loading import load_base, usual_precision
from plugins_engine.model.sampler import SampleRequest, generate, generate_each
from plugins_engine.model.text_encoding import PromptEmbedding
from tests.plugins_engine.peer import guidance_of, pipeline_of
from tests.plugins_engine.tiny_pipelines import RESOLUTION, random_adapter

PROMPTS = ["a fox", "Ünïcode 狐\n in the snow\n"]


@pytest.fixture
def base(bases: dict[str, BaseCheckpoint]) -> BaseCheckpoint:
    return bases["z_image"]


@pytest.fixture
def folder(pipelines: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the pipeline that a test may change."""
    return Path(shutil.copytree(pipelines["z_image"], tmp_path / "base"))


def tokens_of(base: BaseCheckpoint, text: str) -> list[str]:
    reader = base.readers["text_encoder"]
    written: list[str] = reader.tokenizer.convert_ids_to_tokens(reader.read(text, base.names).ids)
    return written


def test_prompts_are_encoded_as_diffusers_does_each_of_its_own_length(base: BaseCheckpoint) -> None:
    negatives = ["", "a dog"]
    # Its pipeline writes the chat template into the lists that it is given.
    expected = pipeline_of(base).encode_prompt([*PROMPTS], "cpu", True, [*negatives])

    found = base.encode_prompt(PROMPTS), base.encode_unconditional(negatives)

    for texts in (found, base.encode_to_draw(PROMPTS, negatives)):
        for text, wanted in zip(texts, expected, strict=True):
            for own, other in zip(text.each, wanted, strict=True):
                torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-7)
    assert len({len(each) for texts in expected for each in texts}) == 4


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_prompts_of_unequal_lengths_are_drawn_in_one_batch_as_diffusers_does(
    base: BaseCheckpoint, guidance: float
) -> None:
    expected = pipeline_of(base, scheduler=base.schedule.make())(
        [*PROMPTS], num_inference_steps=4, guidance_scale=guidance_of(base, guidance), output_type="np",
        generator=[torch.Generator().manual_seed(seed) for seed in (3, 4)], width=RESOLUTION, height=RESOLUTION,
    ).images  # fmt: skip

    found = generate_each(base, PROMPTS, seed=3, steps=4, guidance=guidance)

    assert np.abs(np.stack([np.asarray(each) / 255 for each in found]) - expected).max() < 1.5 / 255
    for i, prompt in enumerate(PROMPTS):
        alone = generate(base, SampleRequest(prompt, seed=3 + i, steps=4, guidance=guidance))[0]
        assert np.abs(np.asarray(found[i], dtype=int) - np.asarray(alone, dtype=int)).max() <= 1


def test_the_prompt_changes_the_picture(base: BaseCheckpoint) -> None:
    fox, long = (np.asarray(generate(base, SampleRequest(each, steps=4))[0], dtype=int) for each in PROMPTS)

    assert np.abs(fox - long).max() > 5


def test_rows_of_unequal_lengths_stay_what_they_are_chosen_and_joined() -> None:
    short, long = (
        PromptEmbedding(torch.ones(1, length, 3) * length, lengths=torch.tensor([length]))
        for length in (2, 5)
    )

    whole = PromptEmbedding.joined([short, long, short.repeated(2)])

    assert whole.tokens.shape == (4, 5, 3)
    assert [len(each) for each in whole.each] == [2, 5, 2, 2]
    assert whole.tokens.sum((1, 2)).tolist() == [12, 75, 12, 12], "what fills a row up is nothing"
    assert [float(each.mean()) for each in whole.rows(torch.tensor([1, 0, 1])).each] == [5, 2, 5]
    assert whole.rows(slice(1, 2)).to(torch.bfloat16).each[0].shape == (5, 3)


def test_blank_lines_before_a_prompt_are_left_out_as_they_would_melt_into_the_template(
    base: BaseCheckpoint,
) -> None:
    plain = base.encode_prompt(["a fox", " a fox"])

    blank = base.encode_prompt([" \n\na fox", "\n a fox"])

    assert torch.equal(blank.tokens, plain.tokens)
    assert not torch.equal(plain.tokens[0], plain.tokens[1])


def test_a_name_that_learned_tokens_leave_as_it_is_is_read_as_without_them(base: BaseCheckpoint) -> None:
    ordinary = ordinary_vectors(base, "Ink", 1)
    plain = Adapter({}, tokens=(LearnedTokens("Ink", ordinary, ordinary),))
    moved = {encoder: each + 0.1 for encoder, each in ordinary.items()}
    prompt = "a fox, Ink style"
    text = base.encode_prompt([prompt])

    with applied(base, [(plain, 1.0)]):
        assert tokens_of(base, prompt) == [*"a", "Ġfox", ",", "ĠInk", "Ġ", *"style"]
        assert torch.equal(base.encode_prompt([prompt]).tokens, text.tokens)
    with applied(base, [(replace(plain, tokens=(LearnedTokens("Ink", moved, ordinary),)), 1.0)]):
        assert not torch.equal(base.encode_prompt([prompt]).tokens, text.tokens)


def test_tokens_pair_from_the_name_to_the_end_of_the_template(base: BaseCheckpoint) -> None:
    reader = base.readers["text_encoder"]
    target, anchor = "a fox, Ink style", "a fox, Clay style"
    ids = [[*reader.marks[0], *reader.read(each, ()).ids, *reader.marks[1]] for each in (target, anchor)]
    own, other = (reader.tokenizer.convert_ids_to_tokens(each) for each in ids)

    pairs = aligned_positions(base, target, anchor, "Ink", "Clay")

    assert (own[pairs[0][0]], other[pairs[0][1]]) == ("ĠInk", "Ġ"), "what comes before is read alike"
    assert [(own[i], other[j]) for i, j in pairs[1:]] == [(each, each) for each in own[pairs[1][0] :]]
    assert pairs[-1] == (len(own) - 1, len(other) - 1)


def test_a_prompt_that_is_too_long_is_refused_where_diffusers_cuts_it(base: BaseCheckpoint) -> None:
    with pytest.raises(BadPrompt, match=r"494 tokens long; at most 493 are read: shorten it"):
        generate(base, SampleRequest("x" * 494, steps=1))


def test_half_precision_is_bfloat16_and_draws(pipelines: dict[str, Path], base: BaseCheckpoint) -> None:
    assert usual_precision(torch.device("cuda"), base.family.half) == torch.bfloat16
    base = load_base(pipelines["z_image"], dtype=torch.bfloat16)

    picture = generate(base, SampleRequest("a fox", steps=2, plugins=[(random_adapter(base), 1.0)]))[0]

    assert np.asarray(picture).std() > 0


def test_a_text_encoder_that_was_saved_with_its_head_is_read_without_it(
    folder: Path, base: BaseCheckpoint
) -> None:
    """Published directories have the whole language model, whose tensors begin with "model."."""
    encoder = base.readers["text_encoder"].encoder
    whole = Qwen3ForCausalLM(Qwen3Config(**encoder.config.to_dict() | {"tie_word_embeddings": True}))
    whole.model.load_state_dict(encoder.state_dict())
    shutil.rmtree(folder / "text_encoder")
    whole.save_pretrained(folder / "text_encoder")

    found = load_base(folder).encode_prompt(PROMPTS)

    assert torch.equal(found.tokens, base.encode_prompt(PROMPTS).tokens)


def test_the_chat_template_is_part_of_the_base(folder: Path, base: BaseCheckpoint) -> None:
    own = folder / "tokenizer" / "chat_template.jinja"
    config = folder / "tokenizer" / "tokenizer_config.json"
    template = own.read_text()
    own.unlink()
    config.write_text(json.dumps(json.loads(config.read_text()) | {"chat_template": template}))

    older = load_base(folder)

    assert older.fingerprint == base.fingerprint
    assert torch.equal(older.encode_prompt(PROMPTS).tokens, base.encode_prompt(PROMPTS).tokens)
    own.write_text(template.replace("assistant", "artist"))
    changed = load_base(folder)
    assert changed.fingerprint != base.fingerprint
    assert not torch.equal(
        changed.encode_prompt(["a fox"]).each[0][-1], base.encode_prompt(["a fox"]).each[0][-1]
    )


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (None, "tokenizer: expected a chat template, as chat_template.jinja or .*, found none"),
        ("{{ messages.nothing.at_all }}", "expected a chat template, it cannot be used"),
        ("{% for %}", "expected a chat template, it cannot be used"),
        ("{# note #}" * 20_000, "expected a chat template of at most 100000 characters, found 200000"),
        ("<|im_start|>", "expected a chat template that writes a message once"),
        ("{{ messages[0].content }} {{ messages[0].content }}", "expected a chat template that writes a message once"),
        ("say {{ messages[0].content }}", "expected a chat template whose text stays apart from the message"),
    ],
)  # fmt: skip
def test_a_chat_template_that_is_missing_or_not_understood_is_refused(
    folder: Path, template: str | None, said: str
) -> None:
    own = folder / "tokenizer" / "chat_template.jinja"
    if template is None:
        own.unlink()
    else:
        own.write_text(template)

    with pytest.raises(BadBase, match=said):
        load_base(folder)


def without_vocabulary(folder: Path) -> None:
    (folder / "tokenizer" / "tokenizer.json").unlink()


def other_encoder(folder: Path) -> None:
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_size": 64}))


def inpainting(folder: Path) -> None:
    config = folder / "transformer" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"_class_name": "ZImageControlNetModel"}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_vocabulary, "tokenizer: expected vocab.json and merges.txt, or tokenizer.json"),
        (other_encoder, "text_encoder: expected Qwen3Model weights"),
        (inpainting, "expected a ZImageTransformer2DModel, found ZImageControlNetModel"),
    ],
)
def test_a_broken_directory_is_refused_by_its_part(
    folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(folder)

    with pytest.raises(BadBase, match=said):
        load_base(folder)
