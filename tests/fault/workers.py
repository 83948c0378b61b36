"""The same output for 1, 2, 3 and 8 workers, for other memory, connections and threads, with and
without the sandbox, and whether or not commits come often."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

LAYOUTS = (("jsonl", "folder"), ("jsonl.zst", "tar"))
BIG = ("--memory", "1GB")
VARIANTS = (
    (*BIG, "--workers", "2"),
    (*BIG, "--workers", "3"),
    (*BIG, "--workers", "8"),
    ("--memory", "256MB", "--workers", "1"),
    ("--memory", "512MB", "--workers", "2", "--set", "fetch.connections=1"),
    (*BIG, "--workers", "2", "--set", "fetch.connections=64", "--set", "fetch.threads=4"),
    (*BIG, "--workers", "3", "--durability", "record"),
    ("--workers", "1", "--durability", "none", "--set", "fetch.per_host=1"),
)
# The manifest says what the workers ran under.
UNLOCKED = (*BIG, "--workers", "2", "--sandbox", "off")


def add_uneven_input(folder):
    """Bodies around every limit at which something is done in another way."""
    rng = random.Random(11)
    for i, n_bytes in enumerate((15000, 70000, 200000, 262144, 300000, 1 << 20, 5 << 20)):
        fault.put(f"{folder}/texts/uneven/{i}.txt", fault.prose(rng, n_bytes))
    fault.put(f"{folder}/lines/wide.jsonl", "".join(
        '{"text": "%s"}\n' % fault.prose(rng, rng.choice((200, 90000, 400000, 2000000))).replace("\n", " ")
        for _ in range(12)))
    fault.put(f"{folder}/images/large.png", fault.png(rng, 900, 700))


def main():
    with fault.start() as work:
        mixed = fault.make_mixed_job(work, scale=0.6)
        add_uneven_input(f"{work}/in")
        for n, layout in enumerate(LAYOUTS):
            job = fault.with_layout(mixed, f"{work}/job{n}.yaml", *layout)
            want, _ = fault.reference(job, f"{work}/{n}", *BIG, "--workers", "1")
            for k, options in enumerate((*VARIANTS, UNLOCKED)):
                out, what = f"{work}/{n}.{k}", f"{' '.join(layout)} {' '.join(options)}"
                fault.run(job, out, *options)
                fault.adds_up(out, what)
                ignore = ("manifest.json",) if options is UNLOCKED else ()
                fault.same(want, out, what, ignore)
            fault.note(f"{' '.join(layout)}: {len(VARIANTS) + 1} variants, {len(want)} files")
    fault.end()


main()
