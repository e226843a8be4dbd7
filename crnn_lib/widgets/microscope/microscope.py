"""The microscope: every stage of one reading."""

import traitlets

from crnn_lib.widgets import fields
from crnn_lib.widgets.view import View, last_step


def _maps(view: View) -> list[str]:
    """The stages that are feature maps."""
    return [f"{stage}{i}" for i in range(1, len(view.model.blocks) + 1) for stage in ("conv", "pool")]


class Microscope(View):
    """Every stage of one reading as a lane; one time step goes through all. `Microscope(model)` asks yours.

    `strokes` is a drawing to start with instead of a picture. `step` is the time step, `stage` and `map` the feature
    map shown first.
    """

    options = (*View.options, "strokes", "step", "stage", "map")
    kind = traitlets.Unicode("microscope").tag(sync=True)
    strokes = fields.Drawing()
    step = fields.Whole(12, 0, lambda self: (self.steps or last_step(self) + 1) - 1)
    stage = fields.Choice("conv1", _maps)
    map = fields.Whole(0, 0, lambda self: self.model.config.channels[int(self.stage[4:]) - 1] - 1)
    steps = traitlets.Int(0).tag(sync=True)  # of the picture that the page shows, which may be another
    reading = traitlets.Unicode("").tag(sync=True)
    confidence = traitlets.Float(0.0).tag(sync=True)
    _shows = "With JavaScript, each stage of this reading is shown, and one time step is followed through all of them."
