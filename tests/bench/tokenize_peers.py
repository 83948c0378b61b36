#!/usr/bin/env python3
"""What the peers take for the documents of tokenize_bench: gigatoken, tiktoken, Hugging Face tokenizers,
each as far as it is installed, on one thread, by CPU time of the process.

    tokenize_peers.py TOKENIZER FILE.docs [MEGABYTES [PASSES]]

Prints a line for each: MB/s of the first pass and of the fastest other one, the number of ids, and the page
faults of that pass, which tell whether the ids stand in memory that was used before. All ids of a pass are
kept until it is over, as in tokenize_bench. The first pass of a peer is one of a fresh
process, without loading. Added tokens are text for all of them, as they are for tokenize_bench: Gemma's
are line ends, tabs and tags, to look for which would be work that ours does not do."""

import json
import os
import resource
import struct
import sys
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


def documents(path, limit):
    with open(path, "rb") as file:
        data = file.read()
    found, at = [], 0
    while at + 4 <= len(data) and at < limit:
        (length,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def without_added_tokens(path, folder):
    """A copy of a tokenizer.json that has none."""
    if path.endswith(".tiktoken"):
        return path
    with open(path, encoding="utf-8") as file:
        tokenizer = json.load(file)
    tokenizer["added_tokens"] = []
    copy = os.path.join(folder, "tokenizer.json")
    with open(copy, "w", encoding="utf-8") as file:
        json.dump(tokenizer, file)
    return copy


def gigatoken(path):
    import awkward
    import gigatoken as module

    if path.endswith(".tiktoken"):
        tokenizer = module.Tokenizer.from_tiktoken(path)
    else:
        tokenizer = module.Tokenizer(path)
    return (
        lambda texts: tokenizer.encode_batch(texts, parallel=False),
        lambda ids: int(awkward.sum(awkward.num(ids))),
        False,
    )


def tiktoken(path):
    import tiktoken as module
    from tiktoken.load import load_tiktoken_bpe

    if not path.endswith(".tiktoken"):
        raise ImportError("reads .tiktoken files only")
    from tiktoken_ext import openai_public

    name = os.path.basename(path).removesuffix(".tiktoken")
    encoding = module.Encoding(
        name,
        pat_str=pattern_of(openai_public, name),
        mergeable_ranks=load_tiktoken_bpe(path),
        special_tokens={},
    )
    return (
        lambda texts: [encoding.encode_ordinary(text) for text in texts],
        lambda ids: sum(map(len, ids)),
        True,
    )


def pattern_of(openai_public, name):
    """The pattern that the package has for an encoding, without its download of the ranks."""
    keep = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *args, **options: {}
    openai_public.data_gym_to_mergeable_bpe_ranks = lambda *args, **options: {}
    try:
        return getattr(openai_public, name)()["pat_str"]
    finally:
        openai_public.load_tiktoken_bpe = keep


def huggingface(path):
    from tokenizers import Tokenizer

    if path.endswith(".tiktoken"):
        raise ImportError("reads tokenizer.json files only")
    tokenizer = Tokenizer.from_file(path)
    return (
        lambda texts: [tokenizer.encode(text, add_special_tokens=False) for text in texts],
        lambda ids: sum(map(len, ids)),
        True,
    )


def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def measure(name, open_peer, path, texts, passes):
    try:
        encode, count, wants_str = open_peer(path)
    except ImportError as missing:
        print(f"{name}: skipped ({missing})")
        return
    n_bytes = sum(map(len, texts))
    if wants_str:
        texts = [text.decode() for text in texts]
    found = []
    for _ in range(passes):
        n_faults, start = page_faults(), time.process_time()
        ids = encode(texts)
        seconds = time.process_time() - start
        found.append((n_bytes / 1e6 / seconds, page_faults() - n_faults))
        n_ids = count(ids)
        del ids
    warm, n_faults = max(found[1:], default=found[0])
    print(
        f"{name}: {n_bytes / 1e6:.1f} MB, {n_ids} ids, first {found[0][0]:.1f} MB/s, warm {warm:.1f} MB/s,"
        f" {n_faults} page faults"
    )


def main():
    path, docs = sys.argv[1:3]
    limit = float(sys.argv[3]) * 1e6 if len(sys.argv) > 3 else float("inf")
    passes = int(sys.argv[4]) if len(sys.argv) > 4 else 4
    names = sys.argv[5:] or ["gigatoken", "tiktoken", "tokenizers"]
    texts = documents(docs, limit)
    # The slow ones get less text: their speed does not depend on how much it is.
    few = documents(docs, min(limit, 2e6))
    with tempfile.TemporaryDirectory() as folder:
        path = without_added_tokens(path, folder)
        for name, open_peer, some in (("gigatoken", gigatoken, texts), ("tiktoken", tiktoken, few),
                                      ("tokenizers", huggingface, few)):
            if name in names:
                measure(name, open_peer, path, some, passes)


if __name__ == "__main__":
    main()
