#!/usr/bin/python3
"""Times the same dream step in PyTorch, to compare with: tools/bench --peer calls it.

    tools/peer.py [--device cpu|cuda] [--size WxH] [--layers LIST] [--precision fp32|fp16]
                  [--steps N] [--threads N] [--json]
    tools/peer.py --serve       requests as JSON lines on standard input, answers on standard output

One step is forward, gradient with respect to the picture, division by its standard deviation,
ascent and clipping. Batch normalisation is folded into the convolutions, weights have no gradients,
nothing beyond the deepest layer is computed. Weights are random: speed does not depend on them.
Floating-point operations are counted as 2 * multiply-adds of the convolutions, forward and backward
with respect to their input.

PyTorch is measured as fast as we could make it. Each configuration is built and tried once; those
that take more than half as long again as the best are left out and said on standard error.
  CPU    both memory layouts, eagerly, traced by TorchScript, and compiled where torch.compile is
         there; all processors; memory kept from step to step. fp16 tries float16 and bfloat16, too.
  CUDA   cudnn.benchmark, channels last, the whole step in one CUDA graph, eagerly and through
         torch.compile. fp32 comes with TF32 and without.
"""
import argparse
import contextlib
import ctypes
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import resource
import statistics
import sys
import time

BEGUN = time.perf_counter()


