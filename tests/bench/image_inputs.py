"""The pictures of the benchmark, made once from the fixtures (see tests/fixtures/images.list).

jpeg_cam    every photo of at least 5 megapixels, as shipped
jpeg_web    photos as a web site serves them: 320 to 1600 pixels wide, quality 75 to 95, 4:2:0 or
            4:4:4, every fourth progressive
jpeg_thumb  256 pixels, quality 85
png_photo   40 photos, 800 pixels wide
png_graphic 300 screenshots of a manual, as shipped
webp        40 photos, 1000 pixels wide, quality 80; ten of them lossless as well

The recipe is fixed: same packages, same bytes."""

import json
import pathlib
import random

from PIL import Image

import measure

PHOTOS = ["gnome-backgrounds", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04",
          "mate-backgrounds", "ukui-wallpapers"]
MORE_PHOTOS = "opencv-doc"
N_PHOTOS = 116
WIDTHS = (320, 640, 1024, 1600)
QUALITIES = (75, 80, 85, 90, 95)
N_WEB = 200
CAM_PIXELS = 5e6


class Missing(measure.Failed):
    """The fixtures are not there; `make fixtures` brings them."""


def pictures_in(folder):
    found = [p for p in folder.rglob("*")
             if p.suffix.lower() in (".jpg", ".jpeg", ".webp") and p.is_file()]
    return sorted(found)


def photos(root):
    """Wallpapers, then the largest files of a package of pictures for computer vision."""
    found = [p for package in PHOTOS for p in pictures_in(root / package)]
    if not found:
        raise Missing(f"no pictures below {root}: make fixtures")
    more = [p for p in pictures_in(root / MORE_PHOTOS) if p.suffix.lower() != ".webp"]
    more.sort(key=lambda p: (-p.stat().st_size, p.name))
    return (found + more)[:N_PHOTOS]


def derive(source, target, width, **options):
    with Image.open(source) as image:
        image.draft("RGB", (width, 2 * width))
        image = image.convert("RGB")
        size = (width, max(1, round(image.height * width / image.width)))
        image.resize(size, Image.Resampling.LANCZOS).save(target, "JPEG", **options)


def make_web(found, folder):
    chosen = random.Random(1).sample([(p, w) for p in found for w in WIDTHS], N_WEB)
    for number, (source, width) in enumerate(chosen):
        derive(source, folder / f"web-{number:03}.jpg", width,
               quality=QUALITIES[number % len(QUALITIES)],
               subsampling=0 if number % 5 == 4 else 2, progressive=number % 4 == 3)


def make_thumb(found, folder):
    for number, source in enumerate(found):
        derive(source, folder / f"thumb-{number:03}.jpg", 256, quality=85)


def cam_files(found):
    large = []
    for path in found:
        with Image.open(path) as image:
            if image.format == "JPEG" and image.mode == "RGB" and \
                    image.width * image.height >= CAM_PIXELS:
                large.append(path)
    return large


def make_others(found, folder):
    for number, source in enumerate(random.Random(2).sample(found, 40)):
        with Image.open(source) as image:
            image = image.convert("RGB")
        for width, ending, options in ((800, ".png", {}), (1000, ".webp", {"quality": 80}),
                                       (1000, "-l.webp", {"lossless": True})):
            if number >= 10 and options.get("lossless"):
                continue
            size = (width, max(1, round(image.height * width / image.width)))
            image.resize(size, Image.Resampling.LANCZOS).save(folder / f"other-{number:02}{ending}",
                                                              **options)


def others(fixtures, folder):
    """name of a list -> its files, of the formats beside JPEG."""
    index = folder / "others.json"
    if not index.exists():
        images = pathlib.Path(fixtures) / "images"
        graphics = sorted(str(p) for p in (images / "gimp-help-en").rglob("*.png"))
        if len(graphics) < 300:
            raise Missing(f"no screenshots below {images}: make fixtures")
        folder.mkdir(parents=True, exist_ok=True)
        make_others(photos(images), folder)
        lists = {"png_photo": sorted(str(p) for p in folder.glob("other-*.png")),
                 "png_graphic": random.Random(3).sample(graphics, 300),
                 "webp": sorted(str(p) for p in folder.glob("other-*.webp"))}
        index.write_text(json.dumps(lists, indent=1))
    return json.loads(index.read_text())


def jpegs(fixtures, folder):
    """name of a list -> its files. Made below folder at the first call."""
    index = folder / "jpegs.json"
    if not index.exists():
        found = photos(pathlib.Path(fixtures) / "images")
        folder.mkdir(parents=True, exist_ok=True)
        make_web(found, folder)
        make_thumb(found, folder)
        lists = {
            "jpeg_web": sorted(str(p) for p in folder.glob("web-*.jpg")),
            "jpeg_cam": [str(p) for p in cam_files(found)],
            "jpeg_thumb": sorted(str(p) for p in folder.glob("thumb-*.jpg")),
        }
        index.write_text(json.dumps(lists, indent=1))
    return json.loads(index.read_text())
