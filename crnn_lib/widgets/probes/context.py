"""Chapter 5: what hidden columns change."""

import traitlets

from crnn_lib.widgets import fields
from crnn_lib.widgets.view import View, columns


class ProbeContext(View):
    """Hide pixel columns, and see which states and outputs change.

    `left` is the first hidden column of the model's image, `size` their number.
    """

    options = (*View.options, "left", "size")
    kind = traitlets.Unicode("probe-context").tag(sync=True)
    left = fields.Whole(48, 0, lambda self: columns(self) - 1)
    size = fields.Whole(12, 0, 48)
    _shows = "With JavaScript, hide some of its columns: forward states change to the right, backward to the left."
