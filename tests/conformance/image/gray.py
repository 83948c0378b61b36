"""Compares the gray stage with Pillow's convert("L"), byte for byte, over every kind of picture.

gray.py TOOL FOLDER: TOOL is tool_gray, FOLDER is for the pictures."""

import hashlib
import io
import json
import math
import os
import random
import subprocess
import sys

import pictures as pic
from PIL import Image

SIZES = [(1, 1), (7, 5), (16, 16), (33, 17), (100, 75), (257, 3), (3, 130)]
PNG_KINDS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


class Cases:
    """Files, and what their gray plane must be: None is whatever Pillow says, bytes are its size with
    these values, and an image stands for a file that Pillow does not read."""

    def __init__(self, folder):
        self.folder, self.rows = folder, []

    def add(self, name, data, expected=None):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        self.rows.append((path, expected))

    def save(self, name, im, **options):
        out = io.BytesIO()
        im.save(out, **options)
        self.add(name, out.getvalue())


def add_jpegs(cases, size, tag):
    for mode in ("L", "RGB", "CMYK"):
        im = pic.photo(mode, size, 1)
        for quality in (30, 75, 96):
            for progressive in (False, True):
                cases.save(f"{mode}-{quality}-{progressive}-{tag}.jpg", im, format="JPEG",
                           quality=quality, progressive=progressive)
    for subsampling in (0, 1, 2):
        cases.save(f"sub{subsampling}-{tag}.jpg", pic.photo("RGB", size, 2), format="JPEG",
                   subsampling=subsampling, optimize=True)


def add_pngs(cases, size, tag):
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        cases.save(f"{mode}-{tag}.png", pic.photo(mode, size, 3), format="PNG")
    for color, depths in PNG_KINDS.items():
        for depth in depths:
            # Interlaced files and ones with extra data take the slow route.
            for interlaced, extra in ((0, b""), (0, b"more"), (1, b"")):
                data, rows = pic.png(size, color, depth, interlaced, 4, extra)
                # Pillow clips 16-bit gray; ours is the high byte.
                high = bytes(v >> 8 for row in rows for v in row)
                cases.add(f"c{color}d{depth}i{interlaced}{len(extra)}-{tag}.png", data,
                          high if (color, depth) == (0, 16) else None)


