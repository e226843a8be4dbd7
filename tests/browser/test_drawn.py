"""Small writing in a corner of the pad, on a page with pad, microscope, laboratory and a probe: all read the same."""

import numpy as np
import pytest
from visits import draw

from crnn_lib import images, reader
from crnn_lib.drawing import pen, skeletons
from crnn_lib.widgets import host

TEXT = "wax7"
SMALL = [[[x * 0.4 + 2, y * 0.4 + 17] for x, y in stroke] for stroke in skeletons.place(TEXT)]
LAB = "```{crnn-widget} lab\n:source: reader\n:sample: gxxw6\n```\n"
SITE = {
    "index": "# All\n\n```{crnn-widget} pad\n:sample: 2b7xy\n```\n\n```{crnn-widget} microscope\n```\n\n" + LAB,
    "given": f"# Given\n\n```{{crnn-widget}} microscope\n:strokes: {SMALL}\n```\n",
    "probe": "# Probe\n\n```{crnn-widget} probe-decoding\n```\n",
}


@pytest.fixture
def page(opened):
    def live(name):
        seen = opened(name, height=3000).page
        seen.locator("crnn-widget[live]").first.wait_for()
        return seen

    return live


def text_of(page, kind):
    return page.locator(f'[data-crnn-widget="{kind}"] [data-crnn="text"]')


def shows(page, kind, text):
    """Wait until a widget shows `text`."""
    page.wait_for_function(
        "([kind, text]) => document.querySelector(`[data-crnn-widget=${kind}] [data-crnn=text]`)?.textContent === text",
        arg=[kind, text],
    )


def test_drawn_on_the_pad_it_is_read_by_all(page):
    seen = page("index")
    for kind in ("pad", "microscope", "lab"):
        text_of(seen, kind).wait_for()
    draw(seen, seen.locator('[data-crnn-widget="pad"] canvas'), SMALL)
    for kind in ("pad", "microscope", "lab"):
        shows(seen, kind, TEXT)


def test_drawn_in_the_microscope_and_given_to_it(page):
    seen = page("index")
    pen = seen.locator('[data-crnn-widget="microscope"]')
    pen.get_by_text("Draw a text of your own").click()
    draw(seen, pen.get_by_role("application"), SMALL)
    shows(seen, "microscope", TEXT)
    shows(page("given"), "microscope", TEXT)


def test_typed_into_a_probe(page):
    seen = page("probe")
    seen.locator("crnn-widget").get_by_label("Type").fill("n7x")
    model = list(host.readers().values())[-1]
    said = reader.read(model, images.standardise(pen.image(skeletons.place("n7x")))[None])
    shows(seen, "probe-decoding", said.texts[0])
    shown = seen.locator('[data-crnn="confidence"]').inner_text()
    assert np.isclose(float(shown.strip("<> %")), 100 * said.confidences[0], atol=5)
