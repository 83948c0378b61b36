"""A finished job started again: nothing new is a quick end that says so; new, changed and removed
sources become the next generation, which holds only them. Two starts at once, another config, and a
server that says that nothing has changed."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

BUSY, CONFIG = 75, 78


def ids_and_sources(folder):
    return sorted(os.path.basename(row["source"]) for row in fault.read_records(folder))


def generations(work):
    job = fault.make_job(f"{work}/job.yaml", [f"{work}/in"])
    out = f"{work}/run"
    for name in ("a", "b", "c"):
        fault.put(f"{work}/in/{name}.txt", f"The text {name}.\n")
    fault.run(job, out)
    before = fault.digests(out)
    summary = fault.run(job, out)
    fault.check(summary.get("nothing_new") is True and summary["generation"] == 1,
                f"nothing new: {summary}")
    fault.same(before, out, "nothing new")
    fault.put(f"{work}/in/b.txt", "The text b, changed.\n")
    fault.put(f"{work}/in/d.txt", "The text d.\n")
    os.unlink(f"{work}/in/c.txt")
    summary = fault.run(job, out)
    fault.check(summary.get("generation") == 2 and summary.get("items") == 2 and
                summary.get("items_removed") == 1 and summary.get("items_unchanged") == 1,
                f"the second generation: {summary}")
    fault.adds_up(f"{out}/gen-00002", "the second generation")
    fault.check(ids_and_sources(f"{out}/gen-00002") == ["b.txt", "d.txt"],
                f"the second generation holds {ids_and_sources(out + '/gen-00002')}")
    removed = fault.read_lines(f"{out}/gen-00002/removed.jsonl")
    fault.check(len(removed) == 1 and "c.txt" in json.dumps(removed[0]), f"removed: {removed}")
    kept = {name: digest for name, digest in fault.digests(out).items()
            if not name.startswith("gen-")}
    fault.check(kept == before, "the first generation was touched")
    fault.run(job, out, "--set", "text.0.utf8.invalid=replace", want=CONFIG)
    summary = fault.run(job, out)
    fault.check(summary.get("nothing_new") is True, f"after the second generation: {summary}")


def two_at_once(work):
    base = fault.serve(f"{work}/in")
    fault.Handler.delays["/a.txt"] = 3
    fault.put(f"{work}/slow.txt", f"{base}/a.txt\n")
    job = fault.make_job(f"{work}/slow.yaml", urls=f"{work}/slow.txt")
    first = fault.spawn(job, f"{work}/slow")
    deadline = time.monotonic() + 10
    while not os.path.exists(f"{work}/slow/journal") and time.monotonic() < deadline:
        time.sleep(0.01)
    code, _, err = fault.finish(fault.spawn(job, f"{work}/slow"))
    fault.check(code == BUSY and "another gristmill" in err, f"second start: exit {code}: {err}")
    code, _, err = fault.finish(first)
    fault.check(code == 0, f"first start: exit {code}: {err}")


def not_modified(work):
    """The server tells ETag and Last-Modified, as nginx does."""
    fault.Handler.delays.clear()
    names = [f"n{i}.txt" for i in range(20)]
    for name in names:
        fault.put(f"{work}/www/{name}", f"The page {name}.\n")
    fault.Handler.validators = True
    base = fault.serve(f"{work}/www")
    fault.put(f"{work}/www.txt", "".join(f"{base}/{name}\n" for name in names))
    job = fault.make_job(f"{work}/www.yaml", urls=f"{work}/www.txt")
    out = f"{work}/www-run"
    fault.run(job, out)
    before = fault.digests(out)
    fault.Handler.statuses.clear()
    summary = fault.run(job, out)
    fault.check(fault.Handler.statuses.count(304) == 20 and fault.Handler.statuses.count(200) == 0,
                f"answers: {fault.Handler.statuses}")
    fault.check(summary.get("nothing_new") is True, f"not modified: {summary}")
    fault.same(before, out, "not modified")
    fault.put(f"{work}/www/n7.txt", "The page n7 is another one now.\n")
    summary = fault.run(job, out)
    fault.check(summary.get("generation") == 2 and summary.get("written") == 1,
                f"one page changed: {summary}")
    fault.adds_up(f"{out}/gen-00002", "one page changed")


def main():
    with fault.start() as work:
        generations(work)
        two_at_once(work)
        not_modified(work)
    fault.end()


main()
