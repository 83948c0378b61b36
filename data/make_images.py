"""Makes the sample pictures of data/images: one of each format and kind that the image stages
treat differently, drawn here, so that they are free of any licence but the project's.

    python3 data/make_images.py            (Debian's python3-pil; the files are kept in the tree)
"""

import math
import os
import random
import struct

from PIL import Image, ImageDraw

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")


def hills(width, height, seed):
    """A landscape: sky, sun, three ranges of hills, grain."""
    rnd = random.Random(seed)
    im = Image.new("RGB", (width, height))
    px = im.load()
    ranges = [(rnd.uniform(0.3, 0.5), rnd.uniform(4, 9), rnd.uniform(0, 6)) for _ in range(3)]
    for y in range(height):
        for x in range(width):
            color = [90 + 110 * y // height, 140 + 70 * y // height, 235 - 40 * y // height]
            for i, (base, waves, phase) in enumerate(ranges):
                edge = base + 0.15 * i + 0.06 * math.sin(waves * x / width + phase)
                if y / height > edge:
                    color = [70 - 15 * i, 130 - 25 * i, 60 - 10 * i]
            grain = rnd.randrange(-6, 7)
            px[x, y] = tuple(max(0, min(255, c + grain)) for c in color)
    ImageDraw.Draw(im).ellipse((width * 0.7, height * 0.08, width * 0.82, height * 0.08 + width * 0.12),
                               fill=(255, 236, 150))
    return im


def chart(width, height):
    """A drawing with few colors."""
    im = Image.new("RGB", (width, height), (250, 250, 245))
    draw = ImageDraw.Draw(im)
    for i, color in enumerate([(200, 40, 40), (40, 120, 200), (60, 160, 60), (230, 170, 30)]):
        left = width * (1 + 2 * i) // 9
        draw.rectangle((left, height - 10 - (i * 37 + 23) % (height - 20), left + width // 9, height - 10), fill=color)
    draw.line((5, height - 9, width - 5, height - 9), fill=(20, 20, 20), width=2)
    return im


def spinner(step):
    im = Image.new("P", (32, 32), 0)
    im.putpalette([255, 255, 255, 30, 30, 120, 200, 60, 60] + [0] * 759)
    draw = ImageDraw.Draw(im)
    draw.ellipse((3, 3, 28, 28), fill=1)
    draw.pieslice((3, 3, 28, 28), step * 90, step * 90 + 90, fill=2)
    return im


def save(name, im, **options):
    im.save(os.path.join(HERE, name), **options)


def save_tga(name, im, **options):
    """Without the footer of version 2: every byte that is left counts."""
    save(name, im, **options)
    path = os.path.join(HERE, name)
    os.truncate(path, os.path.getsize(path) - 26)


def pack_bits(row):
    out, at = b"", 0
    while at < len(row):
        n = 1
        while at + n < len(row) and n < 128 and row[at + n] == row[at]:
            n += 1
        out += bytes([257 - n if n > 1 else 0, row[at]])
        at += n
    return out


def save_psd(name, im, color, palette=b"", packed=False):
    """Photoshop's format, which Pillow reads only. color: Photoshop's number of the color mode."""
    width, height = im.size
    planes = [bytes(255 - v for v in band.tobytes()) if color == 4 else band.tobytes() for band in im.split()]
    rows = [plane[y * width:(y + 1) * width] for plane in planes for y in range(height)]
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(b"8BPS" + struct.pack(">H6xHIIHH", 1, len(planes), height, width, 8, color))
        f.write(struct.pack(">I", len(palette)) + palette + bytes(8))
        f.write(struct.pack(">H", packed))
        if packed:
            rows = [pack_bits(row) for row in rows]
            f.write(b"".join(struct.pack(">H", len(row)) for row in rows))
        f.write(b"".join(rows))


def main():
    os.makedirs(os.path.join(HERE, "small"), exist_ok=True)
    save("hills.jpg", hills(320, 200, 1), quality=80)
    save("hills-progressive.jpg", hills(240, 160, 2), quality=80, progressive=True)
    save("hills.png", hills(96, 64, 3))
    save("hills.webp", hills(240, 160, 4), quality=70)
    save("chart.png", chart(160, 120).quantize(8))
    save("chart.bmp", chart(80, 60).quantize(8))
    save("spinner.gif", spinner(0), save_all=True, append_images=[spinner(i) for i in (1, 2, 3)],
         duration=120, loop=0)
    with open(os.path.join(HERE, "hills.jpg"), "rb") as f:
        data = f.read()
    with open(os.path.join(HERE, "truncated.jpg"), "wb") as f:
        f.write(data[:len(data) // 2])

    tiny = hills(24, 16, 5)
    alpha = tiny.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(tiny.size))
    save("small/rgb.jpg", tiny, quality=60)
    save("small/gray.jpg", tiny.convert("L"), quality=60)
    save("small/cmyk.jpg", tiny.convert("CMYK"), quality=60)
    save("small/progressive.jpg", tiny, quality=60, progressive=True)
    save("small/rgb.png", tiny)
    save("small/alpha.png", alpha)
    save("small/palette.png", tiny.quantize(16))
    save("small/bits.png", tiny.convert("1"))
    save("small/palette.gif", tiny.quantize(16))
    save("small/interlaced.gif", tiny.convert("L"), interlace=1)
    save("small/rgb.bmp", tiny)
    save("small/palette.bmp", tiny.quantize(16))
    save("small/lossy.webp", tiny, quality=60)
    save("small/lossless.webp", alpha, lossless=True)
    save("small/animated.webp", tiny, save_all=True, append_images=[hills(24, 16, 6)], quality=50)
    save("small/rgb.ppm", tiny)
    save("small/bits.pbm", tiny.convert("1"))
    save("small/rgb.tif", tiny)
    save("small/lzw.tif", tiny, compression="tiff_lzw")
    save("small/palette.tif", tiny.quantize(16), compression="tiff_adobe_deflate")
    save("small/fax.tif", tiny.convert("1"), compression="group4")
    save("small/jpeg.tif", tiny, compression="jpeg")
    save_tga("small/rgb.tga", tiny)
    save_tga("small/packed.tga", hills(24, 16, 7).quantize(5).convert("RGB"), rle=True)
    save_tga("small/palette.tga", tiny.quantize(16), rle=True)
    save_tga("small/alpha.tga", alpha.convert("LA"), orientation=-1)
    flat = hills(24, 16, 7).quantize(5)
    save_psd("small/rgb.psd", tiny, 3)
    save_psd("small/packed.psd", flat.convert("RGBA"), 3, packed=True)
    save_psd("small/cmyk.psd", flat.convert("CMYK"), 4, packed=True)
    colors = (flat.getpalette() + [0] * 768)[:768]
    save_psd("small/palette.psd", flat, 2, bytes(colors[0::3] + colors[1::3] + colors[2::3]))


main()
