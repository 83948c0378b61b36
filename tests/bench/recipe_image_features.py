#!/usr/bin/env python3
"""The recipe for pictures with features: a multiprocessing Pool over a folder, Pillow's
convert("L"), save, and of each picture what people compute with NumPy and imagehash. It does less
than its contestant `gristmill gray --features`, which also has the sharpness, the hash of the gray
plane, the metadata and a commit that survives a crash.

    recipe_image_features.py FOLDER OUT"""

import hashlib
import json
import multiprocessing
import os
import sys

import imagehash
import numpy
from PIL import Image


def describe(path, plane):
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    values = numpy.asarray(plane)
    counts = numpy.bincount(values.ravel(), minlength=256)
    shares = counts[counts > 0] / values.size
    return {
        "name": os.path.basename(path),
        "width": plane.width,
        "height": plane.height,
        "sha256": digest,
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": int(values.min()),
        "max": int(values.max()),
        "entropy": float(-(shares * numpy.log2(shares)).sum()),
        "ahash": str(imagehash.average_hash(plane)),
        "dhash": str(imagehash.dhash(plane)),
        "phash": str(imagehash.phash(plane)),
    }


def gray(job):
    source, target = job
    with Image.open(source) as image:
        plane = image.convert("L")
    plane.save(target)
    return json.dumps(describe(source, plane))


def main():
    folder, out = sys.argv[1:3]
    os.makedirs(out)
    jobs = [(os.path.join(folder, name), os.path.join(out, name)) for name in sorted(os.listdir(folder))]
    with multiprocessing.Pool() as pool, open(os.path.join(out, "records.jsonl"), "w") as records:
        for line in pool.imap(gray, jobs, chunksize=16):
            records.write(line + "\n")


if __name__ == "__main__":
    main()
