#!/usr/bin/env python3
"""token_files.py FOLDER FORMAT: reads the token files of a run as their formats are described, and
prints the ids of each document as a JSON array on a line. Written from docs/formats.md and the
formats' own descriptions, and knows nothing of gristmill's code. Checks every field on its way.

Where NumPy is installed, .npy files are read by it too and must give the same."""
import array
import ast
import glob
import json
import os
import struct
import sys

try:
    import numpy
except ImportError:
    numpy = None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def array_of(code, data):
    values = array.array(code)
    assert values.itemsize == {"H": 2, "I": 4, "i": 4, "Q": 8}[code]
    values.frombytes(data)
    return values


def shards(folder, extension):
    """Numbered from 0 without a gap."""
    names = sorted(glob.glob(os.path.join(folder, "tokens-[0-9]*" + extension)))
    names = [name for name in names if not name.endswith(".ends.npy")]
    assert names, "no shards of " + extension
    for number, name in enumerate(names):
        assert os.path.basename(name) == f"tokens-{number:05d}{extension}", name
    return names


def cut(ids, ends):
    start = 0
    for end in ends:
        assert end > start, "an empty document"
        yield ids[start:end]
        start = end
    assert start == len(ids), "ids behind the last document"


def megatron(folder):
    for path in shards(folder, ".bin"):
        data, index = read(path), read(path[:-4] + ".idx")
        assert index[:9] == b"MMIDIDX\x00\x00"
        version, code, n_sequences, n_documents = struct.unpack_from("<QBQQ", index, 9)
        assert version == 1 and n_documents == n_sequences + 1
        assert len(index) == 42 + 20 * n_sequences
        ids = array_of({8: "H", 4: "i"}[code], data)
        at = 34
        lengths = struct.unpack_from(f"<{n_sequences}i", index, at)
        at += 4 * n_sequences
        pointers = struct.unpack_from(f"<{n_sequences}q", index, at)
        at += 8 * n_sequences
        documents = struct.unpack_from(f"<{n_documents}q", index, at)
        assert documents == tuple(range(n_documents))
        end = 0
        ends = []
        for length, pointer in zip(lengths, pointers):
            assert pointer == end * ids.itemsize
            end += length
            ends.append(end)
        yield from cut(ids, ends)


def ds(folder):
    for path in shards(folder, ".ds"):
        name, count, human = read(path + ".metadata").decode().split("\n")
        ids = array_of({"2": "H", "4": "I"}[name[-1]], read(path))
        assert name[-2] == "|" and int(count) == len(ids) and human.endswith("T")
        yield from cut(ids, array_of("Q", read(path + ".index")))


def npy_array(path):
    data = read(path)
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (n_head,) = struct.unpack_from("<H", data, 8)
    assert (10 + n_head) % 64 == 0 and data[9 + n_head:10 + n_head] == b"\n"
    head = ast.literal_eval(data[10:10 + n_head].decode("latin1"))
    assert sorted(head) == ["descr", "fortran_order", "shape"] and not head["fortran_order"]
    values = array_of({"<u2": "H", "<u4": "I", "<i4": "i", "<u8": "Q"}[head["descr"]], data[10 + n_head:])
    assert head["shape"] == (len(values),)
    if numpy:
        loaded = numpy.load(path, mmap_mode="r")
        assert loaded.dtype.str == head["descr"] and loaded.tolist() == values.tolist()
    return values


def npy(folder):
    for path in shards(folder, ".npy"):
        yield from cut(npy_array(path), npy_array(path[:-4] + ".ends.npy"))


def jsonl(folder):
    for path in sorted(glob.glob(os.path.join(folder, "records-*.jsonl"))):
        with open(path, encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                assert record["n_tokens"] == len(record["input_ids"])
                yield record["input_ids"]


def main():
    readers = {"megatron": megatron, "npy": npy, "ds": ds, "jsonl": jsonl}
    for ids in readers[sys.argv[2]](sys.argv[1]):
        print(json.dumps(list(ids)))


main()
