"""vocabularies.py BUILD BYTES [NAME...]: every real vocabulary against its reference, on documents spread
over the mixed corpus."""

import base64
import json
import os
import sys
import tempfile

from compare import Tool, fixtures, read_documents, reference, show_difference, skip

CORPUS_BYTES = 110_000_000
SLICE_BYTES = 4_000_000


def pick_documents(n_bytes):
    path = os.path.join(fixtures(), "corpus/mixed.docs")
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        skip(f"{path} is missing (make fixtures)")
    return read_documents(path, n_bytes, max(1, CORPUS_BYTES // n_bytes))


def slices(texts):
    """Parts of some MB: the reference needs a hundred times the memory of a text."""
    part, n_bytes = [], 0
    for text in texts:
        part.append(text)
        n_bytes += len(text)
        if n_bytes > SLICE_BYTES:
            yield part
            part, n_bytes = [], 0
    if part:
        yield part


def compare(name, texts, ours, theirs):
    """ours and theirs: from a list of texts to their ids."""
    n_bad = n_tokens = 0
    for part in slices(texts):
        for text, mine, other in zip(part, ours(part), theirs(part), strict=True):
            n_tokens += len(other)
            if mine != other:
                n_bad += 1
                if n_bad <= 2:
                    show_difference(name, text, mine, other)
    print(f"{name}: {len(texts)} documents, {n_tokens} tokens, {n_bad} documents differ", flush=True)
    return n_bad


def check_json(name, path, build, texts, tokenizers):
    model = tokenizers.Tokenizer.from_file(path)
    model.no_truncation()
    model.no_padding()
    tool = Tool(build, path)
    strings = [text.decode() for text in texts[:100]]

    def encode(part):
        batch = model.encode_batch_fast([text.decode() for text in part], add_special_tokens=False)
        return [encoding.ids for encoding in batch]

    n_bad = compare(name, texts, tool.encode, encode)
    theirs = encode(texts[:100])
    special = [e.ids for e in model.encode_batch_fast(strings[:20], add_special_tokens=True)]
    n_bad += compare(f"{name} with special tokens", texts[:20],
                     lambda part: tool.encode(part, "-s"), lambda part: special)
    for flag in (False, True):
        decoded = [text.encode() for text in model.decode_batch(special + theirs, skip_special_tokens=flag)]
        if tool.decode(special + theirs, *(["-s"] if flag else [])) != decoded:
            print(f"{name}: decoded text differs")
            n_bad += 1
    return n_bad


def read_ranks(path):
    with open(path, "rb") as file:
        pairs = (line.split() for line in file if line.strip())
        return {base64.b64decode(token): int(rank) for token, rank in pairs}


def tiktoken_model(name, path):
    """tiktoken's encoding of that name with the ranks of the file; nothing is fetched."""
    import tiktoken
    import tiktoken_ext.openai_public as public

    ranks = read_ranks(path)
    public.load_tiktoken_bpe = lambda *args, **more: ranks
    return tiktoken.Encoding(**public.ENCODING_CONSTRUCTORS[name]())


def check_ranks(name, path, build, texts):
    try:
        import tiktoken  # noqa: F401
    except ImportError:
        print(f"skipped: {name}: this Python lacks tiktoken")
        return 0
    model = tiktoken_model(name, path)
    strings = [text.decode() for text in texts[:200]]
    tool = Tool(build, path, "-e", name)
    n_bad = compare(f"{name} ordinary", texts, lambda part: tool.encode(part, "-o"),
                    lambda part: model.encode_ordinary_batch([text.decode() for text in part],
                                                             num_threads=2))
    special = [f"{text[:300]}<|endoftext|>{text[300:600]}" for text in strings[:200]]
    n_bad += compare(name, [text.encode() for text in special], tool.encode,
                     lambda part: [model.encode(text.decode(), allowed_special="all")
                                   for text in part])
    lists = [model.encode_ordinary(text)[1:50] for text in strings[:200]]
    if tool.decode(lists) != [model.decode(ids).encode() for ids in lists]:
        print(f"{name}: decoded text differs")
        n_bad += 1
    return n_bad


def alphabet():
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in own]
    letters = {byte: chr(byte) for byte in own}
    letters.update({byte: chr(0x100 + i) for i, byte in enumerate(others)})
    return letters


def split_token(ranks, token):
    """The two parts that merge into a token last."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        joined = [ranks.get(a + b, 1 << 30) for a, b in zip(parts, parts[1:])]
        at = joined.index(min(joined))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def make_gpt2(ranks_path):
    """GPT-2's tokenizer.json out of its ranks."""
    ranks, letters = read_ranks(ranks_path), alphabet()
    spell = lambda token: "".join(letters[byte] for byte in token)
    vocab = {spell(token): rank for token, rank in ranks.items()}
    merges = [[spell(part) for part in split_token(ranks, token)]
              for token in sorted(ranks, key=ranks.get) if len(token) > 1]
    vocab["<|endoftext|>"] = len(vocab)
    rule = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    special = {"id": vocab["<|endoftext|>"], "content": "<|endoftext|>", "single_word": False,
               "lstrip": False, "rstrip": False, "normalized": True, "special": True}
    return {"version": "1.0", "added_tokens": [special], "normalizer": None, "pre_tokenizer": rule,
            "post_processor": rule, "decoder": rule, "truncation": None, "padding": None,
            "model": {"type": "BPE", "vocab": vocab, "merges": merges}}


def make_bert(vocab_path):
    """BERT uncased; the list marks the beginnings of words, the model their continuations."""
    with open(vocab_path, encoding="utf-8") as file:
        names = json.load(file)
    names[1] = "[unused0]"
    vocab = {}
    for i, name in enumerate(names):
        special = name.startswith("[") and name.endswith("]") and len(name) > 2
        vocab[name[1:] if name.startswith("\u2581") else name if special else "##" + name] = i
    added = [{"id": vocab[name], "content": name, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True}
             for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "clean_text": True,
                           "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", vocab["[SEP]"]],
                               "cls": ["[CLS]", vocab["[CLS]"]]},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocab}}


