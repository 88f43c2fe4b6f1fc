"""Reading an artist's folder: which pictures, and what each is said to show."""

import json
from pathlib import Path

import pytest
from PIL import Image

from plugins_engine.errors import BadPicture
from plugins_engine.works import read_folder, read_works


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

    with pytest.raises(
        BadPicture, match=r"a.txt: expected a caption as text, found bytes that are no UTF-16"
    ):
        read_works(tmp_path)


@pytest.mark.parametrize(
    ("content", "caption"),
    [
        ("\ufeffa fox\u2019s den".encode(), "a fox\u2019s den"),
        ("a fox\u2019s den".encode("utf-16"), "a fox\u2019s den"),
        (b"\xfe\xff" + "a fox\u2019s den".encode("utf-16-be"), "a fox\u2019s den"),
        ("a fox\u2019s den".encode("cp1252"), "a fox\u2019s den"),
        (b"a fox,\r\nin snow\r\n", "a fox, in snow"),
        (b"", ""),
    ],
)
def test_captions_of_common_encodings_are_read(tmp_path: Path, content: bytes, caption: str) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes(content)

    assert read_works(tmp_path)[0][1] == caption


@pytest.mark.parametrize("content", [b"a\0b", b"a\x1b[31mb", b"\x81\x8d"])
def test_a_caption_with_control_characters_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.caption").write_bytes(content)

    with pytest.raises(BadPicture, match=r"a.caption: expected a caption as text, found"):
        read_works(tmp_path)


def test_caption_files_of_other_trainers_are_read(tmp_path: Path) -> None:
    for number in range(4):
        draw(tmp_path / f"IMG_100{number}.png")
    (tmp_path / "IMG_1000.caption").write_text("a fox in snow")
    (tmp_path / "IMG_1001.tags").write_text("fox, snow, night")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "IMG_1002.png", "text": "a red fox"}\n\n')

    assert [caption for _, caption in read_works(tmp_path)] == [
        "a fox in snow",
        "fox, snow, night",
        "a red fox",
        "",
    ]


@pytest.mark.parametrize("line", ["{", "[]", '{"file_name": "a.png"}', '{"file_name": 1, "text": "a"}'])
def test_wrong_metadata_is_refused_by_file_and_line(tmp_path: Path, line: str) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "caption": "a fox"}\n' + line)

    with pytest.raises(BadPicture, match=r"metadata.jsonl: expected .* line 2"):
        read_works(tmp_path)


def test_every_common_format_is_read_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", "c.webp", "d.bmp", "e.tif", "f.gif", "g.avif", "h.heic"):
        draw(tmp_path / name)
    for name in ("notes.md", "i.psd", "orphan.txt", "a.txt", ".DS_Store"):
        (tmp_path / name).write_text("a fox")

    found = read_folder(tmp_path)

    assert len(found.works) == 8
    assert list(found.skipped) == ["i.psd", "notes.md", "orphan.txt"]


def test_an_animation_in_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), each) for each in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])

    with pytest.raises(BadPicture, match=r"a.webp: .* found an animation"):
        read_works(tmp_path)
