#!/usr/bin/env python3
"""Dreams on a picture a few steps at a time and shows what has become of it, larger forms last.

    tools/python/example.py PHOTO [FOLDER]

Needs NumPy and Pillow. In a notebook, display(picture) instead of saving it.
"""
import pathlib
import sys

import numpy
from PIL import Image

import reverie

if len(sys.argv) < 2:
    sys.exit(__doc__)
folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")
photo = Image.open(sys.argv[1]).convert("RGB")
photo.thumbnail((512, 512))
image = numpy.asarray(photo) / 255


def report(progress):
    print("\r%3.0f %%" % (100 * progress["fraction"]), end="", flush=True)


with reverie.Dreamer() as dreamer:
    print("on", dreamer.device["name"])
    for seed, layer in enumerate(["mixed0", "mixed2", "mixed3", "mixed5"]):
        image = dreamer.dream(image, report, layers=layer, octaves=2, iterations=5, seed=seed)
        picture = Image.fromarray((image * 255).round().astype(numpy.uint8))
        picture.save(folder / ("dream-%d-%s.png" % (seed, layer)))
        print("\r%s: loss %.3f after %.1f s" % (layer, dreamer.stats["loss"],
                                                dreamer.stats["seconds"]))
