"""Compares the options of the gray stage and the columns of features with Pillow, over the same
pictures as gray.py and some with metadata.

options.py TOOL FOLDER: TOOL is tool_gray, FOLDER is for the pictures."""

import functools
import hashlib
import io
import math
import os
import sys
import warnings

import gray
import pictures as pic
from PIL import Image, ImageCms, ImageOps

SIZES = [(1, 1), (7, 5), (33, 17), (100, 75)]
ADDERS = (gray.add_jpegs, gray.add_pngs, gray.add_bmps, gray.add_gifs, gray.add_webps,
          gray.add_pnms, gray.add_tiffs, functools.partial(gray.add_tgas, corners=(1,)), gray.add_psds)


def plain(im):
    return im.convert("L")


def over(background):
    def make(im):
        if im.mode in ("CMYK", "I", "I;16", "I;16B", "F") or im.mode == "1":
            return im.convert("L")
        rgba = im.convert("RGBA")
        ground = Image.new("RGB", im.size, (background,) * 3)
        ground.paste(rgba.convert("RGB"), mask=rgba.getchannel("A"))
        return ground.convert("L")
    return make


def upright(im):
    return plain(im) if im.format == "TIFF" else ImageOps.exif_transpose(im).convert("L")


def exact(im):
    return plain(im).resize((40, 31), Image.LANCZOS)


def larger(im):
    return plain(im).resize((129, 300), Image.LANCZOS)


def fit(box):
    def make(im):
        source = plain(im)
        probe = Image.new("1", source.size)
        probe.thumbnail(box, reducing_gap=None)
        return source.resize(probe.size, Image.LANCZOS)
    return make


PASSES = [
    (["sixteen_bit=clip"], plain),
    (["alpha=white", "sixteen_bit=clip"], over(255)),
    (["alpha=black", "sixteen_bit=clip"], over(0)),
    (["orientation=apply", "sixteen_bit=clip"], upright),
    (["resize=exact", "width=40", "height=31", "sixteen_bit=clip"], exact),
    (["resize=exact", "width=129", "height=300", "format=pgm", "sixteen_bit=clip"], larger),
    (["resize=fit", "width=20", "height=9", "format=png", "sixteen_bit=clip"], fit((20, 9))),
    (["resize=long_side", "long_side=13", "mode=exact", "sixteen_bit=clip"], fit((13, 13))),
]


def exif_of(orientation, date=None):
    exif = Image.Exif()
    exif[0x112] = orientation
    if date:
        exif.get_ifd(0x8769)[0x9003] = date
    return exif.tobytes()


