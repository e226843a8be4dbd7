"""Chapter 3's pooling, by hand."""

import traitlets

from crnn_lib.widgets.probes.patch import Patch


class ProbePooling(Patch):
    """The largest of each 2 x 2 window, and what becomes of it when the picture moves by a pixel."""

    kind = traitlets.Unicode("probe-pooling").tag(sync=True)
    _shows = (
        "With JavaScript, of each 2 x 2 window of its ink only the largest number is kept, also when the picture moves."
    )
