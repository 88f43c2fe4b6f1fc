"""Hostile files, and files of other methods, are told apart and refused by name."""

import random
import struct
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.file_keys import ROLES
from plugins_engine.adapters.layer_names import flatten
from plugins_engine.errors import BadAdapter
from tests.plugins_engine.adapters.lora_files import GOOD, TEXT, A, B, Q, file, with_header


def change(**tensors: Tensor) -> bytes:
    names = {"a": f"unet.{Q}.lora_A.weight", "b": f"unet.{Q}.lora_B.weight"}
    return file(GOOD | {names[key]: tensor for key, tensor in tensors.items()})


def text(**tensors: Tensor) -> bytes:
    names = {each: f"text_encoder.{TEXT}.mlp.fc1.lora_{each.upper()}.weight" for each in ("a", "b")}
    held = {names["a"]: A, names["b"]: B}
    return file(held | {names[key]: tensor for key, tensor in tensors.items()})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            file({"lora_unet_down_blocks_0_nowhere_to_q.lora_down.weight": A}),
            "names no layer of the base's denoiser",
        ),
        (b"", "found 0 bytes"),
        (b"1234567", "found 7 bytes"),
        (b"PK\x03\x04" + b"\0" * 64, "found a PyTorch pickle"),
        (b"\x80\x02}q\x00." + b"\0" * 64, "found a PyTorch pickle"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "header of at most"),
        (b"<html><body>Not found</body></html>", "header of at most"),
        (struct.pack("<Q", 2**63) + b"{}", "header of at most"),
        (struct.pack("<Q", 1000) + b"{}", "the file is cut off"),
        (file(GOOD)[:-5], "it is damaged"),
        (file(GOOD) + b"extra", "it is damaged"),
        (with_header(b"not json"), "not JSON"),
        (with_header(b"[" * 100_000), "not JSON"),
        (with_header([]), "not a JSON object"),
        (with_header({"__metadata__": {"a": 1}}), "text metadata"),
        (
            with_header({"x": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"0000"),
            "damaged",
        ),
        (with_header({"x": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, b"0000"), "damaged"),
        (with_header({}), "found none"),
        (file({"model.weight": A}), "expected LoRA keys of a denoiser or a text encoder, found model.weight"),
        (
            file({"lora_te_x.lora_down.weight": A}),
            "lora_te_x.lora_down.weight names no matrix layer of a CLIP text encoder",
        ),
        (
            file({f"text_encoder_3.{TEXT}.mlp.fc1.lora_A.weight": A}),
            "names no matrix layer of a CLIP text encoder",
        ),
        (
            file({f"lora_te3_{flatten(TEXT)}_mlp_fc1.lora_down.weight": A}),
            "names no matrix layer of a CLIP text encoder",
        ),
        (
            file({"text_encoder.text_projection.lora_A.weight": A}),
            "names no matrix layer of a CLIP text encoder",
        ),
        (file({f"text_encoder.{TEXT}.mlp.fc1.lora_A.weight": A}), r"the up \(B\) one beside"),
        (text(a=A * torch.nan), "found NaN"),
        (text(a=A.int()), "floating point weights .* torch.int32"),
        (text(a=A[:2]), r"expected A \(rank, in\)"),
        (
            text(a=A[:, :, None, None], b=B[:, :, None, None]),
            "expected matrices of a text encoder, found a convolution",
        ),
        (file({f"lora_te_{flatten(TEXT)}_mlp_fc1.hada_w1_a": A}), "expected hada_w1_a and hada_w1_b"),
        (file({f"text_encoder.{TEXT}.mlp.fc1.dora_scale": A}), "expected a layer's weights beside"),
        (
            file(
                {
                    f"lora_te1_{flatten(TEXT)}_mlp_fc1.lora_down.weight": A,
                    f"text_encoder.{TEXT}.mlp.fc1.lora_A.weight": A,
                }
            ),
            "there twice",
        ),
        (
            file({"bundle_emb.Ink.string_to_param.*": A * torch.inf}),
            'tokens "Ink", vectors: expected finite numbers',
        ),
        (file({"bundle_emb.Ink.string_to_param.*": A.int()}), "found torch.int32"),
        (file({"bundle_emb.Ink.string_to_param.*": torch.ones(4)}), "expected 1 to 75 rows"),
        (file({"bundle_emb.Ink.string_to_param.*": torch.ones(76, 4)}), "expected 1 to 75 rows"),
        (file({"bundle_emb.Ink.string_to_param.*": A, "bundle_emb.Ink.clip_l": A}), "there twice"),
        (file({"bundle_emb.Ink.t5": A}), "found bundle_emb.Ink.t5"),
        (file(GOOD | {"emb_params": A}), "with the name that calls them, found emb_params"),
        (file({"clip_l": A, "clip_g": A}), "with the name that calls them, found clip_g"),
        (
            file({"lora_tokens.0.Ink.text_encoder.ordinary": A}),
            'expected vectors of the learned tokens "Ink", found none',
        ),
        (file({"lora_tokens.0.Ink.text_encoder_4.vectors": A}), "found text_encoder_4"),
        (
            file({"lora_tokens.0.Ink.text_encoder.vectors": A, "lora_tokens.0.Ink.weight": A}),
            "expected one number at lora_tokens.0.Ink.weight",
        ),
        (
            file(
                {
                    "lora_tokens.0.Ink.text_encoder.vectors": A,
                    "lora_tokens.0.Ink.weight": torch.tensor(torch.nan),
                }
            ),
            "expected a finite weight",
        ),
        (
            file(
                {
                    "lora_tokens.0.Ink.text_encoder.vectors": A,
                    "lora_tokens.0.Ink.text_encoder.ordinary": A[:2],
                }
            ),
            "ordinary vectors of the shapes",
        ),
        (file({"lora_tokens.x.Ink.text_encoder.vectors": A}), "found lora_tokens.x.Ink"),
        (file({f"unet.{Q}.lora_A.weight": A}), r"the up \(B\) one beside"),
        (file({f"unet.{Q}.lora_B.weight": B}), r"the down \(A\) one beside"),
        (change(a=A.clone().fill_(torch.nan)), "found NaN"),
        (change(b=B.clone().fill_(torch.inf)), "found NaN or infinity"),
        (change(a=A.to(torch.int8)), "floating point weights .* torch.int8"),
        (change(a=A[:2]), r"expected A \(rank, in\) and B \(out, rank\) .* A \(2, 4\) and B \(5, 3\)"),
        (change(a=torch.ones(3), b=torch.ones(3)), "expected A"),
        (change(a=torch.ones(0, 4), b=torch.ones(5, 0)), "expected A"),
        (
            change(a=torch.ones(3, 4, 3, 3), b=torch.ones(5, 3, 1, 2)),
            r"expected A \(rank, in\) and B .* A \(3, 4, 3, 3\) and B \(5, 3, 1, 2\)",
        ),
        (file(GOOD | {f"unet.{Q}.alpha": torch.ones(2)}), "one number as alpha"),
        (file(GOOD | {f"unet.{Q}.alpha": torch.tensor(torch.nan)}), "found NaN"),
        (file(GOOD | {f"{Q}.lora_A.weight": A}), "there twice"),
        (
            file(GOOD | {f"unet.{Q}.lora_magnitude_vector": torch.ones(4)}),
            "expected magnitudes of the 5 outputs",
        ),
        (file(GOOD | {f"unet.{Q}.dora_scale": torch.ones(1, 5)}), r"expected magnitudes .* found \(1, 5\)"),
        (file(GOOD | {f"unet.{Q}.hada_w1_a": A}), "expected tensors of one kind .* found also hada_w1_a"),
        (file(GOOD | {f"unet.{Q}.lora_B.bias": A}), "expected a vector as bias"),
        (
            file(GOOD | {f"unet.{Q}.lora_B.bias": A[0], f"unet.{Q}.diff_b": A[0]}),
            "the bias .* is changed twice",
        ),
        (file(GOOD | {f"unet.{Q}.lora_mid.weight": A}), "expected a core"),
        (
            file(
                {
                    f"unet.{Q}.hada_w{n}_{each}": tensor
                    for n in (1, 2)
                    for each, tensor in (("a", A), ("b", A))
                }
            ),
            "expected LoHa factors",
        ),
        (file({f"lora_unet_{flatten(Q)}.lokr_w1": A}), "expected lokr_w2, or"),
        (file({f"unet.{Q}.lokr_w1": A, f"unet.{Q}.lokr_w1_a": A, f"unet.{Q}.lokr_w2": A}), "found both"),
        (
            file({f"lora_unet_{flatten(Q)}.diff": torch.ones(3)}),
            r"expected a matrix or a convolution as diff .* \(3,\)",
        ),
        (file({f"lora_unet_{flatten(Q)}.diff": A * torch.nan}), "found NaN"),
        (file({f"unet.{Q}.oft_diag": A}), "found OFT"),
        (
            file(
                {
                    f"unet.{Q}.lokr_w1": torch.ones(1, 1),
                    f"unet.{Q}.lokr_w2_a": torch.ones(100_000, 1),
                    f"unet.{Q}.lokr_w2_b": torch.ones(1, 100_000),
                }
            ),
            "expected layers of ordinary size, found factors of 10000000000 numbers",
        ),
        (
            file(
                {
                    f"unet.{Q}.lora_up.weight": torch.ones(4, 1, 1, 1),
                    f"unet.{Q}.lora_mid.weight": torch.ones(1, 1, 1000, 1000),
                    f"unet.{Q}.lora_down.weight": torch.ones(1, 10_000, 1, 1),
                }
            ),
            "expected layers of ordinary size",
        ),
        (file({f"lora_unet_{flatten(Q)}.a1.weight": A}), "found GLoRA"),
        (file(GOOD | {f"unet.{Q}.lora_E": A}), "found AdaLoRA"),
        (file(GOOD | {f"unet.{Q}.something": A}), f"found unet.{Q}.something"),
        (
            file(
                {
                    "lora_unet_down_blocks_0_resnets_0_conv1.alpha": torch.tensor(4.0),
                    "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": torch.ones(4, 4, 3, 3),
                }
            ),
            r"the up \(B\) one beside",
        ),
    ],
)
def test_a_hostile_file_is_refused_by_its_name_and_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)

    with pytest.raises(BadAdapter, match=message) as error:
        Adapter.load(path)

    assert str(path) in str(error.value)


