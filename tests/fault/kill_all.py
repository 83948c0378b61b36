"""kill -9 of the supervisor at random instants: its children die with it, and the same command goes
on, again and again, until the job is done with the output of an undisturbed run. KILLS: how many."""
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

LAYOUTS = (("jsonl", "folder"), ("jsonl.zst", "tar"))
MAX_IN_ONE_JOB = 6


def job_kills(work, job, want, layout, most, times, rng):
    shutil.rmtree(f"{work}/run", ignore_errors=True)
    kills, code, err = fault.resume_until_done(work, job, most, times, rng)
    what = f"{layout}: everything killed {kills} times"
    if fault.check(code == 0, f"{what}: exit {code}\n{err[-3000:]}"):
        fault.adds_up(f"{work}/run", what)
        fault.same(want, f"{work}/run", what)
    return kills


def main():
    seed = fault.count("SEED", int(time.time()))
    n_kills = fault.count("KILLS", 16)
    rng = random.Random(seed)
    fault.note(f"seed {seed}")
    with fault.start() as work:
        total = 0
        mixed = fault.make_mixed_job(work)
        for n, layout in enumerate(LAYOUTS):
            job = fault.with_layout(mixed, f"{work}/job{n}.yaml", *layout)
            want, took = fault.reference(job, f"{work}/reference{n}", "--durability", "record")
            times = [took]
            kills = jobs = 0
            while kills < n_kills // len(LAYOUTS) and not fault.bad and jobs < n_kills:
                kills += job_kills(work, job, want, layout, MAX_IN_ONE_JOB, times, rng)
                jobs += 1
            fault.note(f"{' '.join(layout)}: {kills} kills in {jobs} jobs, {took:.2f} s undisturbed")
            total += kills
        fault.check(total >= n_kills // 2, f"only {total} kills")
        fault.note(f"{total} kills")
    fault.end()


main()
