"""Runs the program in a folder of its own and judges what it says. Standard library only.

A test script makes a Bench, calls bench.check(...) for each case, and ends with bench.finish().
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

# InceptionV3 up to mixed0: name, channels in and out, kernel height and width.
CONVOLUTIONS = [
    ("Conv2d_1a_3x3", 3, 32, 3), ("Conv2d_2a_3x3", 32, 32, 3), ("Conv2d_2b_3x3", 32, 64, 3),
    ("Conv2d_3b_1x1", 64, 80, 1), ("Conv2d_4a_3x3", 80, 192, 3),
    ("Mixed_5b.branch1x1", 192, 64, 1), ("Mixed_5b.branch5x5_1", 192, 48, 1),
    ("Mixed_5b.branch5x5_2", 48, 64, 5), ("Mixed_5b.branch3x3dbl_1", 192, 64, 1),
    ("Mixed_5b.branch3x3dbl_2", 64, 96, 3), ("Mixed_5b.branch3x3dbl_3", 96, 96, 3),
    ("Mixed_5b.branch_pool", 192, 32, 1),
]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows=None):
    """A colourful picture; with rows=0 the header promises pixels that do not follow."""
    count = height if rows is None else rows
    lines = (b"\0" + bytes((x * 7 + y * 3 + (x * y // 5) * c + c * 50) % 256
                           for x in range(width) for c in range(3)) for y in range(count))
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"".join(lines))) + chunk(b"IEND", b""))


def png_text(data, key):
    """The tEXt or iTXt chunk of that key, as text."""
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        name, _, rest = body.partition(b"\0")
        if kind == b"tEXt" and name.decode() == key:
            return rest.decode()
        if kind == b"iTXt" and name.decode() == key:
            packed, rest = rest[0], rest[2:].split(b"\0", 2)[2]
            return (zlib.decompress(rest) if packed else rest).decode()
        if kind == b"zTXt" and name.decode() == key:
            return zlib.decompress(rest[1:]).decode()
        at += size + 12
    return None


def weights(scale=1.0):
    """A weights file of ours up to mixed0, its kernels noise of the usual size times `scale`."""
    header, data, state = {}, bytearray(), 1

    def add(name, shape, values):
        begin = len(data)
        data.extend(struct.pack("<%df" % len(values), *values))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}

    for name, inputs, outputs, side in CONVOLUTIONS:
        count = outputs * inputs * side * side
        bound = scale * (6.0 / (inputs * side * side)) ** 0.5
        values = []
        for _ in range(count):
            state = state * 1103515245 + 12345 & 0x7fffffff
            values.append((state / 0x40000000 - 1) * bound)
        add(name + ".conv.weight", [outputs, inputs, side, side], values)
        add(name + ".bn.bias", [outputs], [0.0] * outputs)
        add(name + ".bn.running_mean", [outputs], [0.0] * outputs)
        add(name + ".bn.running_var", [outputs], [1.0] * outputs)
    header["__metadata__"] = {"format": "reverie-1", "depth": "mixed0",
                              "avgpool": "exclude_padding", "source": "noise",
                              "content_sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)


class Bench:
    """A folder with photo.png and weights, an environment that leads nowhere else."""

    def __init__(self):
        self.program = os.path.abspath(sys.argv[1])
        self.keeper = tempfile.TemporaryDirectory(prefix="reverie test ")  # with spaces
        self.folder = self.keeper.name
        self.failures = self.cases = 0
        self.environment = dict(os.environ, HOME=self.folder, XDG_DATA_HOME=self.path("data"),
                                REVERIE_WEIGHTS=self.path("weights.safetensors"))
        self.write("photo.png", png(120, 90))
        self.write("weights.safetensors", weights())

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run(self, arguments, environment=None, **more):
        settings = dict(self.environment)
        for key, value in (environment or {}).items():
            if value is None:
                settings.pop(key, None)
            else:
                settings[key] = value
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([self.program] + arguments, cwd=self.folder, env=settings,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=280, **more)

    def expect(self, true, what):
        self.cases += 1
        if not true:
            self.failures += 1
            print("FAILED:", what)
        return true

    def check(self, arguments, code, *texts, **more):
        """The exit code, and for a failure: its last line says all of `texts`, no file is left."""
        before = sorted(os.listdir(self.folder))
        result = self.run(arguments, **more)
        error = result.stderr.decode(errors="replace")
        said = "%s gives %d: %s%s" % (" ".join(arguments), result.returncode, error,
                                      result.stdout.decode(errors="replace")[:2000])
        good = self.expect(result.returncode == code, "wanted exit code %d, but %s" % (code, said))
        if code != 0 and good:
            lines = error.splitlines()
            errors = [line for line in lines if line.startswith("reverie: ")]
            self.expect(lines and lines[-1].startswith("reverie: "), "no last word: " + said)
            for text in texts:
                self.expect(errors and text in errors[-1], "'%s' is not said: %s" % (text, said))
            self.expect(result.stdout == b"", "output beside an error: " + said)
            after = sorted(os.listdir(self.folder))
            self.expect(after == before, "files are left behind by %s: %s" % (arguments, after))
        return result

    def need_device(self):
        """Ends the test as skipped (or failed, if something failed before) without a device."""
        if self.run(["devices"]).returncode != 0:
            print("no Vulkan device: the rest is skipped")
            sys.exit(1 if self.failures else 77)

    def finish(self):
        print("%d checks, %d failed" % (self.cases, self.failures))
        sys.exit(1 if self.failures else 0)
