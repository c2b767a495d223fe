"""
The training step of bench/trainingStep.ts in plain PyTorch: python3 bench/trainingStep.py [STEPS] [--preset NAME]

With --against "node dist/bench/trainingStep.js onnx" the two run by turns, so that what else the machine does meets both,
and the ratio of their times is printed, with that of ours to its matrix products alone (the floor).
"""
import argparse
import re
import shlex
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F
from torch import nn

# Batch, width, layers, heads, vocabulary, hidden features: the presets of bench/trainingStep.ts.
PRESETS = {
    "small": (32, 256, 8, 4, 512, 768),
    "medium": (16, 384, 12, 6, 1024, 1024),
    "wide": (8, 768, 12, 12, 4096, 2048),
}
parser = argparse.ArgumentParser(description="Milliseconds of a training step in PyTorch, on 2 threads")
parser.add_argument("steps", nargs="?", type=int, default=20, help="steps a round, of which the first is not counted")
parser.add_argument("--preset", choices=PRESETS, default="small")
parser.add_argument("--against", metavar="COMMAND", help="bench/trainingStep.js and its target: run by turns with it")
parser.add_argument("--rounds", type=int, default=3, help="turns of each with --against")
arguments = parser.parse_args()
BATCH, DIM, LAYERS, HEADS, VOCABULARY, HIDDEN = PRESETS[arguments.preset]
CLASSES, SIDE = 10, 8
POSITIONS, HEAD_DIM = SIDE * SIDE, DIM // HEADS
torch.manual_seed(1)
torch.set_num_threads(2)


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=0.02)
    return layer


def rotary_table():
    quarter = HEAD_DIM // 4
    frequencies = 10000.0 ** (-2 * torch.arange(quarter) / (HEAD_DIM // 2))
    place = torch.arange(SIDE)[:, None] * frequencies
    by_row = place[:, None, :].expand(SIDE, SIDE, quarter)
    by_column = place[None, :, :].expand(SIDE, SIDE, quarter)
    angles = torch.cat([by_row, by_column], -1).reshape(POSITIONS, HEAD_DIM // 2)
    table = torch.stack([angles.cos(), angles.sin()], -1)
    return torch.cat([torch.zeros(1, HEAD_DIM // 2, 2), table])


def rotate(x, table):
    pairs = x.view(*x.shape[:-1], HEAD_DIM // 2, 2)
    cos, sin = table[:, None, :, :, 0], table[:, None, :, :, 1]
    even, odd = pairs[..., 0], pairs[..., 1]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(3)


def heads(x):
    return x.view(x.shape[0], x.shape[1], HEADS, HEAD_DIM).transpose(1, 2)


def attend(query, key, value, mask):
    scores = (query * HEAD_DIM**-0.5) @ key.transpose(-1, -2)
    merged = (scores.masked_fill(mask, float("-inf")).softmax(-1) @ value).transpose(1, 2)
    return merged.reshape(merged.shape[0], merged.shape[1], DIM)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(DIM))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class Block(nn.Module):
    def __init__(self, is_self):
        super().__init__()
        self.is_self = is_self
        self.attention_norm, self.feed_forward_norm = Norm(), Norm()
        self.to_q, self.proj = linear(DIM, DIM), linear(DIM, DIM)
        if is_self:
            self.to_k, self.to_v = linear(DIM, DIM), linear(DIM, DIM)
        self.w1, self.w3, self.w2 = linear(DIM, HIDDEN), linear(DIM, HIDDEN), linear(HIDDEN, DIM)

    def forward(self, x, table, mask, shared=None):
        normed = self.attention_norm(x)
        query = rotate(heads(self.to_q(normed)), table)
        if self.is_self:
            shared = rotate(heads(self.to_k(normed)), table), heads(self.to_v(normed))
        x = x + self.proj(attend(query, *shared, mask))
        normed = self.feed_forward_norm(x)
        return x + self.w2(F.silu(self.w1(normed)) * self.w3(normed))


class Arpg(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(VOCABULARY + CLASSES + 3, DIM)
        nn.init.normal_(self.embeddings.weight, std=0.02)
        self.self_decoder = nn.ModuleList(Block(True) for _ in range(LAYERS // 2))
        self.cross_decoder = nn.ModuleList(Block(False) for _ in range(LAYERS // 2))
        self.shared_norm, self.norm = Norm(), Norm()
        self.to_k, self.to_v = linear(DIM, DIM), linear(DIM, DIM)
        self.head = linear(DIM, VOCABULARY)
        nn.init.zeros_(self.head.weight)
        self.register_buffer("table", rotary_table())
        self.register_buffer("mask", torch.ones(POSITIONS, POSITIONS, dtype=torch.bool).triu(1))

    def forward(self, tokens, class_ids, orders):
        shuffled = tokens.gather(1, orders)
        content = torch.cat([class_ids[:, None] + VOCABULARY + 1, shuffled[:, :-1]], 1)
        places = torch.cat([torch.zeros_like(orders[:, :1]), orders[:, :-1] + 1], 1)
        content_table, query_table = self.table[places], self.table[orders + 1]
        x = self.embeddings(content)
        for block in self.self_decoder:
            x = block(x, content_table, self.mask)
        states = self.shared_norm(x)
        shared = rotate(heads(self.to_k(states)), content_table), heads(self.to_v(states))
        x = self.embeddings.weight[VOCABULARY].expand(*orders.shape, DIM)
        for block in self.cross_decoder:
            x = block(x, query_table, self.mask, shared)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), shuffled.flatten())


model = Arpg()
decayed = [p for p in model.parameters() if p.dim() >= 2]
others = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW(
    [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.95)
)
rows, places = torch.arange(BATCH)[:, None], torch.arange(POSITIONS)[None, :]
batch = (
    (rows * 37 + places * 11) % VOCABULARY,
    rows[:, 0] % CLASSES,
    torch.stack([torch.randperm(POSITIONS) for _ in range(BATCH)]),
)


def train(steps):
    """Milliseconds of each step, and the last one's loss."""
    times = []
    for _ in range(steps):
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = model(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss_value = loss.item()
        times.append((time.perf_counter() - started) * 1000)
    return times[1:], loss_value


def ours():
    """The numbers that bench/trainingStep.js prints: median, best, and the products alone."""
    command = [*shlex.split(arguments.against), str(arguments.steps), "--preset", arguments.preset, "--products"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(number) for number in re.findall(r"(?:median|best|alone) ([0-9.]+) ms", printed)]


times, rounds = [], []
for _ in range(arguments.rounds if arguments.against else 1):
    if arguments.against:
        rounds.append(ours())
    measured, loss_value = train(arguments.steps)
    times += measured
theirs = statistics.median(times), min(times)
print(f"pytorch {torch.__version__}: median {theirs[0]:.1f} ms a step, best {theirs[1]:.1f} ms; loss {loss_value:.4f}")
if arguments.against:
    medians, bests, floors = zip(*rounds)
    median, best, floor = statistics.median(medians), min(bests), min(floors)
    print(f"ours: median {median:.1f} ms a step, best {best:.1f} ms; products alone {floor:.1f} ms")
    print(f"pytorch/ours: {theirs[0] / median:.2f} by medians, {theirs[1] / best:.2f} by best; "
          f"ours/products: {best / floor:.2f}; pytorch/products: {theirs[1] / floor:.2f}")
