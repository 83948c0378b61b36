"""files.py BUILD SEED TEXTS: made-up tokenizer files and texts against the reference."""

import json
import os
import random
import sys
import tempfile

from compare import Tool, compare_encode, quiet, reference, reference_ids

LETTERS = "abcdeABxyz019 .,!'<>[]/_-\n\t\u00e9\u00df\u017f\u2581\u6f22\u3042\u0301\u00a0\u3000\U0001f600"
FRAGMENTS = [" ", "  ", "ab", "bc", "<s>", "</s>", "[X]", "a ", " x", "\n\n", "word", "yes", "<", "'s",
             "\u2581", "\u2581\u2581", "\U0001f468\u200d\U0001f469", "e\u0301", "12", "A b", "\u00c9"]


def alphabet():
    """The letters of ByteLevel, by byte."""
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in own}
    others = [byte for byte in range(256) if byte not in letters]
    letters.update({byte: chr(0x100 + i) for i, byte in enumerate(others)})
    return [letters[byte] for byte in range(256)]


def random_text(rng, extra=()):
    parts = []
    for _ in range(rng.randrange(0, 30)):
        kind = rng.random()
        if kind < 0.45:
            parts.append(rng.choice(LETTERS))
        elif kind < 0.75 or not extra:
            parts.append(rng.choice(FRAGMENTS))
        else:
            parts.append(rng.choice(extra))
    return "".join(parts)


def make_bpe(rng, symbols, n_merges, joined=lambda left, right: left + right, **more):
    vocab = {symbol: i for i, symbol in enumerate(symbols)}
    names, merges = list(symbols), []
    while len(merges) < n_merges:
        left, right = rng.choice(names), rng.choice(names)
        text = joined(left, right)
        if [left, right] in merges or len(text) > 8:
            continue
        if text not in vocab:
            vocab[text] = len(vocab)
            names.append(text)
        merges.append([left, right])
    if rng.random() < 0.5:
        merges = [" ".join(pair) for pair in merges if " " not in "".join(pair)]
    return {"type": "BPE", "vocab": vocab, "merges": merges, **more}


def byte_bpe(rng, **more):
    """Merges among the letters that texts here have, so that they matter."""
    letters = alphabet()
    used = {byte for letter in LETTERS + "".join(FRAGMENTS) for byte in letter.encode()}
    symbols = [letters[byte] for byte in sorted(used)]
    model = make_bpe(rng, symbols, 150, **more)
    for letter in letters:
        model["vocab"].setdefault(letter, len(model["vocab"]))
    return model


def lacking_bpe(rng, **more):
    """Some bytes have no token: unknown, or nothing at all."""
    letters = alphabet()
    symbols = ["<unk>"] + [letters[byte] for byte in b"abcdexyz01 .,\n\xc3\xa9\xe2\x96"]
    return make_bpe(rng, symbols, 60, **more)


def char_bpe(rng, **more):
    symbols = ["<unk>"] + sorted(set("abcdeABxyz01 .,!\u2581\u00e9\u6f22"))
    return make_bpe(rng, symbols, 60, unk_token="<unk>", **more)


def fallback_bpe(rng, n_bytes=256, **more):
    symbols = ["<unk>"] + ["<0x%02X>" % byte for byte in range(n_bytes)] + list("abcdexyz\u2581.,")
    model = make_bpe(rng, symbols, 0, unk_token="<unk>", byte_fallback=True, **more)
    merged = make_bpe(rng, list("abcdexyz\u2581.,"), 60)
    for name in merged["vocab"]:
        model["vocab"].setdefault(name, len(model["vocab"]))
    model["merges"] = merged["merges"]
    return model


def affix_bpe(rng, prefix, suffix):
    base = list("abcdex01")
    symbols = ["<unk>"] + base + [prefix + c for c in base] + [c + suffix for c in base]
    symbols += [prefix + c + suffix for c in base]
    symbols = list(dict.fromkeys(symbols))
    vocab = {symbol: i for i, symbol in enumerate(symbols)}
    merges = []
    for left in base[:5]:
        for right in base[:5]:
            if rng.random() < 0.6:
                for tail in ("", suffix):
                    pair = [left, prefix + right + tail]
                    text = left + right + tail
                    vocab.setdefault(text, len(vocab))
                    if pair not in merges:
                        merges.append(pair)
    return {"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": "<unk>",
            "continuing_subword_prefix": prefix or None, "end_of_word_suffix": suffix or None}


def wordpiece(rng):
    names = ["[UNK]"] + list("abcdexyz019.,!") + ["##" + c for c in "abcdexyz01"]
    names += ["ab", "##bc", "abc", "##ab", "word", "##rd", "\u6f22"]
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 8, "vocab": {name: i for i, name in enumerate(names)}}


