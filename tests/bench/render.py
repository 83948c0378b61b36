#!/usr/bin/env python3
"""Writes docs/performance.md, its plot and the overview of the README from the results of the last
benchmark.

    render.py BUILD/bench/results.json DOCS"""

import html
import json
import math
import pathlib
import sys

PAGE = """\
# Performance

Written by `make bench-docs` from the results of one run of `{command}`: {date}, {machine}.
{versions}. Each figure is the median of {n_rounds} rounds in which ours and the peers ran in turns;
the whole run took {minutes}. A ratio stands for this machine; run `make bench` for yours.

![ratios](performance.svg)

| what | ours | peer or bound | ratio | target |
|---|---|---|---|---|
{rows}

`>=`: how many times faster ours is than the peer. `<=`: ours divided by the bound.

## What is measured

Inputs are made from fixed seeds by `tests/bench/inputs.py`; texts are English-like, drawn from a
word-frequency model with Zipf's law. Servers are nginx and a small Python server on the loopback
address. Times are from start to exit of the process, so start-up, planning, syncing and the
manifest are inside; CPU time is that of all processes of a run. Before each run the disk is synced and 1 GB of
free memory touched: a virtual machine pays for free memory that its host has taken back, up to 2 ns a byte.
Then it rests for 0.3 s, so that the kernel has no work left of the run before. Memory of a download is
watched in a run of its own.

| row | command of ours | peer |
|---|---|---|
| hand-over | `build/tests/bench/handover BYTES` | `tests/bench/peers_handover.py`: every record an object of its own; `ProcessPoolExecutor(2).map` at chunk sizes 1, 32, 256 and 1,024 (1 MB: 1 and 32), the best one is shown; `multiprocessing.Queue` to a worker and its answer back |
| 20,000 files | `gristmill fetch URLS -o DIR --set fetch.connections=32 --set fetch.per_host=32 --set sink.bodies.layout=tar` | `curl --silent --parallel --parallel-max 32 -K CONFIG`; `wget2 --quiet --max-threads=32 -i URLS -P DIR` |
| 1,000,000 lines | the same, ended after 12 s | |
| 1,000 URLs after 100 ms | the same with 64 connections | max(sum of times / connections, longest) = 1.5625 s |
| recipe: download | the same with 32 connections | `tests/bench/recipe_download.py`: ThreadPoolExecutor(32), urllib |
| recipe: texts | `gristmill run` with `utf8`, `normalize: {{form: nfc}}`, `stats` | `tests/bench/recipe_text.py`: the download, then ProcessPoolExecutor, fewer statistics than ours |
| recipe: pictures | `gristmill gray DIR -o OUT` | `tests/bench/recipe_images.py`: Pool, Pillow's `convert("L")` |
| makespan | `gristmill run` with text and image stages over two folders | CPU time of all processes / cores |
| peak memory | the same run; field `peak_memory_bytes` of `--json` | `memory:` of the job, 5 % over it allowed |
| JSONL | `gristmill run` over one file of 200 MB, documents of about 2 KB | MB of input per second of CPU time of all processes; in brackets MB per second of the clock |
| tokenize | `gristmill tokenize FILE.jsonl -t TOKENIZER -o OUT --eos TOKEN`; the corpus of `make fixtures` sixteen times over | `tests/bench/recipe_tokenize.py` over its first 16 MB: multiprocessing Pool, HF `tokenizers`, NumPy, as Megatron-LM's preprocess_data.py does it; its .bin and .idx must be ours byte for byte |
| ... in memory | the same run | `build/tests/bench/encode_rate`: a process on each core encodes texts that are in memory, again and again; MB of the same JSONL per second of all together, and per second of CPU time. The same passes: as many as each core has end to end, the first with an empty cache. What has to be done besides: `build/tests/bench/tokenize_floor` reads the file, decodes its strings, hashes and writes as many bytes as the run wrote, each alone; CPU time |
| load | `build/tests/bench/tokenize_bench TOKENIZER /dev/null`, pinned to one core, CPU time: reads the file and makes the image of it; the image: checked and opened | |
| encode | `build/tests/bench/tokenize_bench TOKENIZER PART.docs`, pinned to one core, CPU time; first: a pass with a fresh cache; warm: the faster of the two passes after it; all ids of a pass are kept, in memory that is new in each, as they are by the peers, and stands in large pages; not kept: those of each document overwrite those of the one before; split: normalised and split only; cycles: of the processor, or where they cannot be counted of the time stamp counter | `tests/bench/tokenize_peers.py`, pinned to the same core, CPU time: gigatoken's `encode_batch`, tiktoken's `encode_ordinary`, tokenizers' `encode` on one thread, as they are installed, and gigatoken with large pages for its memory (glibc.malloc.hugetlb=1), the same documents (tiktoken and tokenizers: their first 2 MB), added tokens are text for all; gigatoken must find as many ids as ours; first: of a fresh process, without loading; warm: the faster of the two passes after it |
| JPEG | `build/tests/bench/image_bench lossless LIST OUT`, or `exact`, `luma`: the image stage alone, in one process on one pinned core; CPU time, reading and writing the files included. `lossless`, the default of `gristmill gray`, takes the coefficients of the Y channel over and decodes to no pixels; `exact` and `luma` decode and encode at quality 75 | `tests/bench/peers_images.py`, `peers_images.js`: the same files and core, CPU time of all threads, all of them decode and encode at quality 75 but jpegtran; Pillow's `convert("L")` and `save`, libvips by its C interface and sharp, one thread each, without the start of the process; `jpegtran -grayscale -copy none`, a process for each file |
| PNG to PNG, WebP to PGM | the same with `image_bench png` and `pgm`; PNG at `compression: 1`, the default of `gristmill gray`; size: of all files of ours, divided by the peer's | Pillow at its defaults (`compress_level` 6) |
| features, hashes | `build/tests/bench/features_bench LIST`, pinned to one core: CPU time of the features stage (statistics, sharpness, SHA-256) and of the three hashes, on planes that are decoded already | |
| gristmill gray, 2000 pictures | `gristmill gray DIR -o OUT` | `tests/bench/recipe_images.py`: Pool, Pillow's `convert("L")`, nothing else |
| ... efficiency | the same on all cores, and with all its processes on one (`taskset`): one worker alone would still have the second core for reading and writing | rate on all cores / (cores x rate on one) |
| ... --features | `gristmill gray DIR -o OUT --features` | `tests/bench/recipe_image_features.py`: the same, with SHA-256, NumPy's statistics and the three hashes of imagehash; under GM_PYTHON and its Pillow, which is not that of the other rows, unless the Python of the other rows has imagehash |
"""

