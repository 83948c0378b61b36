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


def names_that_are_no_text(work):
    """Two files whose names look alike once their bytes are replaced, and an address that is longer than what
    is shown of it."""
    folder = os.fsencode(f"{work}/odd")
    os.makedirs(folder)
    names = [folder + b"/bad\xff.txt", folder + b"/bad\xfe.txt"]
    for name in names:
        with open(name, "wb") as file:
            file.write(b"A text.\n")
    base = fault.serve(f"{work}/none")
    fault.put(f"{work}/long.txt", f"{base}/{'a' * 9000}.txt\n")
    job = fault.make_job(f"{work}/odd.yaml", [f"{work}/odd"], urls=f"{work}/long.txt")
    out = f"{work}/odd-run"
    fault.run(job, out)
    summary = fault.run(job, out)
    fault.check(summary.get("nothing_new") is True, f"odd names: {summary}")
    with open(names[1], "ab") as file:
        file.write(b"More.\n")
    os.unlink(names[0])
    summary = fault.run(job, out)
    fault.check(summary.get("items_removed") == 1 and summary.get("written") == 1,
                f"odd names, one changed and one removed: {summary}")
    removed = fault.read_lines(f"{out}/gen-00002/removed.jsonl")
    sources = [row["source"] for row in fault.read_records(out)]
    fault.check(len(removed) == 1 and removed[0]["source"] in sources,
                f"removed by the name that its record has: {removed}, {sources}")
    summary = fault.run(job, out)
    fault.check(summary.get("nothing_new") is True, f"odd names, removed before: {summary}")


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


def still_missing(work):
    """Pages that are gone are no news: no generation is made for them, and they are counted."""
    base = fault.serve(f"{work}/gone")
    fault.put(f"{work}/gone/here.txt", "This page stays.\n")
    fault.put(f"{work}/gone.txt", f"{base}/here.txt\n{base}/one.txt\n{base}/two.txt\n")
    job = fault.make_job(f"{work}/gone.yaml", [f"{work}/denied"], urls=f"{work}/gone.txt")
    fault.put(f"{work}/denied/text.txt", "A file.\n")
    out = f"{work}/gone-run"
    summary = fault.run(job, out)
    fault.check(summary.get("failed") == 2 and summary.get("items_failing") == 0,
                f"missing pages: {summary}")
    before = fault.digests(out)
    summary = fault.run(job, out)
    fault.check(summary.get("nothing_new") is True and summary.get("items_failing") == 2 and
                summary.get("items_unchanged") == 2 and summary.get("generation") == 1,
                f"still missing: {summary}")
    fault.same(before, out, "still missing")
    fault.put(f"{work}/gone/one.txt", "Here it is.\n")
    summary = fault.run(job, out)
    fault.check(summary.get("generation") == 2 and summary.get("written") == 1 and
                summary.get("failed") == 0 and summary.get("items_failing") == 1,
                f"one of them came: {summary}")
    fault.adds_up(f"{out}/gen-00002", "one of them came")
    rows = {row["source"].rsplit("/", 1)[1]: row["status"]
            for row in fault.read_lines(f"{out}/gen-00002/items.jsonl")}
    fault.check(rows.get("one.txt") == "ok" and rows.get("two.txt") == "failing" and
                not fault.read_lines(f"{out}/gen-00002/rejects.jsonl"), f"its items: {rows}")
    summary = fault.run(job, out)
    fault.check(summary.get("nothing_new") is True and summary.get("items_failing") == 1,
                f"after it came: {summary}")
    os.unlink(f"{work}/gone/here.txt")
    summary = fault.run(job, out)
    fault.check(summary.get("generation") == 3 and summary.get("failed") == 1 and
                summary.get("items_failing") == 1, f"another page is gone: {summary}")


def too_many_failures(work):
    """max_failed looks at what still fails, too."""
    base = fault.serve(f"{work}/none")
    fault.put(f"{work}/none.txt", f"{base}/a.txt\n{base}/b.txt\n")
    job = fault.make_job(f"{work}/none.yaml", urls=f"{work}/none.txt")
    out = f"{work}/none-run"
    for _ in range(2):
        fault.run(job, out, "--set", "max_failed=1", want=1)
    summary = fault.run(job, out, "--set", "max_failed=2")
    fault.check(summary.get("nothing_new") is True and summary.get("items_failing") == 2,
                f"as many failures as are allowed: {summary}")


def main():
    with fault.start() as work:
        generations(work)
        names_that_are_no_text(work)
        two_at_once(work)
        not_modified(work)
        still_missing(work)
        too_many_failures(work)
    fault.end()


main()
