#!/usr/bin/env python3
"""The recipe that people copy for pictures: a multiprocessing Pool over a folder, Pillow's
convert("L"), save. The peer of `gristmill gray`.

    recipe_images.py FOLDER OUT"""

import multiprocessing
import os
import sys

from PIL import Image


def gray(job):
    source, target = job
    with Image.open(source) as image:
        image.convert("L").save(target)


def main():
    folder, out = sys.argv[1:3]
    os.makedirs(out)
    jobs = [(os.path.join(folder, name), os.path.join(out, name)) for name in sorted(os.listdir(folder))]
    with multiprocessing.Pool() as pool:
        pool.map(gray, jobs)


if __name__ == "__main__":
    main()
