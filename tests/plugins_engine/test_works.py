"""Reading an artist's folder: which pictures, and what each is said to show."""

import json
from pathlib import Path

import pytest
from PIL import Image

from plugins_engine.errors import BadPicture
from plugins_engine.works import read_works


def draw(path: Path, colour: str = "red") -> None:
    Image.new("RGB", (64, 64), colour).save(path)


def test_a_caption_is_the_text_beside_a_picture_else_its_name(tmp_path: Path) -> None:
    for name in ("a-mug-of-beer.png", "b_fox.jpg", "c.webp"):
        draw(tmp_path / name)
    (tmp_path / "c.txt").write_text(" a whale, Ångström \n", encoding="utf-8")
    (tmp_path / "notes.md").write_text("not a picture")

    assert [caption for _, caption in read_works(tmp_path)] == ["a mug of beer", "b fox", "a whale, Ångström"]


def test_a_list_of_works_says_which_and_in_what_order(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        draw(tmp_path / name, "blue" if name == "b.png" else "red")
    works = [{"file": "b.png", "caption": "sea"}, {"file": "a.png", "caption": ""}]
    (tmp_path / "works.json").write_text(json.dumps({"works": works}))

    read = read_works(tmp_path)

    assert [caption for _, caption in read] == ["sea", ""]
    assert read[0][0].getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "works.json: expected"),
        ("[]", "works.json: expected"),
        ('{"works": [{"file": "a.png"}]}', "works.json: expected"),
        ('{"works": []}', "at least one work"),
        ('{"works": [{"file": "../a.png", "caption": ""}]}', "same folder, found ../a.png"),
        ('{"works": [{"file": "gone.png", "caption": ""}]}', "gone.png: expected a picture, found nothing"),
    ],
)
def test_a_wrong_list_is_refused_by_name(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "works.json").write_text(content)

    with pytest.raises(BadPicture, match=message):
        read_works(tmp_path)


def test_what_is_not_a_folder_of_pictures_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadPicture, match="found none"):
        read_works(tmp_path)
    with pytest.raises(BadPicture, match="nowhere: expected a folder of pictures, found nothing"):
        read_works(tmp_path / "nowhere")


def test_a_damaged_picture_is_refused_by_name(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-30])

    with pytest.raises(BadPicture, match=r"a.png: expected a picture, it is damaged"):
        read_works(tmp_path)


def test_a_caption_that_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(BadPicture, match=r"a.txt: expected a caption as UTF-8"):
        read_works(tmp_path)
