"""A process that runs PyTorch's training steps when it is told to: the other side of training.py.

    training_torch.py WORKLOAD THREADS nchw|nhwc

Says `ready` with facts as JSON, and answers each line with a number of steps by their times. The networks, their first weights
and their data are those of trainer/ops/examples/training_step.rs, number by number.
"""

import json
import math
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def noise(seed, count):
    """Numbers between -1 and 1 that look random, and are the same in the peer."""
    m = np.uint64(0xFFFFFFFF)
    v = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed * 40503 & 0xFFFFFFFF)) & m
    v ^= v >> np.uint64(16)
    v = v * np.uint64(0x045D9F3B) & m
    v ^= v >> np.uint64(16)
    return (v.astype(np.float64) / 4294967296.0 * 2.0 - 1.0).astype(np.float32)


class Norm(nn.Module):
    def __init__(self, channels, activation):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.activation = activation

    def forward(self, x):
        return self.activation(self.norm(x))


def conv(inputs, outputs, kernel, stride, activation):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), Norm(outputs, activation))


def separable(inputs, outputs, stride):
    relu6 = nn.ReLU6(inplace=True)
    depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
    return nn.Sequential(depthwise, Norm(inputs, relu6), conv(inputs, outputs, 1, 1, relu6))


class Classifier(nn.Module):
    def forward(self, x):
        return F.cross_entropy(self.net(x), self.classes)


class W1(Classifier):
    shape = [64, 28, 28, 1]

    def __init__(self):
        super().__init__()
        relu = nn.ReLU(inplace=True)
        self.net = nn.Sequential(
            conv(1, 32, 3, 1, relu), conv(32, 32, 3, 1, relu), nn.MaxPool2d(2),
            conv(32, 64, 3, 1, relu), conv(64, 64, 3, 1, relu), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(7 * 7 * 64, 10),
        )  # fmt: skip


class W2(Classifier):
    """MobileNetV1 of half the width (Howard et al. 2017)."""

    shape = [32, 96, 96, 3]

    def __init__(self):
        super().__init__()
        blocks = [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2)] + [(256, 1)] * 5 + [(512, 2), (512, 1)]
        layers, inputs = [conv(3, 16, 3, 2, nn.ReLU6(inplace=True))], 16
        for outputs, stride in blocks:
            layers.append(separable(inputs, outputs, stride))
            inputs = outputs
        self.net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class W3(nn.Module):
    shape = [8, 256, 256, 3]

    def __init__(self):
        super().__init__()
        relu6 = nn.ReLU6(inplace=True)
        self.stem = conv(3, 16, 3, 2, relu6)
        self.stages, inputs = nn.ModuleList(), 16
        for outputs in [32, 64, 96, 128]:
            self.stages.append(nn.Sequential(separable(inputs, outputs, 2), separable(outputs, outputs, 1)))
            inputs = outputs
        # Lateral, smooth, head and output of each level, the coarsest first.
        self.levels = nn.ModuleList(
            nn.ModuleList([conv(c, 64, 1, 1, relu6), separable(64, 64, 1), separable(64, 64, 1), nn.Conv2d(64, 8, 1)])
            for c in [128, 96, 64]
        )

    def forward(self, x):
        x, levels = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        top, loss = None, 0.0
        for level, (lateral, smooth, head, output) in zip(reversed(levels[1:]), self.levels):
            merged = lateral(level)
            if top is not None:
                merged = merged + F.interpolate(top, scale_factor=2, mode="nearest")
            top = smooth(merged)
            loss = loss + (output(head(top)) - 0.5).pow(2).mean()
        return loss


class W4(Classifier):
    shape = [100, 1, 1, 784]

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 800), nn.ReLU(inplace=True),
            nn.Linear(800, 800), nn.ReLU(inplace=True), nn.Linear(800, 10),
        )  # fmt: skip


def initialise(model):
    """The peer's first weights, in its layouts turned to PyTorch's."""
    for index, (name, p) in enumerate(model.named_parameters()):
        values = torch.from_numpy(noise(index + 1, p.numel()))
        if p.dim() == 1:
            values = values * 0.1 + (1.0 if name.endswith("norm.weight") else 0.0)
        elif p.dim() == 4:
            outputs, inputs, rows, columns = p.shape
            values = values * math.sqrt(3.0 / (rows * columns * inputs))
            values = values.reshape(rows, columns, inputs, outputs).permute(3, 2, 0, 1)
        else:
            outputs, inputs = p.shape
            values = values * math.sqrt(3.0 / inputs)
            if inputs == 7 * 7 * 64:
                values = values.reshape(7, 7, 64, outputs).permute(3, 2, 0, 1).reshape(outputs, inputs)
            else:
                values = values.reshape(inputs, outputs).T
        with torch.no_grad():
            p.copy_(values)


def main():
    workload, threads, layout = sys.argv[1:]
    torch.set_num_threads(int(threads))
    model = {"W1": W1, "W2": W2, "W3": W3, "W4": W4}[workload]()
    initialise(model)
    batch = model.shape[0]
    x = torch.from_numpy(noise(0, math.prod(model.shape))).reshape(model.shape).permute(0, 3, 1, 2).contiguous()
    model.classes = torch.tensor([i * 7 % 10 for i in range(batch)])
    if layout == "nhwc":
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss = model(x)
        value = loss.item()
        loss.backward()
        optimiser.step()
        return value

    losses = [step() for _ in range(4)]
    facts = {"parameters": sum(p.numel() for p in model.parameters()), "losses": losses, "version": torch.__version__}
    print("ready", json.dumps(facts), flush=True)
    for line in sys.stdin:
        wall, cpu = [], []
        for _ in range(int(line)):
            start, before = time.perf_counter(), time.process_time()
            step()
            cpu.append((time.process_time() - before) * 1e3)
            wall.append((time.perf_counter() - start) * 1e3)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"wall": wall, "cpu": cpu, "peak_kib": peak}), flush=True)


if __name__ == "__main__":
    main()
