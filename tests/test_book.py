"""The built pages, read as files: whole, local, and told in words as well as in pictures. No browser is needed."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import house
import icons
import lean
import policy
import pytest
import styles
from PIL import Image
from places import HTML, PAGES, ROOT, text_of

pytestmark = pytest.mark.skipif(not PAGES, reason="the book is not built: make book")


class Page(HTMLParser):
    """What a page holds: its ids, links, loaded files, images and headings."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.images, self.tags, self.captions = [], [], [], [], [], 0
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.tags.append((tag, a))
        if "id" in a:
            self.ids.append(a["id"])
        if tag == "a" and a.get("href"):
            self.links.append(a["href"])
        if tag == "img":
            self.images.append(a)
        if tag != "a" and a.get("src"):
            self.loads.append(a["src"])
        if tag == "link" and a.get("rel") not in ("canonical",) and a.get("href"):
            self.loads.append(a["href"])


@pytest.fixture(scope="module")
def pages():
    return {path: Page(path) for path in PAGES}


def is_remote(url):
    return re.match(r"[a-z]+:|//", url) is not None and not url.startswith(("data:", "mailto:"))


def test_nothing_is_loaded_from_elsewhere(pages):
    assert {p.name: u for p, page in pages.items() for u in page.loads if is_remote(u)} == {}
    styles = [*HTML.glob("_static/*.css"), *HTML.glob("_static/styles/*.css")]
    remote = re.compile(r"""(?:@import|url\()\s*["']?https?:""")
    assert [s.name for s in styles if remote.search(s.read_text(encoding="utf-8"))] == []


def test_every_local_link_and_file_is_there(pages):
    ids = {path.resolve(): set(page.ids) for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        for url in page.links + page.loads:
            if is_remote(url) or url.startswith(("data:", "mailto:", "javascript:")):
                continue
            file, fragment = urldefrag(url)
            target = (path.parent / unquote(file.split("?")[0])).resolve() if file else path.resolve()
            if not target.exists() or (fragment and target in ids and unquote(fragment) not in ids[target]):
                broken.append(f"{path.name} -> {url}")
    assert broken == []


def test_pictures_are_told_in_words(pages):
    for path, page in pages.items():
        for image in page.images:
            if "/_static/images/logo_" in image["src"]:
                continue  # the theme's, beside the words on a launch button
            alt = image.get("alt", "")
            assert len(alt) >= 20, f"{path.name}: {image}"
            assert not re.search(r"\.(png|svg|jpe?g)$", alt), f"{path.name}: a file name is no alt text: {alt}"


def test_pages_are_well_formed(pages):
    for path, page in pages.items():
        names = [tag for tag, _ in page.tags]
        main = page.text[page.text.index("<article") : page.text.index("</article>")]
        assert ("html", "en") in [(tag, a.get("lang")) for tag, a in page.tags], path.name
        assert len(re.findall(r"<h1\b", main)) == 1, path.name
        assert names.count("main") == 1, path.name
        twice = {i for i in page.ids if page.ids.count(i) > 1}
        assert twice == set(), path.name


def test_nothing_of_the_builder_shows(pages):
    for path, page in pages.items():
        assert "thebe" not in page.text.lower(), path.name
        assert str(ROOT) not in page.text, path.name
        assert "<th></th>" not in page.text, path.name


def test_the_drawing_links_only_to_chapters_that_exist(pages):
    page = pages[HTML / "book" / "intro.html"]
    drawing = re.search(r'<svg[^>]*class="crnn-drawing".*?</svg>', page.text, re.DOTALL)[0]
    assert "<title" in drawing
    assert "<desc" in drawing
    assert all((HTML / "book" / target).is_file() for target in re.findall(r'<a href="([^"]+)"', drawing))


def test_repairs(tmp_path):
    (tmp_path / "01.html").write_text("a chapter")
    drawing = '<svg><a href="01.html"><text>one</text></a><a href="02.html"><text>two</text></a></svg>'
    repaired = house.repair(drawing + '<a href="02.html">outside</a><th style="x"> </th><th>full</th>', tmp_path)
    assert '<a href="01.html"><text>one</text></a><g><text>two</text></g></svg>' in repaired
    assert '<a href="02.html">outside</a>' in repaired
    assert '<td style="x"></td><th>full</th>' in repaired
    assert house.repair(repaired, tmp_path) == repaired
    page = policy.protect("<html><head><meta charset='utf-8'></head></html>")
    assert policy.protect(page) == page


def test_addresses_of_version_1_lead_on_and_chapters_have_the_numbers_of_their_files():
    moved = {path.stem for path in HTML.glob("book/*.html")} - {path.stem for path in PAGES}
    assert {"01_images_and_labels", "07_training", "09_playground"} <= moved and len(moved) == 9
    for name in moved:
        page = Page(HTML / "book" / f"{name}.html")
        (target,) = set(page.links)
        assert target[3:] == f"{name[3:]}.html" and (HTML / "book" / target).is_file()
        assert f'location.replace("{target}" + location.hash)' in page.text
    for path in PAGES:
        if path.stem[:2].isdigit():
            number = f'<h1><span class="section-number">{int(path.stem[:2])}. </span>'
            assert number in path.read_text(encoding="utf-8"), path.name


def test_every_page_has_the_documented_policy_before_anything_that_it_rules():
    assert f"\n{policy.POLICY}\n" in text_of("CONTRIBUTING.md")
    found = [*HTML.glob("*.html"), *PAGES]
    assert {"404.html", "index.html", "search.html", "genindex.html"} <= {path.name for path in found}
    for path in found:
        page = Page(path)
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page.text, re.DOTALL)
        digests = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline}
        hashes = "".join(f" 'sha256-{digest}'" for digest in sorted(digests))
        at = [i for i, (_, a) in enumerate(page.tags) if a.get("http-equiv") == "Content-Security-Policy"]
        assert len(at) == 1, path.name
        assert page.tags[at[0]][1]["content"] == policy.POLICY.replace(" HASHES", hashes), path.name
        assert {tag for tag, _ in page.tags[: at[0]]} <= {"html", "head", "meta"}, path.name
        assert [a for _, a in page.tags for name in a if name.startswith("on")] == [], path.name
        assert [url for url in page.links if url.startswith("javascript:")] == [], path.name