def wordlevel(rng):
    names = ["[UNK]", "a", "b", "ab", "word", "yes", ".", ",", "12", "<", "\u6f22", "abc"]
    return {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {n: i for i, n in enumerate(names)}}


def unigram(rng, byte_fallback=False):
    names = ["<unk>"] + (["<0x%02X>" % byte for byte in range(256)] if byte_fallback else [])
    names += list("abcdexyz.,\u2581\u00e9") + ["ab", "bc", "abc", "\u2581a", "\u2581ab", "de", "\u2581\u2581"]
    # Few distinct scores, so that ties happen.
    vocab = [[name, -float(rng.randrange(1, 9)) / 2] for name in names]
    return {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": byte_fallback}


def added(content, special=False, **flags):
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    token.update(flags)
    return {"id": 0, "content": content, "special": special, **token}


def random_added(rng, contents):
    names = ("single_word", "lstrip", "rstrip", "normalized")
    return [
        added(content, rng.random() < 0.5, **{name: rng.random() < 0.35 for name in names})
        for content in rng.sample(contents, min(len(contents), 5))
    ]


def tokenizer(model, **parts):
    file = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
            "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    file.update(parts, model=model)
    return file


def byte_level(**more):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True,
            **more}


def metaspace(scheme, split=True):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def split(pattern, behavior, invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(member, *steps):
    return {"type": "Sequence", member: list(steps)}


CONTENTS = ["<s>", "</s>", "<s", "<", "[X]", " x", "  ", "ab", "word", "a", "\u00e9", "\n\n", "Ab", "\u2581",
            "yes", "  \n", "'s", "\u6f22"]
PLAIN = [content for content in CONTENTS if content not in ("Ab", "\u00e9")]


def added_token_cases(rng):
    for i in range(24):
        yield (f"added tokens {i}", tokenizer(byte_bpe(rng), added_tokens=random_added(rng, CONTENTS),
               pre_tokenizer=byte_level(add_prefix_space=i % 2 == 0), decoder=byte_level()))
    for i in range(16):
        steps = [{"type": "Lowercase"}, {"type": "NFD"}, {"type": "Prepend", "prepend": "\u2581"},
                 replace(" ", "\u2581"), {"type": "Strip", "strip_left": i % 3 == 0, "strip_right": True}]
        normalizer = sequence("normalizers", *rng.sample(steps, 1 + i % 4))
        yield (f"normalized tokens {i}", tokenizer(char_bpe(rng, fuse_unk=i % 2 == 0),
               added_tokens=random_added(rng, PLAIN), normalizer=normalizer))


def model_cases(rng):
    for ignore in (False, True):
        yield (f"bytes, ignore_merges {ignore}", tokenizer(
            byte_bpe(rng, ignore_merges=ignore), pre_tokenizer=byte_level(), decoder=byte_level()))
        for unk in (None, "<unk>"):
            yield (f"lacking bytes, unk {unk}, fuse_unk {ignore}", tokenizer(
                lacking_bpe(rng, unk_token=unk, fuse_unk=ignore), pre_tokenizer=byte_level(),
                decoder=byte_level()))
        yield (f"characters, fuse_unk {ignore}", tokenizer(char_bpe(rng, fuse_unk=ignore)))
        yield (f"fallback, fuse_unk {ignore}", tokenizer(
            fallback_bpe(rng, fuse_unk=ignore),
            normalizer=sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"},
                                replace(" ", "\u2581")),
            decoder=sequence("decoders", replace("\u2581", " "), {"type": "ByteFallback"},
                             {"type": "Fuse"},
                             {"type": "Strip", "content": " ", "start": 1, "stop": 0})))
        yield (f"fallback without some bytes, fuse_unk {ignore}", tokenizer(
            fallback_bpe(rng, n_bytes=0xE0, fuse_unk=ignore), decoder={"type": "ByteFallback"}))
    for prefix, suffix in (("##", ""), ("", "</w>"), ("##", "</w>")):
        yield (f"affixes {prefix}{suffix}", tokenizer(
            affix_bpe(rng, prefix, suffix), pre_tokenizer={"type": "WhitespaceSplit"},
            decoder={"type": "BPEDecoder", "suffix": suffix or "</w>"}))
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
            "strip_accents": None, "lowercase": True}
    yield ("wordpiece", tokenizer(wordpiece(rng), normalizer=bert,
           pre_tokenizer={"type": "BertPreTokenizer"},
           added_tokens=[added("[UNK]", True), added("[X]", True), added("yes", normalized=True)],
           decoder={"type": "WordPiece", "prefix": "##", "cleanup": True}))
    yield ("wordlevel", tokenizer(wordlevel(rng), pre_tokenizer={"type": "Whitespace"},
           decoder={"type": "WordPiece", "prefix": "##", "cleanup": False}))
    for fallback in (False, True):
        yield (f"unigram, byte_fallback {fallback}", tokenizer(
            unigram(rng, fallback), pre_tokenizer=metaspace("always"), decoder=metaspace("always"),
            added_tokens=[added("<s>", True), added("ab", lstrip=True)]))
    yield ("ByteLevel as normalizer", tokenizer(byte_bpe(rng), normalizer=sequence(
        "normalizers", {"type": "NFC"}, {"type": "ByteLevel"}), decoder=byte_level(),
        added_tokens=[added("<s>", True), added(" x", normalized=True),
                      added("\u6f22", True, normalized=True)]))


