"""A disk that is full, and files that may not grow, at many sizes: exit 74 with the path in the
message, what was committed can be read, and with room the same command goes on to the output of an
undisturbed run. The disk is a small tmpfs, for which root is needed; without it that half is left
out, loudly. STEPS: how many sizes."""
import os
import resource
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

IO = 74


def check_stopped(code, err, out, what):
    fault.check(code == IO, f"{what}: exit {code} instead of {IO}: {err[-600:]}")
    fault.check(out in err, f"{what}: the message names no path: {err[-600:]}")


def full_disk(work, job, want, steps, total):
    disk = f"{work}/disk"
    os.makedirs(disk)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk],
                                           stderr=subprocess.DEVNULL).returncode != 0:
        fault.note("SKIPPED: no tmpfs may be mounted here; full disks were not tried")
        return 0
    subprocess.run(["umount", disk], check=True)
    full = 0
    for step in range(steps):
        size_kb = 64 + step * (total // 1024) // steps
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "none", disk], check=True)
        try:
            code, _, err = fault.finish(fault.spawn(job, f"{disk}/run", "--durability", "record"))
            if code != 0:
                full += 1
                check_stopped(code, err, f"{disk}/run", f"disk of {size_kb} KB")
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            if code != 0:
                fault.run(job, f"{disk}/run", "--durability", "record")
            fault.adds_up(f"{disk}/run", f"disk of {size_kb} KB")
            fault.same(want, f"{disk}/run", f"disk of {size_kb} KB")
        finally:
            subprocess.run(["umount", disk], check=True)
    return full


def limit_writer(process, most):
    """Files of the writer may not grow beyond that; false if it was over before."""
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        for pid in fault.children_of_kind(process.pid, "write"):
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                    if "Seccomp:\t2" not in status.read():
                        continue  # it is about to set its own limits
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
                return True
            except OSError:
                pass
        time.sleep(0.001)
    return False


def short_files(work, job, want, steps, longest):
    stopped = 0
    for step in range(steps):
        most = 1000 + step * longest // steps
        out = f"{work}/short"
        shutil.rmtree(out, ignore_errors=True)
        process = fault.spawn(job, out, "--durability", "record")
        limit_writer(process, most)
        code, _, err = fault.finish(process)
        if code != 0:
            stopped += 1
            check_stopped(code, err, out, f"files up to {most} bytes")
            fault.run(job, out, "--durability", "record")
        fault.adds_up(out, f"files up to {most} bytes")
        fault.same(want, out, f"files up to {most} bytes")
    return stopped


def no_file_may_grow(work, job):
    """Shared memory counts as a file: nothing can be started, and that is said."""
    process = subprocess.Popen(["prlimit", "--fsize=100000", *fault.command(job, f"{work}/none")],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    code, _, err = fault.finish(process)
    fault.check(code in (71, IO) and "File too large" in err, f"no file may grow: exit {code}: {err}")


def main():
    steps = fault.count("STEPS", 8)
    with fault.start() as work:
        job = fault.make_mixed_job(work, 0.5)
        want, _ = fault.reference(job, f"{work}/reference")
        sizes = [os.path.getsize(os.path.join(parent, name))
                 for parent, _, names in os.walk(f"{work}/reference") for name in names]
        full = full_disk(work, job, want, steps, sum(sizes))
        stopped = short_files(work, job, want, steps, max(sizes))
        no_file_may_grow(work, job)
        fault.note(f"{steps} sizes each: {full} disks were full, {stopped} files too short")
        fault.check(stopped >= steps // 2, f"only {stopped} runs met the limit of file sizes")
    fault.end()


main()
