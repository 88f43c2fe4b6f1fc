"""LoRA files made by hand, of one layer."""

import json
import struct
from collections.abc import Mapping

import safetensors.torch
import torch
from torch import Tensor

Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0"
TEXT = "text_model.encoder.layers.1"
A, B = torch.arange(12.0).view(3, 4), torch.arange(15.0).view(5, 3)  # rank 3, 4 in, 5 out
GOOD = {f"unet.{Q}.lora_A.weight": A, f"unet.{Q}.lora_B.weight": B}


def file(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    return safetensors.torch.save({key: each.clone() for key, each in tensors.items()}, metadata)


def with_header(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body
