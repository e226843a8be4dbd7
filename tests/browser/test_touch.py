"""A finger on the widgets: swiping up or down scrolls the page and changes nothing, a tap or a drag across acts."""

import pytest
from visits import Finger

PLACES = [  # page, kind of the widget, what the finger comes down on
    ("12_playground", "microscope", ".crnn-lane canvas"),
    ("12_playground", "microscope", ".crnn-grid"),
    ("12_playground", "pad", '.crnn-sliders input[type="range"]'),
    ("08_training", "replay", ".crnn-scrub"),
    ("08_training", "replay", 'input[type="range"]'),
    ("03_cnn_features", "probe-convolution", ".crnn-cells"),
    ("03_cnn_features", "probe-pooling", ".crnn-cells"),
    ("04_map_to_sequence", "probe-columns", ".crnn-lane canvas"),
    ("intro", "machine", '[data-crnn-stage="columns"] .machine-point'),
]
STATE = """root => JSON.stringify([
    [...root.querySelectorAll('input:not([type="file"]), select')].map((field) => field.value),
    ...['answer', 'step', 'says'].map((name) => root.querySelector(`[data-crnn="${name}"]`)?.textContent),
])"""


class Over(Finger):
    """A finger over the middle of one part of a widget, on a telephone; it moves from there."""

    def __init__(self, visit, kind, part):
        super().__init__(visit)
        self.page.locator(f'crnn-widget[kind="{kind}"]').first.scroll_into_view_if_needed()
        self.root = self.page.locator(f'[data-crnn-widget="{kind}"]').first
        self.root.wait_for()
        if kind == "pad":
            self.root.get_by_text("Other pictures, models").click()
        self.page.wait_for_timeout(500)
        part = self.root.locator(part).first
        part.evaluate("part => part.scrollIntoView({block: 'center'})")
        self.page.wait_for_timeout(300)
        box = part.bounding_box()
        self.place = box["x"] + 0.7 * box["width"], box["y"] + min(box["height"] / 2, 40)

    def send(self, kind, *points):
        super().send(kind, *((self.place[0] + x, self.place[1] + y) for x, y in points))

    def swipe(self, x, y, steps=12):
        """By x, y pixels, in `steps` movements."""
        self.send("touchStart", (0, 0))
        for i in range(1, steps + 1):
            self.send("touchMove", (x * i / steps, y * i / steps))
            self.page.wait_for_timeout(16)
        self.send("touchEnd")
        self.page.wait_for_timeout(300)

    def state(self):
        return self.root.evaluate(STATE)


@pytest.fixture
def touch(visit, server, request):
    page, kind, part = request.param
    options = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    with visit(server, f"book/{page}.html", width=390, height=844, **options) as v:
        yield Over(v, kind, part)


@pytest.mark.parametrize("touch", PLACES, indirect=True, ids=" ".join)
def test_scrolling_over_it_changes_nothing(touch):
    before, top = touch.state(), touch.page.evaluate("scrollY")
    touch.swipe(6, -144)
    assert touch.page.evaluate("scrollY") > top + 50
    assert touch.state() == before


@pytest.mark.parametrize("touch", PLACES, indirect=True, ids=" ".join)
def test_a_tap_acts(touch):
    before = touch.state()
    touch.send("touchStart", (0, 0))
    touch.send("touchEnd")
    touch.page.wait_for_timeout(300)
    assert touch.state() != before


@pytest.mark.parametrize("touch", [place for place in PLACES if place[2] != ".crnn-grid"], indirect=True, ids=" ".join)
def test_a_drag_across_acts_all_the_way(touch):
    touch.send("touchStart", (0, 0))
    states = []
    for x in (-30, -80, -130):
        touch.send("touchMove", (x, -4))
        touch.page.wait_for_timeout(100)
        states.append(touch.state())
    touch.send("touchEnd")
    assert len(set(states)) == 3
