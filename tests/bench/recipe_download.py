#!/usr/bin/env python3
"""The download part of the recipe alone: ThreadPoolExecutor and urllib, one file a URL.

    recipe_download.py URLS OUT"""

import concurrent.futures
import os
import sys

from recipe_text import THREADS, download


def main():
    list_path, out = sys.argv[1:3]
    os.makedirs(out)
    with open(list_path) as file:
        jobs = [(number, line.strip(), out) for number, line in enumerate(file)]
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        failed = sum(path is None for _, _, path, _ in pool.map(download, jobs))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
