"""One style sheet for all pages, with those rules of theme and extensions alone that some page can use.

A rule goes when it asks for a class, id, element or attribute that no page has and no script names. What a variable,
a font or an animation is for goes after its last use. Selectors are not matched against pages: what opens, closes or is
hovered keeps its rules. The sheets of widgets (crnn_widgets.py) and formulas stay apart.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import tinycss2
from tinycss2.ast import Node

SHEET = "_static/theme.css"
APART = ("crnn-", "formulas.")  # few pages need these
NOTICE = "/* Made by book/_ext/styles.py of the styles of Sphinx, Bootstrap and the book's themes; MIT and BSD. */\n"
LINK = re.compile(
    r'<link\b(?=[^>]*\brel="stylesheet")[^>]*?\bhref="([^"?]+)[^"]*"[^>]*>\s*'
)
IMPORT = re.compile(r"""@import\s+(?:url\()?["']([^"']+)["']\)?\s*;""")
ADDRESS = re.compile(r"""url\(\s*["']?(?![a-z]+:|[#/])([^"')]+)["']?\s*\)""")
WORD = re.compile(r"[A-Za-z_][\w-]*")
VARIABLE = re.compile(r"--[\w-]+")
GROUPS = {"media", "supports", "layer", "container"}  # at-rules that hold rules
OPTIONS = {"is", "where", "has"}  # functions that want one of the selectors they list
# The theme's icons of pseudo-elements are glyphs of the icon font, which no page has (icons.py).
GLYPH = re.compile(r"--pst-icon-|--pst-breadcrumb-divider|--fa\b|[\ue000-\uf8ff]")
ICON_FONT = re.compile(r"--fa-font|Font Awesome|--_?fa-family")


class Names(HTMLParser):
    """The names that a selector can ask a page for: `tag`, `.class`, `#id`, `[attribute`."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        for name, value in attributes:
            self.names.add(f"[{name}")
            if name == "class":
                self.names |= {f".{one}" for one in (value or "").split()}
            if name == "id":
                self.names.add(f"#{value}")


def names_of(pages: list[str], scripts: list[str]) -> set[str]:
    """What pages have, and what their scripts may give them: any word in them may be any kind of name."""
    reader = Names()
    for page in pages:
        reader.feed(page)
    words = {word for text in scripts for word in WORD.findall(text)}
    marks = ("", ".", "#", "[")
    return reader.names | {mark + word for word in words for mark in marks}


# --- selectors ---
def split(tokens: list[Node]) -> Iterator[list[Node]]:
    """The selectors of a list, at its commas."""
    part: list[Node] = []
    for token in tokens:
        if token == ",":
            yield part
            part = []
        else:
            part.append(token)
    yield part


def possible(selector: list[Node], names: set[str]) -> bool:
    """Whether something with these `names` could match."""
    before = None
    for token in selector:
        asked = None
        if token.type == "ident" and before != ":":
            asked = f".{token.value}" if before == "." else token.lower_value
        elif token.type == "hash":
            asked = f"#{token.value}"
        elif token.type == "[] block":
            first = next((t for t in token.content if t.type == "ident"), None)
            asked = first and f"[{first.lower_value}"
        if asked and asked not in names:
            return False
        inner = token.type == "function" and token.lower_name in OPTIONS
        if inner and not any(possible(s, names) for s in split(token.arguments)):
            return False
        before = token if token.type == "literal" else None
    return True


def text_of(nodes: list[Node]) -> str:
    """CSS of these nodes, without comments and with no more white space than they need."""
    said = [node for node in nodes if node.type != "comment"]
    return re.sub(r"\s+", " ", tinycss2.serialize(said)).strip()


# --- rules: each a pair of its head and what it holds, declarations or rules ---
def declarations(content: list[Node]) -> list[tuple[str, str]]:
    """Names and values, without glyphs of the icon font."""
    found = tinycss2.parse_blocks_contents(
        content, skip_comments=True, skip_whitespace=True
    )
    pairs = []
    for node in found:
        if node.type != "declaration":
            raise ValueError(f"a style sheet nests rules: {node.serialize()[:80]}")
        value = text_of(node.value) + ("!important" if node.important else "")
        glyph = node.lower_name == "content" and GLYPH.search(value)
        font = node.lower_name.startswith("font") and ICON_FONT.search(value)
        if not (glyph or font):
            pairs.append((node.name, value))
    return pairs


def rules(css: str | list[Node], names: set[str]) -> list[tuple[str, list]]:
    """The rules of a sheet that are possible."""
    kept = []
    parsed = tinycss2.parse_rule_list(css, skip_comments=True, skip_whitespace=True)
    for rule in parsed:
        if rule.type == "error":
            raise ValueError(f"a style sheet is not sound: {rule.message}")
        if rule.type == "qualified-rule":
            asked = [s for s in split(rule.prelude) if possible(s, names)]
            head, body = ",".join(map(text_of, asked)), declarations(rule.content)
        else:
            head = f"@{rule.at_keyword} {text_of(rule.prelude)}".strip()
            if rule.lower_at_keyword in GROUPS and rule.content:
                body = rules(rule.content, names)
            elif rule.lower_at_keyword.endswith("keyframes"):
                body = text_of(rule.content)
            else:  # @font-face, @page; @import has been followed, @charset says nothing
                body = declarations(rule.content or [])
        if head and body:
            kept.append((head, body))
    return kept


