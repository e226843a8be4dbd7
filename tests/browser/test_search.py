"""The search, with a server and without: results with excerpts, and nothing but results for what is nowhere."""

import pytest
from places import HTML

pytestmark = pytest.mark.skipif(not (HTML / "search-pages.js").is_file(), reason="the book is not built: make book")


def results(visit, base, query):
    with visit(base, f"search.html?q={query}") as v:
        v.page.wait_for_function(
            "() => /found|did not match/.test(document.querySelector('#search-results').innerText)"
        )
        v.page.wait_for_timeout(500)  # excerpts follow
        links = v.page.locator("#search-results li > a").evaluate_all("as => as.map(a => a.getAttribute('href'))")
        excerpts = v.page.locator("#search-results li p.context").all_inner_texts()
        return links, excerpts, v.problems, v.outside


def test_what_the_book_tells_is_found(visit, base):
    links, excerpts, problems, outside = results(visit, base, "blank")
    assert any("06_ctc_alignment.html" in link for link in links)
    assert sum("blank" in e.lower() for e in excerpts) >= 3
    assert not [p for p in problems if "CORS" in p or "Failed to" in p or "failed:" in p]
    assert outside == []


def test_what_is_nowhere_is_not_found(visit, base):
    links, excerpts, _, outside = results(visit, base, "zyxwvut")
    assert (links, excerpts, outside) == ([], [], [])


def test_markup_in_a_query_stays_text(visit, base):
    with visit(base, "search.html?q=%3Cimg%20src%3Dx%20onerror%3D%22window.hit%3D1%22%3E") as v:
        v.page.wait_for_timeout(1000)
        assert v.page.evaluate("window.hit") is None
