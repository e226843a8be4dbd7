"""A line marked on a picture, in a real browser: by mouse, finger and keys, of a picture pasted, dropped or chosen."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from visits import Finger, Live, assert_open_to_everybody, axe, everywhere

from crnn_lib import images, reader
from crnn_lib.drawing import faces
from crnn_lib.widgets import host, weights

SITE = {
    "index": "# A line\n\nOf print.\n\n```{crnn-widget} line\n```\n\nThe end.\n",
    "both": "# Both\n\n```{crnn-widget} microscope\n```\n\n```{crnn-widget} line\n:sample: two-rows\n```\n",
}
UPPER, LOWER = "Upper27", "another"
OPEN = """async ([bytes, type]) => {
    const { openFile, greyOf } = crnn["page/sources.js"];
    const file = new File([crnn["page/base64.js"].fromBase64(bytes)], "x", { type });
    const { data, height, width } = greyOf(await openFile(file, '"x"'));
    return [height, width, Array.from(data)];
}"""
GIVE = """async ([kind, bytes]) => {
    const root = document.querySelector('[data-crnn-widget="line"]');
    const data = new DataTransfer();
    if (bytes) data.items.add(new File([crnn["page/base64.js"].fromBase64(bytes)], "p.png", { type: "image/png" }));
    else data.setData("text/plain", "words");
    const more = { bubbles: true, cancelable: true };
    root.querySelector("canvas").dispatchEvent(kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, ...more })
        : new DragEvent("drop", { dataTransfer: data, ...more }));
}"""


def sheet():
    """Two printed texts on a page of white: (400, 600) uint8, and where each lies: left, top, width, height."""
    page = Image.new("L", (600, 400), 255)
    places = {UPPER: (100, 60, 200, 50), LOWER: (320, 250, 200, 50)}
    font = next(face for face in faces.wheels() if face.family == "DejaVu Sans").font(36)
    for name, (x, y, w, h) in places.items():
        ImageDraw.Draw(page).text((x + w / 2, y + h / 2), name, 0, font, anchor="mm")
    return np.asarray(page), places


def png(picture, kind="PNG", **more):
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, kind, **more)
    return file.getvalue()


class Line(Live):
    """The widget on a page, with a sheet of two printed texts in it."""

    def __init__(self, visit, chosen=True):
        visit.page.locator('crnn-widget[kind="line"]').scroll_into_view_if_needed()
        super().__init__(visit, "line")
        self.canvas, self.file = self.root.locator("canvas").first, self.root.locator("input[type=file]")
        self.picture, self.places = sheet()
        if chosen:
            self.choose(png(self.picture))

    def choose(self, content, name="page.png"):
        self.do(lambda: self.file.set_input_files([{"name": name, "mimeType": "image/png", "buffer": content}]))

    def do(self, action):
        """Act, and wait until what follows has been read."""
        before = self.reads()
        action()
        self.page.wait_for_function("([e, n]) => +e.dataset.crnnRead > n", arg=[self.root.element_handle(), before])
        self.page.wait_for_timeout(400)

    def at(self, x, y):
        """Where a pixel of the picture is on the screen."""
        self.canvas.scroll_into_view_if_needed()
        box = self.canvas.bounding_box()
        scale = min(box["width"] / 600, box["height"] / 400)
        left, top = (box["width"] - 600 * scale) / 2, (box["height"] - 400 * scale) / 2
        return box["x"] + left + x * scale, box["y"] + top + y * scale

    def drag(self, *points):
        self.canvas.scroll_into_view_if_needed()
        mouse = self.page.mouse
        mouse.move(*self.at(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.at(*point), steps=4)
        mouse.up()

    def mark(self, name):
        x, y, w, h = self.places[name]
        self.do(lambda: self.drag((x, y), (x + w, y + h)))

    def marked(self):
        """The box's size, as it is told."""
        return [int(n) for n in self.part("message").split(":")[1].split("pixels")[0].split("×")]


@pytest.fixture
def line(opened):
    return Line(opened())


@pytest.fixture(scope="module")
def stored():
    return weights.from_bytes(weights.to_bytes(host.readers()["text"]))


def test_a_rectangle_is_read_as_the_library_reads_the_cut_out(line, stored):
    for name in (UPPER, LOWER):
        line.mark(name)
        wide, high = line.marked()
        assert abs(wide - 200) <= 2 and abs(high - 50) <= 2 and line.part("text") == name
        x, y, *_ = line.places[name]
        cut = line.picture[y : y + high, x : x + wide].astype(np.float32)
        found = reader.read(stored, images.standardise(cut, *stored.config.frame)[None])
        assert abs(float(line.part("confidence").strip("<> %")) / 100 - found.confidences[0]) < 0.05
    steps = line.root.locator(".line-grid")
    assert steps.locator(".line-kept").all_inner_texts() == list(LOWER)
    assert steps.locator("span").count() == found.log_probs.shape[1] + len(LOWER)


