#!/usr/bin/env python3
"""Trains data/tokenizer/tokenizer.json: byte-level BPE of 1,024 tokens over this folder's texts, with
the Python package tokenizers 0.23. Running it again writes the same bytes."""
import glob
import gzip
import json
import os

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

here = os.path.dirname(os.path.abspath(__file__))


def texts():
    for path in sorted(glob.glob(f"{here}/text/*.txt")):
        with open(path, "rb") as file:
            yield file.read().decode("utf-8", errors="ignore")
    with open(f"{here}/jsonl/notes.jsonl", encoding="utf-8") as file:
        lines = file.read().splitlines()
    with gzip.open(f"{here}/jsonl/tales.jsonl.gz", "rt", encoding="utf-8") as file:
        lines += file.read().splitlines()
    for line in lines:
        try:
            yield json.loads(line).get("text", "")
        except ValueError:
            pass


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=1024, special_tokens=["<|endoftext|>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts(), trainer)
    os.makedirs(f"{here}/tokenizer", exist_ok=True)
    tokenizer.save(f"{here}/tokenizer/tokenizer.json")


main()
