"""What the fault tests share: a mixed input, a small HTTP server, runs that can be disturbed, and
the comparison with an undisturbed run.

A process is killed only if it is a child of the gristmill that was started here (found in
/proc/PID/task/PID/children). This process is the reaper of whatever loses its parent, so that an
orphan cannot hide. Every run has a time limit, which is a failure of its own kind.
"""
import ctypes
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GRISTMILL = os.path.abspath(os.environ.get("GRISTMILL", os.path.join(ROOT, "build/gristmill")))
LIMIT_S = 60
PR_SET_CHILD_SUBREAPER = 36
KINDS = ("text", "image", "unpack", "fetch", "write")
# Measured times, state of the folder, derived: not part of what must be the same.
UNCOMPARED = {"items.jsonl", "run.db", "run.db-wal", "run.db-shm", "run.db-journal", "run.db.tmp",
              "lock", "journal", "inputs.snapshot"}

bad = 0


def fail(message):
    global bad
    bad += 1
    print(f"FAILED: {message}", flush=True)


def note(message):
    print(message, flush=True)


def check(condition, message):
    if not condition:
        fail(message)
    return bool(condition)


def start():
    """Returns the test's folder, which is removed at the end."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    return tempfile.TemporaryDirectory(prefix="gm-fault-")


def end():
    sys.exit(1 if bad else 0)


def count(name, default):
    """How much of something is to be done: the environment says it for campaigns."""
    return int(os.environ.get(name, default))


# ---- input ----

WORDS = ("mill stone river grain flour wheel water sack wind sail meal oats rye barley miller "
         "größe café naïve мука вода 風車 水車 τροχός").split()


def prose(rng, n_bytes):
    parts, n = [], 0
    while n < n_bytes:
        sentence = " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 14))) + ".\n"
        parts.append(sentence)
        n += len(sentence.encode())
    return "".join(parts)


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def png(rng, width, height):
    """A colored picture with some noise."""
    rows = bytearray()
    for y in range(height):
        noise = rng.randbytes(width)
        rows += b"\0" + bytes(channel for x in range(width) for channel in
                              ((x * 5 + noise[x] // 8) & 255, (y * 3) & 255, noise[x] // 4))
    chunk = lambda kind, data: (struct.pack(">I", len(data)) + kind + data +
                                struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(bytes(rows), 1)) + chunk(b"IEND", b""))


def make_images(rng, folder, n):
    samples = sorted(os.listdir(f"{ROOT}/data/images"))
    samples = [name for name in samples if os.path.isfile(f"{ROOT}/data/images/{name}")]
    for i in range(n):
        if i % 2 == 0:
            put(f"{folder}/{i:03}.png", png(rng, rng.randint(20, 250), rng.randint(20, 150)))
        else:
            name = samples[i // 2 % len(samples)]
            os.makedirs(folder, exist_ok=True)
            shutil.copy(f"{ROOT}/data/images/{name}", f"{folder}/{i:03}-{name}")


def json_lines(rng, n):
    lines = [json.dumps({"text": prose(rng, rng.randint(40, 900)), "n": i}, ensure_ascii=False)
             for i in range(n)]
    return "\n".join(lines) + "\n"


def make_archives(rng, folder, n):
    members = [(f"a/{i:03}.txt", prose(rng, rng.randint(100, 6000)).encode()) for i in range(n)]
    members += [(f"b/{i:03}.png", png(rng, 80, 60)) for i in range(n // 8)]
    with tarfile.open(os.path.join(folder, "set.tar.gz"), "w:gz") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(os.path.join(folder, "set.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members[::2]:
            archive.writestr(name, data)


def make_input(folder, scale=1.0):
    """Texts, images, JSON lines, archives; good and bad."""
    rng = random.Random(7)
    for i in range(int(250 * scale)):
        put(f"{folder}/texts/{i % 7}/{i:04}.txt", prose(rng, rng.randint(50, 20000)))
    put(f"{folder}/texts/invalid.txt", b"grain \xff\xfe flour \x80\n")
    put(f"{folder}/texts/empty.txt", b"")
    make_images(rng, f"{folder}/images", int(60 * scale))
    os.makedirs(f"{folder}/lines")
    put(f"{folder}/lines/a.jsonl", json_lines(rng, int(1500 * scale)))
    put(f"{folder}/lines/b.jsonl.gz", gzip.compress(json_lines(rng, int(1500 * scale)).encode(),
                                                    mtime=0))
    put(f"{folder}/lines/broken.jsonl", '{"text": "one"}\n{"text": \n{"text": "three"}\n')
    os.makedirs(f"{folder}/archives")
    make_archives(rng, f"{folder}/archives", int(120 * scale))
    shutil.copy(f"{ROOT}/data/archives/cut.tar.gz", f"{folder}/archives")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True
    delays = {}  # path -> seconds
    validators = False  # tells ETag and honours If-None-Match
    statuses = []

    def do_GET(self):
        time.sleep(self.delays.get(self.path, 0))
        path = os.path.join(self.server.folder, self.path.lstrip("/"))
        found = os.path.isfile(path)
        data = b"missing\n"
        if found:
            with open(path, "rb") as file:
                data = file.read()
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        status = 200 if found else 404
        if found and self.validators and self.headers.get("If-None-Match") == tag:
            status, data = 304, b""
        self.statuses.append(status)
        self.send_response(status)
        if found and self.validators:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass  # a killed client is nothing to tell


def serve(folder):
    """Serves a folder on a free loopback port until this process ends; returns the base URL."""
    server = Server(("127.0.0.1", 0), Handler)
    server.folder = folder
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


JOB = """job: fault
memory: 512MB
workers: 2
source:
%s
fetch: {allow_private: true, retries: 2, backoff: 50ms, connections: 16, per_host: 16, deadline: 20s}
text:
  - utf8: {invalid: error}
  - normalize: {form: nfc}
  - stats
