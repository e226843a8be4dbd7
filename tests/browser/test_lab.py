"""The CTC laboratory in a real browser: its numbers against crnn_lib.ctc, by mouse, keyboard and finger, offline."""

import json
import math
import re

import pytest
import torch
from places import text_of
from visits import Finger, Live, assert_open_to_everybody, axe, everywhere

from crnn_lib import assets, ctc, images
from crnn_lib.model import Config
from crnn_lib.widgets import host

GUIDE = text_of("book", "laboratory.md")
OTHERS = r"06_ctc_alignment.ipynb|training_in_the_page.md"
SITE = {"index": re.sub(OTHERS, "chapter.md", GUIDE), "chapter": "# Chapter\n\nNone.\n"}


@pytest.fixture
def lab(opened):
    return Lab(opened())


class Lab(Live):
    """The laboratory on a page."""

    def __init__(self, visit):
        super().__init__(visit, "lab")

    def choose(self, field, value):
        self.root.get_by_role("combobox", name=field).select_option(value)

    def label(self, text):
        self.root.get_by_role("textbox", name="Label").fill(text)

    def steps(self, T):
        self.root.get_by_role("slider", name="Time steps T").fill(str(T))

    def open(self, tab):
        self.root.get_by_role("tab", name=tab).click()

    def reader(self):
        before = self.reads()
        self.choose("Probabilities", "reader")
        self.wait(before)

    def cell(self, t, s):
        return self.root.locator(f'[data-crnn-cell="{t},{s}"]')

    def grid(self, hook):
        """The grid's numbers, (T, rows) float64, as the page shows them in full."""
        cells = self.root.locator(f"[{hook}]").evaluate_all(
            f"all => all.map(c => [c.getAttribute('{hook}'), c.dataset.value])"
        )
        values = {tuple(map(int, at.split(","))): float(v.replace("Infinity", "inf")) for at, v in cells}
        T, rows = (max(axis) + 1 for axis in zip(*values, strict=True))
        return torch.tensor([[values[t, row] for row in range(rows)] for t in range(T)], dtype=torch.float64)

    def matrix(self):
        """(log-probabilities of the rows shown, their signs), the blank first."""
        signs = self.root.get_by_role("grid", name="Probabilities").get_by_role("rowheader").all_inner_texts()
        return self.grid("data-crnn-matrix").log(), signs

    def agrees(self):
        """Everything shown is what crnn_lib.ctc makes of the matrix and the label that are shown."""
        log_probs, signs = self.matrix()
        label = self.root.get_by_role("textbox", name="Label").input_value()
        target = [signs.index(c) for c in label]
        alpha, beta = ctc.forward(log_probs, target), ctc.backward(log_probs, target)
        loss = ctc.ctc_loss(log_probs, target)
        count = ctc.count_alignments(target, len(log_probs))
        assert self.part("alignments") == f"{count:,}"
        through = (alpha + beta + loss).exp() if count else torch.zeros_like(alpha)
        for name, log_values in [("alpha", alpha), ("beta", beta), ("occupancy", through.log())]:
            self.choose("Lattice shows", name)
            for scale in ("linear", "log"):
                self.choose("Scale", scale)
                expected = log_values if scale == "log" else log_values.exp()
                torch.testing.assert_close(self.grid("data-crnn-cell"), expected, rtol=1e-6, atol=1e-6)
        self.choose("Matrix shows", "gradient")
        expected = ctc.ctc_gradient(log_probs, target)
        torch.testing.assert_close(self.grid("data-crnn-matrix"), expected, rtol=0, atol=1e-6)
        self.choose("Matrix shows", "p")
        if not count:
            assert (self.part("loss"), self.part("best")) == ("∞", "none")
            return
        assert float(self.part("loss")) == pytest.approx(loss, abs=1e-6)
        best = ctc.force_align(log_probs, target)
        share = math.exp(sum(log_probs[t, c].item() for t, c in enumerate(best)) + loss)
        assert float(self.part("best-share").split()[0]) / 100 == pytest.approx(share, abs=1e-6)
        found = [signs.index(c) for c in self.part("best")]
        assert ctc.collapse(found) == target
        if "rest" not in signs:
            text = "".join(signs[c] for c in ctc.greedy_decode(log_probs))
            assert self.part("text") == (text or "(nothing)")


