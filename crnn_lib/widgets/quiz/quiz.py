"""Exercises that check themselves in the page."""

import json
from functools import cache
from pathlib import Path
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


@cache
def checks() -> dict[str, list[dict[str, Any]]]:
    """The check at the end of each chapter, by its number: questions {text, answers}, answers {text, right, reason}."""
    return json.loads(Path(__file__).with_name("checks.json").read_text(encoding="utf-8"))


def names() -> list[str]:
    """The exercises, and `chapter 02` and so on for the chapters' checks."""
    return [*QUESTIONS, *(f"chapter {number}" for number in checks())]


class Quiz(host.Widget):
    """An exercise that checks itself in the page, one of `names()`: `Quiz("alignments")`, `Quiz("chapter 02")`.

    Nothing is sent anywhere; what was solved is remembered in the browser.
    """

    options = ("name",)
    kind = traitlets.Unicode("quiz").tag(sync=True)
    name = fields.Choice("alignments", lambda _: names())
    questions = traitlets.List().tag(sync=True)
    _recordings = ("replay",)

    def __init__(self, name: str = "alignments", **options: Any) -> None:
        super().__init__(name=name, **options)

    @traitlets.observe("name")
    def _named(self, change: dict[str, Any]) -> None:
        self.questions = checks().get(change["new"].removeprefix("chapter "), [])

    def _state(self) -> dict[str, Any]:
        """What a static page gets: of a check, its questions too."""
        return super()._state() | ({"questions": self.questions} if self.questions else {})

    def baked(self) -> str:
        """The first question, for where no script runs."""
        first = self.questions[0]["text"] if self.questions else QUESTIONS[self.name]
        return host.mount(self.kind, self._state(), f"Exercise. {first} It is answered with JavaScript.")
