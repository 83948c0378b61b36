"""The jobs of the benchmark. Each returns rows for the table; a job whose program is missing or
fails returns a row that says so, and never stops the others."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import inputs
import jobs_encode
import jobs_images
import jobs_tokenize
import measure

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = sys.executable
MEGABYTE = 1e6
ROOM_BYTES = 20 << 30  # of disk, as long as old outputs are kept
MANY_FILES = 100


class Row:
    """One line of the table. ratio: how many times better ours is ("at_least") or how ours relates
    to a bound ("at_most"); None: nothing to compare with."""

    def __init__(self, what, ours, peer, ratio=None, target=None, sense="at_least", note=""):
        self.what = what
        self.ours = ours
        self.peer = peer
        self.ratio = ratio
        self.target = target
        self.sense = sense
        self.note = note

    def reached(self):
        if self.ratio is None or self.target is None:
            return None
        return self.ratio >= self.target if self.sense == "at_least" else self.ratio <= self.target


def has_many_files(path):
    n_files = 0
    for _, _, names in os.walk(path):
        n_files += len(names)
        if n_files > MANY_FILES:
            return True
    return False


class Context:
    """Where things are, and how often each contestant runs."""

    def __init__(self, build, folder, n_rounds):
        self.gristmill = str(build / "gristmill")
        self.tools = build / "tests" / "bench"
        self.handover = self.tools / "handover"
        self.folder = folder
        self.outputs = folder / "outputs"
        self.n_rounds = n_rounds
        self.n_cpus = len(os.sched_getaffinity(0))
        self.n_aside = 0

    def fresh(self, name):
        """A path below the outputs at which nothing exists yet. Many files that were there are put
        aside until the end: ext4 is slow to make files where thousands were removed in the last
        minutes, which is nobody's usual case, and hits some contestants more than others. Few files
        are removed, with what the cache holds of them, and so are all if disk space is short."""
        path = self.outputs / name
        self.outputs.mkdir(parents=True, exist_ok=True)
        if has_many_files(path) and shutil.disk_usage(self.outputs).free >= ROOM_BYTES:
            self.n_aside += 1
            path.rename(self.outputs / f"aside-{os.getpid()}-{self.n_aside}")
        inputs.remove(path)
        return path


@contextlib.contextmanager
def server(argv):
    """Starts a server that prints its port and ends with its standard input."""
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = child.stdout.readline().strip()
        if not port:
            raise measure.Failed(f"{argv[1]} did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        child.stdin.close()
        child.wait()


def nginx(root):
    return server(["sh", str(HERE / "serve.sh"), str(root)])


def url_list(path, urls):
    path.write_text("".join(url + "\n" for url in urls))
    return path


def relative_files(folder, n_files=None):
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return names[:n_files]


def summary(cost):
    """The JSON object with the counts that `--json` ends with."""
    for line in reversed(cost.output["out"].splitlines() + cost.output["err"].splitlines()):
        if line.startswith(b"{") and b"peak_memory_bytes" in line:
            return json.loads(line)
    raise measure.Failed("gristmill printed no summary with peak_memory_bytes")


def gristmill(context, *words, allowed=(0,), **more):
    return measure.run([context.gristmill, *map(str, words), "--json"], allowed=allowed, **more)


def count_files(folder):
    return sum(len(files) for _, _, files in os.walk(folder))


def expect(n_found, n_expected, who):
    if n_found != n_expected:
        raise measure.Failed(f"{who}: {n_found} of {n_expected} items arrived")


# ---- (a) hand-over ----

def python_handover(*words):
    cost = measure.run([PYTHON, str(HERE / "peers_handover.py"), *map(str, words)])
    return float(cost.output["out"].split()[-1])


def our_handover(context, n_bytes):
    cost = measure.run([str(context.handover), str(n_bytes)])
    for line in cost.output["out"].decode().splitlines():
        words = line.split()
        if words[:2] == ["ns_per_record", str(n_bytes)]:
            return float(words[2])
    raise measure.Failed(f"handover: no line \"ns_per_record {n_bytes} NS\"")


def handover_rows(context, n_bytes, name, chunks, targets):
    contestants = {f"map, {chunk} a chunk": lambda chunk=chunk: python_handover("pool", n_bytes, chunk)
                   for chunk in chunks}
    contestants["Queue"] = lambda: python_handover("queue", n_bytes)
    if context.handover.exists():
        contestants["ours"] = lambda: our_handover(context, n_bytes)
    results = measure.interleave(contestants, context.n_rounds)
    medians = {who: measure.median(values) for who, values in results.items()}
    pools = {who: ns for who, ns in medians.items() if who.startswith("map")}
    best = min(pools, key=pools.get)
    rows = []
    for who, label, target in ((best, f"ProcessPoolExecutor.{best}", targets[0]),
                               ("Queue", "multiprocessing.Queue, there and back", targets[1])):
        peer = f"{medians[who]:,.0f} ns ({label})"
        if "ours" in medians:
            ours, ratio = f"{medians['ours']:,.0f} ns", medians[who] / medians["ours"]
        else:
            ours, ratio = "MISSING: build/tests/bench/handover", None
        rows.append(Row(f"hand-over, {name} records", ours, peer, ratio, target))
    return rows, medians.get("ours")


def job_handover(context):
    rows, small = handover_rows(context, 256, "256-byte", (1, 32, 256, 1024), (10, 100))
    if small is not None:
        rows.append(Row("hand-over, 256-byte records", f"{small:,.0f} ns", "150 ns (bound)",
                        small / 150, 1, "at_most"))
    large, _ = handover_rows(context, 1 << 20, "1 MB", (1, 32), (2, 2))
    return rows + large


# ---- (b) many small files ----

def fetch_command(urls, out, connections):
    return ["fetch", urls, "-o", out, "--set", f"fetch.connections={connections}", "--set",
            f"fetch.per_host={connections}", "--set", "fetch.allow_private=true", "--set",
            "sink.bodies.layout=tar"]


def download_contestants(context, urls, names, **more):
    """more: for measure.run."""
    def ours():
        cost = gristmill(context, *fetch_command(urls, context.fresh("fetch"), 32), **more)
        expect(summary(cost)["written"], len(names), "gristmill fetch")
        return cost

    def curl():
        out = context.fresh("curl")
        out.mkdir()
        config = context.outputs / "curl.config"
        with open(urls) as lines, open(config, "w") as file:
            for number, line in enumerate(lines):
                file.write(f"url={line.strip()}\noutput={out}/{number:06d}\n")
        cost = measure.run(["curl", "--silent", "--parallel", "--parallel-max", "32", "-K", str(config)],
                           **more)
        expect(count_files(out), len(names), "curl")
        return cost

    def wget2():
        out = context.fresh("wget2")
        cost = measure.run(["wget2", "--quiet", "--max-threads=32", "-i", str(urls), "-P", str(out)],
                           **more)
        expect(count_files(out), len(names), "wget2")
        return cost

    return {"ours": ours, "curl": curl, "wget2": wget2}


def job_download(context):
    folder = inputs.small_files(context.folder)
    names = relative_files(folder)
    with nginx(folder) as base:
        urls = url_list(context.fresh("urls.txt"), [f"{base}/{name}" for name in names])
        costs = measure.interleave(download_contestants(context, urls, names), context.n_rounds)
        # memory is looked at in runs of its own: looking takes time, most with the most processes
        watched = measure.interleave(download_contestants(context, urls, names, sample=True), 1)
    rate = {who: len(names) / measure.median_wall(list_) for who, list_ in costs.items()}
    cpu_us = {who: measure.median_cpu(list_) / len(names) * 1e6 for who, list_ in costs.items()}
    rows = []
    for who, label, target in (("curl", "curl --parallel", 2), ("wget2", "wget2", 1.3)):
        rows.append(Row("20,000 files of 4-20 KB, 32 connections (ours to tar shards)",
                        f"{rate['ours']:,.0f} requests/s", f"{rate[who]:,.0f} ({label})",
                        rate["ours"] / rate[who], target))
    peers = ", ".join(f"{cpu_us[who]:.0f} {who}" for who in ("curl", "wget2"))
    rows.append(Row("... client CPU a request", f"{cpu_us['ours']:.0f} us", f"45 us (bound; {peers})",
                    cpu_us["ours"] / 45, 1, "at_most"))
    peak = max(cost.peaks["fetch"] for cost in watched["ours"])
    peer_peak = max(max(cost.peaks.values()) for cost in watched["curl"] + watched["wget2"])
    rows.append(Row("... peak resident memory of fetch", f"{peak / MEGABYTE:.0f} MB",
                    f"64 MB (bound; {peer_peak / MEGABYTE:.0f} the peers)", peak / 64e6, 1, "at_most"))
    return rows


def job_million(context):
    """Memory on a long list: ended after a while, as nobody wants to wait for a million files."""
    folder = inputs.small_files(context.folder)
    names = relative_files(folder, 100)
    with nginx(folder) as base:
        path = context.fresh("million.txt")
        with open(path, "w") as file:
            for number in range(1_000_000):
                file.write(f"{base}/{names[number % 100]}?{number}\n")
        cost = gristmill(context, *fetch_command(path, context.fresh("million"), 32), sample=True,
                         stop_after_s=12, allowed=(0, 75))
    peak = cost.peaks.get("fetch", 0) or cost.max_rss_bytes
    return [Row("list of 1,000,000 lines: peak memory of fetch", f"{peak / MEGABYTE:.0f} MB",
                "64 MB (bound)", peak / 64e6, 1, "at_most", note="ended after 12 s")]


# ---- (c) a slow server ----

def job_slow(context):
    n_urls, delay_s, connections = 1000, 0.1, 64
    bound_s = max(n_urls * delay_s / connections, delay_s)
    with server([PYTHON, str(HERE / "slow_server.py"), str(delay_s)]) as base:
        urls = url_list(context.fresh("slow.txt"), [f"{base}/{n}" for n in range(n_urls)])
        costs = [gristmill(context, *fetch_command(urls, context.fresh("slow"), connections))
                 for _ in range(context.n_rounds)]
    for cost in costs:
        expect(summary(cost)["written"], n_urls, "gristmill fetch")
    wall_s = measure.median_wall(costs)
    return [Row("1,000 URLs, answered after 100 ms, 64 connections", f"{wall_s:.2f} s",
                f"{bound_s:.2f} s (bound)", wall_s / bound_s, 1.1, "at_most")]


# ---- (d) the recipes ----

TEXT_JOB = """\
out: {out}
workers: {workers}
memory: {memory}
source:
  - {source}
