"""The picture that stands for the book in messengers: `python book/_ext/card.py` draws it anew.

One generated sample, what the committed reader sees in its columns, and what it reads; nothing is drawn by hand.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from crnn_lib import assets, ctc, files, images, reader
from crnn_lib.tools import figures

SAMPLE = assets.SAMPLES["2b7xy"]
CARD = Path(__file__).resolve().parents[1] / "_static" / "card.png"
SIZE = (1200, 630)  # pixels: what messengers show uncut


def reading() -> tuple[np.ndarray, np.ndarray, list[int], str]:
    """The image (h, w), the probabilities (T, K), the class of each column, and the text."""
    network = reader.load("captcha")
    with torch.no_grad():
        log_probs = network(images.load(SAMPLE)[None])[0]
    path = log_probs.argmax(dim=1).tolist()
    text = network.alphabet.decode(ctc.greedy_decode(log_probs))
    return images.load_grey(SAMPLE), log_probs.exp().numpy(), path, text


def draw(path: Path = CARD) -> str:
    """Write the card; the text that it shows is returned."""
    grey, probs, classes, text = reading()
    symbols = "–" + reader.load("captcha").config.alphabet
    steps = len(probs)
    with plt.rc_context(
        figures.rc() | {"figure.constrained_layout.use": False, "axes.grid": False}
    ):
        figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
        figure.text(
            0.05, 0.875, "How does a network read this?", fontsize=36, weight="bold"
        )
        figure.text(
            0.05,
            0.812,
            "CRNN: convolutions, columns, a BiLSTM and CTC, taken apart",
            fontsize=17,
        )

        seen = figure.add_axes((0.14, 0.575, 0.81, 0.195))
        seen.imshow(
            grey, cmap="gray", vmin=0, vmax=255, aspect="auto", extent=(0, steps, 0, 1)
        )
        for t in range(1, steps):
            seen.axvline(t, color=figures.SKY, linewidth=0.7, alpha=0.55)
        heat = figure.add_axes((0.14, 0.155, 0.81, 0.40))
        heat.imshow(
            probs.T,
            cmap=figures.SEQUENTIAL,
            aspect="auto",
            extent=(0, steps, len(symbols), 0),
        )
        heat.set_yticks(
            np.arange(len(symbols)) + 0.5,
            list(symbols),
            fontsize=9,
            family="DejaVu Sans Mono",
        )
        for axes in (seen, heat):
            axes.set_xticks([])
            axes.tick_params(length=0)
            for side in axes.spines.values():
                side.set_visible(False)
        seen.set_yticks([])
        for y, label in (
            (0.672, "image,\nin columns"),
            (0.355, "probability\nof each\nsymbol"),
        ):
            figure.text(0.05, y, label, fontsize=11, va="center", color=figures.GREY)

        for t, c in enumerate(classes):
            x = 0.14 + 0.81 * (t + 0.5) / steps
            colour, weight = (figures.ORANGE, "bold") if c else (figures.GREY, "normal")
            figure.text(
                x,
                0.105,
                symbols[c],
                fontsize=17,
                ha="center",
                va="center",
                color=colour,
                weight=weight,
            )
        figure.text(0.05, 0.105, "best", fontsize=11, va="center", color=figures.GREY)
        figure.text(0.05, 0.038, "reads", fontsize=11, va="center", color=figures.GREY)
        figure.text(
            0.14,
            0.038,
            text,
            fontsize=26,
            va="center",
            weight="bold",
            family="DejaVu Sans Mono",
        )
        figure.text(
            0.95,
            0.038,
            "after merging repeats and dropping blanks (–)",
            fontsize=11,
            va="center",
            ha="right",
            color=figures.GREY,
        )
        with files.atomic_path(path) as temporary:
            figure.savefig(
                temporary, format="png", dpi=100, metadata={"Software": None}
            )
        plt.close(figure)
    return text


if __name__ == "__main__":
    print(draw(), CARD)
