"""Which font faces lines are printed in, and which of them no training run may see.

`wheels` gives those that every installation has: matplotlib's DejaVu (Bitstream Vera licence) and STIX (SIL Open Font
Licence, OFL), and six packages of PyPI: Source Sans Pro, Source Serif Pro, Hanken Grotesk and Manrope (OFL), Caladea
(Apache 2.0), and `pymupdf-fonts` with Cascadia Mono, Fira, Noto Sans and Space Mono (OFL) and Ubuntu (Ubuntu Font
Licence). More for training come from Debian's packages, all of them free (`apt install` with the names in DEBIAN):
`find` looks for them where fonts are installed.

A fifth of the families is held out: no run may print in them, so that they can judge it. What a person would call
the same design stays together, whatever its name and weight: Times is Nimbus Roman, Tinos and STIX too. Which designs
are held out was decided by a hash before the first training run.
"""

import hashlib
import importlib.util
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from PIL import ImageFont

from crnn_lib.errors import UserError

PRINTABLE = "".join(map(chr, range(32, 127)))  # what every face has: 95 characters
SYSTEM = Path("/usr/share/fonts")  # where Debian's packages put fonts
WHEELS = ("font-caladea", "font-hanken-grotesk", "font-manrope", "font-source-sans-pro", "font-source-serif-pro")
BUNDLE = "pymupdf-fonts"  # holds each font as the bytes of a module
BUNDLED = tuple(
    f"{family}_{style}"
    for family, styles in {
        "CascadiaMono": "Regular Italic Bold BoldItalic",
        "FiraGO": "Regular Italic Bold BoldItalic",
        "FiraMono": "Regular Bold",
        "NotoSans": "Regular Italic Bold BoldItalic",
        "SpaceMono": "Regular Italic Bold BoldItalic",
        "Ubuntu": "Regular Italic Bold BoldItalic",
        "UbuntuMono": "Regular Italic Bold BoldItalic",
    }.items()
    for style in styles.split()
)
DEBIAN = """
fonts-adf-accanthis fonts-adf-baskervald fonts-adf-berenis fonts-adf-gillius fonts-adf-libris fonts-adf-romande
fonts-adf-switzera fonts-adf-tribun fonts-adf-universalis fonts-anonymous-pro fonts-arapey fonts-averia-serif-gwf
fonts-cantarell fonts-cardo fonts-century-catalogue fonts-clear-sans fonts-cmu fonts-croscore fonts-crosextra-caladea
fonts-dejavu-extra fonts-ebgaramond fonts-elstob fonts-fanwood fonts-firacode fonts-freefont-ttf fonts-gfs-artemisia
fonts-gfs-didot fonts-gfs-neohellenic fonts-go fonts-hack fonts-inconsolata fonts-inter fonts-jetbrains-mono
fonts-junicode fonts-karla fonts-liberation fonts-linuxlibertine fonts-lmodern fonts-manrope fonts-mononoki
fonts-noto-core fonts-ocr-b fonts-oldstandard fonts-open-sans fonts-oxygen fonts-paratype fonts-play fonts-prociono
fonts-quattrocento fonts-roboto-slab fonts-roboto-unhinted fonts-sil-andika fonts-sil-charis fonts-sil-gentium-basic
fonts-sil-gentiumplus fonts-sora fonts-texgyre fonts-tlwg-typewriter-ttf fonts-tuffy fonts-urw-base35 fonts-vollkorn
fonts-yanone-kaffeesatz fonts-yrsa-rasa
"""

# One design under several names: a family belongs to the first whose pattern begins its name, else to itself.
DESIGNS = {
    "Bookman": "URW Bookman|Bookman|TeX Gyre Bonum",
    "Cambria": "Caladea|Cambria",
    "Century Schoolbook": "C059|Century|TeX Gyre Schola",
    "Charter": "Charis|Bitstream Charter",
    "Computer Modern": "CMU|Latin Modern|LM|cm",
    "Courier": "Cousine|FreeMono|Liberation Mono|Nimbus Mono|TeX Gyre Cursor|Tlwg",
    "DejaVu": "DejaVu|Bitstream Vera|Hack|Verana",
    "Didot": "GFS Didot",
    "Fira": "Fira",
    "Garamond": "EB Garamond|Garamond|Cormorant",
    "Helvetica": "Arimo|FreeSans|Helvetica|Liberation Sans|Nimbus Sans|TeX Gyre Heros|Arial|Switzera",
    "Palatino": "P052|TeX Gyre Pagella|Palatino",
    "Noto": "Noto|Open Sans|Droid",  # Open Sans and Noto Sans are one drawing
    "Times": "FreeSerif|Liberation Serif|Nimbus Roman|STIX|TeX Gyre Termes|Tinos|Times|Tribun",
    **{
        name: name
        for name in (
            "Accanthis", "Anonymous Pro", "Arapey", "Baskervald", "Berenis", "Clear Sans", "Fanwood", "Gentium",
            "Gillius", "Go", "Inter", "Junicode", "Linux", "Oxygen", "PT", "Roboto", "Romande", "Source", "Ubuntu",
        )
    },
    "Yrsa": "Yrsa|Rasa",
}  # fmt: skip
JUDGES = r"Lato|Carlito|Cabin|Calibri"  # they are kept for judging alone; Carlito is Lato, drawn to Calibri's widths
NO_TEXT = (  # symbols, mathematics, script, capitals for small letters, outlines, hairlines; then two glyphs alike
    r"Symbol|Dingbat|D050000L|Last Resort|Math\b|^cm|Keyboard|NonUni|STIXSiz|Emoji|Z003|Chorus|Script|Caps\b|Smallcaps"
    r"|Unslanted|Upright Italic|Dunhill|Inverted|Outline|Sharp|Thin|Extra ?Light|Ultra ?Light|Hairline"
    r"|Romande ADF Style|Classical Serif|Yanone Kaffeesatz Light|Quotation|Noto Serif Display"
    r"|Accanthis ADF Std No3|Adventor|B612|Courier Prime|Dosis|Essays1743|Goudy Bookletter|Linden Hill|URW Gothic"
)
SALT = 1  # the first by which both sides have serif, sans and mono, and training Times, Helvetica and Courier
HELD_OUT = 0.2  # of the designs