def add_bmps(cases, size, tag):
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        cases.save(f"{mode}-{tag}.bmp", pic.photo(mode, size, 5), format="BMP")
    for top_down in (False, True):
        for bits in (1, 4, 8, 16, 24, 32):
            palette = bytes((i * 37 + 11) & 255 for i in range(4 << bits)) if bits <= 8 else b""
            cases.add(f"b{bits}-{top_down}-{tag}.bmp",
                      pic.bmp(size, bits, pic.bmp_rows(size, bits, 6), palette=palette,
                              top_down=top_down))
    masks = {"565": (16, (0xF800, 0x7E0, 0x1F)), "555": (16, (0x7C00, 0x3E0, 0x1F)),
             "xbgr": (32, (0xFF000000, 0xFF0000, 0xFF00)), "bgrx": (32, (0xFF0000, 0xFF00, 0xFF))}
    for name, (bits, mask) in masks.items():
        for header in (40, 108, 124):
            cases.add(f"{name}-{header}-{tag}.bmp", pic.bmp(
                size, bits, pic.bmp_rows(size, bits, 8), 3, masks=mask, header=header))
    palette = bytes((i * 29 + 5) & 255 for i in range(3 * 16))
    cases.add(f"os2-{tag}.bmp",
              pic.bmp(size, 4, pic.bmp_rows(size, 4, 9), palette=palette, header=12))
    for bits in (4, 8):
        palette = bytes((i * 53 + 3) & 255 for i in range(4 << bits))
        cases.add(f"rle{bits}-{tag}.bmp", pic.bmp(
            size, bits, pic.rle(size, bits, 10), 3 - bits // 4, palette=palette))


def add_gifs(cases, size, tag):
    for mode in ("1", "L", "P", "RGB"):
        for interlace in (0, 1):
            cases.save(f"{mode}-{interlace}-{tag}.gif", pic.photo(mode, size, 11), format="GIF",
                       interlace=interlace)
    frames = [pic.photo("P", size, s) for s in range(12, 15)]
    cases.save(f"animated-{tag}.gif", frames[0], format="GIF", save_all=True,
               append_images=frames[1:], duration=50, loop=0)
    for transparent in (None, 5):
        for local in (False, True):
            name = f"{transparent}-{local}-{tag}.gif"
            frame = (3, 2, size[0], size[1])
            inside = (size[0] + 5, size[1] + 9)
            cases.add("inside-" + name, pic.gif(inside, frame, 16, transparent, local, 3))
            cases.add("outside-" + name, pic.gif(size, frame, 17, transparent, local))


def add_webps(cases, size, tag):
    for mode in ("RGB", "RGBA"):
        im = pic.photo(mode, size, 18)
        cases.save(f"lossy-{mode}-{tag}.webp", im, format="WEBP", quality=60)
        cases.save(f"lossless-{mode}-{tag}.webp", im, format="WEBP", lossless=True)
        cases.save(f"exact-{mode}-{tag}.webp", im, format="WEBP", lossless=True, exact=True)
        frames = [pic.photo(mode, size, s) for s in (19, 20)]
        cases.save(f"animated-{mode}-{tag}.webp", frames[0], format="WEBP", save_all=True,
                   append_images=frames[1:], duration=80, quality=70)


def add_pnms(cases, size, tag):
    width, height = size
    rnd = random.Random(22)
    for mode in ("1", "L", "RGB"):
        cases.save(f"{mode}-{tag}.pnm", pic.photo(mode, size, 21), format="PPM")
    for kind, channels in ((2, 1), (3, 3)):
        for top in (1, 9, 255):
            values = [str(rnd.randrange(top + 1)) for _ in range(width * height * channels)]
            text = f"P{kind} # comment\n{width} {height}\n{top}\n" + " ".join(values) + "\n"
            cases.add(f"plain{kind}-{top}-{tag}.pnm", text.encode())
    bits = "".join(rnd.choice("01 \n") for _ in range(width * height)) + "0" * width * height
    cases.add(f"plain1-{tag}.pnm", f"P1\n{width} {height}\n{bits}".encode())
    for top in (1, 9, 100, 1000, 65535):
        step = 1 if top < 256 else 2
        values = [rnd.randrange(top + 1) for _ in range(3 * width * height)]
        body = b"".join(v.to_bytes(step, "big") for v in values)
        cases.add(f"raw6-{top}-{tag}.pnm", f"P6\n{width} {height}\n{top}\n".encode() + body)
        if top < 256:
            cases.add(f"raw5-{top}-{tag}.pnm",
                      f"P5\n{width} {height}\n{top}\n".encode() + body[:width * height])


def add_tiffs(cases, size, tag):
    codecs = {"1": ("raw", "group3", "group4", "packbits", "tiff_ccitt"),
              "L": ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "jpeg"),
              "LA": ("raw", "tiff_lzw"), "P": ("raw", "tiff_lzw"), "CMYK": ("raw", "tiff_deflate"),
              "RGB": ("raw", "tiff_lzw", "jpeg", "webp"), "RGBA": ("raw", "tiff_adobe_deflate")}
    for mode, names in codecs.items():
        for name in names:
            cases.save(f"{mode}-{name}-{tag}.tif", pic.photo(mode, size, 23), format="TIFF",
                       compression=name)
    for orientation in range(1, 9):
        cases.save(f"turned{orientation}-{tag}.tif", pic.photo("L", size, 24), format="TIFF",
                   tiffinfo={274: orientation})
    for big_endian in (False, True):
        for photometric, depths in ((0, (1, 2, 4, 8)), (1, (1, 2, 4, 8, 16)), (2, (8, 16)),
                                    (3, (1, 2, 4, 8)), (5, (8,))):
            for depth in depths:
                for tiled in (False, True):
                    data, high = pic.tiff(size, photometric, depth, big_endian, tiled, 25)
                    cases.add(f"tiff{photometric}-{depth}-{big_endian}-{tiled}-{tag}.tif", data,
                              high if (photometric, depth) == (1, 16) else None)


def add_tgas(cases, size, tag, corners=range(4)):
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        im = pic.photo(mode, size, 26)
        for corner in (1, -1):
            cases.save(f"{mode}-{corner}-{tag}.tga", im, format="TGA", orientation=corner)
            if mode != "1":
                cases.save(f"{mode}-rle{corner}-{tag}.tga", im, format="TGA", orientation=corner,
                           rle=True)
    for packed in (False, True):
        for corner in corners:
            for kind, bits, map_bits, first in ((1, 8, 16, 0), (1, 8, 24, 5), (2, 16, 0, 0),
                                                (2, 24, 0, 0), (2, 32, 0, 0), (3, 8, 0, 0),
                                                (3, 16, 0, 0), (3, 1, 0, 0)):
                if bits == 1 and packed:
                    continue
                for crossing in (None, "literals") if packed else (None,):
                    data = pic.tga(size, kind, bits, packed, corner, 27, map_bits, first, crossing)
                    cases.add(f"t{kind}-{bits}-{map_bits}-{packed}-{corner}-{crossing}-{tag}.tga",
                              data[0])


def luma(r, g, b):
    return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16


def fifteen(stored):
    value = int.from_bytes(stored, "little")
    return luma(*((value >> shift & 31) * 255 // 31 for shift in (10, 5, 0)))


def add_other_tgas(cases, size, tag):
    """What Pillow does not read, or not rightly: by the definition of the format."""
    for packed in (False, True):
        for kind, bits, map_bits, extra in ((1, 8, 15, 0), (1, 8, 32, 0), (1, 8, 24, 300),
                                            (2, 15, 0, 0), (3, 8, 0, 0)):
            data, entries, pixels = pic.tga(size, kind, bits, packed, 2, 28, map_bits, 0, "all",
                                            extra)
            if map_bits == 15:
                values = [fifteen(entries[p[0]]) for p in pixels]
            elif kind == 1:
                values = [luma(*entries[p[0]][2::-1]) for p in pixels]
            else:
                values = [fifteen(p) if bits == 15 else p[0] for p in pixels]
            cases.add(f"other{kind}-{bits}-{map_bits}-{extra}-{packed}-{tag}.tga", data,
                      Image.frombytes("L", size, bytes(values)))


def add_psds(cases, size, tag):
    for packed in (False, True):
        for color, needed in pic.PSD_CHANNELS.items():
            for more in (0, 1, 2):
                if not packed or more == 0 or (color, more) == (3, 1):
                    cases.add(f"psd{color}-{needed + more}-{packed}-{tag}.psd",
                              pic.psd(size, color, needed + more, packed, 29))
    for n_layers in (1, 3):
        notes = pic.psd_resource(1005, bytes(15), b"resolution") + pic.psd_resource(
            1057, b"\0\0\0\1\1" + bytes(12)) + pic.psd_resource(1039, b"no real profile")
        cases.add(f"layers{n_layers}-{tag}.psd", pic.psd(size, 3, 4, True, 30, notes, n_layers))


def add_other_psds(cases, size, tag):
    """Packed, with channels beyond those of the picture: Pillow looks for the rows in the wrong place.
    It must be what Pillow makes of the same channels unpacked."""
    for color, needed in pic.PSD_CHANNELS.items():
        for channels in (needed + 1, needed + 2):
            if (color, channels) == (3, 4):
                continue
            plain = Image.open(io.BytesIO(pic.psd(size, color, channels, False, 31)))
            cases.add(f"other{color}-{channels}-{tag}.psd",
                      pic.psd(size, color, channels, True, 31), plain.convert("L"))


def run(tool, folder, rows, *settings):
    out = os.path.join(folder, "out")
    os.makedirs(out, exist_ok=True)
    command = [tool, "-o", out] + [a for s in settings for a in ("-s", s)]
    done = subprocess.run(command + [path for path, _ in rows], stdout=subprocess.PIPE, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(rows)
    for i, result in enumerate(results):
        for suffix in ("plane", "file"):
            if not result["reason"]:
                with open(os.path.join(out, f"{i}.{suffix}"), "rb") as f:
                    result[suffix] = f.read()
    return results


def features_of(plane):
    n = len(plane)
    histogram = [plane.count(v) for v in range(256)]
    mean = sum(v * c for v, c in enumerate(histogram)) / n
    std = math.sqrt(sum(c * (v - mean)**2 for v, c in enumerate(histogram)) / n)
    entropy = -sum(c / n * math.log2(c / n) for c in histogram if c)
    return {"mean": mean, "std": std, "entropy": entropy, "min": min(plane), "max": max(plane)}


def check_file(result, pillow, plane):
    """The gray file: PNG with our pixels, JPEG with the bytes that Pillow writes."""
    back = Image.open(io.BytesIO(result["file"]))
    if back.mode != "L" or back.size != pillow.size:
        return "the gray file is not gray"
    if result["gray_format"] == "png":
        return None if back.tobytes() == plane else "the gray PNG holds other pixels"
    same = io.BytesIO()
    pillow.save(same, "JPEG", quality=75)
    return None if same.getvalue() == result["file"] else "the gray JPEG differs from Pillow's"


def check(path, expected, result):
    if result["reason"]:
        return f"{result['reason']}: {result['message']}"
    by_definition = isinstance(expected, Image.Image)
    pillow = expected if by_definition else Image.open(path).convert("L")
    plane = pillow.tobytes() if by_definition or not expected else expected
    if result["plane"] != plane:
        differ = sum(a != b for a, b in zip(result["plane"], plane))
        return f"{differ} of {len(plane)} gray values differ from Pillow's"
    if (result["width"], result["height"]) != pillow.size:
        return "wrong size"
    for name, value in features_of(plane).items():
        if abs(value - result[name]) > 1e-6:
            return f"{name} is {result[name]}, not {value}"
    with open(path, "rb") as f:
        if result["sha256"] != hashlib.sha256(f.read()).hexdigest():
            return "wrong sha256"
    if result["gray_sha256"] != hashlib.sha256(plane).hexdigest():
        return "wrong gray_sha256"
    return check_file(result, pillow, plane)


def check_luma(tool, folder, rows):
    """Mode luma is libjpeg's own gray output, which Pillow reaches through draft()."""
    rows = [r for r in rows if r[0].endswith(".jpg")]
    bad = 0
    for (path, _), result in zip(rows, run(tool, folder, rows, "mode=luma")):
        im = Image.open(path)
        im.draft("L", im.size)
        if result["plane"] != im.convert("L").tobytes():
            print(f"{path}: luma differs from libjpeg's gray output")
            bad += 1
    return bad


def luma_of(file):
    im = Image.open(file)
    im.draft("L", im.size)
    return im.convert("L").tobytes()


def check_lossless(tool, folder, rows):
    """The default for JPEG: the file decodes to the Y channel of the source, the plane stays exact;
    what has no such channel goes through pixels."""
    rows = [r for r in rows if r[0].endswith(".jpg")]
    bad = 0
    for (path, _), result in zip(rows, run(tool, folder, rows)):
        pillow = Image.open(path)
        wrong = None
        if result["route"] != ("pixels" if pillow.mode == "CMYK" else "jpeg.copy"):
            wrong = f"took the route {result['route']}"
        elif result["plane"] != pillow.convert("L").tobytes():
            wrong = "the plane is not Pillow's"
        elif pillow.mode != "CMYK" and luma_of(io.BytesIO(result["file"])) != luma_of(path):
            wrong = "the gray JPEG is not the source's luma"
        if wrong:
            print(f"{os.path.basename(path)}: {wrong}")
            bad += 1
    return bad


def main():
    tool, folder = sys.argv[1:]
    cases = Cases(folder)
    for size in SIZES:
        for add in (add_jpegs, add_pngs, add_bmps, add_gifs, add_webps, add_pnms,
                    add_tiffs, add_tgas, add_other_tgas, add_psds, add_other_psds):
            add(cases, size, "%dx%d" % size)
    bad = 0
    for (path, expected), result in zip(cases.rows, run(tool, folder, cases.rows, "mode=exact")):
        wrong = check(path, expected, result)
        if wrong:
            print(f"{os.path.basename(path)}: {wrong}")
            bad += 1
    bad += check_luma(tool, folder, cases.rows)
    bad += check_lossless(tool, folder, cases.rows)
    print(f"{len(cases.rows)} pictures, {bad} wrong")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
