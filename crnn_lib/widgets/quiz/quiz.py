"""Exercises that check themselves in the page."""

from typing import Any

import traitlets

from crnn_lib.widgets import fields, host

QUESTIONS = {  # the first question of each exercise, for where no script runs
    "alignments": "Tick every path of five columns that collapses to mm.",
    "count": "How many paths of T = 4 columns collapse to ab?",
    "column": "Fill in the column of step 1 of the lattice for ab, to three places.",
    "decoding": "Two steps, and the probability of each class; - is the blank. Which text comes out?",
    "prefixes": "One step of prefix beam search. Tick every way that leads to the prefix a: their probabilities are "
    "added up in one entry.",
    "plateau": "A recorded run: its validation loss, and the two floors of the plateau. What is the matter with it?",
}


class Quiz(host.Widget):
    """An exercise that checks itself in the page: `Quiz("alignments")`, one of QUESTIONS. Nothing is sent anywhere."""

    options = ("name",)
    kind = traitlets.Unicode("quiz").tag(sync=True)
    name = fields.Choice("alignments", list(QUESTIONS))
    _recordings = ("replay",)

    def __init__(self, name: str = "alignments", **options: Any) -> None:
        super().__init__(name=name, **options)

    def baked(self) -> str:
        """The first question, for where no script runs."""
        return host.mount(self.kind, self._state(), f"Exercise. {QUESTIONS[self.name]} It is answered with JavaScript.")
