"""The jobs of the benchmark that are about pictures: the image stage by itself, one process on one
core, against other libraries over the same lists of files. What is compared is CPU time, files read
and written included; contestants run in turns."""

import ctypes.util
import json
import os
import pathlib
import shutil
import subprocess
import sys

import image_inputs
import inputs
import measure

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = os.environ.get("GM_FIXTURES", os.path.expanduser("~/.cache/gristmill/fixtures"))


def pinned(argv):
    """What a contestant prints as JSON, on the last core that this process may use."""
    core = str(max(os.sched_getaffinity(0)))
    done = subprocess.run(["taskset", "-c", core, *map(str, argv)], capture_output=True, text=True,
                          check=False, env=dict(os.environ, VIPS_CONCURRENCY="1"))
    if done.returncode:
        raise measure.Failed(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-200:]}")
    return json.loads(done.stdout)


def python_for_features():
    """The one that runs the other peers, if it can: with the same Pillow."""
    return measure.python_with("imagehash, numpy, PIL", sys.executable, os.environ.get("GM_PYTHON"))


def versions():
    """Of the peers that are there; those of Pillow and imagehash beside them are Python packages."""
    found = {"Pillow": measure.version_of(sys.executable, "-c", "import PIL; print(PIL.__version__)")}
    peers = image_peers()
    if "vips" in peers:
        found["vips"] = measure.version_of("vips", "--version")
    if "jpegtran" in peers:
        found["jpegtran"] = measure.version_of("jpegtran", "-version")
    if "sharp" in peers:
        package = pathlib.Path(peers["sharp"][-1], "node_modules", "sharp", "package.json")
        found["sharp"] = json.loads(package.read_text())["version"]
    python = python_for_features()
    packages = measure.python_versions(python, ["imagehash", "pillow"]) if python else {}
    if packages:
        found["imagehash"] = f"{packages['imagehash']} (with Pillow {packages['pillow']})"
    return found


def image_peers():
    """name -> command without the list and the folder for results; those that are installed."""
    script = [sys.executable, HERE / "peers_images.py"]
    peers = {"Pillow": [*script, "pillow"]}
    if ctypes.util.find_library("vips"):
        peers["vips"] = [*script, "vips"]
    if shutil.which("jpegtran"):
        peers["jpegtran"] = [*script, "jpegtran"]
    sharp = os.path.join(os.path.dirname(FIXTURES), "node")
    if shutil.which("node") and os.path.isdir(os.path.join(sharp, "node_modules", "sharp")):
        peers["sharp"] = ["node", HERE / "peers_images.js", sharp]
    return peers


def list_file(context, name, paths):
    context.outputs.mkdir(parents=True, exist_ok=True)
    listing = context.outputs / f"{name}.txt"
    listing.write_text("".join(path + "\n" for path in paths))
    return listing


def contest(context, contestants, paths, name):
    """name -> what each contestant printed over a list of files, with the median of its CPU seconds."""
    out = context.fresh(f"images-{name}")
    out.mkdir()
    listing = list_file(context, name, paths)
    runs = {who: (lambda argv=argv: pinned([*argv, listing, out]))
            for who, argv in contestants.items()}
    results = measure.interleave(runs, context.n_rounds)
    return {who: dict(printed[0], cpu_s=measure.median([one["cpu_s"] for one in printed]))
            for who, printed in results.items()}


def rate(result):
    return f"{result['files'] / result['cpu_s']:.0f} files/s"


# list, what it is called, mode of image_bench -> peer -> target
JPEG_ROWS = [
    ("jpeg_web", "JPEG, pictures of the web", {
        "lossless": {"Pillow": 5, "sharp": 12, "vips": 9, "jpegtran": 2.5},
        "exact": {"Pillow": 1.3},
        "luma": {"Pillow": 1.5},
    }),
    ("jpeg_cam", "JPEG, photos above 5 MP", {"lossless": {"Pillow": 10}}),
    ("jpeg_thumb", "JPEG, thumbnails", {"lossless": {"Pillow": 4}}),
]


def jpeg_rows(context, row):
    lists = image_inputs.jpegs(FIXTURES, context.folder / "images")
    rows = []
    for name, title, modes in JPEG_ROWS:
        peers = {who: argv for who, argv in image_peers().items()
                 if any(who in targets for targets in modes.values())}
        ours = {mode: [context.tools / "image_bench", mode] for mode in modes}
        found = contest(context, {**ours, **peers}, lists[name], name)
        for mode, targets in modes.items():
            for who, target in targets.items():
                if who not in found:
                    rows.append(row(f"{title}: {mode}", rate(found[mode]), f"{who} is not installed",
                                    None, target))
                    continue
                rows.append(row(f"{title}: {mode}", rate(found[mode]), f"{rate(found[who])} ({who})",
                                found[who]["cpu_s"] / found[mode]["cpu_s"], target))
    return rows


# list, what it is called, mode of image_bench, how many times Pillow's speed it should have
OTHER_ROWS = [
    ("png_photo", "PNG to PNG, photos", "png", 8),
    ("png_graphic", "PNG to PNG, screenshots", "png", 4.5),
    ("webp", "WebP to PGM", "pgm", 1.5),
]


