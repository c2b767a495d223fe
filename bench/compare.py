#!/usr/bin/env python3
"""Measures arpg beside a plain PyTorch re-implementation, and beside the floor (bench/README.md).

    npm run build && python3 bench/compare.py [--model FOLDER] [--only PART] [--precision fp32,int8] [--rounds N]
"""
import argparse
import importlib.util
import json
import sys
from pathlib import Path

from comparing.parts import PARTS
from comparing.setting import PRECISIONS, Setting, find_model
from comparing.table import print_rows


def check() -> int:
    """Whether the PyTorch models give the official numbers; nothing else here means anything if they do not."""
    from pytorch.check import run_checks

    checks = run_checks()
    for fault in checks.faults:
        print(fault, file=sys.stderr)
    agreeing = checks.count - len(checks.faults)
    print(f"{agreeing} of {checks.count} agree; largest error {checks.worst:.1e} of the largest magnitude")
    return 1 if checks.faults else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures arpg beside plain PyTorch, and beside the floor.")
    add = parser.add_argument
    add("--check", action="store_true", help="only compare the PyTorch models with the official numbers")
    add("--model", type=Path, help="model folder in single precision (default: a random ARPG-L in models/random)")
    add("--precision", default="fp32", help=f"of {','.join(PRECISIONS)}, with commas between (default: fp32)")
    add("--only", choices=list(PARTS), action="append", help="part to measure; may be repeated (default: all)")
    add("--rounds", type=int, default=3, help="measurements of each (default: 3)")
    add("--steps", type=int, default=32, help="steps of a picture (default: 32)")
    add("--guidance", type=float, default=5.0, help="guidance scale, other than 1 (default: 5)")
    add("--threads", type=int, default=2, help="threads of every program (default: 2)")
    add("--json", action="store_true", help="print one JSON object instead of tables")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.precision.split(",") if name not in PRECISIONS]
    if unknown:
        parser.error(f"precision '{unknown[0]}' is unknown; there are {', '.join(PRECISIONS)}")
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    if importlib.util.find_spec("torch") is None:
        raise SystemExit(f"{sys.executable} has no PyTorch; use a Python with it, as Debian's with python3-torch")
    if arguments.check:
        return check()
    setting = Setting(
        model=find_model(arguments.model),
        precisions=arguments.precision.split(","),
        rounds=arguments.rounds,
        steps=arguments.steps,
        guidance=arguments.guidance,
        threads=arguments.threads,
    )
    results = {}
    for name in arguments.only or PARTS:
        rows = PARTS[name](setting)
        results[name] = [row.facts() for row in rows]
        if not arguments.json:
            print_rows(name, rows)
    disturbances = setting.disturbances
    if arguments.json:
        print(json.dumps({"parts": results, "disturbed": disturbances.kept}))
    elif disturbances.kept > 0:
        print(f"{disturbances.kept} measurements were disturbed by other processes at every try")
    return 0


if __name__ == "__main__":
    sys.exit(main())
