"""vocabularies.py BUILD BYTES [NAME...]: every real vocabulary against its reference, on documents spread
over the mixed corpus."""

import base64
import os
import sys

from compare import Tool, fixtures, read_documents, reference, show_difference, skip

CORPUS_BYTES = 110_000_000


def pick_documents(n_bytes):
    path = os.path.join(fixtures(), "corpus/mixed.docs")
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        skip(f"{path} is missing (make fixtures)")
    return read_documents(path, n_bytes, max(1, CORPUS_BYTES // n_bytes))


def compare(name, texts, ours, theirs):
    n_bad = 0
    for text, mine, other in zip(texts, ours, theirs):
        if mine != other:
            n_bad += 1
            if n_bad <= 2:
                show_difference(name, text, mine, other)
    n_tokens = sum(map(len, theirs))
    print(f"{name}: {len(texts)} documents, {n_tokens} tokens, {n_bad} documents differ")
    return n_bad


def check_json(name, path, build, texts, tokenizers):
    model = tokenizers.Tokenizer.from_file(path)
    model.no_truncation()
    model.no_padding()
    tool = Tool(build, path)
    strings = [text.decode() for text in texts]
    theirs = [e.ids for e in model.encode_batch_fast(strings, add_special_tokens=False)]
    n_bad = compare(name, texts, tool.encode(texts), theirs)
    special = [e.ids for e in model.encode_batch_fast(strings[:20], add_special_tokens=True)]
    n_bad += compare(f"{name} with special tokens", texts[:20], tool.encode(texts[:20], "-s"), special)
    for flag in (False, True):
        decoded = [text.encode() for text in model.decode_batch(special + theirs[:100], skip_special_tokens=flag)]
        if tool.decode(special + theirs[:100], *(["-s"] if flag else [])) != decoded:
            print(f"{name}: decoded text differs")
            n_bad += 1
    return n_bad


def read_ranks(path):
    with open(path, "rb") as file:
        pairs = (line.split() for line in file if line.strip())
        return {base64.b64decode(token): int(rank) for token, rank in pairs}


def check_ranks(name, path, build, texts):
    """tiktoken with the file's ranks; nothing is fetched."""
    try:
        import tiktoken
        import tiktoken_ext.openai_public as public
    except ImportError:
        print(f"skipped: {name}: this Python lacks tiktoken")
        return 0
    ranks = read_ranks(path)
    public.load_tiktoken_bpe = lambda *args, **more: ranks
    model = tiktoken.Encoding(**public.ENCODING_CONSTRUCTORS[name]())
    strings = [text.decode() for text in texts]
    tool = Tool(build, path, "-e", name)
    n_bad = compare(f"{name} ordinary", texts, tool.encode(texts, "-o"),
                    model.encode_ordinary_batch(strings, num_threads=2))
    special = [f"{text[:300]}<|endoftext|>{text[300:600]}" for text in strings[:200]]
    n_bad += compare(name, [text.encode() for text in special],
                     tool.encode([text.encode() for text in special]),
                     [model.encode(text, allowed_special="all") for text in special])
    lists = [model.encode_ordinary(text)[1:50] for text in strings[:200]]
    if tool.decode(lists) != [model.decode(ids).encode() for ids in lists]:
        print(f"{name}: decoded text differs")
        n_bad += 1
    return n_bad


def main():
    build, n_bytes, only = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    tokenizers = reference()
    texts = pick_documents(n_bytes)
    n_bad = n_seen = 0
    names = ["gpt35turbo", "gpt4o", "gptoss", "llama2", "llama3", "llama3_1", "qwen3", "deepseek_v3",
             "gemma3", "gemini", "claude"]
    ranks = {"r50k_base": "r50k", "p50k_base": "p50k", "p50k_edit": "p50k", "cl100k_base": "cl100k",
             "o200k_base": "o200k", "o200k_harmony": "o200k", "gpt2": "r50k"}
    for name in names + list(ranks):
        folder, file = ("tiktoken", f"{ranks[name]}_base.tiktoken") if name in ranks else (
            "tokenizers", f"{name}.json")
        path = os.path.join(fixtures(), folder, file)
        if only and name not in only:
            continue
        if not os.path.exists(path) or os.path.getsize(path) == 0:
            print(f"skipped: {path} is missing (make fixtures)")
            continue
        n_seen += 1
        if name == "gpt2":
            continue  # its constructor reads other files; the ranks and the rule are r50k's
        if name in ranks:
            n_bad += check_ranks(name, path, build, texts)
        else:
            n_bad += check_json(name, path, build, texts, tokenizers)
    if n_seen == 0:
        skip("no vocabulary is there (make fixtures)")
    return n_bad > 0


if __name__ == "__main__":
    sys.exit(main())
