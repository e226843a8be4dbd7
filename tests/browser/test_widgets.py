"""The widgets in a real browser, on a small page of their own, from http and from the file itself, with no network."""

import functools
import gzip
import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from test_pages import axe, look
from visits import ROOT, Visit, served

from crnn_lib import assets, images, reader
from crnn_lib.drawing import pen, skeletons
from crnn_lib.widgets import host

CONF = """
import sys
sys.path[:0] = {path!r}
project, language, html_title = "pad", "en", "Pad"
extensions = ["myst_nb", "crnn_widgets", "house", "lean", "policy"]
html_theme, exclude_patterns, nb_execution_mode = "sphinx_book_theme", ["_build"], "off"
html_static_path, html_css_files, html_favicon = ["_static"], ["house.css"], "_static/favicon.svg"
html_context, html_theme_options = {{"default_mode": "auto"}}, {{"navbar_persistent": []}}
nb_mime_priority_overrides, nb_ipywidgets_js = [["html", "text/html", 5]], {{}}
"""
PAGE = "# The pad\n\nDraw.\n\n```{crnn-widget} pad\n:sample: 2b7xy\n```\n\n```{toctree}\nplain\nfar\n```\n"
TYPED = "n7x"
STROKES = json.loads(json.dumps(skeletons.place(TYPED)))  # a fixture that the mouse repeats


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pad")
    (folder / "conf.py").write_text(CONF.format(path=[str(ROOT / "book" / "_ext")]))
    (folder / "index.md").write_text(PAGE)
    (folder / "far.md").write_text("# Far down\n\n" + "Words.\n\n" * 100 + "```{crnn-widget} pad\n:text: n7x\n```\n")
    (folder / "plain.md").write_text("# No widget here\n\nNone.\n")
    shutil.copytree(ROOT / "book" / "_static", folder / "_static")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(folder), str(folder / "_build")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "_build"


@pytest.fixture(scope="session")
def site_server(site):
    with served(site) as address:
        yield address


@pytest.fixture(params=["http", "file"])
def place(request, site):
    return request.getfixturevalue("site_server") if request.param == "http" else site.as_uri()


@pytest.fixture
def pad(chromium, place):
    with Visit(chromium, place, "index.html") as visit:
        yield Pad(visit)
        assert visit.outside == []
        assert visit.problems == []


class Pad:
    """The pad on a page, as somebody who uses it meets it."""

    def __init__(self, visit):
        self.visit, self.page = visit, visit.page
        self.root = self.page.locator('[data-crnn-widget="pad"]')
        self.root.wait_for()
        self.canvas = self.root.locator("canvas")

    def part(self, name):
        return self.root.locator(f'[data-crnn="{name}"]').inner_text()

    def count(self):
        return int(self.root.get_attribute("data-crnn-read"))

    def settle(self, before):
        """Wait until there is a reading after number `before`, and no further one."""
        self.page.wait_for_function(
            "n => Number(document.querySelector('[data-crnn-widget]').dataset.crnnRead) > n", arg=before
        )
        seen = -1
        while seen != self.count():
            seen = self.count()
            self.page.wait_for_timeout(150)

    def do(self, action):
        before = self.count()
        action()
        self.settle(before)

    def picture(self):
        """What the canvas shows, one value an image pixel."""
        pixels = self.canvas.evaluate("""c => {
            const {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);
            const middle = (i) => 6 * i + 3; // an image pixel is six canvas pixels wide
            const at = (i) => middle(Math.floor(i / 128)) * c.width + middle(i % 128);
            return Array.from({length: 32 * 128}, (_, i) => data[4 * at(i)]);
        }""")
        return np.array(pixels, dtype=np.uint8).reshape(32, 128)

    def agrees(self, grey, network):
        """The page says of `grey` what torch says."""
        model = host.readers()[network]
        said = reader.read(model, images.standardise(grey, model.config.height, model.config.width)[None])
        assert self.part("text") == said.texts[0]
        shown = self.part("confidence")
        value = {"< 0.1 %": 0.05, "> 99.9 %": 99.95}.get(shown) or float(shown.split()[0])
        assert value == pytest.approx(100 * said.confidences[0], abs=5 if network == "pen" else 0.6)
        return said.texts[0]

    def agrees_of(self, drawing):
        """The page says of a drawing what torch says of it, normalised."""
        return self.agrees(pen.render(pen.normalise(drawing)).astype(np.float32), last_reader())

    def draw(self, drawing):
        """With the mouse; returns the points that it passed, on the grid."""
        box = self.canvas.bounding_box()
        passed = []
        for stroke in drawing:
            passed.append([])
            for i, (x, y) in enumerate(stroke):
                at = round(box["x"] + x / 128 * box["width"]), round(box["y"] + y / 32 * box["height"])
                self.page.mouse.move(*at)
                if i == 0:
                    self.page.mouse.down()
                passed[-1].append([(at[0] - box["x"]) / box["width"] * 128, (at[1] - box["y"]) / box["height"] * 32])
            self.page.mouse.up()
        return pen.quantise(passed)


