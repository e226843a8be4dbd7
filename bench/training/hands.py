"""Training strings for the model `pen`: the ink of one writer at a time, put together as a person might have drawn it.

A string is a function of (seed, i). Its text is random or made of words; a writer is drawn by weight; each character is
one that this writer drew, deformed as the same hand varies, set at its place on the line, and drawn as the pad draws
(`pen.image` at its natural width, bit for bit). UNIPEN's characters have lost their size: here a capital gets its
height back, and a small letter that of a small letter, each with a writer's habits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.training.strokes import BOTTOMS, OWN, POINTS, SYMBOLS, TOPS, Ink
from crnn_lib.alphabet import CAPTCHA_SYMBOLS
from crnn_lib.drawing import pen, texts
from crnn_lib.images import HEIGHT

LONGEST = 20
LENGTHS = np.array([3, 4, 8, 11, 12, 12, 9, 8, 6, 5, 4, 4, 3, 2, 2, 2, 2, 1, 1, 1], float)  # shares of 1 to LONGEST
DIGITS, CAPITALS, LETTERS = SYMBOLS[:10], SYMBOLS[10:36], SYMBOLS[36:]
POOLS = (SYMBOLS, SYMBOLS, SYMBOLS, SYMBOLS, DIGITS + LETTERS, DIGITS + LETTERS, DIGITS + CAPITALS, CAPITALS, CAPITALS,
         LETTERS, LETTERS, DIGITS, CAPTCHA_SYMBOLS)  # fmt: skip
KIND = np.array([0 if s.isdigit() else 1 if s.isupper() else 2 if s in "acemnorsuvwxz" else 3 for s in SYMBOLS])
SMALL = np.array([s.islower() for s in SYMBOLS])
TRIES = 3  # texts, for one that the writer drew all symbols of
STREAM = 3  # beside others that draw from the same seed


class Flat(NamedTuple):
    """Strokes end to end: points (M, 2), y downwards, and whether the pen is down from each to the next (M,)."""

    points: np.ndarray
    down: np.ndarray


@dataclass(frozen=True)
class Look:
    """How unlike its models a string is drawn. 0 everywhere sets the characters side by side as they are."""

    hand: float  # warps, tremor, strokes too long or too short: 1 is clearly another attempt
    wild: float  # how uneven sizes, places and gaps are
    habit: float  # how much a writer's own proportions may differ
    line: float  # slant, tilt and bend of the whole string
    device: float  # chance of each: few points, a coarse grid, a trembling pointer


PLAIN = Look(0.0, 0.5, 0.5, 0.0, 0.0)  # what is scored


def random_text(rng: np.random.Generator) -> str:
    """1 to LONGEST of the 62 symbols: random strings, words in three ways of capitals, a few of both."""
    chance = rng.random()
    if chance < 0.56:
        pool = POOLS[int(rng.random() * len(POOLS))]
        length = 1 + int(rng.choice(LONGEST, p=LENGTHS / LENGTHS.sum()))
        text = [pool[int(r * len(pool))] for r in rng.random(length)]
        if length > 1 and rng.random() < 0.12:  # chance alone seldom doubles a symbol
            at = int(rng.random() * (length - 1))
            text[at + 1] = text[at]
        return "".join(text)
    word = texts.word(rng)
    if chance < 0.6:
        word += str(int(10 ** (4 * rng.random()))) if rng.random() < 0.5 else texts.word(rng).title()
    case = rng.random()
    return (word.lower() if case < 0.55 else word.title() if case < 0.8 else word.upper())[:LONGEST]


class Composer:
    """Strings by the writers whom `weights` (by index into `ink.names`) names, from characters that are not doubtful.

    `own` is the share of strings that the skeletons take part in, `mixed` that of several writers.
    """

    def __init__(self, ink: Ink, weights: dict[int, float], own: float = 0.12, mixed: float = 0.12) -> None:
        self.ink, self.writers, self.own, self.mixed = ink, np.array(list(weights)), own, mixed
        shares = np.array(list(weights.values()))
        self.cumulated = np.cumsum(shares) / shares.sum()
        usable = ~ink.doubtful & np.isin(ink.writer, self.writers)
        drawn_by_us = np.array([name.startswith(f"{OWN}/") for name in ink.names])
        self.skeletons = _pools(ink.symbol, np.flatnonzero(drawn_by_us[ink.writer]))
        self.whole = self._by_writer(usable & ~ink.cut)
        self.cut = self._by_writer(usable & ink.cut)
        self.who = {s: np.unique(ink.writer[usable & ~ink.cut & (ink.symbol == s)]) for s in range(len(SYMBOLS))}

    def _by_writer(self, usable: np.ndarray) -> dict[int, dict[int, np.ndarray]]:
        order = np.flatnonzero(usable)
        return {int(w): _pools(self.ink.symbol, order[self.ink.writer[order] == w]) for w in self.writers}

    def string(self, seed: int, i: int) -> tuple[np.ndarray, str]:
        """The i-th string: its picture (H, W) uint8, and its text."""
        rng = np.random.default_rng((seed, i, STREAM))
        writer = int(self.writers[np.searchsorted(self.cumulated, rng.random())])
        text, index, joined = self._choose(writer, rng)
        thickness = 2.0 if rng.random() < 0.6 else rng.uniform(1.2, 3.5)
        look = Look(rng.uniform(0.1, 1.0), rng.uniform(0.3, 1.3), 1.0, 1.0, 0.3)
        return picture(write(self.ink, self._blend(index, rng), index, look, joined, rng), thickness), text

    def _choose(self, writer: int, rng: np.random.Generator) -> tuple[str, np.ndarray, bool]:
        """A text, a character for each of its symbols, and whether they are joined."""
        mine, cut = self.whole[writer], self.cut[writer]
        for _ in range(TRIES):
            text = random_text(rng)
            if all(SYMBOLS.index(s) in mine for s in text):
                break
        joined = rng.random() < (0.5 if cut else 0.1)
        chance, others = rng.random(), {}
        index = []
        for s in map(SYMBOLS.index, text):
            pool = cut[s] if joined and s in cut and rng.random() < 0.5 else mine.get(s)
            if chance < self.own and s in self.skeletons and rng.random() < 0.8:
                pool = self.skeletons[s]
            elif pool is None or chance > 1 - self.mixed:
                if s not in others:  # the same stranger for each occurrence
                    others[s] = int(self.who[s][int(rng.random() * len(self.who[s]))])
                pool = self.whole[others[s]][s]
            index.append(pool[int(rng.random() * len(pool))])
        return text, np.array(index), joined

    def _blend(self, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Their points (N, POINTS, 2), a third of them on the way to another of the same symbol and writer."""
        points = self.ink.points[index].astype(float)
        for n in np.flatnonzero(rng.random(len(index)) < 0.35):
            drawn_by = self.whole.get(int(self.ink.writer[index[n]]), {})
            pool = drawn_by.get(int(self.ink.symbol[index[n]]), index[n : n + 1])
            other = pool[int(rng.random() * len(pool))]
            if not np.array_equal(self.ink.down[other], self.ink.down[index[n]]):
                continue  # only what was drawn in the same strokes
            a, b = points[n], self.ink.points[other].astype(float)
            b = (b - b.min(0)) / np.maximum(np.ptp(b, axis=0), 1e-9) * np.ptp(a, axis=0) + a.min(0)
            if np.hypot(*(a - b).T).mean() < 0.12 * np.ptp(a, axis=0).max():
                points[n] = a + rng.uniform(-0.3, 0.8) * (b - a)
        return points