WIDTH, ROW, LEFT, TOP, RIGHT = 860, 26, 400, 50, 120
INK, MUTED, GOOD, BAD = "#1f2933", "#7b8794", "#2f855a", "#c05621"


OVERVIEW = (  # what a row begins with, what its peer holds, what the plot says
    ("hand-over, 256-byte", "map", "small records between processes / ProcessPoolExecutor.map"),
    ("20,000 files", "curl", "20,000 small files from a server / curl --parallel"),
    ("recipe: 6,000 texts", "", "URLs to text statistics / urllib, ProcessPoolExecutor"),
    ("recipe: 270 pictures", "", "large photos to gray / Pool, Pillow"),
    ("gristmill gray, 2000 pictures", "Pillow)", "small pictures to gray / Pool, Pillow"),
    ("JPEG, pictures of the web: lossless", "Pillow", "JPEG to gray JPEG, one core / Pillow"),
    ("JPEG, pictures of the web: lossless", "vips", "JPEG to gray JPEG, one core / libvips"),
    ("PNG to PNG, photos", "Pillow", "PNG to gray PNG, one core / Pillow"),
    ("tokenize mixed", "Pool", "JSON Lines to token files / Pool, HF tokenizers"),
    ("encode English, cl100k, warm", "gigatoken", "English to cl100k ids, one core / gigatoken"),
    ("encode English, cl100k, warm", "tiktoken", "English to cl100k ids, one core / tiktoken"),
    ("encode mixed, Llama-3, warm", "tokenizers", "mixed text to Llama-3 ids, one core / HF tokenizers"),
)


