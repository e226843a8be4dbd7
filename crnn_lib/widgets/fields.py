"""What a widget may be given. Each field knows which values it takes, and refuses any other in one line.

A field is a traitlet that is also sent to the page. Limits may depend on the widget, for example on its model's number
of time steps: then a function of the widget is given instead of the number.
"""

import json
import numbers
from collections.abc import Callable, Sequence
from copy import copy
from math import inf
from typing import Any

import numpy as np
import traitlets
from torch import Tensor

from crnn_lib import assets, images
from crnn_lib.drawing import pen
from crnn_lib.errors import UserError, plain

MOST_POINTS = 20_000  # of a drawing
MOST_NAMED = 10  # choices that a refusal lists


class Refused(UserError, traitlets.TraitError):
    """A value that a field does not take. As a TraitError it makes traitlets restore what was set along with it."""


class Field(traitlets.TraitType):
    """A traitlet that is sent to the page and refuses a wrong value with a UserError.

    Each kind has `_accept`, which gives the value as it is kept, or None for one that does not fit, and `_takes`, which
    says in words what fits.
    """

    def __init__(self, default: Any) -> None:
        super().__init__(default)
        self.tag(sync=True)

    def default(self, obj: Any = None) -> Any:
        """The default, a new one for each widget."""
        return copy(self.default_value)

    def validate(self, obj: Any, value: Any) -> Any:
        """The value as it is kept. Raises Refused, which names the field, what it takes, and what it got."""
        kept = self._accept(obj, value)
        if kept is None:
            raise Refused(f"{type(obj).__name__}: {self.name} must be {self._takes(obj)}, not {_shown(value)}")
        return kept

    def from_string(self, s: str) -> Any:
        """The value that a page's author writes as `s`: JSON, unless the field holds text. Raises UserError."""
        try:
            return json.loads(s)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self.name}: {plain(s, 40)!r} is not a number or a list, as JSON writes them") from error

    def _accept(self, widget: Any, value: Any) -> Any:
        raise NotImplementedError

    def _takes(self, widget: Any) -> str:
        raise NotImplementedError


class Number(Field):
    """A number from `low` to `high`, kept as a float."""

    _abstract, _concrete, _words = numbers.Real, float, "a number"

    def __init__(self, default: float, low: float, high: float | Callable[[Any], float]) -> None:
        super().__init__(default)
        self.low, self._high = low, high

    def high(self, widget: Any) -> float:
        """The largest value that the field takes."""
        return self._high(widget) if callable(self._high) else self._high

    def default(self, obj: Any = None) -> Any:
        """The default, or the largest value where that is smaller."""
        return self.default_value if obj is None else min(self.default_value, self.high(obj))

    def _accept(self, widget: Any, value: Any) -> Any:
        fits = isinstance(value, self._abstract) and not isinstance(value, bool)
        return self._concrete(value) if fits and self.low <= value <= self.high(widget) else None

    def _takes(self, widget: Any) -> str:
        return f"{self._words} from {self.low:,} to {self.high(widget):,}"


class Whole(Number):
    """A whole number from `low` to `high`."""

    _abstract, _concrete, _words = numbers.Integral, int, "a whole number"


class Text(Field):
    """Text of at most `most` characters, no lone surrogates among them."""

    def __init__(self, default: str, most: int) -> None:
        super().__init__(default)
        self.most = most

    def from_string(self, s: str) -> str:
        """The text itself."""
        return s

    def _accept(self, widget: Any, value: Any) -> str | None:
        fits = isinstance(value, str) and len(value) <= self.most
        return value if fits and not any("\ud800" <= c <= "\udfff" for c in value) else None

    def _takes(self, widget: Any) -> str:
        return f"text of at most {self.most} characters"