def test_pages_load_only_the_scripts_that_they_need(pages):
    for path, page in pages.items():
        scripts = [a for tag, a in page.tags if tag == "script" and a.get("src")]
        names = " ".join(a["src"] for a in scripts)
        assert all("defer" in a for a in scripts), path.name
        assert not re.search("fontawesome|bootstrap|theme|doctools|togglebutton|design-tabs|search", names), path.name
        styles = [a["href"] for tag, a in page.tags if tag == "link" and a.get("rel") == "stylesheet"]
        assert sum("/_static/theme.css?v=" in href for href in styles) == 1, path.name
        assert all(re.search(r"/_static/(theme|formulas|crnn-[\w-]+)\.css", href) for href in styles), path.name
        assert ("crnn-widgets" in names) == ("<crnn-widget" in page.text), path.name
    assert "searchindex.js" in (HTML / "search.html").read_text(encoding="utf-8")


def test_nothing_stays_in_the_build_that_no_page_asks_for():
    texts = "".join(path.read_text(encoding="utf-8") for path in HTML.rglob("*.html"))
    texts += (HTML / "_static" / "theme.css").read_text(encoding="utf-8")
    own = {path.name for path in (ROOT / "book" / "_static").rglob("*")}
    files = [*HTML.glob("_images/*"), *(HTML / "_static").rglob("*")]
    left = {path.name for path in files if path.is_file() and path.name not in texts}
    assert {name for name in left - own if not name.startswith("crnn-")} == set()


def test_icons_are_drawn():
    page = (
        '<i class="fa-solid fa-bars"></i><span class="fas fa-list fa-lg">\n</span><i class="fas fa-nosuch"></i><i>x</i>'
    )
    drawn = icons.draw(page)
    assert re.findall(r'<(i|span) class="[^"]*"><svg viewBox="[\d ]+" aria-hidden="true"><path d="M', drawn) == [
        "i",
        "span",
    ]
    assert drawn.endswith('<i class="fas fa-nosuch"></i><i>x</i>') and icons.draw(drawn) == drawn


SHEET = """@import "other.css";
/* a comment */ @charset "utf-8";
@font-face { font-family: Used; src: url(used.woff2) } @font-face { font-family: Unused; src: url(no.woff2) }
@keyframes turn { to { rotate: 1turn } } @keyframes unused { to { rotate: 2turn } }
:root { --a: var(--b); --b: 1px; --c: 2px }
p.there, p.gone { margin: var(--a); font-family: Used }
p.there:not(.gone):hover::before { content: "a  b"; animation: turn 1s }
:is(.gone, p) > [title], :is(.gone, #lost) { color: red !important }
.opened > p { background: url("data:image/png;base64,AA/*B") } /* so */
@media print { .gone { top: 0 } .there { top: 0 } } @media screen { .gone { top: 0 } }
.fa::before { content: var(--fa) } .tip::before { content: "\\f0c9"; top: 1px }"""


