#!/usr/bin/env python3
"""Makes the derived samples from the texts beside it: other encodings, JSON Lines, archives.

The ten texts in text/ that are plain UTF-8 were written by hand and are the input; everything that
this script writes follows from them and from the sentences below, so that the same bytes come out
each time (with the same zlib). Needs nothing but Python's standard library.

    python3 data/make_samples.py        writes text/, jsonl/ and archives/ in place
"""

import gzip
import io
import json
import pathlib
import struct
import tarfile
import unicodedata
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
MTIME = 1_700_000_000  # one fixed time in every container

SUBJECTS = [
    "The miller", "A carter from the next valley", "The apprentice", "Nobody", "The old pump",
    "The girl with the ledger", "Every second sack", "The lower stone", "A heron", "The inspector",
    "The baker", "The wheel", "My uncle", "The ferryman", "The new sieve",
]
VERBS = [
    "counted", "did not notice", "wrote down", "carried away", "waited for", "weighed",
    "had been repaired with", "talked about", "was older than", "never trusted", "asked for",
    "could hear",
]
OBJECTS = [
    "the rye", "forty sacks of barley", "the water behind the sluice", "a letter without a date",
    "the bucket of stones", "the last frost", "seven loaves", "an oak gear with 48 teeth",
    "the bridge", "half a cartload of oats", "the sound of the gap", "the wet flour",
]
ENDINGS = [
    "before the sun was up", "as if it were Sunday", "and said so", "for 3 days", "without a word",
    "until the river fell to 1.20 m", "and put it in the book", "twice", "that winter",
    "because the scale was wrong", "although it rained",
]
OPENERS = [
    "It was quiet. ", "In the year 1871 things were different: ", "Listen! ", "", "",
    "According to page 12, ", "\"Never mind,\" they said. ", "",
]


class Dice:
    """A small linear congruential generator: the same on every machine and version."""

    def __init__(self, seed):
        self.state = seed

    def pick(self, choices):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return choices[(self.state >> 33) % len(choices)]


def sentence(dice):
    parts = [dice.pick(SUBJECTS), dice.pick(VERBS), dice.pick(OBJECTS), dice.pick(ENDINGS)]
    return " ".join(parts) + dice.pick([".", ".", ".", "!", "?", ";"])


def paragraph(dice):
    n_sentences = dice.pick([2, 3, 4, 5, 6, 7])
    return dice.pick(OPENERS) + " ".join(sentence(dice) for _ in range(n_sentences))


def record(dice, number, prefix):
    n_paragraphs = dice.pick([1, 1, 2, 3])
    return {
        "id": f"{prefix}-{number:04d}",
        "text": "\n\n".join(paragraph(dice) for _ in range(n_paragraphs)),
        "lang": "en",
        "year": 1850 + dice.pick(range(60)),
        "tags": sorted({dice.pick(["mill", "river", "bread", "trade"]) for _ in range(2)}),
    }


def json_line(value):
    return json.dumps(value, ensure_ascii=False) + "\n"


def hand_written():
    names = [
        "mill-en", "river-en", "muehle-de", "moulin-fr", "mylos-el", "melnitsa-ru", "tahuna-ar",
        "chakki-hi", "mofang-zh", "suisha-ja",
    ]
    return {name: (HERE / "text" / f"{name}.txt").read_text("utf-8") for name in names}


def make_texts(texts):
    folder = HERE / "text"
    german = texts["muehle-de"].replace("»", '"').replace("«", '"')
    english = texts["river-en"]
    (folder / "moulin-fr-nfd.txt").write_text(unicodedata.normalize("NFD", texts["moulin-fr"]), "utf-8")
    (folder / "muehle-de-latin1.txt").write_bytes(german.encode("latin-1"))
    (folder / "mofang-zh-utf16.txt").write_bytes(b"\xff\xfe" + texts["mofang-zh"].encode("utf-16-le"))
    (folder / "river-en-crlf.txt").write_bytes(
        b"\xef\xbb\xbf" + english.replace("\n", "\r\n").encode("utf-8"))
    # A lone continuation byte, an overlong slash, half a character, a surrogate.
    broken = english.encode("utf-8")
    for at, junk in ((900, b"\xed\xa0\x80"), (600, b"\xe2\x82"), (300, b"\xc0\xaf"), (100, b"\x80")):
        broken = broken[:at] + junk + broken[at:]
    (folder / "invalid-utf8.txt").write_bytes(broken)
    (folder / "empty.txt").write_bytes(b"")


