"""What the published book has beside its pages: each part by itself, then in the built book where there is one."""

import json
import re
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import card
import numpy as np
import paper
import publish
import pytest
from docutils import nodes
from PIL import Image
from places import HTML, PAGES, text_of

built = pytest.mark.skipif(not (HTML / "404.html").is_file(), reason="the book is not built: make book")


def paragraphs(*texts):
    document = nodes.section()
    document.extend(nodes.paragraph(text, text) for text in texts)
    return document


def test_descriptions_are_whole_sentences_that_fit():
    assert publish.description(None) == publish.description(nodes.section()) == ""
    assert publish.description(paragraphs("Short\nand whole.", "No.")) == "Short and whole."
    long = publish.description(paragraphs("One sentence. " * 30))
    assert long.endswith("sentence.") and len(long) <= publish.DESCRIPTION_LENGTH
    cut = publish.description(paragraphs("word " * 90))
    assert cut.endswith("word…") and len(cut) <= publish.DESCRIPTION_LENGTH


def test_tags_say_nothing_of_a_place_that_is_not_known():
    hostile = '"><script>alert(1)</script>'
    text = publish.tags(hostile, "What it tells", "book/a.html", "The book", "")
    assert "<script>" not in text and "og:url" not in text and "og:image" not in text
    assert 'property="og:title"' in text and '<meta name="description" content="What it tells" />' in text
    placed = publish.tags("A", "", "book/a.html", "The book", "https://x.org/b/")
    assert 'property="og:url" content="https://x.org/b/book/a.html"' in placed
    assert 'property="og:image" content="https://x.org/b/_static/card.png"' in placed
    assert "summary_large_image" in placed and "description" not in placed


def configured(monkeypatch, **environment):
    for name in ("BOOK_URL", "BOOK_REPOSITORY", "BOOK_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = SimpleNamespace(html_baseurl="", html_theme_options={"launch_buttons": {"thebe": False}})
    publish.configure(None, config)
    return config


def test_without_public_places_nothing_is_made_up(monkeypatch):
    config = configured(monkeypatch)
    assert config.html_baseurl == "" and config.html_theme_options == {"launch_buttons": {"thebe": False}}


def test_public_places_reach_the_theme(monkeypatch):
    config = configured(monkeypatch, BOOK_URL="https://x.org/b", BOOK_REPOSITORY="https://github.com/o/n/")
    assert config.html_baseurl == "https://x.org/b/"
    options = config.html_theme_options
    assert (options["repository_url"], options["repository_branch"]) == ("https://github.com/o/n", "main")
    assert options["launch_buttons"]["binderhub_url"] == "https://mybinder.org"
    monkeypatch.setenv("BOOK_URL", "x.org")
    with pytest.raises(Exception, match="BOOK_URL is not a web address"):
        publish.public("BOOK_URL")


def test_colab_opens_the_copy_with_the_bootstrap(monkeypatch):
    monkeypatch.setenv("BOOK_REPOSITORY", "https://github.com/o/n")
    group = {"label": "launch-buttons", "buttons": []}
    app = SimpleNamespace(
        config=SimpleNamespace(html_title="T", html_baseurl=""), add_css_file=lambda *a, **k: None, add_js_file=None
    )
    publish.add_to_page(app, "book/05", None, {"title": "Five", "header_buttons": [{"label": "x"}, group]}, None)
    assert [b["url"] for b in group["buttons"]] == [
        "https://colab.research.google.com/github/o/n/blob/colab/book/05.ipynb"
    ]


def test_the_sitemap_is_one():
    tree = ET.fromstring(publish.sitemap("https://x.org/b/", ["a.html", "c&d.html"]))
    assert [e.text for e in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")] == [
        "https://x.org/b/a.html",
        "https://x.org/b/c&d.html",
    ]


def test_the_404_page_works_at_any_depth():
    page = publish.lost("https://x.org/b/", "A <book>", {"book/a.html": "A & B"})
    assert '<a href="/b/book/a.html">A &amp; B</a>' in page and 'action="/b/search.html"' in page
    assert "A &lt;book&gt;" in page and not re.search(r"\{[A-Z]+\}", page)
    assert '<a href="./book/a.html">' in publish.lost("", "B", {"book/a.html": "A"})


def test_words_are_those_of_the_article_section_by_section():
    page = """<nav>Menu</nav><article><section id="one"><h1>One<a class="headerlink">#</a></h1><p>1 &lt; 2</p>
    <script>x()</script><svg><text>drawn</text></svg><dl><dt id="term">Term</dt><dd>means</dd></dl>
    </section></article>end"""
    expected = '<section id="one">One 1 &lt; 2 <dt id="term">Term</dt> means </section>'
    assert re.sub(" +", " ", publish.Words(page).main()) == f'<div role="main">{expected} </div>'


def test_the_card_is_what_messengers_take_and_what_the_network_reads(tmp_path):
    assert card.CARD.stat().st_size < 100_000
    assert card.draw(tmp_path / "card.png") == card.SAMPLE.stem
    with Image.open(card.CARD) as stored, Image.open(tmp_path / "card.png") as drawn:
        assert stored.size == drawn.size == card.SIZE
        difference = np.asarray(stored.convert("L"), float) - np.asarray(drawn.convert("L"), float)
    assert np.abs(difference).mean() < 1, "the card is out of date: python book/_ext/card.py"


def test_print_hides_the_frame_and_keeps_figures_whole():
    sheet = text_of("book", "_static", "print.css")
    assert sheet.count("{") == sheet.count("}")
    for part in ("@page", "figure, table", "attr(href)", "details::details-content", "crnn-widget"):
        assert part in sheet


def test_the_whole_book_s_page_lies_at_the_root_and_links_to_itself(tmp_path):
    pytest.importorskip("playwright")
    page = tmp_path / "book" / "intro.html"
    page.parent.mkdir()
    page.write_text('<link href="_static/a.css"><a href="book/intro.html#id3">3</a><a href="search.html#a">', "utf-8")
    moved = paper.at_root(page, tmp_path)
    assert moved == tmp_path / "book.html"
    assert moved.read_text("utf-8") == '<link href="_static/a.css"><a href="#id3">3</a><a href="search.html#a">'


@built
def test_every_built_page_can_be_shared_and_printed():
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        assert len(re.findall('property="og:title"', text)) == 1, path.name
        assert len(re.findall('<meta name="description"', text)) == 1, path.name
        assert "Project name not set" not in text, path.name
    assert "@page{size:A4" in (HTML / "_static" / "theme.css").read_text(encoding="utf-8")
    assert "search-offline.js" in (HTML / "search.html").read_text(encoding="utf-8")


@built
def test_the_search_knows_every_page():
    text = (HTML / "search-pages.js").read_text(encoding="utf-8")
    pages = json.loads(text.removeprefix("globalThis.searchPages = ").removesuffix(";\n"))
    assert sorted(pages) == sorted(path.relative_to(HTML).with_suffix("").as_posix() for path in PAGES)
    assert all(len(words) > 200 for words in pages.values())
    assert sys.getsizeof(text) < 2_000_000
