"""The whole book as one PDF: the page that Sphinx's singlehtml builder made, printed by Chromium.

    python book/_ext/paper.py FOLDER BOOK.pdf

That builder writes every address as if the page lay at the root, so it is laid there first. Contents come from the
page, and its headings become the PDF's outline.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from crnn_lib.files import atomic_path, write_text
from crnn_lib.tools.browser import FLAGS, find_chromium

FOOT = (
    '<div style="font: 8pt sans-serif; width: 100%; text-align: center">'
    '<span class="pageNumber"></span></div>'
)
PATIENCE = 600_000  # milliseconds: a whole book


def at_root(page: Path, root: Path) -> Path:
    """A copy of `page` in the folder `root`, whose links to itself stay inside."""
    own = page.relative_to(root).as_posix()
    text = page.read_text("utf-8").replace(f'href="{own}#', 'href="#')
    write_text(root / "book.html", text)
    return root / "book.html"


def print_page(page: Path, out: Path) -> None:
    """Print the built `page` to `out`."""
    path = find_chromium()
    if path is None:
        sys.exit("no Chromium found: install one, or set CHROMIUM=/path/to/it")
    with sync_playwright() as driver, atomic_path(out) as temporary:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        sheet = browser.new_page(color_scheme="light")
        sheet.set_default_timeout(PATIENCE)
        sheet.goto(page.resolve().as_uri())
        sheet.pdf(
            path=temporary,
            prefer_css_page_size=True,
            outline=True,
            tagged=True,
            display_header_footer=True,
            header_template="<div></div>",
            footer_template=FOOT,
        )
        browser.close()


if __name__ == "__main__":  # make print
    folder, out = map(Path, sys.argv[1:])
    print_page(at_root(folder / "book" / "intro.html", folder), out)
