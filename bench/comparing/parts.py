"""The parts of the comparison; each gives the rows of a table."""
import contextlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence

from .measuring import BENCH, Sample, Worker, alternate, ratios, run_process, spread, walls
from .setting import PROGRAM, Setting, exports_models, say
from .table import Goal, Row, at_least, at_most

GIGA = 1e9
BATCH = 8
FLOOR = "floor "
# A core of any machine of the last ten years does this with OpenBLAS; the reference BLAS does a tenth.
LEAST_PRODUCT_RATE = 10 * GIGA

TOKENS_AGAINST_TORCH = {"fp32": at_least(7), "int8": at_least(14)}
TOKENS_AGAINST_FLOOR = {"fp32": at_most(1.2), "int8": at_most(1.3)}
START_AGAINST_TORCH = {"fp32": at_least(5), "int8": at_least(9)}
PEAK_MEMORY = {"fp32": at_most(1.6), "int8": at_most(0.7)}
TOKENIZER_AGAINST_TORCH = at_least(2)
BATCH_AGAINST_ONE = at_least(1.5)
VERSION_SECONDS, SMALL_SECONDS, EXPORT_SECONDS = at_most(0.15), at_most(0.7), at_most(60)


@contextlib.contextmanager
def workers(started: Dict[str, Callable[[], Worker]]) -> Iterator[Dict[str, Worker]]:
    """Starts programs, and ends them afterwards."""
    running: Dict[str, Worker] = {}
    try:
        for name, start in started.items():
            running[name] = start()
        yield running
    finally:
        for worker in running.values():
            worker.close()


def floor_of(precision: str) -> str:
    return f"{FLOOR}{precision}"


def starters(setting: Setting, precisions: Sequence[str]) -> Dict[str, Callable[[], Worker]]:
    """How PyTorch's program and arpg's in each precision are started."""
    started: Dict[str, Callable[[], Worker]] = {"torch": setting.torch_worker}
    for precision in precisions:
        started[precision] = lambda own=precision: setting.model_worker(own)
    return started


def against(name: str, theirs: Sequence[float], ours: Sequence[float], other: str, goal: "Goal | None") -> Row:
    """How many times as fast ours is."""
    return Row(name, ratios(theirs, ours), " ×", goal, f"{spread(ours)} s, {other} {spread(theirs)} s")


def warn_of_slow_products(torch: Worker, setting: Setting) -> Sample:
    """Rates of PyTorch, and a warning where its products come from the reference BLAS."""
    rates = torch.ask(do="rates")
    rate = rates.facts["product"] / setting.threads
    if rate < LEAST_PRODUCT_RATE:
        say(
            f"PyTorch multiplies matrices at {rate / GIGA:.1f} GFLOP/s a core: it uses a slow BLAS, and every "
            "comparison with it flatters; install OpenBLAS (libopenblas0-pthread)"
        )
    return rates


def tokens(setting: Setting) -> List[Row]:
    """Tokens of a picture in programs that are warm, beside PyTorch and beside the products alone."""
    precisions = setting.usable_precisions()
    started = starters(setting, precisions)
    for precision in precisions:
        started[floor_of(precision)] = lambda own=precision: setting.floor_worker(own)
    picture = {"pictures": 1, "steps": setting.steps, "guidance": setting.guidance}
    with workers(started) as running:
        warn_of_slow_products(running["torch"], setting)
        measures = {}
        for name, worker in running.items():
            request = {"do": "picture" if name.startswith(FLOOR) else "tokens", **picture}
            worker.ask(**{**request, "steps": 2})
            measures[name] = lambda own=worker, asked=request: own.ask(**asked)
        samples = alternate(measures, setting.rounds, setting.disturbances)
    theirs = walls(samples["torch"])
    rows = []
    for precision in precisions:
        ours, floor = walls(samples[precision]), walls(samples[floor_of(precision)])
        goal = TOKENS_AGAINST_TORCH.get(precision)
        rows.append(against(f"{precision} against PyTorch", theirs, ours, "PyTorch", goal))
        source = f"{spread(ours)} s, floor {spread(floor)} s"
        goal = TOKENS_AGAINST_FLOOR.get(precision)
        rows.append(Row(f"{precision} against the floor", ratios(ours, floor), " ×", goal, source))
    return rows


