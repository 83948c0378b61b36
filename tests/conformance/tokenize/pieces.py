"""pieces.py BUILD BYTES: every real vocabulary on long pieces of one kind, against its reference, and on
documents of the corpus and longer pieces with caches of several sizes, against each other."""

import os
import random
import sys

from compare import Tool, fixtures, read_documents, reference, reference_ids, show_difference, skip
from vocabularies import read_ranks

CACHES = ("0", "65536")
NAMES = ("cl100k_base", "o200k_base", "r50k_base", "llama3", "qwen3", "llama2", "gemma3")


def long_pieces(n_bytes):
    """Texts that pre-tokenizers hardly cut, or that need long tokens."""
    draw = random.Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz"
    kinds = {
        "a": lambda: "a",
        "space": lambda: " ",
        "newline": lambda: "\n",
        "equals": lambda: "=",
        "letters": lambda: draw.choice(letters),
        "syllables": lambda: draw.choice(("ab", "an", "the", "ing", "ll")),
        "base64": lambda: draw.choice(letters + letters.upper() + "+/"),
        "han": lambda: chr(draw.randrange(0x4E00, 0x9FA0)),
        "common han": lambda: draw.choice("的一是不了在人有我他这中大来上国"),
        "kana": lambda: chr(draw.randrange(0x3041, 0x3097)),
        "hangul": lambda: chr(draw.randrange(0xAC00, 0xD7A4)),
        "cyrillic": lambda: chr(draw.randrange(0x430, 0x450)),
        "thai": lambda: chr(draw.randrange(0xE01, 0xE2F)),
        "emoji": lambda: "\U0001F468\u200D\U0001F469\u200D" + chr(draw.randrange(0x1F600, 0x1F64F)),
        "mixed": lambda: draw.choice("aé中😀=") * draw.randrange(1, 40),
    }
    texts = {}
    for name, take in kinds.items():
        text = ""
        while len(text.encode()) < n_bytes:
            text += take()
        texts[name] = text.encode()
    return texts


def model_of(name, path, tokenizers):
    """A function from text to ids; None: the reference is not there."""
    if not path.endswith(".tiktoken"):
        model = tokenizers.Tokenizer.from_file(path)
        return lambda text: reference_ids(model, text, add_special_tokens=False)
    try:
        import tiktoken
        import tiktoken_ext.openai_public as public
    except ImportError:
        return None
    public.load_tiktoken_bpe = lambda *args, **more: read_ranks(path)
    public.data_gym_to_mergeable_bpe_ranks = public.load_tiktoken_bpe
    model = tiktoken.Encoding(**public.ENCODING_CONSTRUCTORS[name]())
    return lambda text: model.encode_ordinary(text.decode())


def check_references(name, tool, model, n_bytes):
    n_bad = 0
    for kind, text in long_pieces(n_bytes).items():
        (mine,) = tool.encode([text])
        theirs = model(text)
        if theirs is not None and mine != theirs:
            show_difference(f"{name}: {kind}", text, mine, theirs)
            n_bad += 1
    return n_bad


def check_caches(name, tool, texts):
    twice = tool.encode(texts + texts)
    usual, n_bad = twice[: len(texts)], 0
    for cache in CACHES:
        if tool.encode(texts, "-c", cache) != usual:
            print(f"{name}: other ids with a cache of {cache} bytes")
            n_bad += 1
    if twice[len(texts):] != usual:
        print(f"{name}: other ids with a warm cache")
        n_bad += 1
    return n_bad


def main():
    build, n_bytes = sys.argv[1], int(sys.argv[2])
    tokenizers = reference()
    corpus = os.path.join(fixtures(), "corpus/mixed.docs")
    texts = read_documents(corpus, n_bytes, 20) if os.path.exists(corpus) else []
    texts += long_pieces(100_000).values()
    n_bad = n_seen = 0
    for name in NAMES:
        path = os.path.join(fixtures(), f"tiktoken/{name}.tiktoken" if name.endswith("_base")
                            else f"tokenizers/{name}.json")
        if not os.path.exists(path) or os.path.getsize(path) == 0:
            print(f"skipped: {path} is missing (make fixtures)")
            continue
        n_seen += 1
        tool = Tool(build, path, *(["-o"] if name.endswith("_base") else []))
        model = model_of(name, path, tokenizers)
        n_bad += check_references(name, tool, model, 6000) if model else 0
        n_bad += check_caches(name, tool, texts)
        print(f"{name}: {n_bad} differences so far")
    if n_seen == 0:
        skip("no vocabulary is there (make fixtures)")
    return n_bad > 0


if __name__ == "__main__":
    sys.exit(main())
