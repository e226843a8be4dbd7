"""A picture of a whole line in each widget: it keeps its proportions, and what is too long for the column scrolls."""

import numpy as np
import pytest
from visits import Finger, Live, assert_open_to_everybody

from crnn_lib import assets, images

FILE = assets.LINES["sentence"]
GREY = images.load_grey(FILE)
COLUMNS = images.natural_width(GREY.shape)
STEPS = COLUMNS // 4
KINDS = ["microscope", "probe-columns", "probe-context", "probe-decoding", "probe-robustness", "probe-convolution"]
SITE = {kind: f"# Wide\n\n```{{crnn-widget}} {kind}\n```\n" for kind in ["pad", *KINDS]} | {"index": "# Wide\n"}
ROLLS = "root => [...root.querySelectorAll('.crnn-roll')].filter((roll) => roll.clientWidth)"


class Wide(Live):
    """A widget in which the line was chosen as a file."""

    def __init__(self, visit, kind):
        super().__init__(visit, kind)
        before = self.root.evaluate("root => root.dataset.crnnRead ?? ''")
        self.root.locator("input[type=file]").set_input_files(FILE)
        if before:
            self.wait(int(before))
        self.page.wait_for_timeout(500)

    def rolls(self, what):
        return self.root.evaluate(f"root => ({ROLLS})(root).map((roll) => {what})")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("kind", KINDS)
def test_lanes_scroll_together_and_nothing_else_does(visit, address, kind, scheme, width):
    with visit(address, f"{kind}.html", scheme=scheme, width=width) as v:
        wide = Wide(v, kind)
        assert wide.root.locator(".crnn-error").count() == 0
        ratios = wide.root.evaluate(f"""root => ({ROLLS})(root).map((roll) => {{
            const {{ width, height }} = roll.firstChild.getBoundingClientRect();
            return [width, width / height];
        }})""")
        assert all(across >= 8 * STEPS - 1 for across, _ in ratios)
        assert ratios[0][1] == pytest.approx(COLUMNS / 32, rel=0.03)
        wide.root.evaluate(f"root => ({ROLLS})(root)[0].scrollLeft = 120")
        v.page.wait_for_timeout(200)
        assert wide.rolls("roll.scrollLeft") == [120] * len(ratios)
        assert_open_to_everybody(v.page, f"wide-{kind}-{scheme}", width)
        assert v.problems == []


@pytest.mark.parametrize("kind", ["microscope", "probe-columns", "probe-context", "probe-convolution"])
def test_what_is_chosen_comes_into_view(opened, kind):
    wide = Wide(opened(kind, width=390), kind)
    name = {"probe-context": "Hide from column", "probe-convolution": "Patch from pixel column"}.get(
        kind, "Time step t"
    )
    slider = wide.root.get_by_role("slider", name=name)
    last = {"probe-context": COLUMNS - 1, "probe-convolution": COLUMNS - 12}.get(kind, STEPS - 1)
    assert int(slider.get_attribute("max")) == last
    slider.press("End")
    wide.page.wait_for_timeout(400)
    assert all(wide.rolls("roll.scrollLeft + roll.clientWidth > roll.scrollWidth - 16"))
    slider.press("Home")
    wide.page.wait_for_timeout(400)
    assert all(wide.rolls("roll.scrollLeft <= 16"))


def test_a_finger_scrolls_a_long_lane_and_a_tap_chooses_its_step(visit, address):
    touch = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    with visit(address, "microscope.html", width=390, height=844, **touch) as v:
        wide, finger = Wide(v, "microscope"), Finger(v)
        lane = wide.root.locator(".crnn-roll").first
        lane.evaluate("lane => lane.scrollIntoView({ block: 'center' })")
        v.page.wait_for_timeout(300)
        box, step = lane.bounding_box(), wide.root.locator("[data-crnn=step]")
        x, y, before = box["x"] + 200, box["y"] + box["height"] / 2, step.input_value()
        finger.send("touchStart", (x, y))
        for i in range(1, 13):
            finger.send("touchMove", (x - 10 * i, y))
            v.page.wait_for_timeout(16)
        finger.send("touchEnd")
        v.page.wait_for_timeout(500)
        scrolled = lane.evaluate("lane => lane.scrollLeft")
        assert scrolled > 50 and step.input_value() == before
        finger.send("touchStart", (x, y))
        finger.send("touchEnd")
        v.page.wait_for_timeout(300)
        across = lane.evaluate("lane => lane.firstChild.getBoundingClientRect().width")
        assert int(step.input_value()) == pytest.approx((scrolled + 200) / across * STEPS, abs=1.5)


def test_the_pad_shows_a_picture_whole_in_its_middle(opened):
    pad = Wide(opened("pad"), "pad")
    pixels = pad.root.locator("canvas").evaluate("""canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const dark = (_, i) => data[4 * i + 3] * (255 - data[4 * i]) / 255;
        return [canvas.width, canvas.height, Array.from({ length: data.length / 4 }, dark)];
    }""")
    ink = np.array(pixels[2]).reshape(pixels[1], pixels[0]) > 127
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert pixels[:2] == [1536, 384] and columns[0] < 40 and columns[-1] > 1496
    assert rows[0] > 120 and rows[-1] < 264  # a band of 1536 / 15 pixels
