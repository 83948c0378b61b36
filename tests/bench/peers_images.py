#!/usr/bin/env python3
"""Pillow, libvips and jpegtran as peers of image_bench: the same lists, one process, CPU seconds and
the size of the results as JSON.

    peers_images.py pillow|draft|vips|jpegtran LIST OUT

pillow: open, convert("L"), save with its defaults. draft: the same after draft("L"), which lets
libjpeg leave out the colors. vips: libvips by its C interface, sequential access, colourspace b-w,
its defaults for the rest, VIPS_CONCURRENCY threads. jpegtran: one process a file (its CPU time
counts, Python's does not)."""

import ctypes
import ctypes.util
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


class Vips:
    """libvips without a binding: three functions with lists of options that end with NULL."""
    BLACK_AND_WHITE = 1  # VIPS_INTERPRETATION_B_W
    SEQUENTIAL = 1  # VIPS_ACCESS_SEQUENTIAL

    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("vips"))
        self.unref = ctypes.CDLL(ctypes.util.find_library("gobject-2.0")).g_object_unref
        self.unref.argtypes = [ctypes.c_void_p]
        self.lib.vips_image_new_from_file.restype = ctypes.c_void_p
        self.lib.vips_error_buffer.restype = ctypes.c_char_p
        if self.lib.vips_init(b"peers_images"):
            self.fail()

    def fail(self):
        raise SystemExit(self.lib.vips_error_buffer().decode())

    def convert(self, source, target):
        lib, end = self.lib, ctypes.c_void_p()
        image = ctypes.c_void_p(lib.vips_image_new_from_file(
            os.fsencode(source), b"access", ctypes.c_int(self.SEQUENTIAL), end))
        gray = ctypes.c_void_p()
        if not image or \
                lib.vips_colourspace(image, ctypes.byref(gray), self.BLACK_AND_WHITE, end) or \
                lib.vips_image_write_to_file(gray, os.fsencode(target), end):
            self.fail()
        self.unref(gray)
        self.unref(image)


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
    vips = Vips() if mode == "vips" else None  # its start is not what is measured
    start = clock()
    for number, path in enumerate(paths):
        target = os.path.join(out, f"{number}{extension}")
        if mode == "jpegtran":
            jpegtran(path, target)
        elif mode == "vips":
            vips.convert(path, target)
        else:
            pillow(path, target, mode == "draft")
    cpu_s = round(clock() - start, 6)
    bytes_out = sum(os.path.getsize(os.path.join(out, f"{number}{extension}"))
                    for number in range(len(paths)))
    print(json.dumps({"cpu_s": cpu_s, "files": len(paths), "bytes_out": bytes_out}))


main()
