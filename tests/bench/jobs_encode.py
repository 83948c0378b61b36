"""The tokenizer's core on one pinned core, by CPU time, against gigatoken, tiktoken and Hugging Face
tokenizers on the same documents. Ours: tokenize_bench, the peers: tokenize_peers.py, in turns. GM_PYTHON
names a Python that has the peers, GM_FIXTURES the folder of `make fixtures`."""

import os
import pathlib
import re

import measure

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = pathlib.Path(os.environ.get("GM_FIXTURES", pathlib.Path.home() / ".cache/gristmill/fixtures"))
PEERS = "gigatoken, awkward, tiktoken, tokenizers"
# Ours keeps ids in large pages. A peer as it is installed does not; this makes its allocator do so, too.
LARGE_PAGES = ("env", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1")
CL100K = "tiktoken/cl100k_base.tiktoken"

# title, tokenizer, part of the corpus, megabytes of it, targets: warm and first pass against gigatoken
ROWS = (
    ("English, cl100k", CL100K, "en", 50, 1.6, 1.5),
    ("mixed, cl100k", CL100K, "mixed", 110, 1.4, 1.5),
    ("code, cl100k", CL100K, "code", 20, 1.0, None),
    ("CJK, cl100k", CL100K, "cjk", 20, 1.0, None),
    ("right-to-left and Indic, cl100k", CL100K, "rtl_indic", 20, 1.0, None),
    ("emoji, cl100k", CL100K, "emoji", 6, 1.0, None),
    ("web, cl100k", CL100K, "web", 15, 1.0, None),
    ("English, o200k", "tiktoken/o200k_base.tiktoken", "en", 20, None, None),
    ("mixed, Llama-3", "tokenizers/llama3.json", "mixed", 20, None, None),
    ("mixed, Gemma-3", "tokenizers/gemma3.json", "mixed", 6, 2.0, None),
    ("mixed, Llama-2", "tokenizers/llama2.json", "mixed", 6, 2.0, None),
)
# title, tokenizer
LOADED = (
    ("Gemma-3", "tokenizers/gemma3.json"),
    ("Gemini", "tokenizers/gemini.json"),
    ("gpt-oss", "tokenizers/gptoss.json"),
    ("Llama-3", "tokenizers/llama3.json"),
    ("o200k", "tiktoken/o200k_base.tiktoken"),
)
LOAD_BOUND_MS, OPEN_BOUND_MS = 300, 10
LOAD = re.compile(r"load ([\d.]+) ms, build ([\d.]+) ms, open ([\d.]+) ms, image ([\d.]+) MB")
OURS = re.compile(r"(\d+) ids, .*split (\d+) MB/s.*first (\d+) MB/s ([\d.]+) ns/piece [\d.]+ cycles/byte, "
                  r"warm (\d+) MB/s ([\d.]+) ns/piece ([\d.]+) cycles/byte, "
                  r"unkept (\d+) MB/s .*hits ([\d.]+)% ([\d.]+)%")
PEER = re.compile(r"(\w+): .* (\d+) ids, first ([\d.]+) MB/s, warm ([\d.]+) MB/s")


def pinned(*argv):
    return ["taskset", "-c", str(max(os.sched_getaffinity(0))), *map(str, argv)]


def ours(context, tokenizer, docs, megabytes):
    tool = context.tools / "tokenize_bench"
    out = measure.run(pinned(tool, tokenizer, docs, megabytes, 1)).output["out"].decode()
    found = OURS.search(out)
    if not found:
        raise measure.Failed(f"tokenize_bench said {out[:300]}")
    return {"ids": float(found[1]), "split": float(found[2]), "first": float(found[3]), "ns": float(found[6]),
            "warm": float(found[5]), "cycles": float(found[7]), "unkept": float(found[8]),
            "hits": float(found[10])}


def peers(python, tokenizer, docs, megabytes, *names, env=()):
    """name: (MB/s of the first pass, of the faster other one, number of ids); no names: all"""
    argv = pinned(python, HERE / "tokenize_peers.py", tokenizer, docs, megabytes, 3, *names)
    out = measure.run([*env, *argv], timeout_s=300).output["out"].decode()
    return {found[1]: (float(found[3]), float(found[4]), float(found[2])) for found in PEER.finditer(out)}


def compare(context, row, python, entry):
    title, tokenizer, part, megabytes, warm_target, first_target = entry
    tokenizer, docs = FIXTURES / tokenizer, FIXTURES / "corpus" / f"{part}.docs"
    mine, theirs, larger = [], [], []
    for _ in range(context.n_rounds):
        mine.append(ours(context, tokenizer, docs, megabytes))
        theirs.append(peers(python, tokenizer, docs, megabytes))
        larger.append(peers(python, tokenizer, docs, megabytes, "gigatoken", env=LARGE_PAGES))
    own = {key: measure.median([one[key] for one in mine]) for key in mine[0]}
    shown = (f"{own['warm']:.0f} MB/s ({own['ns']:.1f} ns a piece, {own['cycles']:.1f} cycles a byte, "
             f"{own['hits']:.2f} % hits, split {own['split']:.0f} MB/s; "
             f"{own['unkept']:.0f} MB/s if ids are not kept)")
    for name in theirs[0]:
        first, warm = (measure.median([one[name][i] for one in theirs]) for i in (0, 1))
        target = warm_target if name == "gigatoken" else {"tiktoken": 20, "tokenizers": 50}[name]
        yield row(f"encode {title}, warm", shown, f"{warm:.1f} MB/s ({name}, 1 thread)",
                  own["warm"] / warm, target)
        if name == "gigatoken":
            tuned = measure.median([one[name][1] for one in larger])
            yield row("... if its memory is in large pages, too", shown, f"{tuned:.1f} MB/s ({name}, "
                      "glibc.malloc.hugetlb=1)", own["warm"] / tuned)
            if theirs[0][name][2] != own["ids"]:
                raise measure.Failed(f"encode {title}: {own['ids']:.0f} ids, {name}'s {theirs[0][name][2]:.0f}")
            yield row(f"encode {title}, first pass", f"{own['first']:.0f} MB/s",
                      f"{first:.1f} MB/s ({name}, 1 thread)", own["first"] / first, first_target)


def load(context, row, title, tokenizer):
    """From the file to tables, then from these alone."""
    argv = pinned(context.tools / "tokenize_bench", FIXTURES / tokenizer, "/dev/null")
    costs = []
    for _ in range(context.n_rounds):
        out = measure.run(argv).output["out"].decode()
        found = LOAD.search(out)
        if not found:
            raise measure.Failed(f"tokenize_bench said {out[:300]}")
        costs.append((float(found[1]) + float(found[2]), float(found[3])))
    made, opened = (measure.median([cost[i] for cost in costs]) for i in (0, 1))
    megabytes = (FIXTURES / tokenizer).stat().st_size / 1e6
    yield row(f"load {title}, {megabytes:.1f} MB", f"{made:.0f} ms", f"{LOAD_BOUND_MS} ms (bound)",
              made / LOAD_BOUND_MS, 1, "at_most")
    yield row(f"... its image, {found[4]} MB", f"{opened:.1f} ms", f"{OPEN_BOUND_MS} ms (bound)",
              opened / OPEN_BOUND_MS, 1, "at_most")


def versions():
    python = measure.python_with(PEERS)
    return measure.python_versions(python, ["gigatoken", "tiktoken", "tokenizers"]) if python else {}


def run(context, row):
    """Rows for the table; row: the class of them."""
    python = measure.python_with(PEERS)
    if not python or not (FIXTURES / "corpus" / "mixed.docs").exists():
        return [row("encode, one core", "not measured", "make fixtures brings the peers and the texts")]
    return [*(one for entry in LOADED for one in load(context, row, *entry)),
            *(one for entry in ROWS for one in compare(context, row, python, entry))]
