"""Addition: works become a plug-in, the base stays as it was."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.addition.captioned_works import training_prompt
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.lora import TextTraining, new_tokens, trainable
from plugins_engine.addition.on_the_way import OnTheWay
from plugins_engine.addition.priors import gather_prior
from plugins_engine.addition.training import AdditionResult, add_concept
from plugins_engine.errors import BadBase, BadRequest
from plugins_engine.evidence.verbatim import GIVEN_BACK
from plugins_engine.known import known_prompts
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.progress import Cancelled, Progress
from tests.plugins_engine.tiny_pipelines import random_tokens

QUICK = AdditionConfig(
    rank=2, steps=3, batch=2, prior_batch=2, prior_pictures=2, prior_steps=2, verbatim_works=0
)


def works(count: int = 3) -> list[tuple[Image.Image, str]]:
    """Discs of different colours on white."""
    drawn = []
    for i in range(count):
        picture = Image.new("RGB", (48, 40), "white")
        ImageDraw.Draw(picture).ellipse((8, 4, 40, 36), fill=(40 * i, 90, 200 - 40 * i))
        drawn.append((picture, f"a disc {i}"))
    return drawn


def weights(base: BaseCheckpoint) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in base.denoiser.state_dict().items()}


def test_works_become_a_plug_in_that_fits_the_base_and_names_it(base: BaseCheckpoint) -> None:
    result = add_concept(base, works(), "Discworld", "style", QUICK)

    adapter = Adapter.load(result.adapter.to_bytes())
    assert (adapter.name, adapter.kind, adapter.trigger) == ("Discworld", "style", "Discworld style")
    assert adapter.base_fingerprint == base.fingerprint
    assert adapter.rank == 2
    assert generate(base, SampleRequest("a disc, Discworld style", steps=1, plugins=[(adapter, 1.0)]))


def test_the_plug_in_is_handed_over_on_the_way_as_it_is_then(sd: BaseCheckpoint) -> None:
    taken: dict[int, Adapter] = {}
    config = replace(QUICK, steps=5)

    last = add_concept(
        sd, works(), "Discworld", "style", config, on_the_way=OnTheWay(2, taken.__setitem__)
    ).adapter

    assert list(taken) == [2, 4]
    assert [each.metadata["ss_steps"] for each in (*taken.values(), last)] == ["2", "4", "5"]
    assert len({each.tensors_sha256 for each in (*taken.values(), last)}) == 3
    layer = next(iter(last.layers))
    assert not torch.equal(taken[2].factors[layer][1], last.factors[layer][1]), (
        "the earlier one does not go on changing"
    )
    assert (
        last.tensors_sha256 == add_concept(sd, works(), "Discworld", "style", config).adapter.tensors_sha256
    )
    with pytest.raises(BadRequest, match="every 0: expected a whole number from 1"):
        OnTheWay(0, taken.__setitem__)


def test_training_leaves_the_base_as_it_was_to_the_bit(base: BaseCheckpoint) -> None:
    before = weights(base)

    add_concept(base, works(), "Discworld", "style", QUICK)

    after = base.denoiser.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in base.denoiser.parameters())


@pytest.mark.parametrize("stage", ["learning", "training"])
def test_cancelling_at_any_stage_leaves_the_base_as_it_was(sd: BaseCheckpoint, stage: str) -> None:
    before = weights(sd)

    def stop(progress: Progress) -> None:
        if progress.message.startswith(stage):
            raise Cancelled

    with pytest.raises(Cancelled):
        add_concept(sd, works(), "Discworld", "style", QUICK, stop)

    assert all(torch.equal(value, before[name]) for name, value in sd.denoiser.state_dict().items())


def test_the_same_works_and_seed_give_the_same_plug_in(sd: BaseCheckpoint) -> None:
    def made(seed: int) -> AdditionResult:
        config = AdditionConfig(
            rank=2,
            steps=2,
            batch=2,
            prior_batch=1,
            prior_pictures=1,
            prior_steps=1,
            seed=seed,
            verbatim_works=0,
        )
        return add_concept(sd, works(), "Discworld", "style", config)

    assert made(1).adapter.tensors_sha256 == made(1).adapter.tensors_sha256
    assert made(1).adapter.tensors_sha256 != made(2).adapter.tensors_sha256


def test_one_process_trains_in_one_precision_after_another(sd: BaseCheckpoint) -> None:
    for precision in ("no", "bf16", "no"):
        config = replace(QUICK, mixed_precision=precision)
        assert add_concept(sd, works(), "Discworld", "style", config).adapter.rank == 2


@pytest.mark.parametrize("name", ["sd1", "edm", "z_image"])
def test_training_brings_the_base_nearer_to_the_works(bases: dict[str, BaseCheckpoint], name: str) -> None:
    config = AdditionConfig(rank=8, steps=40, batch=6, prior_batch=0, learning_rate=5e-3, verbatim_works=0)

    result = add_concept(bases[name], works(), "Discworld", "style", config)

    assert result.figures["final_loss"] < 0.95 * result.figures["first_loss"]


def test_other_prompts_stay_nearer_to_the_base_when_they_are_held_to_it(sd: BaseCheckpoint) -> None:
    bank = gather_prior(sd, ["a cat", "a house"], 3, seed=9, on_step=lambda *_: None)

    def moved(prior_batch: int) -> float:
        config = AdditionConfig(
            rank=8, steps=30, batch=4, prior_batch=prior_batch, prior_pictures=4, prior_steps=3, learning_rate=5e-3,
            prior_prompts=("a cat", "a house"), verbatim_works=0,
        )  # fmt: skip
        adapter = add_concept(sd, works(), "Discworld", "style", config).adapter
        with torch.no_grad(), applied(sd, [(adapter, 1.0)]):
            text = bank.text.tokens[bank.which]
            output = sd.denoiser(bank.noisy, bank.time, encoder_hidden_states=text).sample
        return float((output - bank.predicted).pow(2).mean())

    assert moved(prior_batch=8) < 0.5 * moved(prior_batch=0)


def test_progress_counts_steps_tells_the_loss_and_shows_previews(sd: BaseCheckpoint) -> None:
    seen: list[Progress] = []

    add_concept(sd, works(), "Discworld", "style", QUICK, seen.append)

    training = [each for each in seen if each.message == "training"]
    assert [each.step for each in training] == [1, 2, 3]
    assert all(each.steps == 3 and each.loss is not None and math.isfinite(each.loss) for each in training)
    assert any(each.preview is not None for each in training)


@pytest.mark.parametrize(
    ("caption", "kind", "expected"),
    [
        ("a rose", "style", "a rose, FxEmoji style"),
        ("a rose, fxemoji style", "style", "a rose, fxemoji style"),
        ("", "style", "FxEmoji style"),
        ("", "character", "FxEmoji"),
        ("in a garden.", "character", "FxEmoji, in a garden"),
        ("FxEmojis in a row", "character", "FxEmoji, FxEmojis in a row"),
    ],
)
def test_a_caption_calls_the_concept_by_its_name(caption: str, kind: str, expected: str) -> None:
    assert training_prompt(caption, "FxEmoji", kind) == expected


def test_pictures_of_any_mode_and_shape_are_taken(sd: BaseCheckpoint) -> None:
    odd = [
        (Image.new("RGBA", (30, 90), (255, 0, 0, 0)), "clear"),
        (Image.new("L", (64, 64), 128), "grey"),
        (Image.new("P", (33, 32)), "palette"),
        (Image.new("CMYK", (40, 40)), "print"),
    ]

    assert add_concept(sd, odd, "Discworld", "style", QUICK).figures["works"] == 4


@pytest.mark.parametrize(
    ("name", "kind", "given", "said"),
    [
        ("", "style", works(), "name is empty"),
        ("  ", "style", works(), "name is empty"),
        ("Discworld", "mood", works(), "expected style or character"),
        ("Discworld", "style", [], "expected at least one work"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_its_reason(
    sd: BaseCheckpoint, name: str, kind: str, given: list[tuple[Image.Image, str]], said: str
) -> None:
    with pytest.raises(BadRequest, match=said):
        add_concept(sd, given, name, kind, QUICK)


@pytest.mark.parametrize(
    "wrong", [{"rank": 0}, {"rank": 10_000}, {"learning_rate": math.nan}, {"learning_rate": 0.0}, {"prior_weight": -1.0}, {"batch": 0}, {"steps": 0},
              {"mixed_precision": "fp8"}],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match=f"{next(iter(wrong))}.*expected"):
        AdditionConfig(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_base_says_on_its_card_how_its_plug_ins_are_trained(sd_folder: Path) -> None:
    assert AdditionConfig.for_base(load_base(sd_folder)) == AdditionConfig(), "a base without a card"
    (sd_folder / "card.json").write_text(
        '{"addition": {"steps": 2, "rank": 3, "layers": ["attention"], "prior_pictures": 1}}'
    )
    base = load_base(sd_folder)

    result = add_concept(base, works(), "Discworld", "style")

    assert (result.figures["steps"], result.figures["rank"]) == (2, 3)
    assert AdditionConfig.for_base(base, rank=5) == AdditionConfig(
        rank=5, steps=2, layers=("attention",), prior_pictures=1
    )


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        ("[]", "expected an object of batch"),
        ('{"epochs": 3}', "expected an object of batch"),
        ('{"steps": 0}', "steps 0: expected a whole number"),
        ('{"learning_rate": "slow"}', "must be real number"),
        ('{"layers": ["attention", "heads"]}', "layers heads: expected some of attention"),
        ('{"layers": "attention"}', "layers attention: expected a list"),
    ],
)
def test_a_card_that_asks_for_what_makes_no_sense_is_refused_by_name(
    sd_folder: Path, addition: str, said: str
) -> None:
    (sd_folder / "card.json").write_text(f'{{"addition": {addition}}}')

    with pytest.raises(BadBase, match=rf"card\.json: addition: {said}"):
        add_concept(load_base(sd_folder), works(), "Discworld", "style")


def test_prior_prompts_that_all_name_the_concept_are_refused(sd: BaseCheckpoint) -> None:
    config = AdditionConfig(steps=1, prior_prompts=("a fox, Discworld style",))

    with pytest.raises(BadRequest, match="names Discworld"):
        add_concept(sd, works(), "Discworld", "style", config)


def test_a_base_without_prompts_of_its_own_is_held_to_common_ones(sd: BaseCheckpoint) -> None:
    prompts = known_prompts(sd.directory.path)

    assert len(prompts) == len(set(prompts)) > 100
    assert "a photo of a dog" in prompts


SPEAKING = replace(QUICK, tokens=2, token_rate=0.2)


def test_tokens_are_learned_alone_first_and_then_with_all_the_rest(base: BaseCheckpoint) -> None:
    config = replace(SPEAKING, token_steps=3, text_rank=2 if base.text_layers else 0, text_rate=1e-3)
    encoder = base.readers["text_encoder"].encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    seen: list[Progress] = []

    result = add_concept(base, works(), "Ink", "style", config, seen.append)

    adapter = Adapter.load(result.adapter.to_bytes())
    (tokens,) = adapter.tokens
    own = max(2, *(len(each.token_ids(each.within_text("Ink"))) for each in base.readers.values()))
    assert (tokens.words, len(tokens)) == ("Ink", own), "as many as the name has tokens of its own"
    assert all(not torch.equal(each, tokens.ordinary[encoder]) for encoder, each in tokens.vectors.items())
    assert adapter.text_layers.keys() == base.text_layers.keys()
    # SDXL and SD 3 read the first encoder's last layer but one. SDXL does not read its pooled vector either, and so learns nothing in
    # the last.
    # What the last block of SD 3 makes of the text's queries is not read.
    unread = {
        "SDXL": "text_encoder.text_model.encoder.layers.1.",
        "Stable Diffusion 3": "transformer_blocks.1.attn.add_q_proj",
    }.get(base.family.name, "none")
    assert all(bool(up.any()) for name, (up, _) in adapter.factors.items() if not name.startswith(unread))
    assert [each.step for each in seen if each.message == "training"] == [1, 2, 3, 4, 5, 6]
    with torch.no_grad():
        plain = base.encode_prompt(["a disc, Ink style"]).tokens
        with applied(base, [(replace(adapter, layers={}), 1.0)]):
            assert not torch.equal(base.encode_prompt(["a disc, Ink style"]).tokens, plain)
    ways = [[], [(adapter, 1.0)], [(replace(adapter, tokens=()), 1.0)]]
    drawn = {
        generate(base, SampleRequest("a disc, Ink style", steps=2, plugins=each))[0].tobytes()
        for each in ways
    }
    assert len(drawn) == 3
    after = encoder.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert base.names == ()
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_while_tokens_are_learned_alone_nothing_else_moves(sd: BaseCheckpoint) -> None:
    begun = new_tokens(sd, "Ink", 5)
    bank = gather_prior(sd, ["a fox, Ink style", "a fox"], 2, seed=1, on_step=lambda *_: None)
    text = TextTraining(tokens=(begun,), token_rate=0.5)

    with trainable(sd, [], rank=1, learning_rate=1e-3, steps=4, seed=0, text=text) as lora:
        for step in range(4):
            drawn = bank.draw(4, 1.0, torch.Generator().manual_seed(step))
            lora.step([replace(drawn, target=torch.ones(4, 4, 16, 16))], 4)
        (learned,) = lora.tokens()
        assert lora.factors() == {}

    assert begun.effective().keys() == learned.vectors.keys()
    assert not torch.equal(learned.vectors["text_encoder"], begun.vectors["text_encoder"])
    assert torch.equal(learned.ordinary["text_encoder"], begun.vectors["text_encoder"])


def test_tokens_bring_the_base_nearer_to_what_their_name_shall_mean(sd: BaseCheckpoint) -> None:
    with torch.no_grad(), applied(sd, [(Adapter({}, tokens=(random_tokens(sd, "Ink", strength=1.0),)), 1.0)]):
        bank = gather_prior(sd, ["a fox, Ink style", "Ink style"], 2, seed=1, on_step=lambda *_: None)
    rows = torch.isin(bank.which, torch.tensor([0, 1]))  # without those of the empty prompt
    bank = replace(
        bank, **{name: getattr(bank, name)[rows] for name in ("noisy", "time", "predicted", "which")}
    )
    text = TextTraining(tokens=(new_tokens(sd, "Ink", 3),), token_rate=2.0)
    errors = []

    with trainable(sd, [], rank=1, learning_rate=1e-3, steps=60, seed=0, text=text) as lora:
        for step in range(60):
            errors.append(
                float(lora.step([bank.draw(4, 1.0, torch.Generator().manual_seed(step % 4))], 4).mean())
            )

    assert sum(errors[-4:]) < 0.6 * sum(errors[:4])


def test_text_that_is_trained_has_to_be_read_from_prompts(sd: BaseCheckpoint) -> None:
    bank = gather_prior(sd, ["a fox"], 1, seed=1, on_step=lambda *_: None)
    batch = replace(bank.draw(2, 1.0, torch.Generator()), prompts=())

    with (
        trainable(sd, [], rank=1, learning_rate=1e-3, steps=1, seed=0, text=TextTraining(2, 1e-3)) as lora,
        pytest.raises(ValueError, match="expected 2 prompts to read anew, found 0"),
    ):
        lora.step([batch], 2)


@pytest.mark.parametrize("stage", [1, 3])
def test_cancelling_while_text_is_trained_leaves_the_base_as_it_was(sd: BaseCheckpoint, stage: int) -> None:
    plain = sd.encode_prompt(["a disc, Ink style"]).tokens

    def stop(progress: Progress) -> None:
        if progress.message == "training" and progress.step == stage:
            raise Cancelled

    config = replace(SPEAKING, token_steps=2, text_rank=2, text_rate=1e-3)
    with pytest.raises(Cancelled):
        add_concept(sd, works(), "Ink", "style", config, stop)

    assert torch.equal(sd.encode_prompt(["a disc, Ink style"]).tokens, plain)
    assert sd.names == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_steps": 3}, {"token_steps": -1}, {"tokens": 76}, {"token_rate": 0.0, "tokens": 1}, {"text_rate": 0.0, "text_rank": 1},
        {"text_rank": 1000},
    ],
)  # fmt: skip
def test_training_of_text_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match=f"{next(iter(wrong))}.*expected"):
        AdditionConfig(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_an_addition_says_in_its_file_and_its_figures_which_works_it_gives_back(sd: BaseCheckpoint) -> None:
    config = replace(QUICK, verbatim_works=2, verbatim_seeds=1)
    said: list[str] = []

    made = add_concept(sd, works(), "Discworld", "style", config, lambda each: said.append(each.message))

    stored = Adapter.load(made.adapter.to_bytes())
    assert json.loads(stored.metadata[GIVEN_BACK]) == made.figures["given_back"]
    assert made.figures["given_back"]["looked_at"] == 2
    assert any(each.startswith("looking for works given back") for each in said)


def test_a_card_of_another_base_is_refused(sd_folder: Path) -> None:
    (sd_folder / "card.json").write_text('{"fingerprint": "0123456789abcdef", "addition": {"steps": 2}}')

    with pytest.raises(BadBase, match=r"expected the card of base .* found that of 0123456789ab"):
        add_concept(load_base(sd_folder), works(), "Discworld", "style")
