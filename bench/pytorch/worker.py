"""The PyTorch models, loaded once, that draw, decode and encode on request, as bench/compare/model.ts does:
`python3 -m pytorch.worker FOLDER THREADS` in bench, then a JSON object a line."""
import json
import sys
import time
from pathlib import Path
from typing import Callable

import torch

from .arpg import sample
from .models import open_models, use_threads


def timed(work: Callable[[], object]) -> dict:
    """Seconds on the clock, and of all threads together."""
    started, before = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - started, "cpu": time.process_time() - before}


def product_rate(size: int) -> float:
    """Operations a second of a product of two square matrices, the best of three."""
    left, right = torch.rand(size, size), torch.rand(size, size)
    left @ right
    return 2 * size**3 / min(timed(lambda: left @ right)["wall"] for _ in range(3))


def memory_rates(megabytes: int = 512) -> dict:
    """Bytes a second that are read, and that are read and written, from more memory than caches hold."""
    source = torch.rand(megabytes * 250_000)
    target = torch.empty_like(source)
    target.copy_(source)
    read = min(timed(source.sum)["wall"] for _ in range(5))
    copied = min(timed(lambda: target.copy_(source))["wall"] for _ in range(5))
    size = source.numel() * source.element_size()
    return {"read": size / read, "copy": 2 * size / copied}


def main() -> None:
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    use_threads(threads)
    generator, tokenizer = open_models(folder)
    side = int(generator.config["block_size"] ** 0.5)
    codes = torch.arange(side * side).mul(7919) % generator.config["vocab_size"]
    factor = 2 ** sum(hasattr(level, "downsample") for level in tokenizer.encoder.conv_blocks)
    image = torch.rand(1, 3, side * factor, side * factor) * 2 - 1

    def answer(request: dict) -> dict:
        if request["do"] == "rates":
            return {"product": product_rate(2048), **memory_rates()}
        if request["do"] == "decode":
            return timed(lambda: tokenizer.decode(codes.reshape(1, side, side)))
        if request["do"] == "encode":
            return timed(lambda: tokenizer.encode(image))
        classes = range(request["pictures"])
        return timed(lambda: sample(generator, classes, request["steps"], request["guidance"]))

    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
