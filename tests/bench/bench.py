#!/usr/bin/env python3
"""The benchmark: runs gristmill and its peers in turns over the same inputs and prints one table.

    bench.py BUILD [--rounds N] [--folder DIR] [JOB ...]

The inputs are made once below DIR (default: gristmill-bench in the temporary folder), outputs are
removed at the end. The rows also go to BUILD/bench/results.json, from which render.py writes
docs/performance.md and its plot. Nothing here passes or fails: it measures."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

import inputs
import jobs
import jobs_encode
import jobs_images
import measure


def machine():
    """What a reader must know to judge the numbers."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    kilobytes = re.search(r"^MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.M)
    os_name = re.search(r'^PRETTY_NAME="(.*)"$', pathlib.Path("/etc/os-release").read_text(), re.M)
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "n_cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(kilobytes.group(1)) / 2**20, 1),
        "kernel": platform.release().split("-")[0],
        "os": os_name.group(1) if os_name else "",
    }


def versions(gristmill):
    return {
        "gristmill": measure.version_of(gristmill, "--version"),
        "curl": measure.version_of("curl", "--version"),
        "wget2": measure.version_of("wget2", "--version"),
        "nginx": measure.version_of(shutil.which("nginx") or "/usr/sbin/nginx", "-v"),
        "Python": platform.python_version(),
        **jobs_images.versions(),
        **jobs_encode.versions(),
    }


def ratio_text(row):
    return "-" if row.ratio is None else f"{row.ratio:.2f}x"


def target_text(row):
    if row.target is None:
        return "-"
    sign = ">=" if row.sense == "at_least" else "<="
    mark = {True: "reached", False: "MISSED", None: "not measured"}[row.reached()]
    return f"{sign} {row.target:g}x {mark}"


def print_table(rows):
    cells = [("what", "ours", "peer or bound", "ratio", "target")]
    cells += [(row.what, row.ours, row.peer, ratio_text(row), target_text(row)) for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    for number, line in enumerate(cells):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def run_jobs(context, names):
    rows, seconds = [], {}
    for name in names:
        start = time.monotonic()
        print(f"bench: {name} ...", end="", file=sys.stderr, flush=True)
        try:
            rows += jobs.JOBS[name](context)
        except (measure.Failed, OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
            rows.append(jobs.Row(name, f"FAILED: {error}"[:160], "-"))
        seconds[name] = time.monotonic() - start
        print(f" {seconds[name]:.0f} s", file=sys.stderr)
    return rows, seconds


def command(names):
    return "make bench" if set(names) == set(jobs.JOBS) else f'make bench BENCH="{" ".join(names)}"'


def save(build, context, rows, seconds):
    folder = build / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(context.gristmill),
        "command": command(list(seconds)),
        "n_rounds": context.n_rounds,
        "seconds": round(sum(seconds.values())),
        "rows": [dict(vars(row), reached=row.reached(), ratio_text=ratio_text(row),
                      target_text=target_text(row)) for row in rows],
    }
    (folder / "results.json").write_text(json.dumps(result, indent=1) + "\n")


def main():
    default = pathlib.Path(tempfile.gettempdir()) / f"gristmill-bench-{os.getuid()}"
    parser = argparse.ArgumentParser(description="gristmill's benchmark")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=default)
    parser.add_argument("jobs", nargs="*", default=list(jobs.JOBS))
    options = parser.parse_intermixed_args()
    unknown = set(options.jobs) - set(jobs.JOBS)
    if unknown:
        parser.error(f"no such job: {', '.join(sorted(unknown))}; there are {', '.join(jobs.JOBS)}")
    context = jobs.Context(options.build.resolve(), options.folder, options.rounds)
    try:
        rows, seconds = run_jobs(context, options.jobs)
    finally:
        inputs.remove(context.outputs)
    print_table(rows)
    save(options.build, context, rows, seconds)


if __name__ == "__main__":
    main()