def _pools(symbol: np.ndarray, chosen: np.ndarray) -> dict[int, np.ndarray]:
    """The characters of each symbol among those that are `chosen`."""
    return {int(s): chosen[symbol[chosen] == s] for s in np.unique(symbol[chosen])}


def write(ink: Ink, points: np.ndarray, index: np.ndarray, look: Look, joined: bool, rng: np.random.Generator) -> Flat:
    """The characters at `index`, of these `points` (N, POINTS, 2), as one drawing; the height of a capital is 1."""
    down = np.concatenate([ink.down[index], np.zeros((len(index), 1), bool)], 1).reshape(-1)
    if look.hand:
        points = deform(points, down, look.hand, rng)
    placed = place(points, ink.symbol[index], ink.height[index], look, rng)
    drawn = Flat(placed.reshape(-1, 2), down)
    if joined:
        drawn = join(drawn, SMALL[ink.symbol[index]], rng)
    if look.device and rng.random() < 0.06:
        drawn = correct(drawn, rng)
    return device(drawn, look.device, rng) if look.device else drawn


def deform(points: np.ndarray, down: np.ndarray, hand: float, rng: np.random.Generator) -> np.ndarray:
    """The characters (N, POINTS, 2) as the same hand might draw them again.

    In order: smooth warps, tremor, strokes that start early or stop short, a hook now and then, a small affine map.
    """
    n = len(points)
    low, high = points.min(1, keepdims=True), points.max(1, keepdims=True)
    size = np.maximum((high - low).max(2, keepdims=True), 1e-9)
    u = (points - (low + high) / 2) / size  # in -0.5 .. 0.5 along the longer side
    waves = rng.uniform(-1.1, 1.1, (n, 2, 3))  # cycles a character
    wave = np.sin(2 * np.pi * (u @ waves + rng.random((n, 1, 3))))
    u = u + wave @ (hand * rng.normal(0, 0.032, (n, 3, 2)))
    u = u + _smooth(rng.normal(0, 1, u.shape)) * (hand * np.abs(rng.normal(0, 0.02, (n, 1, 1))))
    flat = _ends(u.reshape(-1, 2), down, hand, rng).reshape(u.shape)
    turn, slant = hand * rng.normal(0, 0.06, (2, n))
    wide, tall = np.exp(hand * rng.normal(0, 0.07, (2, n)))
    return affine(flat, slant, turn, wide, tall) * size


