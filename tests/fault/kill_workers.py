"""kill -9 of one kind of process at a time, at random instants of a run that goes on: nothing is
lost or doubled, and the output is that of an undisturbed run. KILLS: how many of each kind."""
import collections
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

MAX_IN_ONE_RUN = 8


def disturb(process, kind, most, rng):
    """Kills children of that kind until the run is over or enough died. Returns how many."""
    kills = 0
    while process.poll() is None and kills < most:
        victims = fault.children_of_kind(process.pid, kind)
        if not victims:
            time.sleep(0.001)
            continue
        time.sleep(rng.random() ** 2 * 0.08)
        kills += fault.kill_child(process.pid, rng.choice(victims))
    return kills


def one_run(work, job, want, kind, most, rng):
    out = f"{work}/run"
    shutil.rmtree(out, ignore_errors=True)
    durability = rng.choice(("group", "record"))
    workers = rng.choice((1, 2, 3))
    process = fault.spawn(job, out, "--durability", durability, "--workers", str(workers))
    kills = disturb(process, kind, most, rng)
    code, _, err = fault.finish(process)
    what = f"{kind} killed {kills} times ({durability}, {workers} workers)"
    if not fault.check(code == 0, f"{what}: exit {code}\n{err[-3000:]}"):
        return kills, False
    fault.adds_up(out, what)
    return kills, fault.same(want, out, what)


def main():
    seed = fault.count("SEED", int(time.time()))
    n_kills = fault.count("KILLS", 15)
    rng = random.Random(seed)
    fault.note(f"seed {seed}")
    with fault.start() as work:
        job = fault.make_mixed_job(work)
        want, took = fault.reference(job, f"{work}/reference", "--durability", "record")
        fault.note(f"undisturbed: {took:.2f} s, {len(want)} files")
        totals = collections.Counter()
        for kind in fault.KINDS:
            runs = idle = good = 0
            while totals[kind] < n_kills and idle < 10:
                most = min(MAX_IN_ONE_RUN, n_kills - totals[kind])
                kills, ok = one_run(work, job, want, kind, most, rng)
                totals[kind] += kills
                runs += 1
                good += ok
                idle = 0 if kills else idle + 1
                if runs - good >= 3:
                    break
            fault.note(f"{kind}: {totals[kind]} kills in {runs} runs, {good} identical")
            fault.check(totals[kind] >= n_kills, f"{kind}: only {totals[kind]} kills")
    fault.end()


main()
