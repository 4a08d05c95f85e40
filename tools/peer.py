#!/usr/bin/python3
"""Times the same dream step in PyTorch on the CPU, to compare with: tools/bench calls it.

    tools/peer.py --size 512x512 --layers mixed3,mixed5 --threads 2 --steps 10 [--json]

One step is forward, gradient with respect to the picture, division by its standard deviation,
ascent and clipping, in float32: batch normalisation folded into the convolutions, no gradients of
weights, nothing computed beyond the deepest layer. Both memory layouts PyTorch knows are tried, and
the faster one is measured. Weights are random: speed does not depend on them.

Floating-point operations are counted as 2 * multiply-adds of the convolutions, forward and backward
with respect to their input.
"""
import argparse
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def load_goldens():
    """tools/make-goldens as a module: it has the network's definition and the random weights."""
    path = str(pathlib.Path(__file__).resolve().parent / "make-goldens")
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("make_goldens", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_goldens", loader))
    loader.exec_module(module)
    return module


goldens = load_goldens()


class FoldedWeights:
    """Kernels and biases in float32, batch normalisation folded, in one memory layout."""

    def __init__(self, weights, layout):
        self.weights, self.layout, self.cache = weights, layout, {}

    def __call__(self, index, shape):
        if index not in self.cache:
            kernel, beta, mean, variance = self.weights(index, shape)
            scale = (variance + goldens.EPSILON).rsqrt()
            kernel = (kernel * scale[:, None, None, None]).float()
            self.cache[index] = (kernel.contiguous(memory_format=self.layout),
                                 (beta - mean * scale).float())
        return self.cache[index]


class FoldedNetwork(goldens.Network):
    """The network for speed: a biased convolution and a ReLU in place. Counts its operations."""
    flops = 0

    def conv(self, x, filters, height, width, stride=1, same=True):
        index, self.convs = self.convs, self.convs + 1
        kernel, bias = self.weights(index, (filters, x.shape[1], height, width))
        pad = ((height - 1) // 2, (width - 1) // 2) if same else 0
        x = F.relu_(F.conv2d(x, kernel, bias, stride, pad))
        self.flops += 2 * 2 * x[0].numel() * kernel[0].numel()
        self.layers[f"activation_{index}"] = x
        return x


def step(weights, x, targets, last):
    """The next picture, and the operations that took."""
    x = x.detach().requires_grad_()
    network = FoldedNetwork(weights, x, last)
    loss = goldens.objective(network.layers, targets, False, 0)
    gradient, = torch.autograd.grad(loss, x)
    with torch.no_grad():
        x = (x + 0.01 * gradient / (gradient.std(unbiased=False) + 1e-8)).clamp_(-1, 1)
    return x, network.flops


def measure(weights, x, targets, last, steps):
    """Seconds of each step, and the operations of one."""
    seconds, flops = [], 0
    for _ in range(steps):
        start = time.perf_counter()
        x, flops = step(weights, x, targets, last)
        seconds.append(time.perf_counter() - start)
    return seconds, flops


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", default="512x512", metavar="WxH")
    parser.add_argument("--layers", default="mixed3,mixed5", metavar="LIST",
                        help="mixedN or activation_N, with =weight and :channel")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: all processors")
    parser.add_argument("--steps", type=int, default=10, metavar="N")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # PyTorch's own default was 1 on a machine with two processors.
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    width, height = (int(side) for side in options.size.split("x"))
    targets = goldens.parse(options.layers)
    last = goldens.deepest_block(targets)

    random = goldens.RandomWeights(1)
    picture = goldens.to_network(goldens.noise(1, width, height)).float()
    candidates = {}
    for name, layout in LAYOUTS.items():
        weights, x = FoldedWeights(random, layout), picture.contiguous(memory_format=layout)
        trial, _ = measure(weights, x, targets, last, 3)  # the first is warm-up
        candidates[name] = min(trial[1:]), weights, x
    layout = min(candidates, key=lambda name: candidates[name][0])
    _, weights, x = candidates[layout]
    seconds, flops = measure(weights, x, targets, last, options.steps)

    median = statistics.median(seconds)
    result = {"what": f"PyTorch {torch.__version__}, CPU, float32, {layout}",
              "threads": torch.get_num_threads(), "width": width, "height": height,
              "layers": options.layers, "steps": options.steps, "step_seconds": median,
              "fastest_seconds": min(seconds), "flops": flops, "gflops_per_second": flops / median / 1e9,
              "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{result['what']}, {result['threads']} threads, {options.size}, {options.layers}: "
              f"{median:.4f} s a step, {result['gflops_per_second']:.1f} GFLOP/s, "
              f"peak {result['peak_bytes'] / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