@pytest.mark.parametrize(
    "label, source, T",
    [("ab", "uniform", 5), ("mm", "random", 6), ("mm", "random", 2), ("abca", "peaked", 12), ("hello", "random", 32),
     ("", "random", 4), ("aabbccdd", "random", 32)],
)  # fmt: skip
def test_numbers_are_the_library_s(lab, label, source, T):
    lab.choose("Probabilities", source)
    lab.label(label)
    lab.steps(T)
    lab.agrees()


def test_the_reader_s_numbers_too(lab):
    lab.reader()
    assert lab.part("message") == "The model reads “gxxx6” here."
    assert lab.root.get_by_role("textbox", name="Label").input_value() == "gxxw6"
    lab.agrees()
    reader = host.readers()["captcha"]
    image = images.standardise(images.load_grey(assets.SAMPLES["gxxw6"]), 32, 128)
    with torch.no_grad():
        loss = ctc.ctc_loss(reader(image[None])[0], reader.alphabet.encode("gxxw6"))
    assert float(lab.part("loss")) == pytest.approx(loss, abs=0.05)  # the page's weights are 8-bit numbers


def test_the_guide_is_true_step_by_step(lab):
    said = re.sub(r"\s+", " ", GUIDE)
    assert "all 15 alignments" in said and lab.part("alignments") == "15"
    paths = lab.root.get_by_role("group", name="Alignments").get_by_role("button")
    listed = [p.split()[0] for p in paths.all_inner_texts()]
    assert len(listed) == len(set(listed)) == 15 and "the best" in paths.first.inner_text()
    for path in ("a-bb", "-ab-"):
        assert f"`{path}`" in said
        lab.press(path)
        assert lab.root.locator(".lab-path").count() == 1
    assert float(lab.part("best-share").split()[0]) == pytest.approx(100 / 15, abs=1e-4)

    for _ in range(8):
        lab.press("Next cell")
    assert lab.root.locator('[data-crnn-cell]:not([data-value=""])').count() == 8
    assert "0 (stay) + 0.2 (from the row above)" in lab.part("details")
    lab.root.get_by_role("slider", name="Columns shown").press("End")
    lab.cell(3, 4).click()
    assert "sum to p(label) = 0.024" in lab.part("details")

    lab.steps(32)
    assert "46,376" in said and lab.part("alignments") == "46,376"
    assert lab.root.locator("[data-crnn-cell]").count() == 5 * 32

    lab.label("mm")
    lab.steps(2)
    assert lab.part("verdict").startswith("Impossible: T = 2 < U + r = 2 + 1 = 3")
    lab.steps(3)
    assert paths.all_inner_texts() == ["m-m 100.0 %"] or paths.all_inner_texts() == ["m-m > 99.9 %"]
    lab.cell(2, 3).click()
    assert "No skip: the letter two rows up is the same “m”" in lab.part("details")
    assert lab.root.locator(".lab-barred").count() == 1
    lab.label("ab")
    lab.cell(2, 3).click()
    assert "The skip over the blank is allowed" in lab.part("details")
    assert lab.root.locator(".lab-barred").count() == 0

    lab.label("abc")
    lab.choose("Probabilities", "uniform")
    lab.steps(32)
    lab.choose("Matrix shows", "gradient")
    assert (lab.grid("data-crnn-matrix")[:, 0] < -0.05).all()
    before = float(lab.part("loss"))
    for _ in range(5):
        lab.press("One gradient step")
    assert lab.part("text") == "(nothing)" and float(lab.part("loss")) < before / 2

    lab.choose("Matrix shows", "p")
    lab.press("A hundred steps")
    assert lab.part("text") == "abc"
    flat, columns = float(lab.part("loss")), lab.matrix()[0].argmax(1)
    blanks = (columns == 0).sum()
    assert all(1 <= (columns == c).sum() <= 2 for c in (1, 2, 3))
    lab.choose("Probabilities", "random")
    lab.press("A hundred steps")
    assert lab.part("text") == "abc"
    assert float(lab.part("loss")) == pytest.approx(flat, abs=0.1)
    assert (lab.matrix()[0].argmax(1) == 0).sum() < 0.7 * blanks

    lab.reader()
    assert "reads `gxxx6`" in said and lab.part("text") == "gxxx6"
    wrong = float(lab.part("loss"))
    log_probs, _ = lab.matrix()
    assert log_probs.max(1).values.argmin() == 18
    lab.label("gxxx6")
    assert float(lab.part("loss")) < wrong
    lab.open("Beam search")
    lab.press("To the end")
    assert "answers gxxx6" in lab.part("beam-said")
    lab.choose("Probabilities", "random")
    lab.label("ab")
    lab.steps(5)
    merged = 0
    for _ in range(5):
        lab.press("Next step")
        merged += lab.root.locator(".lab-beams strong").count()
    assert merged
    assert lab.part("truth").startswith("All 3,125 paths, one by one") and "the most probable label" in lab.part(
        "truth"
    )


