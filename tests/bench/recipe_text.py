#!/usr/bin/env python3
"""The recipe that people copy for texts: a ThreadPoolExecutor downloads the list with urllib into
files, a ProcessPoolExecutor counts words, JSON comes out. The peer of gristmill's text job.

    recipe_text.py URLS OUT      URLS: a file with one URL a line; OUT: a folder to be made"""

import collections
import concurrent.futures
import hashlib
import json
import os
import re
import string
import sys
import unicodedata
import urllib.request

THREADS = 32
WORD = re.compile(r"\w+")
SENTENCE_END = re.compile(r"[.!?]+\s")


def download(job):
    number, url, folder = job
    path = os.path.join(folder, f"{number:06d}.txt")
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            body = response.read()
        with open(path, "wb") as file:
            file.write(body)
    except OSError as error:
        return number, url, None, str(error)
    return number, url, path, None


def statistics(job):
    number, url, path, error = job
    if error:
        return {"item": number, "source": url, "error": error}
    with open(path, "rb") as file:
        text = unicodedata.normalize("NFC", file.read().decode("utf-8"))
    words = WORD.findall(text)
    counts = collections.Counter(word.casefold() for word in words)
    n_code_points = len(text) or 1
    return {
        "item": number,
        "source": url,
        "text": text,
        "n_bytes": len(text.encode("utf-8")),
        "n_code_points": len(text),
        "n_lines": text.count("\n"),
        "n_words": len(words),
        "n_words_whitespace": len(text.split()),
        "n_unique_words": len(counts),
        "word_length_mean": sum(map(len, words)) / (len(words) or 1),
        "n_sentences": len(SENTENCE_END.findall(text)) or 1,
        "letter_ratio": sum(c.isalpha() for c in text) / n_code_points,
        "digit_ratio": sum(c.isdigit() for c in text) / n_code_points,
        "space_ratio": sum(c.isspace() for c in text) / n_code_points,
        "punctuation_ratio": sum(c in string.punctuation for c in text) / n_code_points,
        "text_hash": hashlib.md5(text.encode("utf-8")).hexdigest(),
    }


def main():
    list_path, out = sys.argv[1:3]
    downloads = os.path.join(out, "downloads")
    os.makedirs(downloads)
    with open(list_path) as file:
        jobs = [(number, line.strip(), downloads) for number, line in enumerate(file)]
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        fetched = list(pool.map(download, jobs))
    with concurrent.futures.ProcessPoolExecutor() as pool, \
            open(os.path.join(out, "records.jsonl"), "w", encoding="utf-8") as file:
        for record in pool.map(statistics, fetched, chunksize=32):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
