"""The built book in Firefox and in WebKit, as it is seen in Chromium by the other modules: `make browsers` runs this.

From a server and from the files themselves, on a wide window and on one as narrow as a telephone.
"""

import os
import shutil
import time
from pathlib import Path

import pytest
from drivers import Firefox, WebKit, wait
from places import HTML
from visits import PAGES, served

from crnn_lib.drawing import skeletons

pytestmark = pytest.mark.browsers
LOOK = os.environ.get("CRNN_LOOK")  # a folder for screenshots, to be looked at
WIDTHS = {1300: 900, 390: 844}
# WebDriver tells nothing of what a page complains about: the page notes it itself, by the first script of each page.
WATCH = """globalThis.problems = [];
const note = (...words) => problems.push(words.map(String).join(" "));
for (const level of ["error", "warn"]) {
    const say = console[level];
    console[level] = (...words) => { note(level, ...words); say.apply(console, words); };
}
addEventListener("error", (event) => note("error", event.message ?? event.target.outerHTML), true);
addEventListener("unhandledrejection", ({ reason }) => note("rejected", reason));
addEventListener("securitypolicyviolation", (event) => note("policy", event.effectiveDirective, event.blockedURI));
"""
DRAWING = [[(x / 128, y / 32) for x, y in stroke] for stroke in skeletons.place("7x")]
TRAINED = 300  # seconds for some steps, beside other tests
RIGHT = "\ue014"  # the arrow key
PEN = "canvas[role=application]"
NEAR_ALIVE = """[...document.querySelectorAll("crnn-widget")].every((widget) => {
    const { top, bottom } = widget.getBoundingClientRect();
    return bottom < -300 || top > innerHeight + 300 || widget.querySelector("[data-crnn-widget]");
})"""


def widgets_of(name):
    """The kinds of the widgets on a page of the book, in order."""
    return [piece.split('"')[0] for piece in (HTML / name).read_text(encoding="utf-8").split('<crnn-widget kind="')[1:]]


ALIVE = [name for name in PAGES if widgets_of(name)]


@pytest.fixture(scope="session")
def watched(built, tmp_path_factory):
    """The folder of a copy of the book, whose pages note what they complain about."""
    folder = shutil.copytree(HTML, tmp_path_factory.mktemp("watched") / "html")
    (folder / "_static" / "watch.js").write_text(WATCH)
    for path in folder.rglob("*.html"):
        root = os.path.relpath(folder, path.parent)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("<head>", f'<head><script src="{root}/_static/watch.js"></script>', 1))
    return folder


@pytest.fixture(scope="session")
def bases(watched):
    with served(watched) as address:
        yield {"http": address, "file": watched.as_uri()}


@pytest.fixture(scope="session", params=[Firefox, WebKit], ids=lambda kind: kind.name)
def window(request, tmp_path_factory):
    """A window of the browser, for all the tests that this process runs."""
    if missing := request.param.missing():
        pytest.skip(f"needs {missing}")
    with request.param.start(tmp_path_factory.mktemp(request.param.name)) as found:
        yield found


@pytest.fixture(params=WIDTHS)
def sized(window, request):
    window.resize(request.param, WIDTHS[request.param])
    return window


@pytest.fixture(params=["http", "file"])
def opened(sized, bases, request):
    """opened(page) -> the window, with that page in it."""

    def look(name):
        sized.go(f"{bases[request.param]}/{name}")
        return sized

    return look


def place(window, node):
    """Where an element is in the viewport in the next frame that is painted: [x, y, width, height]."""
    return window.js(f"""const {{x, y, width, height}} = await new Promise((seen) => {{
            const frame = new IntersectionObserver(([{{boundingClientRect}}]) => {{
                frame.disconnect();
                seen(boundingClientRect);
            }});
            frame.observe({node});
        }});
        return [x, y, width, height]""")


def at_rest(window, node):
    """The same, as soon as nothing moves."""
    places = [place(window, node)]
    wait(lambda: places.append(place(window, node)) or places[-4:] == [places[-1]] * 4, what=f"{node} to lie still")
    return places[-1]


