"""The built pages under their own content security policy: what is slipped in does not work.

That what is theirs does is seen in test_pages.py, where each breach is a complaint of the browser, on every page with
its widgets in use; and in the widgets' own modules, whose small sites have the policy too.
"""

SLIPPED_IN = {  # what the browser says -> the element, or the program, that somebody slipped in
    "script-src-elem inline": ("script", {"textContent": "window.hit = 1"}),
    "script-src-elem https://example.org/a.js": ("script", {"src": "https://example.org/a.js"}),
    "script-src-elem data": ("script", {"src": "data:text/javascript,window.hit=1"}),
    "script-src-attr inline": ("div", {"innerHTML": "<img src='data:,' onerror='window.hit = 1'>"}),
    "script-src eval": (None, "window.hit = 1"),
    "img-src https://example.org/a.png": ("img", {"src": "https://example.org/a.png"}),
    "frame-src https://example.org": ("iframe", {"src": "https://example.org/"}),
    "object-src https://example.org": ("object", {"data": "https://example.org/a"}),
    "base-uri https://example.org/": ("base", {"href": "https://example.org/"}),
}
SLIP_IN = """(all) => all.forEach(([tag, what]) => {
    if (tag) document.body.append(Object.assign(document.createElement(tag), what));
    else setTimeout(what);
})"""


def test_what_is_slipped_in_is_blocked(visit, base):
    with visit(base, "book/appendix_timings.html") as v:
        v.page.evaluate(SLIP_IN, list(SLIPPED_IN.values()))
        v.page.wait_for_function("n => breaches.length >= n", arg=len(SLIPPED_IN))
        v.page.wait_for_timeout(200)
        assert sorted(v.page.evaluate("breaches")) == sorted(SLIPPED_IN)
        assert v.page.evaluate("window.hit") is None
        assert v.outside == []


def test_webassembly_may_be_compiled_and_no_text(visit, base):
    """Tried later than the driver's own call, which the browser lets evaluate text."""
    tries = """() => new Promise((resolve) => setTimeout(() => resolve([
        () => new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)),
        () => eval("1"),
        () => new Function("1"),
    ].map((act) => { try { act(); return "ran"; } catch (error) { return error.name; } }))))"""
    with visit(base, "book/appendix_timings.html") as v:
        assert v.page.evaluate(tries) == ["ran", "EvalError", "EvalError"]


def test_the_header_s_buttons_still_act(visit, server):
    with visit(server, "book/02_images_and_labels.html") as v:
        v.page.evaluate("window.print = () => (window.printed = true)")
        v.page.locator(".dropdown-download-buttons > button").click()
        v.page.locator('[data-press="print"]').click()
        assert v.page.evaluate("window.printed") is True
        v.page.locator('[data-press="toggleFullScreen"]').click()
        v.page.wait_for_function("() => document.fullscreenElement !== null")
        assert v.problems == []