def machine_text(machine):
    return (f"{machine['cpu']}, {machine['n_cpus']} cores, {machine['memory_gib']:g} GiB, "
            f"{machine['os']}, Linux {machine['kernel']}")


def table_row(row):
    cells = (row["what"], row["ours"], row["peer"], row["ratio_text"], row["target_text"])
    note = f" ({row['note']})" if row["note"] else ""
    return "| " + " | ".join(cells).replace("\n", " ") + note + " |"


def page(result):
    seconds = result["seconds"]
    return PAGE.format(
        command=result["command"], date=result["date"], machine=machine_text(result["machine"]),
        versions=", ".join(f"{name} {text}" for name, text in result["versions"].items()),
        n_rounds=result["n_rounds"], minutes=f"{seconds // 60} min {seconds % 60} s",
        rows="\n".join(table_row(row) for row in result["rows"]))


def goodness(row):
    """How many times better than the target's side of 1: above 1 is always good."""
    return row["ratio"] if row["sense"] == "at_least" else 1 / row["ratio"]


def full_label(row):
    peer = f" / {row['peer'].split('(')[-1].rstrip(')')}" if "(" in row["peer"] else ""
    return (row["what"].replace("... ", "") + peer)[:64]


def bar(row, label, number, scale):
    y = TOP + number * ROW
    value = goodness(row)
    x0, x1 = sorted((scale(1), scale(value)))
    color = MUTED if row["reached"] is None else GOOD if row["reached"] else BAD
    parts = [f'<text x="{LEFT - 10}" y="{y + 12}" text-anchor="end" fill="{INK}">{html.escape(label)}</text>',
             f'<rect x="{x0:.1f}" y="{y}" width="{max(x1 - x0, 1):.1f}" height="16" rx="2" fill="{color}"/>',
             f'<text x="{x1 + 6:.1f}" y="{y + 12}" fill="{INK}">{row["ratio_text"]}</text>']
    if row["target"]:
        target = row["target"] if row["sense"] == "at_least" else 1 / row["target"]
        parts.append(f'<line x1="{scale(target):.1f}" x2="{scale(target):.1f}" y1="{y - 3}" '
                     f'y2="{y + 19}" stroke="{INK}" stroke-width="2"/>')
    return parts


def plot(rows, title):
    """rows: a row and its label."""
    values = [goodness(row) for row, _ in rows] + [1]
    values += [row["target"] for row, _ in rows if row["target"] and row["sense"] == "at_least"]
    low, high = math.log10(min(values + [0.5])), math.log10(max(values + [10]))

    def scale(value):
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    height = TOP + len(rows) * ROW + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<text x="10" y="20" font-size="14" fill="{INK}">{title}</text>',
             f'<line x1="{scale(1):.1f}" x2="{scale(1):.1f}" y1="{TOP - 12}" y2="{height - 14}" '
             f'stroke="{MUTED}" stroke-dasharray="3 3"/>',
             f'<text x="{scale(1):.1f}" y="{TOP - 16}" text-anchor="middle" fill="{MUTED}">1x</text>']
    for number, (row, label) in enumerate(rows):
        parts += bar(row, label, number, scale)
    return "\n".join(parts + ["</svg>", ""])


def full_plot(result):
    return plot([(row, full_label(row)) for row in result["rows"] if row["ratio"]],
                "Against the best peer or the bound (to the right: better; black: target; "
                f"logarithmic), {result['date']}")


def overview(result):
    """One row for each kind of work; those that were not measured are left out."""
    rows = []
    for what, peer, label in OVERVIEW:
        found = [row for row in result["rows"]
                 if row["ratio"] and row["what"].startswith(what) and peer in row["peer"]]
        if found:
            rows.append((found[0], label))
    return plot(rows, "How many times faster than what people use (black: our own target; "
                f"logarithmic), {result['date']}")


def main():
    result = json.loads(pathlib.Path(sys.argv[1]).read_text())
    docs = pathlib.Path(sys.argv[2])
    (docs / "performance.md").write_text(page(result))
    (docs / "performance.svg").write_text(full_plot(result))
    (docs / "overview.svg").write_text(overview(result))


if __name__ == "__main__":
    main()
