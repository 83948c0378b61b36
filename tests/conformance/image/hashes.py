"""Compares the perceptual hashes with those of imagehash 4.3.2 (hashes.json), over made pictures:
noise, gradients, shapes, and pictures in which values tie: flat, striped, mirrored, of one pixel.

hashes.py TOOL FOLDER     checks the tool's hashes; also computes them anew if imagehash is here
hashes.py --write         writes hashes.json with the imagehash that is here (Pillow 9.4 to 12)

Pillow 13.0 resizes some tall pictures in another order, with other roundings: it is not asked."""

import json
import os
import random
import subprocess
import sys

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hashes.json")
SIZES = [(1, 1), (2, 3), (8, 8), (9, 8), (32, 32), (31, 33), (64, 64), (100, 75), (75, 100),
         (640, 40), (40, 640), (333, 251)]


def shapes(width, height, rnd):
    rows = [bytearray([rnd.randrange(256)]) * width for _ in range(height)]
    for _ in range(6):
        x, y, value = rnd.randrange(width), rnd.randrange(height), rnd.randrange(256)
        w, h = rnd.randrange(1, width + 1), rnd.randrange(1, height + 1)
        for row in rows[y:y + h]:
            row[x:x + w] = bytearray([value]) * len(row[x:x + w])
    return b"".join(rows)


def mirrored(width, height, rnd):
    rows = []
    for _ in range(height):
        half = bytes(rnd.randrange(256) for _ in range((width + 1) // 2))
        rows.append(half + half[::-1][width % 2:])
    return b"".join(rows)


def flipped(width, height, rnd):
    rows = [bytes(rnd.randrange(256) for _ in range(width)) for _ in range((height + 1) // 2)]
    return b"".join(rows + rows[::-1][height % 2:])


def each(function):
    return lambda width, height, rnd: bytes(
        function(x, y, width, height) & 255 for y in range(height) for x in range(width))


KINDS = {
    "black": each(lambda x, y, w, h: 0),
    "white": each(lambda x, y, w, h: 255),
    "gray": each(lambda x, y, w, h: 77),
    "noise": lambda w, h, rnd: bytes(rnd.randrange(256) for _ in range(w * h)),
    "shapes": shapes,
    "across": each(lambda x, y, w, h: 255 * x // w),
    "down": each(lambda x, y, w, h: 255 * y // h),
    "slope": each(lambda x, y, w, h: 127 * x // w + 127 * y // h),
    "columns": each(lambda x, y, w, h: 255 * (x * 8 // w % 2)),
    "rows": each(lambda x, y, w, h: 255 * (y * 4 // h % 2)),
    "checks": each(lambda x, y, w, h: 200 * ((x // 4 + y // 4) % 2)),
    "half": each(lambda x, y, w, h: 255 * (2 * x >= w)),
    "dot": each(lambda x, y, w, h: 255 * (x == w // 3 and y == h // 3)),
    "mirrored": mirrored,
    "flipped": flipped,
    "rings": each(lambda x, y, w, h: (2 * x - w) ** 2 // 16 + (2 * y - h) ** 2 // 16),
}


def planes():
    for name, make in KINDS.items():
        for width, height in SIZES:
            rnd = random.Random(f"{name} {width} {height}")
            yield f"{name}-{width}x{height}", width, height, make(width, height, rnd)


def imagehash_hashes():
    """None if imagehash is not here, or Pillow is one whose resize differs."""
    try:
        import imagehash
        from PIL import Image, __version__
    except ImportError:
        return None
    if int(__version__.split(".")[0]) > 12:
        return None
    return {name: [str(f(Image.frombytes("L", (width, height), plane)))
                   for f in (imagehash.average_hash, imagehash.dhash, imagehash.phash)]
            for name, width, height, plane in planes()}


def tool_hashes(tool, folder):
    names, paths = [], []
    for name, width, height, plane in planes():
        names.append(name)
        paths.append(os.path.join(folder, name + ".pgm"))
        with open(paths[-1], "wb") as f:
            f.write(b"P5\n%d %d\n255\n" % (width, height) + plane)
    done = subprocess.run([tool] + paths, stdout=subprocess.PIPE, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {n: [r["ahash"], r["dhash"], r["phash"]] for n, r in zip(names, rows)}


def main():
    if sys.argv[1] == "--write":
        with open(GOLDEN, "w") as f:
            json.dump(imagehash_hashes(), f, indent=0)
            f.write("\n")
        return 0
    with open(GOLDEN) as f:
        golden = json.load(f)
    bad = 0
    for source, hashes in (("the tool", tool_hashes(*sys.argv[1:])), ("imagehash", imagehash_hashes())):
        for name in golden if hashes else ():
            if hashes[name] != golden[name]:
                print(f"{name}: {source} says {hashes[name]}, the golden file {golden[name]}")
                bad += 1
        print(f"{source}: {len(hashes or ())} pictures compared")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
