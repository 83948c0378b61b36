#!/usr/bin/env python3
"""byte_tokenizer.py [LAST_ID]: a tokenizer.json whose ids are the text's bytes, without merges.

256 is <|endoftext|>; with LAST_ID there is one more added token, <|last|>, of that id, which decides
how wide the ids are in token files. So that what a token file must hold can be computed from the
text alone."""
import json
import sys


def alphabet():
    """The character that stands for each byte in ByteLevel vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (b for b in range(256) if b not in plain)
    moved = {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [moved.get(byte, chr(byte)) for byte in range(256)]


def added(content, number):
    return {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True}


def main():
    tokens = [added("<|endoftext|>", 256)]
    vocabulary = {char: byte for byte, char in enumerate(alphabet())}
    vocabulary["<|endoftext|>"] = 256  # an added token has the id that it names only if the model has it
    if len(sys.argv) > 1:
        vocabulary["<|last|>"] = int(sys.argv[1])
        tokens.append(added("<|last|>", int(sys.argv[1])))
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    json.dump({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
        "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": False,
                  "vocab": vocabulary, "merges": []}},
        sys.stdout, indent=1)


main()