def flat(kept: list[tuple[str, list]]) -> Iterator[tuple[str, str, str]]:
    """Each declaration with its rule's head."""
    for head, body in kept:
        if isinstance(body, str):
            yield head, "", body
        else:
            for name, inner in body:
                yield from (
                    [(head, name, inner)]
                    if isinstance(inner, str)
                    else flat([(name, inner)])
                )


def without_unused(kept: list[tuple[str, list]], elsewhere: str) -> list:
    """The rules without the variables, fonts and animations that neither they nor the text `elsewhere` use."""
    used, new = set(), set(VARIABLE.findall(elsewhere))
    defined: dict[str, set[str]] = {}
    for _, name, value in flat(kept):
        if name.startswith("--"):
            defined.setdefault(name, set()).update(VARIABLE.findall(value))
        else:
            new |= set(VARIABLE.findall(value))
    while new:
        used |= new
        new = set().union(*(defined.get(name, ()) for name in new)) - used
    values = " ".join(
        v
        for h, n, v in flat(kept)
        if not h.startswith("@font-face") and (n in used or not n.startswith("--"))
    )

    def clean(part: list) -> list:
        found = []
        for head, body in part:
            if head.startswith("@font-face"):
                family = dict(body).get("font-family", "").strip("\"'")
                body = body if family and family in values else []
            elif "keyframes" in head:
                body = body if head.split()[-1] in values else ""
            elif body and isinstance(body[0][1], str):
                body = [(n, v) for n, v in body if n in used or not n.startswith("--")]
            else:
                body = clean(body)
            if body:
                found.append((head, body))
        return found

    return clean(kept)


def written(kept: list) -> str:
    """The rules as CSS."""
    parts = []
    for head, body in kept:
        if not isinstance(body, str):
            plain = isinstance(body[0][1], str)
            body = ";".join(f"{n}:{v}" for n, v in body) if plain else written(body)
        parts.append(f"{head}{{{body}}}")
    return "\n".join(parts)


# --- files ---
def read(path: Path, home: Path) -> str:
    """A style sheet, with those that it imports; its addresses lead from the folder `home`."""
    text = path.read_text("utf-8")

    def moved(found: re.Match) -> str:
        return (
            f'url("{Path(os.path.relpath(path.parent / found[1], home)).as_posix()}")'
        )

    text = ADDRESS.sub(moved, text)
    return IMPORT.sub(lambda found: read(path.parent / found[1], home), text)


def pages(out: Path, builder: str = "html") -> dict[Path, Path]:
    """The pages of a build, each with the folder that its addresses lead from: singlehtml writes all from the root."""
    found = [p for p in sorted(out.rglob("*.html")) if "_static" not in p.parts]
    return {p: out if builder == "singlehtml" else p.parent for p in found}


def merge(out: Path, builder: str = "html") -> None:
    """Put one sheet in the place of all that the pages in `out` link to."""
    places = pages(out, builder)
    texts = {p: p.read_text("utf-8") for p in places}
    together, home = "\n".join(texts.values()), (out / SHEET).resolve()
    sheets: dict[Path, str] = {}  # in the order of their links, each with its medium
    for page, html in texts.items():
        for link in LINK.finditer(html):
            path = (places[page] / link[1]).resolve()
            if path != home and not path.name.startswith(APART):
                media = re.search(r'\bmedia="([^"]+)"', link[0])
                sheets[path] = media[1] if media else ""
    css = ""
    for path, media in sheets.items():
        text = read(path, home.parent)
        css += f"@media {media} {{{text}}}" if media else text
    if not css:
        return
    scripts = [
        p.read_text("utf-8")
        for p in home.parent.rglob("*.js")
        if p.name.startswith(APART) or p.name in together
    ]
    apart = [
        p.read_text("utf-8")
        for p in home.parent.glob("*.css")
        if p.name.startswith(APART)
    ]
    kept = rules(css, names_of(list(texts.values()), scripts))
    kept = without_unused(kept, "\n".join([together, *scripts, *apart]))
    home.write_text(NOTICE + written(kept), "utf-8")
    for page, html in texts.items():
        page.write_text(linked(html, places[page], sheets, home), "utf-8")


def linked(html: str, folder: Path, sheets: dict, home: Path) -> str:
    """The page `html`, whose addresses lead from `folder`, with a link to the one sheet at `home` where the first of those `sheets` was."""
    to = Path(os.path.relpath(home, folder.resolve())).as_posix()
    version = hashlib.sha256(home.read_bytes()).hexdigest()[:8]
    new = f'<link rel="stylesheet" href="{to}?v={version}">\n'

    def replaced(link: re.Match) -> str:
        nonlocal new
        if (folder / link[1]).resolve() not in sheets:
            return link[0]
        text, new = new, ""
        return text

    return LINK.sub(replaced, html)
