"""What cannot become a good plug-in is refused before anything is trained."""

import io

import pytest
from PIL import Image, ImageDraw

from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.learnable import require_different, require_new_name, require_readable
from plugins_engine.addition.training import add_concept
from plugins_engine.errors import BadRequest, LongCaption
from plugins_engine.known import Known
from plugins_engine.model.base import BaseCheckpoint

KNOWN = Known(("a fox", "a house"), ("Noto", "Fluent 3D"), listed=True)


def disc(colour: str = "red", left: int = 8, mode: str = "RGB") -> Image.Image:
    picture = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(picture).ellipse((left, 8, left + 40, 48), fill=colour)
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Noto", "style"), ("fluent 3d", "style"), ("fox", "character"), ("A House", "character")],
)
def test_a_name_that_the_base_draws_already_is_refused_with_what_to_do(name: str, kind: str) -> None:
    with pytest.raises(BadRequest, match=r"draws already .* choose another name"):
        require_new_name(name, kind, KNOWN)


@pytest.mark.parametrize(
    ("name", "kind"), [("Noto", "character"), ("Ink", "style"), ("fox", "style"), ("a dog", "character")]
)
def test_any_other_name_is_taken(name: str, kind: str) -> None:
    require_new_name(name, kind, KNOWN)


def test_a_base_that_lists_nothing_refuses_no_name() -> None:
    require_new_name("a dog", "character", Known(("a dog",), (), listed=False))


def test_works_that_are_all_one_picture_are_refused() -> None:
    jpeg = io.BytesIO()
    disc().save(jpeg, "JPEG", quality=60)
    same = [disc(), disc(), disc().resize((200, 200)), Image.open(jpeg), disc(mode="RGBA")]

    with pytest.raises(BadRequest, match="all 5 works are the same picture"):
        require_different(same)


@pytest.mark.parametrize("other", [disc("blue"), disc(left=14), disc("pink")])
def test_one_that_differs_is_enough(other: Image.Image) -> None:
    require_different([disc(), disc(), other])


def test_a_single_work_and_five_hundred_are_taken() -> None:
    require_different([disc()])
    require_different([disc(left=i % 20) for i in range(500)])


def test_a_caption_that_is_too_long_is_named_with_its_work(sd: BaseCheckpoint) -> None:
    prompts = ["a fox, Ink style"] * 3 + ["fox " * 90]

    with pytest.raises(
        LongCaption, match=r"^work 4 of 4: the prompt .* tokens long; this base reads 75"
    ) as refused:
        require_readable(sd, prompts, "Ink", tokens=0)

    assert refused.value.work == 3
    require_readable(sd, prompts[:3], "Ink", tokens=8)
    with pytest.raises(LongCaption, match=r"work 1 of 1: .* of names that plug-ins learned"):
        require_readable(sd, ["fox " * 70 + ", Ink style"], "Ink", tokens=60)


def test_factors_on_text_encoders_without_layers_that_are_adapted_are_refused(
    bases: dict[str, BaseCheckpoint],
) -> None:
    with pytest.raises(BadRequest, match="text_rank 4: this base reads prompts without CLIP"):
        add_concept(
            bases["z_image"],
            [(disc(), "a disc")],
            "Ink",
            "style",
            AdditionConfig(text_rank=4, text_rate=1e-3),
        )