class Widget:
    """A widget of the page in a window, as somebody who uses it meets it."""

    def __init__(self, window, number):
        self.window, self.here = window, f"document.querySelectorAll('crnn-widget')[{number}]"
        self.bring(self.here)
        window.until(f"{self.here}.querySelector('[data-crnn-widget]')")

    def find(self, selector):
        """The expression of its first part of that selector."""
        return f"{self.here}.querySelector({selector!r})"

    def button(self, name):
        return f"[...{self.here}.querySelectorAll('button')].find((b) => b.textContent === {name!r})"

    def text(self, name="text"):
        return self.window.js(f"return {self.find(f'[data-crnn={name}]')}?.textContent")

    def says(self):
        """All its words, the values of its fields included."""
        return self.window.js(f"""const {{ textContent }} = {self.here};
            return textContent + [...{self.here}.querySelectorAll("input, select")].map(({{ value }}) => value)""")

    def bring(self, node):
        """Scroll to an element; where it is on the screen, when it has come to rest."""
        self.window.js(f"({node}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        return at_rest(self.window, node)

    def click(self, node):
        x, y, width, height = self.bring(node)
        self.window.draw([(x + width / 2, y + height / 2)])

    def changes(self, act):
        """Do something, upon which the widget says something else."""
        before = self.says()
        act()
        wait(lambda: self.says() != before, what=f"a change of {self.here}")

    def draw(self, after=None):
        """Draw on its pen, before which it is brought in view."""
        narrow = self.window.js("return innerWidth < 600")
        x, y, width, height = self.bring(self.find(PEN))
        for stroke in DRAWING:
            points = [(x + a * width, y + b * height) for a, b in stroke]
            self.window.draw(points, self.window.finger if narrow else "mouse", after)


# --- what each kind answers to ---


def use_pad(widget):
    widget.draw()
    wait(lambda: widget.text() in ("7x", "zx"), what="a reading of what was drawn")
    widget.click(widget.button("Clear"))
    widget.click(widget.find("input[type=text]"))
    widget.window.press(*"n7x")
    wait(lambda: widget.text() == "n7x", what="a reading of what was typed")


def use_machine(widget):
    widget.draw()
    wait(lambda: widget.text() in ("7x", "zx"), what="a reading of what was drawn")
    widget.changes(lambda: widget.click(widget.button("Slow motion")))
    widget.changes(lambda: widget.click(widget.find("[aria-label='Close slow motion']")))
    widget.changes(lambda: widget.click(widget.find("[data-crnn-stage=lstm] button")))
    widget.window.until(f"{widget.find('[data-crnn=state]')}?.textContent")
    widget.click(widget.find("[aria-label=Close]"))


def use_microscope(widget):
    widget.click(widget.find("details > summary"))
    use_slider(widget)
    widget.changes(widget.draw)


def use_slider(widget):
    """By the keyboard."""
    slider = widget.find("input[type=range]")
    widget.bring(slider)
    widget.window.js(f"{slider}.focus()")
    widget.changes(lambda: widget.window.press(RIGHT))


def use_crank(widget):
    widget.changes(lambda: widget.click(widget.button("Step")))
    use_slider(widget)


def use_lab(widget):
    for name in ("Next cell", "One gradient step", "Play forward"):
        widget.changes(lambda name=name: widget.click(widget.button(name)))
    widget.click(widget.button("Pause"))
    planes = f"[...{widget.here}.querySelectorAll('.lab-plane')]"
    cut = f"{planes}.some((plane) => plane.scrollWidth > plane.clientWidth + 1)"
    assert widget.window.js(f"return {cut}") is False, "a column of the lattice is cut off"


def use_quiz(widget):
    verdict = widget.find(".quiz-verdict strong")
    widget.click(widget.button("Check"))
    widget.window.until(f"{verdict}?.textContent === 'Not yet.'")
    widget.changes(lambda: widget.click(widget.button("Another one")))


def use_replay(widget):
    step = widget.find("[data-crnn=step]")
    before = widget.window.js(f"return {step}.textContent")
    widget.click(widget.button("Play"))
    widget.window.until(f"{step}.textContent !== {before!r}")
    widget.click(widget.button("Pause"))


def use_trainer(widget):
    """Start, and pause when the loss has fallen."""
    facts = f"{widget.find('[data-crnn=facts]')}.textContent"
    loss = f"Number(/loss (\\d+[.]\\d+)/.exec({facts})?.[1])"
    widget.click(widget.button("Start"))
    widget.window.until(f"/^Step [1-9]/.test({facts})", TRAINED)
    before = widget.window.js(f"return {loss}")
    widget.window.until(f"{loss} < {before} - 0.1", TRAINED)
    widget.click(widget.button("Pause"))
    widget.window.until(widget.button("Start"))
    paused = widget.text("facts")
    time.sleep(0.5)
    assert widget.text("facts") == paused


def use_line(widget):
    """By the keyboard, and to the microscope."""
    widget.changes(lambda: widget.click(widget.button("Clear")))
    widget.window.js(f"{widget.find(PEN)}.focus()")
    widget.changes(lambda: widget.window.press(RIGHT))
    widget.click(widget.button("Open in the microscope"))
    if widget.window.js("return !document.querySelector('crnn-widget[kind=microscope]')"):
        widget.window.until(f"{widget.here}.querySelector('[data-crnn-widget=microscope]')")


USES = {
    "machine": use_machine,
    "pad": use_pad,
    "microscope": use_microscope,
    "lab": use_lab,
    "quiz": use_quiz,
    "replay": use_replay,
}
USES |= {"line": use_line, "trainer": use_trainer, "probe-convolution": use_crank, "probe-pooling": use_crank}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_quiet_and_every_widget_answers(opened, name):
    window = opened(name)
    for number, kind in enumerate(widgets_of(name)):
        USES.get(kind, use_slider)(Widget(window, number))
        if LOOK:
            width = window.js("return innerWidth")
            Path(LOOK, f"{window.name}-{width}-{Path(name).stem}-{number}-{kind}.png").write_bytes(window.picture())
    assert (
        window.js("const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth")
        <= 0
    ), "sideways"
    assert window.js("return problems") == []


# Where there is a pen: the page, and the number of the widget on it.
PENS = [
    (name, number)
    for name in ALIVE
    for number, kind in enumerate(widgets_of(name))
    if kind in ("machine", "pad", "microscope")
]


@pytest.mark.parametrize(("name", "number"), PENS)
def test_no_canvas_moves_under_a_pen(sized, bases, name, number):
    """From before the first stroke to the end of the readings, of which other widgets of the page take over."""
    sized.go(f"{bases['file']}/{name}")
    for above in range(number):
        Widget(sized, above)  # as who scrolls down passes it, and it comes to life
    widget = Widget(sized, number)
    if widgets_of(name)[number] == "microscope":
        widget.click(widget.find("summary"))
    canvas, text = widget.find(PEN), widget.text()
    places = [widget.bring(canvas)]
    widget.draw(lambda: places.append(place(sized, canvas)))
    wait(lambda: widget.text() != text, what="a reading")
    places.append(at_rest(sized, canvas))
    for later in places:
        assert later == pytest.approx(places[0], abs=1)  # WebKit scrolls by whole pixels


SECTIONS = "return [...document.querySelectorAll('section[id]:not(crnn-widget *)')].map(({ id }) => id)"
LAND = """const node = document.getElementById(arguments[0]);
const style = (element, name) => parseFloat(getComputedStyle(element)[name]) || 0;
const { documentElement: root, scrollingElement: { scrollTop, clientHeight, scrollHeight } } = document;
const away = node.getBoundingClientRect().top - style(root, "scrollPaddingTop") - style(node, "scrollMarginTop");
return [away, scrollHeight - scrollTop - clientHeight]"""


# What the others do about it (scroll anchoring) WebKit lacks.
@pytest.mark.parametrize("window", [WebKit], indirect=True, ids=["webkit"])
@pytest.mark.parametrize("name", PAGES)
def test_a_link_to_a_section_leads_there(sized, bases, name):
    """Within 80 pixels of where the style wants it, when the widgets round about live; or the page ends before."""
    sized.go(f"{bases['file']}/{name}")
    off = {}
    for target in sized.js(SECTIONS):
        sized.go(f"{bases['file']}/{name}?{target}#{target}")  # with another query, the page is loaded again
        sized.until(NEAR_ALIVE)
        at_rest(sized, f"document.getElementById({target!r})")
        away, left = sized.js(LAND, target)
        if not (abs(away) <= 80 or (left < 2 and away > 0)):
            off[target] = round(away)
    assert off == {}
