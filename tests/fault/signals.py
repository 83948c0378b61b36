"""Signals and closed outputs: SIGTERM, SIGINT and SIGHUP stop a run within its drain deadline with
exit 75, a second one at once; the same command goes on to the output of an undisturbed run."""
import fcntl
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

DRAIN = ("--drain-deadline", "2s")
TEMPFAIL = 75


def wait_until_running(process, out):
    """Until the writer is there."""
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        if fault.children_of_kind(process.pid, "write") and os.path.exists(f"{out}/journal"):
            return True
        time.sleep(0.002)
    return False


def stop(work, job, signals, rng):
    """Starts a job whose first item is slow, sends the signals; returns the code."""
    out = f"{work}/run"
    shutil.rmtree(out, ignore_errors=True)
    process = fault.spawn(job, out, *DRAIN, "--durability", "record")
    if not fault.check(wait_until_running(process, out), "the run does not start"):
        return fault.finish(process)[0]
    time.sleep(rng.random() * 0.15)
    for each in signals:
        process.send_signal(each)
        time.sleep(0.05)
    code, _, err = fault.finish(process, limit=20)
    fault.check(code == TEMPFAIL, f"{signals}: exit {code}\n{err[-800:]}")
    left = fault.reap_orphans()
    fault.check(not left, f"{signals}: these were left behind: {left}")
    return code


def stops(work, job, want, rng):
    for signals in ([signal.SIGTERM], [signal.SIGINT], [signal.SIGHUP],
                    [signal.SIGTERM, signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]):
        stop(work, job, signals, rng)
        what = " ".join(each.name for each in signals)
        for path in ("manifest.json",):
            fault.check(not os.path.exists(f"{work}/run/{path}"), f"{what}: the run was over")
        fault.run(job, f"{work}/run")
        fault.adds_up(f"{work}/run", what)
        fault.same(want, f"{work}/run", what)


def hears_signals(process):
    """It has got as far as to answer SIGTERM."""
    while process.poll() is None:
        with open(f"/proc/{process.pid}/status") as file:
            caught = next(line for line in file if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return True
    return False


def stops_at_any_instant(work, job, rng, n):
    """From the planning to the last rename: 0 or 75, and the next start goes on."""
    want, took = fault.reference(job, f"{work}/undisturbed")
    codes = []
    for _ in range(n):
        shutil.rmtree(f"{work}/run", ignore_errors=True)
        for _ in range(20):
            process = fault.spawn(job, f"{work}/run", *DRAIN)
            hears_signals(process)
            time.sleep(rng.random() * took)
            process.send_signal(rng.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
            codes.append(fault.finish(process)[0])
            if codes[-1] == 0:
                break
        fault.run(job, f"{work}/run")
        fault.same(want, f"{work}/run", "stopped at any instant")
    fault.check(set(codes) <= {0, TEMPFAIL}, f"stopped at any instant: {codes}")
    fault.check(TEMPFAIL in codes, "none of them was stopped")


def ignored_signals(work, job, want):
    """Under nohup the end of the terminal is not the end of the run."""
    process = fault.spawn(job, f"{work}/nohup", preexec_fn=lambda: signal.signal(signal.SIGHUP,
                                                                             signal.SIG_IGN))
    fault.check(wait_until_running(process, f"{work}/nohup"), "the run does not start")
    process.send_signal(signal.SIGHUP)
    code, _, err = fault.finish(process)
    fault.check(code == 0, f"SIGHUP under nohup: exit {code}\n{err[-800:]}")
    fault.same(want, f"{work}/nohup", "SIGHUP under nohup")


def closed_outputs(work, job, want):
    """Nobody reads what it says: it works on, and says so at most in its exit code."""
    for name in ("stdout", "stderr"):
        out = f"{work}/closed-{name}"
        reader, writer = os.pipe()
        os.close(reader)
        command = [part for part in fault.command(job, out) if part not in ("--progress", "none")]
        process = subprocess.Popen([*command, "--progress", "plain"], stdin=subprocess.DEVNULL,
                                   **{**{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
                                      name: writer})
        os.close(writer)
        code, _, _ = fault.finish(process)
        fault.check(code in (0, 74), f"closed {name}: exit {code}")
        fault.same(want, out, f"closed {name}")


def narrow_terminal(work, job, want):
    """60 columns: no line of the progress is wider."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    command = [part for part in fault.command(job, f"{work}/narrow")
               if part not in ("--progress", "none", "--json")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=other)
    os.close(other)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    fault.check(process.wait(timeout=20) == 0, "narrow terminal: the run failed")
    fault.same(want, f"{work}/narrow", "narrow terminal")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode(errors="replace"))
    redrawn = [line for part in text.split("\n") for line in part.rstrip("\r").split("\r")[:-1]]
    wide = [line for line in redrawn if len(line) > 60 and not line.startswith("gristmill:")]
    fault.check(not wide, f"narrow terminal: {wide[:2]}")


def main():
    rng = random.Random(fault.count("SEED", 1))
    with fault.start() as work:
        fault.make_input(f"{work}/in", 0.5)
        fault.put(f"{work}/in/slow.txt", "A slow one.\n")
        base = fault.serve(f"{work}/in")
        fault.Handler.delays["/slow.txt"] = 1.0
        fault.put(f"{work}/urls.txt", f"{base}/slow.txt\n")
        job = fault.make_job(f"{work}/job.yaml",
                             [f"{work}/in/{name}" for name in ("texts", "images", "lines")],
                             f"{work}/urls.txt")
        want, _ = fault.reference(job, f"{work}/reference")
        stops(work, job, want, rng)
        ignored_signals(work, job, want)
        closed_outputs(work, job, want)
        narrow_terminal(work, job, want)
        short = fault.make_job(f"{work}/short.yaml", [f"{work}/in/texts", f"{work}/in/lines"])
        stops_at_any_instant(work, short, rng, fault.count("STOPS", 6))
    fault.end()


main()
