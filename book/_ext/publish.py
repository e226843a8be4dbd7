"""What a published book needs beside its pages: to be found, shared, printed, searched offline and run elsewhere.

Two places are known only to the publisher, so the environment names them, and nothing is made up without them:

- BOOK_URL, where the pages will be: sitemap, canonical addresses, the shared picture, absolute links on the 404 page;
- BOOK_REPOSITORY, https://github.com/owner/name (and BOOK_BRANCH, else main): the buttons for Binder and Colab.
"""

import html
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from docutils import nodes
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
CARD = "_static/card.png"
CARD_ALT = "A noisy image of five characters, the network's probabilities column by column, and the text that it reads"
DESCRIPTION_LENGTH = 200  # characters: what search engines and messengers show
REPOSITORY = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
COLAB_BRANCH = "colab"  # holds nothing but the notebooks, each with the cell below before its first
BOOTSTRAP = """\
# Colab starts without the book's library: install it, with what the chapters need, and let its widgets be shown.
%pip install -q "crnn-lib[notebooks] @ git+{repository}@{branch}"
from google.colab import output
output.enable_custom_widget_manager()"""


def public(name: str) -> str:
    """The public place that the environment variable `name` gives, or nothing. Raises ExtensionError if it is none."""
    value = os.environ.get(name, "").strip()
    if value and not re.fullmatch(r"https?://[^\s\"'<>]+", value):
        raise ExtensionError(f"{name} is not a web address: {value!r}")
    if value and name == "BOOK_REPOSITORY":
        found = REPOSITORY.fullmatch(value)
        if not found:
            raise ExtensionError(
                f"BOOK_REPOSITORY is not of the form https://github.com/owner/name: {value!r}"
            )
        return f"https://github.com/{found[1]}/{found[2]}"
    return f"{value.rstrip('/')}/" if value else ""


def configure(app, config):
    """Tell Sphinx and its theme the public places."""
    config.html_baseurl = public("BOOK_URL")
    repository = public("BOOK_REPOSITORY")
    if repository:
        config.html_theme_options |= {
            "repository_url": repository,
            "repository_branch": os.environ.get("BOOK_BRANCH") or "main",
            "use_repository_button": True,
            "use_issues_button": True,
            "launch_buttons": {
                "binderhub_url": "https://mybinder.org",
                "notebook_interface": "jupyterlab",
            },
        }


# --- on every page ---
def description(doctree) -> str:
    """The first sentences of a page, as long as they fit, or nothing."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = " ".join(paragraph.astext().split())
        if len(text) <= DESCRIPTION_LENGTH:
            return text
        cut = text[:DESCRIPTION_LENGTH].rpartition(". ")
        return (
            cut[0] + "."
            if cut[0]
            else text[: DESCRIPTION_LENGTH - 1].rpartition(" ")[0] + "…"
        )
    return ""


def tags(title: str, text: str, page: str, book: str, url: str) -> str:
    """Open Graph's `<meta>` tags; with the public `url` of the book, the address and the picture too."""
    found = {"og:title": title, "og:type": "article", "og:site_name": book}
    if text:
        found["og:description"] = text
    if url:
        found |= {
            "og:url": url + page,
            "og:image": url + CARD,
            "og:image:alt": CARD_ALT,
        }
        found |= {"og:image:width": "1200", "og:image:height": "630"}
    lines = [
        f'<meta property="{name}" content="{html.escape(value)}" />'
        for name, value in found.items()
    ]
    lines.append(
        f'<meta name="twitter:card" content="{"summary_large_image" if url else "summary"}" />'
    )
    if text:
        lines.append(f'<meta name="description" content="{html.escape(text)}" />')
    return "\n    " + "\n    ".join(lines)


def add_to_page(app, page, template, context, doctree):
    """Print style, Open Graph tags, offline search; and the Colab button beside the theme's own for Binder."""
    app.add_css_file("print.css", media="print")
    if page == "search":
        app.add_js_file("search-offline.js")
    title = re.sub(r"<[^>]*>", "", context.get("title") or "")
    text = description(doctree) or f"{html.unescape(title)}: {app.config.html_title}"
    context["metatags"] = context.get("metatags", "") + tags(
        html.unescape(title),
        text,
        f"{page}.html",
        app.config.html_title,
        app.config.html_baseurl or "",
    )
    repository = public("BOOK_REPOSITORY")
    for group in context.get("header_buttons", ()):
        if repository and group.get("label") == "launch-buttons":
            path = repository.removeprefix("https://github.com/")
            group["buttons"].append(
                {
                    "type": "link",
                    "text": "Colab",
                    "tooltip": "Launch on Colab",
                    "icon": "_static/images/logo_colab.png",
                    "url": f"https://colab.research.google.com/github/{path}/blob/{COLAB_BRANCH}/{page}.ipynb",
                }
            )