def test_a_gradient_step_is_the_library_s_and_undo_takes_it_back(lab):
    lab.choose("Probabilities", "random")
    log_probs, signs = lab.matrix()
    target = [signs.index(c) for c in "ab"]
    lab.press("One gradient step")
    expected = (log_probs - ctc.ctc_gradient(log_probs, target)).log_softmax(1)
    torch.testing.assert_close(lab.matrix()[0], expected, rtol=0, atol=1e-6)
    lab.press("A hundred steps")
    assert float(lab.part("loss")) < 0.3
    lab.press("Undo")
    lab.press("Undo")
    torch.testing.assert_close(lab.matrix()[0], log_probs, rtol=0, atol=1e-12)
    lab.press("Undo")
    lab.press("Undo")
    assert lab.part("message") == "There is nothing to undo."
    lab.label("aab")
    lab.steps(2)
    lab.press("One gradient step")
    assert "There is no gradient" in lab.part("message")


def test_cells_are_edited_by_keyboard_and_the_column_stays_a_distribution(lab):
    first = lab.root.locator('[data-crnn-matrix="0,0"]')
    first.focus()
    keys = lab.page.keyboard
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "+", "+", "-", "+"):
        keys.press(key)
    log_probs, _ = lab.matrix()
    assert log_probs.exp()[2].tolist() == pytest.approx([0.175, 0.3, 0.175, 0.175, 0.175])
    assert "p = 0.3" in lab.part("details")
    slider = lab.root.get_by_role("slider", name="p of the chosen cell")
    slider.fill("0.8")
    log_probs, _ = lab.matrix()
    assert log_probs.exp()[2].tolist() == pytest.approx([0.05, 0.8, 0.05, 0.05, 0.05])
    lab.agrees()
    lab.root.locator('[data-crnn-matrix="2,1"]').focus()
    keys.press("Delete")
    assert lab.matrix()[0][2, 1] == -math.inf
    lab.agrees()
    lab.press("Undo")
    assert lab.matrix()[0].exp()[2].tolist() == pytest.approx([0.2] * 5)  # one drag, one step back


def test_numbers_are_dragged_up_and_down(lab):
    cell = lab.root.locator('[data-crnn-matrix="1,2"]')
    box, mouse = cell.bounding_box(), lab.page.mouse
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y - 30)
    mouse.move(x, y - 60)
    mouse.up()
    mouse.move(x, y - 90)  # let go: no longer dragged
    assert lab.matrix()[0].exp()[1].tolist() == pytest.approx([0.075, 0.075, 0.7, 0.075, 0.075])
    lab.agrees()
    finger = Finger(lab.visit)
    finger.tap(cell)  # chosen already, so a finger drags it and does not scroll the page
    box, before = cell.bounding_box(), lab.page.evaluate("scrollY")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger.send("touchStart", (x, y))
    for i in range(1, 7):
        finger.send("touchMove", (x, y + 8 * i))
    finger.send("touchEnd")
    assert float(lab.matrix()[0].exp()[1, 2]) == pytest.approx(0.3, abs=0.02)
    assert lab.page.evaluate("scrollY") == before
    lab.press("Undo")
    assert lab.matrix()[0].exp()[1].tolist() == pytest.approx([0.2] * 5)


