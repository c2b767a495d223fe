"""Writes weights for torchvision's Inception v3, changed into the variant of 2015, and what it makes of pictures.

    python3 torchInception.py FOLDER

FOLDER gets weights.pth, pictures.json (uint8 values, [pictures, 3, side, side]) and features.json.
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torchvision.models import inception

SIDE = 299
PICTURES = 2
average = F.avg_pool2d


def mean_of_the_map(x):
    """3x3 means of what lies in the map."""
    return average(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def variant():
    """The network with the pooling of 2015."""
    network = torchvision.models.inception_v3(aux_logits=False, init_weights=False, num_classes=1008)

    def with_pool(pool):
        def forward(self, x):
            F.avg_pool2d = lambda map, **_: pool(map)
            try:
                return torch.cat(self._forward(x), 1)
            finally:
                F.avg_pool2d = average

        return forward

    largest = lambda x: F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
    for name, block in network.named_children():
        if isinstance(block, (inception.InceptionA, inception.InceptionC, inception.InceptionE)):
            pool = largest if name == "Mixed_7c" else mean_of_the_map
            block.forward = with_pool(pool).__get__(block)
    return network.eval()


def randomise(network):
    """Statistics as of a trained network, which random weights do not have: every channel is of use."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.6)
            torch.nn.init.uniform_(module.bias, -0.2, 0.3)
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.1, 0.4)


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(3)
    network = variant()
    randomise(network)
    torch.save(network.state_dict(), folder / "weights.pth")
    # Smooth pictures, with an edge, as pictures are.
    small = torch.rand(PICTURES, 3, 19, 19)
    pictures = (F.interpolate(small, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)
    pictures[:, :, 100:150] = 255 - pictures[:, :, 100:150]
    found = {}
    network.Mixed_6d.branch1x1.register_forward_hook(
        lambda _module, _inputs, map: found.update(spatial=map[:, :7].permute(0, 2, 3, 1).flatten(1))
    )
    network.avgpool.register_forward_hook(lambda _module, _inputs, map: found.update(pool=map.flatten(1)))
    with torch.no_grad():
        network((pictures.float() - 128) * 0.0078125)
        logits = found["pool"] @ network.fc.weight.T
        found["probabilities"] = logits.softmax(1)
    (folder / "pictures.json").write_text(json.dumps({"shape": list(pictures.shape), "values": pictures.flatten().tolist()}))
    (folder / "features.json").write_text(json.dumps({name: value.flatten().tolist() for name, value in found.items()}))


main()
