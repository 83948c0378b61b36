"""The writer of a whole run under strace: killed at every n-th system call that changes a file, and
each sync failing once. After a kill the run goes on by itself; a failed sync ends it with exit 74.
Either way the output is that of an undisturbed run in the end. SAMPLES: how many n of each call."""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

CALLS = ("write", "pwrite64", "writev", "fdatasync", "fsync", "syncfs", "ftruncate", "renameat",
         "unlinkat", "openat", "mkdirat")
SYNCS = ("fdatasync", "fsync", "syncfs")


def traced(job, out, call, what):
    """Runs the job with strace on its first writer. Returns (code, messages, was it attached)."""
    process = fault.spawn(job, out, "--durability", "record", "--sandbox", "off")
    deadline = time.monotonic() + 20
    writers = []
    while not writers and process.poll() is None and time.monotonic() < deadline:
        writers = fault.children_of_kind(process.pid, "write")
    tracer = None
    if writers:
        tracer = subprocess.Popen(["strace", "-q", "-o", "/dev/null", "-p", str(writers[0]), "-e",
                                   f"trace={call}", "-e", f"inject={call}:{what}"],
                                  stderr=subprocess.DEVNULL)
    code, _, err = fault.finish(process)
    if tracer:
        tracer.wait(timeout=20)
    return code, err


def one(work, job, want, call, what, codes):
    out = f"{work}/run"
    shutil.rmtree(out, ignore_errors=True)
    code, err = traced(job, out, call, what)
    name = f"{call} {what}"
    fault.check(code in codes, f"{name}: exit {code}\n{err[-600:]}")
    if code != 0:
        fault.check(code != 74 or out in err, f"{name}: no path in {err[-400:]}")
        fault.run(job, out, "--durability", "record", "--sandbox", "off")
    fault.adds_up(out, name)
    fault.same(want, out, name)
    return code, "killed" in err or code != 0


def main():
    samples = fault.count("SAMPLES", 2)
    if not shutil.which("strace") or subprocess.run(
            ["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("strace may not trace here")
        sys.exit(77)
    with fault.start() as work:
        job = fault.make_mixed_job(work, 0.2, n_urls=10)
        want, _ = fault.reference(job, f"{work}/reference", "--sandbox", "off")
        kills = failures = 0
        for call in CALLS:
            for n in range(1, samples + 1):
                step = n if samples > 5 else n * n * 3 - 2
                kills += one(work, job, want, call, f"signal=KILL:when={step}", (0,))[1]
        for call in SYNCS:
            for n in range(1, samples + 1):
                failures += one(work, job, want, call, f"error=EIO:when={n}", (0, 74))[0] == 74
        fault.note(f"{kills} kills, {failures} failed syncs")
        fault.check(kills >= samples and failures >= 1, "too few of them happened")
    fault.end()


main()