def check_made(name, source, make, build, texts, tokenizers):
    if not present(source):
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tokenizer.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(make(source), file)
        return check_json(name, path, build, texts, tokenizers)


def present(path):
    if os.path.exists(path) and os.path.getsize(path) > 0:
        return True
    print(f"skipped: {path} is missing (make fixtures)")
    return False


NAMES = ["gpt35turbo", "gpt4o", "gptoss", "llama2", "llama3", "llama3_1", "qwen3", "deepseek_v3",
         "gemma3", "gemini", "claude"]
RANKS = {"r50k_base": "r50k", "p50k_base": "p50k", "p50k_edit": "p50k", "cl100k_base": "cl100k",
         "o200k_base": "o200k", "o200k_harmony": "o200k"}
MADE = {"gpt2": ("tiktoken/r50k_base.tiktoken", make_gpt2), "bert": ("bert/vocab.json", make_bert)}


def main():
    build, n_bytes, only = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    tokenizers = reference()
    texts = pick_documents(n_bytes)
    n_bad = 0
    for name in only or [*NAMES, *RANKS, *MADE]:
        if name in MADE:
            source, make = MADE[name]
            n_bad += check_made(name, os.path.join(fixtures(), source), make, build, texts, tokenizers)
            continue
        path = os.path.join(fixtures(), f"tiktoken/{RANKS[name]}_base.tiktoken" if name in RANKS
                            else f"tokenizers/{name}.json")
        if not present(path):
            continue
        if name in RANKS:
            n_bad += check_ranks(name, path, build, texts)
        else:
            n_bad += check_json(name, path, build, texts, tokenizers)
    return n_bad > 0


if __name__ == "__main__":
    sys.exit(main())
