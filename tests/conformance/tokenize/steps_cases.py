"""Random texts and the tool for the tests of normalizers, pre-tokenizers and expressions.

Texts are strings over representatives of the classes that rules tell apart. The generator is written
out here, so that texts, and with them the stored digests, are the same everywhere.
"""
import hashlib
import os
import struct
import subprocess

REPRESENTATIVES = (
    list("abcdstrevlmSTDLMREVzZ09 17") + ["'", "'", "'", " ", " ", "\n", "\r", "\t", "\v", "\f"] +
    list(".,!?-_/()[]{}\"#$%&*+:;<=>@\\^`|~") +
    ["é", "É", "ß", "ſ", "K", "ǅ", "ʰ", "ª", "Ж", "ж", "Σ", "ς", "İ",  # letters
     "́", "̀", "़", "ं", "ः", "⃝", "ཱི", "҈",          # marks
     "٣", "९", "Ⅷ", "²", "½", "①", "〇", "𝟘",                                      # numbers
     "中", "一", "龥", "𠀀", "々", "ひ", "カ", "ー", "한", "ᄀ", "ᅡ", "ᆨ",  # east Asia
     "α", "א", "ש", "ع", "ไ", "ก", "अ", "க", "Ⴀ", "ა", "ᏸ",
     "\u0085", "\u00a0", "\u1680", "\u180e", "\u2003", "\u200b", "\u200c", "\u200d", "\u2028",
     "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff", "\ufffd", "\u00ad",
     "«", "»", "“", "”", "‘", "’", "¿", "§", "—", "、", "。", "「", "…", "·", "٪", "𐤟",
     "€", "+", "×", "ˆ", "©", "☃", "😀", "👩", "🏽", "❤", "️", "🇩", "🇪", "𝐀",
     "\x00", "\x01", "\x1b", "\x7f", "\u0378", "\ue000", "\U0010ffff", "▁", "Ġ"])


class Random:
    def __init__(self, seed):
        self.state = seed * 2654435761 + 12345

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & (2 ** 64 - 1)
        return (self.state >> 33) % n

    def pick(self, items):
        return items[self.below(len(items))]


def texts(seed, n, alphabet=REPRESENTATIVES, longest=60):
    """n strings; half of them use only a few characters, so that runs and repeats occur."""
    random = Random(seed)
    result = []
    for i in range(n):
        few = [random.pick(alphabet) for _ in range(2 + random.below(5))] if i % 2 else alphabet
        result.append("".join(random.pick(few) for _ in range(random.below(longest))))
    return result


def frame(data):
    return struct.pack("<I", len(data)) + data


def unframe(data):
    frames, at = [], 0
    while at < len(data):
        n, = struct.unpack_from("<I", data, at)
        frames.append(data[at + 4:at + 4 + n])
        at += 4 + n
    return frames


def step(kind, flags=0, value=0, a="", b=""):
    a = a if isinstance(a, bytes) else a.encode()
    return f"{kind} {flags} {value} {a.hex() or '-'} {b.encode().hex() or '-'}"


def run(lines, inputs):
    """The tool's answer to each input; a str: its error."""
    tool = os.path.join(os.environ.get("GM_BUILD", "build"), "tests/lib/tool_steps")
    data = frame("\n".join(lines).encode()) + b"".join(frame(t.encode()) for t in inputs)
    done = subprocess.run([tool], input=data, stdout=subprocess.PIPE, check=False)
    if done.returncode == 2:
        return done.stdout.decode().strip()
    if done.returncode != 0:
        raise SystemExit(f"tool_steps: exit {done.returncode}")
    return unframe(done.stdout)


def digest(answers):
    return hashlib.sha256(b"".join(frame(a) for a in answers)).hexdigest()[:32]