image:
  - gray
  - features
sink:
  records: {format: %s, shard: 1MB}
  images: {layout: %s}
"""


def make_job(path, patterns=(), urls=None, records="jsonl", images="folder"):
    sources = "".join(f"  - files: {pattern}\n" for pattern in patterns)
    if urls:
        sources += f"  - urls: {urls}\n"
    put(path, JOB % (sources.rstrip("\n"), records, images))
    return path


def with_layout(job, path, records, images):
    """The same job with other outputs."""
    with open(job) as file:
        text = file.read()
    put(path, text.replace("format: jsonl", f"format: {records}")
        .replace("layout: folder", f"layout: {images}"))
    return path


def make_mixed_job(work, scale=1.0, n_urls=60, **layout):
    """The usual input of these tests, with its server; returns the job's path."""
    make_input(f"{work}/in", scale)
    base = serve(f"{work}/in")
    names = sorted(os.listdir(f"{work}/in/texts/1")) + ["nothing.txt"]
    put(f"{work}/urls.txt", "".join(f"{base}/texts/1/{names[i % len(names)]}?{i}\n"
                                    if names[i % len(names)] == "nothing.txt" else
                                    f"{base}/texts/1/{names[i % len(names)]}\n"
                                    for i in range(n_urls)))
    folders = ("texts", "images", "lines", "archives")
    return make_job(f"{work}/job.yaml", [f"{work}/in/{name}" for name in folders],
                    f"{work}/urls.txt", **layout)


# ---- runs ----

def command(job, out, *options):
    return [GRISTMILL, "run", job, "--out", out, "--progress", "none", "--json", *options]


def spawn(job, out, *options, **popen):
    popen.setdefault("stdin", subprocess.DEVNULL)
    popen.setdefault("stdout", subprocess.PIPE)
    popen.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(command(job, out, *options), **popen)


def show_processes(pid):
    for each in [pid] + children(pid):
        for name in ("status", "wchan"):
            try:
                with open(f"/proc/{each}/{name}") as file:
                    text = file.read()
                print("".join(line + "\n" for line in text.splitlines()
                              if name == "wchan" or line.startswith(("Name", "State", "VmRSS"))))
            except OSError:
                pass


