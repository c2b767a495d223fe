"""The VQ-16 tokenizer in plain PyTorch (docs/SYSTEMS.md, VQ-16); the parameters have the published names."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), conv(inputs, outputs)
        self.norm2, self.conv2 = norm(outputs), conv(outputs, outputs)
        self.nin_shortcut = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(hidden)))


class AttnBlock(nn.Module):
    """One head over all places."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.proj_out = (conv(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        query, key, value = (part(normed).flatten(2) for part in (self.q, self.k, self.v))
        weights = (query.transpose(1, 2) @ key * x.shape[1] ** -0.5).softmax(-1)
        return x + self.proj_out((value @ weights.transpose(1, 2)).reshape(x.shape))


class Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    def __init__(self, inputs: int, outputs: int, blocks: int, attends: bool) -> None:
        super().__init__()
        self.res = nn.ModuleList(ResnetBlock(inputs if b == 0 else outputs, outputs) for b in range(blocks))
        self.attn = nn.ModuleList(AttnBlock(outputs) for _ in range(blocks if attends else 0))

    def forward(self, x: Tensor) -> Tensor:
        for index, block in enumerate(self.res):
            x = block(x)
            if len(self.attn) > 0:
                x = self.attn[index](x)
        return x


def middle(channels: int) -> nn.Sequential:
    return nn.Sequential(ResnetBlock(channels, channels), AttnBlock(channels), ResnetBlock(channels, channels))


class Encoder(nn.Module):
    def __init__(self, config: dict) -> None:
        super().__init__()
        widths = [config["ch"] * multiplier for multiplier in config["ch_mult"]]
        self.conv_in = conv(3, config["ch"])
        self.conv_blocks = nn.ModuleList()
        before = config["ch"]
        for index, width in enumerate(widths):
            is_last = index == len(widths) - 1
            level = Level(before, width, config["num_res_blocks"], is_last)
            if not is_last:
                level.downsample = Downsample(width)
            self.conv_blocks.append(level)
            before = width
        self.mid = middle(before)
        self.norm_out, self.conv_out = norm(before), conv(before, config["z_channels"])

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.conv_blocks:
            x = level(x)
            if hasattr(level, "downsample"):
                x = level.downsample(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    def __init__(self, config: dict) -> None:
        super().__init__()
        widths = [config["ch"] * multiplier for multiplier in reversed(config["ch_mult"])]
        self.conv_in = conv(config["z_channels"], widths[0])
        self.mid = middle(widths[0])
        self.conv_blocks = nn.ModuleList()
        before = widths[0]
        for index, width in enumerate(widths):
            level = Level(before, width, config["num_res_blocks"] + 1, index == 0)
            if index < len(widths) - 1:
                level.upsample = Upsample(width)
            self.conv_blocks.append(level)
            before = width
        self.norm_out, self.conv_out = norm(before), conv(before, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        for level in self.conv_blocks:
            x = level(x)
            if hasattr(level, "upsample"):
                x = level.upsample(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Quantizer(nn.Module):
    def __init__(self, config: dict) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config["codebook_size"], config["codebook_embed_dim"])

    @property
    def codes(self) -> Tensor:
        return F.normalize(self.embedding.weight, dim=-1)

    def nearest(self, latent: Tensor) -> Tensor:
        """Indices `[pictures, places]` of the codes nearest to a latent `[pictures, code, height, width]`."""
        rows = F.normalize(latent.flatten(2).transpose(1, 2), dim=-1)
        return (rows @ self.codes.T).argmax(-1)


class Vq(nn.Module):
    """Pictures `[pictures, 3, height, width]` in [−1, 1] to codes and back."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.quantize = Quantizer(config)
        self.quant_conv = conv(config["z_channels"], config["codebook_embed_dim"], 1)
        self.post_quant_conv = conv(config["codebook_embed_dim"], config["z_channels"], 1)

    @torch.inference_mode()
    def latent(self, image: Tensor) -> Tensor:
        return self.quant_conv(self.encoder(image))

    @torch.inference_mode()
    def encode(self, image: Tensor) -> Tensor:
        """Codes `[pictures, places]`."""
        return self.quantize.nearest(self.latent(image))

    @torch.inference_mode()
    def quantized(self, indices: Tensor) -> Tensor:
        """Codes `[pictures, height, width]` as the decoder takes them, `[pictures, code, height, width]`."""
        return self.quantize.codes[indices].permute(0, 3, 1, 2)

    @torch.inference_mode()
    def decode(self, indices: Tensor) -> Tensor:
        """Pictures of codes `[pictures, height, width]`."""
        return self.decoder(self.post_quant_conv(self.quantized(indices)))