def last_reader():
    return list(host.readers())[-1]


def test_drawn_strokes_are_read_as_torch_reads_them(pad):
    passed = []
    pad.do(lambda: passed.extend(pad.draw(STROKES)))
    shown = pad.picture()
    assert np.abs(shown.astype(int) - pen.render(passed)).mean() < 0.5
    assert (shown < 128).sum() > 50
    pad.agrees_of(passed)
    assert len(pad.part("runners")) > 5


def test_typed_text_is_drawn_as_in_python(pad):
    pad.do(lambda: pad.root.get_by_label("Type").fill(TYPED))
    assert np.array_equal(pad.picture(), pen.render(skeletons.place(TYPED)))
    assert pad.agrees_of(skeletons.place(TYPED)) == TYPED
    pad.root.get_by_label("Type").fill("é")
    assert "cannot be drawn" in pad.part("message")


def test_small_writing_is_read(pad):
    """Letters without ascenders as typed, and drawn at less than half that size in a corner of the pad."""
    pad.do(lambda: pad.root.get_by_label("Type").fill("wax"))
    assert pad.agrees_of(skeletons.place("wax")) == "wax"
    pad.do(lambda: pad.root.get_by_role("button", name="Clear").click())
    passed = []
    small = [[[x * 0.4 + 2, y * 0.4 + 1] for x, y in stroke] for stroke in skeletons.place("wax")]
    pad.do(lambda: passed.extend(pad.draw(small)))
    assert np.abs(pad.picture().astype(int) - pen.render(passed)).mean() < 0.5  # shown as drawn
    assert pad.agrees_of(passed) == "wax"


def test_sample_clear_and_undo(pad):
    assert pad.part("text") == "2b7xy"
    pad.do(lambda: pad.root.get_by_label("Sample").select_option("c3f8n"))
    assert pad.agrees(images.load_grey(assets.SAMPLES["c3f8n"]), "captcha") == "c3f8n"
    pad.do(lambda: pad.root.get_by_role("button", name="Clear").click())
    assert (pad.picture() == 255).all()
    pad.agrees_of([])
    pad.do(lambda: pad.root.get_by_role("button", name="Undo").click())
    assert pad.part("text") == "c3f8n"
    pad.do(lambda: pad.root.get_by_role("button", name="Undo").click())
    assert pad.part("text") == "2b7xy"
    pad.root.get_by_role("button", name="Undo").click()
    assert pad.part("message") == "There is nothing to undo."


def test_undo_takes_back_one_stroke(pad):
    pad.do(lambda: pad.draw([[[10, 5], [10, 28]]]))
    one = pad.picture()
    pad.do(lambda: pad.draw([[[40, 5], [60, 28]]]))
    assert not np.array_equal(pad.picture(), one)
    pad.do(lambda: pad.root.get_by_role("button", name="Undo").click())
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
    before = pad.count()
    file = {"name": "bad.png", "mimeType": "image/png", "buffer": content}
    pad.root.get_by_label("Image file").set_input_files(file)
    alert = pad.root.get_by_role("alert")
    alert.wait_for()
    assert words in alert.inner_text() and '"bad.png"' in alert.inner_text()
    assert (pad.part("text"), pad.count()) == ("2b7xy", before)
    pad.do(lambda: pad.root.get_by_role("button", name="Clear").click())
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
    from PIL import Image

    Image.new("L", (9, 3)).save(tmp_path / "tiny.png")
    pad.root.get_by_label("Image file").set_input_files(tmp_path / "tiny.png")
    pad.root.get_by_role("alert").wait_for()
    assert '"tiny.png" is too small: 9 x 3, the least side is 4' in pad.part("message")


def test_keyboard_only(pad):
    pad.canvas.focus()
    keys = pad.page.keyboard
    for _ in range(5):
        keys.press("Shift+ArrowLeft")  # from the middle, 20 pixels to the left
    before = pad.count()
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
    assert np.array_equal(pad.picture(), pen.render(drawing))
    pad.agrees_of(drawing)
    pad.do(lambda: keys.press("Enter"))
    assert pad.part("text") == "2b7xy"


