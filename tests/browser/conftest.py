"""A real Chromium over the built book: from a local server, and from the files themselves as by double-click."""

import functools

import pytest
from visits import HTML, PAGES, Visit, served

from crnn_lib.tools.browser import FLAGS, find_chromium


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium found: install one (Debian: apt-get install chromium) or set CHROMIUM=/path/to/it")
    if not PAGES:
        pytest.skip("the book is not built: make book")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server():
    with served(HTML) as address:
        yield address


@pytest.fixture(params=["http", "file"])
def base(request):
    return request.getfixturevalue("server") if request.param == "http" else HTML.as_uri()


@pytest.fixture
def visit(chromium):
    return functools.partial(Visit, chromium)
