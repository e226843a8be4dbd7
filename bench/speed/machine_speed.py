"""How long the machine of the first page takes from a move of the pen to all stages painted, in headless Chromium.

    python bench/speed/machine_speed.py [--moves N]

The mouse writes a word on the first page of the built book, 1300 x 900; at each move the drawing is read anew. Counted
from the move's own time stamp until every stage is painted and laid out (the script's own part), and until the frame
after it (what the eye waits for, the screen's beat of 60 a second included).
"""

import itertools
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.book.book import HTML
from bench.common import RESULTS, chromium, options, record, to_pad
from crnn_lib.drawing import skeletons

WORD, SPACING = "reading", 2  # what is written, and the pixels of the image between two moves
WATCH = """root => {
    const canvas = root.querySelector('[data-crnn="pad"]');
    let start = 0;
    globalThis.times = [];
    canvas.addEventListener('pointermove', (event) => start ||= event.buttons && event.timeStamp, true);
    new MutationObserver(() => {
        if (!start) return;
        const began = start;
        start = 0;
        root.getBoundingClientRect();
        const painted = performance.now() - began;
        requestAnimationFrame(() => setTimeout(() => times.push([painted, performance.now() - began])));
    }).observe(root, {attributes: true, attributeFilter: ['data-crnn-read']});
}"""


def moves() -> Iterator[tuple[bool, float, float]]:
    """Where the pen goes, in pixels of the image, on and on: whether it is down, x and y."""
    while True:
        for stroke in skeletons.place(WORD):
            yield False, *stroke[0]
            for (x0, y0), (x1, y1) in itertools.pairwise(stroke):
                steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0)) / SPACING))
                for i in range(1, steps + 1):
                    yield True, x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps
        yield False, -1, -1


def write(page, count: int) -> list[list[float]]:
    """Milliseconds of `count` moves: until painted, until the frame."""
    box = page.locator('[data-crnn="pad"]').bounding_box()
    done = 0
    for down, x, y in moves():
        if not down:
            page.mouse.up()
        if x < 0:
            page.get_by_role("button", name="Clear").click()
            continue
        to_pad(page, box, x, y)
        if not down:
            page.mouse.down()
            page.wait_for_timeout(100)  # the reading of the first dot
            continue
        done += 1
        page.wait_for_function("n => times.length >= n", arg=done)
        if done == count:
            break
    return page.evaluate("times")


def main() -> None:
    a = options(__doc__, moves=200, out=RESULTS / "machine_speed.json").parse_args()
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.goto((HTML / "book" / "intro.html").as_uri())
        root = page.locator('[data-crnn-widget="machine"][data-crnn-read]')
        root.wait_for()
        root.evaluate(WATCH)
        times = write(page, a.moves)
        version = browser.version
    result = {"word": WORD, "moves": a.moves}
    for name, values in zip(("until_painted_ms", "until_frame_ms"), zip(*times, strict=True), strict=True):
        spread = statistics.quantiles(values, n=10)
        result[name] = {"median": round(statistics.median(values), 1), "p90": round(spread[-1], 1)}
    record(a.out, result, chromium=version)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
