"""Compares `truncated: partial` with Pillow's LOAD_TRUNCATED_IMAGES: JPEGs and PNGs of every kind,
cut at many places.

partial.py TOOL FOLDER: TOOL is tool_gray, FOLDER is for the pictures."""

import io
import os
import sys
import warnings

import gray
from PIL import Image, ImageFile

SIZES = [(7, 5), (33, 17), (100, 75)]
N_CUTS = 24


def cuts(n_bytes):
    """Evenly spread, and every byte of the end."""
    spread = {n_bytes * i // N_CUTS for i in range(1, N_CUTS)}
    return sorted(spread | set(range(max(1, n_bytes - 14), n_bytes + 1)))


def pillow(data):
    """The gray plane, or None."""
    try:
        return Image.open(io.BytesIO(data)).convert("L").tobytes()
    except (OSError, SyntaxError, ValueError):
        return None


def pillow_with_less(data):
    """Pillow refuses a PNG that ends in the checksum or the name of a chunk, but not a shorter one."""
    return next(filter(None, (pillow(data[:len(data) - n]) for n in range(12))), None)


def check(path, whole, result):
    with open(path, "rb") as f:
        data = f.read()
    wanted = pillow(data)
    is_known = len(data) >= 8  # by its signature
    if result["reason"] not in (None, "", "image.truncated") and (is_known or wanted):
        return f"{result['reason']}: {result['message']}"
    if result["reason"]:
        # Where there is not one row of it, Pillow shows a picture of one color.
        if wanted is None or len(set(wanted)) == 1:
            return None
        return f"Pillow reads it: {result['message']}"
    is_partial = result["route"] == "pixels.partial"
    if is_partial != (len(data) < len(whole)):
        return f"the route is {result['route']}"
    wanted = wanted or pillow_with_less(data)
    if wanted != result["plane"]:
        return "the values differ from Pillow's"
    back = Image.open(io.BytesIO(result["file"]))
    return None if back.mode == "L" and back.tobytes() else "the gray file is no picture"


def main():
    warnings.simplefilter("ignore")
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    tool, folder = sys.argv[1:]
    whole = gray.Cases(folder)
    for size in SIZES:
        for add in (gray.add_jpegs, gray.add_pngs):
            add(whole, size, "%dx%d" % size)
    part, wholes = gray.Cases(os.path.join(folder, "cut")), []
    os.mkdir(part.folder)
    for path, _ in whole.rows:
        with open(path, "rb") as f:
            data = f.read()
        for at in cuts(len(data)):
            part.add(f"{at}-{os.path.basename(path)}", data[:at])
            wholes.append(data)
    bad = n_partial = 0
    for first in range(0, len(part.rows), 1000):
        rows = part.rows[first:first + 1000]
        results = gray.run(tool, folder, rows, "mode=exact", "truncated=partial", "sixteen_bit=clip",
                           "hashes=false")
        for (path, _), data, result in zip(rows, wholes[first:first + 1000], results, strict=True):
            wrong = check(path, data, result)
            n_partial += result.get("route") == "pixels.partial"
            if wrong:
                print(f"{os.path.basename(path)}: {wrong}")
                bad += 1
    print(f"{len(part.rows)} cut pictures, {n_partial} of them converted, {bad} wrong")
    return bad > 0 or n_partial < len(part.rows) / 2


if __name__ == "__main__":
    sys.exit(main())
