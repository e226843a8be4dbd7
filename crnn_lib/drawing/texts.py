"""What printed lines say: running text, names, numbers, dates, prices, codes, addresses, and strings of any symbols.

Words come from SCOWL, the word lists behind most free spelling checkers (Kevin Atkinson and others, under a permissive
licence: free to use, copy, modify and sell). In `assets/words.txt.gz` a line each has the 190 commonest, three tiers
ever rarer, and proper names. The commonest come as Zipf's law has it, the others evenly within their tier.
"""

import gzip
import string
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from crnn_lib import assets

LONGEST = 80  # characters
NAMES = 4  # the line of the list with proper names
ENDS = ("", "", "", ".", ".", ".", ",", ",", ";", ":", "!", "?", "-")  # of a line of running text, as it is broken
PAUSES = (", ", ", ", ", ", "; ", ": ", " - ", ". ", ". ", "? ", "! ", "... ", " / ", " & ")
QUOTES = ('""', '""', "''", "()", "()", "[]")
TOPS = ["com", "org", "net", "edu", "gov", "io", "de", "co.uk", "fr", "info"]
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
LETTERS = string.ascii_letters
PRINTABLE = string.printable[:94]
TWINS = ("ll", "ii", "II", "oo", "ss", "ff", "tt", "mm", "nn", "rr", "vv", "ww", "00", "11", "88", "..", "...", "--",
         "__", "//", "\\\\", "||", "::", ";;", ",,", "''", "``", '""', "((", "))", "[]", "{}", "<>", "=>", "->", "!=",
         "==", "&&", "%%", "##", "@@", "$$", "**", "++", "^^", "~~", "??", "!!",
         "l1I", "O0o", "rnm", "cld", "vvw", "il!|")  # fmt: skip


@lru_cache
def _words() -> tuple[list[str], ...]:
    with gzip.open(assets.WORDS, "rt", encoding="ascii") as file:
        return tuple(line.split() for line in file)


@lru_cache
def _ranks() -> np.ndarray:
    """The cumulative shares of the commonest words: 1 / (rank + 2.7), Mandelbrot's form of Zipf's law."""
    shares = 1 / (np.arange(len(_words()[0])) + 3.7)
    return np.cumsum(shares) / shares.sum()


def _of(rng: np.random.Generator, choices: str | list | tuple) -> str:
    return choices[int(rng.random() * len(choices))]


def _whole(rng: np.random.Generator, low: int, high: int) -> int:
    """low..high, both included."""
    return low + int(rng.random() * (high - low + 1))


def _some(rng: np.random.Generator, symbols: str, low: int, high: int) -> str:
    return "".join(symbols[int(r * len(symbols))] for r in rng.random(_whole(rng, low, high)))


def random_word(rng: np.random.Generator) -> str:
    """A common word, a rarer one or a name, as a running text has it."""
    chance = rng.random()
    if chance < 0.42:
        word = _words()[0][int(np.searchsorted(_ranks(), rng.random()))]
        return "I" if word == "i" else word
    return _of(rng, _words()[1 if chance < 0.67 else 2 if chance < 0.81 else 3 if chance < 0.96 else NAMES])


def _running(rng: np.random.Generator) -> str:
    """A line as a page breaks it: it may begin and end anywhere in a sentence."""
    length = _whole(rng, 10, LONGEST) if rng.random() < 0.88 else _whole(rng, 1, 12)
    starts = rng.random() < 0.4
    text = ""
    while True:
        word, chance = random_word(rng), rng.random()
        if chance < 0.07:
            word = _of(rng, (_number, _number, _price, _date, _name, _code))(rng)
        elif chance < 0.11:
            first, last = _of(rng, QUOTES)
            word = first + word + last
        elif chance < 0.13:
            word = f"{word}-{random_word(rng)}"
        elif chance < 0.15:
            word = word + _of(rng, ("'s", "'t", "'ll", "'re", "'d", "n't"))
        if starts or rng.random() < 0.03:
            word = word[:1].upper() + word[1:]
        if text and len(text) + len(word) + 1 > length:
            break
        chance = rng.random()
        gap = _of(rng, PAUSES) if chance < 0.13 else " "
        text += word + gap
        starts = gap[0] in ".?!"
        if len(text) > length:
            break
    text = text.rstrip(" -/&")
    return text.rstrip(",;:") + _of(rng, ENDS) if text[-1:] not in ".?!" else text


