"""Peak memory of all processes stays below the budget plus 5 %, by the program's own figure and by
one taken from outside, on inputs that tempt it. SCALE: 1 is the campaign."""
import gzip
import os
import random
import shutil
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

MB = 1 << 20
BUDGET = 512 * MB
SCALE = float(os.environ.get("SCALE", "0.1"))


def private_and_shared(pid):
    """Bytes of a process; what several share is divided among them by the kernel."""
    total = 0
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total += int(line.split()[1]) * 1024
    return total


def watch(process):
    """Highest sum over all processes, seen from outside; 0 if it may not be seen."""
    peak = 0
    while process.poll() is None:
        total = 0
        for pid in [process.pid] + fault.children(process.pid):
            try:
                total += private_and_shared(pid)
            except OSError:
                pass
        peak = max(peak, total)
        time.sleep(0.02)
    return peak


def long_line(folder, rng):
    piece = fault.prose(rng, MB).replace("\n", " ").encode()
    with open(f"{folder}/line.txt", "wb") as file:
        for _ in range(int(300 * SCALE)):
            file.write(piece)


def json_lines(folder, rng):
    piece = fault.json_lines(rng, 2000).encode()
    with open(f"{folder}/a.jsonl", "wb") as file:
        while file.tell() < 200 * MB * SCALE:
            file.write(piece)


def bomb(folder, _):
    with gzip.open(f"{folder}/bomb.txt.gz", "wb", 9) as file:
        for _ in range(int(1000 * SCALE)):
            file.write(bytes(MB))
    with gzip.open(f"{folder}/lines.jsonl.gz", "wb", 9) as file:
        for _ in range(int(1000 * SCALE)):
            file.write(b" " * MB)


def large_headers(folder, _):
    """Pictures that claim to be enormous."""
    ihdr = struct.pack(">IIBBBBB", 65535, 65535, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + ihdr + struct.pack(">I", zlib.crc32(b"IHDR" + ihdr))
    for i in range(50):
        fault.put(f"{folder}/{i}.png", b"\x89PNG\r\n\x1a\n" + chunk + b"\0" * 1000)
        fault.put(f"{folder}/{i}.gif", b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\xf7\0\0" +
                  bytes(768) + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x08\0;")
        fault.put(f"{folder}/{i}.bmp", b"BM" + struct.pack("<IIIIiiHHIIiiII", 10**6, 0, 54, 40, 65535,
                                                          65535, 1, 24, 0, 0, 0, 0, 0, 0))


def tiny_files(folder, rng):
    for i in range(int(100000 * SCALE)):
        if i % 1000 == 0:
            os.makedirs(f"{folder}/{i // 1000}")
        with open(f"{folder}/{i // 1000}/{i}.txt", "wb") as file:
            file.write(b"A tiny text, number %d.\n" % i)


def large_images(folder, rng):
    """More than one task of them: what comes early must not take the room of what is first."""
    noise = rng.randbytes(3 * MB // 2)
    fault.put(f"{folder}/0.ppm", b"P6 1600 1090 255\n" + (noise * 4)[:1600 * 1090 * 3])
    for i in range(1, 150):
        os.link(f"{folder}/0.ppm", f"{folder}/{i}.ppm")


def large_texts(folder, rng):
    text = fault.prose(rng, MB)
    for i in range(int(60 * SCALE) + 4):
        fault.put(f"{folder}/{i}.txt", text * (i % 14 + 1))


CASES = (large_images, long_line, json_lines, bomb, large_headers, tiny_files, large_texts)


def one(work, make, rng):
    name = make.__name__
    folder = f"{work}/{name}"
    os.makedirs(folder)
    make(folder, rng)
    job = fault.make_job(f"{work}/{name}.yaml", [folder])
    process = fault.spawn(job, f"{work}/out", "--memory", str(BUDGET), "--durability", "none",
                          stdout=open(f"{work}/summary", "wb"))
    outside = watch(process)
    code, _, err = fault.finish(process)
    with open(f"{work}/summary", "rb") as file:
        summary = fault.json.loads(file.read().splitlines()[-1])
    own, most = summary["peak_memory_bytes"], BUDGET * 1.05
    fault.check(code == 0, f"{name}: exit {code}: {err[-1000:]}")
    fault.adds_up(f"{work}/out", name)
    fault.check(own <= most, f"{name}: {own // MB} MB by its own figure, allowed {BUDGET // MB}")
    fault.check(outside <= most, f"{name}: {outside // MB} MB seen from outside")
    fault.note(f"{name}: {summary['in']} records, peak {own // MB} MB, from outside "
               f"{outside // MB} MB, {summary['elapsed_ms'] / 1000:.1f} s, {summary['reasons']}")
    shutil.rmtree(folder)
    shutil.rmtree(f"{work}/out")


def main():
    with fault.start() as work:
        rng = random.Random(3)
        for make in CASES:
            one(work, make, rng)
    fault.end()


main()
