"""Programs that are asked in turn, processes that are measured as a whole, and whether others disturbed them."""
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Callable, Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
# A measurement is repeated while other processes take more than this: a share of one core, and what the
# machine's counters cannot resolve.
OTHERS_SHARE, OTHERS_SECONDS = 0.05, 0.05
TRIES = 4


@dataclass(frozen=True)
class Sample:
    """Seconds on the clock and of the processor, peak memory in bytes where known, and what else was told."""

    wall: float
    cpu: float
    peak: float = 0.0
    facts: dict = field(default_factory=dict)


def busy_seconds() -> Optional[float]:
    """Processor seconds that the whole machine has worked; None where it does not tell."""
    try:
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, first)
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


class Disturbances:
    """Repeats what others disturbed, and counts what stayed so."""

    def __init__(self) -> None:
        self.repeated = self.kept = 0

    def avoid(self, measure: Callable[[], Sample]) -> Sample:
        best: Optional[Sample] = None
        least = float("inf")
        for _ in range(TRIES):
            before, own = busy_seconds(), time.process_time()
            sample = measure()
            after = busy_seconds()
            if before is None or after is None:
                return sample
            others = after - before - sample.cpu - (time.process_time() - own)
            if others <= OTHERS_SHARE * sample.wall + OTHERS_SECONDS:
                return sample
            self.repeated += 1
            if others < least:
                best, least = sample, others
        self.kept += 1
        assert best is not None
        return best


class Worker:
    """A program that answers requests, a JSON object a line, and stays warm between them."""

    def __init__(self, command: Sequence[str], env: Optional[Dict[str, str]] = None) -> None:
        self.command = command
        environment = {**os.environ, **(env or {})}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, cwd=BENCH, env=environment, **pipes)

    def ask(self, **request: object) -> Sample:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.command)} ended with status {self.process.wait()}")
        facts = json.loads(line)
        return Sample(facts.pop("wall", 0.0), facts.pop("cpu", 0.0), facts=facts)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def run_process(command: Sequence[str], env: Optional[Dict[str, str]] = None) -> Sample:
    """Runs a command to its end: seconds, and the most memory that it held."""
    started = time.perf_counter()
    environment = {**os.environ, **(env or {})}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=BENCH, env=environment, **pipes)
    assert process.stderr
    messages = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = status
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{messages}")
    # Linux counts kilobytes, macOS bytes.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Sample(wall, usage.ru_utime + usage.ru_stime, peak)


Measures = Dict[str, Callable[[], Sample]]


def alternate(measures: Measures, rounds: int, disturbances: Disturbances) -> Dict[str, List[Sample]]:
    """Takes each measure once a round, in turn."""
    samples: Dict[str, List[Sample]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(disturbances.avoid(measure))
    return samples


def walls(samples: Sequence[Sample]) -> List[float]:
    return [sample.wall for sample in samples]


def ratios(above: Sequence[float], below: Sequence[float]) -> List[float]:
    """Round by round."""
    return [a / b for a, b in zip(above, below)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and from where to where the values go."""
    middle, low, high = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"
