"""What each built page weighs, compressed, before a touch, and how far it moves while one reads down to its end."""

import re

import pytest
from places import HTML
from visits import PAGES, served

from bench.book import book

ALLOWED = 250_000  # bytes, sent compressed
CHAPTER = 400_000
SHIFT = 0.02  # the sum of all layout shifts


@pytest.fixture(scope="module")
def compressing(built):
    with served(HTML, book.Compressing) as address:
        yield address


@pytest.mark.parametrize("name", [*PAGES, "404.html"])
def test_a_page_is_light_and_lies_still(chromium, compressing, name):
    found = book.walk(chromium, f"{compressing}/{name}")
    assert found["untouched_bytes"] <= (CHAPTER if re.match(r"book/\d", name) else ALLOWED)
    assert found["shift"] <= SHIFT
