"""Formulas in a real browser: in their own face from the start, and on a telephone no wider than the page."""

import pytest

SHIFTS = """globalThis.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value; }))
    .observe({type: "layout-shift", buffered: true});"""
BOXES = """all => all.map(box => ({
    right: box.getBoundingClientRect().right, hidden: box.scrollWidth - box.clientWidth, tab: box.tabIndex,
    shown: box.getClientRects().length > 0,
}))"""


@pytest.mark.parametrize("name", ["06_ctc_alignment", "appendix_notation"])
def test_the_face_is_there_and_nothing_moves(visit, base, name):
    with visit(base, "search.html", width=390) as v:
        v.page.add_init_script(SHIFTS)
        v.page.goto(f"{base}/book/{name}.html")
        v.page.evaluate("document.fonts.ready.then(() => null)")
        faces = v.page.evaluate("[...document.fonts].filter(f => f.family.includes('Formulas')).map(f => f.status)")
        assert faces == ["loaded"]
        assert v.page.evaluate("shift") <= 0.02
        assert v.problems == []


def test_what_is_wider_than_a_telephone_scrolls_in_its_own_box(visit, server):
    with visit(server, "book/06_ctc_alignment.html", width=390) as v:
        v.page.wait_for_timeout(500)
        boxes = [box for box in v.page.locator("div.math").evaluate_all(BOXES) if box["shown"]]
        assert all(box["right"] <= 390 for box in boxes)
        wide = [box for box in boxes if box["hidden"] > 0]
        assert wide and all(box["tab"] == 0 for box in wide)