def keep_memory():
    """Lets glibc neither map large blocks afresh nor give them back: page faults cost PyTorch 10 %."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-4, 0)          # M_MMAP_MAX
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


keep_memory()

import torch  # noqa: E402 (after mallopt)
import torch.fx  # noqa: E402
import torch.nn.functional as F  # noqa: E402

LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SLOWER = 1.5  # than the best: left out


def load_goldens():
    """tools/make-goldens as a module: it has the network's definition and the random weights."""
    path = str(pathlib.Path(__file__).resolve().parent / "make-goldens")
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("make_goldens", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_goldens", loader))
    loader.exec_module(module)
    return module


goldens = load_goldens()
RANDOM = goldens.RandomWeights(1)


# ------------------------------------------------------------------------------------------------
# The network

class FoldedNetwork(goldens.Network):
    """The network for speed: a biased convolution and a ReLU in place."""

    def conv(self, x, filters, height, width, stride=1, same=True):
        index, self.convs = self.convs, self.convs + 1
        kernel, bias = self.weights(index, (filters, x.shape[1], height, width))
        pad = ((height - 1) // 2, (width - 1) // 2) if same else (0, 0)
        x = F.relu_(F.conv2d(x, kernel, bias, stride, pad))
        self.layers[f"activation_{index}"] = x
        self.count(x, kernel)
        return x

    def count(self, x, kernel):
        pass


class CountingNetwork(FoldedNetwork):
    flops = 0

    def count(self, x, kernel):
        self.flops += 2 * 2 * x[0].numel() * kernel[0].numel()


class FoldedWeights:
    """Kernels and biases, batch normalisation folded, in one type, layout and place."""

    def __init__(self, dtype, layout, device):
        self.dtype, self.layout, self.device, self.cache = dtype, layout, device, {}

    def __call__(self, index, shape):
        if index not in self.cache:
            kernel, beta, mean, variance = RANDOM(index, shape)
            scale = (variance + goldens.EPSILON).rsqrt()
            kernel = (kernel * scale[:, None, None, None]).to(self.device, self.dtype)
            self.cache[index] = (kernel.contiguous(memory_format=self.layout),
                                 (beta - mean * scale).to(self.device, self.dtype))
        return self.cache[index]


class Targets(torch.nn.Module):
    """From the picture to the layers an objective names, in its order."""

    def __init__(self, weights, targets, network=FoldedNetwork):
        super().__init__()
        self.weights, self.targets, self.network = weights, targets, network
        self.last = goldens.deepest_block(targets)

    def forward(self, x):
        layers = self.network(self.weights, x, self.last).layers
        return tuple(layers[name] if channel is None else layers[name][:, channel:channel + 1]
                     for name, channel, _ in self.targets)


def make_forward(weights, targets, x):
    """The network as one flat graph of PyTorch operations, which compilers take without a break."""
    targets_of = Targets(weights, targets)
    with torch.no_grad():
        targets_of(x[:, :, :99, :99])  # makes all weights: tracing must not
    return torch.fx.symbolic_trace(targets_of)


def count_flops(targets, width, height):
    """From the shapes alone: values do not matter, so one channel of weights stands for all."""
    class Shapes:
        def __call__(self, index, shape):
            return torch.empty(shape, device="meta"), torch.empty(shape[0], device="meta")
    x = torch.empty(1, 3, height, width, device="meta")
    return CountingNetwork(Shapes(), x, goldens.deepest_block(targets)).flops


# ------------------------------------------------------------------------------------------------
# The step

class Step:
    """One step on a picture that stays where it is. Nothing waits for the device or asks it for a
    value, so the same call can run eagerly and be captured in a CUDA graph."""

    def __init__(self, forward, x, dtype, targets):
        self.forward, self.x, self.dtype = forward, x, dtype
        with torch.no_grad():
            layers = forward(x.to(dtype))
        counts = [layer.numel() for layer in layers]
        # The mean's gradient at each layer, scaled so that fp16 does not lose it; the division by the
        # gradient's deviation takes the scale out again.
        self.seeds = [torch.full_like(layer, weight * max(counts) / count)
                      for layer, count, (_, _, weight) in zip(layers, counts, targets)]
        self.weights = [weight for _, _, weight in targets]
        self.loss = torch.zeros((), device=x.device)

    def __call__(self):
        x = self.x.detach().requires_grad_()
        layers = self.forward(x.to(self.dtype))
        gradient, = torch.autograd.grad(layers, x, self.seeds)
        with torch.no_grad():
            total = sum(weight * layer.mean(dtype=torch.float32)
                        for weight, layer in zip(self.weights, layers))
            self.loss.copy_(total)
            self.x.add_(gradient / (gradient.std(unbiased=False) + 1e-8), alpha=0.01)
            self.x.clamp_(-1, 1)


def capture(step, cuda=torch.cuda):
    """The step as one CUDA graph; `cuda` is another module in tests."""
    stream = cuda.Stream()
    stream.wait_stream(cuda.current_stream())
    with cuda.stream(stream):  # compiles, chooses cuDNN's algorithms, fills the allocator
        for _ in range(3):
            step()
    cuda.current_stream().wait_stream(stream)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        step()
    return graph.replay


def traced(forward, x):
    """TorchScript, constants folded in. Autograd runs through it."""
    module = torch.jit.trace(forward, x, check_trace=False)
    return torch.jit.freeze(module.eval())


def compiled(forward, mode):
    return torch.compile(forward, mode=mode, fullgraph=True, dynamic=False)


# ------------------------------------------------------------------------------------------------
# Configurations

class Configuration:
    """How PyTorch is run: a name, a type, a memory layout and what is made of the network."""

    def __init__(self, name, precision, layout, make=None, graph=False, tf32=None):
        self.name, self.precision, self.layout = name, precision, layout
        self.make, self.graph, self.tf32 = make, graph, tf32

    def settings(self):
        """Global switches, to be set before every use: configurations take turns."""
        if self.tf32 is not None:
            torch.backends.cuda.matmul.allow_tf32 = self.tf32
            torch.backends.cudnn.allow_tf32 = self.tf32

    def build(self, device, targets, width, height):
        begun = time.perf_counter()
        self.settings()
        self.device = device
        dtype, layout = TYPES[self.precision], LAYOUTS[self.layout]
        picture = goldens.to_network(goldens.noise(1, width, height)).float().to(device)
        picture = picture.contiguous(memory_format=layout)
        weights = FoldedWeights(dtype, layout, device)
        forward = make_forward(weights, targets, picture.to(dtype))
        if self.make:
            forward = self.make(forward, picture.to(dtype))
        before = reserved(device)
        step = Step(forward, picture, dtype, targets)
        self.step = capture(step) if self.graph else step
        self.run(1)
        self.peak_bytes = peak(device, before)
        self.start_seconds = IMPORTED - BEGUN + time.perf_counter() - begun

    def run(self, steps):
        """Wall seconds of each step and, on CUDA, those between its events."""
        self.settings()
        wall, gpu = [], []
        for _ in range(steps):
            if self.device == "cpu":
                start = time.perf_counter()
                self.step()
                wall.append(time.perf_counter() - start)
                continue
            events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            torch.cuda.synchronize()
            start = time.perf_counter()
            events[0].record()
            self.step()
            events[1].record()
            torch.cuda.synchronize()
            wall.append(time.perf_counter() - start)
            gpu.append(events[0].elapsed_time(events[1]) / 1e3)
        return wall, gpu


def reserved(device):
    if device == "cpu":
        return 0
    torch.cuda.empty_cache()
    return torch.cuda.memory_reserved()


def peak(device, before):
    """Bytes: on the CPU of the process so far, on CUDA what the configuration added."""
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return torch.cuda.memory_reserved() - before


def configurations(device, precision):
    have_compile = hasattr(torch, "compile")
    found = []
    if device == "cpu":
        kinds = ["fp32"] if precision == "fp32" else ["fp16", "bf16", "fp32"]
        for kind in kinds:
            for layout in LAYOUTS:
                found += [Configuration(f"eager {kind} {layout}", kind, layout),
                          Configuration(f"TorchScript {kind} {layout}", kind, layout, traced)]
            if have_compile:
                found.append(Configuration(f"compile {kind} nhwc", kind, "nhwc",
                                           lambda f, _: compiled(f, "max-autotune-no-cudagraphs")))
        return found
    for tf32 in [None] if precision == "fp16" else [True, False]:
        name = precision + {None: "", True: " TF32", False: " without TF32"}[tf32]
        layouts = ["nhwc"] if precision == "fp16" else list(LAYOUTS)
        for layout in layouts:
            found.append(Configuration(f"graph {name} {layout}", precision, layout, None, True, tf32))
            if have_compile:
                for mode in ("default", "max-autotune-no-cudagraphs"):
                    found.append(Configuration(
                        f"graph, compile {mode} {name} {layout}", precision, layout,
                        lambda f, _, m=mode: compiled(f, None if m == "default" else m), True, tf32))
        if precision == "fp16":
            found.append(Configuration("eager fp16 nhwc", precision, "nhwc"))
    return found


def keep_fast(built):
    """Those worth measuring, after three turns of all: the first also runs TorchScript's optimiser."""
    turns = [[min(c.run(2)[0]) for c in built] for _ in range(3)]
    least = [min(seconds) for seconds in zip(*turns)]
    for seconds, configuration in zip(least, built):
        if seconds > SLOWER * min(least):
            print(f"peer: {configuration.name} left out: {seconds:.4f} s, the best {min(least):.4f} s",
                  file=sys.stderr)
    return [c for seconds, c in zip(least, built) if seconds <= SLOWER * min(least)]


class Job:
    """The configurations of one size, layers and precision that are worth measuring."""

    def __init__(self, device, size, layers, precision):
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"PyTorch {torch.__version__} here cannot use the GPU")
        torch.backends.cudnn.benchmark = True
        self.device, self.precision = device, precision
        self.width, self.height = (int(side) for side in size.split("x"))
        targets = goldens.parse(layers)
        self.flops = count_flops(targets, self.width, self.height)
        built = []
        for configuration in configurations(device, precision):
            try:
                configuration.build(device, targets, self.width, self.height)
                built.append(configuration)
            except Exception as error:  # whatever a compiler raises: the others still count
                text = str(error).strip().split("\n")[0][:200]
                print(f"peer: {configuration.name} does not run here: {text}", file=sys.stderr)
        if not built:
            raise ValueError(f"PyTorch {torch.__version__} runs none of its configurations")
        self.configurations = keep_fast(built)

    def round(self, steps):
        """Runs every configuration: one untimed step, then `steps` timed ones."""
        answers = []
        for configuration in self.configurations:
            configuration.run(1)
            wall, gpu = configuration.run(steps)
            answers.append({
                "device": device_name(self.device), "driver": driver_name(self.device),
                "profile": f"PyTorch {configuration.name}", "precision": configuration.precision,
                "threads": torch.get_num_threads(), "seconds": wall, "gpu_seconds": gpu,
                "flops": self.flops, "peak_device_bytes": configuration.peak_bytes,
                "start_seconds": configuration.start_seconds, "cold_start_seconds": None})
        return answers


def device_name(device):
    return "CPU" if device == "cpu" else torch.cuda.get_device_name()


def driver_name(device):
    if device == "cpu":
        return f"PyTorch {torch.__version__}"
    return f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, " \
           f"cuDNN {torch.backends.cudnn.version()}"


def serve():
    """Answers every request with a round of its job; jobs are kept, so that rounds interleave."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever compilers print must not mix with answers
    job, key = None, None
    for line in sys.stdin:
        request = json.loads(line)
        steps = request.pop("steps")
        try:
            if request != key:
                job, key = None, None  # frees the device's memory first
                job, key = Job(**request), request
            answer = {"peer": job.round(steps)}
        except ValueError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


IMPORTED = time.perf_counter()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serve", action="store_true", help="for tools/bench")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--size", default="512x512", metavar="WxH")
    parser.add_argument("--layers", default="mixed3,mixed5", metavar="LIST",
                        help="mixedN or activation_N, with =weight and :channel")
    parser.add_argument("--precision", choices=["fp32", "fp16"], default="fp32")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: all processors")
    parser.add_argument("--steps", type=int, default=10, metavar="N")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # PyTorch's own default was 1 on a machine with two processors.
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    torch.set_flush_denormal(True)
    if options.serve:
        return serve()
    try:
        answers = Job(options.device, options.size, options.layers, options.precision).round(
            options.steps)
    except ValueError as error:
        sys.exit(f"peer.py: {error}")
    for answer in answers:
        median = statistics.median(answer.pop("seconds"))
        answer["step_seconds"], answer["gflops"] = median, answer["flops"] / median / 1e9
        if not options.json:
            print(f"{answer['profile']:<40} {median * 1e3:9.3f} ms {answer['gflops']:9.1f} GFLOP/s, "
                  f"peak {answer['peak_device_bytes'] / 2**20:.0f} MiB")
    if options.json:
        print(json.dumps(answers))


if __name__ == "__main__":
    main()
