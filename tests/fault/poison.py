"""Records that crash, hang, eat memory or overwrite what they can reach: each is named in
rejects.jsonl, its bytes are in quarantine/, and every other record is what it is without them."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

fault.GRISTMILL = os.path.join(os.path.dirname(fault.GRISTMILL), "tests/lib/tool_gristmill_poison")
REASONS = {"crash": "worker.crashed", "abort": "worker.crashed", "exit": "worker.crashed",
           "eat-crash": "worker.crashed", "scribble": "worker.crashed",
           "hang": "worker.deadline", "eat": "limit.memory"}


def make_input(work, poisons):
    """Texts and lines, some of them poisoned. Returns {(file, line or None): kind}."""
    rng = random.Random(5)
    where = {}
    for i in range(120):
        kind = poisons.get(i)
        text = fault.prose(rng, rng.randint(50, 4000))
        name = f"{work}/in/{i:03}.txt"
        fault.put(name, f"{text}POISON {kind}\n{text}" if kind else text)
        if kind:
            where[(name, None)] = kind
    lines = []
    for i in range(300):
        kind = poisons.get(1000 + i)
        text = fault.prose(rng, 300)
        lines.append(json.dumps({"text": f"POISON {kind}" if kind else text}))
        if kind:
            where[(f"{work}/in/lines.jsonl", i)] = kind
    fault.put(f"{work}/in/lines.jsonl", "\n".join(lines) + "\n")
    return where


def job(work, name):
    path = fault.make_job(f"{work}/{name}.yaml", [f"{work}/in"])
    with open(path) as file:
        text = file.read()
    fault.put(path, text.replace("text:\n  - utf8", "text:\n  - poison\n  - utf8")
              .replace("memory: 512MB", "memory: 512MB\nmax_record: 1MB\nrecord_deadline: 500ms"))
    return path


def identity(row):
    member = row["id"].split(".")[1] if "." in row["id"] else None
    return row["source"], int(member) if member else None


def check_rejects(out, where, what):
    rows = {identity(row): row for row in fault.read_lines(f"{out}/rejects.jsonl")}
    for place in set(rows) - set(where):
        fault.fail(f"{what}: {place} is rejected and no poison: {rows[place]}")
    for place, kind in where.items():
        row = rows.get(place)
        if fault.check(row, f"{what}: {kind} at {place} is not in rejects.jsonl"):
            fault.check(row["reason"] == REASONS[kind],
                        f"{what}: {kind} became {row['reason']}, not {REASONS[kind]}")
    return rows


def check_quarantine(out, where, rows, what):
    wanted = {}
    for (name, line), kind in where.items():
        if REASONS[kind] != "limit.memory":
            with open(name, "rb") as file:
                data = file.read()
            parts = rows[(name, line)]["id"].split(".")
            member = f".{int(parts[1]):07}" if line is not None else ""
            wanted[f"item-{parts[0]}{member}.bin"] = \
                data.splitlines()[line] if line is not None else data
    names = set(os.listdir(f"{out}/quarantine")) if wanted else set()
    fault.check(names == set(wanted), f"{what}: quarantine holds {sorted(names ^ set(wanted))}")
    for name in names & set(wanted):
        with open(f"{out}/quarantine/{name}", "rb") as file:
            fault.check(file.read() == wanted[name], f"{what}: {name} holds other bytes")


def one(work, what, poisons, want, *options):
    where = make_input(work, poisons)
    out = f"{work}/{what.replace(' ', '-')}"
    fault.run(job(work, "poisoned"), out, *options, limit=45)
    fault.adds_up(out, what)
    if not os.path.exists(f"{out}/manifest.json"):
        return
    rows = check_rejects(out, where, what)
    check_quarantine(out, where, rows, what)
    got = {identity(row): row for row in fault.read_records(out)}
    rest = {place: row for place, row in want.items() if place not in where}
    fault.check(set(got) == set(rest), f"{what}: records are missing: "
                f"{sorted(set(rest) ^ set(got), key=str)[:5]}")
    fault.check(all({**got[place], "n": 0} == {**rest[place], "n": 0}
                    for place in got if place in rest and place[0].endswith(".jsonl") is False),
                f"{what}: a record is another than without poison")
    fault.note(f"{what}: {len(where)} poisoned, {len(got)} others arrived")


def main():
    with fault.start() as work:
        make_input(work, {})
        fault.run(job(work, "clean"), f"{work}/clean")
        want = {identity(row): row for row in fault.read_records(f"{work}/clean")}
        fault.check(len(want) == 420, f"{len(want)} records without poison")
        for kind in REASONS:
            one(work, kind, {3: kind, 60: kind, 1010: kind}, want)
        one(work, "all at once", {n * 7: kind for n, kind in enumerate(REASONS, 1)} |
            {1000 + n * 31: kind for n, kind in enumerate(REASONS)}, want)
        one(work, "first and last", {0: "crash", 119: "hang", 1000: "crash", 1299: "crash"}, want)
        one(work, "side by side", {n: "crash" for n in range(10, 16)}, want, "--workers", "1")
    fault.end()


main()