def _name(rng: np.random.Generator) -> str:
    names = _words()[NAMES]
    first = _of(rng, names) if rng.random() < 0.7 else _of(rng, string.ascii_uppercase) + "."
    last = _of(rng, names)
    form = _whole(rng, 0, 5)
    if form == 0:
        return f"{last}, {first}"
    if form == 1:
        return f"{_of(rng, ('Mr.', 'Mrs.', 'Ms', 'Dr.', 'Prof.', 'Sir', 'St.'))} {last}"
    if form == 2:
        return f"{first} {_of(rng, string.ascii_uppercase)}. {last}"
    return f"{first} {last}"


def _number(rng: np.random.Generator) -> str:
    form, value = _whole(rng, 0, 9), int(10 ** (rng.random() * 7))
    if form < 3:
        return str(value)
    if form == 3:
        return f"{value:,}"
    if form == 4:
        return f"{value / 10 ** _whole(rng, 1, 3):.{_whole(rng, 1, 3)}f}"
    if form == 5:
        return f"{_whole(rng, 0, 100)}%"
    if form == 6:
        return f"{_of(rng, '+-')}{value}"
    if form == 7:
        return f"{_whole(rng, 1, 99)}-{_whole(rng, 1, 999)}"
    if form == 8:
        return f"({_whole(rng, 200, 999)}) {_whole(rng, 200, 999)}-{_some(rng, string.digits, 4, 4)}"
    return f"{_whole(rng, 1, 20)}{_of(rng, 'x*/=<>^')}{_whole(rng, 1, 999)}"


def _date(rng: np.random.Generator) -> str:
    day, month, year = _whole(rng, 1, 28), _whole(rng, 1, 12), _whole(rng, 1750, 2039)
    return _of(rng, (
        f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{day:02d}/{year % 100:02d}", f"{year}-{month:02d}-{day:02d}",
        f"{day} {MONTHS[month - 1]} {year}", f"{MONTHS[month - 1]} {day}, {year}",
        f"{day}-{MONTHS[month - 1][:3]}-{year}",
        f"{_whole(rng, 0, 23):02d}:{_whole(rng, 0, 59):02d}",
        f"{_whole(rng, 1, 12)}:{_whole(rng, 0, 59):02d} {_of(rng, ('am', 'pm', 'a.m.', 'p.m.'))}", f"{year}",
    ))  # fmt: skip


def _price(rng: np.random.Generator) -> str:
    cents = _of(rng, ("", ".00", ".99", ".50", f".{_whole(rng, 0, 99):02d}"))
    return _of(rng, ("${}", "${}", "USD {}", "{} EUR", "-{}", "*{}", "@ ${}")).format(
        f"{int(10 ** (rng.random() * 5)):,}{cents}"
    )


def _code(rng: np.random.Generator) -> str:
    """An article number, a reference, a line of a program."""
    form = _whole(rng, 0, 6)
    if form == 0:
        return _some(rng, string.ascii_uppercase + string.digits, 3, 14)
    if form == 1:
        return "-".join(_some(rng, string.ascii_uppercase + string.digits, 2, 5) for _ in range(_whole(rng, 2, 4)))
    if form == 2:
        return _some(rng, "0123456789abcdef", 4, 16)
    if form == 3:
        return f"{_of(rng, ('No.', '#', 'Ref:', 'Art.', 'p.', 'ID', 'Fig.', '*'))} {_some(rng, string.digits, 1, 8)}"
    if form == 4:
        return f"[{_whole(rng, 1, 199)}]"
    if form == 5:
        argument = random_word(rng) + _of(rng, ("", "[0]", ", 1", "=None", " + 1"))
        return f"{random_word(rng)}_{random_word(rng)}({argument}){_of(rng, (';', ' {', ':', ''))}"
    operator = _of(rng, ("=", " = ", " += ", " == ", "->", "::", " | ", " && ", " < ", " >= "))
    return f"{random_word(rng)}{operator}{_of(rng, ('', '!', '&', '~', '$', '@', '*'))}{random_word(rng)}"


