"""The inputs of the benchmark, made once and kept in its temporary folder: small files, a large
JSON Lines corpus, pictures. Everything follows from fixed seeds.

The text comes from a model of our own: a vocabulary of real function words and of made-up words
built from syllables, drawn with Zipf's frequencies, in sentences of 4 to 30 words."""

import itertools
import json
import os
import pathlib
import random

FUNCTION_WORDS = """the of and to in a is that for it as was with be by on not he his but at are this
have from or had an they which one you were her all she there would their we him been has when who
will more no if out so said what up its about into than them can only other new some could time
these two may then do first any my now such like our over man me even most made after also did many
before must through back years where much your way well down should because each just those people
how too little good very make world still own see men work long get here between both life being
under never day same another know while last might us great old year off come since against go came
right used take three""".split()
ONSETS = "b c d f g h l m n p r s t v w b c d f l m n p r s t tr gr pl sh ch th".split()
VOWELS = "a e i o u a e i o u ea ou".split()
CODAS = ["", "", "", "", "n", "r", "s", "t", "l", "d", "nd", "st"]
N_VOCABULARY = 20000
N_SENTENCES = 40000


def made_up_word(rnd):
    n_syllables = rnd.choices([1, 2, 3, 4], [4, 8, 3, 1])[0]
    return "".join(rnd.choice(ONSETS) + rnd.choice(VOWELS) + rnd.choice(CODAS)
                   for _ in range(n_syllables))


def vocabulary(rnd):
    words = dict.fromkeys(FUNCTION_WORDS)
    while len(words) < N_VOCABULARY:
        words[made_up_word(rnd)] = None
    return list(words)


def sentence_of(rnd, words):
    text = " ".join(words)
    if len(words) > 9:
        text = text.replace(" ", ", ", 1) if rnd.random() < 0.3 else text
    if rnd.random() < 0.05:
        text += f" in {rnd.randrange(1200, 2030)}"
    return text[0].upper() + text[1:] + rnd.choice("......?!")


def sentences():
    rnd = random.Random(20)
    words = vocabulary(rnd)
    weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(words))))
    pool = []
    for _ in range(N_SENTENCES):
        n_words = min(30, max(4, int(rnd.gauss(15, 6))))
        pool.append(sentence_of(rnd, rnd.choices(words, cum_weights=weights, k=n_words)))
    return pool


def document(rnd, pool, n_bytes):
    """Paragraphs of about n_bytes in all."""
    parts, size = [], 0
    while size < n_bytes:
        one = rnd.choice(pool)
        parts.append(one)
        size += len(one) + 1
        parts.append("\n\n" if rnd.random() < 0.12 else " ")
    return "".join(parts).strip() + "\n"


def once(path, make):
    """Makes path (a file or folder) unless an earlier run has finished making it."""
    path = pathlib.Path(path)
    if not path.exists():
        part = path.with_name(path.name + ".part")
        remove(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(part)
        os.rename(part, path)
    return path


def remove(path):
    path = pathlib.Path(path)
    if path.is_dir():
        for child in path.iterdir():
            remove(child)
        path.rmdir()
    elif path.exists() or path.is_symlink():
        path.unlink()


def small_files(folder, n_files=20000):
    """n_files texts of 4 to 20 KB, 100 a folder."""

    def make(part):
        rnd, pool = random.Random(21), sentences()
        for number in range(n_files):
            place = part / f"{number // 100:03d}"
            place.mkdir(parents=True, exist_ok=True)
            text = document(rnd, pool, rnd.randrange(4000, 20000))
            (place / f"{number:05d}.txt").write_text(text, "ascii")

    return once(folder / f"files-{n_files}", make)


def corpus(folder, n_bytes=200_000_000):
    """JSON Lines, documents of about 2 KB (exponential around it, 200 bytes at least)."""

    def make(part):
        rnd, pool, size, number = random.Random(22), sentences(), 0, 0
        with open(part, "w", encoding="ascii") as file:
            while size < n_bytes:
                text = document(rnd, pool, 200 + rnd.expovariate(1 / 1800))
                line = json.dumps({"id": f"doc-{number:07d}", "text": text, "lang": "en"}) + "\n"
                file.write(line)
                size += len(line)
                number += 1

    return once(folder / f"corpus-{n_bytes}.jsonl", make)


def picture(rnd, width, height):
    """Something like a photograph: smooth shapes, edges, grain. Needs Pillow."""
    from PIL import Image, ImageDraw, ImageFilter

    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        draw.line((0, y, width, y), fill=(90 + 120 * y // height, 130 + 60 * y // height, 220 - 90 * y // height))
    for _ in range(40):
        x, y, size = rnd.randrange(width), rnd.randrange(height), rnd.randrange(20, width // 3)
        color = tuple(rnd.randrange(256) for _ in range(3))
        shape = draw.ellipse if rnd.random() < 0.5 else draw.rectangle
        shape((x, y, x + size, y + size * 2 // 3), fill=color)
    image = image.filter(ImageFilter.GaussianBlur(1.5))
    grain = Image.frombytes("L", (width, height), rnd.randbytes(width * height)).point(lambda v: v // 12)
    return Image.merge("RGB", [Image.blend(band, grain, 0.12) for band in image.split()])


def pictures(folder, n_jpeg=240, n_png=30):
    """JPEG (quality 90) and PNG, 1024x768, from 24 different drawings."""

    def make(part):
        rnd = random.Random(23)
        drawings = [picture(rnd, 1024, 768) for _ in range(24)]
        part.mkdir(parents=True)
        for number in range(n_jpeg + n_png):
            image = drawings[number % 24].rotate(180 * (number // 24 % 2))
            image.putpixel((0, 0), (number % 256, 0, 0))
            if number < n_jpeg:
                image.save(part / f"{number:04d}.jpg", quality=90)
            else:
                image.save(part / f"{number:04d}.png", compress_level=6)

    return once(folder / f"pictures-{n_jpeg}-{n_png}", make)
