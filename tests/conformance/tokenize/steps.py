"""Compares the steps of steps_list.py with stored digests, or with the reference.

    steps.py digests FILE          every row's output has the digest in FILE
    steps.py reference [NAME]      every output equals that of Hugging Face tokenizers
    steps.py write FILE            writes the digests (when the rows change; first run "reference")
"""
import sys

from compare import reference, skip
from steps_cases import digest, run, unframe
from steps_list import expressions, normalizers, pre_tokenizers


def alphabet():
    """ByteLevel's characters, by which the reference's pieces become bytes again."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {**{chr(b): b for b in plain}, **{chr(256 + i): b for i, b in enumerate(others)}}


def rows(every=31):
    yield from expressions()
    yield from pre_tokenizers()
    yield from normalizers(every)


def answers(name, steps, inputs):
    lines = [line for line, _ in steps]
    result = run(lines, inputs)
    if isinstance(result, str):
        raise SystemExit(f"{name}: {result}")
    return result


def pieces_of(library, steps, is_bytes):
    """A function from a text to the reference's pieces, as bytes."""
    made = [make(library.pre_tokenizers, library.normalizers, library.Regex) for _, make in steps]
    kind = library.pre_tokenizers if hasattr(made[0], "pre_tokenize_str") else library.normalizers
    whole = made[0] if len(made) == 1 else kind.Sequence(made)
    if kind is library.normalizers:
        return lambda text: whole.normalize_str(text).encode()
    table = alphabet() if is_bytes else None

    def pieces(text):
        return [bytes(table[c] for c in piece) if table else piece.encode()
                for piece, _ in whole.pre_tokenize_str(text)]
    return pieces


def check_reference(wanted):
    library = reference()
    if library.__version__ != "0.23.2":
        skip(f"tokenizers is {library.__version__}, the reference is 0.23.2")
    n_inputs = n_bad = 0
    for name, steps, inputs in rows(1):
        if wanted and wanted not in name:
            continue
        expected = pieces_of(library, steps, any(line.startswith("65 ") for line, _ in steps))
        for text, answer in zip(inputs, answers(name, steps, inputs)):
            want = expected(text)
            got = unframe(answer) if isinstance(want, list) else answer
            n_inputs += 1
            if got != want:
                n_bad += 1
                if n_bad <= 20:
                    print(f"{name}: {ascii(text)}\n  reference {want}\n  ours      {got}")
    print(f"{n_inputs} texts, {n_bad} differ")
    return n_bad == 0 and n_inputs > 0


def check_digests(path):
    with open(path, encoding="utf-8") as file:
        stored = dict(line.rstrip("\n").split("\t") for line in file)
    names, bad = set(), 0
    for name, steps, inputs in rows():
        names.add(name)
        if stored.get(name) != digest(answers(name, steps, inputs)):
            bad += 1
            print(f"{name}: its output is another one than the reference's was")
    for name in sorted(set(stored) - names):
        bad += 1
        print(f"{name}: there is no such row")
    print(f"{len(names)} rows, {bad} differ")
    return bad == 0


def main():
    mode, argument = sys.argv[1], (sys.argv + [""])[2]
    if mode == "digests":
        return check_digests(argument)
    if mode == "reference":
        return check_reference(argument)
    with open(argument, "w", encoding="utf-8") as file:
        for name, steps, inputs in rows():
            file.write(f"{name}\t{digest(answers(name, steps, inputs))}\n")
    return True


sys.exit(0 if main() else 1)