def _smooth(noise: np.ndarray) -> np.ndarray:
    for _ in range(2):
        noise[:, 1:-1] = (noise[:, :-2] + 2 * noise[:, 1:-1] + noise[:, 2:]) / 4
    return noise


def _ends(flat: np.ndarray, down: np.ndarray, hand: float, rng: np.random.Generator) -> np.ndarray:
    """Strokes (M, 2) that begin or end a little too early or too late, some with a hook."""
    before = np.r_[False, down[:-1]]
    for ends, inwards in ((np.flatnonzero(down & ~before), 1), (np.flatnonzero(before & ~down), -1)):
        inner = np.clip(ends + 3 * inwards, 0, len(flat) - 1)
        reach = flat[ends] - flat[inner]
        reach[np.hypot(*reach.T) > 0.5] = 0.0  # a stroke of fewer points: the other one is of the next stroke
        late = hand * rng.uniform(-0.6, 1.0, (len(ends), 1))
        hook = hand * rng.uniform(-1.2, 1.2, (len(ends), 1)) * (rng.random((len(ends), 1)) < 0.06)
        for step, share in enumerate((1.0, 0.66, 0.33)):
            at = np.clip(ends + step * inwards, 0, len(flat) - 1)
            flat[at] += share * late * reach + (hook * reach[:, ::-1] * [1, -1] if step == 0 else 0)
    return flat


