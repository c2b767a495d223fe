"""The training step of bench/trainingStep.ts in plain PyTorch: python3 bench/trainingStep.py [STEPS]"""
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

BATCH, DIM, LAYERS, HEADS, VOCABULARY, CLASSES, SIDE, HIDDEN = 32, 256, 8, 4, 512, 10, 8, 768
POSITIONS, HEAD_DIM = SIDE * SIDE, DIM // HEADS
STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
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
times = []
for _ in range(STEPS):
    started = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    loss = model(*batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    loss_value = loss.item()
    times.append((time.perf_counter() - started) * 1000)
times = sorted(times[1:])
print(f"pytorch {torch.__version__}: median {times[len(times) // 2]:.1f} ms a step, best {times[0]:.1f} ms; "
      f"loss {loss_value:.4f} after {STEPS} steps")
