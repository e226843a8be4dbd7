"""The house style of every figure: colours that colour-blind readers tell apart, one look on light and dark pages.

Figures are opaque: dark ink on a pale ground reads the same in a light page, a dark page, a notebook and in print.
They are stored as SVG without date or random ids, so that the same data give the same bytes.
"""

from typing import Any

# After Okabe and Ito's set (jfly.uni-koeln.de/color): thin lines stand out, simulated dichromats tell all six apart.
BLUE, ORANGE, GREEN, PURPLE, SKY, BROWN = "#0b4f8f", "#d27200", "#16927c", "#8e2f6b", "#3b93c6", "#6b4a05"
GREY, INK, PAPER = "#6b7280", "#1f2933", "#f7f9fb"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, BROWN)
SEQUENTIAL = "viridis"  # maps and probabilities: even in lightness, readable without colour

WIDTH, HEIGHT = 7.0, 3.2  # inches: the book's column at 100 dots an inch


def rc() -> dict[str, Any]:
    """Matplotlib settings of the house style, for `matplotlib.rcParams.update` or `rc_context`."""
    from cycler import cycler

    return {
        "figure.figsize": (WIDTH, HEIGHT),
        "figure.dpi": 100,
        "figure.facecolor": PAPER,
        "figure.constrained_layout.use": True,
        "savefig.facecolor": PAPER,
        "savefig.dpi": 144,
        "svg.hashsalt": "crnn",
        "svg.fonttype": "path",
        "font.family": "DejaVu Sans",  # comes with matplotlib, so the same shapes everywhere
        "font.size": 10,
        "axes.facecolor": PAPER,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "grid.color": "#dfe3e8",
        "grid.linewidth": 0.8,
        "image.cmap": SEQUENTIAL,
        "image.interpolation": "nearest",
        "legend.frameon": False,
        "legend.fontsize": 9,
        "lines.linewidth": 1.8,
        "patch.edgecolor": PAPER,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
    }


def use_house_style() -> None:
    """Set the style for this session: matplotlib, seaborn, and SVG figures in a notebook. Call it once, at the top."""
    import seaborn
    from IPython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    seaborn.set_theme(style="white", palette=PALETTE, rc=rc())
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None})