def affine(u: np.ndarray, slant: np.ndarray, turn: np.ndarray, wide: np.ndarray, tall: np.ndarray) -> np.ndarray:
    """Sheared by `slant` and stretched, then turned by `turn` radians: points (N, P, 2), the rest (N,)."""
    x = (u[..., 0] - slant[:, None] * u[..., 1]) * wide[:, None]
    y = u[..., 1] * tall[:, None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    return np.stack([cos * x - sin * y, sin * x + cos * y], -1)


def place(
    points: np.ndarray, symbol: np.ndarray, height: np.ndarray, look: Look, rng: np.random.Generator
) -> np.ndarray:
    """Characters (N, POINTS, 2) side by side on a line, the baseline at 0, a capital's top at -1.

    Each is as tall as its symbol is on a line, or, where its own `height` (N,) is known, as it was written; a few
    strings of a wilder look have all characters equally tall.
    """
    n, wild = len(points), look.wild
    broad = np.exp(look.habit * rng.normal(0.0, 0.13) + wild * rng.normal(0, 0.06, n))
    slant = np.full(n, look.line * rng.normal(0.06, 0.16))
    points = affine(points, slant, np.zeros(n), broad, np.ones(n))
    low = points.min(1)
    wide, tall = np.maximum(points.max(1) - low, 1e-9).T
    natural = BOTTOMS[symbol] - TOPS[symbol]
    habit = np.exp(look.habit * rng.normal([-0.03, 0.0, 0.05, 0.0], [0.1, 0.08, 0.14, 0.06]))[KIND[symbol]]
    wanted = np.where(np.isnan(height), natural * habit, height)
    even = rng.random() < 0.06 * look.line
    if even:
        wanted = np.ones(n)
    size = np.minimum(wanted / tall, 1.6 / wide) * np.exp(wild * rng.normal(0, 0.06, n))
    tall, wide = tall * size, wide * size
    hangs = (tall > 1.25 * natural) & (BOTTOMS[symbol] == 0) & ~np.isnan(height)  # tails of f, z and the like
    bottom = np.where(hangs, TOPS[symbol] + tall, BOTTOMS[symbol])
    flat = tall < 0.5 * natural  # a 1 or an l that was drawn lying, a dash for an r
    bottom = np.where(flat & ~even, (TOPS[symbol] + BOTTOMS[symbol] + tall) / 2, bottom)
    bottom = np.where(even, 0.0, bottom) + wild * rng.normal(0, 0.04, n)
    tight = rng.random() < 0.08 * look.line
    gap = rng.uniform(-0.12, 0.03) if tight else 0.05 + rng.gamma(2.2, 0.07)
    gaps = np.maximum(gap + wild * rng.normal(0, 0.04, n), -0.15 if tight else 0.0)
    left = np.cumsum(wide + gaps) - wide
    placed = (points - low[:, None]) * size[:, None, None] + np.stack([left, bottom - tall], 1)[:, None]
    tilt, bend = look.line * rng.normal(0, 0.03), look.line * rng.normal(0, 0.06)
    x = placed[..., 0]
    placed[..., 1] += tilt * x + bend * np.sin(x * rng.uniform(0.3, 1.2) + 2 * np.pi * rng.random())
    return placed


def join(drawn: Flat, small: np.ndarray, rng: np.random.Generator) -> Flat:
    """Most neighbouring small letters joined by a sagging stroke from the first stroke of one to that of the next."""
    points, ends = drawn.points.reshape(len(small), POINTS, 2), drawn.down.reshape(len(small), POINTS)
    added, sag = [], rng.uniform(0.0, 0.12)
    for n in np.flatnonzero(small[:-1] & small[1:] & (rng.random(len(small) - 1) < 0.8)):
        start, stop = points[n][int(np.argmin(ends[n]))], points[n + 1][0]
        if 0 < stop[0] - start[0] < 0.9 and abs(stop[1] - start[1]) < 0.8:
            middle = (start + stop) / 2 + [0.0, sag]
            t = np.linspace(0, 1, 6)[:, None]
            added.append((1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * stop)
    return _with(drawn, added)


def correct(drawn: Flat, rng: np.random.Generator) -> Flat:
    """A part of a stroke drawn again, a little beside it."""
    starts = np.flatnonzero(drawn.down)
    first = int(starts[int(rng.random() * len(starts))])
    rest = drawn.down[first : first + 4 + int(rng.random() * 14)]
    last = first + (len(rest) if rest.all() else int(np.argmin(rest)))
    return _with(drawn, [drawn.points[first : last + 1] + rng.normal(0, 0.03, 2)])


def _with(drawn: Flat, strokes: Sequence[np.ndarray]) -> Flat:
    if not strokes:
        return drawn
    down = [np.arange(len(stroke)) < len(stroke) - 1 for stroke in strokes]
    return Flat(np.concatenate([drawn.points, *strokes]), np.concatenate([drawn.down, *down]))


def device(drawn: Flat, chance: float, rng: np.random.Generator) -> Flat:
    """As mouse, finger or pen hand it on: with a tremble, at fewer points, on a grid of whole pixels of a screen."""
    points, down = drawn
    before = np.r_[False, down[:-1]]
    if rng.random() < chance:
        tremble = _smooth(rng.normal(0, 1, (1, *points.shape)))[0]
        points = points + tremble * np.abs(rng.normal(0, 0.02))
    if rng.random() < 1.5 * chance:  # a fast hand, or a slow machine
        stride = int(rng.integers(2, 5))
        keep = ~(down & before) | (np.arange(len(points)) % stride == int(rng.integers(stride)))
        points, down = points[keep], down[keep]
    if rng.random() < 2 * chance:
        screen = rng.uniform(22, 120)  # pixels of a capital
        points = np.floor(points * screen + 0.5) / screen
    return Flat(points, down)


def picture(drawn: Flat, thickness: float = 2.0) -> np.ndarray:
    """What `pen.image(strokes, thickness, width=None)` gives for the strokes, 100 pixels to a capital: (H, W) uint8."""
    points = np.floor(drawn.points * (100 * pen.STEP) + 0.5) / pen.STEP
    low, extent = points.min(0), np.ptp(points, axis=0)
    width = pen.natural_width(*extent.tolist())
    scale, *origin = pen.frame(*extent.tolist(), HEIGHT, width)
    points = np.floor(((points - low) * scale + origin) * pen.STEP + 0.5) / pen.STEP
    at = np.flatnonzero(drawn.down)
    return pen.draw(points[at], points[at + 1], thickness, HEIGHT, width)
