"""Chapter 10: how robust a reading is to damage."""

import traitlets

from crnn_lib.widgets.view import View


class ProbeRobustness(View):
    """Turn, blur, cross out or cover a picture, and watch the reading and its probability."""

    kind = traitlets.Unicode("probe-robustness").tag(sync=True)
    _shows = "With JavaScript, turn it, blur it, cross it out or cover it, and watch the reading."
