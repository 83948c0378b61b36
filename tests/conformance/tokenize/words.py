"""Compares WordPiece, WordLevel and Unigram with stored digests, or with the reference.

    words.py digests FILE | reference | write FILE

Vocabularies: small ones by chance, written out here; with "reference" also BERT's from the fixtures
and a Unigram model that the reference trains on the corpus, on words and on whole documents.
"""
import json
import os
import subprocess
import sys

from compare import fixtures, read_documents, reference
from steps_cases import Random, digest, frame, texts, unframe

ALPHABET = list("abcd") + ["é", "中", "▁"]


def run(model, options, tokens, pieces):
    """Frames of ids."""
    tool = os.path.join(os.environ.get("GM_BUILD", "build"), "tests/lib/tool_words")
    lines = "\n".join(f"{name} {value}" for name, value in options.items())
    data = frame(lines.encode())
    data += frame(b"".join(frame(f"{score!r} {token}".encode()) for token, score in tokens))
    data += b"".join(frame(piece.encode()) for piece in pieces)
    done = subprocess.run([tool, model], input=data, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(f"tool_words {model}: exit {done.returncode} {done.stdout[:200]}")
    return unframe(done.stdout)


def random_unigram(seed):
    """Scores with many equal sums, or with none; some models have bytes, one of them not all."""
    random, tokens = Random(seed), [("<unk>", 0.0)]
    for _ in range(20):
        text = "".join(random.pick(ALPHABET) for _ in range(1 + random.below(4)))
        tokens.append((text, float(-random.below(6)) if seed % 2 else random.below(10000) / -997.0))
    if seed % 3 == 0:
        tokens.append(("xy", -1000.0))
    if seed % 5 == 0:
        tokens = [(text, score + 1000.0) for text, score in tokens] + [("xz", 1000.0)]
    if seed % 4 == 3:
        tokens += [(f"<0x{byte:02X}>", -5.0) for byte in range(250 if seed == 7 else 256)]
    return tokens


def small_models():
    """(name, model, options, tokens, pieces)"""
    for seed in range(16):
        options = {"unk": 0, "flags": 4 if seed % 4 == 3 else 0}
        pieces = texts(seed, 2000, ALPHABET + ["x", "y", "z", "<unk>", "<0x41>"])
        yield f"unigram {seed}", "Unigram", options, random_unigram(seed), pieces
    plain = ["[UNK]", "a", "b", "ab", "c", "é", "中", "abc", "bc", "bca", "中c"]
    marked = plain + ["##" + token for token in plain[2:]] + ["##d", "##abcd", "#", "##"]
    pieces = texts(1, 2000, list("abcd#") + ["é", "中"], 12)
    for name, prefix, tokens in (("plain", "", plain), ("marked", "##", marked)):
        for longest in (100, 4):
            options = {"unk": 0, "max_chars": longest, "prefix": prefix}
            yield (f"wordpiece {name} {longest}", "WordPiece", options,
                   [(token, 0.0) for token in tokens], pieces)
    yield "wordlevel", "WordLevel", {"unk": 0}, [(token, 0.0) for token in marked], pieces


def bert_vocabulary():
    """The package marks what begins a word; the model what does not."""
    with open(os.path.join(fixtures(), "bert/vocab.json"), encoding="utf-8") as file:
        tokens = json.load(file)
    result, seen = [], set()
    for number, token in enumerate(tokens):
        if token.startswith("▁"):
            token = token[1:]
        elif not token.startswith("["):
            token = "##" + token
        if token in seen or not token:
            token = f"[double{number}]"
        seen.add(token)
        result.append(token)
    return result


def documents(n_bytes):
    path = os.path.join(fixtures(), "corpus/mixed.docs")
    return [text.decode() for text in read_documents(path, n_bytes)]


def large_models(library):
    if not os.path.exists(os.path.join(fixtures(), "corpus/mixed.docs")):
        print("skipped: the models with the corpus, which is not in the fixtures")
        return
    texts_ = documents(3_000_000)
    words = [word for text in texts_ for word, _ in
             library.pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text.lower())]
    if os.path.exists(os.path.join(fixtures(), "bert/vocab.json")):
        tokens = bert_vocabulary()
        yield ("BERT", "WordPiece", {"unk": tokens.index("[UNK]"), "max_chars": 100, "prefix": "##"},
               [(token, 0.0) for token in tokens], words)
    metaspace = library.pre_tokenizers.Metaspace()
    tokenizer = library.Tokenizer(library.models.Unigram())
    tokenizer.pre_tokenizer = metaspace
    tokenizer.train_from_iterator(texts_[:200], library.trainers.UnigramTrainer(
        vocab_size=6000, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [(token, score) for token, score in model["vocab"]]
    options = {"unk": model["unk_id"]}
    pieces = [word for text in texts_[200:500] for word, _ in metaspace.pre_tokenize_str(text)]
    yield "trained, words", "Unigram", options, tokens, pieces
    yield ("trained, documents", "Unigram", options, tokens,
           [text.replace(" ", "▁") for text in texts_[500:600]])


def made(library, model, options, tokens):
    vocabulary = {token: number for number, (token, _) in enumerate(tokens)}
    unk = tokens[options["unk"]][0]
    if model == "Unigram":
        return library.models.Unigram(tokens, options["unk"], options.get("flags", 0) == 4)
    if model == "WordLevel":
        return library.models.WordLevel(vocabulary, unk_token=unk)
    return library.models.WordPiece(vocabulary, unk_token=unk,
                                    max_input_chars_per_word=options["max_chars"],
                                    continuing_subword_prefix=options["prefix"])


def check_reference():
    library = reference()
    n_pieces = n_bad = 0
    for name, model, options, tokens, pieces in [*small_models(), *large_models(library)]:
        their = made(library, model, options, tokens)
        for piece, ids in zip(pieces, run(model, options, tokens, pieces)):
            want = b"".join(token.id.to_bytes(4, "little")
                            for token in (their.tokenize(piece) if piece else []))
            n_pieces += 1
            if ids != want:
                n_bad += 1
                if n_bad <= 20:
                    print(f"{name}: {ascii(piece[:200])}: {ids.hex()} instead of {want.hex()}")
    print(f"{n_pieces} pieces, {n_bad} differ")
    return n_bad == 0


def main():
    mode = sys.argv[1]
    if mode == "reference":
        return check_reference()
    lines = [f"{name}\t{digest(run(model, options, tokens, pieces))}\n"
             for name, model, options, tokens, pieces in small_models()]
    if mode == "write":
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            file.writelines(lines)
        return True
    with open(sys.argv[2], encoding="utf-8") as file:
        stored = file.readlines()
    for line in sorted(set(lines) ^ set(stored)):
        print("differs:", line.split("\t")[0])
    print(f"{len(lines)} models")
    return lines == stored


sys.exit(0 if main() else 1)
