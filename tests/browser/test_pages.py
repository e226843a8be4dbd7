"""Every built page in a real browser: quiet, local, narrow enough, and open to everybody."""

from pathlib import Path

import pytest
from visits import PAGES, assert_open_to_everybody, axe

PRESS = """widget => {
    widget.querySelectorAll('details').forEach((fold) => (fold.open = true));
    widget.querySelectorAll('button:enabled').forEach((button) => button.checkVisibility() && button.click());
}"""

CUT = """() => [...document.querySelectorAll('.crnn-widget')].filter((widget) => {
    const {left, right} = widget.getBoundingClientRect();
    for (let around = widget.parentElement; around !== document.body; around = around.parentElement) {
        const box = around.getBoundingClientRect();
        const clips = getComputedStyle(around).overflowX !== 'visible';
        if (clips && (left < box.left - 1 || right > box.right + 1)) return true;
    }
    return false;
}).map((widget) => widget.className)"""


def use_widgets(page):
    """Bring each widget into view, wait until it lives, open its folds, and press whatever can be pressed."""
    widgets = page.locator("crnn-widget")
    for i in range(widgets.count()):
        widgets.nth(i).scroll_into_view_if_needed()
        page.wait_for_function("i => document.querySelectorAll('crnn-widget')[i].hasAttribute('live')", arg=i)
        widgets.nth(i).evaluate(PRESS)
    page.wait_for_timeout(300)


# A breach of the page's content security policy is a problem too (visits.py).
@pytest.mark.parametrize("name", PAGES)
def test_quiet_and_local(visit, base, name):
    with visit(base, name) as v:
        use_widgets(v.page)
        assert v.outside == []
        assert v.problems == []


# axe takes seconds on a long page: each scheme once, each width once.
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("name", PAGES)
def test_accessible(visit, server, name, scheme, width):
    with visit(server, name, scheme=scheme, width=width) as v:
        assert v.page.evaluate("document.documentElement.dataset.theme") == scheme
        assert_open_to_everybody(v.page, f"{Path(name).stem}-{scheme}", width)
        assert v.page.evaluate(CUT) == []


def test_a_faint_token_is_found(visit, server):
    with visit(server, "book/06_ctc_alignment.html") as v:
        v.page.add_style_tag(content="pre .nb { color: #999 !important }")
        assert any("color-contrast" in line for line in axe(v.page))


def test_front_door_leads_to_the_introduction(visit, base):
    with visit(base, "index.html") as v:
        v.page.wait_for_url("**/book/intro.html")
        assert v.outside == []


def test_theme_switch_is_remembered(visit, server):
    with visit(server, "book/intro.html", scheme="light") as v:
        for _ in range(3):
            v.page.locator(".theme-switch-button:visible").first.click()
            if v.page.evaluate("document.documentElement.dataset.theme") == "dark":
                break
        v.page.reload()
        assert v.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_keyboard_reaches_the_text_first(visit, server):
    with visit(server, "book/intro.html") as v:
        v.page.keyboard.press("Tab")
        assert v.page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
