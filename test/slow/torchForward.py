"""An ARPG forward pass in plain PyTorch, written from the paper alone, on a checkpoint that arpg exported.

stdin: {"checkpoint", "format", "config", "class_id", "positions", "tokens", "queries"}: the tokens known at raster
positions, and the raster positions to predict. stdout: {"logits": [queries][vocabulary]}. As in sampling, the class
token and the known tokens see each other.
"""
import json
import math
import struct
import sys

import torch

request = json.load(sys.stdin)
config = request["config"]


def read_safetensors(path):
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(
            data[entry["data_offsets"][0] : entry["data_offsets"][1]], dtype=types[entry["dtype"]]
        ).reshape(entry["shape"])
        for name, entry in header.items()
    }


def read_checkpoint():
    if request["format"] == "safetensors":
        return read_safetensors(request["checkpoint"])
    return torch.load(request["checkpoint"], map_location="cpu")["model"]


state = {name: tensor.float() for name, tensor in read_checkpoint().items()}
heads = config["n_head"]
head_dim = config["dim"] // heads
side = math.isqrt(config["block_size"])


def norm(name, x):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + config["norm_eps"]) * state[name]


def linear(name, x):
    return x @ state[name].T


def angles(position):
    """cos and sin of one raster position's pairs; the class token has zeros for both."""
    if position is None:
        return torch.zeros(head_dim // 2), torch.zeros(head_dim // 2)
    half = head_dim // 2
    frequencies = config["rope_base"] ** (-torch.arange(0, half // 2) * 2 / half)
    turn = torch.cat([position // side * frequencies, position % side * frequencies])
    return turn.cos(), turn.sin()


def rotate(x, positions):
    """x: [heads, tokens, head_dim]"""
    cosines, sines = (torch.stack(part) for part in zip(*[angles(position) for position in positions]))
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cosines - odd * sines, even * sines + odd * cosines], -1).flatten(-2)


def split(x):
    return x.reshape(x.shape[0], heads, head_dim).transpose(0, 1)


def with_positions(x, positions):
    """Adds the table's last row, turned head by head, where the configuration asks for absolute positions."""
    if not config.get("absolute_positions", False):
        return x
    vector = split(state["embeddings.weight"][-1:].expand(len(positions), -1))
    return x + rotate(vector, positions).transpose(0, 1).flatten(1)


def attend(query, key, value):
    weights = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(head_dim), -1)
    return (weights @ value).transpose(0, 1).flatten(1)


def feed_forward(prefix, x):
    gate = torch.nn.functional.silu(linear(prefix + ".w1.weight", x))
    return linear(prefix + ".w2.weight", gate * linear(prefix + ".w3.weight", x))


places = [None] + request["positions"]
ids = [config["vocab_size"] + 1 + request["class_id"]] + request["tokens"]
x = with_positions(state["embeddings.weight"][ids], places)
for layer in range(config["n_layer"] // 2):
    prefix = f"layers.self_dec.{layer}."
    normed = norm(prefix + "attn_norm.weight", x)
    query = rotate(split(linear(prefix + "attn.to_q.weight", normed)), places)
    key = rotate(split(linear(prefix + "attn.to_k.weight", normed)), places)
    value = split(linear(prefix + "attn.to_v.weight", normed))
    x = x + linear(prefix + "attn.proj.weight", attend(query, key, value))
    x = x + feed_forward(prefix + "ffn", norm(prefix + "ffn_norm.weight", x))
states = norm("layers.norm.weight", x)
key = rotate(split(linear("layers.to_k.weight", states)), places)
value = split(linear("layers.to_v.weight", states))
masks = state["embeddings.weight"][config["vocab_size"]].expand(len(request["queries"]), -1)
y = with_positions(masks, request["queries"])
for layer in range(config["n_layer"] // 2):
    prefix = f"layers.cross_dec.{layer}."
    query = linear(prefix + "attn.to_q.weight", norm(prefix + "attn_norm.weight", y))
    y = y + linear(prefix + "attn.proj.weight", attend(rotate(split(query), request["queries"]), key, value))
    y = y + feed_forward(prefix + "ffn", norm(prefix + "ffn_norm.weight", y))
json.dump({"logits": linear("head.weight", norm("norm.weight", y)).tolist()}, sys.stdout)