# --- files of their own ---
class Words(HTMLParser):
    """What a page says, section by section, as the search page's excerpts want it."""

    ANCHORS = ("section", "dt")  # where a result may point
    BLOCKS = ("p", "dd", "li", "td", "th", "h1", "h2", "h3", "pre", "figcaption")
    SKIPPED = ("script", "style", "svg", "nav", "template")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.parts, self.skipped, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if tag == "article":
            self.inside = True
        if tag in self.SKIPPED or "headerlink" in (a.get("class") or ""):
            self.skipped.append(tag)
        elif self.inside and tag in self.ANCHORS and not self.skipped:
            self.parts.append(f'<{tag} id="{html.escape(a.get("id") or "")}">')

    def handle_endtag(self, tag):
        if self.skipped and tag == self.skipped[-1]:
            self.skipped.pop()
        elif self.inside and not self.skipped:
            self.parts.append(
                f"</{tag}> "
                if tag in self.ANCHORS
                else " "
                if tag in self.BLOCKS
                else ""
            )
        if tag == "article":
            self.inside = False

    def handle_data(self, data):
        if self.inside and not self.skipped:
            self.parts.append(html.escape(data, quote=False))

    def main(self) -> str:
        text = re.sub(r"[ \t\n]+", " ", "".join(self.parts))
        return f'<div role="main">{text}</div>'


def sitemap(url: str, pages: list[str]) -> str:
    """The pages' addresses, as sitemaps.org has it."""
    lines = [f"  <url><loc>{html.escape(url + page)}</loc></url>" for page in pages]
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return "\n".join([head, *lines, "</urlset>", ""])


def lost(url: str, book: str, chapters: dict[str, str]) -> str:
    """The 404 page. It is shown at any address, so that its links start at the book's own root."""
    root = urlsplit(url).path or "./"
    links = "\n".join(
        f'<li><a href="{root}{html.escape(page)}">{html.escape(title)}</a></li>'
        for page, title in chapters.items()
    )
    page = (HERE / "404.html").read_text("utf-8")
    for name, value in {
        "BOOK": html.escape(book),
        "ROOT": root,
        "LINKS": links,
    }.items():
        page = page.replace(f"{{{name}}}", value)
    return page


def write_files(app, error):
    """Sitemap, 404 page and what the search needs without a server."""
    if error is not None or app.builder.name != "html":
        return
    out, url, docs = (
        Path(app.outdir),
        app.config.html_baseurl or "",
        sorted(app.env.found_docs),
    )
    if url:
        (out / "sitemap.xml").write_text(
            sitemap(url, [f"{d}.html" for d in docs]), "utf-8"
        )
    chapters = [app.config.master_doc, *(d for d in docs if re.match(r"book/\d", d))]
    titles = {f"{d}.html": app.env.titles[d].astext() for d in chapters}
    (out / "404.html").write_text(lost(url, app.config.html_title, titles), "utf-8")
    words = {d: Words((out / f"{d}.html").read_text("utf-8")).main() for d in docs}
    (out / "search-pages.js").write_text(
        f"globalThis.searchPages = {json.dumps(words, ensure_ascii=False)};\n", "utf-8"
    )
    script = (HERE / "search_offline.js").read_text("utf-8")
    (out / "_static" / "search-offline.js").write_text(script, "utf-8")


def write_colab(sources: list[Path], folder: Path) -> list[Path]:
    """Copies of the notebooks in `folder`/book, with the cell that makes Colab ready before the first code cell."""
    repository, written = public("BOOK_REPOSITORY"), []
    if not repository:
        raise ExtensionError(
            "BOOK_REPOSITORY is not set: https://github.com/owner/name"
        )
    (folder / "book").mkdir(parents=True, exist_ok=True)
    for path in sources:
        notebook = nbformat.read(path, as_version=4)
        code = BOOTSTRAP.format(
            repository=repository, branch=os.environ.get("BOOK_BRANCH") or "main"
        )
        cell = nbformat.v4.new_code_cell(code, id="colab")
        first = next(i for i, c in enumerate(notebook.cells) if c.cell_type == "code")
        notebook.cells.insert(first, cell)
        written.append(folder / "book" / path.name)
        nbformat.write(notebook, written[-1])
    return written


def setup(app):
    """Register with Sphinx."""
    app.connect("config-inited", configure, priority=100)
    app.connect("html-page-context", add_to_page, priority=502)
    app.connect("build-finished", write_files, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":  # make colab
    book = HERE.parent
    for written in write_colab(
        sorted(book.glob("*.ipynb")), book.parent / "_build" / "colab"
    ):
        print(written.relative_to(book.parent))