class Choice(Field):
    """One of some names."""

    def __init__(self, default: str, names: Sequence[str] | Callable[[Any], Sequence[str]]) -> None:
        super().__init__(default)
        self._names = names

    def names(self, widget: Any) -> Sequence[str]:
        """What there is to choose from."""
        return self._names(widget) if callable(self._names) else self._names

    def from_string(self, s: str) -> str:
        """The name itself."""
        return s

    def _accept(self, widget: Any, value: Any) -> str | None:
        return value if isinstance(value, str) and value in self.names(widget) else None

    def _takes(self, widget: Any) -> str:
        names = [name for name in self.names(widget) if name]
        more = f" and {len(names) - MOST_NAMED} others" if len(names) > MOST_NAMED else ""
        return f"one of {', '.join(names[:MOST_NAMED])}{more}"


class Sample(Choice):
    """One of the embedded sample images; also none, where that is the default."""

    def __init__(self, default: str) -> None:
        super().__init__(default, list(assets.SAMPLES) if default else ["", *assets.SAMPLES])


class Drawing(Field):
    """Strokes: lists of points [x, y] in pixels, kept on the grid of `pen.quantise`."""

    def __init__(self) -> None:
        super().__init__([])

    def _accept(self, widget: Any, value: Any) -> list[list[list[float]]] | None:
        try:
            drawing = pen.quantise(value)
        except UserError as error:
            raise Refused(f"{type(widget).__name__}: {self.name}: {error}") from error
        return drawing if sum(map(len, drawing)) <= MOST_POINTS else None

    def _takes(self, widget: Any) -> str:
        return f"a list of strokes, lists of points [x, y], with at most {MOST_POINTS:,} points"


class Dictionary(Field):
    """A dictionary, empty by default."""

    def __init__(self) -> None:
        super().__init__({})

    def _accept(self, widget: Any, value: Any) -> dict[Any, Any] | None:
        return value if isinstance(value, dict) else None

    def _takes(self, widget: Any) -> str:
        return "a dictionary"


def array_of(value: Any, dtype: type) -> np.ndarray | None:
    """The numbers of a tensor, an array or nested lists; None where it does not hold numbers, or not evenly."""
    try:
        with np.errstate(over="ignore"):  # becomes infinite
            return np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value, dtype=dtype)
    except (TypeError, ValueError, ArithmeticError, RuntimeError):
        return None


def image_of(value: Any) -> np.ndarray:
    """An image as a matrix (h, w) float32, from a tensor, an array or nested lists of shape (h, w) or (1, h, w).

    Raises UserError for a different shape, sides below `images.MIN_SIDE`, and numbers that are not finite.
    """
    values = array_of(value, np.float32)
    if values is None:
        raise UserError(f"an image is a tensor or an array (h, w) of numbers, not {_shown(value)}")
    shape, values = values.shape, values.squeeze(tuple(i for i, n in enumerate(values.shape[:-2]) if n == 1))
    if values.ndim != 2 or min(values.shape) < images.MIN_SIDE or values.size > images.MAX_PIXELS:
        raise UserError(f"an image of shape {shape} cannot be shown: give (h, w), each {images.MIN_SIDE} or more")
    if not np.abs(values).max() < inf:
        raise UserError("an image with infinite or undefined pixels cannot be shown")
    return values


def grey_of(value: Any) -> np.ndarray:
    """An image of grey levels as `image_of`. Raises UserError as that, and for a pixel outside 0 .. 255."""
    values = image_of(value)
    if values.min() < 0 or values.max() > 255:
        raise UserError("an image holds grey levels from 0 to 255")
    return values


def pixels_of(grey: np.ndarray) -> np.ndarray:
    """A picture (h, w) as the page holds it: (32, W) uint8, its proportions kept, so that the bytes tell the width.

    Raises UserError as `images.natural_width`.
    """
    return images.resize(grey, images.HEIGHT, images.natural_width(grey.shape)).round().astype(np.uint8)


def _shown(value: Any) -> str:
    """A value in a message: in full where that is short."""
    short = isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 10**12)
    return plain(repr(value), 60) if short else f"a value of type {type(value).__name__}"
