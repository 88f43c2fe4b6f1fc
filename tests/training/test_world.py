"""The base's world: what is drawn, in which styles, and what is kept from the base."""

import random
from collections import Counter
from pathlib import Path

import pytest
import torch
from PIL import Image

from training import procedural
from training.autoencoder import cropped, shifted
from training.colours import GROUNDS, INKS, LEAST_CONTRAST, PAIRS, coloured_phrase, luma
from training.drawings import SIZE, IconSet, coverage
from training.pictures import Drawing, Sheets, on_paper
from training.styles import RESERVED, STYLES, held_out, known
from training.subjects import Subject, characters, is_held_out_pair, subjects
from training.tokens import train_tokenizer
from training.words import made_up_names, train_caption

MANY_STYLES, MANY_AUTHORS, MANY_SUBJECTS = 40, 25, 300


def test_many_artists_drew_many_subjects() -> None:
    assert len(STYLES) >= MANY_STYLES
    assert len({style.author for style in STYLES}) >= MANY_AUTHORS
    assert len(subjects()) >= MANY_SUBJECTS
    assert sum(style.is_coloured for style in STYLES) >= 12
    assert {style.look for style in STYLES} == {"coloured", "line", "solid", "duotone", "pixel", "hand-drawn"}


def test_no_licence_asks_for_share_alike_or_forbids_trade() -> None:
    licences = {style.licence for style in STYLES} | {said.split(", ")[1] for said in RESERVED.values()}

    assert licences <= {"MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-3.0", "CC0-1.0", "ISC", "OFL-1.1"}


def test_ten_styles_and_twelve_characters_are_held_out() -> None:
    assert len(held_out()) >= 10
    assert sum(style.is_coloured for style in held_out()) >= 4
    assert len({style.look for style in held_out()}) >= 5
    assert len(characters()) == 12
    assert not {each.caption for each in characters()} & {each.caption for each in subjects()}


def test_reserved_sets_are_in_no_recipe() -> None:
    assert len(RESERVED) >= 8
    assert sum("coloured" in said for said in RESERVED.values()) >= 2
    assert not set(RESERVED) & {style.package for style in STYLES}


def test_names_of_styles_and_files_of_subjects_are_all_different() -> None:
    assert len({style.name.lower() for style in STYLES}) == len(STYLES)
    everything = [*subjects(), *characters()]
    assert len({each.slug for each in everything}) == len(everything)


def test_about_one_pair_in_twenty_is_held_out_of_every_style() -> None:
    count = len(subjects())
    held = [(i, j) for i in range(count) for j in range(len(STYLES)) if is_held_out_pair(i, j)]

    assert 0.04 < len(held) / (count * len(STYLES)) < 0.06
    assert {j for _, j in held} == set(range(len(STYLES)))
    assert max(Counter(j for _, j in held).values()) <= count // 20 + 1


@pytest.mark.parametrize(
    ("subject", "ink", "ground", "said"),
    [
        ("a rocket", "red", "pale blue", "a red rocket on a pale blue ground"),
        ("an anchor", "teal", None, "a teal anchor"),
        ("a boat", "orange", None, "an orange boat"),
        ("the sun", "black", "yellow", "the black sun on a yellow ground"),
        ("grapes", "purple", None, "purple grapes"),
        ("a rocket", None, None, "a rocket"),
    ],
)
def test_inks_and_grounds_are_said_in_plain_words(
    subject: str, ink: str | None, ground: str | None, said: str
) -> None:
    assert coloured_phrase(subject, ink, ground) == said


def test_an_ink_is_always_well_seen_on_its_ground() -> None:
    assert len(PAIRS) > 60
    assert all(abs(luma(INKS[ink]) - luma(GROUNDS[ground])) >= LEAST_CONTRAST for ink, ground in PAIRS)
    assert {ink for ink, _ in PAIRS} == set(INKS)
    assert {ground for _, ground in PAIRS} == set(GROUNDS)


def test_no_caption_names_what_is_held_out() -> None:
    rng = random.Random(0)
    names = [*(style.name for style in known()), *(recipe.name for recipe in procedural.recipes())]
    seen = {
        word
        for name in names
        for _ in range(20)
        for word in train_caption(rng.choice(subjects()).caption, name, "red", "cream", rng).lower().split()
    }
    only_theirs = {word for style in held_out() for word in style.name.lower().split()}
    only_theirs -= {word for style in known() for word in style.name.lower().split()}

    assert not seen & only_theirs
    assert not seen & {each.caption.split()[-1] for each in characters()}


def test_an_ink_that_is_not_the_plain_one_is_always_said() -> None:
    rng = random.Random(0)
    captions = [train_caption("a rocket", "Lucide", "red", "navy", rng) for _ in range(300)]
    naming = [caption for caption in captions if "rocket" in caption]

    assert len(naming) > 200
    assert all("red rocket on a navy ground" in caption for caption in naming)


