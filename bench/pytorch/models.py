"""Opens a model folder of arpg, as it was imported, in plain PyTorch."""
import json
from pathlib import Path
from typing import Tuple

import torch

from .arpg import Arpg
from .safetensors import load_state, read_safetensors
from .vq import Vq


def use_threads(threads: int) -> None:
    """Threads of an operation; OpenBLAS reads its own number when it is loaded, from the environment."""
    torch.set_num_threads(threads)


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())["config"]


def open_generator(folder: Path) -> Arpg:
    model = Arpg(config_of(folder))
    load_state(model, read_safetensors(folder / "model.safetensors"))
    return model


def open_tokenizer(folder: Path) -> Vq:
    own = folder / "tokenizer"
    model = Vq(config_of(own))
    load_state(model, read_safetensors(own / "model.safetensors"))
    return model


def open_models(folder: Path) -> Tuple[Arpg, Vq]:
    return open_generator(folder), open_tokenizer(folder)
