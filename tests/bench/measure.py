"""Runs commands and says what they cost: wall time, CPU time and peak memory of whole process
trees, medians of interleaved runs (A B A B ...), so that a slow minute of the machine hits both."""

import mmap
import os
import re
import statistics
import subprocess
import sys
import threading
import time

POLL_SECONDS = 0.02
PAGE_BYTES = 4096
TOUCHED_BYTES = 1 << 30
QUIET_SECONDS = 0.3


class Cost:
    """What one run took. peaks: largest resident set in bytes by name of process."""

    def __init__(self, wall_s, cpu_s, max_rss_bytes, output, peaks):
        self.wall_s = wall_s
        self.cpu_s = cpu_s
        self.max_rss_bytes = max_rss_bytes
        self.output = output
        self.peaks = peaks


class Failed(Exception):
    """A command that did not do what it was asked to do."""


def children_of(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        return []
    return found


def sample_peaks(pid, peaks):
    """Largest resident set so far of a process and all below it, by the process's name."""
    todo = [pid]
    while todo:
        one = todo.pop()
        todo += children_of(one)
        try:
            with open(f"/proc/{one}/status") as file:
                text = file.read()
        except OSError:
            continue
        name = re.search(r"^Name:\s*(.*)$", text, re.M)
        peak = re.search(r"^VmHWM:\s*(\d+)", text, re.M)
        if name and peak:
            peaks[name.group(1)] = max(peaks.get(name.group(1), 0), int(peak.group(1)) * 1024)


def available_bytes():
    with open("/proc/meminfo") as file:
        return int(re.search(r"^MemAvailable:\s*(\d+)", file.read(), re.M).group(1)) * 1024


def settle():
    """The machine as every run shall find it, whatever ran before. What is to be written is written:
    who syncs its output would wait for that, too. And free memory has been touched: a virtual
    machine gives what is free back to its host, and pays up to 2 ns a byte when it is used again,
    ten times as much as the copy that uses it. That falls on whoever comes after a pause, or after
    runs whose files are still in the cache, and is no property of any program. At last the kernel's
    own threads have had a moment for what removed files and freed memory leave them to do: else they
    take a CPU from the next run."""
    os.sync()
    n_bytes = min(TOUCHED_BYTES, available_bytes() // 2)
    with mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        if hasattr(mmap, "MADV_HUGEPAGE"):  # what is given back is pieces of that size
            memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, n_bytes, PAGE_BYTES):
            memory[at] = 1
    time.sleep(QUIET_SECONDS)


def run(argv, sample=False, allowed=(0,), timeout_s=120, stop_after_s=None):
    """Runs argv to its end, on a settled machine. CPU time is that of the process and of all children
    it waited for. stop_after_s: end it with SIGTERM after that time."""
    peaks = {}
    settle()
    start = time.monotonic()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    texts = {}

    def drain(name, pipe):
        texts[name] = pipe.read()

    readers = [threading.Thread(target=drain, args=pair)
               for pair in (("out", child.stdout), ("err", child.stderr))]
    for reader in readers:
        reader.start()
    usage, ended_s = wait(child, start, peaks if sample else None, timeout_s, stop_after_s)
    for reader in readers:
        reader.join()
    code = os.waitstatus_to_exitcode(usage[1])
    if code not in allowed:
        tail = (texts["err"] or texts["out"]).decode("utf-8", "replace")[-600:]
        raise Failed(f"{' '.join(map(str, argv))[:200]}: exit {code}: {tail}")
    cpu_s = usage[2].ru_utime + usage[2].ru_stime
    return Cost(ended_s - start, cpu_s, usage[2].ru_maxrss * 1024, texts, peaks)


def wait(child, start, peaks, timeout_s, stop_after_s):
    if peaks is None and stop_after_s is None:
        timer = threading.Timer(timeout_s, child.kill)
        timer.start()
        usage = os.wait4(child.pid, 0)
        ended_s = time.monotonic()
        timer.cancel()
        child.returncode = 0
        return usage, ended_s
    while True:
        if peaks is not None:
            sample_peaks(child.pid, peaks)
        usage = os.wait4(child.pid, os.WNOHANG)
        now = time.monotonic()
        if usage[0]:
            child.returncode = 0
            return usage, now
        if stop_after_s is not None and now - start > stop_after_s:
            child.terminate()
            stop_after_s = None
        if now - start > timeout_s:
            child.kill()
        time.sleep(POLL_SECONDS)


def interleave(contestants, n_rounds):
    """contestants: name -> function that returns a number or a Cost. Runs them in turns and
    returns name -> list of results, in the order of the rounds."""
    results = {name: [] for name in contestants}
    for _ in range(n_rounds):
        for name, function in contestants.items():
            results[name].append(function())
    return results


def python_with(modules, *pythons):
    """The first of these that can import the modules, or None; by default GM_PYTHON, then the one that
    runs this. One that is None, or not there, can not: `make` exports GM_PYTHON before it exists."""
    for python in filter(None, pythons or (os.environ.get("GM_PYTHON"), sys.executable)):
        try:
            done = subprocess.run([python, "-c", f"import {modules}"], capture_output=True, check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


def python_versions(python, packages):
    """package -> the version that a Python has."""
    script = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    done = subprocess.run([python, "-c", script, *packages], capture_output=True, text=True, check=False)
    return {} if done.returncode else dict(zip(packages, done.stdout.split()))


def version_of(*argv):
    """The number in the first line that a command prints."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return "missing"
    line = ((done.stdout or done.stderr).splitlines() or ["unknown"])[0]
    number = re.search(r"\d+(\.\d+)+", line)
    return number.group(0) if number else line.strip()


def median(values):
    return statistics.median(values)


def median_wall(costs):
    return median([cost.wall_s for cost in costs])


def median_cpu(costs):
    return median([cost.cpu_s for cost in costs])
