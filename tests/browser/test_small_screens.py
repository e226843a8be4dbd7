"""What a telephone, a narrow window and a dark page show of the widgets in the built book."""

import pytest

PAGES = ["intro", "03_cnn_features", "04_map_to_sequence", "05_bilstm_context", "06_ctc_alignment", "07_decoding"]
PAGES += ["08_training", "09_evaluation", "10_error_analysis", "12_playground", "training_in_the_page", "laboratory"]
OUTSIDE = """widget => { // words and boxes beyond the frame, apart from what scrolls in a box of its own
    const frame = widget.getBoundingClientRect();
    const scrolls = (node) =>
        node !== widget && (getComputedStyle(node).overflowX !== 'visible' || scrolls(node.parentElement));
    const range = document.createRange();
    const found = [];
    for (const walk = document.createTreeWalker(widget); walk.nextNode();) {
        const node = walk.currentNode;
        range.selectNode(node);
        const box = (node.nodeType === Node.ELEMENT_NODE ? node : range).getBoundingClientRect();
        const beyond = box.width && (box.right > frame.right + 0.5 || box.left < frame.left - 0.5);
        if (beyond && !scrolls(node.parentElement)) found.push(`${node.nodeName} ${node.textContent.slice(0, 40)}`);
    }
    return found;
}"""


HEIGHTS = """() => [...document.querySelectorAll('crnn-widget')].map((widget) => {
    const box = widget.querySelector('[data-crnn-widget], .crnn-room');
    const reserved = box.style.minHeight;
    box.style.minHeight = ''; // what the box itself needs
    const {height} = box.getBoundingClientRect();
    box.style.minHeight = reserved;
    return height;
})"""


def live(visit):
    """Each widget of the page, once it lives."""
    widgets = visit.page.locator("crnn-widget")
    for i in range(widgets.count()):
        widgets.nth(i).scroll_into_view_if_needed()
        visit.page.wait_for_function("i => document.querySelectorAll('crnn-widget')[i].hasAttribute('live')", arg=i)
        visit.page.wait_for_timeout(200)
        yield widgets.nth(i)


@pytest.mark.parametrize("width", [320, 360])
@pytest.mark.parametrize("name", PAGES)
def test_everything_stays_in_its_frame_and_fields_do_not_zoom(visit, server, name, width):
    with visit(server, f"book/{name}.html", width=width) as v:
        for widget in live(v):
            assert widget.evaluate(OUTSIDE) == []
            fields = widget.locator('input:not([type="range"], [type="checkbox"], [type="radio"]), select')
            sizes = fields.evaluate_all("all => all.map((e) => getComputedStyle(e).fontSize)")
            assert set(sizes) <= {"16px"}  # a telephone zooms into smaller ones
            if width == 360:
                cells = widget.locator(".crnn-cells > span")
                assert cells.evaluate_all("all => all.every((e) => e.getBoundingClientRect().width >= 23.99)")


@pytest.mark.parametrize("width", [390, 1300])
@pytest.mark.parametrize("name", PAGES)
def test_a_widget_wakes_in_the_box_reserved_for_it_and_without_weights(visit, server, name, width):
    with visit(server, f"book/{name}.html", width=width) as v:
        before = v.page.evaluate(HEIGHTS)
        assert v.page.locator("crnn-widget:is([live], :has(.crnn-room))").count() == len(before)
        assert len(list(live(v))) == len(before) > 0
        assert v.page.evaluate(HEIGHTS) == pytest.approx(before, abs=1)
        assert not [url for url in v.requests if "crnn-weights" in url]


@pytest.mark.parametrize("name", PAGES[:-1])
def test_no_pale_frame_about_a_widget_on_a_dark_page(visit, server, name):
    with visit(server, f"book/{name}.html", scheme="dark") as v:
        for widget in live(v):
            around = widget.evaluate("w => getComputedStyle(w.closest('.text_html') ?? w).backgroundColor")
            assert around == "rgba(0, 0, 0, 0)"


def test_nothing_lies_over_the_buttons(visit, server):
    with visit(server, "book/12_playground.html", width=390) as v:
        assert v.page.locator("#pst-back-to-top").count() == 0


@pytest.mark.parametrize("width", [1250, 1300, 1440])
def test_the_laboratory_shows_all_columns_of_a_reader(visit, server, width):
    with visit(server, "book/laboratory.html", width=width) as v:
        (lab,) = live(v)
        lab.get_by_label("Probabilities").first.select_option("reader")
        v.page.wait_for_function("() => document.querySelectorAll('.lab-head .lab-cell').length === 64")
        hidden = "box => box.scrollWidth - box.clientWidth"
        assert lab.locator(".lab-stage > .crnn-scroll").evaluate(hidden) == 0
