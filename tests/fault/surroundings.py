"""What a scheduled job may find one night: few descriptors, little address space, an output folder
that may not be written to or that goes away, files that change or may not be read, file names of any
bytes. Each ends with the code that says whose fault it is and a message that names the place, and
what does not stop the run costs no record."""
import os
import resource
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

NOBODY = 65534
IO, SYSTEM, PERMISSION = 74, 71, 77


def rejects(folder):
    return fault.read_lines(f"{folder}/rejects.jsonl")


def limited(work, job, which, value):
    """A run under a limit of this kind. Returns (exit code, messages)."""
    out = f"{work}/run"
    shutil.rmtree(out, ignore_errors=True)
    code, _, err = fault.finish(fault.spawn(job, out, preexec_fn=lambda: resource.setrlimit(
        which, (value, value))))
    return code, err


def few_descriptors(work, job, want):
    for n in (64, 256):
        code, err = limited(work, job, resource.RLIMIT_NOFILE, n)
        if fault.check(code == 0, f"{n} descriptors: exit {code}\n{err[-800:]}"):
            fault.same(want, f"{work}/run", f"{n} descriptors")
    for n in (8, 12, 16, 20):
        code, err = limited(work, job, resource.RLIMIT_NOFILE, n)
        fault.check(code in (SYSTEM, IO) and "raise `ulimit -n`" in err,
                    f"{n} descriptors: exit {code}\n{err[-800:]}")
    code, err = limited(work, job, resource.RLIMIT_NOFILE, 8)
    fault.check(f"{work}/run: unable to create" in err, f"the place is not told: {err[-800:]}")


def little_address_space(work, job):
    code, err = limited(work, job, resource.RLIMIT_AS, 300 << 20)
    fault.check(code == SYSTEM and "lower `memory:`" in err, f"exit {code}\n{err[-800:]}")


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def without_permission(work, job):
    """Root may read and write everything: somebody else is needed."""
    if os.getuid() != 0:
        return
    os.chmod(work, 0o755)
    code, _, err = fault.finish(fault.spawn(job, f"{work}/run", preexec_fn=as_nobody))
    fault.check(code == PERMISSION and f"{work}/run" in err, f"no permission: {code}\n{err[-800:]}")
    os.mkdir(f"{work}/theirs", 0o777)
    os.chmod(f"{work}/theirs", 0o777)
    some = f"{work}/in/texts/1/{sorted(os.listdir(f'{work}/in/texts/1'))[0]}"
    os.chmod(some, 0)
    os.chmod(f"{work}/in/texts/2", 0o700)
    process = fault.spawn(job, f"{work}/theirs/run", preexec_fn=as_nobody)
    code, _, err = fault.finish(process)
    fault.check(code == 0, f"unreadable files: exit {code}\n{err[-800:]}")
    fault.adds_up(f"{work}/theirs/run", "unreadable files")
    lost = [each["source"] for each in rejects(f"{work}/theirs/run")
            if each["reason"] == "fetch.permission"]
    fault.check(sorted(lost) == sorted([some, f"{work}/in/texts/2/"]), f"not permitted: {lost}")
    os.chmod(some, 0o644)
    os.chmod(f"{work}/in/texts/2", 0o755)


def removed_folder(work, job, want):
    """The shards that follow cannot be created: an error of writing, not of the input."""
    out = f"{work}/run"
    shutil.rmtree(out, ignore_errors=True)
    process = fault.spawn(job, out, "--durability", "record")
    while process.poll() is None and not os.path.exists(f"{out}/journal"):
        pass
    while os.path.exists(out):  # the writer goes on for a moment
        shutil.rmtree(out, ignore_errors=True)
    code, _, err = fault.finish(process)
    fault.check(code == IO and out in err, f"folder removed: exit {code}\n{err[-800:]}")
    fault.run(job, out)
    fault.same(want, out, "anew in a folder that was removed")


def names_of_any_bytes(work):
    folder = f"{work}/names".encode()
    os.mkdir(folder)
    names = [b"new\nline.txt", b"q\"uo'te.txt", b"tab\t.txt", b"\x1b[31mred.txt", b"\xff\xfe.txt",
             b"back\\slash.txt", b" lead.txt", b"*.txt", b"{a,b}.txt", b"-rf.txt", b"x" * 251 + b".txt"]
    for name in names:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"flour\n")
    os.mkfifo(folder + b"/fifo.txt")
    os.symlink(b"/dev/zero", folder + b"/zero.txt")
    os.symlink(b"dangling", folder + b"/gone.txt")
    os.symlink(b".", folder + b"/self")
    os.symlink(b"self", folder + b"/again")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(f"{work}/names/socket.txt")
    with open(folder + b"/sparse.txt", "wb") as file:
        file.truncate(1 << 40)
    job = fault.make_job(f"{work}/names.yaml", [f"{work}/names\n    follow: true"])
    fault.run(job, f"{work}/named")
    fault.adds_up(f"{work}/named", "names of any bytes")
    records = fault.read_records(f"{work}/named")
    fault.check(len(records) == len(names), f"{len(records)} records of {len(names)} names")
    reasons = sorted(each["reason"] for each in rejects(f"{work}/named"))
    fault.check(reasons == ["fetch.io", "fetch.io", "fetch.missing", "media.unsupported"],
                f"links, devices and holes: {reasons}")


def broken_outputs(work, job):
    """Nobody reads what the run says: it is a run all the same. A full device is told."""
    for target in ("stdout", "stderr"):
        reader, writer = os.pipe()
        os.close(reader)
        shutil.rmtree(f"{work}/run", ignore_errors=True)
        process = fault.spawn(job, f"{work}/run", **{target: writer})
        os.close(writer)
        code, _, _ = fault.finish(process)
        fault.check(code == 0, f"{target} is closed: exit {code}")
        fault.adds_up(f"{work}/run", f"{target} is closed")
    with open("/dev/full", "wb") as full:
        code = subprocess.run([fault.GRISTMILL, "stages"], stdout=full,
                              stderr=subprocess.DEVNULL).returncode
    fault.check(code == IO, f"stdout is full: exit {code}")


def main():
    with fault.start() as work:
        job = fault.make_mixed_job(work, 0.2, n_urls=10)
        want, _ = fault.reference(job, f"{work}/reference")
        few_descriptors(work, job, want)
        little_address_space(work, job)
        removed_folder(work, job, want)
        names_of_any_bytes(work)
        broken_outputs(work, job)
        without_permission(work, job)
    fault.end()


main()
