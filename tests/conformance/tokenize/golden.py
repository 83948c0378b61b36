"""golden.py BUILD check|write: ids of the samples in data/ and of hard strings, as digests that the
references gave, so that a machine without them still tests every vocabulary that it has.

write asks the references (GM_PYTHON's tokenizers and tiktoken) and prints golden.digests."""

import glob
import hashlib
import json
import os
import random
import struct
import sys
import tempfile

import vocabularies
from compare import Tool, fixtures, reference

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "../../.."))
SAMPLE = "sample"  # the tokenizer in data/, which every machine has
ALPHABET = ["a", "b", "Z", "É", "ß", "ǅ", "ʰ", "ا", "中", "あ", "ア", "한", "é", "\u0301", "\u0903",
            "0", "7", "٣", "Ⅷ", "½", " ", "  ", "\t", "\v", "\u0085", "\u00a0", "\u3000", "\r", "\n",
            "'", "'s", "'LL", "ſ", "/", ".", "!", "…", "—", "€", "+", "\u200b", "\u200d", "\u00ad",
            "😀", "👩\u200d💻", "🏽", "\u1c89", "<|endoftext|>", "<s>", "▁", "\u212a", "\ufffd"]


def texts():
    found = []
    for path in sorted(glob.glob(os.path.join(ROOT, "data/text/*.txt"))):
        with open(path, "rb") as file:
            found.append(file.read().decode("utf-8", "replace").encode())
    chance = random.Random(16)
    for _ in range(2000):
        found.append("".join(chance.choices(ALPHABET, k=chance.randint(1, 60))).encode())
    return found


def sources():
    """name, file, options of the tool; what is not there is named with None."""
    yield SAMPLE, os.path.join(ROOT, "data/tokenizer/tokenizer.json"), []
    for name in vocabularies.NAMES:
        yield name, os.path.join(fixtures(), f"tokenizers/{name}.json"), []
    for name, file in vocabularies.RANKS.items():
        yield name, os.path.join(fixtures(), f"tiktoken/{file}_base.tiktoken"), ["-e", name, "-o"]
    for name, (source, make) in vocabularies.MADE.items():
        source = os.path.join(fixtures(), source)
        if not os.path.exists(source):
            yield name, source, []
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(make(source), file)
            file.flush()
            yield name, file.name, []


def digest_of(lists):
    total = hashlib.sha256()
    for ids in lists:
        total.update(struct.pack(f"<I{len(ids)}I", len(ids), *ids))
    return total.hexdigest()


def theirs(name, path, options):
    strings = [text.decode() for text in texts()]
    if options:
        model = vocabularies.tiktoken_model(name, path)
        return [model.encode_ordinary(text) for text in strings]
    model = reference().Tokenizer.from_file(path)
    return [e.ids for e in model.encode_batch_fast(strings, add_special_tokens=False)]


def write():
    for name, path, options in sources():
        print(name, digest_of(theirs(name, path, options)), flush=True)


def check(build):
    with open(os.path.join(HERE, "golden.digests"), encoding="ascii") as file:
        wanted = dict(line.split() for line in file)
    n_bad = 0
    for name, path, options in sources():
        if not os.path.exists(path):
            print(f"not compared: {name}: {path} is missing (make fixtures)")
            continue
        same = digest_of(Tool(build, path, *options).encode(texts())) == wanted[name]
        n_bad += not same
        print(f"{name}: {'ids as the reference gave them' if same else 'ids DIFFER from the reference'}")
    return n_bad > 0


if __name__ == "__main__":
    sys.exit(write() if sys.argv[2] == "write" else check(sys.argv[1]))