def test_the_rectangle_moves_and_its_edges_too(line):
    line.mark(UPPER)
    (x, y, w, h), (to_x, to_y, *_) = (line.places[name] for name in (UPPER, LOWER))
    line.do(lambda: line.drag((x + w / 2, y + h / 2), (to_x + w / 2, to_y + h / 2)))
    assert line.part("text") == LOWER
    line.do(lambda: line.drag((to_x + w, to_y + h / 2), (to_x + w / 2, to_y + h / 2)))  # its right edge to the middle
    assert abs(line.marked()[0] - 100) <= 2 and line.part("text") not in ("", LOWER)
    line.do(lambda: line.drag((to_x, to_y), (to_x + w, to_y + h)))  # a corner beyond the other: the box turns over
    assert abs(line.marked()[0] - 100) <= 2 and line.marked()[1] <= 6
    before = line.marked()
    line.page.mouse.click(*line.at(30, 30))  # marks nothing
    line.page.wait_for_timeout(300)
    assert line.marked() == before
    line.do(lambda: line.press("Whole image"))
    assert line.marked() == [600, 400]
    line.do(lambda: line.drag((3, 3), (203, 53)))  # from the rim of all of it: a part, not another size
    assert abs(line.marked()[0] - 200) <= 2 and abs(line.marked()[1] - 50) <= 2
    line.do(lambda: line.press("Clear"))
    assert (line.part("text"), line.part("confidence"), line.part("message")) == ("", "", "")
    line.press("Open in the microscope")
    assert "nothing is marked" in line.part("message")


FIVE_KEYS = """canvas => [1, 2, 3, 4, 5].forEach(() =>
    canvas.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true })))"""


def test_keys_alone(line, stored):
    line.do(lambda: line.press("Clear"))
    line.canvas.focus()
    keys = line.page.keyboard
    line.do(lambda: keys.press("ArrowRight"))
    assert line.marked() == [300, 134]  # in the middle: from 150, 133
    for key, times in {"Shift+ArrowUp": 42, "ArrowLeft": 25, "Shift+ArrowLeft": 50, "ArrowUp": 36}.items():
        for _ in range(times):
            keys.press(key)
    line.page.wait_for_timeout(600)
    assert line.marked() == [200, 50] and line.part("text") == UPPER
    before = line.reads()
    line.canvas.evaluate(FIVE_KEYS)  # at once, however slow the machine
    line.page.wait_for_timeout(600)
    assert line.reads() == before + 1  # once the keys rest


def test_a_finger_marks_a_line(visit, address):
    with visit(address, "index.html", width=390, height=844, has_touch=True, is_mobile=True) as v:
        line, finger = Line(v), Finger(v)
        x, y, w, h = line.places[UPPER]
        line.canvas.evaluate("canvas => canvas.scrollIntoView({ block: 'center' })")
        v.page.wait_for_timeout(300)

        def drag():
            finger.send("touchStart", line.at(x, y))
            for part in (0.2, 0.6, 1):
                finger.send("touchMove", line.at(x + part * w, y + part * h))
            finger.send("touchEnd")

        line.do(drag)
        assert line.part("text") == UPPER and v.problems == []


def test_pasted_dropped_and_what_is_no_picture(line):
    for kind in ("paste", "drop"):
        line.do(lambda kind=kind: line.page.evaluate(GIVE, [kind, base64.b64encode(png(line.picture)).decode()]))
        assert line.marked() == [600, 400]
        line.page.evaluate(GIVE, [kind, ""])
        line.root.get_by_role("alert").wait_for()
        assert "that is not a picture" in line.part("message")
        line.mark(LOWER)
        assert line.part("text") == LOWER


def test_the_clipboard_by_key_and_by_button(visit, address):
    with visit(address, "index.html", permissions=["clipboard-read", "clipboard-write"]) as v:
        line = Line(v, chosen=False)
        copy = """async (bytes) => navigator.clipboard.write([new ClipboardItem({
            "image/png": new Blob([crnn["page/base64.js"].fromBase64(bytes)], { type: "image/png" })})])"""
        v.page.evaluate(copy, base64.b64encode(png(line.picture)).decode())
        line.root.locator("p").first.click()  # anywhere in it
        line.do(lambda: v.page.keyboard.press("Control+v"))
        assert line.marked() == [600, 400]
        line.mark(LOWER)
        line.do(lambda: line.press("Paste"))
        assert line.marked() == [600, 400] and v.problems == []