def test_the_lines_are_as_thick_as_what_they_bring(lab):
    lab.cell(2, 2).click()
    thick = lab.root.locator(".lab-edge").evaluate_all("all => all.map(e => parseFloat(e.style.strokeWidth))")
    alpha = ctc.forward(lab.matrix()[0], [1, 2])
    shares = [float((alpha[1, s] - alpha[1, [1, 2]].logsumexp(0)).exp()) for s in (2, 1)]
    assert thick == pytest.approx([1 + 6 * share for share in shares])


def test_occupancy_is_a_stream_with_numbers_where_one_points(lab):
    stream = lab.root.locator(".lab-stream")
    lab.choose("Probabilities", "random")
    assert not stream.get_attribute("d")
    lab.choose("Lattice shows", "occupancy")
    assert stream.get_attribute("d") and lab.root.locator("[data-crnn-cell]").all_inner_texts() == [""] * 20
    log_probs, signs = lab.matrix()
    target = [signs.index(c) for c in "ab"]
    through = (ctc.forward(log_probs, target) + ctc.backward(log_probs, target) + ctc.ctc_loss(log_probs, target)).exp()
    heights = stream.evaluate("""path => {  // how wide the stream is in the middle of a step, in rows
        const inside = (x, y) => path.isPointInFill(new DOMPoint(x, y));
        const points = Array.from({length: 500}, (_, i) => (i + 0.5) / 100);
        const share = (t) => points.filter((y) => inside(t + 0.5001, y)).length / 100;
        return [1, 2].map(share);
    }""")
    assert heights == pytest.approx([0.86, 0.86], abs=0.05)  # all of it passes each step
    told = lambda: [c.get_attribute("data-hint") for c in lab.root.locator(".lab-told").all()]  # noqa: E731

    def hints(t):
        return [float(f"0{hint}") if hint.startswith(".") else hint for hint in told()], through[t].tolist()

    lab.cell(2, 1).hover()
    shown, expected = hints(2)
    assert all(isinstance(v, str) or v == pytest.approx(p, abs=0.006) for v, p in zip(shown, expected, strict=True))
    lab.page.mouse.move(0, 0)
    assert told() == []
    lab.cell(1, 1).focus()
    assert len(told()) == 5
    Finger(lab.visit).tap(lab.cell(3, 3))
    assert told()[3] == lab.cell(3, 3).get_attribute("data-hint")
    lab.root.get_by_role("group", name="Alignments").get_by_role("button").nth(1).click()
    over = lab.root.locator(".lab-path")
    assert over.count() == 1 and stream.get_attribute("d")  # the chosen alignment lies on it
    accent = lab.root.evaluate("root => getComputedStyle(root).getPropertyValue('--crnn-here')")
    assert accent.strip() == "#d9480f" and over.evaluate("e => getComputedStyle(e).stroke") == "rgb(217, 72, 15)"
    lab.choose("Scale", "log")
    assert not stream.get_attribute("d")


def test_playing_shows_what_flows_into_each_cell(lab):
    lab.page.emulate_media(reduced_motion="no-preference")
    lab.press("Play forward")
    lab.page.wait_for_function("() => document.querySelectorAll('.lab-edge').length")
    edge = lab.root.locator(".lab-playing .lab-edge").first
    assert edge.evaluate("e => getComputedStyle(e).animationName") == "lab-thicken"
    lab.press("Pause")
    assert lab.root.locator(".lab-playing").count() == 0
    lab.label("abc")
    lab.steps(20)  # many cells: a column at a time, and all its arrows
    lab.press("Play forward")
    lab.page.wait_for_function("() => document.querySelectorAll('.lab-edge').length > 7")
    lab.press("Pause")
    thick = lab.root.locator(".lab-edge").evaluate_all("all => all.map((e) => parseFloat(e.style.strokeWidth))")
    assert len(set(thick)) > 2 and all(1 <= w <= 7 for w in thick)
    lab.page.emulate_media(reduced_motion="reduce")
    lab.press("Play forward")
    assert edge.evaluate("e => getComputedStyle(e).animationName") == "none"


