"""Chapter 4: what a time step sees."""

import traitlets

from crnn_lib.widgets import fields
from crnn_lib.widgets.view import View, last_step


class ProbeColumns(View):
    """What a time step sees, for pools of your choice, and whether a label still fits.

    `step` is the time step, `label` the label to start with.
    """

    options = (*View.options, "step", "label")
    kind = traitlets.Unicode("probe-columns").tag(sync=True)
    step = fields.Whole(16, 0, last_step)
    label = fields.Text("mm22m", 24)
    _shows = "With JavaScript, it is dimmed where a time step does not see it, for pools of your choice."
