"""Letters as they are on number plates: strokes of our own for A-Z and 0-9, and a face is how they are drawn.

Plates are lettered by a few dies of one width and one weight, in hundreds of designs. So a face here is a handful of
numbers (width, weight, how round its corners are, how its strokes end) and, for each symbol, one of the forms in
FORMS; a random face is a design that nobody has seen. Agg, which comes with matplotlib, draws the strokes.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# Each form of a symbol is a line: `|` separates strokes, a space their corners. A corner is x,y: 0,0 top left, 1,1
# bottom right of the strokes' middle lines; `*` makes it round, as round as the face has it. The first form is plain.
FORMS: dict[str, tuple[str, ...]] = {
    "A": ("0,1 .5,0 1,1|.16,.68 .84,.68", "0,1 .4,0 .6,0 1,1|.14,.66 .86,.66", "0,1 0,0* 1,0* 1,1|0,.58 1,.58",
          "0,1 0,.3* .5,0* 1,.3* 1,1|0,.62 1,.62"),
    "B": ("0,.5 0,0 .94,0* .94,.48* 0,.48|.5,.48 1,.48* 1,1* 0,1 0,.4",
          "0,.5 0,0 1,0* 1,.5* .8,.5 1,.5* 1,1* 0,1 0,.4|0,.5 .8,.5"),
    "C": ("1,.27 1,0* 0,0* 0,1* 1,1* 1,.73", "1,0 .6,0 0,0* 0,1* .6,1 1,1", "1,.2 1,0* 0,0* 0,1* 1,1* 1,.8"),
    "D": ("0,.5 0,0 1,0* 1,1* 0,1 0,.4", ".15,0 .15,1|0,0 1,0* 1,1* 0,1"),
    "E": ("1,0 0,0 0,1 1,1|0,.49 .85,.49", "1,0 0,0 0,1 1,1|0,.49 1,.49"),
    "F": ("1,0 0,0 0,1|0,.49 .85,.49", "1,0 0,0 0,1|0,.55 .7,.55"),
    "G": ("1,.27 1,0* 0,0* 0,1* 1,1* 1,.55 .55,.55", "1,.2 1,0* 0,0* 0,1* 1,1* 1,.52 .6,.52",
          "1,0 0,0* 0,1* 1,1 1,.5 .5,.5", "1,.27 1,0* 0,0* 0,1* .8,1* 1,.75|1,1 1,.55 .55,.55"),
    "H": ("0,0 0,1|1,0 1,1|0,.49 1,.49",),
    "I": (".5,0 .5,1", ".5,0 .5,1|.15,0 .85,0|.15,1 .85,1", ".5,1 .5,0 .2,0|.2,1 .8,1"),
    "J": ("1,0 1,1* 0,1* 0,.7", ".3,0 .9,0 .9,1* 0,1* 0,.72", "1,0 1,1* .2,1* 0,.85", ".45,0 1,0|.8,0 .8,1* 0,1"),
    "K": ("0,0 0,1|1,0 0,.6|.3,.42 1,1", "0,0 0,1|1,0 .12,.5 1,1|0,.5 .12,.5",
          "0,0 0,1|.95,0 .95,.2* .5,.48* 0,.48|.5,.48 1,.65* 1,1"),
    "L": ("0,0 0,1 1,1",),
    "M": ("0,1 0,0 .5,.62 1,0 1,1", "0,1 0,0 .5,1 1,0 1,1", "0,1 0,0 .5,.42 1,0 1,1", "0,1 .1,0 .5,.8 .9,0 1,1",
          "0,1 0,0* 1,0* 1,1|.5,0 .5,.8"),
    "N": ("0,1 0,0 1,1 1,0", "0,1 0,.02 .12,.02 .88,.98 1,.98 1,0"),
    "O": (".5,0 1,0* 1,1* 0,1* 0,0* .5,0",),
    "P": ("0,1 0,0 1,0* 1,.54* 0,.54", "0,1 0,0 1,0* 1,.48* 0,.48", "0,1 0,0 1,0* 1,.58* .25,.58"),
    "Q": (".5,0 1,0* 1,1* 0,1* 0,0* .5,0|.58,.72 1.04,1.08", ".5,0 1,0* 1,1* 0,1* 0,0* .5,0|.5,.8 .8,1.12 1,1.12",
          ".5,0 1,0* 1,1* 0,1* 0,0* .5,0|.75,.85 .9,1.18", ".5,0 1,0* 1,1* 0,1* 0,0* .5,0|.6,.66 1,1"),
    "R": ("0,1 0,0 1,0* 1,.53* 0,.53|.45,.53 1,1", "0,1 0,0 1,0* 1,.5* 0,.5|.5,.5 1,.55* 1,1",
          "0,1 0,0 1,0* 1,.55* .2,.55|.6,.55 1,1", "0,1 0,0 1,0* 1,.5* 0,.5|.2,.5 1,1"),
    "S": ("1,.25 1,0* 0,0* 0,.48* 1,.48* 1,1* 0,1* 0,.75", "1,.22 1,0* 0,0* 0,.4* 1,.58* 1,1* 0,1* 0,.78",
          "1,0 0,0* 0,.48* 1,.48* 1,1* 0,1", ".95,.1 .8,0* 0,0* 0,.46* 1,.5* 1,1* .2,1* 0,.9"),
    "T": ("0,0 1,0|.5,0 .5,1",),
    "U": ("0,0 0,1* 1,1* 1,0",),
    "V": ("0,0 .5,1 1,0", "0,0 .42,1 .58,1 1,0", "0,0 0,.45* .5,1* 1,.45* 1,0"),
    "W": ("0,0 .24,1 .5,.2 .76,1 1,0", "0,0 0,1 .5,.38 1,1 1,0", "0,0 .22,1 .5,0 .78,1 1,0",
          "0,0 0,1* .5,1* .5,.25|.5,1* .5,.9 .5,1* 1,1* 1,0", "0,0 .15,1 .5,.5 .85,1 1,0"),
    "X": ("0,0 1,1|1,0 0,1", "0,0 0,.15 1,.85 1,1|1,0 1,.15 0,.85 0,1"),
    "Y": ("0,0 .5,.5 1,0|.5,.5 .5,1", "0,0 0,.5* .5,.55 1,.5* 1,0|.5,.55 .5,1", "0,0 .5,.6 1,0|.5,.6 .5,1"),
    "Z": ("0,0 1,0 0,1 1,1", "0,0 1,0 1,.1 0,.9 0,1 1,1", "0,0 1,0 0,1 1,1|.2,.5 .8,.5"),
    "0": (".5,0 1,0* 1,1* 0,1* 0,0* .5,0", ".5,0 1,0* 1,1* 0,1* 0,0* .5,0", ".5,0 1,0* 1,1* 0,1* 0,0* .5,0",
          ".78,0 0,0* 0,1* 1,1* 1,.16", ".5,0 1,0* 1,1* 0,1* 0,0* .5,0|.82,.2 .18,.8"),
    "1": (".5,1 .5,0 .1,.26", ".5,0 .5,1", ".5,1 .5,0 .1,.2|.1,1 .9,1", ".5,1 .5,0 .15,.05", ".6,1 .6,0 .1,.35",
          ".5,1 .5,0 .2,0"),
    "2": ("0,.27 0,0* 1,0* 1,.4* 0,1 1,1", "0,.25 0,0* 1,0* 1,.48* 0,.55* 0,1 1,1",
          "0,.22 0,0* 1,0* 1,.45* .1,.9 0,1 1,1", "0,0 1,0* 1,.5* 0,.5* 0,1 1,1"),
    "3": ("0,.23 0,0* 1,0* 1,.47* .4,.47|.4,.47 1,.47* 1,1* 0,1* 0,.77", "0,0 1,0 .45,.4 1,.42* 1,1* 0,1* 0,.77",
          "0,0 1,0* 1,.48* .3,.48|.6,.48 1,.48* 1,1* 0,1", "0,0 .9,0 .4,.42 1,.45* 1,1* 0,1* 0,.85"),
    "4": (".75,1 .75,0 0,.7 1,.7", "0,0 0,.6 1,.6|.8,.3 .8,1", ".8,1 .8,0 .6,0 0,.72 1,.72",
          ".45,0 0,.72 1,.72|.75,.4 .75,1", "0,0 0,.55 .9,.55|.9,0 .9,1"),
    "5": (".94,0 .06,0 .02,.46 .25,.38* 1,.38* 1,1* 0,1* 0,.77", "1,0 0,0 0,.43 .6,.43 1,.43* 1,1* 0,1* 0,.77",
          "1,0 0,0 0,.45 1,.45* 1,1* 0,1", ".9,0 .1,0 0,.5 1,.4* 1,1* 0,1* 0,.8"),
    "6": ("1,.24 1,0* 0,0* 0,1* 1,1* 1,.43* 0,.43* 0,.7", ".8,0 0,.5* 0,1* 1,1* 1,.42* 0,.42* 0,.7",
          ".9,0 .5,0 0,0* 0,1* 1,1* 1,.45* 0,.45", ".75,0 .05,.6* 0,1* 1,1* 1,.45* .25,.45"),
    "7": ("0,0 1,0 .35,1", "0,0 1,0 1,.15* .4,.55* .35,1", "0,.15 0,0 1,0 .3,1", "0,0 1,0 .4,1|.35,.5 .85,.5"),
    "8": (".5,.47 .05,.47* .05,0* .95,0* .95,.47* .5,.47 0,.47* 0,1* 1,1* 1,.47* .5,.47",
          ".5,.5 0,.5* 0,0* 1,0* 1,.5* .5,.5 0,.5* 0,1* 1,1* 1,.5* .5,.5",
          "1,.2 1,0* 0,0* 0,.35* 1,.6* 1,1* 0,1* 0,.6* 1,.35* 1,.15"),
    "9": ("0,.76 0,1* 1,1* 1,0* 0,0* 0,.57* 1,.57* 1,.3", ".2,1 1,.5* 1,0* 0,0* 0,.58* 1,.58* 1,.3",
          ".1,1 .5,1 1,1* 1,0* 0,0* 0,.55* 1,.55", ".25,1 .95,.4* 1,0* 0,0* 0,.55* .75,.55"),
}  # fmt: skip
WIDTHS = {"1": 0.6, "I": 0.35, "M": 1.2, "W": 1.3, "J": 0.85, "L": 0.9, "E": 0.92, "F": 0.9}  # the others: 1
BENDS = 5  # straight pieces of a round corner
CROWDED = 0.85  # thickness of the strokes of M and W, which have many side by side
KAPPA = 0.5523  # of the cubic curve that is nearest to a quarter of a circle

Point = tuple[float, float]
Corner = tuple[float, float, bool]  # and whether it is to be round


@dataclass(frozen=True)
class Stencil:
    """A drawn face. Lengths are parts of the height of a capital, measured at its outside."""

    width: float  # of most symbols
    weight: float  # thickness of its strokes
    corner: float  # radius of round corners across, 0 for square ones; up to half the width of an O
    upright: float  # how much taller than wide a round corner is
    cap: str  # how strokes end: butt, round or projecting
    join: str  # their sharp corners: miter, round or bevel
    contrast: float  # thickness of upright strokes against level ones
    serif: float  # length of serifs to each side of a stroke, 0 without
    even: bool  # whether each symbol is as wide as any other, as on plates with a fixed grid
    forms: tuple[int, ...]  # which form of each of SYMBOLS, counted round

    def widths(self, text: str) -> list[float]:
        """How wide the symbols of `text` are, in heights of a capital. A narrow one has no less than its stroke."""
        least = self.weight * self.contrast * 1.05
        return [max(least, self.width * (self._narrow(symbol) or WIDTHS.get(symbol, 1.0))) for symbol in text]

    def _narrow(self, symbol: str) -> float:
        """The width of an I or 1 that is drawn with a foot or a bar, else 0."""
        form = FORMS[symbol][self._form(symbol)]
        return 0.7 if symbol in "I1" and ("|" in form or self.serif) else 0.0

    def _form(self, symbol: str) -> int:
        return self.forms[SYMBOLS.index(symbol)] % len(FORMS[symbol])

    def draw(self, text: str, lefts: list[float], widths: list[float], cap: float, shape: tuple[int, int],
             top: float) -> np.ndarray:  # fmt: skip
        """`text` as ink (h, w) uint8: each symbol at its left edge and as wide as given, in pixels, `cap` high from row
        `top`. Where they are squeezed below the face's own widths, strokes grow thinner too."""
        h, w = shape
        ratio = sum(widths) / (cap * sum(self.widths(text)))
        full = max(1.2, self.weight * cap * min(1.0, 0.3 + 0.7 * ratio))
        page = self._page(h, w)
        for thick in (full, CROWDED * full):
            lines = []
            for symbol, left, width in zip(text, lefts, widths, strict=True):
                if (symbol in "MW") == (thick < full):
                    x, y, across, down = left / self.contrast, top, width / self.contrast, cap
                    lines += self._lines(symbol, (x, y, across, down), thick)
            self._pull(page, lines, thick)
        return self._ink(page, h, w)

    def _lines(self, symbol: str, box: tuple[float, float, float, float], thick: float) -> list[list[Point]]:
        """The strokes' middle lines, their ink within `box`: left, top, width, height."""
        left, top, width, height = box
        across, down = max(width - thick, 0.01), height - thick
        radius = self.corner * width, self.corner * self.upright * width
        result = []
        for stroke in self._strokes(symbol):
            line = _rounded([(x * across, y * down, bent) for x, y, bent in stroke], *radius, 0.2 * thick)
            result.append([(left + thick / 2 + x, top + thick / 2 + y) for x, y in line])
        return result

    def _strokes(self, symbol: str) -> list[list[Corner]]:
        form = FORMS[symbol][self._form(symbol)]
        strokes = _parsed(form)
        if not self.serif:
            return strokes
        feet = []
        for stroke in strokes:
            for (x, y, _), (near, _, _) in ((stroke[0], stroke[1]), (stroke[-1], stroke[-2])):
                if y in (0, 1) and abs(near - x) < 0.6:  # no serif at the end of a bar
                    feet.append([(max(x - self.serif, 0), y, False), (min(x + self.serif, 1), y, False)])
        return strokes + feet

    def _page(self, h: int, w: int):  # noqa: ANN202
        """What is drawn on: narrower than the ink, which is then spread, where upright strokes are to be thicker."""
        from matplotlib.backends.backend_agg import RendererAgg  # takes half a second to import

        return RendererAgg(max(1, math.ceil(w / self.contrast)), h, 72)

    def _pull(self, page, lines: list[list[Point]], thick: float) -> None:  # noqa: ANN001
        from matplotlib.backend_bases import GraphicsContextBase
        from matplotlib.path import Path
        from matplotlib.transforms import Affine2D

        if not lines:
            return
        pen = GraphicsContextBase()
        pen.set_linewidth(thick)
        pen.set_capstyle(self.cap)
        pen.set_joinstyle(self.join)
        pen.set_foreground((1, 1, 1, 1), isRGBA=True)
        pen.set_snap(False)
        codes = [code for line in lines for code in (Path.MOVETO, *[Path.LINETO] * (len(line) - 1))]
        path = Path([point for line in lines for point in line], codes)
        page.draw_path(pen, path, Affine2D().scale(1, -1).translate(0, page.height))

    def _ink(self, page, h: int, w: int) -> np.ndarray:  # noqa: ANN001
        ink = np.asarray(page.buffer_rgba())[..., 3]
        if ink.shape[1] == w:
            return ink.copy()
        spread = Image.fromarray(ink).resize((round(ink.shape[1] * self.contrast), h), Image.Resampling.BILINEAR)
        result = np.zeros((h, w), np.uint8)
        result[:, : spread.width] = np.asarray(spread)[:, :w]
        return result