def tokenizer(setting: Setting) -> List[Row]:
    """Decoder and encoder on one picture, warm."""
    precisions = setting.usable_precisions()
    rows = []
    with workers(starters(setting, precisions)) as running:
        for do in ("decode", "encode"):
            for worker in running.values():
                worker.ask(do=do)
            measures = {name: lambda own=worker: own.ask(do=do) for name, worker in running.items()}
            samples = alternate(measures, setting.rounds, setting.disturbances)
            theirs = walls(samples["torch"])
            for precision in precisions:
                name = f"{do} {precision} against PyTorch"
                rows.append(against(name, theirs, walls(samples[precision]), "PyTorch", TOKENIZER_AGAINST_TORCH))
    return rows


def start(setting: Setting) -> List[Row]:
    """From start to picture, as processes."""
    precisions = setting.usable_precisions()
    with tempfile.TemporaryDirectory() as folder:
        measures: Dict[str, Callable[[], Sample]] = {
            precision: lambda own=precision: run_process(setting.sample_command(own, Path(folder) / f"{own}.png"))
            for precision in precisions
        }
        theirs = setting.torch_command(Path(folder) / "torch.png")
        measures["torch"] = lambda: run_process(theirs, setting.environment)
        samples = alternate(measures, setting.rounds, setting.disturbances)
    rows = []
    for precision in precisions:
        own = samples[precision]
        name = f"{precision} against PyTorch"
        goal = START_AGAINST_TORCH.get(precision)
        rows.append(against(name, walls(samples["torch"]), walls(own), "PyTorch", goal))
        peaks = [sample.peak / GIGA for sample in own]
        source = f"PyTorch {spread([sample.peak / GIGA for sample in samples['torch']])} GB"
        rows.append(Row(f"{precision} peak memory", peaks, " GB", PEAK_MEMORY.get(precision), source))
        rows.append(Row(f"{precision} CPU", [sample.cpu for sample in own], " s"))
    return rows


def startup(setting: Setting) -> List[Row]:
    """CPU seconds that small commands take beyond node itself."""
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "small.png")
        small = [*PROGRAM, "sample", "--class", "3", "--seed", "1", "--quiet", "-o", output]
        commands = {"node": ["node", "-e", "0"], "version": [*PROGRAM, "--version"], "small": small}
        measures = {name: lambda own=command: run_process(own) for name, command in commands.items()}
        samples = alternate(measures, 3 * setting.rounds, setting.disturbances)
    cpu = {name: [sample.cpu for sample in own] for name, own in samples.items()}
    beyond = {name: [own - node for own, node in zip(cpu[name], cpu["node"])] for name in ("version", "small")}
    wall = {name: f"{spread(walls(samples[name]))} s on the clock" for name in beyond}
    return [
        Row("arpg --version, CPU beyond node", beyond["version"], " s", VERSION_SECONDS, wall["version"]),
        Row("small model start to picture, CPU beyond node", beyond["small"], " s", SMALL_SECONDS, wall["small"]),
    ]


def batch(setting: Setting) -> List[Row]:
    """Pictures a second at batch 8 against batch 1, warm."""
    rows = []
    for precision in setting.usable_precisions():
        with workers({precision: lambda: setting.model_worker(precision)}) as running:
            worker = running[precision]
            for do in ("tokens", "pictures"):
                request = {"do": do, "steps": setting.steps, "guidance": setting.guidance}
                worker.ask(**{**request, "steps": 2}, pictures=1)
                measures = {
                    "one": lambda: worker.ask(**request, pictures=1),
                    "many": lambda: worker.ask(**request, pictures=BATCH),
                }
                samples = alternate(measures, setting.rounds, setting.disturbances)
                one, many = walls(samples["one"]), [wall / BATCH for wall in walls(samples["many"])]
                source = f"{spread(many)} s a picture at batch {BATCH}, {spread(one)} s at batch 1"
                rows.append(Row(f"{do} {precision}", ratios(one, many), " ×", BATCH_AGAINST_ONE, source))
    return rows


