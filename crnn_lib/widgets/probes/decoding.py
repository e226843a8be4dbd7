"""Chapter 7: greedy against beam search."""

import traitlets

from crnn_lib.widgets import fields
from crnn_lib.widgets.view import View


class ProbeDecoding(View):
    """Greedy against beam search, with a temperature and a width of the beam to turn."""

    options = (*View.options, "temperature", "width")
    kind = traitlets.Unicode("probe-decoding").tag(sync=True)
    sample = fields.Sample("gxxw6")
    temperature = fields.Number(1.0, 0.2, 5)
    width = fields.Whole(8, 1, 20)
    _shows = "With JavaScript, a temperature makes the network less certain, and greedy decoding competes with a beam."