def other_rows(context, row):
    lists = image_inputs.others(FIXTURES, context.folder / "images")
    rows = []
    for name, title, mode, target in OTHER_ROWS:
        found = contest(context, {"ours": [context.tools / "image_bench", mode],
                                  "Pillow": image_peers()["Pillow"]}, lists[name], name)
        mine, theirs = found["ours"], found["Pillow"]
        size = f", {mine['bytes_out'] / theirs['bytes_out']:.2f} of the peer's size" if mode == "png" else ""
        rows.append(row(title, f"{rate(mine)}{size}", f"{rate(theirs)} (Pillow)",
                        theirs["cpu_s"] / mine["cpu_s"], target))
    return rows


# list, what its rows are called, field of features_bench -> milliseconds a megapixel at most
FEATURE_ROWS = [
    ("jpeg_web", "features of pictures of the web", "features_s", 1.5),
    ("jpeg_web", "... their three hashes", "hashes_s", 3),
    ("jpeg_thumb", "features of thumbnails", "features_s", 1.5),
    ("jpeg_thumb", "... their three hashes", "hashes_s", 3),
]


def feature_rows(context, row):
    lists = image_inputs.jpegs(FIXTURES, context.folder / "images")
    found, rows = {}, []
    for name in ("jpeg_web", "jpeg_thumb"):
        listing = list_file(context, name, lists[name])
        found[name] = [pinned([context.tools / "features_bench", listing]) for _ in range(context.n_rounds)]
    for name, title, field, bound in FEATURE_ROWS:
        ms = measure.median([one[field] * 1e9 / one["pixels"] for one in found[name]])
        rows.append(row(title, f"{ms:.2f} ms a megapixel", f"{bound:g} ms a megapixel (bound)", ms / bound, 1,
                        "at_most"))
    return rows


N_WHOLE = 2000


def whole_folder(context):
    """A folder of 2,000 pictures: of the web, thumbnails, photos and screenshots as PNG, in turns."""
    folder = context.folder / "images"
    lists = {**image_inputs.jpegs(FIXTURES, folder), **image_inputs.others(FIXTURES, folder)}
    kinds = [lists[name] for name in ("jpeg_web", "jpeg_thumb", "png_photo", "png_graphic")]
    paths = [path for kind in kinds for path in kind]

    def make(place):
        place.mkdir()
        for number in range(N_WHOLE):
            path = pathlib.Path(paths[number % len(paths)])
            shutil.copyfile(path, place / f"{number:04}-{path.name}")

    inputs.once(context.folder / "whole", make)
    return context.folder / "whole"


def whole_rows(context, row):
    """The command as it is against a Pool with Pillow, the same with features against a Pool that
    computes some, too; and how it scales."""
    folder, n_cpus = whole_folder(context), len(os.sched_getaffinity(0))

    one_core = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]

    def ours(*options, before=()):
        return lambda: measure.run([*before, context.gristmill, "gray", str(folder), "-o",
                                    str(context.fresh("whole")), *options, "--quiet"]).wall_s

    def pool(python, script):
        return lambda: measure.run([python, str(HERE / script), str(folder),
                                    str(context.fresh("whole-peer"))]).wall_s

    runs = {"ours": ours(), "one": ours(before=one_core), "features": ours("--features"),
            "pool": pool(sys.executable, "recipe_images.py")}
    python = python_for_features()
    if python:
        runs["pool features"] = pool(python, "recipe_image_features.py")
    medians = {who: measure.median(seconds)
               for who, seconds in measure.interleave(runs, context.n_rounds).items()}
    rates = {who: N_WHOLE / seconds for who, seconds in medians.items()}
    title = f"gristmill gray, {N_WHOLE} pictures"
    rows = [
        row(title, f"{rates['ours']:.0f} files/s", f"{rates['pool']:.0f} files/s (Pool, Pillow)",
            rates["ours"] / rates["pool"], 5),
        row(f"... efficiency of {n_cpus} cores", f"{rates['ours']:.0f} files/s",
            f"{n_cpus * rates['one']:.0f} files/s ({n_cpus} times one core)",
            rates["ours"] / (n_cpus * rates["one"]), 0.9),
    ]
    if not python:
        return rows + [row(f"{title}, --features", f"{rates['features']:.0f} files/s",
                           "imagehash is not installed", None, None)]
    return rows + [row(f"{title}, --features", f"{rates['features']:.0f} files/s",
                       f"{rates['pool features']:.0f} files/s (Pool, Pillow, NumPy, imagehash)",
                       rates["features"] / rates["pool features"], None)]


def run(context, row):
    """row: the class of the table's lines. Without the fixtures a part of it is one line that says so."""
    rows = []
    for title, part in (("JPEG", jpeg_rows), ("PNG and WebP", other_rows), ("features", feature_rows),
                        ("gristmill gray", whole_rows)):
        try:
            rows += part(context, row)
        except image_inputs.Missing:
            rows.append(row(title, "not measured", "make fixtures brings the pictures"))
    return rows