def export(setting: Setting) -> List[Row]:
    """CPU seconds of writing the model in other precisions; the other parts then measure what is written."""
    if not exports_models():
        say("export is left out: this arpg has no --format model")
        return []
    rows = []
    for precision in setting.usable_precisions():
        if precision == "fp32":
            continue
        shutil.rmtree(setting.stored_folder(precision), ignore_errors=True)
        sample = setting.disturbances.avoid(lambda: run_process(setting.export_command(precision)))
        source = f"{sample.wall:.1f} s on the clock"
        rows.append(Row(f"to {precision}, CPU", [sample.cpu], " s", EXPORT_SECONDS, source))
    return rows


def roofline(setting: Setting) -> List[Row]:
    """What the machine can do, what the products need of it, and where the rest of the time goes."""
    rows = []
    with workers({"torch": setting.torch_worker}) as running:
        rates = warn_of_slow_products(running["torch"], setting).facts
    rows.append(Row("memory, reading", [rates["read"] / GIGA], " GB/s"))
    rows.append(Row("memory, copying", [rates["copy"] / GIGA], " GB/s"))
    rows.append(Row("products in PyTorch", [rates["product"] / GIGA], " G/s"))
    for precision in setting.usable_precisions():
        with workers({"floor": lambda: setting.floor_worker(precision)}) as running:
            peak = running["floor"].ask(do="large").facts["rate"]
            request = {"do": "picture", "pictures": 1, "steps": setting.steps}
            running["floor"].ask(**request)
            measures = {"floor": lambda: running["floor"].ask(**request)}
            samples = alternate(measures, setting.rounds, setting.disturbances)["floor"]
        work = samples[0].facts["work"]
        operations, read = (sum(part[key] for part in work) for key in ("operations", "bytes"))
        bound = sum(max(part["operations"] / peak, part["bytes"] / rates["read"]) for part in work)
        needs = f"{operations / GIGA:.0f} G operations, {read / GIGA:.1f} GB of weights"
        share = f"the roofline is {spread([bound / wall for wall in walls(samples)])} of it"
        rows.append(Row(f"{precision}: one large product", [peak / GIGA], " G/s"))
        rows.append(Row(f"{precision}: roofline of the tokens", [bound], " s", source=needs))
        rows.append(Row(f"{precision}: floor", walls(samples), " s", source=share))
        rows.extend(profile(setting, precision))
    return rows


def profile(setting: Setting, precision: str) -> List[Row]:
    """Where the time of the tokens goes by groups of operations."""
    run = subprocess.run(setting.profile_command(precision), capture_output=True, text=True, cwd=BENCH)
    if run.returncode != 0:
        raise SystemExit(f"the profile failed:\n{run.stderr}")
    report = json.loads(run.stdout)
    total = report["milliseconds"]
    rows = [Row(f"{precision}: tokens, profiled", [total / 1000], " s")]
    for group in report["groups"]:
        milliseconds = group["milliseconds"]
        source = f"{100 * milliseconds / total:.1f} %, {group['calls']} calls"
        rows.append(Row(f"{precision}: of it {group['name']}", [milliseconds / 1000], " s", source=source))
    return rows


PARTS: Dict[str, Callable[[Setting], List[Row]]] = {
    "export": export,
    "tokens": tokens,
    "tokenizer": tokenizer,
    "start": start,
    "startup": startup,
    "batch": batch,
    "roofline": roofline,
}
