"""The file system goes away in the middle of a run, as in a power loss: what was not on the disk by
then is gone, as are all processes. After mounting it again (its journal is replayed) the same command
goes on; the output is that of an undisturbed run, and no commit that another one followed is missing.
LOSSES: how many times for each file system; FILE_SYSTEMS: ext4 and xfs, if they can be made here. An
image on a loop device; needs root."""
import array
import fcntl
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

SHUTDOWN = 0x8004587D      # FS_IOC_SHUTDOWN: _IOR('X', 125, __u32)
WITHOUT_LOG_FLUSH = 2      # ext4's and XFS's flag have the same number
FRAME_BYTES = 2048         # pipeline/run/journal.h
COMMIT = 3                 # kind of the frames that are synced before the next one is written
IMAGE_BYTES = 768 << 20
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}


def quiet(*argv):
    return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Disk:
    def __init__(self, work, kind):
        self.image, self.mount = f"{work}/{kind}.image", f"{work}/{kind}.mnt"
        os.makedirs(self.mount)
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        self.kind, self.mounted = kind, False
        self.ok = quiet(*MAKE[kind], self.image) and self.attach()

    def attach(self):
        self.mounted = quiet("mount", "-o", "loop", "-t", self.kind, self.image, self.mount)
        return self.mounted

    def detach(self):
        for _ in range(100):
            if not self.mounted or quiet("umount", self.mount):
                self.mounted = False
                return
            time.sleep(0.05)  # a process that was killed still holds a file
        fault.fail(f"unable to unmount {self.mount}")

    def lose_power(self):
        fd = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, array.array("I", [WITHOUT_LOG_FLUSH]))
        finally:
            os.close(fd)


def commits(out):
    """How many there are in the journal, on the disk or on their way to it."""
    try:
        with open(f"{out}/journal", "rb") as file:
            data = file.read()
    except OSError:
        return 0
    kinds = (data[at + 4] for at in range(0, len(data) - FRAME_BYTES + 1, FRAME_BYTES))
    return sum(kind == COMMIT for kind in kinds)


def wait_until(process, out, n_commits, delay_s):
    """Until the journal has so many commits, and a little longer."""
    deadline = time.monotonic() + 20
    while commits(out) < n_commits and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    end = time.monotonic() + delay_s
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)


def lose_once(disk, job, out, rng, options):
    """true: it went away while the run was under way."""
    process = fault.spawn(job, out, *options)
    wait_until(process, out, commits(out) + rng.randint(0, 8), rng.random() * 0.08)
    seen = commits(out)
    disk.lose_power()
    under_way = process.poll() is None
    code, _, err = fault.finish(process)  # it cannot write any more: that ends it
    fault.check(not under_way or code in (74, 70, 71, 0), f"{disk.kind}: exit {code}: {err[-400:]}")
    disk.detach()
    fault.check(disk.attach(), f"{disk.kind}: the image cannot be mounted again")
    kept = commits(out)
    fault.check(kept >= seen - 1, f"{disk.kind}: {seen} commits were seen, {kept} are there: one "
                "that was followed by another is gone")
    return under_way


def campaign(work, kind, job, want, n_losses):
    disk = Disk(work, kind)
    if not disk.ok:
        return None
    rng = random.Random(1)
    n_lost = n_runs = 0
    try:
        while n_lost < n_losses:
            out = f"{disk.mount}/run"
            shutil.rmtree(out, ignore_errors=True)
            # Groups of one block: many commits, so that most instants fall between two.
            options = ("--durability", rng.choice(("record", "group")))
            while not os.path.exists(f"{out}/manifest.json") and n_lost < n_losses:
                n_lost += lose_once(disk, job, out, rng, options)
            fault.run(job, out, *options)
            fault.adds_up(out, f"{kind}, run {n_runs}")
            fault.same(want, out, f"{kind}, run {n_runs}")
            n_runs += 1
    finally:
        disk.detach()
    fault.note(f"{kind}: the power was lost {n_lost} times in {n_runs} runs")
    return n_lost


def main():
    if os.geteuid() != 0 or not os.path.exists("/dev/loop-control"):
        print("power loss needs root and loop devices")
        sys.exit(77)
    with fault.start() as work:
        job = fault.make_mixed_job(work, 0.3, n_urls=10)
        want, _ = fault.reference(job, f"{work}/reference")
        kinds = os.environ.get("FILE_SYSTEMS", "ext4 xfs").split()
        done = [campaign(work, kind, job, want, fault.count("LOSSES", 6)) for kind in kinds
                if shutil.which(MAKE[kind][0])]
        if not any(done):
            print("no image can be mounted here")
            sys.exit(77)
    fault.end()


main()