@dataclass(frozen=True)
class Face:
    """One style of a family: a font file, or a module of BUNDLE."""

    family: str
    style: str
    source: str

    @property
    def design(self) -> str:
        """What the families that look alike have in common: a key of DESIGNS, or the family's own name."""
        return next(
            (name for name, begin in DESIGNS.items() if re.match(rf"(?:{begin})(?![a-z])", self.family)), self.family
        )

    @property
    def held_out(self) -> bool:
        """Whether training must not see it."""
        return _share(self.design) < HELD_OUT

    def font(self, size: int) -> ImageFont.FreeTypeFont:
        """The face at `size` pixels per em, without shaping: that would depend on the installed libraries."""
        return _font(self.source, size)

    @property
    def mono(self) -> bool:
        """Whether every character is as wide as any other."""
        font = self.font(64)
        return font.getlength("i") == font.getlength("M")

    def has(self, characters: str) -> bool:
        """Whether it has a glyph for each of `characters`."""
        return set(map(ord, characters)) <= _charmap(self.source)


def wheels() -> list[Face]:
    """The faces that come with the Python packages of this project. Raises UserError where one is not installed."""
    import matplotlib  # only for its fonts' folder

    folders = [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
    for package in (*WHEELS, BUNDLE):
        spec = importlib.util.find_spec(package.replace("-", "_"))
        if not spec or not spec.submodule_search_locations:
            raise UserError(f"the fonts of {package} are not installed: pip install {' '.join((*WHEELS, BUNDLE))}")
        folders.append(Path(spec.submodule_search_locations[0]))
    return _sorted([*_files(folders), *(f"{BUNDLE.replace('-', '_')}.{name}" for name in BUNDLED)])


def find(folders: Iterable[str | Path]) -> list[Face]:
    """The faces of the font files below `folders` that have every printable ASCII character, by family and style.

    Raises UserError when there is none.
    """
    folders = [Path(folder) for folder in folders]
    found = _sorted(_files(folders))
    if not found:
        raise UserError(f"no font with all printable ASCII characters is in {', '.join(map(str, folders))}")
    return found


def joined(*lists: Sequence[Face]) -> list[Face]:
    """Several lists in one; of a face in more than one of them the first stays."""
    first = {}
    for face in (face for faces in lists for face in faces):
        first.setdefault((face.family, face.style), face)
    return [first[key] for key in sorted(first)]


def _share(design: str) -> float:
    """A number in 0..1 that identifies the design: the same everywhere and always."""
    return int.from_bytes(hashlib.sha256(f"{SALT} {design}".encode()).digest()[:6]) / 2**48


def _files(folders: Sequence[Path]) -> list[str]:
    return [
        str(path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in (".ttf", ".otf") and path.is_file()
    ]


def _sorted(sources: Sequence[str]) -> list[Face]:
    faces = (_face(source) for source in sources)
    return joined([face for face in faces if face])


def _face(source: str) -> Face | None:
    """The face of a font, or None where it is broken, lacks a character, or is not a face for text."""
    try:
        font = _ft2(source)
    except (OSError, RuntimeError):
        return None
    names = font.get_sfnt()
    family, style = (
        _name(names, preferred) or _name(names, plain) or fallback
        for preferred, plain, fallback in ((16, 1, font.family_name), (17, 2, font.style_name))
    )
    full = f"{family} {style}"
    if not family or re.search(rf"{NO_TEXT}|{JUDGES}", full) or re.search(JUDGES, Path(source).stem):
        return None
    return Face(family, style, source) if set(map(ord, PRINTABLE)) <= _charmap(source) else None


def _name(names: dict, number: int) -> str:
    """Name `number` of a font's table: Windows' in American English, else Macintosh's."""
    raw = names.get((3, 1, 0x409, number))
    return raw.decode("utf-16-be", "replace") if raw else names.get((1, 0, 0, number), b"").decode("latin-1")


def _bytes(source: str) -> str | io.BytesIO:
    """What a font is read from: its path, or the bytes of the module that holds it."""
    return source if Path(source).suffix in (".ttf", ".otf", ".TTF", ".OTF") else io.BytesIO(_module(source))


@lru_cache(maxsize=64)
def _module(source: str) -> bytes:
    return import_module(source).fontbuffer


def _ft2(source: str):  # noqa: ANN202
    from matplotlib.ft2font import FT2Font

    return FT2Font(_bytes(source))


@lru_cache(maxsize=4096)
def _charmap(source: str) -> frozenset[int]:
    return frozenset(_ft2(source).get_charmap())


@lru_cache(maxsize=256)  # an open font takes a quarter of a megabyte, and opening one a fraction of drawing a line
def _font(source: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_bytes(source), size, layout_engine=ImageFont.Layout.BASIC)