def test_the_beam_grows_as_a_tree(lab):
    lab.choose("Probabilities", "random")
    lab.open("Beam search")
    tree = lab.root.get_by_role("application", name="Tree of the search")
    assert lab.root.locator(".beam-kept").count() == 0
    for t in range(4):
        lab.press("Next step")
        best = lab.root.locator("[data-crnn-beam] th").first.inner_text()
        assert lab.part("beam-place").startswith(
            f"After step {t}, rank 1: {best.replace('(empty)', 'the empty prefix')},"
        )
    assert lab.root.locator(".beam-pruned").count()
    tree.focus()
    for _ in range(2):
        lab.page.keyboard.press("ArrowDown")
    rows = lab.root.locator("[data-crnn-beam] th").all_inner_texts()
    assert f"rank 3: {rows[2]}," in lab.part("beam-place")
    lab.press("Start again")
    assert lab.root.locator(".beam-kept").count() == 0 and lab.part("beam-place") == ""


def test_the_lattice_by_keyboard(lab):
    lab.cell(0, 0).focus()
    keys = lab.page.keyboard
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "End"):
        keys.press(key)
    assert lab.part("details").startswith("Step t = 3, letter 2, “b”.")
    assert lab.page.evaluate("document.activeElement.getAttribute('data-crnn-cell')") == "3,3"
    keys.press("Home")
    assert "No path begins here" in lab.part("details")
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    assert "A path may begin here" in lab.part("details")
    assert lab.root.locator('[data-crnn-cell][tabindex="0"]').count() == 1
    for _ in range(3):
        keys.press("Tab")
    assert lab.page.evaluate("document.activeElement.tagName") == "BUTTON"


@pytest.mark.parametrize("T", [3, 32])
def test_lines_go_from_cell_to_cell(lab, T):
    lab.steps(T)
    lab.cell(1, 1).click()
    lines = lab.root.locator(".lab-lines").bounding_box()
    first, last = lab.cell(0, 0).bounding_box(), lab.cell(T - 1, 4).bounding_box()
    corners = [first["x"], first["y"], last["x"] + last["width"], last["y"] + last["height"]]
    shown = [lines["x"], lines["y"], lines["x"] + lines["width"], lines["y"] + lines["height"]]
    assert shown == pytest.approx(corners, abs=1)
    assert lab.root.locator(".lab-edge").evaluate_all("all => all.map(e => e.getAttribute('points'))") == [
        "0.5,1.5 1.5,1.5",
        "0.5,0.5 1.5,1.5",
    ]


def test_touch(lab):
    Finger(lab.visit).tap(lab.cell(2, 1))
    lab.page.wait_for_function(
        "() => document.querySelector('[data-crnn=details]').textContent.startsWith('Step t = 2')"
    )
    assert "letter 1, “a”" in lab.part("details")
    assert lab.part("link").startswith("Time step 2;")


def test_it_plays_when_asked_and_pauses(lab):
    shown = lab.root.locator('[data-crnn-cell]:not([data-value=""])')
    assert shown.count() == 20
    lab.page.wait_for_timeout(400)
    assert shown.count() == 20  # nothing moves by itself
    lab.press("Play backward")
    lab.page.wait_for_function("() => document.querySelectorAll('[data-crnn-cell]:not([data-value=\"\"])').length == 3")
    lab.press("Pause")
    stopped = shown.count()
    lab.page.wait_for_timeout(700)
    assert shown.count() == stopped < 10
    assert lab.cell(3, 4).get_attribute("data-value") == "1"
    lab.root.get_by_role("slider", name="Columns shown").fill("2")
    assert shown.count() == 10
    lab.root.get_by_role("slider", name="Columns shown").press("End")
    assert shown.count() == 20


