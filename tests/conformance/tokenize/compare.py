"""What the scripts here share: our tokenizer as a filter (tool_tokenize), the reference library, and
the comparison of the two."""

import contextlib
import os
import struct
import subprocess
import sys

FAILED = 0xFFFFFFFF


def fixtures():
    return os.environ.get("GM_FIXTURES") or os.path.expanduser("~/.cache/gristmill/fixtures")


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def reference():
    """The reference library; the test is skipped if this Python does not have it."""
    os.environ["RUST_BACKTRACE"] = "0"
    try:
        import tokenizers
    except ImportError:
        skip("this Python lacks the package tokenizers (GM_PYTHON names another one)")
    return tokenizers


def read_documents(path, max_bytes, every=1):
    """Each every-th document of a .docs file, up to max_bytes in all."""
    documents, n_bytes = [], 0
    with open(path, "rb") as file:
        number = 0
        while n_bytes < max_bytes and (head := file.read(4)):
            (n,) = struct.unpack("<I", head)
            text = file.read(n)
            if number % every == 0:
                documents.append(text)
                n_bytes += n
            number += 1
    return documents


class Tool:
    def __init__(self, build, tokenizer, *options):
        self.program = os.path.join(build, "tests/lib/tool_tokenize")
        self.tokenizer = tokenizer
        self.options = list(options)

    def _run(self, mode, data, options=()):
        done = subprocess.run(
            [self.program, *self.options, *options, mode, self.tokenizer],
            input=data,
            capture_output=True,
        )
        if done.returncode != 0:
            raise ValueError(done.stderr.decode(errors="replace").strip() or done.returncode)
        return done.stdout

    def encode(self, texts, *options):
        """A list of ids for each text (bytes); None where encoding failed."""
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        return self._items(self._run("encode", data, options), len(texts), 4, self._ids)

    def decode(self, lists, *options):
        data = b"".join(struct.pack("<I%dI" % len(ids), len(ids), *ids) for ids in lists)
        return self._items(self._run("decode", data, options), len(lists), 1, bytes)

    @staticmethod
    def _ids(raw):
        return list(struct.unpack("<%dI" % (len(raw) // 4), raw))

    @staticmethod
    def _items(raw, n_items, item_bytes, convert):
        items, at = [], 0
        for _ in range(n_items):
            (n,) = struct.unpack_from("<I", raw, at)
            at += 4
            if n == FAILED:
                items.append(None)
                continue
            items.append(convert(raw[at : at + n * item_bytes]))
            at += n * item_bytes
        assert at == len(raw), "more output than texts"
        return items


def show_difference(name, text, ours, theirs):
    place = next(
        (i for i, (a, b) in enumerate(zip(ours or [], theirs)) if a != b),
        min(len(ours or []), len(theirs)),
    )
    low = max(0, place - 4)
    print(f"{name}: {text[:200]!r}")
    print(f"   from token {low}: ours   {ours[low:place + 6] if ours is not None else None}")
    print(f"   from token {low}: theirs {theirs[low:place + 6]}")


@contextlib.contextmanager
def quiet():
    """Without the messages of the reference when it panics."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def reference_ids(model, text, **more):
    """Ids of a text (bytes); None where the reference fails: a panic is no Exception."""
    try:
        with quiet():
            return model.encode(text.decode(), **more).ids
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def compare_encode(name, tool, model, texts, limit=5):
    """Number of texts whose ids differ; those at which the reference fails do not count."""
    ours = tool.encode(texts)
    n_bad = 0
    for text, mine in zip(texts, ours):
        theirs = reference_ids(model, text, add_special_tokens=False)
        if theirs is not None and mine != theirs:
            n_bad += 1
            if n_bad <= limit:
                show_difference(name, text, mine, theirs)
    return n_bad