def make_jsonl(texts):
    folder = HERE / "jsonl"
    folder.mkdir(exist_ok=True)
    dice = Dice(1)
    lines = [json_line(record(dice, number, "note")) for number in range(80)]
    for number, name in enumerate(sorted(texts)):
        row = {"id": f"world-{number:04d}", "text": texts[name], "lang": name.rsplit("-", 1)[1]}
        lines.insert(8 * number + 4, json_line(row))
    lines.insert(20, '{"id": "note-cut", "text": "this line stops in the mid\n')
    lines.insert(55, json_line({"id": "note-bare", "title": "a record without a text"}))
    lines.insert(70, json_line({"id": "note-\u00e9scape", "text": "tab\there, quote \", bell \u0007, \U0001f33e"}))
    (folder / "notes.jsonl").write_text("".join(lines), "utf-8")

    dice = Dice(2)
    tales = "".join(json_line(record(dice, number, "tale")) for number in range(60))
    (folder / "tales.jsonl.gz").write_bytes(gzip.compress(tales.encode("utf-8"), 9, mtime=MTIME))


def png(width, height, pixel):
    """RGB, 8 bits, no interlace; pixel(x, y) -> (r, g, b)."""
    rows = b"".join(
        b"\0" + bytes(c for x in range(width) for c in pixel(x, y)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) +
            chunk(b"IEND", b""))


def bmp(width, height, pixel):
    """24 bits, bottom row first."""
    pad = b"\0" * (-3 * width % 4)
    rows = b"".join(
        bytes(c for x in range(width) for c in reversed(pixel(x, y))) + pad
        for y in reversed(range(height)))
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54) + info + rows


def wheel(x, y):
    dx, dy = x - 48, y - 32
    distance = (dx * dx + dy * dy) // 64
    spoke = (abs(dx) < 3 or abs(dy) < 3 or abs(dx - dy) < 4 or abs(dx + dy) < 4) and distance < 12
    return (96, 58, 20) if spoke or distance == 12 else (120 + y, 170 + x // 3, 230)


def ramp(x, y):
    return (4 * x % 256, 4 * y % 256, 2 * (x + y) % 256)


def grain(x, y):
    value = (x * 7919 + y * 104729 + x * y * 31) % 251
    return (value, (value * 3) % 256, 255 - value)


def members(texts):
    """Name and bytes of what the archives hold, in order."""
    dice = Dice(3)
    lines = "".join(json_line(record(dice, number, "sack")) for number in range(12))
    return [
        ("README.txt", b"Text, JSON Lines and pictures in one archive, some of them in folders.\n"),
        ("texts/mill.txt", texts["mill-en"].encode("utf-8")),
        ("texts/\u6c34\u8eca.txt", texts["suisha-ja"].encode("utf-8")),
        ("records/sacks.jsonl", lines.encode("utf-8")),
        ("pictures/wheel.png", png(96, 64, wheel)),
        ("pictures/ramp.bmp", bmp(64, 64, ramp)),
        ("pictures/grain.png", png(120, 90, grain)),
        ("texts/empty.txt", b""),
        ("texts/moulin.txt", texts["moulin-fr"].encode("utf-8")),
    ]


def make_tar(rows):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in rows:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), MTIME, 0o644
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), 9, mtime=MTIME)


def make_zip(rows):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in rows:
            info = zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    return raw.getvalue()


def make_archives(texts):
    folder = HERE / "archives"
    folder.mkdir(exist_ok=True)
    rows = members(texts)
    whole = make_tar(rows)
    (folder / "mixed.tar.gz").write_bytes(whole)
    (folder / "mixed.zip").write_bytes(make_zip(rows[1:7]))
    (folder / "cut.tar.gz").write_bytes(whole[: len(whole) * 6 // 10])


def main():
    texts = hand_written()
    make_texts(texts)
    make_jsonl(texts)
    make_archives(texts)


if __name__ == "__main__":
    main()
