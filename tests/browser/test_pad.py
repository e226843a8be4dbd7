"""The pad as paper and ink: it grows with the writing, its letters are handles, what is no writing is taken calmly."""

import numpy as np
import pytest
from visits import Finger, Live, draw, picture_of

from crnn_lib import images, reader
from crnn_lib.drawing import pen, skeletons

SITE = {"index": "# The pad\n\nDraw.\n\n```{crnn-widget} pad\n:text: n7x\n```\n"}
LAY = """(state) => {
    const [old, made] = [document.querySelector('crnn-widget'), document.createElement('crnn-widget')];
    made.setAttribute('kind', 'pad');
    made.setAttribute('state', JSON.stringify(state));
    old.replaceWith(made);
}"""
PART = "([root, part, words]) => root.querySelector(`[data-crnn=${part}]`).textContent === words"


class Paper(Live):
    """A pad whose drawing is known: strokes in columns of the paper, wherever it has been moved to."""

    def __init__(self, visit):
        visit.page.locator("crnn-widget").scroll_into_view_if_needed()
        super().__init__(visit, "pad")
        self.canvas = self.root.locator("canvas")
        self.bar = self.root.get_by_label("Part of the pad that is seen")
        self.model = reader.load("pen")

    def reads_as(self, drawing):
        """Wait until the page reads a drawing as torch does."""
        image = images.standardise(pen.image(drawing).astype("f4"), *self.model.config.frame)
        text = reader.read(self.model, [image]).texts[0]
        self.page.wait_for_function(PART, arg=[self.root.element_handle(), "text", text])
        self.page.wait_for_timeout(300)
        assert np.array_equal(picture_of(self.root), pen.image(drawing))
        return text

    def moved(self):
        """The column at the left rim."""
        return int(self.bar.input_value())

    def write(self, drawing):
        """With the mouse, strokes in columns of the view as it is when each begins; as they are on the paper."""
        passed = []
        for stroke in drawing:
            moved = self.moved()
            passed += [[[x + moved, y] for x, y in points] for points in draw(self.page, self.canvas, [stroke])]
        return passed

    def strip(self):
        """What is lit, from and to in columns of the view; nothing where nothing is."""
        paper = self.canvas.bounding_box()
        lit = self.root.locator(".crnn-sheet .pad-strip").bounding_box()
        if lit is None:
            return None
        return [(x - paper["x"]) / paper["width"] * 128 for x in (lit["x"], lit["x"] + lit["width"])]


@pytest.fixture
def paper(opened):
    return Paper(opened())


def test_the_paper_moves_on_as_one_writes(paper):
    """With the mouse: a word to the rim, a pause, and the next one; nothing of the first is lost."""
    paper.press("Clear")
    passed = paper.write([[[x + 45, y] for x, y in stroke] for stroke in skeletons.place("ab3")])
    paper.page.wait_for_function("(bar) => bar.value > 0", arg=paper.bar.element_handle())
    passed += paper.write([[[x + 30, y] for x, y in stroke] for stroke in skeletons.place("7x")])
    assert len(paper.reads_as(passed)) >= 4
    paper.bar.fill("0")
    assert paper.moved() == 0
    paper.canvas.hover()
    paper.page.mouse.wheel(200, 0)
    paper.page.wait_for_function("(bar) => bar.value > 0", arg=paper.bar.element_handle())
    paper.press("Clear")
    assert paper.moved() == 0 and not paper.bar.is_visible()


def test_the_keyboard_writes_beyond_the_rim(paper):
    paper.press("Clear")
    paper.canvas.focus()
    keys = paper.page.keyboard
    for stroke in range(2):
        for _ in range(6 + 8 * stroke):
            keys.press("Shift+ArrowRight")
        keys.press("Space")
        for _ in range(3):
            keys.press("Shift+ArrowUp" if stroke else "Shift+ArrowDown")
        keys.press("Space")
    drawing = [[[88, 16 + 4 * i] for i in range(4)], [[144, 28 - 4 * i] for i in range(4)]]
    paper.reads_as(drawing)
    assert paper.moved() > 0


