"""The widgets in a real browser, on a small page of their own, from http and from the file itself, with no network."""

import functools
import gzip
import json

import numpy as np
import pytest
from PIL import Image
from visits import Finger, Live, assert_open_to_everybody, axe, draw, everywhere, picture_of

from crnn_lib import assets, images, reader
from crnn_lib.drawing import pen, skeletons
from crnn_lib.widgets import host

SITE = {
    "index": "# The pad\n\nDraw.\n\n```{crnn-widget} pad\n:sample: 2b7xy\n```\n",
    "far": "# Far down\n\n" + "Words.\n\n" * 100 + "```{crnn-widget} pad\n:text: n7x\n```\n",
    "plain": "# No widget here\n\nNone.\n",
}
TYPED = "n7x"
STROKES = json.loads(json.dumps(skeletons.place(TYPED)))  # a fixture that the mouse repeats


@pytest.fixture
def pad(opened):
    return Pad(opened())


class Pad(Live):
    """The pad on a page."""

    def __init__(self, visit):
        super().__init__(visit, "pad")
        self.canvas = self.root.locator("canvas")

    def settle(self, before):
        """Wait until there is a reading after number `before`, and no further one."""
        self.wait(before)
        seen = -1
        while seen != self.reads():
            seen = self.reads()
            self.page.wait_for_timeout(150)

    def do(self, action):
        before = self.reads()
        action()
        self.settle(before)

    def ink(self):
        """How dark the canvas is at each pixel of the pad, 0 .. 255 (32, 128)."""
        dark = self.canvas.evaluate("""c => {
            const [size, {data}] = [c.width / 128, c.getContext('2d').getImageData(0, 0, c.width, c.height)];
            const middle = (i) => Math.floor(size * (i + 0.5));
            const at = (i) => 4 * (middle(Math.floor(i / 128)) * c.width + middle(i % 128));
            return Array.from({length: 32 * 128}, (_, i) => data[at(i) + 3] * (255 - data[at(i)]) / 255);
        }""")
        return np.array(dark).reshape(32, 128)

    def picture(self):
        """The picture that the network sees."""
        return picture_of(self.root)

    def agrees(self, grey, network):
        """The page says of `grey` what torch says."""
        model = host.readers()[network]
        said = reader.read(model, [images.standardise(grey, *model.config.frame)])
        assert self.part("text") == said.texts[0]
        shown = self.part("confidence")
        value = {"< 0.1 %": 0.05, "> 99.9 %": 99.95}.get(shown) or float(shown.split()[0])
        assert value == pytest.approx(100 * said.confidences[0], abs=5 if network == "pen" else 0.6)
        return said.texts[0]

    def agrees_of(self, drawing):
        """The page says of a drawing what torch says of it, normalised."""
        return self.agrees(pen.image(drawing).astype(np.float32), last_reader())

    def draw(self, drawing):
        """With the mouse; returns the points that it passed, on the grid."""
        passed = []
        self.do(lambda: passed.extend(draw(self.page, self.canvas, drawing)))
        return passed


def last_reader():
    return list(host.readers())[-1]


def test_drawn_strokes_are_read_as_torch_reads_them(pad):
    passed = pad.draw(STROKES)
    assert np.array_equal(pad.picture(), pen.image(passed))
    assert (pad.picture() < 128).sum() > 50
    assert np.abs(255 - pad.ink() - pen.render(passed)).mean() < 4  # smooth, where it was drawn
    pad.agrees_of(passed)


def test_typed_text_is_drawn_as_in_python(pad):
    pad.do(lambda: pad.root.get_by_label("Type").fill(TYPED))
    assert np.array_equal(pad.picture(), pen.image(skeletons.place(TYPED)))
    assert pad.agrees_of(skeletons.place(TYPED)) == TYPED
    pad.root.get_by_label("Type").fill("é")
    assert "cannot be drawn" in pad.part("message")


def test_small_writing_is_read(pad):
    """Letters without ascenders as typed, and drawn at less than half that size in a corner of the pad."""
    pad.do(lambda: pad.root.get_by_label("Type").fill("wax"))
    assert pad.agrees_of(skeletons.place("wax")) == "wax"
    pad.do(lambda: pad.press("Clear"))
    small = [[[x * 0.4 + 2, y * 0.4 + 1] for x, y in stroke] for stroke in skeletons.place("wax")]
    passed = pad.draw(small)
    assert np.abs(255 - pad.ink() - pen.render(passed)).mean() < 4  # shown as drawn
    assert pad.agrees_of(passed) == "wax"