fetch: {{connections: 32, per_host: 32, allow_private: true, max_body: 1GB}}
text: [utf8, {{normalize: {{form: nfc}}}}, stats]
sink:
  records: {{format: jsonl}}
"""


def text_job(context, name, source, workers="auto", memory="512MB"):
    out = context.fresh(name)
    job = context.outputs / f"{name}.yaml"
    job.write_text(TEXT_JOB.format(out=out, workers=workers, memory=memory, source=source))
    return job


def recipe(context, script, *words):
    return measure.run([PYTHON, str(HERE / script), *map(str, words)], timeout_s=300)


def compare(what, costs, peer, target, unit_count=None, unit="files/s"):
    ours, theirs = measure.median_wall(costs["ours"]), measure.median_wall(costs["peer"])
    if unit_count:
        return Row(what, f"{unit_count / ours:,.0f} {unit}", f"{unit_count / theirs:,.0f} ({peer})",
                   theirs / ours, target)
    return Row(what, f"{ours:.2f} s", f"{theirs:.2f} s ({peer})", theirs / ours, target)


def job_recipe_download(context):
    folder = inputs.small_files(context.folder)
    names = relative_files(folder, 6000)
    with nginx(folder) as base:
        urls = url_list(context.fresh("recipe-urls.txt"), [f"{base}/{name}" for name in names])
        costs = measure.interleave({
            "ours": lambda: gristmill(context, *fetch_command(urls, context.fresh("fetch"), 32)),
            "peer": lambda: recipe(context, "recipe_download.py", urls, context.fresh("recipe")),
        }, context.n_rounds)
    return [compare("recipe: download 6,000 files", costs, "threads, urllib", None, len(names))]


def job_recipe_text(context):
    folder = inputs.small_files(context.folder)
    names = relative_files(folder, 6000)

    def ours():
        cost = gristmill(context, "run", text_job(context, "text", f"urls: {urls}"))
        expect(summary(cost)["written"], len(names), "gristmill run")
        return cost

    with nginx(folder) as base:
        urls = url_list(context.fresh("recipe-urls.txt"), [f"{base}/{name}" for name in names])
        costs = measure.interleave({
            "ours": ours,
            "peer": lambda: recipe(context, "recipe_text.py", urls, context.fresh("recipe")),
        }, context.n_rounds)
    return [compare("recipe: 6,000 texts from URLs to statistics", costs,
                    "urllib, ProcessPoolExecutor", 10, len(names))]


def job_recipe_images(context):
    folder = inputs.pictures(context.folder)
    n_pictures = count_files(folder)

    def ours():
        cost = gristmill(context, "gray", folder, "-o", context.fresh("gray"))
        expect(summary(cost)["written"], n_pictures, "gristmill gray")
        return cost

    costs = measure.interleave({
        "ours": ours,
        "peer": lambda: recipe(context, "recipe_images.py", folder, context.fresh("recipe")),
    }, context.n_rounds)
    return [compare(f"recipe: {n_pictures} pictures of 1024x768 to gray", costs, "Pool, Pillow", 3,
                    n_pictures, "pictures/s")]


# ---- (e) makespan, (f) one core ----

MIXED_JOB = """\
out: {out}
source:
  - files: {texts}
  - files: {pictures}
