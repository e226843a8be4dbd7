"""The face of the formulas, made again: `python bench/tools/mathfont.py NewCompModMath.woff2` (needs `brotli`).

The source is New Computer Modern Math Book 4.0 (GUST Font License), 740 kB, of which pages get the characters below and
what their sizes need: https://github.com/ronkok/Temml/raw/1fd377126bd2f5de19b55fb0966c7b94cd8f2e8b/site/assets/ and
the name above. A formula with a character that is not here fails a test; add it and run this again. Three things are
changed, because browsers do not agree on what the font leaves to them:

- only what must grow has larger shapes;
- the prime is the one that is drawn for superscripts, which Chromium and WebKit would not choose;
- subscripts of letters with a tail (p, β, γ) hang no lower than others, as in TeX.
"""

import hashlib
import sys
import unicodedata
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

OUT = Path(__file__).resolve().parents[2] / "book" / "_ext" / "mathml" / "formulas.woff"
SHA256 = "bbba2b9d8a1a11237ecb8ae9e984566a27265514d6820fd6eb89310f6452acea"
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
GREEK = "αβγδεζηθικλμνξοπρστυφχψω∂"
GROWING = "()[]|∣⌊⌋√∑∏"
REST = "0123456789+,-./:;<=>ˆ·±′→−∞≤≥⊙⋅⋯ℓℬ \u00a0"
DROP = 50  # thousandths of an em from a letter's lowest point to its subscript's baseline; 200 in the source


def slanted(text: str) -> str:
    """The letters that browsers show for single letters in `<mi>`."""
    slanted = map(chr, (*range(0x1D434, 0x1D468), *range(0x1D6FC, 0x1D716)))
    shapes = {unicodedata.normalize("NFKC", c): c for c in slanted} | {"h": "ℎ"}
    return "".join(shapes[c] for c in text)


CHARACTERS = LATIN + slanted(LATIN + GREEK) + GROWING + REST


def superscript_prime(font: TTFont) -> str:
    """The glyph that the font's feature `ssty` puts in the place of a prime."""
    table, prime = font["GSUB"].table, font.getBestCmap()[ord("′")]
    (lookup,) = {
        i
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "ssty"
        for i in record.Feature.LookupListIndex
    }
    return table.LookupList.Lookup[lookup].SubTable[0].alternates[prime][0]


def adapt(font: TTFont) -> None:
    """The three changes."""
    prime = superscript_prime(font)
    growing = {font.getBestCmap()[ord(c)] for c in GROWING}
    for table in font["cmap"].tables:
        table.cmap[ord("′")] = prime
    math = font["MATH"].table
    math.MathConstants.SubscriptBaselineDropMin.Value = DROP
    variants = math.MathVariants
    kept = [i for i, name in enumerate(variants.VertGlyphCoverage.glyphs) if name in growing]
    variants.VertGlyphCoverage.glyphs = [variants.VertGlyphCoverage.glyphs[i] for i in kept]
    variants.VertGlyphConstruction = [variants.VertGlyphConstruction[i] for i in kept]
    variants.VertGlyphCount = len(kept)
    variants.HorizGlyphCoverage, variants.HorizGlyphConstruction, variants.HorizGlyphCount = None, [], 0
    for record in font["name"].names:  # a changed font has another name
        if record.nameID in (1, 4, 6):
            record.string = "CRNNFormulas"


def main(source: Path) -> None:
    if hashlib.sha256(source.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{source} is not the font that this was written for: {SHA256}")
    font = TTFont(source)
    adapt(font)
    options = subset.Options(layout_features=[], hinting=False, name_IDs=[0, 1, 2, 4, 6])
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "FFTM", "meta"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=CHARACTERS)
    subsetter.subset(font)
    font.flavor = "woff"  # not woff2: without brotli it is read, and built into pages, by what is installed anyway
    font.save(OUT)
    print(f"{OUT}: {OUT.stat().st_size} bytes, {len(font.getGlyphOrder())} glyphs")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
