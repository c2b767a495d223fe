"""Compares the plain PyTorch models with the numbers of the official implementation (fixtures/golden)."""
import json
from pathlib import Path
from typing import List

import torch
from torch import Tensor

from .arpg import Arpg, sample, tokens_per_step
from .safetensors import load_state, read_safetensors
from .vq import Vq

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
# Of the largest magnitude.
TOLERANCE = 1e-5


class Checks:
    """Collects what differs."""

    def __init__(self) -> None:
        self.count = 0
        self.worst = 0.0
        self.faults: List[str] = []

    def close(self, name: str, expected: Tensor, actual: Tensor) -> None:
        self.count += 1
        if expected.shape != actual.shape:
            self.faults.append(f"{name}: shape {list(actual.shape)}, not {list(expected.shape)}")
            return
        error = ((actual - expected).abs().max() / expected.abs().max()).item()
        self.worst = max(self.worst, error)
        if not error <= TOLERANCE:
            self.faults.append(f"{name}: off by {error:.1e} of the largest magnitude")

    def equal(self, name: str, expected: Tensor, actual: Tensor) -> None:
        self.count += 1
        if expected.shape != actual.shape or not bool((expected == actual).all()):
            self.faults.append(f"{name}: not equal")


def check_arpg(checks: Checks) -> None:
    facts = json.loads((GOLDEN / "arpg-tiny.json").read_text())
    expected = read_safetensors(GOLDEN / "arpg-tiny.expected.safetensors")
    model = Arpg(facts["config"])
    load_state(model, read_safetensors(GOLDEN / "arpg-tiny.safetensors"))
    checks.close("rope.freqs_cis", expected["rope.freqs_cis"], model.table)
    for case in facts["cases"]:
        prefix = f"generate.{case['id']}"
        steps, schedule = case["num_iter"], case["sample_schedule"]
        counts = tokens_per_step(facts["config"]["block_size"], steps, schedule)
        checks.equal(f"{prefix}.tokens_per_step", torch.tensor(case["tokens_per_step"]), torch.tensor(counts))
        drawn = sample(
            model,
            case["class_labels"],
            steps,
            case["guidance_scale"],
            schedule=schedule,
            guidance_schedule=case["cfg_schedule"],
            temperature=case["temperature"],
            top_k=case["top_k"],
            order=expected[f"{prefix}.order"].flatten(),
            on_logits=lambda step, logits: checks.close(
                f"{prefix}.raw_logits.{step}", expected[f"{prefix}.raw_logits.{step}"], logits
            ),
        )
        checks.equal(f"{prefix}.tokens", expected[f"{prefix}.tokens"], drawn)


def check_vq(checks: Checks) -> None:
    config = json.loads((GOLDEN / "vq-tiny.json").read_text())
    expected = read_safetensors(GOLDEN / "vq-tiny.expected.safetensors")
    model = Vq(config)
    load_state(model, torch.load(GOLDEN / "vq-tiny.pt", map_location="cpu")["model"])
    image, indices = expected["image"], expected["indices"]
    side = image.shape[-1] // 2 ** (len(config["ch_mult"]) - 1)
    checks.close("latent", expected["latent"], model.latent(image))
    checks.equal("indices", indices.flatten(), model.encode(image).flatten())
    grid = indices.reshape(-1, side, side)
    checks.close("quantized", expected["quantized"], model.quantized(grid))
    checks.close("reconstruction", expected["reconstruction"], model.decode(grid))
    asked = expected["decode.indices"].reshape(expected["decode.image"].shape[0], side, side)
    checks.close("decode.image", expected["decode.image"], model.decode(asked))


def run_checks() -> Checks:
    """Runs all checks."""
    checks = Checks()
    check_arpg(checks)
    check_vq(checks)
    return checks
