#!/usr/bin/env python3
"""Dreams on a picture with deeper and deeper layers, and saves what each leaves behind.

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
photo.thumbnail((400, 400))

with reverie.Dreamer() as dreamer:
    print("on", dreamer.device["name"])
    with dreamer.session(numpy.asarray(photo), layers="mixed2", octaves=3) as session:
        for layers in ["mixed2", "mixed3", "mixed3,mixed5"]:
            session.change(layers=layers)
            session.seek(1)
            for progress in session:
                print("\r%s: octave %d, step %2d, loss %.3f" % (
                    layers, progress["octave"], progress["iteration"], progress["loss"]), end="")
            name = folder / ("dream-%s.png" % layers)
            Image.fromarray(session.picture()).save(name)
            print(":", name)