def add_described(cases):
    """Pictures with EXIF, color profiles and frames."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    long_profile = profile + bytes(i * i & 255 for i in range(150000))
    im = pic.photo("RGB", (31, 20), 31)
    for orientation in range(1, 9):
        for ext, options in (("jpg", {}), ("png", {}), ("webp", {"lossless": True})):
            kind = {"jpg": "JPEG"}.get(ext, ext.upper())
            cases.save(f"exif{orientation}.{ext}", im, format=kind,
                       exif=exif_of(orientation, "2021:03:04 05:06:07"), **options)
    for i, date in enumerate(("0000:00:00 00:00:00", "    :  :     :  :  ", "2021:03:04")):
        cases.save(f"date{i}.jpg", im, format="JPEG", exif=exif_of(1, date))
    for i, icc in enumerate((profile, long_profile)):
        cases.save(f"icc{i}.jpg", im, format="JPEG", icc_profile=icc)
        cases.save(f"icc{i}.png", im, format="PNG", icc_profile=icc)
        cases.save(f"icc{i}.webp", im, format="WEBP", icc_profile=icc)
        cases.save(f"icc{i}.tif", im, format="TIFF", icc_profile=icc)
    frames = [pic.photo("P", (12, 9), s) for s in range(40, 45)]
    rgb = [f.convert("RGB") for f in frames]
    cases.save("frames.gif", frames[0], format="GIF", save_all=True, append_images=frames[1:])
    cases.save("frames.png", rgb[0], format="PNG", save_all=True, append_images=rgb[1:])
    cases.save("frames.webp", rgb[0], format="WEBP", save_all=True, append_images=rgb[1:])
    cases.save("pages.tif", rgb[0], format="TIFF", save_all=True, append_images=rgb[1:])


def laplacian_variance(plane, width, height):
    def mirrored(i, n):
        return min(max(-i if i < 0 else 2 * n - 2 - i if i >= n else i, 0), n - 1)
    values = []
    for y in range(height):
        up, down = mirrored(y - 1, height) * width, mirrored(y + 1, height) * width
        for x in range(width):
            left, right = mirrored(x - 1, width), mirrored(x + 1, width)
            values.append(plane[y * width + left] + plane[y * width + right] + plane[up + x] +
                          plane[down + x] - 4 * plane[y * width + x])
    mean = sum(values) / len(values)
    return sum((v - mean) ** 2 for v in values) / len(values)


def mode_of(im):
    if im.format == "GIF":
        return "P"
    return {"I;16B": "I;16", "I": "I;16", "YCbCr": "RGB"}.get(im.mode, im.mode)


def described(im, plane, data):
    """What the columns must say; checked for equality, numbers within 1e-9 of their size."""
    exif = im.getexif()
    date = exif.get_ifd(0x8769).get(0x9003)
    good_date = date and len(date) == 19 and date[0:4].isdigit() and date[0:4] != "0000"
    orientation = exif.get(0x112)
    icc = im.info.get("icc_profile")
    histogram = [plane.count(v) for v in range(256)]
    mean = sum(v * c for v, c in enumerate(histogram)) / len(plane)
    std = math.sqrt(sum(c * (v - mean) ** 2 for v, c in enumerate(histogram)) / len(plane))
    return {"bytes": len(data), "frames": max(1, getattr(im, "n_frames", 1)), "orientation": orientation,
            "exif_date": f"{date[:10].replace(':', '-')}T{date[11:]}" if good_date else None,
            "icc_sha256": hashlib.sha256(icc).hexdigest() if icc else None,
            "histogram": histogram, "rms_contrast": std / 255,
            "sharpness": laplacian_variance(plane, *plain(im).size), "mode": mode_of(im)}


def is_near(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-9 * max(1, abs(b))
    return a == b


def check_columns(path, result):
    with open(path, "rb") as f:
        data = f.read()
    im = Image.open(io.BytesIO(data))
    if im.format == "BMP" or "c4d16" in path:
        result["mode"] = im.mode  # Pillow's depends on the colors, or is RGBA for 16 bits
    for name, value in described(im, result["plane"], data).items():
        if not is_near(result[name], value):
            yield f"{name} is {result[name]}, not {value}"


def check_plane(path, result, make):
    if result["reason"]:
        return f"{result['reason']}: {result['message']}"
    wanted = make(Image.open(path))
    if wanted.size != (result["gray_width"], result["gray_height"]):
        return f"{result['gray_width']} x {result['gray_height']}, not {wanted.size}"
    if wanted.tobytes() != result["plane"]:
        differ = sum(a != b for a, b in zip(wanted.tobytes(), result["plane"]))
        return f"{differ} of {len(result['plane'])} values differ from Pillow's"
    back = Image.open(io.BytesIO(result["file"]))
    if back.size != wanted.size or back.mode != "L" or (
            result["gray_format"] != "jpeg" and back.tobytes() != result["plane"]):
        return "the gray file is another picture"
    return None


def main():
    warnings.simplefilter("ignore")
    tool, folder = sys.argv[1:]
    cases = gray.Cases(folder)
    for size in SIZES:
        for add in ADDERS:
            add(cases, size, "%dx%d" % size)
    add_described(cases)
    bad = 0
    for settings, make in PASSES:
        for (path, _), result in zip(cases.rows, gray.run(tool, folder, cases.rows, *settings)):
            wrong = check_plane(path, result, make)
            if wrong:
                print(f"{os.path.basename(path)} {' '.join(settings)}: {wrong}")
                bad += 1
    results = gray.run(tool, folder, cases.rows, "histogram=true", "sixteen_bit=clip")
    for (path, _), result in zip(cases.rows, results):
        for wrong in check_columns(path, result):
            print(f"{os.path.basename(path)}: {wrong}")
            bad += 1
    print(f"{len(cases.rows)} pictures, {len(PASSES)} sets of options, {bad} wrong")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