def test_where_the_clipboard_may_not_be_read_it_says_so(visit, address):
    with visit(address, "index.html") as v:
        v.page.evaluate("() => void (navigator.clipboard.read = () => Promise.reject(new Error('no')))")
        line = Line(v, chosen=False)
        line.press("Paste")
        line.root.get_by_role("alert").wait_for()
        assert "press Ctrl+V here instead" in line.part("message")


def test_files_that_cannot_be_used_are_told(line):
    wide = Image.new("1", (8000, 5001), 1)
    for content, words in {
        png(wide): "8000 x 5001, the limit is 40 million pixels",
        png(np.full((3, 90), 9, np.uint8)): "the least side is 4",
        b"no picture": "is not an image",
        b"": "is empty",
    }.items():
        line.file.set_input_files([{"name": "page.png", "mimeType": "image/png", "buffer": content}])
        line.page.wait_for_function(
            "words => document.querySelector('[data-crnn=message]').textContent.includes(words)", arg=words
        )
        assert line.part("message").startswith('"page.png" is')
    line.mark(UPPER)
    assert line.part("text") == UPPER  # the picture before is still there
    line.do(lambda: line.press("Whole image"))
    line.file.set_input_files(
        [{"name": "x.png", "mimeType": "image/png", "buffer": png(np.full((40, 9000), 255, np.uint8))}]
    )
    line.root.get_by_role("alert").wait_for()
    assert "9000 x 32 / 40 x 2 = 14,400 columns, at most 4,096 are read: cut it into pieces" in line.part("message")
    assert line.part("text") == ""


COLOURS = np.random.default_rng(4).integers(0, 256, (37, 90, 4), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "RGBA"])
def test_a_png_s_grey_levels_are_the_library_s(line, mode):
    """To the last digit where it is opaque; else as near as the browser keeps its colours."""
    picture = Image.fromarray(COLOURS)
    picture = picture if mode == "RGBA" else picture.convert("RGB").convert(mode)
    content = png(picture)
    height, width, levels = line.page.evaluate(OPEN, [base64.b64encode(content).decode(), "image/png"])
    expected = images.load_grey(content)
    apart = np.abs(np.array(levels, np.float32).reshape(height, width) - expected).max()
    assert (height, width) == (37, 90) and (apart <= 1.5 if mode == "RGBA" else apart == 0)


def test_a_photograph_stands_upright(line):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    smooth = np.linspace(0, 255, 40 * 90).reshape(40, 90).astype(np.uint8)
    content = png(smooth, "JPEG", quality=95, exif=exif)
    height, width, levels = line.page.evaluate(OPEN, [base64.b64encode(content).decode(), "image/jpeg"])
    expected = images.load_grey(content)
    assert (height, width) == expected.shape == (90, 40)
    assert np.abs(np.reshape(levels, (height, width)) - expected).max() < 4


def test_the_microscope_opens_the_line_within_or_where_there_is_one(opened):
    line = Line(opened())
    line.mark(UPPER)
    line.press("Open in the microscope")
    inner = line.root.locator('[data-crnn-widget="microscope"]')
    inner.wait_for()
    assert inner.locator("[data-crnn=text]").inner_text() == UPPER
    assert "on an image of" in inner.locator("[data-crnn=says]").inner_text()
    line = Line(opened("both"))
    other = line.page.locator('[data-crnn-widget="microscope"]')
    assert other.locator("[data-crnn=text]").inner_text() == "2b7xy"  # its own sample
    line.mark(LOWER)
    line.press("Open in the microscope")
    line.page.wait_for_function(
        "text => document.querySelector('[data-crnn-widget=microscope] [data-crnn=text]').textContent === text",
        arg=LOWER,
    )
    assert other.count() == 1 and line.root.locator('[data-crnn-widget="microscope"]').count() == 0


def test_it_starts_without_weights_and_with_its_text_known(opened):
    line = Line(opened(), chosen=False)
    assert "Printed there: The quick brown fox" in line.part("truth")
    assert not any("crnn-weights" in url for url in line.visit.requests)


def test_without_scripts_the_line_is_seen(without_scripts):
    shown = without_scripts.locator(".crnn-baked img")
    assert "The network reads this picture as" in shown.get_attribute("alt")


@everywhere
def test_accessible(visit, address, scheme, width):
    with visit(address, "index.html", scheme=scheme, width=width) as v:
        line = Line(v)
        targets = line.root.locator("button, select, input, canvas[role=application]")
        assert_open_to_everybody(v.page, f"line-{scheme}", width, targets)
        line.mark(UPPER)
        line.press("Open in the microscope")
        line.root.locator('[data-crnn-widget="microscope"]').wait_for()
        assert axe(v.page) == [] and v.problems == []
        assert v.page.evaluate("document.documentElement.scrollWidth") <= width