def test_a_style_sheet_keeps_what_some_page_can_use(tmp_path):
    (tmp_path / "_static" / "sub").mkdir(parents=True)
    (tmp_path / "_static" / "sub" / "a.css").write_text(SHEET, "utf-8")
    (tmp_path / "_static" / "sub" / "other.css").write_text("p { inset: 0 }", "utf-8")
    (tmp_path / "_static" / "b.css").write_text("p { color: blue }", "utf-8")
    (tmp_path / "_static" / "crnn-c.css").write_text("p { top: var(--c) }", "utf-8")
    (tmp_path / "_static" / "x.js").write_text("it.classList.toggle('opened')", "utf-8")
    links = "".join(f'<link href="_static/{n}.css?v=1" rel="stylesheet">' for n in ("sub/a", "crnn-c"))
    links += '<link rel="stylesheet" media="print" href="_static/b.css"><script src="_static/x.js"></script>'
    (tmp_path / "a.html").write_text(f'{links}<p class="there tip" title="t">', "utf-8")
    styles.merge(tmp_path)
    assert (tmp_path / "_static" / "theme.css").read_text("utf-8").split("\n", 1)[1].splitlines() == [
        "p{inset:0}",
        '@font-face{font-family:Used;src:url("sub/used.woff2")}',
        "@keyframes turn{to { rotate: 1turn }}",
        ":root{--a:var(--b);--b:1px;--c:2px}",
        "p.there{margin:var(--a);font-family:Used}",
        'p.there:not(.gone):hover::before{content:"a b";animation:turn 1s}',
        ":is(.gone, p) > [title]{color:red!important}",
        '.opened > p{background:url("data:image/png;base64,AA/*B")}',
        "@media print{.there{top:0}}",
        ".tip::before{top:1px}",
        "@media print{p{color:blue}}",
    ]
    page = (tmp_path / "a.html").read_text("utf-8")
    assert re.findall(r'href="_static/([^"?]+)', page) == ["theme.css", "crnn-c.css"]
    styles.merge(tmp_path)
    assert (tmp_path / "a.html").read_text("utf-8") == page


def test_a_style_sheet_that_cannot_be_read_is_not_half_read():
    for css in ("p { top: 0; & > a { top: 1px } }", "p { top: 0 } }"):
        with pytest.raises(ValueError, match="a style sheet"):
            styles.rules(css, {"p"})


def test_no_page_asks_a_browser_to_fetch_another_ahead(pages):
    """Firefox does so for `next` too, and the policy of the page forbids it: an error in its console."""
    for path, page in pages.items():
        ahead = [a for tag, a in page.tags if tag == "link" and a.get("rel") in ("next", "prefetch", "prerender")]
        assert ahead == [], path.name


def test_pictures_keep_their_place_and_wait_their_turn(pages):
    for path, page in pages.items():
        own = [image for image in page.images if image["src"].startswith("../_images/")]
        assert all(int(image["width"]) > 0 and int(image["height"]) > 0 for image in own), path.name
        assert [image.get("loading") for image in own[1:]] == ["lazy"] * (len(own) - 1) if own else True, path.name
        assert {Path(image["src"]).suffix for image in own} <= {".svg", ".webp"}, path.name


def test_trimmed(tmp_path):
    (tmp_path / "a.svg").write_text('<?xml version="1.0"?>\n<svg width="75pt" height="30.3pt" viewBox="0 0 75 30.3">')
    (tmp_path / "_images").mkdir()
    picture = Image.effect_noise((30, 20), 60)
    picture.save(tmp_path / "_images" / "b.png")
    page = '<script src="x.js"></script><script defer src="y.js"></script><img alt="" src="a.svg" /><img src="no.png">'
    page += '<img src="_images/b.png"><pre><span class="n">a</span><span class="o">=</span></pre>'
    trimmed = lean.trim(page, tmp_path)
    assert trimmed == (
        '<script defer src="x.js"></script><script defer src="y.js"></script>'
        '<img width="100" height="40" alt="" src="a.svg" /><img loading="lazy" src="no.png">'
        '<img width="30" height="20" loading="lazy" src="_images/b.webp"><pre>a<span class="o">=</span></pre>'
    )
    with Image.open(tmp_path / "_images" / "b.webp") as copy:
        assert copy.convert("L").tobytes() == picture.tobytes()
    assert lean.trim(trimmed, tmp_path) == trimmed
    assert lean.needed("<p><math>", "_static/formulas.css") and not lean.needed("<p>", "_static/formulas.css")


def test_a_policy_names_scripts_that_stand_in_the_page_and_no_data():
    page = '<head><meta charset="utf-8" /><script type="application/json">1</script><script>a()</script></head>'
    protected = policy.protect(page + '<button onclick="window.print()">')
    digest = base64.b64encode(hashlib.sha256(b"a()").digest()).decode()
    assert protected.startswith('<head><meta charset="utf-8" />\n    <meta http-equiv="Content-Security-Policy"')
    assert re.findall(r"'sha256-([^']*)'", protected) == [digest]
    assert protected.endswith('<button data-press="print">')
