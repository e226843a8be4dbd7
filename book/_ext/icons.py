"""The theme's icons as small drawings in the page, instead of fonts of 150 kB for some fifteen of them.

The shapes are those of Font Awesome Free (https://fontawesome.com, CC BY 4.0), read from the copy that the theme brings.
"""

import functools
import re
from pathlib import Path

import pydata_sphinx_theme

SHAPES = (
    Path(pydata_sphinx_theme.__file__).parent
    / "theme/pydata_sphinx_theme/static/scripts/fontawesome.js"
)
PLACE = re.compile(r'(<(i|span) class="[^"]*\bfa-[^"]*"[^>]*>)\s*(?=</\2>)')


@functools.cache
def shapes() -> dict[str, str]:
    """By name, each solid icon as `<svg>`. The script holds its families one after the other, the solid one last."""
    text = SHAPES.read_text("utf-8")
    pattern = r'[{,]"?([a-z0-9-]+)"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]'
    return {
        name: f'<svg viewBox="0 0 {width} {height}" aria-hidden="true"><path d="{path}"/></svg>'
        for name, width, height, path in re.findall(pattern, text)
    }


def draw(html: str) -> str:
    """The page `html` with a drawing in each element that the icon font would have filled."""

    def fill(place: re.Match) -> str:
        names = re.findall(r"\bfa-([a-z0-9-]+)", place[1])
        return place[1] + next((shapes()[n] for n in names if n in shapes()), "")

    return PLACE.sub(fill, html)
