"""What is measured, and with what: the model, its precisions, and the programs."""
import functools
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from .measuring import ROOT, Disturbances, Worker

PRECISIONS = ("fp32", "int8", "int4")
PROGRAM = ["node", str(ROOT / "dist" / "src" / "cli" / "main.js")]
PROGRAMS = ROOT / "dist" / "bench"
RANDOM = ROOT / "models" / "random"


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


@functools.lru_cache(maxsize=None)
def help_of(command: str) -> str:
    return subprocess.run([*PROGRAM, command, "--help"], capture_output=True, text=True, check=True).stdout


def has_precision_flag() -> bool:
    """Whether models run in other precisions than their own."""
    return "--precision" in help_of("sample")


def exports_models() -> bool:
    """Whether model folders can be written in another precision."""
    return re.search(r"--format \S*\bmodel\b", help_of("export")) is not None


def find_model(folder: Optional[Path]) -> Path:
    """The folder given, or a random ARPG-L that is made once."""
    if not PROGRAMS.exists():
        raise SystemExit(f"{PROGRAMS} is missing; run npm run build")
    if folder is not None:
        if not (folder / "config.json").exists():
            raise SystemExit(f"{folder} is no model folder: it has no config.json")
        return folder.resolve()
    model = RANDOM / "model"
    if not model.exists():
        say(f"making a random ARPG-L in {RANDOM}")
        maker = ["node", str(PROGRAMS / "makeRandomCheckpoint.js"), "ARPG-L", str(RANDOM)]
        subprocess.run(maker, check=True, stdout=sys.stderr)
        weights, tokenizer = str(RANDOM / "arpg.safetensors"), str(RANDOM / "vq.safetensors")
        command = [*PROGRAM, "import", weights, "--config", "ARPG-L", "--tokenizer", tokenizer, "-o", str(model)]
        subprocess.run(command, check=True)
    return model


@dataclass
class Setting:
    """Everything that the parts need to know."""

    model: Path
    precisions: Sequence[str]
    rounds: int
    steps: int
    guidance: float
    threads: int
    disturbances: Disturbances = field(default_factory=Disturbances)

    @property
    def environment(self) -> Dict[str, str]:
        """OpenBLAS and OpenMP take their threads from here alone."""
        return {name: str(self.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}

    def usable_precisions(self) -> List[str]:
        """Those that this program runs; says which are left out."""
        left_out = [name for name in self.precisions if name != "fp32" and not has_precision_flag()]
        for name in left_out:
            say(f"{name} is left out: this arpg has no --precision")
        return [name for name in self.precisions if name not in left_out]

    def folder(self, precision: str) -> Path:
        """The model in a precision: a folder written so where there is one, else the one in single precision."""
        stored = self.stored_folder(precision)
        return stored if stored.exists() else self.model

    def stored_folder(self, precision: str) -> Path:
        return self.model.with_name(f"{self.model.name}-{precision}")

    def export_command(self, precision: str) -> List[str]:
        flags = ["--format", "model", "--precision", precision, "--model", str(self.model)]
        return [*PROGRAM, "export", *flags, "-o", str(self.stored_folder(precision))]

    def sample_command(self, precision: str, output: Path) -> List[str]:
        flags = ["--model", str(self.folder(precision)), "--target", "onnx", "--threads", str(self.threads)]
        drawing = ["--class", "207", "--steps", str(self.steps), "--guidance", str(self.guidance), "--seed", "1"]
        own = [] if precision == "fp32" else ["--precision", precision]
        return [*PROGRAM, "sample", *flags, *drawing, *own, "--quiet", "-o", str(output)]

    def torch_command(self, output: Path) -> List[str]:
        drawing = [str(self.threads), "207", str(self.steps), str(self.guidance), str(output)]
        return [sys.executable, "-m", "pytorch.draw", str(self.model), *drawing]

    def model_worker(self, precision: str) -> Worker:
        own = [] if precision == "fp32" else [precision]
        program = str(PROGRAMS / "compare" / "model.js")
        return Worker(["node", program, str(self.folder(precision)), str(self.threads), *own])

    def floor_worker(self, precision: str) -> Worker:
        program = str(PROGRAMS / "compare" / "floor.js")
        return Worker(["node", program, str(self.model), str(self.threads), precision])

    def torch_worker(self) -> Worker:
        command = [sys.executable, "-m", "pytorch.worker", str(self.model), str(self.threads)]
        return Worker(command, self.environment)

    def profile_command(self, precision: str) -> List[str]:
        own = [] if precision == "fp32" else [precision]
        program = str(PROGRAMS / "compare" / "profile.js")
        return ["node", program, str(self.folder(precision)), str(self.steps), str(self.threads), *own]