def step_cases(rng):
    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    behaviors = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
    for i, behavior in enumerate(behaviors):
        yield (f"split {behavior}", tokenizer(char_bpe(rng), pre_tokenizer=split(
            r"\s+|[.,]", behavior, invert=i % 2 == 1)))
        yield (f"split {behavior} in front of bytes", tokenizer(byte_bpe(rng), decoder=byte_level(),
               pre_tokenizer=sequence("pretokenizers", split(" ", behavior, kind="String"),
                                      byte_level(add_prefix_space=i % 2 == 0))))
        yield (f"punctuation {behavior}", tokenizer(char_bpe(rng), pre_tokenizer=sequence(
            "pretokenizers", {"type": "Digits", "individual_digits": i % 2 == 0},
            {"type": "Punctuation", "behavior": behavior})))
    for scheme in ("never", "first", "always"):
        for cut in (False, True):
            yield (f"metaspace {scheme} {cut}", tokenizer(
                unigram(rng), pre_tokenizer=metaspace(scheme, cut), decoder=metaspace(scheme, cut),
                added_tokens=[added("<s>", True), added("yes")]))
    for normalizer in ({"type": "Prepend", "prepend": "a"}, {"type": "NFKC"}, {"type": "NFD"},
                       replace(" ", "ab"), {"type": "Lowercase"}):
        yield (f"metaspace first behind {normalizer['type']}", tokenizer(
            unigram(rng), normalizer=normalizer, pre_tokenizer=metaspace("first"),
            added_tokens=[added("<s>", True), added("yes", lstrip=True, rstrip=True)]))
    yield ("gpt2 with prefix space", tokenizer(byte_bpe(rng), decoder=byte_level(), added_tokens=[
        added("<s>", True), added("[X]")], pre_tokenizer=byte_level(add_prefix_space=True)))
    yield ("gpt2 by pattern", tokenizer(byte_bpe(rng), decoder=byte_level(), pre_tokenizer=sequence(
        "pretokenizers", split(gpt2, "Isolated"), byte_level(use_regex=False))))
    for name in ("Whitespace", "WhitespaceSplit", "UnicodeScripts", "BertPreTokenizer"):
        yield (name, tokenizer(char_bpe(rng), pre_tokenizer={"type": name}))
    yield ("delimiter", tokenizer(char_bpe(rng), pre_tokenizer={
        "type": "CharDelimiterSplit", "delimiter": "a"}))
    yield ("fixed length", tokenizer(char_bpe(rng), pre_tokenizer={"type": "FixedLength", "length": 3}))
    for name in ("NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents"):
        yield (name, tokenizer(byte_bpe(rng), normalizer={"type": name}, pre_tokenizer=byte_level(),
               decoder=byte_level(), added_tokens=random_added(rng, PLAIN)))


def decoder_cases(rng):
    decoders = [
        None, {"type": "Fuse"}, {"type": "ByteFallback"}, {"type": "BPEDecoder", "suffix": "b"},
        {"type": "Strip", "content": "a", "start": 2, "stop": 0},
        replace("a", "<>"), replace("[ab]+", "_", "Regex"),
        {"type": "WordPiece", "prefix": "a", "cleanup": True},
        {"type": "WordPiece", "prefix": "", "cleanup": False},
        {"type": "CTC", "pad_token": "a", "word_delimiter_token": "b", "cleanup": True},
        {"type": "CTC", "pad_token": "<unk>", "word_delimiter_token": "|", "cleanup": False},
        metaspace("never"), metaspace("always"),
        sequence("decoders", {"type": "Fuse"}, byte_level()),
        sequence("decoders", byte_level(), replace("a", "b"),
                 {"type": "Strip", "content": "b", "start": 1, "stop": 0}),
    ]
    tokens = [added("<s>", True), added("ab"), added(" x"), added("\u00e9", True)]
    for decoder in decoders:
        name = json.dumps(decoder)
        yield (f"decoder {name}", tokenizer(char_bpe(rng), decoder=decoder, added_tokens=tokens))
        yield (f"decoder {name} of bytes", tokenizer(byte_bpe(rng), decoder=decoder,
               added_tokens=tokens, pre_tokenizer=byte_level()))


