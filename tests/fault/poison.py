"""Records that crash, hang, eat memory or overwrite what they can reach: each is named in
rejects.jsonl, its bytes are in quarantine/, and every other record is what it is without them."""
import io
import json
import os
import random
import sys
import tarfile

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


def make_archive(path, kind, at):
    """Twelve members of about 60 KB, so that they are several blocks; one of them is poison."""
    rng = random.Random(9)
    with tarfile.open(path, "w") as tar:
        for i in range(12):
            text = fault.prose(rng, 60000)
            if kind and i == at:
                text = f"{text[:100]} POISON {kind} {text[100:]}"
            info = tarfile.TarInfo(f"member-{i:02}.txt")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))


def members(rows, name):
    return {row["name"]: row["text"] for row in rows if row["source"].endswith(name)}


def archives(work, kind, at, message):
    """The unpacker itself is struck: what stands in front of the place arrives, the place is told,
    and other archives are whole."""
    os.makedirs(f"{work}/archives", exist_ok=True)
    for name, what in (("a.tar", None), ("b.tar", kind), ("c.tar", None)):
        make_archive(f"{work}/archives/{name}", what, at)
    path = fault.make_job(f"{work}/archives.yaml", [f"{work}/archives"])
    with open(path) as file:
        text = file.read()
    fault.put(path, text.replace("memory: 512MB", "memory: 512MB\nrecord_deadline: 500ms"))
    out = f"{work}/archives-{kind}-{at}"
    fault.run(path, out, limit=45)
    fault.adds_up(out, kind)
    rows = fault.read_records(out)
    whole, struck = members(rows, "/a.tar"), members(rows, "/b.tar")
    fault.check(len(whole) == 12 and members(rows, "/c.tar") == whole,
                f"{kind}: the archives beside it lost something")
    lost = [row for row in fault.read_lines(f"{out}/rejects.jsonl")]
    fault.check(len(lost) == 1 and lost[0]["source"].endswith("/b.tar") and
                lost[0]["reason"] == "worker.crashed" and message in lost[0]["message"],
                f"{kind}: told as {lost}")
    # Of a malformed block all members are lost, so the last ones in front of the place, too.
    least = at - 4 if "spoil" in kind else at
    fault.check(max(least, 0) <= len(struck) <= at and
                all(struck[f"member-{i:02}.txt"] == whole[f"member-{i:02}.txt"]
                    for i in range(len(struck))),
                f"{kind}: of {at} members in front of it {len(struck)} arrived")
    fault.note(f"{kind} at member {at}: {len(struck)} members arrived")


def rewritten(work):
    """A worker changes blocks that it has handed over, while they wait for a slow page at the head
    of the list: found out before they are written, and made again."""
    base = fault.serve(f"{work}/www")
    fault.put(f"{work}/www/slow.txt", "The first one takes its time.\n")
    fault.Handler.delays["/slow.txt"] = 2
    names = []
    rng = random.Random(7)
    for i in range(200):
        text = fault.prose(rng, 3000)
        fault.put(f"{work}/www/{i:03}.txt", f"POISON rewrite {text}" if i == 199 else text)
        names.append(f"{base}/{i:03}.txt\n")
    fault.put(f"{work}/www.txt", f"{base}/slow.txt\n" + "".join(names))
    path = fault.make_job(f"{work}/www.yaml", urls=f"{work}/www.txt")
    with open(path) as file:
        text = file.read()
    fault.put(path, text.replace("text:\n  - utf8", "text:\n  - poison\n  - utf8"))
    options = ("--set", "sandbox=off", "--workers", "1")
    fault.run(path, f"{work}/www-clean", *options)
    os.environ["GM_POISON_ONCE"] = f"{work}/once"
    child = fault.spawn(path, f"{work}/www-changed", *options)
    code, _, stderr = fault.finish(child)
    del os.environ["GM_POISON_ONCE"]
    fault.check(code == 0 and os.path.exists(f"{work}/once"), f"exit {code}: {stderr[-2000:]}")
    fault.check("changed a block that it had handed over" in stderr,
                f"changed blocks were not found out: {stderr[-2000:]}")
    fault.same(fault.digests(f"{work}/www-clean"), f"{work}/www-changed", "changed blocks")


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
        for at in (0, 7):
            archives(work, "unpack-crash", at, "this member and all that follow")
            archives(work, "unpack-spoil", at, "spoiled its output here three times")
        archives(work, "unpack-hang", 3, "this member and all that follow")
        rewritten(work)
    fault.end()


main()
