"""The house style: the same bytes from the same data, and colours that everybody can tell apart."""

import io
import itertools

import matplotlib
import numpy as np
import PIL.Image
import pytest

from crnn_lib.tools import figures

matplotlib.use("Agg")

# Linear RGB as people without one kind of cone see it (Machado, Oliveira and Fernandes 2009, severity 1).
COLOUR_BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "none": np.eye(3).tolist(),
}


def linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return linear(colour) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    f = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", COLOUR_BLIND)
def test_colours_differ_for_everybody(kind):
    seen = [lab(np.array(COLOUR_BLIND[kind]) @ linear(c)) for c in figures.PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


@pytest.mark.parametrize("colour", figures.PALETTE)
def test_lines_stand_out(colour):
    assert contrast(colour, figures.PAPER) >= 3


def test_text_is_legible():
    assert contrast(figures.INK, figures.PAPER) >= 7
    assert contrast(figures.GREY, figures.PAPER) >= 4.5


def svg():
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    ax.plot([0, 1], [1, 0], label="a line")
    ax.legend()
    file = io.BytesIO()
    fig.savefig(file, format="svg", metadata={"Date": None})
    plt.close(fig)
    return file.getvalue()


def test_same_data_same_bytes():
    with matplotlib.rc_context():
        figures.use_house_style()
        first, second = svg(), svg()
    assert first == second
    assert b"<dc:date>" not in first
    assert figures.PAPER.encode() in first


def test_notebook_figures_are_svg_without_date():
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib.figure import Figure

    shell = InteractiveShell.instance()
    try:
        with matplotlib.rc_context():
            figures.use_house_style()
            formatter = shell.display_formatter.formatters["image/svg+xml"]
            figure = Figure(figsize=(1, 1))
            figure.add_subplot()
            drawn = formatter.lookup_by_type(Figure)(figure)
            assert "<svg" in drawn
            assert "dc:date" not in drawn
    finally:
        InteractiveShell.clear_instance()


def test_a_gallery_is_one_small_png_and_leaves_no_figure_open(monkeypatch):
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    before = plt.get_fignums()
    figures.gallery([np.full((50, 200), 255.0)] * 5, list("abcde"), columns=2)
    (picture,) = shown
    with PIL.Image.open(io.BytesIO(picture.data)) as png:
        assert (png.format, png.mode) == ("PNG", "P") and png.width == round(100 * figures.WIDTH)
    assert plt.get_fignums() == before