def test_twenty_typed_characters(paper):
    text = "20charactersonpaper1"
    paper.root.get_by_label("Type").fill(text)
    drawing = skeletons.place(text, pen.WIDEST)
    assert len(paper.reads_as(drawing)) > 15 and paper.bar.is_visible()
    assert paper.part("verdict")


def test_letters_are_handles(paper):
    """Pointed at by mouse and by arrow keys, a letter lights its ink; pointed at, ink lights its letter."""
    letters = paper.root.locator(".pad-letter")
    assert [letters.nth(i).get_attribute("data-p")[-1] for i in range(3)] == 3 * ["%"]
    places = []
    for i in range(3):
        letters.nth(i).hover()
        places.append(paper.strip())
    drawn = [[x for x, _ in skeletons.place("n7x")[k]] for k in range(3)]  # n, 7 and half of x
    middles = [(min(xs) + max(xs)) / 2 for xs in drawn]
    assert all(a <= x <= b for (a, b), x in zip(places, middles, strict=True)), (places, middles)
    assert places[0][1] == pytest.approx(places[1][0], abs=0.5) and places[1][1] == pytest.approx(places[2][0], abs=0.5)
    paper.page.mouse.move(2, 2)
    assert paper.strip() is None
    paper.root.get_by_role("group", name="What is read").focus()
    paper.page.keyboard.press("ArrowRight")
    paper.page.keyboard.press("ArrowRight")
    assert paper.strip() == pytest.approx(places[1], abs=0.5) and "“7” has" in paper.part("message")
    box = paper.canvas.bounding_box()
    paper.page.mouse.move(box["x"] + sum(places[2]) / 256 * box["width"], box["y"] + box["height"] / 2)
    assert letters.nth(2).evaluate("(letter) => letter.classList.contains('pad-here')")


ODD = {
    "a dot": [[[60, 16]]],
    "a dash": [[[10, 16], [110, 16]]],
    "a scribble": [np.random.default_rng(0).uniform([20, 4], [100, 28], (60, 2)).tolist()],
    "10,000 points": [np.random.default_rng(1).uniform([0, 0], [128, 32], (10_000, 2)).tolist()],
    "a line of 4,000 pixels": [[[0, 10], [4000, 12]]],
    "nothing": [],
}


def test_what_is_no_writing_is_taken_calmly(paper):
    """An empty text, or a word of doubt; and the pad goes on."""
    for name, strokes in ODD.items():
        paper.page.evaluate(LAY, {"strokes": strokes})
        paper.root.wait_for()
        words = paper.part("verdict")
        assert words and (paper.part("text") == "" or "not sure" in words or "hardly writing" in words), name
        paper.root.get_by_label("Type").fill("n7x")
        paper.page.wait_for_function(PART, arg=[paper.root.element_handle(), "text", "n7x"])


def test_over_the_whole_screen_on_a_telephone(opened):
    paper = Paper(opened(width=390, height=844, has_touch=True, is_mobile=True))
    finger = Finger(paper.visit)
    finger.tap(paper.button("Full screen"))
    paper.page.wait_for_function("() => document.querySelector('.pad-full')")
    paper.page.set_viewport_size({"width": 844, "height": 390})  # it is turned
    paper.page.wait_for_timeout(300)
    box = paper.canvas.bounding_box()
    assert box["width"] > 700 and box["width"] == pytest.approx(4 * box["height"], rel=0.01)
    finger.tap(paper.button("Clear"))
    finger.draw(paper.canvas, skeletons.place("n7x"))
    paper.page.wait_for_function(PART, arg=[paper.root.element_handle(), "text", "n7x"])
    for node in (paper.canvas, paper.root.locator('[data-crnn="text"]')):
        at = node.bounding_box()
        assert at["y"] >= 0 and at["y"] + at["height"] <= 390
    finger.tap(paper.button("Close"))
    paper.page.wait_for_function("() => !document.querySelector('.pad-full')")
