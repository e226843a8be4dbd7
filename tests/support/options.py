"""Every widget's options with good values, and what any widget must show."""

import json

import torch

from crnn_lib import assets, widgets
from crnn_lib.drawing import captchas
from crnn_lib.model import Config
from crnn_lib.widgets import host
from crnn_lib.widgets.quiz import quiz
from crnn_lib.widgets.trainer.trainer import EXPERIMENTS

TINY = Config("2b", 16, 40, (2, 3), ((4, 2), (2, 2)), 3, 2)  # 16 time steps of a sample
GREY = captchas.render("2b7xy", seed=1)
LINE = [[[3.0, 3.0], [40.0, 20.0]]]
ROWS = [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]
FILM = json.loads(host.RECORDINGS["replay"].read_text(encoding="utf-8"))
FILM["runs"] = FILM["runs"][:1]
TENSOR = torch.randn(1, 32, 128, generator=torch.Generator().manual_seed(1))
PICTURES = {"sample": ["2b7xy", "p6c7d"], "image": [GREY, TENSOR], "truth": ["", "2b7xy", "É\u3000"]}
GOOD = {  # each option at its ends, and in the middle
    widgets.Machine: {"strokes": [LINE]},
    widgets.Pad: {"strokes": [[], LINE], "sample": ["", "c3f8n"], "thickness": [1, 2.5, 6], "rotation": [-20, 20],
               "lines": [0, 6], "blur": [0, 2.0]},
    widgets.Lab: {"label": ["", "ab", "mmm"], "source": ["uniform", "random", "peaked"], "sample": ["", "2b7xy"],
              "symbols": ["ab", "xbya"], "steps": [2, 32], "seed": [1, 10**9], "matrix": [None]},
    widgets.Replay: {"recording": [{}, FILM]},
    widgets.Quiz: {"name": quiz.names()},
    widgets.Trainer: {"experiment": ["", *EXPERIMENTS]},
    widgets.Microscope: PICTURES | {"strokes": [[], LINE], "step": [0, 31],
                                       "stage": ["conv1", "pool5"], "map": [0, 15]},
    widgets.Line: {"sample": list(assets.LINES), "image": [GREY, TENSOR]},
    widgets.ProbeConvolution: PICTURES | {"left": [2, 16, 116]},
    widgets.ProbePooling: PICTURES | {"left": [2, 116]},
    widgets.ProbeColumns: PICTURES | {"step": [0, 31], "label": ["", "mm22m"]},
    widgets.ProbeContext: PICTURES | {"left": [0, 127], "size": [0, 48]},
    widgets.ProbeDecoding: PICTURES | {"temperature": [0.2, 1, 5], "width": [1, 20]},
    widgets.ProbeRobustness: PICTURES,
}  # fmt: skip


def assert_shown(widget):
    data, _ = widget._repr_mimebundle_()
    shown = data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data and shown == widget.baked() + host.HIDE
    assert shown.startswith(f'<crnn-widget kind="{widget.kind}" ') and '<div class="crnn-baked">' in shown
    json.dumps(widget.get_state(), default=lambda value: "bytes")
    return shown
