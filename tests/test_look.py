"""One look: the widgets' colours are variables of one style sheet, which is read in the light and in the dark."""

import re

import pytest
from places import ROOT

from crnn_lib.tools import figures

WIDGETS = ROOT / "crnn_lib" / "widgets"
SHEET = WIDGETS / "page" / "look.css"
NUMBERS = WIDGETS / "page" / "colours.js"  # numbers as colours: the palettes of maps
FILES = sorted(path for path in WIDGETS.glob("*/*") if path.suffix in {".css", ".js"})
OTHERS = [path for path in FILES if path not in {SHEET, NUMBERS}]
NAMED = "white|black|red|green|blue|orange|yellow|purple|brown|pink|silver|navy|teal"
FUNCTIONS = r"\b(?:rgba?|hsla?|hwb|oklch|oklab|lch|color)\("
LITERAL = re.compile(rf"#(?:[0-9a-f]{{8}}|[0-9a-f]{{6}}|[0-9a-f]{{3,4}})\b|{FUNCTIONS}|[\"':\s](?:{NAMED})[\"';]", re.I)
COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*|\s// [^\n]*", re.DOTALL | re.MULTILINE)
DARK = ':is(html[data-theme="dark"], [data-jp-theme-light="false"])'
TEXT = ("ink", "quiet", "here-text", "blank-text", "sure", "unsure", "wrong", "idle", "thinking")
DRAWN = ("here", "blank", "edge", "first", "second")


def text(path):
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


def variables(css):
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", css))


def look(theme):
    """The variables of the look, resolved against the book's own, in a theme."""
    light, dark = text(SHEET).split(DARK)
    house = (ROOT / "book" / "_static" / "house.css").read_text(encoding="utf-8")
    page = variables(house.split(f'html[data-theme="{theme}"]')[1].split("}")[0])
    found = page | variables(light) | (variables(dark.split("}")[0]) if theme == "dark" else {})

    def resolved(value):
        name = re.match(r"var\(--([\w-]+)", value)
        return resolved(found[name[1]]) if name and name[1] in found else value

    return {name.removeprefix("crnn-"): resolved(value) for name, value in found.items()}


def luminance(colour):
    digits = colour.removeprefix("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_no_colour_stands_outside_of_the_look(path):
    assert LITERAL.findall(text(path)) == []


def test_a_colour_that_stood_outside_would_be_seen():
    for colour in ("#fff", "#1f2933", "rgb(1 2 3)", "rgba(0, 0, 0, 0.5)", '"white"', "color: black;", "oklch(0.5 0 0)"):
        assert LITERAL.search(f"x {{ {colour} }}"), colour


def test_each_variable_that_is_named_is_one_and_each_one_is_named():
    everything = {path: text(path) for path in FILES}
    defined = {name for name in variables(everything[SHEET]) if name.startswith("crnn-")}
    named = {name for css in everything.values() for name in re.findall(r"var\(--(crnn-[\w-]+)", css)}
    read = {f"crnn-{name}" for js in everything.values() for name in re.findall(r"lookOf\([\w.]+, \"([\w-]+)\"\)", js)}
    others = "".join(css for path, css in everything.items() if path != SHEET)
    given = set(re.findall(r"--(crnn-[\w-]+)(?=:|\", )", others))
    assert given & defined == set()
    assert (named | read) - defined - given == set()
    assert defined - named - read == {"crnn-theme"} - read


def test_the_dark_changes_only_what_there_is_and_all_states_have_a_colour():
    light, dark = text(SHEET).split(DARK)
    assert set(variables(dark.split("}")[0])) <= set(variables(light))
    assert len({look("light")[state] for state in ("sure", "unsure", "wrong")}) == 3
    assert {look("light")[name] for name in ("idle", "thinking")} == {look("light")["quiet"]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_marks_are_seen(theme):
    colours = look(theme)
    for ground in ("ground", "paper"):
        for names, least in ((TEXT, 4.5), (DRAWN, 3)):
            weak = {name: contrast(colours[name], colours[ground]) for name in names}
            assert {name: value for name, value in weak.items() if value < least} == {}, ground


def test_two_of_a_kind_have_the_colours_of_the_figures():
    colours = look("light")
    assert [colours["first"], colours["second"]] == [figures.BLUE, figures.PURPLE]
    assert colours["ink"] == figures.INK
