"""The house style of every figure: colours that colour-blind people distinguish, one look on light and dark pages.

Figures are opaque: dark ink on a pale ground reads the same in a light page, a dark page, a notebook and in print.
They are stored as SVG without date or random ids, so that the same data give the same bytes.
"""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import RcParams, rc_params_from_file
from matplotlib.figure import Figure

from crnn_lib import assets


def rc() -> RcParams:
    """Matplotlib settings of the house style, for `matplotlib.rcParams.update` or `rc_context`."""
    return rc_params_from_file(assets.STYLE, use_default_template=False)


_RC = rc()
# After Okabe and Ito's set (jfly.uni-koeln.de/color): thin lines stand out, simulated dichromats tell all six apart.
PALETTE = tuple(_RC["axes.prop_cycle"].by_key()["color"])
BLUE, ORANGE, GREEN, PURPLE, SKY, BROWN = PALETTE
GREY, INK, PAPER = (_RC[key] for key in ("axes.edgecolor", "text.color", "figure.facecolor"))
SEQUENTIAL = _RC["image.cmap"]  # maps and probabilities: even in lightness, readable without colour
WIDTH, HEIGHT = _RC["figure.figsize"]  # inches: the book's column at 100 dots an inch


def use_house_style() -> None:
    """Set the style for this session: matplotlib, seaborn, and SVG figures in a notebook. Call it once, at the top."""
    import seaborn
    from IPython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    seaborn.set_theme(style="white", palette=PALETTE, rc=rc())
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None})


def show_png(fig: Figure, dpi: int = 100) -> None:
    """Show a figure as a PNG of at most 256 colours, and close it: for pictures that are not line drawings."""
    import matplotlib.pyplot as plt
    import PIL.Image
    from IPython.display import Image, display

    drawn, small = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png", dpi=dpi)
    plt.close(fig)
    PIL.Image.open(drawn).convert("RGB").quantize(256).save(small, "PNG", optimize=True)
    display(Image(small.getvalue()))


def gallery(pictures: Sequence[np.ndarray], names: Sequence[str], columns: int = 4) -> None:
    """Show grey images (h, w), 0 black .. 255 white, in rows of `columns`, each under its name."""
    import matplotlib.pyplot as plt

    rows = -(-len(pictures) // columns)
    size = (WIDTH, rows * (0.32 + WIDTH / columns / 4))
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, name in zip(axes.flat, pictures, names, strict=False):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
        ax.set_title(name, size=9)
    show_png(fig)
