"""From checkpoint to picture, as the official script does it: `python3 -m pytorch.draw FOLDER THREADS CLASS STEPS
GUIDANCE OUTPUT.png` in bench."""
import struct
import sys
import zlib
from pathlib import Path

import torch

from .arpg import sample
from .models import open_models, use_threads


def png(pixels: torch.Tensor) -> bytes:
    """A PNG file of bytes `[height, width, 3]`."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + bytes(row.flatten().tolist()) for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def main() -> None:
    folder, threads, label, steps, guidance, output = sys.argv[1:]
    use_threads(int(threads))
    generator, tokenizer = open_models(Path(folder))
    tokens = sample(generator, [int(label)], int(steps), float(guidance))
    side = int(tokens.shape[1] ** 0.5)
    image = tokenizer.decode(tokens.reshape(1, side, side))[0]
    pixels = (127.5 * image + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    Path(output).write_bytes(png(pixels))


if __name__ == "__main__":
    main()
