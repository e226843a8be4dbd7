"""A real Chromium over the built book: from a local server, and from the files themselves as by double-click.

A module with a small book of its own names its pages in `SITE`, or makes the folder by a fixture `site`.
"""

import functools

import pytest
from places import HTML
from visits import PAGES, Visit, build, served

from crnn_lib.tools.browser import FLAGS, find_chromium


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium found: install one (Debian: apt-get install chromium) or set CHROMIUM=/path/to/it")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def built():
    if not PAGES:
        pytest.skip("the book is not built: make book")


@pytest.fixture(scope="session")
def server(built):
    with served(HTML) as address:
        yield address


@pytest.fixture(params=["http", "file"])
def base(request, built):
    return request.getfixturevalue("server") if request.param == "http" else HTML.as_uri()


@pytest.fixture
def visit(chromium):
    return functools.partial(Visit, chromium)


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    """The folder of the module's own small book."""
    return build(tmp_path_factory.mktemp("site"), request.module.SITE)


@pytest.fixture(scope="module")
def address(site):
    with served(site) as found:
        yield found


@pytest.fixture(params=["http", "file"])
def place(request, site):
    return request.getfixturevalue("address") if request.param == "http" else site.as_uri()


@pytest.fixture
def opened(visit, place):
    """opened(page) -> a visit to a page of the small book, which by its end has asked or complained of nothing."""
    visits = []

    def look(page="index", **more):
        visits.append(visit(place, f"{page}.html", **more))
        return visits[-1]

    yield look
    for seen in visits:
        seen.context.close()
        assert (seen.outside, seen.problems) == ([], [])


@pytest.fixture
def without_scripts(chromium, site):
    """The first page of the small book where no script runs."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/index.html")
    yield page
    context.close()
