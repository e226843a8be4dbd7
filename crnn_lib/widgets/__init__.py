"""Widgets that draw, read and explain an image, in a notebook and in a static page: `from crnn_lib.widgets import Pad`.

Each widget's folder holds its Python, its JavaScript and its style; `page` holds what the widgets share there.
"""

from importlib import import_module
from typing import Any

# Each widget's class and its module. Where there is a .js file of the same name, a static page shows the widget too.
WIDGETS = {
    "Machine": "machine.machine",
    "Pad": "pad.pad",
    "Line": "line.line",
    "Microscope": "microscope.microscope",
    "ProbeConvolution": "probes.convolution",
    "ProbePooling": "probes.pooling",
    "ProbeColumns": "probes.columns",
    "ProbeContext": "probes.context",
    "ProbeDecoding": "probes.decoding",
    "ProbeRobustness": "probes.robustness",
    "Lab": "lab.lab",
    "Replay": "replay.replay",
    "Quiz": "quiz.quiz",
    "GeneratorKnobs": "knobs.knobs",
    "Trainer": "trainer.trainer",
    "TrainingMonitor": "monitor.monitor",
}


def __getattr__(name: str) -> Any:
    """A widget's class by its name; its module is imported at the first use."""
    if name not in WIDGETS:
        raise AttributeError(f"crnn_lib.widgets has no {name!r}")
    return getattr(import_module(f"{__name__}.{WIDGETS[name]}"), name)