def test_touch(pad):
    session = pad.visit.context.new_cdp_session(pad.page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
    box, top = pad.canvas.bounding_box(), pad.page.evaluate("scrollY")

    def finger(kind, x=None, y=None):
        at = [] if x is None else [{"x": box["x"] + x / 128 * box["width"], "y": box["y"] + y / 32 * box["height"]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def swipe():
        finger("touchStart", 30, 6)
        for i in range(1, 10):
            finger("touchMove", 30 + 2 * i, 6 + 2 * i)
        finger("touchEnd")

    pad.do(swipe)
    assert pad.page.evaluate("scrollY") == top  # the pad draws, the page does not scroll
    shown = pad.picture()
    assert (np.diag(shown[8:22, 32:46]) < 100).all()
    pad.agrees_of([[[30 + 2 * i, 6 + 2 * i] for i in range(10)]])


def test_spoiling_changes_what_is_read(pad):
    clean = pad.picture()
    for name, count in [("Rotation", 6), ("Noise lines", 3), ("Blur", 9)]:
        right, left = (functools.partial(pad.page.keyboard.press, f"Arrow{way}") for way in ("Right", "Left"))
        slider = pad.root.get_by_role("slider", name=name)
        slider.focus()
        pad.do(lambda n=count, press=right: [press() for _ in range(n)])
        spoiled = pad.picture()
        assert not np.array_equal(spoiled, clean), name
        pad.do(lambda n=count, press=left: [press() for _ in range(n)])
        assert np.array_equal(pad.picture(), clean), name


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_accessible(chromium, site_server, scheme, width):
    with Visit(chromium, site_server, "index.html", scheme=scheme, width=width) as visit:
        pad = Pad(visit)
        look(visit.page, f"pad-{scheme}-{width}")
        assert axe(visit.page) == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        small = pad.root.locator("button, select, input, [role=application]").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).filter(b => b.height < 44 || b.width < 44).length"
        )
        assert small == 0
        pad.root.get_by_label("Type").fill("é")
        assert axe(visit.page) == []


def test_a_page_without_widgets_loads_none(chromium, site_server):
    with Visit(chromium, site_server, "plain.html") as visit:
        assert visit.page.locator("script[src*=crnn]").count() == 0


def test_weights_wait_until_the_widget_is_near(chromium, site_server):
    with Visit(chromium, site_server, "far.html") as visit:
        scripts = visit.page.locator("script[src*=crnn-weights]")
        visit.page.wait_for_timeout(300)
        assert scripts.count() == 0 and visit.page.locator("canvas").count() == 0
        assert visit.page.locator("crnn-widget img").get_attribute("alt").startswith("Example")
        start = time.perf_counter()
        visit.page.locator("crnn-widget").scroll_into_view_if_needed()
        visit.page.locator('[data-crnn="text"]:not(:empty)').wait_for()
        assert time.perf_counter() - start < 1
        assert scripts.count() == 1
        assert visit.problems == []


def test_without_javascript_there_is_a_picture(chromium, site):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/index.html")
    picture = page.locator("crnn-widget img")
    assert picture.is_visible()
    assert "'2b7xy'" in picture.get_attribute("alt")
    assert picture.evaluate("image => image.naturalWidth") == 200
    context.close()


def test_missing_weights_are_told(chromium, site_server):
    context = chromium.new_context()
    context.route("**/crnn-weights-*", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{site_server}/index.html")
    alert = page.locator("crnn-widget").get_by_role("alert")
    alert.wait_for()
    assert "cannot be loaded" in alert.inner_text()
    context.close()


def test_quick_and_small(chromium, site, site_server):
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in (site / "_static").glob("crnn-*")}
    print(f"over the wire: {sizes}, together {sum(sizes.values())} bytes")
    assert sum(sizes.values()) <= 1_000_000, sizes
    with Visit(chromium, site_server, "index.html") as visit:
        Pad(visit)
        times = visit.page.evaluate("""() => {
            const reader = crnn['page/engine.js'].createReader(crnn['page/engine.js'].fromBase64(crnnWeights.captcha));
            const image = Float32Array.from({length: 4096}, (_, i) => Math.sin(i));
            return Array.from({length: 20}, () => {
                const start = performance.now();
                reader.infer(image, 32, 128);
                return performance.now() - start;
            });
        }""")
        print(f"a reading takes {np.median(times):.1f} ms (fastest {min(times):.1f} ms)")
        assert min(times) < 60
