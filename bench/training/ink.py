"""Ink for the training of the reader of drawn strokes: random hands that write training strings.

Glyphs (skeletons of our own, or real ink) are deformed as hands differ, composed into strings and rendered. They are
held as arrays (POINTS, 2), which any number of strokes from 1 to 4 or 6 divides evenly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crnn_lib.drawing import skeletons
from crnn_lib.drawing.pen import MARGIN, STEP, Stroke
from crnn_lib.drawing.skeletons import SYMBOLS
from crnn_lib.images import HEIGHT, SD_FLOOR, WIDTH

POINTS = 48  # of a packed glyph
_KIND = np.array([0 if s.isdigit() else 1 if s in "acemnorsuvwxz" else 2 if s in "gpqy" else 3 for s in SYMBOLS])
_TOP = {**dict.fromkeys(SYMBOLS, 9.0), **dict.fromkeys("0123456789bdfhkl", 0.0), "t": 2.0, "i": 4.0, "j": 4.0}
_BOTTOM = {**dict.fromkeys(SYMBOLS, 20.0), **dict.fromkeys("gjpqy", 28.0)}
TOPS, BOTTOMS = (np.array([of[s] / 20 - 1 for s in SYMBOLS]) for of in (_TOP, _BOTTOM))  # baseline 0, top of l -1


@dataclass(frozen=True)
class Glyphs:
    """Packed glyphs of many writers: `points` (G, POINTS, 2) float64, and by glyph: strokes, symbol, writer, scale.

    `symbol` indexes SYMBOLS, `writer` is any whole number, `scale` the height of that writer's `l` in ink units.
    """

    points: np.ndarray
    strokes: np.ndarray
    symbol: np.ndarray
    writer: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


def pack(glyphs: Sequence[tuple[int, str, Sequence[Stroke]]]) -> Glyphs:
    """(writer, symbol, strokes) of each glyph, resampled evenly along each stroke; y downwards, any units."""
    points, counts = zip(*(_resample(strokes) for _, _, strokes in glyphs), strict=True)
    symbol = np.array([SYMBOLS.index(s) for _, s, _ in glyphs])
    writer = np.array([w for w, _, _ in glyphs])
    points = np.stack(points)
    sizes = np.ptp(points[:, :, 1], 1) / (BOTTOMS - TOPS)[symbol]
    scale = np.zeros(len(writer))
    for w in np.unique(writer):
        scale[writer == w] = np.median(sizes[writer == w])
    return Glyphs(points, np.array(counts), symbol, writer, scale)


def _resample(strokes: Sequence[Stroke]) -> tuple[np.ndarray, int]:
    """One glyph's POINTS points, the same number on each stroke, and the number of strokes."""

    def length(stroke: Stroke) -> float:
        return float(np.hypot(*np.diff(np.asarray(stroke, float), axis=0).T).sum()) if len(stroke) > 1 else 0.0

    kept = sorted(sorted(range(len(strokes)), key=lambda i: -length(strokes[i]))[: 4 if len(strokes) < 6 else 6])
    rows = []
    for i in kept:
        stroke = np.asarray(strokes[i], float)
        along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))]
        at = np.linspace(0, along[-1], POINTS // len(kept))
        rows.append(np.stack([np.interp(at, along, stroke[:, axis]) for axis in (0, 1)], 1))
    return np.concatenate(rows), len(kept)


def skeleton_glyphs(first_writer: int = 0) -> Glyphs:
    """All skeletons, variant v by "writer" first_writer + v."""
    return pack([
        (first_writer + v, s, skeletons.glyph(s, v)) for s in SYMBOLS for v in range(skeletons.count(s))
    ])  # fmt: skip


def deform(points: np.ndarray, strokes: np.ndarray, hand: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each glyph (N, POINTS, 2) as another hand might draw it, `hand` (N,) of how strongly (1: clearly).

    In order: smooth warps, tremor, strokes that start early or stop short, a hook now and then, a small affine map.
    """
    n = len(points)
    low, high = points.min(1, keepdims=True), points.max(1, keepdims=True)
    size = np.maximum((high - low).max(2, keepdims=True), 1e-9)
    u = (points - (low + high) / 2) / size  # in -0.5 .. 0.5 along the longer side
    strength = hand[:, None, None]

    waves = rng.uniform(-1, 1, (n, 4, 2)) * 1.1  # cycles a glyph
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 4))
    wave = np.sin(2 * np.pi * np.einsum("npc,nkc->npk", u, waves) + phase)
    u = u + strength * np.einsum("npk,nkc->npc", wave, rng.normal(0, 0.032, (n, 4, 2)))

    tremor = rng.normal(0, 1, (n, POINTS, 2)) * np.abs(rng.normal(0, 0.02, (n, 1, 1)))
    for _ in range(2):
        tremor[:, 1:-1] = (tremor[:, :-2] + 2 * tremor[:, 1:-1] + tremor[:, 2:]) / 4
    u = u + strength * tremor

    for number in np.unique(strokes):
        chosen, per = np.flatnonzero(strokes == number), POINTS // number
        part = u[chosen].reshape(len(chosen), number, per, 2)
        for end, inner in ((0, 3), (per - 1, per - 4)):
            direction = part[:, :, end] - part[:, :, inner]
            turn = direction[..., ::-1] * [1, -1] * (rng.random((len(chosen), number, 1)) < 0.08)
            reach = rng.uniform(-0.6, 1.0, (len(chosen), number, 1)) * hand[chosen, None, None]
            hook = turn * rng.uniform(-1.2, 1.2, (len(chosen), number, 1))
            for step, share in enumerate((1.0, 0.66, 0.33)):
                i = end + step * (1 if end == 0 else -1)
                part[:, :, i] += share * reach * direction + (hook if step == 0 else 0)
        u[chosen] = part.reshape(len(chosen), number * per, 2)

    return _affine(u, hand * rng.normal(0, 0.07, n), hand * rng.normal(0, 0.06, n),
                   np.exp(hand * rng.normal(0, 0.10, n)), np.exp(hand * rng.normal(0, 0.06, n))) * size  # fmt: skip


def _affine(u: np.ndarray, slant: np.ndarray, turn: np.ndarray, wide: np.ndarray, tall: np.ndarray) -> np.ndarray:
    """Sheared by `slant` and stretched, then turned by `turn` radians: points (N, P, 2), the rest (N,)."""
    x = (u[..., 0] - slant[:, None] * u[..., 1]) * wide[:, None]
    y = u[..., 1] * tall[:, None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    return np.stack([cos * x - sin * y, sin * x + cos * y], -1)


def place(
    points: np.ndarray, symbol: np.ndarray, scale: np.ndarray, string: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Glyphs (N, POINTS, 2) side by side, `string` (N,) saying in which string, ascending; the em is 1, baseline 0.

    Each string follows one way of composing: as people write on a line, by the writer's own scale, with every glyph
    equally tall, or in equal cells; its own slant, width, size of digits and of small letters, gap, unsteadiness,
    drift of the baseline and rotation.
    """
    count = string[-1] + 1
    mode = rng.choice(4, count, p=[0.38, 0.34, 0.16, 0.12])[string]
    wild = rng.uniform(0.3, 1.3, count)[string]  # how unsteady
    broad = np.exp(rng.normal(0.04, 0.22, count)[string] + wild * rng.normal(0, 0.1, len(points)))
    points = _affine(points, rng.normal(0.08, 0.22, count)[string], np.zeros(len(points)), broad, np.ones(len(points)))
    low, high = points.min(1), points.max(1)
    wide, tall = np.maximum(high - low, 1e-9).T
    natural = BOTTOMS[symbol] - TOPS[symbol]
    size = np.select(
        [mode == 0, mode == 1, mode == 2],
        [np.minimum(natural / tall, 2.2 / wide), 1 / scale, np.minimum(1 / tall, 1.3 / wide)],
        1 / np.maximum(tall, wide),
    ) * np.exp(wild * rng.normal(0, 0.09, len(points)))
    habit = np.exp(rng.normal([-0.1, -0.1, -0.05, 0.0], [0.18, 0.2, 0.1, 0.0], (count, 4)))  # by kind of symbol
    size *= np.where(mode < 2, habit[string, _KIND[symbol]], 1.0)
    tall = tall * size
    hanging = TOPS[symbol] + tall  # tails of f, z and the like hang below the line when the glyph is long
    bottom = np.where((tall > 1.3 * natural) & (BOTTOMS[symbol] == 0), hanging, BOTTOMS[symbol])
    middle, level = (rng.random(count) < p for p in (0.5, 0.15))
    bottom = np.where((mode >= 2) | level[string], np.where(middle[string], tall / 2 - 0.5, 0.0), bottom)
    bottom = bottom + wild * rng.normal(0, 0.06, len(points))
    gap = np.maximum(rng.gamma(3.0, 0.085, count)[string] + wild * rng.normal(0, 0.05, len(points)), -0.06)
    gap = gap + 0.04
    advance = np.cumsum(wide * size + gap)
    first = np.searchsorted(string, np.arange(count))
    start = advance - wide * size - gap
    origin = np.stack([start - start[first][string], bottom - tall], 1) - low * size[:, None]
    placed = points * size[:, None, None] + origin[:, None]
    tilt = rng.normal(0, 0.035, count)[string, None]
    bend = rng.normal(0, 0.05, (2, count))[:, string, None]
    wave = bend[0] * np.sin(placed[..., 0] * 1.3 + 20 * bend[1])
    return np.stack([placed[..., 0], placed[..., 1] + tilt * placed[..., 0] + wave], -1)


def fit(points: np.ndarray, string: np.ndarray, free: float, rng: np.random.Generator) -> np.ndarray:
    """Strings in pixels on the grid of 1/16: as `normalise` leaves them, a share `free` of any size and place."""
    count, first = string[-1] + 1, np.searchsorted(string, np.arange(string[-1] + 1))
    low = np.minimum.reduceat(points.min(1), first)
    high = np.maximum.reduceat(points.max(1), first)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    extent = np.maximum(high - low, 1e-6)
    scale = np.minimum(*(room / extent).T)
    loose = rng.random(count) < free
    scale = np.where(loose, np.minimum(scale * 1.08, np.maximum(rng.uniform(7, 30, count), 0.4 * scale)), scale)
    slack = np.array([WIDTH, HEIGHT]) - extent * scale[:, None]
    share = np.where(loose[:, None] & (rng.random((count, 1)) < 0.7), rng.uniform(0.1, 0.9, (count, 2)), 0.5)
    moved = (points - low[string, None]) * scale[string, None, None] + (slack * share)[string, None]
    return np.floor(moved * STEP + 0.5) / STEP


def render_batch(
    points: np.ndarray, strokes: np.ndarray, string: np.ndarray, thickness: np.ndarray, chunk: int = 2000
) -> np.ndarray:
    """What `strokes.render` gives for each string, bit for bit: packed glyphs in pixels -> (count, H, W) uint8."""
    inner = np.ones((len(points), POINTS - 1), bool)
    for number in np.unique(strokes[strokes > 1]):
        per = POINTS // number
        inner[np.ix_(strokes == number, np.arange(1, number) * per - 1)] = False
    a, b = points[:, :-1][inner], points[:, 1:][inner]
    image = np.repeat(string, POINTS - 1).reshape(-1, POINTS - 1)[inner]
    reach = thickness[image] / 2 + 0.5
    nearest = np.full((len(thickness), HEIGHT * WIDTH), np.inf)
    flat = nearest.reshape(-1)
    limit = np.array([WIDTH, HEIGHT])
    start = np.clip(np.floor(np.minimum(a, b) - reach[:, None]), 0, limit).astype(int)
    stop = np.clip(np.ceil(np.maximum(a, b) + reach[:, None]), 0, limit).astype(int)
    spans = np.maximum(stop - start, 0)
    for i in range(0, len(a), chunk):
        part = slice(i, i + chunk)
        sizes = spans[part].prod(1)
        which = np.repeat(np.arange(i, i + len(sizes)), sizes)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        row, column = np.divmod(offset, spans[which, 0])
        row, column = row + start[which, 1], column + start[which, 0]
        x, y = column + 0.5 - a[which, 0], row + 0.5 - a[which, 1]
        dx, dy = (b - a)[which].T
        length = dx * dx + dy * dy
        along = np.clip((x * dx + y * dy) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        away_x, away_y = x - along * dx, y - along * dy
        np.minimum.at(flat, (image[which] * HEIGHT + row) * WIDTH + column, away_x * away_x + away_y * away_y)
    coverage = np.clip((thickness / 2 + 0.5)[:, None] - np.sqrt(nearest), 0.0, 1.0)
    return (255 - np.floor(255 * coverage + 0.5)).astype(np.uint8).reshape(-1, HEIGHT, WIDTH)


def standardise_batch(images: np.ndarray) -> np.ndarray:
    """`images.standardise` for grey levels (N, H, W) of the final size: (N, 1, H, W) float32."""
    ink = 1.0 - images.astype(np.float64) / 255
    ink -= ink.mean((1, 2), keepdims=True)
    ink /= np.maximum(np.sqrt((ink * ink).mean((1, 2), keepdims=True)), SD_FLOOR)
    return ink.astype(np.float32)[:, None]