@lru_cache(maxsize=256)
def _parsed(form: str) -> list[list[Corner]]:
    result = []
    for stroke in form.split("|"):
        corners = [corner.split(",") for corner in stroke.split()]
        result.append([(float(x), float(y.rstrip("*")), y.endswith("*")) for x, y in corners])
    return result


def _rounded(line: list[Corner], across: float, down: float, flat: float) -> list[Point]:
    """`line` with a curve for each corner that is to be round, within half of each side; tips of M and V are flat."""
    result = [line[0][:2]]
    for (ax, ay, was), (x, y, bent), (bx, by, will) in zip(line, line[1:], line[2:], strict=False):
        if not bent:
            steep = (y - ay) * (y - by) > 0 and abs(y - ay) > abs(x - ax) and abs(y - by) > abs(x - bx)
            side = math.copysign(flat, bx - ax) if steep else 0.0
            result += [(x - side, y), (x + side, y)] if steep else [(x, y)]
            continue
        ends = []
        for px, py, shared in ((ax, ay, was), (bx, by, will)):
            dx, dy = px - x, py - y
            length = math.hypot(dx, dy) or 1e-6
            cut = 1 / math.hypot(dx / length / max(across, 1e-6), dy / length / max(down, 1e-6))
            part = min(cut / length, 0.5 if shared else 1.0)
            ends.append((dx * part, dy * part))
        (ux, uy), (vx, vy) = ends
        for i in range(BENDS + 1):
            t = i / BENDS
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            p, q = a + b * (1 - KAPPA), d + c * (1 - KAPPA)
            result.append((x + ux * p + vx * q, y + uy * p + vy * q))
    return [*result, line[-1][:2]]