def finish(process, limit=LIMIT_S):
    """Waits for the end. Returns (code, stdout, stderr); a run that hangs is killed and fails."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        fail(f"still running after {limit} s")
        show_processes(process.pid)
        process.kill()
        out, err = process.communicate()
        print((err or b"").decode(errors="replace")[-3000:])
    return process.returncode, (out or b"").decode(errors="replace"), \
        (err or b"").decode(errors="replace")


def run(job, out, *options, want=0, limit=LIMIT_S):
    """A run from start to end; returns its summary."""
    code, stdout, stderr = finish(spawn(job, out, *options), limit)
    if code != want:
        fail(f"exit {code} instead of {want}\n{stderr[-3000:]}")
    try:
        return json.loads(stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {}


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def children_of_kind(pid, kind):
    return [child for child in children(pid)
            if name_of(child).split(".")[0] == kind and is_alive(child)]


def kill_child(parent, pid):
    """True if a live child was killed."""
    if pid not in children(parent) or not is_alive(pid):
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def reap_orphans(limit=10):
    """After a supervisor's death: waits for what it left. Returns pids that are still there."""
    deadline = time.monotonic() + limit
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return []
        if pid == 0 and time.monotonic() > deadline:
            return [(left, name_of(left)) for left in children(os.getpid())]
        if pid == 0:
            time.sleep(0.002)


# ---- comparison ----

def resume_until_done(work, job, most, times, rng):
    """Starts the job again and again, the first `most` times killing everything at a random instant.
    Returns (kills, exit code of the last start, its messages). times: of runs that ended."""
    kills = 0
    durability = rng.choice(("group", "record", "record"))
    while True:
        process = spawn(job, f"{work}/run", "--durability", durability,
                              "--workers", str(rng.choice((1, 2, 3))))
        if kills < most:
            begin = time.monotonic()
            deadline = begin + rng.random() * sorted(times)[len(times) // 2]
            while time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.002)
            if process.poll() is not None:
                times.append(time.monotonic() - begin)
        killed = kills < most and process.poll() is None
        if killed:
            process.kill()
            kills += 1
        code, _, err = finish(process)
        left = reap_orphans() if killed else []
        check(not left, f"these outlive their supervisor: {left}")
        if not killed or left:
            return kills, code, err
        if os.path.exists(f"{work}/run/manifest.json"):
            return kills, 0, ""  # killed after the end; another start would be the next generation


def digests(folder):
    """Path -> sha256 of every file that must be the same."""
    found = {}
    for parent, dirs, files in os.walk(folder):
        dirs[:] = sorted(name for name in dirs if name != "spool")
        for name in files:
            path = os.path.join(parent, name)
            if name not in UNCOMPARED:
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def same(want, folder, what, ignore=()):
    """Byte-identical to the reference; says what is not."""
    got = digests(folder)
    names = sorted(name for name in set(want) | set(got)
                   if name not in ignore and want.get(name) != got.get(name))
    if names:
        fail(f"{what}: {len(names)} files differ: {', '.join(names[:5])}")
        keep = os.environ.get("KEEP")
        if keep:
            shutil.copytree(folder, keep, dirs_exist_ok=True)
    return not names


def read_records(folder):
    records = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith("records-") and name.endswith(".jsonl"):
            with open(path, "rb") as file:
                records += [json.loads(line) for line in file]
        elif name.startswith("records-"):
            data = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
            records += [json.loads(line) for line in data.splitlines()]
    return records


def read_lines(path):
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def adds_up(folder, what):
    """in = written + rejected + failed, as the manifest says it and as the files hold it."""
    try:
        with open(os.path.join(folder, "manifest.json"), "rb") as file:
            manifest = json.load(file)
        ids = [record["id"] for record in read_records(folder)]
        rejects = read_lines(os.path.join(folder, "rejects.jsonl"))
    except (OSError, ValueError) as error:
        fail(f"{what}: {error}")
        return {}
    counts = manifest["records"] if "records" in manifest else manifest
    n_in, written = counts["in"], counts["written"]
    lost = n_in - written - counts["rejected"] - counts["failed"]
    check(lost == 0, f"{what}: {lost} records are in no account: {counts}")
    check(len(ids) == written, f"{what}: {len(ids)} records in the shards, {written} counted")
    check(len(rejects) == counts["rejected"] + counts["failed"],
          f"{what}: {len(rejects)} lines in rejects.jsonl, counted {counts}")
    check(len(set(ids)) == len(ids), f"{what}: {len(ids) - len(set(ids))} records twice")
    check(ids == sorted(ids), f"{what}: records out of order")
    return manifest


def reference(job, out, *options):
    """An undisturbed run. Returns (digests, seconds it took)."""
    begin = time.monotonic()
    run(job, out, *options)
    took = time.monotonic() - begin
    adds_up(out, "undisturbed")
    return digests(out), took
