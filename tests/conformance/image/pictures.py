"""Makes pictures of every kind that the image stages decode, by Pillow where it can write them and
by the small writers below where it cannot (interlaced and low-depth PNG, 16-bit and run-length BMP,
GIF frames off the corner). Seeded: the same files every time."""

import random
import struct
import zlib

from PIL import Image, ImageDraw


def photo(mode, size, seed):
    """A smooth picture with edges and noise, so that every code path of a codec has work."""
    rnd = random.Random(seed)
    width, height = size
    im = Image.new("RGB", size)
    px = im.load()
    for y in range(height):
        for x in range(width):
            n = rnd.randrange(24)
            px[x, y] = ((x * 5 + n) % 256, (y * 7 + x + n) % 256, (x * y // 3 + 2 * n) % 256)
    draw = ImageDraw.Draw(im)
    for _ in range(4):
        xs = sorted(rnd.randrange(width + 1) for _ in range(2))
        ys = sorted(rnd.randrange(height + 1) for _ in range(2))
        color = tuple(rnd.randrange(256) for _ in range(3))
        draw.rectangle((xs[0], ys[0], xs[1], ys[1]), fill=color)
    if mode in ("RGBA", "LA"):
        im = im.convert("RGBA")
        alpha = bytes(rnd.randrange(256) for _ in range(width * height))
        im.putalpha(Image.frombytes("L", size, alpha))
    if mode == "P":
        return im.quantize(min(256, max(2, width * height // 2)))
    return im.convert(mode)


# ---- PNG ----

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
          (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(tag, data):
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))


def pack_row(samples, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    bits, n, out = 0, 0, bytearray()
    for s in samples:
        bits, n = bits << depth | s, n + depth
        if n == 8:
            out.append(bits)
            bits, n = 0, 0
    if n:
        out.append(bits << (8 - n))
    return bytes(out)


def filter_row(kind, row, above, step):
    out = bytearray()
    for i, v in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        c = above[i - step] if i >= step else 0
        p = a + b - c
        paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        out.append((v - (0, a, b, (a + b) // 2, paeth)[kind]) & 255)
    return bytes([kind]) + bytes(out)


def png(size, color, depth, interlaced, seed, extra=b""):
    """Returns the file and the samples, row by row. extra: packed behind the last row, which readers
    ignore."""
    rnd = random.Random(seed)
    width, height = size
    channels = PNG_CHANNELS[color]
    rows = [[rnd.randrange(1 << depth) for _ in range(width * channels)] for _ in range(height)]
    step = max(1, channels * depth // 8)
    data = bytearray()
    for x0, y0, dx, dy in PASSES if interlaced else ((0, 0, 1, 1),):
        above = None
        for y in range(y0, height, dy):
            columns = range(x0, width, dx)
            samples = [rows[y][x * channels + k] for x in columns for k in range(channels)]
            if not samples:
                continue
            row = pack_row(samples, depth)
            data += filter_row(rnd.randrange(5), row, above or bytes(len(row)), step)
            above = row
    out = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
    if color == 3:
        out += chunk(b"PLTE", bytes(rnd.randrange(256) for _ in range(3 << depth)))
        out += chunk(b"tRNS", bytes([0, 128]))
    packed = zlib.compress(bytes(data) + extra)
    cut = len(packed) // 2
    out += chunk(b"tEXt", b"Comment\0made by hand")
    out += chunk(b"IDAT", packed[:cut]) + chunk(b"IDAT", packed[cut:]) + chunk(b"IEND", b"")
    return out, rows


# ---- BMP ----


def bmp(size, bits, pixels, compression=0, palette=b"", masks=(), top_down=False, header=40):
    width, height = size
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", 40 if header == 40 else header, width,
                           -height if top_down else height, 1, bits, compression, len(pixels),
                           2835, 2835, len(palette) // 4, 0)
        fields = b"".join(struct.pack("<I", m) for m in masks)
        info += fields if header == 40 else fields.ljust(header - 40, b"\0")
    offset = 14 + len(info) + len(palette)
    head = b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    return head + info + palette + pixels


def bmp_rows(size, bits, seed):
    rnd = random.Random(seed)
    width, height = size
    stride = (width * bits + 31) // 32 * 4
    out = b""
    for _ in range(height):
        if bits <= 8:
            row = pack_row([rnd.randrange(1 << bits) for _ in range(width)], bits)
        else:
            row = bytes(rnd.randrange(256) for _ in range(width * bits // 8))
        out += row.ljust(stride, b"\0")
    return out


def rle(size, bits, seed):
    """Runs, literals and ends of line that give every pixel."""
    rnd = random.Random(seed)
    out = bytearray()
    for _ in range(size[1]):
        left = size[0]
        while left:
            n = min(left, rnd.randrange(1, 12))
            if n >= 4 and n % 4 == 0 and rnd.random() < 0.5:
                body = pack_row([rnd.randrange(1 << bits) for _ in range(n)], bits)
                out += bytes([0, n]) + body + bytes(len(body) & 1)
            else:
                out += bytes([n, pack_row([rnd.randrange(1 << bits) for _ in range(8 // bits)], bits)[0]])
            left -= n
        out += b"\0\0"
    return bytes(out) + b"\0\1"


# ---- GIF ----


def gif_codes(pixels, width):
    """LZW without compression: a clear code often enough that codes never grow."""
    bits, n, out = 0, 0, bytearray()
    codes = []
    for i, p in enumerate(pixels):
        if i % ((1 << width) - 2) == 0:
            codes.append(1 << width)
        codes.append(p)
    for code in codes + [(1 << width) + 1]:
        bits |= code << n
        n += width + 1
        while n >= 8:
            out.append(bits & 255)
            bits >>= 8
            n -= 8
    out.append(bits & 255)
    parts = [bytes(out[i:i + 255]) for i in range(0, len(out), 255)]
    return bytes([width]) + b"".join(bytes([len(p)]) + p for p in parts) + b"\0"


def gif(screen, frame, seed, transparent=None, local=False, background=0):
    rnd = random.Random(seed)
    x, y, width, height = frame
    palette = bytes(rnd.randrange(256) for _ in range(3 * 16))
    pixels = [rnd.randrange(16) for _ in range(width * height)]
    out = b"GIF89a" + struct.pack("<HHBBB", screen[0], screen[1], 0x80 | 3, background, 0)
    out += bytes(rnd.randrange(256) for _ in range(48)) if local else palette
    out += b"!\xfe\x05hello\0"
    if transparent is not None:
        out += b"!\xf9\x04" + bytes([1, 10, 0, transparent]) + b"\0"
    out += b"," + struct.pack("<HHHHB", x, y, width, height, 0x80 | 3 if local else 0)
    return out + (palette if local else b"") + gif_codes(pixels, 4) + b";"


# ---- TIFF ----


def tiff(size, photometric, depth, big_endian, tiled, seed):
    """Uncompressed, in strips of three rows or tiles of 16 x 16. Returns the file and the high bytes
    of the samples."""
    rnd = random.Random(seed)
    order = ">" if big_endian else "<"
    width, height = size
    channels = {2: 3, 5: 4}.get(photometric, 1)
    rows = [[rnd.randrange(1 << depth) for _ in range(width * channels)] for _ in range(height)]

    def pack(samples):
        if depth == 16:
            return b"".join(struct.pack(order + "H", s) for s in samples)
        return pack_row(samples, depth)

    chunks = []
    if tiled:
        for y in range(0, height, 16):
            for x in range(0, width, 16):
                part = [(row[x * channels:(x + 16) * channels]) for row in rows[y:y + 16]]
                part = [p + [0] * (16 * channels - len(p)) for p in part]
                part += [[0] * (16 * channels)] * (16 - len(part))
                chunks.append(b"".join(pack(p) for p in part))
    else:
        chunks = [b"".join(pack(row) for row in rows[y:y + 3]) for y in range(0, height, 3)]
    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [depth] * channels), (259, 3, [1]),
            (262, 3, [photometric]), (277, 3, [channels])]
    if photometric == 3:
        tags.append((320, 3, [rnd.randrange(65536) for _ in range(3 << depth)]))
    sizes = [len(c) for c in chunks]
    starts = [8 + sum(sizes[:i]) for i in range(len(chunks))]
    if tiled:
        tags += [(322, 3, [16]), (323, 3, [16]), (324, 4, starts), (325, 4, sizes)]
    else:
        tags += [(273, 4, starts), (278, 3, [3]), (279, 4, sizes)]
    at = 8 + sum(sizes)
    at += at & 1
    ifd, values = b"", b""
    for tag, kind, numbers in sorted(tags):
        packed = b"".join(struct.pack(order + {3: "H", 4: "L"}[kind], n) for n in numbers)
        if len(packed) > 4:
            offset = at + 6 + 12 * len(tags) + len(values)
            values += packed
            packed = struct.pack(order + "L", offset)
        ifd += struct.pack(order + "HHL", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(order + "L", at)
    body = b"".join(chunks).ljust(at - 8, b"\0")
    out = head + body + struct.pack(order + "H", len(tags)) + ifd + bytes(4) + values
    return out, bytes(v >> 8 for row in rows for v in row)


# ---- TGA ----


def tga_packets(pixels, width, crossing, rnd):
    """Run-length packets of random kinds and lengths, which stay in their row unless they may be
    crossing: "literals" or "all"."""
    out, at = b"", 0
    while at < len(pixels):
        is_run = rnd.random() < 0.5
        room = width - at % width
        if crossing == "all" or (crossing == "literals" and not is_run):
            room = len(pixels) - at
        count = min(room, rnd.choice((1, 2, 3, 9, 128)))
        if is_run:
            same = 1
            while same < count and pixels[at + same] == pixels[at]:
                same += 1
            count = same
        out += bytes([count - 1 | (128 if is_run else 0)])
        out += pixels[at] if is_run else b"".join(pixels[at:at + count])
        at += count
    return out


def tga(size, kind, bits, packed, corner, seed, map_bits=0, first=0, crossing=None, extra=0):
    """kind: 1 color map, 2 color, 3 gray. corner: bits 4 and 5 of the descriptor. Returns the file
    and its parts: the color map's entries and the pixels, both in the file's order."""
    rnd = random.Random(seed)
    width, height = size
    n_colors = 7 if map_bits else 0
    entries = [rnd.randbytes((map_bits + 7) // 8) for _ in range(n_colors + extra)]
    if bits == 1:
        pixels = [rnd.randbytes((width + 7) // 8) for _ in range(height)]
    elif kind == 1:
        pixels = [bytes([first + rnd.randrange(n_colors)]) for _ in range(width * height)]
    else:
        pixels = [rnd.randbytes((bits + 7) // 8) for _ in range(width * height)]
    for i in range(1, len(pixels) if packed else 0):
        if rnd.random() < 0.7:
            pixels[i] = pixels[i - 1]
    alpha_bits = {(2, 16): 1, (2, 32): 8, (3, 16): 8}.get((kind, bits), 0)
    note = b"made by hand"
    out = struct.pack("<BBBHHBHHHHBB", len(note), kind == 1, kind | (8 if packed else 0),
                      first if map_bits else 0, len(entries), map_bits, 3, 4, width, height, bits,
                      corner << 4 | alpha_bits)
    body = tga_packets(pixels, width, crossing, rnd) if packed else b"".join(pixels)
    tail = bytes(8) + b"TRUEVISION-XFILE.\0"
    return out + note + b"".join(entries) + body + tail, entries, pixels


# ---- PSD ----

PSD_CHANNELS = {1: 1, 2: 1, 3: 3, 4: 4, 8: 1}


def pack_bits(row, rnd):
    """PackBits codes of random lengths, some of them doing nothing."""
    out, at = b"", 0
    while at < len(row):
        count = min(len(row) - at, rnd.choice((1, 2, 3, 9, 128)))
        same = 1
        while same < count and row[at + same] == row[at]:
            same += 1
        if same > 1:
            out += bytes([257 - same, row[at]])
            at += same
        else:
            out += bytes([count - 1]) + row[at:at + count]
            at += count
        if rnd.random() < 0.1:
            out += b"\x80"
    return out


def psd_resource(number, data, name=b""):
    name = bytes([len(name)]) + name
    return (b"8BIM" + struct.pack(">H", number) + name + bytes(len(name) & 1)
            + struct.pack(">I", len(data)) + data + bytes(len(data) & 1))


def psd_layers(n_layers):
    """The section of layers and masks: layers of one pixel, L, raw."""
    if not n_layers:
        return b""
    record = struct.pack(">IIIIHHI", 0, 0, 1, 1, 1, 0, 3) + b"8BIMnorm\xff\0\0\0" + struct.pack(
        ">I", 12) + bytes(8) + b"\3one"
    info = struct.pack(">h", n_layers) + record * n_layers + b"\0\0\x80" * n_layers
    info += bytes(len(info) & 1)
    return struct.pack(">I", len(info)) + info + bytes(4)


def psd(size, color, channels, packed, seed, resources=b"", n_layers=0, palette=None):
    """8 bits a channel. The channels are smooth in parts, so that runs occur."""
    rnd = random.Random(seed)
    width, height = size
    rows = []
    for _ in range(channels * height):
        row = bytearray(rnd.randbytes(width))
        for x in range(1, width):
            if rnd.random() < 0.6:
                row[x] = row[x - 1]
        rows.append(bytes(row))
    if palette is None:
        palette = rnd.randbytes(768) if color == 2 else b"curves" if color == 8 else b""
    out = b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, 8, color)
    for section in (palette, resources, psd_layers(n_layers)):
        out += struct.pack(">I", len(section)) + section
    if not packed:
        return out + b"\0\0" + b"".join(rows)
    codes = [pack_bits(row, rnd) for row in rows]
    return out + b"\0\1" + struct.pack(f">{len(codes)}H", *map(len, codes)) + b"".join(codes)
