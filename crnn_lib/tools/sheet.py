"""A set of labelled images as one picture, a page: what `checks` reports in words, and some of the images."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crnn_lib.data import LabelledImages
from crnn_lib.errors import plain
from crnn_lib.files import atomic_path
from crnn_lib.model import Config, steps_needed
from crnn_lib.tools import checks, figures

WIDTH, CHARTS, MARGIN = 10.0, 6.4, 0.35  # inches: of the page, the charts' height, the gallery's margins
HIGH, LINE, LETTER = 0.36, 0.17, 0.07  # inches: an image's height, a line of writing below it, its characters' width
SYMBOLS = 100  # bars that can still be told apart
MOST = 6  # images of a kind in the gallery
KINDS = {
    "all": "All images, the narrowest first", "some": "Some images", "narrowest": "Narrowest",
    "middle": "Of the median width", "widest": "Widest", "doubtful": "Doubtful labels",
    "too_long": "Labels that do not fit", "two_rows": "Two rows of text?",
}  # fmt: skip


@dataclass
class _Shown:
    """An image in the gallery: which one, its caption, and where its upper left corner and its size are, in inches."""

    index: int
    caption: str
    x: float
    y: float
    width: float
    height: float


def draw(path: Path, name: str, report: dict[str, Any], data: LabelledImages, config: Config | None = None) -> None:
    """Write a PNG of the set `name` to `path`; `report` is `checks.check` of `data`. Raises UserError as atomic_path.

    The words of the report are in the file too, as its description.
    """
    content = io.BytesIO()
    with rc_context(figures.rc()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a symbol that the face lacks is a box
        words = plain("; ".join([*checks.overview(report), *checks.sentences(report)]))
        page = compose(name, report, data, config or Config())
        page.savefig(content, format="png", metadata={"Title": plain(name, 200), "Description": words})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def compose(name: str, report: dict[str, Any], data: LabelledImages, config: Config) -> Figure:
    """The page: charts above, images below. Takes what `draw` takes; matplotlib's settings are the caller's."""
    gallery, high = _placed(report, data)
    page = Figure((WIDTH, CHARTS + high))
    top, _ = page.subfigures(2, 1, height_ratios=(CHARTS, max(high, 0.01)))
    counts = f"{report['images']} images, {report['distinct_labels']} distinct labels"
    top.suptitle(f"{counts} in {plain(name[-60:])}", parse_math=False, fontsize=12)
    if len(data):
        _charts(top, report, data, config)
    for title, shown in gallery:
        _row(page, title, shown, data)
    return page


def _charts(page: Any, report: dict[str, Any], data: LabelledImages, config: Config) -> None:
    """Widths, label lengths, time steps and symbols."""
    axes = page.subplot_mosaic([["widths", "lengths", "steps"], ["symbols"] * 3])
    lengths, widths = np.array([len(label) for label in data.labels]), np.array(data.widths)
    for name, values, bars in (("widths", widths, 40), ("lengths", lengths, 100)):
        low, high = values.min(), values.max()
        step = -(-(high - low + 1) // bars)
        axes[name].hist(values, np.arange(low, high + 1 + step, step) - 0.5, color=figures.BLUE)
        axes[name].set(xlim=(low - 3, high + 3), ylabel="images")
        axes[name].xaxis.get_major_locator().set_params(integer=True)
        axes[name].yaxis.get_major_locator().set_params(integer=True)
    axes["widths"].set(title=f"Width of the images (median {report['widths'][1]})")
    axes["widths"].set(xlabel=f"columns, {config.height} rows high")
    axes["lengths"].set(title=f"Length of the labels (median {report['median_length']})", xlabel="characters")
    _steps(axes["steps"], report, data, config, lengths)
    _symbols(axes["symbols"], report)


def _steps(axes: Axes, report: dict[str, Any], data: LabelledImages, config: Config, lengths: np.ndarray) -> None:
    """Time steps for each that a label needs; below 1 it does not fit."""
    needed = np.array([steps_needed(label) for label in data.labels])
    room = np.array([config.steps(width) for width in data.widths]) / needed
    at = {name: i for i, name in enumerate(data.names)}
    called = {kind: [at[one["file"]] for one in report[kind]] for kind in ("doubtful", "too_long")}
    rest = np.setdiff1d(np.arange(len(data)), called["doubtful"] + called["too_long"])
    axes.scatter(lengths[rest], room[rest], 9, figures.BLUE, alpha=0.5, linewidths=0)
    for kind, colour, marker in (("doubtful", figures.PURPLE, "D"), ("too_long", figures.ORANGE, "X")):
        if called[kind]:
            x, y, label = lengths[called[kind]], room[called[kind]], KINDS[kind].lower()
            axes.scatter(x, y, 36, colour, marker=marker, linewidths=0, label=label)
    axes.axhline(1, color=figures.INK, linestyle="--", label="limit T = U + r")
    axes.set_yscale("log", base=2)
    axes.set_ylim(min(0.6, 0.8 * room.min()), max(6, 1.5 * room.max()))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(title="Time steps over those that CTC needs", xlabel="characters", ylabel="T / (U + r)")
    axes.set_xlim(lengths.min() - 3, lengths.max() + 3)
    axes.legend()


def _symbols(axes: Axes, report: dict[str, Any]) -> None:
    symbols = list(report["symbols"].items())
    shown = symbols[:SYMBOLS]
    counts = [count for _, count in shown]
    colours = [figures.ORANGE if count < checks.RARE else figures.BLUE for count in counts]
    axes.bar(range(len(shown)), counts, color=colours)
    if counts[0] > 50 * counts[-1]:
        axes.set_yscale("log")
        axes.set_ylim(0.5)
        axes.yaxis.set_major_formatter("{x:g}")
    names = [{" ": "␣"}.get(symbol, symbol if symbol.isprintable() else "□") for symbol, _ in shown]
    axes.set_xticks(range(len(shown)), names, fontsize=9 if len(shown) < 60 else 7, parse_math=False)
    axes.set_xlim(-1, max(len(shown), 20))
    axes.grid(False, axis="x")
    rare = sum(count < checks.RARE for _, count in symbols)
    told = f", of which {rare} occur fewer than {checks.RARE} times (orange)" if rare else ""
    cut = f", the {SYMBOLS} most frequent" if len(symbols) > SYMBOLS else ""
    axes.set(title=f"The {len(symbols)} symbols{told}{cut}", ylabel="how often")


def _chosen(report: dict[str, Any], data: LabelledImages) -> dict[str, list[tuple[int, str]]]:
    """Which images the gallery shows under each heading, and what is said of each."""
    order = sorted(range(len(data)), key=data.widths.__getitem__)
    middle = max(0, len(order) // 2 - MOST // 2)
    parts = {"narrowest": order[:MOST], "middle": order[middle : middle + MOST], "widest": order[-MOST // 2 :]}
    if len(order) <= 3 * MOST:
        parts = {"all": order}
    elif report["widths"][0] == report["widths"][2]:
        parts = {"some": order[:: len(order) // MOST][:MOST]}
    chosen = {kind: [(i, data.labels[i]) for i in part] for kind, part in parts.items() if part}
    at = {name: i for i, name in enumerate(data.names)}
    for one in report["doubtful"][:MOST]:
        told = f"{_cut(one['label'], 24)}  ({one['file']}: {one['columns']} columns of ink, usual {one['usual']})"
        chosen.setdefault("doubtful", []).append((at[one["file"]], told))
    for one in report["too_long"][:MOST]:
        told = f"{_cut(one['label'], 24)}  ({one['file']}: needs T = {one['needed']}, has {one['steps']})"
        chosen.setdefault("too_long", []).append((at[one["file"]], told))
    for name in report["two_rows"][:MOST]:
        chosen.setdefault("two_rows", []).append((at[name], f"{_cut(data.labels[at[name]], 24)}  ({name})"))
    return chosen


def _placed(report: dict[str, Any], data: LabelledImages) -> tuple[list[tuple[str, list[_Shown]]], float]:
    """The gallery set like a text, all images at one scale but for those wider than the page; and its height."""
    rows, y = [], CHARTS
    for kind, images in _chosen(report, data).items():
        rest = len(report[kind]) - len(images) if kind in checks.SENTENCES else 0
        title = f"{KINDS[kind]}{f' ({rest} more)' if rest > 0 else ''}"
        y += 2 * LINE
        x, shown, deepest = MARGIN, [], 0.0
        for index, caption in images:
            _, h, w = data.images[index].shape
            scale = min(HIGH / h, (WIDTH - 2 * MARGIN) / w)
            width = min(max(w * scale, LETTER * min(len(caption), 72)), WIDTH - 2 * MARGIN)
            if x + width > WIDTH - MARGIN:
                x, y, deepest = MARGIN, y + deepest + 1.5 * LINE, 0.0
            shown.append(_Shown(index, _cut(plain(caption, 200), int(width / LETTER)), x, y, w * scale, h * scale))
            x, deepest = x + width + 0.25, max(deepest, h * scale)
        y += deepest + 1.5 * LINE
        rows.append((title, shown))
    return rows, y - CHARTS + (LINE if rows else 0)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _row(page: Figure, title: str, shown: Sequence[_Shown], data: LabelledImages) -> None:
    """One heading of the gallery, and its images with their captions below."""
    width, height = page.get_size_inches()

    def at(x: float, y: float) -> tuple[float, float]:
        return x / width, 1 - y / height

    page.text(*at(MARGIN, shown[0].y - 0.4 * LINE), title, weight="bold", fontsize=9)
    for one in shown:
        left, bottom = at(one.x, one.y + one.height)
        axes = page.add_axes((left, bottom, one.width / width, one.height / height))
        axes.imshow(-data.images[one.index][0].numpy(), cmap="gray", aspect="auto", interpolation="antialiased")
        axes.set_axis_off()
        page.text(*at(one.x, one.y + one.height + 0.8 * LINE), one.caption, fontsize=8, parse_math=False)