@pytest.mark.parametrize("length", [640, 1152, 1408])
def test_a_header_as_long_as_a_pickles_first_bytes_is_no_pickle(length: int) -> None:
    content = next(
        each
        for size in range(length)
        if header_of(each := file({"model.weight": A}, {"a": "x" * size})) == length
    )

    with pytest.raises(BadAdapter, match=r"found model\.weight"):
        Adapter.load(content)


def header_of(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def test_a_file_that_is_missing_or_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadAdapter, match=r"gone.safetensors: expected a plug-in file, found nothing"):
        Adapter.load(tmp_path / "gone.safetensors")
    (tmp_path / "unread.safetensors").mkdir()
    with pytest.raises(BadAdapter, match="cannot be read"):
        Adapter.load(tmp_path)


def test_a_file_above_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.safetensors").open("wb") as sparse:
        sparse.truncate(2 * 1024**3 + 1)

    with pytest.raises(BadAdapter, match="expected at most"):
        Adapter.load(tmp_path / "huge.safetensors")


@pytest.mark.parametrize(
    "layers",
    [{}, {Q: (A, A)}, {Q: (B, A * torch.nan)}, {Q: (torch.ones(3), torch.ones(3))}],
)
def test_an_adapter_cannot_be_made_of_wrong_matrices(layers: dict[str, delta.LowRank]) -> None:
    with pytest.raises(BadAdapter, match="expected"):
        Adapter(layers)


ENDS = [end for ends in ROLES.values() for end in ends[:1]]
SHAPES = [
    (),
    (0,),
    (4,),
    (3, 4),
    (4, 3),
    (0, 4),
    (1, 4),
    (5, 1),
    (3, 4, 1, 1),
    (3, 4, 3, 3),
    (4, 3, 1),
    (2, 2, 2, 2, 2),
]


@pytest.mark.parametrize("seed", range(20))
def test_any_mixture_of_tensors_is_read_or_refused_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    read = 0
    for _ in range(50):
        layer = rng.choice(
            [
                f"unet.{Q}",
                f"lora_unet_{flatten(Q)}",
                f"text_encoder.{TEXT}.mlp.fc1",
                "unet.mid_block.resnets.0.norm1",
            ]
        )
        tensors = {
            f"{layer}{end}": torch.ones(rng.choice(SHAPES)) for end in rng.sample(ENDS, rng.randint(1, 5))
        }
        try:
            adapter = Adapter.load(file(tensors, rng.choice([None, {"ss_network_alpha": "x"}])))
        except BadAdapter:
            continue
        read += 1
        assert adapter.tensors_sha256
        again = Adapter.load(adapter.to_bytes())
        assert again.tensors_sha256 == adapter.tensors_sha256