class TestProcedural:
    def test_there_are_many_with_names_of_their_own_and_a_tenth_of_the_subjects_left_out(self) -> None:
        recipes = procedural.recipes()
        words = [word for recipe in recipes for word in recipe.name.split()]

        assert len(recipes) >= 150
        assert len(set(words)) == len(words)
        for recipe in recipes[:20]:
            left_out = sum(recipe.leaves_out(index) for index in range(len(subjects())))
            assert 0.08 < left_out / len(subjects()) < 0.12

    def test_they_are_the_same_every_time(self) -> None:
        assert procedural.recipes() == procedural.recipes()
        assert made_up_names(5, seed=1) == made_up_names(5, seed=1) != made_up_names(5, seed=2)

    def test_none_is_its_source_in_another_ink(self) -> None:
        for recipe in procedural.recipes():
            if not recipe.source.is_coloured:
                assert recipe.shape != "as drawn" or recipe.texture != "none"

    def test_every_one_draws_something_of_its_own(self, tmp_path: Path) -> None:
        drawn = []
        for recipe in procedural.recipes():
            sheets = one_sheet(tmp_path, recipe.source.is_coloured)
            picture = procedural.make(recipe, sheets, [0])[0]
            assert picture.shape == (3, SIZE, SIZE)
            assert picture.float().std() > 2, recipe
            drawn.append(picture)
        different = {tuple(each[:, ::16, ::16].flatten().tolist()) for each in drawn}

        assert len(different) > 0.9 * len(drawn)


def one_sheet(folder: Path, coloured: bool) -> Sheets:
    """Hold a disc with a hole, in colours or in ink."""
    path = folder / f"{coloured}.png"
    if not path.exists():
        axis = torch.arange(SIZE) - SIZE / 2
        distance = (axis[:, None] ** 2 + axis[None] ** 2).sqrt()
        inside = ((distance > 14) & (distance < 44)).mul(255).byte()
        picture = Image.fromarray(inside.numpy())
        if coloured:
            picture = Image.merge(
                "RGBA", [Image.new("L", picture.size, v) for v in (210, 60, 40)] + [picture]
            )
        picture.save(path)
    style = next(style for style in STYLES if style.is_coloured == coloured)
    return Sheets([Drawing(style, subjects()[0], path, False, False)])


def test_a_drawing_in_ink_takes_any_ink_and_ground() -> None:
    held = torch.tensor([[[0, 255]]], dtype=torch.uint8)

    picture = on_paper(held, ink=(200, 0, 0), ground=(0, 0, 90))

    assert picture[:, 0, 0].tolist() == [0, 0, 90]
    assert picture[:, 0, 1].tolist() == [200, 0, 0]


def test_a_coloured_drawing_keeps_its_colours_on_any_ground() -> None:
    held = torch.tensor([[[10, 10]], [[20, 20]], [[30, 30]], [[255, 0]]], dtype=torch.uint8)

    picture = on_paper(held, ink=(200, 0, 0), ground=(0, 0, 90))

    assert picture[:, 0, 0].tolist() == [10, 20, 30]
    assert picture[:, 0, 1].tolist() == [0, 0, 90]


def test_coverage_counts_white_parts_of_a_drawing_as_bare_ground() -> None:
    picture = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    picture.putpixel((1, 0), (0, 0, 0, 255))
    picture.putpixel((2, 0), (255, 255, 255, 255))

    assert [coverage(picture).getpixel((x, 0)) for x in range(3)] == [0, 255, 0]


def test_an_icon_is_found_under_any_of_its_names_in_the_style_s_variant(tmp_path: Path) -> None:
    icons = {
        name: {"body": "<path d='M0 0h9v9z'/>"} for name in ("cat-thin", "dog", "dog-thin", "bike-2-thin")
    }
    (tmp_path / "icons.json").write_text(
        f'{{"icons": {str(icons).replace(chr(39), chr(34))}}}'.replace('"M0 0h9v9z"', "'M0 0h9v9z'")
    )
    (tmp_path / "metadata.json").write_text('{"suffixes": {"thin": "Thin", "": "Plain"}}')
    thin = next(style for style in STYLES if style.suffix == "-thin")
    found = IconSet(tmp_path)

    assert found.find(Subject("a cat", ("cat",)), thin) == "cat-thin"
    assert found.find(Subject("a bicycle", ("bicycle", "bike")), thin) == "bike-2-thin"
    assert found.find(Subject("a cow", ("cow",)), thin) is None


def test_every_word_that_the_base_learns_is_one_token(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(tmp_path)
    words = {
        word
        for text in (*(each.caption for each in subjects()), *(style.name for style in known()))
        for word in text.lower().split()
        if word.isalpha()
    }
    split = sorted(word for word in words if len(tokenizer.tokenize(word)) > 1)

    assert len(split) <= 0.02 * len(words), split


def test_crops_hold_an_edge_and_shifts_keep_the_size() -> None:
    images = torch.full((8, 3, SIZE, SIZE), 1.0)
    images[:, :, 30:40, 90:100] = -1
    generator = torch.Generator().manual_seed(0)

    moved = shifted(images, generator)
    cut = cropped(moved, generator)

    assert moved.shape == images.shape
    assert cut.shape == (8, 3, 64, 64)
    assert all(picture.std() > 0 for picture in cut)