@pytest.mark.parametrize(
    "label, words", [("a-b", "stands for the blank"), ("a b", "cannot hold"), ("abcdefghijklm", "at most 12")]
)
def test_a_wrong_label_is_told(lab, label, words):
    lab.label(label)
    assert words in lab.root.get_by_role("alert").inner_text()
    assert lab.root.get_by_role("textbox", name="Label").get_attribute("aria-invalid") == "true"
    assert lab.part("alignments") == "15"
    lab.label("ba")
    assert lab.part("message") == "" and lab.part("alignments") == "15"


def test_a_letter_that_the_reader_does_not_know(lab):
    lab.reader()
    lab.label("gxxa")
    assert "does not know “a”" in lab.root.get_by_role("alert").inner_text()


def test_the_image_s_strip_follows_the_time_step(lab):
    lab.reader()
    for t in (0, 13, 31):
        lab.cell(t, 2).click()
        first, last = Config().strip(t)
        assert f"sees the image's pixel columns {first} to {last};" in lab.part("link")
        style = lab.root.locator(".lab-strip").evaluate("s => [parseFloat(s.style.left), parseFloat(s.style.width)]")
        assert style == pytest.approx([100 * first / 128, 100 * (last - first + 1) / 128], abs=1e-3)
    lab.root.locator('[data-crnn-matrix="7,0"]').hover()
    assert lab.part("link").startswith("Time step 7;")
    assert lab.root.locator(".lab-hint").all_inner_texts() == ["-", "-"]  # blank: in the matrix, on the best path
    boxes = [lab.root.locator(f".lab-{name}").bounding_box() for name in ("column", "image")]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"] / 32, abs=1)  # one column is its four pixels
    assert boxes[0]["x"] - boxes[1]["x"] == pytest.approx(7 / 32 * boxes[1]["width"], abs=2)
    lab.root.locator(".lab-image").click(position={"x": 6.5 / 32 * boxes[1]["width"], "y": 20})
    assert lab.part("details").startswith("Step t = 6, letter 1, “g”.")
    assert lab.root.locator(".lab-hint").all_inner_texts() == ["g", "g"]


def test_an_image_file_and_the_pad_s_picture(lab):
    lab.reader()
    before = lab.reads()
    lab.root.get_by_label("Image file").set_input_files(assets.SAMPLES["mw4pg"])
    lab.wait(before)
    assert lab.part("text") == lab.root.get_by_role("textbox", name="Label").input_value() == "mw4pg"
    file = {"name": "bad.png", "mimeType": "image/png", "buffer": b"no image"}
    lab.root.get_by_label("Image file").set_input_files(file)
    lab.root.get_by_role("alert").wait_for()
    assert "is not an image" in lab.part("message") and lab.part("text") == "mw4pg"
    before = lab.reads()
    grey = images.load_grey(assets.SAMPLES["c3f8n"])
    detail = {"height": grey.shape[0], "width": grey.shape[1], "data": grey.round().astype(int).flatten().tolist()}
    lab.page.evaluate(
        "grey => crnn['page/sources.js'].receivers.forEach((receive) => receive({grey, drawn: false}))", detail
    )
    lab.wait(before)
    assert lab.part("text") == "c3f8n"


def test_the_last_beams_are_the_library_s(lab):
    lab.choose("Probabilities", "random")
    lab.steps(9)
    lab.open("Beam search")
    for seed in range(3):
        log_probs, _ = lab.matrix()
        lab.press("To the end")
        kept = lab.root.locator("[data-crnn-beam]").evaluate_all("all => all.map(r => r.dataset.crnnBeam)")
        found = [[int(c) for c in beam.split(",") if c] for beam in kept]
        expected = [classes for classes, _ in ctc.beam_search(log_probs, 3, 3)]
        assert sorted(found) == sorted(expected), seed
        lab.press("Another random one")


