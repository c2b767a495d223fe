"""Reads safetensors files: an 8-byte length, a JSON header, and the elements of all tensors."""
import json
import struct
import warnings
from pathlib import Path
from typing import Dict

import torch
from torch import nn

TYPES = {"F32": torch.float32, "F16": torch.float16, "I64": torch.int64, "I32": torch.int32}


def read_safetensors(path: Path) -> Dict[str, torch.Tensor]:
    """The tensors of a file by name; their elements are shared with one buffer, and read once."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        buffer = bytearray(Path(path).stat().st_size - 8 - length)
        file.readinto(buffer)
    header.pop("__metadata__", None)
    tensors = {}
    with warnings.catch_warnings():
        # Nobody writes into the buffer.
        warnings.simplefilter("ignore", UserWarning)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            dtype = TYPES[entry["dtype"]]
            if begin == end:
                tensors[name] = torch.empty(entry["shape"], dtype=dtype)
                continue
            count = (end - begin) // torch.empty(0, dtype=dtype).element_size()
            flat = torch.frombuffer(buffer, dtype=dtype, count=count, offset=begin)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


# Buffers of the official code that are worked out anew.
NO_PARAMETERS = ("freqs_cis", "codebook_used")


def load_state(model: nn.Module, state: Dict[str, torch.Tensor]) -> None:
    """Loads a checkpoint whose names must be the model's."""
    model.load_state_dict({name: value for name, value in state.items() if not name.endswith(NO_PARAMETERS)})
    model.eval()
