"""What the theme gets wrong, put right after the build: one small Sphinx extension, no template copied.

- Faults that the accessibility checker axe finds on every page are repaired in the finished HTML.
- A drawing may link to every chapter of the plan: links to chapters that do not exist yet become plain shapes.
- A chapter has the number of its file, though numbers between are still to come; a page whose file has none has none.
"""

import re
from pathlib import Path

from docutils import nodes

REPAIRS = [
    # The sidebar holds the site's name and search: content outside any landmark otherwise.
    (
        r'<div id="pst-primary-sidebar"',
        '<div id="pst-primary-sidebar" role="complementary" aria-label="Book"',
    ),
    # Roles of the bibliography: one is deprecated, the other demands children that it does not have.
    (r'(<div class="citation"[^>]*?) role="doc-biblioentry"', r"\1"),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    # pandas heads its index column with an empty header cell.
    (r"<th([^>]*)>\s*</th>", r"<td\1></td>"),
    # On a telephone a figure scrolls in a box of its own, which the theme makes a tab stop where it does scroll.
    (
        r"(<figure\b[^>]*>\s*)(<img\b[^>]*>)",
        r'\1<div class="plate pst-scrollable-table-container">\2</div>',
    ),
]
IMAGE_LINK = re.compile(r'<a href="([^"#]+\.html)">(.*?)</a>', re.DOTALL)


def repair(html: str, folder: Path) -> str:
    """The finished page `html`, which lies in `folder`, with the repairs above."""
    for pattern, replacement in REPAIRS:
        html = re.sub(pattern, replacement, html, flags=re.DOTALL)

    def keep_if_there(link: re.Match) -> str:
        return link[0] if (folder / link[1]).is_file() else f"<g>{link[2]}</g>"

    return re.sub(
        r"<svg\b.*?</svg>",
        lambda svg: IMAGE_LINK.sub(keep_if_there, svg[0]),
        html,
        flags=re.DOTALL,
    )


def repair_all(app, error):
    """Repair every page of a finished HTML build."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            if "_static" not in path.parts:
                path.write_text(repair(path.read_text("utf-8"), path.parent), "utf-8")


def number_by_file(app, env):
    """Put the number in a file's name first in the numbers of its sections; a page without one has no numbers."""
    for page in list(env.toc_secnumbers):
        found = re.search(r"/(\d+)_", page)
        own = env.toc_secnumbers[page] if found else {}
        env.toc_secnumbers[page] = {
            k: (int(found[1]), *n[1:]) for k, n in own.items() if n
        }
        numbered = [env.titles[page], *env.tocs[page].findall(nodes.reference)]
        for node in (n for n in numbered if n.get("secnumber")):
            if found:
                node["secnumber"] = [int(found[1]), *node["secnumber"][1:]]
            else:
                del node["secnumber"]
    return []


def setup(app):
    """Register with Sphinx."""
    app.connect("env-get-updated", number_by_file, priority=600)
    app.connect("build-finished", repair_all)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