def random_stencil(rng: np.random.Generator) -> Stencil:
    """A face of its own: mostly of plain forms, at times (as the German FE-Schrift) of odd ones."""
    plain = rng.random() < 0.45
    odd = rng.random(len(SYMBOLS)) < (0.12 if plain else 0.6)
    picks = (rng.random(len(SYMBOLS)) * 60).astype(int)
    chance = rng.random()
    corner = 0.5 if chance < 0.45 else rng.uniform(0.2, 0.5) if chance < 0.9 else rng.uniform(0, 0.2)
    cap = "butt" if rng.random() < 0.5 else "round"
    width = rng.uniform(0.4, 0.7) if rng.random() < 0.8 else rng.uniform(0.34, 0.9)
    weight = rng.uniform(0.11, 0.19) if rng.random() < 0.85 else rng.uniform(0.07, 0.24)
    return Stencil(
        width=width,
        weight=min(weight, 0.33 * width),
        corner=corner,
        upright=1.0 if rng.random() < 0.6 else rng.uniform(0.8, 2.0),
        cap=cap,
        join="round" if cap == "round" or rng.random() < 0.3 else "miter",
        contrast=1.0 if rng.random() < 0.6 else rng.uniform(0.75, 1.3),
        serif=rng.uniform(0.15, 0.3) if rng.random() < 0.06 else 0.0,
        even=rng.random() < 0.4,
        forms=tuple(np.where(odd, picks, 0).tolist()),
    )