def test_sample_clear_and_undo(pad):
    assert pad.part("text") == "2b7xy"
    pad.more()
    pad.do(lambda: pad.root.get_by_label("Sample").select_option("c3f8n"))
    assert pad.agrees(images.load_grey(assets.SAMPLES["c3f8n"]), "captcha") == "c3f8n"
    pad.do(lambda: pad.press("Clear"))
    assert (pad.picture() == 255).all()
    pad.agrees_of([])
    pad.do(lambda: pad.press("Undo"))
    assert pad.part("text") == "c3f8n"
    pad.do(lambda: pad.press("Undo"))
    assert pad.part("text") == "2b7xy"
    pad.press("Undo")
    assert pad.part("message") == "There is nothing to undo."


def test_undo_takes_back_one_stroke(pad):
    pad.draw([[[10, 5], [10, 28]]])
    one = pad.picture()
    pad.draw([[[40, 5], [60, 28]]])
    assert not np.array_equal(pad.picture(), one)
    pad.do(lambda: pad.press("Undo"))
    assert np.array_equal(pad.picture(), one)


def test_upload(pad):
    file = assets.SAMPLES["mw4pg"]
    pad.do(lambda: pad.root.get_by_label("Image file").set_input_files(file))
    assert pad.agrees(images.load_grey(file), "captcha") == "mw4pg"


@pytest.mark.parametrize(
    "content, words",
    [(b"", "is empty"), (b"no image at all", "is not an image"), (b"\x89PNG\r\n\x1a\n\x00", "is not an image")],
)
def test_bad_upload(pad, content, words):
    before = pad.reads()
    file = {"name": "bad.png", "mimeType": "image/png", "buffer": content}
    pad.root.get_by_label("Image file").set_input_files(file)
    alert = pad.root.get_by_role("alert")
    alert.wait_for()
    assert words in alert.inner_text() and '"bad.png"' in alert.inner_text()
    assert (pad.part("text"), pad.reads()) == ("2b7xy", before)
    pad.do(lambda: pad.press("Clear"))
    assert pad.part("message") == ""


def test_a_hostile_file_name_or_kind_is_shown_as_text(pad):
    name = "<img src=x onerror=alert(1)>\u202egnp.png"
    pad.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    file = {"name": name, "mimeType": "image/png", "buffer": b"no image"}
    pad.root.get_by_label("Image file").set_input_files(file)
    pad.root.get_by_role("alert").wait_for()
    assert f'"{name}"'.replace("\u202e", r"\u{202e}") in pad.part("message")
    put = (
        "const odd = document.createElement('crnn-widget'); odd.setAttribute('kind', kind); document.body.prepend(odd);"
    )
    pad.page.evaluate(f"kind => {{ {put} }}", name)
    told = pad.page.locator("crnn-widget > .crnn-error")
    told.wait_for()
    assert name.replace("\u202e", r"\u{202e}") in told.inner_text()
    assert not pad.page.locator("img[src=x]").count()


def test_too_small_an_upload(pad, tmp_path):
    Image.new("L", (9, 3)).save(tmp_path / "tiny.png")
    pad.root.get_by_label("Image file").set_input_files(tmp_path / "tiny.png")
    pad.root.get_by_role("alert").wait_for()
    assert '"tiny.png" is too small: 9 x 3, the least side is 4' in pad.part("message")


def test_keyboard_only(pad):
    pad.canvas.focus()
    keys = pad.page.keyboard
    for _ in range(5):
        keys.press("Shift+ArrowLeft")  # from the middle, 20 pixels to the left
    before = pad.reads()
    keys.press("Space")
    assert pad.part("message") == "Pen down."
    for key in ["ArrowRight"] * 8 + ["Shift+ArrowDown"] * 2:
        keys.press(key)
    keys.press("Space")
    assert pad.part("message") == "Pen up."
    pad.settle(before)
    keys.press("Tab")  # the focus leaves: the pen's ring goes
    assert pad.page.evaluate("document.activeElement.textContent") == "Undo"
    drawing = [[[44 + i, 16] for i in range(9)] + [[52, 20], [52, 24]]]
    assert np.array_equal(pad.picture(), pen.image(drawing))
    pad.agrees_of(drawing)
    pad.do(lambda: keys.press("Enter"))
    assert pad.part("text") == "2b7xy"


