"""kill -9 of everything at random instants while token files are written: the shards, their index
files and the statistics are those of an undisturbed run. KILLS: how many."""
import json
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

FORMATS = ("megatron", "npy", "ds")


def make_job(work, kind):
    text = f"""source:
  - files: {work}/in
text:
  - extract: {{keep: none}}
  - tokenize: {{tokenizer: {work}/tokenizer.json, append_eos: auto, max_tokens: 700}}
sink:
  tokens: {{format: {kind}, shard: 120KB}}
"""
    fault.put(f"{work}/{kind}.yaml", text)
    return f"{work}/{kind}.yaml"


def make_input(work):
    rng = random.Random(5)
    for i in range(40):
        fault.put(f"{work}/in/{i:03}.jsonl", fault.json_lines(rng, 60))
        fault.put(f"{work}/in/{i:03}.txt", fault.prose(rng, rng.randint(10, 9000)))
    tool = os.path.join(os.path.dirname(__file__), "../lib/byte_tokenizer.py")
    made = subprocess.run([sys.executable, tool], check=True, stdout=subprocess.PIPE)
    fault.put(f"{work}/tokenizer.json", made.stdout)


def counters(folder):
    with open(f"{folder}/manifest.json", encoding="utf-8") as file:
        return json.load(file)["counters"]


def main():
    seed = fault.count("SEED", int(time.time()))
    n_kills = fault.count("KILLS", 12)
    rng = random.Random(seed)
    fault.note(f"seed {seed}")
    with fault.start() as work:
        make_input(work)
        total = 0
        for kind in FORMATS:
            job = make_job(work, kind)
            begin = time.monotonic()
            fault.run(job, f"{work}/reference-{kind}", "--durability", "record")
            times, kills, jobs = [time.monotonic() - begin], 0, 0
            want = fault.digests(f"{work}/reference-{kind}")
            while kills < n_kills // len(FORMATS) and not fault.bad and jobs < n_kills:
                shutil.rmtree(f"{work}/run", ignore_errors=True)
                n, code, err = fault.resume_until_done(work, job, 4, times, rng)
                what = f"{kind}: everything killed {n} times"
                if fault.check(code == 0, f"{what}: exit {code}\n{err[-3000:]}"):
                    fault.same(want, f"{work}/run", what)
                    fault.check(counters(f"{work}/run") == counters(f"{work}/reference-{kind}"),
                                f"{what}: other statistics")
                    left = [name for name in os.listdir(f"{work}/run") if name.endswith(".sizes")]
                    fault.check(not left, f"{what}: {left} are left")
                kills += n
                jobs += 1
            total += kills
        fault.check(total >= n_kills // 2, f"only {total} kills")
        fault.note(f"{total} kills")
    fault.end()


main()
