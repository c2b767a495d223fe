"""ARPG (arXiv 2503.10568) in plain PyTorch, eager and in single precision (docs/SYSTEMS.md, ARPG).

The parameters have the published names, so a checkpoint loads as it is.
"""
import math
from typing import List, Optional, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def feed_forward_width(dim: int, multiple_of: int) -> int:
    """Two thirds of 4·dim, rounded up."""
    return -(-int(8 * dim / 3) // multiple_of) * multiple_of


def rotary_table(side: int, head_dim: int, base: float) -> Tensor:
    """Cosines and sines `[1 + side², head_dim / 2, 2]`: half of the pairs turn by the row, half by the column.
    The class token, which comes first, has no place: zeros."""
    half = head_dim // 2
    frequencies = 1.0 / base ** (torch.arange(0, half, 2).float() / half)
    turns = torch.arange(side).float()[:, None] * frequencies
    by_row = turns[:, None, :].expand(side, side, -1)
    by_column = turns[None, :, :].expand(side, side, -1)
    angles = torch.cat([by_row, by_column], -1).flatten(0, 1)
    table = torch.stack([angles.cos(), angles.sin()], -1)
    return torch.cat([torch.zeros(1, half, 2), table])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turns `[rows, tokens, heads, head_dim]` by the table's entries `[rows or 1, tokens, head_dim / 2, 2]`."""
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    cos, sin = table[:, :, None].unbind(-1)
    even, odd = pairs.unbind(-1)
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(3)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of `[rows, heads, tokens, head_dim]` to all keys; gives `[rows, tokens, dim]`."""
    if hasattr(F, "scaled_dot_product_attention"):
        attended = F.scaled_dot_product_attention(query, key, value)
    else:
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        attended = scores.softmax(-1) @ value
    return attended.transpose(1, 2).flatten(2)


class KeyValueCache:
    """Keys and values of all tokens so far, in room that was made at the start."""

    def __init__(self, rows: int, heads: int, tokens: int, head_dim: int) -> None:
        self.keys = torch.zeros(rows, heads, tokens, head_dim)
        self.values = torch.zeros_like(self.keys)
        self.length = 0

    def append(self, key: Tensor, value: Tensor) -> "tuple[Tensor, Tensor]":
        """Takes keys and values `[rows, heads, new, head_dim]`; gives all."""
        end = self.length + key.shape[2]
        self.keys[:, :, self.length : end] = key
        self.values[:, :, self.length : end] = value
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        normed = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)
        return normed.type_as(x) * self.weight


class FeedForward(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Attention(nn.Module):
    """Self-attention with keys and values of its own, or queries alone to keys and values that are given."""

    def __init__(self, dim: int, heads: int, has_keys: bool) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=False)
        if has_keys:
            self.to_k = nn.Linear(dim, dim, bias=False)
            self.to_v = nn.Linear(dim, dim, bias=False)
        self.proj = nn.Linear(dim, dim, bias=False)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1))

    def over_itself(self, x: Tensor, table: Tensor, cache: KeyValueCache) -> Tensor:
        query = rotate(self.split(self.to_q(x)), table).transpose(1, 2)
        key = rotate(self.split(self.to_k(x)), table).transpose(1, 2)
        value = self.split(self.to_v(x)).transpose(1, 2)
        return self.proj(attend(query, *cache.append(key, value)))

    def over(self, x: Tensor, table: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query = rotate(self.split(self.to_q(x)), table).transpose(1, 2)
        return self.proj(attend(query, key, value))


class Block(nn.Module):
    def __init__(self, config: dict, has_keys: bool) -> None:
        super().__init__()
        dim, eps = config["dim"], config["norm_eps"]
        self.attn = Attention(dim, config["n_head"], has_keys)
        self.ffn = FeedForward(dim, feed_forward_width(dim, config["multiple_of"]))
        self.attn_norm = RMSNorm(dim, eps)
        self.ffn_norm = RMSNorm(dim, eps)


class Layers(nn.Module):
    """The decoder of content and the decoder of queries, which reads the one pair of keys and values."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        dim, half = config["dim"], config["n_layer"] // 2
        self.heads = config["n_head"]
        self.self_dec = nn.ModuleList(Block(config, True) for _ in range(half))
        self.cross_dec = nn.ModuleList(Block(config, False) for _ in range(half))
        self.norm = RMSNorm(dim, config["norm_eps"])
        self.to_k = nn.Linear(dim, dim, bias=False)
        self.to_v = nn.Linear(dim, dim, bias=False)

    def forward(
        self, content: Tensor, places: Tensor, queries: Tensor, targets: Tensor, caches: Sequence[KeyValueCache]
    ) -> Tensor:
        x = content
        for block, cache in zip(self.self_dec, caches):
            x = x + block.attn.over_itself(block.attn_norm(x), places, cache)
            x = x + block.ffn(block.ffn_norm(x))
        states = self.norm(x)
        key = rotate(self.to_k(states).unflatten(-1, (self.heads, -1)), places).transpose(1, 2)
        value = self.to_v(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = caches[-1].append(key, value)
        x = queries
        for block in self.cross_dec:
            x = x + block.attn.over(block.attn_norm(x), targets, key, value)
            x = x + block.ffn(block.ffn_norm(x))
        return x


class Arpg(nn.Module):
    """The network of a configuration with the published field names."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.config = {"multiple_of": 256, "rope_base": 10000, "norm_eps": 1e-5, **config}
        dim, vocabulary = config["dim"], config["vocab_size"]
        self.embeddings = nn.Embedding(vocabulary + config["num_classes"] + 3, dim)
        self.layers = Layers(self.config)
        self.norm = RMSNorm(dim, self.config["norm_eps"])
        self.head = nn.Linear(dim, vocabulary, bias=False)
        side = math.isqrt(config["block_size"])
        self.table = rotary_table(side, dim // config["n_head"], self.config["rope_base"])

    def make_caches(self, rows: int) -> List[KeyValueCache]:
        """One for each layer of the first decoder, and the one that the second decoder reads."""
        heads, tokens = self.config["n_head"], self.config["block_size"]
        head_dim = self.config["dim"] // heads
        return [KeyValueCache(rows, heads, tokens, head_dim) for _ in range(self.config["n_layer"] // 2 + 1)]

    def step(self, ids: Tensor, places: Tensor, targets: Tensor, caches: Sequence[KeyValueCache]) -> Tensor:
        """Logits `[rows, queries, vocabulary]` of one step.

        ids: rows of the embedding table `[rows, fed]`; places and targets: entries of the rotary table, `[fed]` and
        `[queries]`.
        """
        mask = self.embeddings.weight[self.config["vocab_size"]].expand(ids.shape[0], len(targets), -1)
        decoded = self.layers(
            self.embeddings(ids), self.table[places][None], mask, self.table[targets][None], caches
        )
        return self.head(self.norm(decoded))


def tokens_per_step(tokens: int, steps: int, schedule: str) -> List[int]:
    """How many tokens each step predicts: few first, many last."""
    done, counts = 0, []
    for step in range(1, steps + 1):
        progress = step / steps
        ratio = math.acos(progress) / (math.pi / 2) if schedule == "arccos" else math.cos(math.pi / 2 * progress)
        remaining = 0 if step == steps else max(1, min(int(tokens * ratio), tokens - done - 1))
        counts.append(tokens - done - remaining)
        done = tokens - remaining
    return counts


def choose(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """Draws a token from each row of `[…, vocabulary]`."""
    logits = logits / max(temperature, 1e-5)
    if top_k > 0:
        smallest = logits.topk(min(top_k, logits.shape[-1])).values[..., -1:]
        logits = logits.masked_fill(logits < smallest, -math.inf)
    if top_p < 1.0:
        ordered, places = logits.sort(descending=True)
        is_dropped = ordered.softmax(-1).cumsum(-1) > top_p
        is_dropped[..., 1:] = is_dropped[..., :-1].clone()
        is_dropped[..., 0] = False
        logits = logits.masked_fill(is_dropped.scatter(-1, places, is_dropped), -math.inf)
    chances = logits.softmax(-1)
    return torch.multinomial(chances.flatten(0, -2), 1).reshape(chances.shape[:-1])


@torch.inference_mode()
def sample(
    model: Arpg,
    classes: Sequence[int],
    steps: int,
    guidance: float,
    *,
    schedule: str = "arccos",
    guidance_schedule: str = "linear",
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    order: Optional[Tensor] = None,
    on_logits=lambda step, logits: None,
) -> Tensor:
    """Tokens `[pictures, block_size]` in raster order. All pictures share an order, as in the official code, and each
    has a second row with the null class."""
    count, tokens = len(classes), model.config["block_size"]
    first_class = model.config["vocab_size"] + 1
    order = torch.randperm(tokens) if order is None else order
    labels = torch.tensor(list(classes)) + first_class
    ids = torch.cat([labels, torch.full_like(labels, first_class + model.config["num_classes"])])[:, None]
    places = torch.zeros(1, dtype=torch.long)
    caches = model.make_caches(2 * count)
    drawn = torch.zeros(count, tokens, dtype=torch.long)
    done = 0
    for step, predicted in enumerate(tokens_per_step(tokens, steps, schedule)):
        positions = order[done : done + predicted]
        done += predicted
        logits = model.step(ids, places, positions + 1, caches)
        on_logits(step, logits)
        given, null = logits.chunk(2)
        scale = 1 + (guidance - 1) * done / tokens if guidance_schedule == "linear" else guidance
        chosen = choose(null + (given - null) * scale, temperature, top_k, top_p)
        drawn[:, positions] = chosen
        ids, places = torch.cat([chosen, chosen]), positions + 1
    return drawn