def test_touch(pad):
    finger, box, top = Finger(pad.visit), pad.canvas.bounding_box(), pad.page.evaluate("scrollY")
    points = [(30 + 2 * i, 6 + 2 * i) for i in range(10)]

    def swipe():
        for i, (x, y) in enumerate(points):
            kind = "touchMove" if i else "touchStart"
            finger.send(kind, (box["x"] + x / 128 * box["width"], box["y"] + y / 32 * box["height"]))
        finger.send("touchEnd")

    pad.do(swipe)
    assert pad.page.evaluate("scrollY") == top  # the pad draws, the page does not scroll
    assert (np.diag(pad.ink()[8:22, 32:46]) > 155).all()
    pad.agrees_of([points])


def test_spoiling_changes_what_is_read(pad):
    clean = pad.picture()
    pad.more()
    for name, count in [("Rotation", 6), ("Noise lines", 3), ("Blur", 9)]:
        right, left = (functools.partial(pad.page.keyboard.press, f"Arrow{way}") for way in ("Right", "Left"))
        slider = pad.root.get_by_role("slider", name=name)
        slider.focus()
        pad.do(lambda n=count, press=right: [press() for _ in range(n)])
        spoiled = pad.picture()
        assert not np.array_equal(spoiled, clean), name
        pad.do(lambda n=count, press=left: [press() for _ in range(n)])
        assert np.array_equal(pad.picture(), clean), name


@everywhere
def test_accessible(visit, address, scheme, width):
    with visit(address, "index.html", scheme=scheme, width=width) as v:
        pad = Pad(v)
        targets = pad.root.locator("button, select, input, [role=application]")
        assert_open_to_everybody(v.page, f"pad-{scheme}", width, targets)
        pad.root.get_by_label("Type").fill("é")
        pad.more()
        assert axe(v.page) == []


def test_a_page_without_widgets_loads_none(visit, address):
    with visit(address, "plain.html") as v:
        assert v.page.locator("script[src*=crnn]").count() == 0


def test_a_widget_starts_when_it_is_near_and_its_weights_come_at_the_first_touch(visit, address):
    with visit(address, "far.html") as v:
        asked = lambda part: [url for url in v.requests if part in url]  # noqa: E731
        v.page.wait_for_timeout(300)
        assert not asked("crnn-shared") and v.page.locator("crnn-widget img").get_attribute("alt").startswith(
            "The network reads this picture as"
        )
        v.page.locator("crnn-widget").scroll_into_view_if_needed()
        pad = Pad(v)
        assert pad.part("text") == TYPED and not asked("crnn-weights")
        pad.more()
        v.page.wait_for_function("() => crnnData['weights-pen']")
        assert [url.rsplit("/")[-1] for url in asked("crnn-weights")] == ["crnn-weights-pen.js"]
        pad.do(lambda: pad.root.get_by_label("Rotation").press("ArrowRight"))
        pad.do(lambda: pad.root.get_by_label("Rotation").press("ArrowLeft"))
        assert pad.part("text") == TYPED
        assert v.problems == []


def test_without_javascript_there_is_a_picture(without_scripts):
    picture = without_scripts.locator("crnn-widget img")
    assert picture.is_visible() and "'2b7xy'" in picture.get_attribute("alt")
    assert picture.evaluate("image => image.naturalWidth") == 200


def test_missing_weights_are_told(chromium, address):
    context = chromium.new_context()
    context.route("**/crnn-weights-*", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{address}/index.html")
    page.get_by_role("button", name="Clear").click()
    page.get_by_text('This could not be read: "crnn-weights-pen.js" cannot be loaded').wait_for()
    context.unroute("**/crnn-weights-*")
    page.get_by_label("Type").fill(TYPED)  # a failure is not remembered
    page.locator('[data-crnn="text"]', has_text=TYPED).wait_for()
    context.close()


def test_what_the_browser_cannot_do_is_told_beside_the_picture(chromium, address):
    context = chromium.new_context()
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    page.goto(f"{address}/index.html")
    alert = page.locator("crnn-widget").get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == "The widget did not start: this browser has no canvas to draw on"
    assert page.locator("crnn-widget img").is_visible()
    context.close()


def test_small_and_in_webassembly(visit, site, address):
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in (site / "_static").glob("crnn-*")}
    print(f"over the wire: {sizes}, together {sum(sizes.values())} bytes")
    assert sizes.pop("crnn-weights-text.js") <= 1_200_000
    assert sum(sizes.values()) <= 1_000_000, sizes
    with visit(address, "index.html") as v:
        Pad(v).press("Clear")
        v.page.wait_for_function("() => crnnData['weights-pen']")
        made = "crnn['page/engine.js'].createReader(crnn['page/base64.js'].fromBase64(crnnData['weights-pen']))"
        assert v.page.evaluate(f"() => {made}.simd")  # the policy lets WebAssembly run
