#!/usr/bin/env python3
"""The recipe that Megatron-LM's tools/preprocess_data.py is, written down again: a multiprocessing Pool
whose workers parse a JSON line and encode its text with Hugging Face tokenizers, Pool.imap in chunks of
32, and a parent that appends the ids to NAME.bin with NumPy and keeps lengths and document indices in
lists until it writes NAME.idx. The peer of gristmill tokenize.

    recipe_tokenize.py IN.jsonl TOKENIZER.json OUT_PREFIX WORKERS [EOS]

Needs the Python packages tokenizers and numpy."""

import json
import multiprocessing
import os
import struct
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # as preprocess_data.py's users must

import numpy
from tokenizers import Tokenizer

CHUNK = 32


class Encoder:
    tokenizer = None

    def __init__(self, path, eos):
        self.path = path
        self.eos = eos

    def initializer(self):
        Encoder.tokenizer = Tokenizer.from_file(self.path)

    def encode(self, line):
        data = json.loads(line)
        ids = Encoder.tokenizer.encode(data["text"], add_special_tokens=False).ids
        if ids and self.eos is not None:
            ids.append(self.eos)
        return ids, len(line)


class Builder:
    """IndexedDatasetBuilder and its index writer."""

    def __init__(self, prefix, n_ids):
        self.dtype = numpy.uint16 if n_ids < 65500 else numpy.int32
        self.prefix = prefix
        self.data = open(prefix + ".bin", "wb")
        self.lengths = []
        self.documents = [0]

    def add_document(self, ids):
        array = numpy.array(ids, dtype=self.dtype)
        self.data.write(array.tobytes(order="C"))
        self.lengths.append(array.size)
        self.documents.append(len(self.lengths))

    def finalize(self):
        self.data.close()
        lengths = numpy.array(self.lengths, dtype=numpy.int32)
        pointers = numpy.zeros(len(lengths), dtype=numpy.int64)
        if len(lengths):
            numpy.cumsum(lengths[:-1].astype(numpy.int64) * self.dtype().itemsize, out=pointers[1:])
        code = 8 if self.dtype == numpy.uint16 else 4
        with open(self.prefix + ".idx", "wb") as file:
            file.write(b"MMIDIDX\x00\x00")
            file.write(struct.pack("<QBQQ", 1, code, len(lengths), len(self.documents)))
            file.write(lengths.tobytes())
            file.write(pointers.tobytes())
            file.write(numpy.array(self.documents, dtype=numpy.int64).tobytes())


def main():
    source, path, prefix, workers = sys.argv[1:5]
    tokenizer = Tokenizer.from_file(path)
    eos = tokenizer.token_to_id(sys.argv[5]) if len(sys.argv) > 5 else None
    encoder = Encoder(path, eos)
    builder = Builder(prefix, tokenizer.get_vocab_size(with_added_tokens=True))
    with open(source, encoding="utf-8") as file, \
            multiprocessing.Pool(int(workers), initializer=encoder.initializer) as pool:
        for ids, _ in pool.imap(encoder.encode, file, CHUNK):
            if ids:
                builder.add_document(ids)
    builder.finalize()


main()
