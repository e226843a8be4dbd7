"""README's picture: the first page of the built book reads a drawing, in six frames captured by headless Chromium.

    python bench/book/picture.py [--out .github/machine.webp]

A word is drawn with the mouse, a frame a letter; then one of the letters read is pointed at, and the page is left at
rest. The animation runs once, for less than five seconds, and stays on its last frame.
"""

import io
import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.book.book import HTML
from bench.common import ROOT, chromium, options, to_pad
from crnn_lib.drawing import skeletons
from crnn_lib.files import atomic_path

WORD = "crnn"
SECONDS = [0.7, 0.7, 0.7, 0.7, 0.9, 0.9]  # that each frame stays
SCALE, MARGIN, QUALITY = 1.25, 16, 65  # pixels of the picture to one of the page; about the machine; of WebP
READ = "text => document.querySelector('[data-crnn=text]').textContent.length === text.length"


def letters() -> list[list[list[list[float]]]]:
    """The strokes of each letter, where they lie in the whole word."""
    counts = [len(skeletons.place(WORD[: i + 1])) for i in range(len(WORD))]
    strokes = skeletons.place(WORD)
    return [strokes[start:end] for start, end in zip([0, *counts], counts, strict=False)]


def frames(browser) -> list[Image.Image]:
    """The machine as it is after each letter, with a letter pointed at, and at rest."""
    page = browser.new_page(viewport={"width": 1300, "height": 900}, device_scale_factor=SCALE, color_scheme="light")
    page.goto((HTML / "book" / "intro.html").as_uri())
    page.locator("crnn-widget[live]").wait_for()
    machine, pad = page.locator('[data-crnn-widget="machine"]'), page.locator('[data-crnn="pad"]')
    box, found = pad.bounding_box(), []

    def show() -> None:
        page.wait_for_timeout(400)
        x, y, width, height = machine.bounding_box().values()
        clip = {"x": x - MARGIN, "y": y - MARGIN, "width": width + 2 * MARGIN, "height": height + MARGIN}
        found.append(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"))

    for i, strokes in enumerate(letters()):
        for stroke in strokes:
            for k, (x, y) in enumerate(stroke):
                to_pad(page, box, x, y)
                if not k:
                    page.mouse.down()
            page.mouse.up()
        page.wait_for_function(READ, arg=WORD[: i + 1])
        show()
    for name in ("text", "probabilities"):
        target = page.locator(f'[data-crnn-stage="{name}"] .machine-point').bounding_box()
        letter = page.locator('[data-crnn="text"] span, .machine-peaks span')
        at = letter.nth(-1 if name == "text" else 1).bounding_box()
        page.mouse.move(at["x"] + at["width"] / 2, target["y"] + target["height"] / 2)
        show()
    return found


def main() -> None:
    a = options(__doc__, out=ROOT / ".github" / "machine.webp").parse_args()
    with chromium() as browser:
        first, *others = frames(browser)
    durations = [round(1000 * s) for s in SECONDS]
    with atomic_path(a.out) as temporary:
        first.save(
            temporary,
            "WEBP",
            save_all=True,
            append_images=others,
            duration=durations,
            loop=1,
            quality=QUALITY,
            method=6,
        )
    print(a.out, f"{a.out.stat().st_size / 1000:.0f} kB, {first.width} x {first.height}")


if __name__ == "__main__":
    main()
