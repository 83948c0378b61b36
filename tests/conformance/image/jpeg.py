"""The gray pixels of many JPEGs against Pillow's convert("L").

jpeg.py TOOL LIST FOLDER: TOOL is tool_gray, LIST names files, FOLDER is for planes. What Pillow
cannot read must be refused, and the other way round: only files with missing data may be."""

import json
import os
import subprocess
import sys

from PIL import Image

AT_ONCE = 20


def pillow_plane(path):
    try:
        with Image.open(path) as image:
            return image.convert("L").tobytes() if image.format == "JPEG" else b""
    except (OSError, SyntaxError):
        return None


def check(path, result, plane):
    expected = pillow_plane(path)
    if expected == b"":
        return None
    if result["reason"]:
        lost = result["reason"] in ("image.truncated", "image.broken")
        return None if expected is None or lost else result["reason"] + " " + result["message"]
    if expected is None:
        return "Pillow cannot read it"
    return None if plane == expected else "the plane is not Pillow's"


def main():
    tool, listing, folder = sys.argv[1:]
    with open(listing, encoding="utf-8") as file:
        paths = file.read().splitlines()
    n_bad = n_refused = 0
    for start in range(0, len(paths), AT_ONCE):
        some = paths[start:start + AT_ONCE]
        done = subprocess.run([tool, "-s", "mode=exact", "-s", "max_pixels=1000000000", "-o", folder,
                               *some], stdout=subprocess.PIPE, check=True)
        for i, (path, line) in enumerate(zip(some, done.stdout.splitlines())):
            result, plane = json.loads(line), None
            n_refused += bool(result["reason"])
            if not result["reason"]:
                with open(os.path.join(folder, f"{i}.plane"), "rb") as file:
                    plane = file.read()
            wrong = check(path, result, plane)
            if wrong:
                print(f"{path}: {wrong}")
                n_bad += 1
    print(f"{len(paths)} files, {n_refused} refused, {n_bad} wrong")
    return n_bad > 0


sys.exit(main())