def post_cases(rng):
    tokens = [added("<s>", True), added("</s>", True)]
    model = byte_bpe(rng)
    first = len(model["vocab"])
    pieces = [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
              {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    template = {"type": "TemplateProcessing", "single": pieces, "pair": pieces, "special_tokens": {
        "x": {"id": "x", "ids": [first, 5, 6], "tokens": ["<s>", "a", "b"]},
        "</s>": {"id": "</s>", "ids": [first + 1], "tokens": ["</s>"]}}}
    ends = {"sep": ["</s>", first + 1], "cls": ["<s>", first]}
    for processor in (template, {"type": "BertProcessing", **ends}, byte_level(),
                      {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": True,
                       **ends}, sequence("processors", byte_level(), template)):
        yield (f"post-processor {processor['type']}", tokenizer(
            model, added_tokens=tokens, pre_tokenizer=byte_level(), decoder=byte_level(),
            post_processor=processor))


def check(name, build, file, model, texts, rng):
    """Number of differences in ids, ids with special tokens, and decoded text."""
    tool = Tool(build, file)
    n_bad = compare_encode(name, tool, model, texts)
    texts = [text for text in texts if reference_ids(model, text) is not None]
    theirs = [reference_ids(model, text) for text in texts[:20]]
    if tool.encode(texts[:20], "-s") != theirs:
        print(f"{name}: other ids with special tokens")
        n_bad += 1
    n_ids = model.get_vocab_size(with_added_tokens=True)
    lists = theirs + [[rng.randrange(n_ids) for _ in range(rng.randrange(1, 12))] for _ in texts]
    for skip in (False, True):
        ours = tool.decode(lists, *(["-s"] if skip else []))
        for ids, text in zip(lists, ours):
            try:
                with quiet():
                    other = model.decode(ids, skip_special_tokens=skip)
            except BaseException:  # Strip panics when nothing is left
                continue
            if text != other.encode():
                print(f"{name}: {ids} decoded as {text}, not {other.encode()}")
                n_bad += 1
                break
    return n_bad


def check_invalid(build, file, model, rng):
    """Bytes that are not UTF-8: U+FFFD as Python puts it; kept as bytes they are decoded again."""
    texts = []
    for _ in range(300):
        text = bytearray(random_text(rng).encode())
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(text) + 1)
            text[at:at] = rng.choice([b"\xff", b"\x80", b"\xe2\x96", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xed\xa0\x80"])
        texts.append(bytes(text))
    tool = Tool(build, file)
    replaced = [text.decode(errors="replace").encode() for text in texts]
    n_bad = tool.encode(texts, "-i", "replace") != [
        reference_ids(model, text, add_special_tokens=False) for text in replaced]
    n_bad += tool.decode(tool.encode(texts, "-i", "bytes")) != replaced
    if n_bad:
        print("invalid UTF-8: other ids or another text")
    return n_bad


def nothing_is_left(content, model):
    """Whether normalization makes an added token empty."""
    return model and model.normalizer and any(
        token["normalized"] and not model.normalizer.normalize_str(token["content"])
        for token in content["added_tokens"])


def main():
    build, seed, n_texts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    tokenizers = reference()
    n_bad = n_files = 0
    only = os.environ.get("ONLY", "")
    with tempfile.TemporaryDirectory() as folder:
        for make in (added_token_cases, model_cases, step_cases, decoder_cases, post_cases):
            rng = random.Random(f"{make.__name__} {seed}")
            for name, content in make(rng):
                if only not in name:
                    continue
                path = os.path.join(folder, "tokenizer.json")
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(content, file, ensure_ascii=rng.random() < 0.5)
                n_files += 1
                contents = [token["content"] for token in content["added_tokens"]]
                texts = [random_text(rng, contents).encode() for _ in range(n_texts)]
                try:
                    with quiet():
                        model = tokenizers.Tokenizer.from_file(path)
                except BaseException as error:  # a Rust panic is no Exception
                    print(f"{name}: the reference refuses: {str(error)[:120]}")
                    model = None
                if nothing_is_left(content, model):
                    model = None  # it never ends with such a token
                try:
                    if model:
                        n_bad += check(name, build, path, model, texts, rng)
                        if name.startswith("bytes,"):
                            n_bad += check_invalid(build, path, model, rng)
                    else:
                        Tool(build, path).encode([b"x"])
                        print(f"{name}: we do not refuse")
                        n_bad += 1
                except ValueError as error:
                    if model:
                        print(f"{name}: {error}")
                        n_bad += 1
    print(f"{n_files} files, {n_bad} with differences")
    return n_bad > 0


if __name__ == "__main__":
    sys.exit(main())