text: [utf8, {{normalize: {{form: nfc}}}}, stats]
image: [gray, features]
sink:
  records: {{format: jsonl}}
  images: {{layout: folder}}
"""


def job_makespan(context):
    texts = inputs.small_files(context.folder)
    pictures = inputs.pictures(context.folder)
    costs = []
    for _ in range(context.n_rounds):
        out = context.fresh("mixed")
        job = context.outputs / "mixed.yaml"
        job.write_text(MIXED_JOB.format(out=out, texts=f"{texts}/**/*.txt", pictures=f"{pictures}/*"))
        costs.append(gristmill(context, "run", job))
        expect(summary(costs[-1])["written"], count_files(texts) + count_files(pictures), "gristmill run")
    ratios = [cost.wall_s / (cost.cpu_s / context.n_cpus) for cost in costs]
    wall_s, cpu_s = measure.median_wall(costs), measure.median_cpu(costs)
    return [Row("makespan: 20,000 texts and 270 pictures", f"{wall_s:.2f} s",
                f"{cpu_s / context.n_cpus:.2f} s (CPU time / {context.n_cpus} cores)",
                measure.median(ratios), 1.1, "at_most")] + memory_rows(costs)


def memory_rows(costs):
    """Peak of all processes against the default budget of 512 MB and 5 % more."""
    peak = max(summary(cost)["peak_memory_bytes"] for cost in costs)
    budget = 512 * 1024 * 1024
    return [Row("... peak memory of all processes", f"{peak / MEGABYTE:.0f} MB",
                f"{budget / MEGABYTE:.0f} MB (memory: 512MB)", peak / budget, 1.05, "at_most")]


def job_jsonl(context):
    corpus = inputs.corpus(context.folder)
    n_megabytes = corpus.stat().st_size / MEGABYTE
    with open(corpus, "rb") as file:
        n_lines = sum(1 for _ in file)

    def ours(workers):
        cost = gristmill(context, "run", text_job(context, "jsonl", f"files: {corpus}", workers))
        expect(summary(cost)["written"], n_lines, "gristmill run")
        return cost

    counts = sorted({1, min(2, context.n_cpus)})
    costs = measure.interleave({n: lambda n=n: ours(n) for n in counts}, context.n_rounds)
    rows = []
    for n_workers, list_ in costs.items():
        wall = n_megabytes / measure.median_wall(list_)
        core = n_megabytes / measure.median_cpu(list_)
        rows.append(Row(f"JSONL to records with statistics, workers: {n_workers}",
                        f"{core:.0f} MB/s per core ({wall:.0f} MB/s)", "150 MB/s per core (bound)",
                        core / 150, 1))
    return rows


def job_tokenize(context):
    return jobs_tokenize.run(context, Row)


def job_encode(context):
    return jobs_encode.run(context, Row)


def job_images(context):
    return jobs_images.run(context, Row)


JOBS = {
    "handover": job_handover,
    "download": job_download,
    "million": job_million,
    "slow": job_slow,
    "recipe-download": job_recipe_download,
    "recipe-text": job_recipe_text,
    "recipe-images": job_recipe_images,
    "makespan": job_makespan,
    "jsonl": job_jsonl,
    "encode": job_encode,
    "tokenize": job_tokenize,
    "images": job_images,
}