def test_collapse_and_back(lab):
    lab.open("Collapse a path")
    field = lab.root.get_by_role("textbox", name="Path")
    field.fill("hh-e-ll-lo")
    assert lab.part("collapsed") == "10 steps. Merge what repeats: h-e-l-lo. Drop the blanks: hello."
    field.fill("")
    assert "nothing is left" in lab.part("collapsed")
    lab.label("abba")
    lab.steps(9)
    for _ in range(5):
        lab.press("A random path of the label")
        path = field.input_value()
        assert len(path) == 9 and ctc.collapse([0 if c == "-" else ord(c) for c in path]) == [ord(c) for c in "abba"]


def to_the_top(page):
    """Where the theme's own button back to the top goes."""
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function("() => getComputedStyle(document.getElementById('pst-back-to-top')).display == 'none'")


@everywhere
def test_accessible(visit, address, scheme, width):
    with visit(address, "index.html", scheme=scheme, width=width) as v:
        lab = Lab(v)
        lab.reader()
        lab.cell(10, 3).click()
        lab.open("Beam search")
        lab.press("To the end")
        to_the_top(v.page)
        targets = lab.root.locator("button, select, input:not(.lab-idle input)")
        assert_open_to_everybody(v.page, f"lab-{scheme}", width, targets)
        cell = lab.cell(10, 3).bounding_box()
        assert min(cell["width"], cell["height"]) >= 24
        lab.choose("Matrix shows", "gradient")
        lab.choose("Scale", "log")
        lab.label("é")
        to_the_top(v.page)
        assert axe(v.page) == []


def test_without_javascript_there_is_a_sentence(without_scripts):
    assert "15 alignments" in without_scripts.locator("crnn-widget .crnn-baked p").inner_text()
    state = json.loads(without_scripts.locator("crnn-widget").get_attribute("state"))
    assert (state["label"], state["source"], state["steps"]) == ("ab", "uniform", 4)


def test_a_kernel_s_model_is_followed_and_told(lab):
    """Behind a notebook's model: `Lab(...).label = ...` shows here, and what is done here reaches the kernel."""
    lab.page.evaluate("""async () => {
        const fields = {kind: "lab", readers: [], label: "ab", source: "matrix", symbols: "ab", steps: 2, sample: "",
                        seed: 1, matrix: [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]};
        const heard = {};
        const place = document.createElement("div");
        document.querySelector("crnn-widget").replaceChildren(place);
        globalThis.fake = {
            fields, saved: 0, get: (name) => fields[name], set: (name, value) => (fields[name] = value),
            save_changes() { this.saved++; }, send() {}, off() {}, on: (name, act) => (heard[name] = act),
            change(name, value) { fields[name] = value; heard[`change:${name}`](); },
        };
        await crnn['page/main.js'].render({model: fake, el: place});
    }""")
    assert float(lab.part("loss")) == pytest.approx(-math.log(0.25 * 0.7), abs=1e-6)
    lab.page.evaluate("fake.change('label', 'b')")
    assert float(lab.part("loss")) == pytest.approx(-math.log(0.5 * 0.7 + 0.25 * 0.1 + 0.25 * 0.7), abs=1e-6)
    lab.page.evaluate("fake.change('matrix', [[0, 0, 1], [1, 0, 0]])")
    assert lab.part("loss") == "0.000000"
    lab.label("a")
    assert lab.page.evaluate("[fake.fields.label, fake.saved > 0]") == ["a", True]
    lab.press("Undo")
    lab.press("Undo")
    lab.root.locator('[data-crnn-matrix="0,1"]').focus()
    lab.page.keyboard.press("+")
    assert lab.page.evaluate("fake.fields.matrix[0]") == pytest.approx([0.7 * 0.5 / 0.75, 0.3, 0.7 * 0.25 / 0.75])
    lab.choose("Probabilities", "uniform")
    assert lab.page.evaluate("fake.fields.source") == "uniform"
