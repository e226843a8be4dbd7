"""Characters and class indices. Class 0 is the CTC blank; the symbols are 1, 2, ... in their given order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crnn_lib.errors import UserError

BLANK = 0
CAPTCHA_SYMBOLS = "2345678bcdefgmnpwxy"  # the 19 symbols that the real data set uses


@dataclass(frozen=True)
class Alphabet:
    """An ordered set of distinct symbols, each one character.

    `len(alphabet)` is K = number of symbols + 1, the blank included.
    Raises UserError when there is no symbol, or one occurs twice.
    """

    symbols: str

    def __post_init__(self) -> None:
        if not isinstance(self.symbols, str) or not self.symbols:
            raise UserError("the alphabet is empty: give at least one symbol")
        repeated = sorted(symbol for symbol, times in Counter(self.symbols).items() if times > 1)
        if repeated:
            raise UserError(f"the alphabet holds {', '.join(map(repr, repeated[:8]))} more than once")

    def __len__(self) -> int:
        return len(self.symbols) + 1

    def encode(self, text: str) -> list[int]:
        """Class indices (U,) of `text`, each in 1..K-1. Raises UserError for a character outside the alphabet."""
        unknown = sorted(set(text) - set(self.symbols))
        if unknown:
            raise UserError(
                f"{text[:40]!r} holds {', '.join(map(repr, unknown[:8]))}, not in the alphabet {self.symbols[:80]!r}"
            )
        return [self.symbols.index(character) + 1 for character in text]

    def decode(self, classes: Iterable[int]) -> str:
        """The text of symbol classes (U,). Blanks and repeats are for `ctc` to remove: a blank here is an error."""
        classes = [int(c) for c in classes]
        wrong = [c for c in classes if not 1 <= c < len(self)]
        if wrong:
            raise UserError(f"class {wrong[0]} is no symbol: symbols are 1..{len(self) - 1}")
        return "".join(self.symbols[c - 1] for c in classes)

    @classmethod
    def of(cls, labels: Sequence[str]) -> "Alphabet":
        """The smallest alphabet for `labels`: their distinct characters, in code point order."""
        return cls("".join(sorted(set("".join(labels)))))