def _address(rng: np.random.Generator) -> str:
    """Of mail, of a page, of a file, of a house."""
    form, word, other, top = _whole(rng, 0, 4), random_word(rng).lower(), random_word(rng).lower(), _of(rng, TOPS)
    if form == 0:
        joint = _of(rng, ("", ".", "_", "-")) + _some(rng, string.digits, 0, 3)
        return f"{word}{joint}{other}@{random_word(rng).lower()}.{top}"
    if form == 1:
        page = f"/{other}" + (f"?{random_word(rng)}={_whole(rng, 0, 999)}" if rng.random() < 0.4 else "")
        return f"{_of(rng, ('http://', 'https://', 'www.', ''))}{word}.{top}{page}"
    if form == 2:
        root, between, ending = (
            _of(rng, ("/", "~/", "C:\\", "./")),
            _of(rng, "/\\"),
            _of(rng, ["txt", "py", "pdf", "tar.gz"]),
        )
        return f"{root}{word}{between}{other}.{ending}"
    if form == 3:
        way = _of(rng, ("St.", "Street", "Ave", "Road", "Lane"))
        return f"{_whole(rng, 1, 9999)} {word.title()} {way}, {_of(rng, _words()[NAMES])}"
    return f"{_of(rng, _words()[NAMES])}, {_some(rng, string.ascii_uppercase, 2, 2)} {_some(rng, string.digits, 5, 5)}"


def _string(rng: np.random.Generator) -> str:
    """1 to 24 of the 95 printable characters; in a part of them from a few kinds, with twins and with likenesses."""
    pool = _of(rng, (PRINTABLE, PRINTABLE, PRINTABLE, LETTERS + string.digits, LETTERS, string.digits,
                     string.digits + string.punctuation, string.punctuation))  # fmt: skip
    pieces = []
    for _ in range(_whole(rng, 1, 24)):
        chance = rng.random()
        if chance < 0.06:
            pieces.append(_of(rng, TWINS))
        elif chance < 0.10 and pieces:
            pieces.append(pieces[-1])
        else:
            pieces.append(" " if chance > 0.95 else _of(rng, pool))
    return "".join(pieces)[:24]


def _titled(rng: np.random.Generator) -> str:
    """Running text in capitals, or each word with one."""
    text = _running(rng)
    return text.upper() if rng.random() < 0.6 else " ".join(word[:1].upper() + word[1:] for word in text.split())


KINDS: tuple[tuple[float, Callable[[np.random.Generator], str]], ...] = (
    (0.54, _running), (0.29, _string), (0.05, _titled), (0.02, _name), (0.02, _number), (0.015, _date), (0.015, _price),
    (0.03, _code), (0.02, _address),
)  # fmt: skip
_CHANCES = np.cumsum([share for share, _ in KINDS])


def random_text(rng: np.random.Generator) -> str:
    """A line of 1 to 80 printable ASCII characters, by the shares of KINDS. No space at an end, nor two together."""
    return _line(rng, lambda: KINDS[min(int(np.searchsorted(_CHANCES, rng.random())), len(KINDS) - 1)][1])


def running_text(rng: np.random.Generator) -> str:
    """A line of running text alone, 1 to 80 characters."""
    return _line(rng, lambda: _running)


def word(rng: np.random.Generator) -> str:
    """One word, its commonness as in running text: letters alone, a capital only where it always has one."""
    while not (text := random_word(rng)).isalpha():
        pass
    return text


def random_string(rng: np.random.Generator) -> str:
    """A string of any symbols alone, 4 to 24 characters."""
    while len(text := _line(rng, lambda: _string)) < 4:
        pass
    return text


def _line(rng: np.random.Generator, kind: Callable[[], Callable[[np.random.Generator], str]]) -> str:
    while True:
        text = " ".join(kind()(rng).split())[:LONGEST].strip()
        if text:
            return text
