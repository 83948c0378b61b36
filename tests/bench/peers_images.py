#!/usr/bin/env python3
"""Pillow, libvips and jpegtran as peers of image_bench: the same lists, one process, CPU seconds as
JSON.

    peers_images.py pillow|draft|vips|jpegtran LIST OUT

pillow: open, convert("L"), save with its defaults. draft: the same after draft("L"), which lets
libjpeg leave out the colors. vips: colourspace("b-w") with VIPS_CONCURRENCY threads. jpegtran: one process a file (its CPU time counts, Python's does
not)."""

import json
import os
import resource
import subprocess
import sys
import time


def pillow(source, target, use_draft):
    from PIL import Image
    with Image.open(source) as image:
        if use_draft:
            image.draft("L", image.size)
        image.convert("L").save(target)


def vips(source, target):
    import pyvips
    pyvips.Image.new_from_file(source, access="sequential").colourspace("b-w").write_to_file(target)


def jpegtran(source, target):
    subprocess.run(["jpegtran", "-grayscale", "-copy", "none", "-outfile", target, source],
                   check=True, stderr=subprocess.DEVNULL)


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    mode, list_name, out = sys.argv[1:]
    with open(list_name, encoding="utf-8") as file:
        paths = file.read().splitlines()
    extension = {"png": ".png", "ebp": ".pgm"}.get(paths[0][-3:] if paths else "", ".jpg")
    clock = cpu_of_children if mode == "jpegtran" else time.process_time
    if mode in ("pillow", "draft"):
        from PIL import Image
        Image.preinit()
    if mode == "vips":
        import pyvips  # noqa: F401  its start is not what is measured
    start = clock()
    for number, path in enumerate(paths):
        target = os.path.join(out, f"{number}{extension}")
        if mode == "jpegtran":
            jpegtran(path, target)
        elif mode == "vips":
            vips(path, target)
        else:
            pillow(path, target, mode == "draft")
    print(json.dumps({"cpu_s": round(clock() - start, 6), "files": len(paths)}))


main()
