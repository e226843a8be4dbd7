"""What a page does about its text (book/_static/page.js): sidebars, search, contents, menus, copying; by keyboard."""

import pytest
from visits import axe

PAGE = "book/02_images_and_labels.html"
ACTIVE = "document.querySelector('#pst-page-toc-nav a.active')?.hash"


@pytest.mark.parametrize(
    ("button", "bar"), [("Toggle primary sidebar", "primary"), ("Toggle secondary sidebar", "secondary")]
)
def test_on_a_telephone_a_sidebar_is_a_dialog(visit, server, button, bar):
    with visit(server, PAGE, width=390) as v:
        dialog, opener = v.page.locator(f"#pst-{bar}-sidebar-modal"), v.page.get_by_role("button", name=button)
        links = v.page.locator(f"#pst-{bar}-sidebar a").count()
        for close in (
            lambda: v.page.keyboard.press("Escape"),
            lambda: v.page.mouse.click(380 if bar == "primary" else 5, 700),
        ):
            opener.focus()
            v.page.keyboard.press("Enter")
            assert dialog.is_visible() and dialog.locator("a").count() == links
            for _ in range(3):
                v.page.keyboard.press("Tab")
                assert v.page.evaluate(
                    "!!document.activeElement.closest('dialog') || document.activeElement === document.body"
                )
            assert axe(v.page) == []
            close()
            assert not dialog.is_visible() and v.page.locator(f"#pst-{bar}-sidebar a").count() == links
            assert v.page.evaluate("document.activeElement.title") == button
        assert v.problems == []


def test_contents_lead_on_and_close(visit, server):
    with visit(server, PAGE, width=390) as v:
        v.page.get_by_role("button", name="Toggle secondary sidebar").click()
        v.page.locator("#pst-secondary-sidebar-modal").get_by_role("link", name="Summary").click()
        assert not v.page.locator("#pst-secondary-sidebar-modal").is_visible()
        v.page.wait_for_function("() => Math.abs(document.querySelector('#summary').getBoundingClientRect().top) < 90")


def test_on_a_wide_screen_the_sidebar_makes_room(visit, server):
    with visit(server, PAGE) as v:
        opener, bar = (
            v.page.get_by_role("button", name="Toggle primary sidebar"),
            v.page.locator("#pst-primary-sidebar"),
        )
        opener.click()
        bar.wait_for(state="hidden")
        opener.click()
        bar.wait_for(state="visible")


def test_contents_mark_the_section_in_view(visit, server):
    with visit(server, f"{PAGE}#summary") as v:
        v.page.wait_for_function(f"() => {ACTIVE} === '#summary'")
        assert v.page.locator("#pst-page-toc-nav a[aria-current='true']").inner_text().endswith("Summary")
        v.page.wait_for_timeout(1100)  # a chosen link stays marked while the page scrolls
        v.page.evaluate(
            "document.querySelector('#from-letters-to-classes, section section:nth-of-type(4)').scrollIntoView()"
        )
        v.page.wait_for_function(f"() => {ACTIVE} !== '#summary'")


def test_search_by_keyboard_marks_what_it_found(visit, base):
    with visit(base, PAGE) as v:
        dialog = v.page.locator("#pst-search-dialog")
        v.page.keyboard.press("Control+k")
        assert dialog.is_visible() and axe(v.page) == []
        v.page.keyboard.press("Escape")
        assert not dialog.is_visible()
        v.page.get_by_role("button", name="Search").first.click()
        v.page.keyboard.type("alphabet")
        v.page.keyboard.press("Enter")
        v.page.locator("#search-results h2", has_text="Search Results").wait_for(
            state="attached"  # a list that still grows moves its links
        )
        v.page.locator("#search-results a").first.click()
        v.page.wait_for_function("() => CSS.highlights.get('searched')?.size > 0")
        words = v.page.evaluate("[...CSS.highlights.get('searched')].map((range) => range.toString().toLowerCase())")
        assert set(words) == {"alphabet"}
        v.page.keyboard.press("Escape")
        assert v.page.evaluate("CSS.highlights.has('searched')") is False


def test_a_menu_opens_and_closes(visit, server):
    with visit(server, PAGE) as v:
        button, menu = v.page.get_by_role("button", name="Download this page"), v.page.locator(".dropdown-menu")
        button.focus()
        v.page.keyboard.press("Enter")
        assert menu.is_visible() and button.get_attribute("aria-expanded") == "true" and axe(v.page) == []
        v.page.keyboard.press("Tab")
        assert v.page.evaluate("document.activeElement.textContent").strip() == ".ipynb"
        v.page.keyboard.press("Escape")
        assert not menu.is_visible() and button.evaluate("button => button === document.activeElement")
        button.press("Enter")
        v.page.locator("article h1").click()
        assert not menu.is_visible()


def test_code_is_copied(visit, server):
    with visit(server, PAGE) as v:
        v.context.grant_permissions(["clipboard-read", "clipboard-write"])
        code = v.page.locator("div.highlight").locator("visible=true").first
        code.scroll_into_view_if_needed()
        code.get_by_role("button", name="Copy").press("Enter")
        code.get_by_role("button", name="Copied").wait_for()
        assert v.page.evaluate("navigator.clipboard.readText()") == code.locator("pre").text_content().rstrip()


def test_light_or_dark_is_settled_in_the_head_and_follows_the_system(visit, server):
    with visit(server, PAGE, scheme="dark") as v:
        v.page.emulate_media(color_scheme="light")
        v.page.wait_for_function("() => document.documentElement.dataset.theme === 'light'")
        v.page.emulate_media(color_scheme="dark")
        v.page.route("**/page.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
        v.page.reload()
        assert v.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_page_without_scripts_is_light_and_whole(chromium, server):
    context = chromium.new_context(java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{server}/{PAGE}")
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert not page.locator(".theme-switch-button").is_visible() and page.locator("article h1").is_visible()
    context.close()
