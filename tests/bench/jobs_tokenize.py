"""Tokenizing end to end: against the recipe of Megatron-LM's preprocess_data.py, and against what the
cores do when the texts are in memory already. GM_PYTHON names a Python with tokenizers and numpy,
GM_FIXTURES the folder of `make fixtures`; without the vocabulary the sample tokenizer is measured."""

import os
import pathlib

import inputs
import measure

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = pathlib.Path(os.environ.get("GM_FIXTURES", pathlib.Path.home() / ".cache/gristmill/fixtures"))
PEER_BYTES = 16_000_000
OUR_COPIES = 16  # 1.8 GB: what is paid once (start, empty caches, last sync) weighs as in long runs
EOS = "<|endoftext|>"


def vocabulary():
    """A name, and the file."""
    path = FIXTURES / "tokenizers" / "gpt35turbo.json"
    if path.exists():
        return "cl100k", path
    return "sample tokenizer", HERE.parent.parent / "data/tokenizer/tokenizer.json"


def corpora(context):
    """A name, the corpus, a larger file of it for us, and its first lines for the peer, which takes as
    long for them."""
    source = FIXTURES / "corpus" / "mixed.jsonl"
    name = "mixed texts" if source.exists() else "English-like texts"
    if not source.exists():
        source = inputs.corpus(context.folder)

    def make_large(part):
        with open(part, "wb") as file:
            for _ in range(OUR_COPIES):
                file.write(source.read_bytes())

    def make_small(part):
        with open(source, "rb") as file:
            head = file.read(PEER_BYTES)
        part.write_bytes(head[:head.rindex(b"\n") + 1])

    # source of another size is another corpus
    mark = f"tokenize-{source.stat().st_size}"
    large = context.folder / f"{mark}-{OUR_COPIES}-times.jsonl"
    small = context.folder / f"{mark}-small.jsonl"
    inputs.once(large, make_large)
    inputs.once(small, make_small)
    return name, source, large, small


def megabytes(path):
    return path.stat().st_size / 1e6


def ours(context, source, tokenizer):
    """The source is read first: what runs took from the cache since is no part of this."""
    with open(source, "rb", buffering=0) as file:
        while file.read(1 << 22):
            pass
    return measure.run([context.gristmill, "tokenize", str(source), "-t", str(tokenizer), "-o",
                        str(context.fresh("tokens")), "--eos", EOS, "--json", "--memory", "1GB"])


def in_memory(context, source, tokenizer):
    """MB of the source per second: of CPU time, of all cores at once, and of those in their first
    passes, as many as the end-to-end run has for each of them."""
    n_first = max(1, OUR_COPIES // context.n_cpus)
    cost = measure.run([str(context.tools / "encode_rate"), str(source), str(tokenizer),
                        str(context.n_cpus), "3", str(n_first)])
    return [float(word) for word in cost.output["out"].split()[1:4]]


def floor_ns(context, source, out_bytes):
    """CPU time for a byte of the source of what has to be done besides encoding, if each part is done
    alone: reading, JSON, SHA-256, writing."""
    cost = measure.run([str(context.tools / "tokenize_floor"), str(source),
                        str(context.outputs / "floor"), str(out_bytes)])
    return [float(word) for word in cost.output["out"].split()[1:5]]


def same_files(context, small, tokenizer, prefix):
    """The peer's files are ours, byte for byte."""
    ours(context, small, tokenizer)
    for extension in (".bin", ".idx"):
        mine = (context.outputs / "tokens" / f"tokens-00000{extension}").read_bytes()
        if mine != pathlib.Path(f"{prefix}{extension}").read_bytes():
            raise measure.Failed(f"tokenize: {extension} differs from the peer's")


def run(context, row):
    """Rows for the table; row: the class of them."""
    what, tokenizer = vocabulary()
    name, source, large, small = corpora(context)
    rates, memory, cpu, floor = [], [], [], []
    for _ in range(context.n_rounds):
        cost = ours(context, large, tokenizer)
        rates.append(megabytes(large) / cost.wall_s)
        cpu.append(megabytes(large) / cost.cpu_s)
        memory.append(in_memory(context, source, tokenizer))
        written = sum(part.stat().st_size for part in (context.outputs / "tokens").glob("tokens-*"))
        floor.append(floor_ns(context, source, written // OUR_COPIES))
    rate, both = measure.median(rates), measure.median([pair[1] for pair in memory])
    title = f"tokenize {name}, {what}: {megabytes(large):,.0f} MB of JSONL to .bin/.idx"
    rows = []
    python = measure.python_with("tokenizers, numpy")
    if python:
        prefix = context.fresh("peer")
        peer = measure.run([python, str(HERE / "recipe_tokenize.py"), str(small), str(tokenizer),
                            str(prefix), str(context.n_cpus), EOS], timeout_s=300)
        same_files(context, small, tokenizer, prefix)
        theirs = megabytes(small) / peer.wall_s
        rows.append(row(title, f"{rate:.0f} MB/s", f"{theirs:.1f} MB/s (Pool, HF tokenizers, the same bytes)",
                        rate / theirs, 20))
    else:
        rows.append(row(title, f"{rate:.0f} MB/s", "not measured: GM_PYTHON has no tokenizers and numpy"))
    rows.append(row("... of what the cores encode in memory", f"{rate:.0f} MB/s", f"{both:.0f} MB/s (bound)",
                    rate / both, 0.8))
    first = measure.median([pair[2] for pair in memory])
    rows.append(row("... of the same passes in memory, the first with an empty cache", f"{rate:.0f} MB/s",
                    f"{first:.0f} MB/s (bound)", rate / first))
    core = measure.median([pair[0] for pair in memory])
    parts = [measure.median(part) for part in zip(*floor)]
    most = both / (1 + core * sum(parts) / 1000)
    told = "; ".join(f"{ns:.2f} {name}" for ns, name in zip(parts, ("reading", "JSON", "SHA-256", "writing")))
    rows.append(row(f"... of encoding and what has to be done besides, alone ({told} ns a byte)",
                    f"{rate:.0f} MB/s", f"{most:.0f} MB/s (bound)", rate / most))
    rows.append(row("... CPU time, all processes", f"{measure.median(cpu):.0f} MB/s per core",
                    f"{core:.0f} MB/s per core (in memory)", measure.median(cpu) / core))
    return rows
