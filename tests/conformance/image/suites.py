"""Gray planes over the test suites of other programs and over photographs, against what Pillow 9.4 made
of the same files.

suites.py TOOL IMAGES             compares the tool with suites.txt
suites.py --write TOOL IMAGES    writes suites.txt anew, with the Pillow that is here

suites.txt has a line for each file: the beginning of the SHA-256 of Pillow's convert("L") (with the
options sixteen_bit: clip and mode: exact there is no difference by design), or the reason for which
the file is refused. With a '!' it is the tool's own plane: of files that Pillow reads wrongly or not
at all. docs/images.md says which and why."""

import hashlib
import json
import os
import subprocess
import sys
import warnings

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "suites.txt")
SUITES = ("gdk-pixbuf-source", "giflib-source", "libjpeg-turbo-source", "libspng-source",
          "libwebp-source", "pillow-source", "tiff-source", "golang-1.19-src",
          "golang-golang-x-image-dev", "python3-skimage")
PHOTOS = ("gnome-backgrounds", "libjxl-testdata", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04",
          "mate-backgrounds", "opencv-doc", "ukui-wallpapers")
ENDINGS = (".png", ".gif", ".bmp", ".dib", ".webp", ".pbm", ".pgm", ".ppm", ".pnm", ".tif", ".tiff",
           ".jpg", ".jpeg", ".apng", ".tga", ".psd")
PHOTO_ENDINGS = (".jpg", ".jpeg", ".webp")  # of opencv-doc's PNGs most are diagrams
DIGITS = 16
AT_ONCE = 100


def files_of(images):
    for suite in SUITES + PHOTOS:
        endings = ENDINGS if suite in SUITES else PHOTO_ENDINGS
        found = []
        for folder, _, names in os.walk(os.path.join(images, suite)):
            found += [os.path.join(folder, n) for n in names if n.lower().endswith(endings)]
        yield from sorted(os.path.relpath(f, images) for f in found)


def tool_results(tool, images, files):
    """File to what suites.txt says of it, without '!'."""
    results = {}
    for start in range(0, len(files), AT_ONCE):
        some = files[start:start + AT_ONCE]
        done = subprocess.run([tool, "-s", "mode=exact", "-s", "sixteen_bit=clip", "-s", "hashes=false"]
                              + [os.path.join(images, f) for f in some],
                              stdout=subprocess.PIPE, check=True)
        for name, line in zip(some, done.stdout.splitlines(), strict=True):
            row = json.loads(line)
            results[name] = row["reason"] or row["gray_sha256"][:DIGITS]
    return results


def pillow_digest(path):
    from PIL import Image
    Image.MAX_IMAGE_PIXELS = 178956970 // 2
    warnings.simplefilter("ignore")
    try:
        with Image.open(path) as im:
            return hashlib.sha256(im.convert("L").tobytes()).hexdigest()[:DIGITS]
    except Exception:  # whatever a broken file makes of a decoder
        return None


def write(tool, images):
    files = list(files_of(images))
    with open(GOLDEN, "w") as out:
        for name, result in tool_results(tool, images, files).items():
            pillow = pillow_digest(os.path.join(images, name))
            own = "." not in result and result != pillow
            out.write(f"{'!' if own else ''}{result} {name}\n")
            if result != pillow and (own or pillow):
                print(f"{name}: {result}, Pillow {'reads it' if pillow else 'does not'}")
    return 0


def check(tool, images):
    with open(GOLDEN) as f:
        golden = dict(reversed(line.rstrip("\n").split(" ", 1)) for line in f)
    here = [name for name in golden if os.path.exists(os.path.join(images, name))]
    bad = 0
    for name, result in tool_results(tool, images, here).items():
        if result != golden[name].lstrip("!"):
            print(f"{name}: {result} instead of {golden[name]}")
            bad += 1
    refused = sum("." in golden[name] for name in here)
    print(f"{len(here)} of {len(golden)} files, {refused} of them to be refused, {bad} wrong")
    return 77 if len(here) < len(golden) // 2 and not bad else bad > 0


if __name__ == "__main__":
    sys.exit(write(*sys.argv[2:]) if sys.argv[1] == "--write" else check(*sys.argv[1:3]))
