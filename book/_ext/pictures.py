"""Pictures that take their room at once, wait their turn, and are as small as they can be without a change.

Charts stay SVG, which is smaller; a PNG of a notebook becomes a lossless WebP of about half its size. There is no copy
for narrow columns: scaling blurs edges, so that 790 columns of a picture of 1,008 weigh twice what the whole does.
"""

import re
from pathlib import Path

from PIL import Image

TAG = re.compile(
    r'<img (?=[^>]*\bsrc="([^":?#]+\.(?:png|svg))")(?![^>]*\b(?:width|height|loading)=)[^>]*>'
)
POINTS = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)pt" height="([\d.]+)pt"')


def size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture in CSS pixels, or None where it does not tell."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            return image.size
    found = POINTS.search(path.read_text("utf-8"))
    return found and tuple(round(float(n) * 4 / 3) for n in found.groups())


def webp(path: Path) -> Path:
    """The PNG at `path` as a WebP of the same pixels, made if it is missing."""
    file = path.with_suffix(".webp")
    if not file.is_file():
        with Image.open(path) as image:
            image.save(file, lossless=True, method=3, quality=60)
    return file


def place(html: str, folder: Path) -> str:
    """The page `html`, whose addresses lead from `folder`, with those of its pictures that are there told and loaded so."""
    count = 0

    def told(tag: re.Match) -> str:
        """With its size the text below does not jump; what is not the page's first picture loads when it comes near."""
        nonlocal count
        count += 1
        text, path, added = tag[0], folder / tag[1], ""
        room = size(path) if path.is_file() else None
        if room:
            added = f'width="{room[0]}" height="{room[1]}" '
        if room and path.parent.name == "_images" and path.suffix == ".png":
            text = text.replace(path.name, webp(path).name)
        if count > 1:
            added += 'loading="lazy" '
        return text.replace("<img ", f"<img {added}", 1)

    return TAG.sub(told, html)
