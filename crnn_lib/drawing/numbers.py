"""Which plates there are, their numbers, and what else is written on them.

A family is what the plates of a country, or of many states, have in common: proportions, colours as grey levels, what
stands beside the number, and patterns of numbers. In a pattern A is a letter, 9 a digit, ? either, a space a gap,
- a dash, . a dot and * an emblem or a seal in the gap. The label of a plate has the letters and digits alone.
"""

import string
from dataclasses import dataclass

import numpy as np

from crnn_lib.drawing.texts import random_word

LETTERS, DIGITS = string.ascii_uppercase, string.digits
CLEAR = "ABCDEFGHJKLMNPRSTUVWXYZ"  # without I, O and Q, which many countries leave out
LONGEST = 10  # characters of a label


@dataclass(frozen=True)
class Family:
    """What plates have in common. Grey levels 0..255: `tones` are pairs of sheet and letters, the first commonest."""

    name: str
    kind: str  # state, band, strip, bare: which way of drawing the sheet
    share: float  # of all plates
    aspect: tuple[float, float]  # width / height
    tones: tuple[tuple[int, int], ...]
    patterns: tuple[str, ...]
    letters: str = LETTERS


WHITE, YELLOW, SILVER = 235, 195, 175
BLACK, BLUE, RED, GREEN = 25, 65, 85, 75

STATE = tuple("""
999 AAA|999*AAA|999 AAA|AAA 999|AAA*999|AAA-999|AAA 9999|AAA*9999|AAA-9999|AA 9999|AA*9999|AA-9999|999999|999 999
9999 AA|9999|AA 999|AAA 99A|AAA-99A|9AAA999|9AAA999|9999999|999 9999|999-9999|A999999|A99 9999|99999|9AA 999|9A 9999
AA9 A999|AA9*A999|A999AA|A99-9AA|99A 999|99A*999|AAA9999|9999A|9A A9999|9A9999A|99999A|9 99999|99AA99|A9999|AA999
99A9A9A|9 9A999|99 99AA|A9A 9A9|A99A99|AAA A99|999A9A|9A9A999|A A9999|99-9999|AA 99999|AAA99A|9999 A9|AA99999
""".strip().replace("\n", "|").split("|"))  # fmt: skip
EUROPE = {  # country: share within Europe, patterns, letters, tones; where the last are left out, dark on white
    "germany": (5, "A*AA 999|AA*AA 9999|AAA*A 999|A*AA 9999|AA*A 9999|AAA*AA 99|AA*AA 999|A AA 9999|AA AA 999|AA-A 9999"
                   "|AAA-AA 999", LETTERS, ()),
    "france": (3, "AA-999-AA|9999 AA 99|999 AAA 99|999 AA 99", CLEAR, ((WHITE, BLACK), (YELLOW, BLACK))),
    "italy": (3, "AA 999AA|AA*999AA|AA 999 AA", CLEAR, ()),
    "kingdom": (3, "AA99 AAA|A999 AAA|AAA 999A|AA99AAA", CLEAR + "O", ((WHITE, BLACK), (YELLOW, BLACK))),
    "netherlands": (2, "99-AAA-9|AA-99-AA|99-AA-AA|9-AAA-99|AA-999-A|99-99-AA|A-999-AA", CLEAR, ((YELLOW, BLACK),)),
    "spain": (3, "9999 AAA|9999AAA|A 9999 AA|A-9999-AA", CLEAR, ()),
    "poland": (3, "AA*99999|AAA 9999|AA 9999A|AAA*99A9|AA*999AA|AAA 99AA|AA99999|AAA A999", LETTERS, ()),
    "czechia": (2, "9A9 9999|9AA 9999|AAA 99-99|9A9*9999", CLEAR, ()),
    "slovakia": (1, "AA*999AA|AA 999AA|AA-999AA", LETTERS, ()),
    "hungary": (1, "AAA-999|AA AA-999", LETTERS, ()),
    "romania": (1, "A 99 AAA|A 999 AAA|AA 99 AAA", LETTERS, ()),
    "bulgaria": (1, "AA 9999 AA|A 9999 AA", "ABCEHKMOPTXY", ()),
    "croatia": (1.5, "AA*999-AA|AA*9999-AA|AA 999-A", LETTERS, ()),
    "slovenia": (1, "AA*AA-999|AA*99-AAA|AA A9-99A", LETTERS, ()),
    "serbia": (1, "AA*999-AA|AA 9999-AA", LETTERS, ()),
    "austria": (1.5, "AA*999AA|A*99999A|AA 99AAA|A 999AA", CLEAR, ()),
    "switzerland": (1, "AA*999999|AA.99999|AA 999 999", CLEAR, ()),
    "belgium": (1.5, "9-AAA-999|AAA-999|999-AAA", LETTERS, ((WHITE, RED),)),
    "luxembourg": (0.5, "AA 9999|AA9999", CLEAR, ((YELLOW, BLACK),)),
    "portugal": (1, "99-99-AA|99-AA-99|AA-99-99|AA-99-AA|99.99.AA", CLEAR, ()),
    "sweden": (1, "AAA 999|AAA 99A|AAA*999", CLEAR, ()),
    "norway": (1, "AA 99999|AA99999|AA 9999", CLEAR, ()),
    "denmark": (1, "AA 99 999|AA99999", CLEAR, ((WHITE, BLACK), (YELLOW, BLACK))),
    "finland": (1, "AAA-999|AA-999", LETTERS, ()),
    "baltic": (1, "999 AAA|AA-9999|AAA 999|AAA*999", CLEAR, ()),
    "greece": (1, "AAA-9999|AAA 9999", "ABEZHIKMNOPTYX", ()),
    "ireland": (1, "99-A-99999|999-A-9999|99-AA-9999|99 A 999", LETTERS, ()),
    "ukraine": (1, "AA 9999 AA|AA9999AA", "ABCEHIKMOPTX", ()),
    "turkey": (1, "99 AAA 999|99 AA 9999|99 A 9999", CLEAR, ()),
    "anywhere": (3, "??????|???? ??|?? ????|??-??-??|???-???|?? ?? ???|? ?????|????????", LETTERS,
                 ((WHITE, BLACK), (YELLOW, BLACK), (BLACK, WHITE), (SILVER, BLACK), (WHITE, GREEN), (WHITE, BLUE))),
}  # fmt: skip
ELSEWHERE = {  # the same, with width / height; the way of drawing is added where it is not bare
    "canada": (2, "AAAA 999|AAA 999|999 AAA|AA9 99A|AAA-9999|A99 AAA|99A AA9", LETTERS, ((WHITE, BLUE), (WHITE, RED)),
               (1.9, 2.1), "state"),
    "mexico": (1.5, "AAA-99-99|AAA-999-A|AA-99-999|A99-AAA", CLEAR, ((WHITE, BLACK), (WHITE, GREEN)), (1.9, 2.1),
               "state"),
    "australia": (2, "AAA 999|AAA-999|9AA 9AA|AA 99 AA|9AA-9AA|AAA*99A|999 AAA|AA99AA|A999 AAA", LETTERS,
                  ((WHITE, BLUE), (YELLOW, BLACK), (WHITE, BLACK), (BLACK, WHITE)), (2.4, 3.0), "state"),
    "argentina": (1.5, "AAA 999|AAA*999", LETTERS, ((BLACK, WHITE),), (2.6, 3.3), "strip"),
    "chile": (1, "AA AA 99|AA.AA.99|AA 9999|AA*AA*99", CLEAR, (), (2.6, 2.9), "bare"),
    "colombia": (1, "AAA 999|AAA-999|AAA*999", LETTERS, ((YELLOW, BLACK),), (1.9, 2.2), "state"),
    "india": (1.5, "AA 99 AA 9999|AA99AA9999|AA 99 A 9999|AA 9 AA 9999", LETTERS, ((WHITE, BLACK), (YELLOW, BLACK)),
              (4.0, 4.8), "bare"),
    "africa": (1, "AA 999-999|AA 99 AA AA|AAA 999 AA|AA 9999-99|AAA 999A", LETTERS,
               ((WHITE, BLACK), (YELLOW, BLACK), (WHITE, BLUE)), (3.8, 4.8), "bare"),
    "israel": (0.7, "99-999-99|999-99-999", DIGITS, ((YELLOW, BLACK),), (4.3, 4.8), "band"),
    "pacific": (1, "AAA999|AAA 9999|AA 9999|A AAA 999", LETTERS, ((WHITE, BLACK), (BLACK, WHITE)), (2.6, 3.4), "bare"),
    "malaya": (1, "AAA 9999|AAA 9999 A|AA 999|AAA9999A", CLEAR, ((BLACK, WHITE),), (3.0, 4.8), "bare"),
    "gulf": (0.7, "A 99999|99999|9 99999|999999|AA 99999", LETTERS, ((WHITE, BLACK),), (2.0, 4.6), "bare"),
    "anything": (3, "?|??|???|????|?????|??????|???????|????????|?????????|??????????|??? ???|??? ????|???-????",
                 LETTERS, ((WHITE, BLACK), (BLACK, WHITE), (YELLOW, BLACK), (SILVER, BLACK), (WHITE, RED),
                           (BLUE, WHITE), (RED, WHITE), (GREEN, WHITE), (140, 30), (120, 230)), (1.8, 5.0), "bare"),
}  # fmt: skip
INKS = (BLUE, BLACK, 40, RED, GREEN, 100)
STATE_TONES = (
    *((sheet, ink) for sheet in (WHITE, 215, 200, SILVER) for ink in INKS),
    (BLUE, WHITE), (60, 225), (YELLOW, BLACK), (YELLOW, BLUE), (RED, WHITE), (GREEN, WHITE), (BLUE, 190), (40, 190),
)  # fmt: skip

# What is written beside the number; _ is a space.
STATES = """
Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Georgia Hawaii Idaho Illinois Indiana
Iowa Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan Minnesota Mississippi Missouri Montana
Nebraska Nevada New_Hampshire New_Jersey New_Mexico New_York North_Carolina North_Dakota Ohio Oklahoma Oregon
Pennsylvania Rhode_Island South_Carolina South_Dakota Tennessee Texas Utah Vermont Virginia Washington West_Virginia
Wisconsin Wyoming Ontario Alberta Manitoba Quebec British_Columbia Queensland Victoria Jalisco Sonora
""".split()  # noqa: SIM905
SLOGANS = """
The_Natural_State Sunshine_State Garden_State Live_Free_or_Die The_Silver_State Grand_Canyon_State
Land_of_Lincoln Ocean_State Vacationland Empire_State Evergreen_State Famous_Potatoes Great_Lakes Aloha_State
First_in_Flight The_Lone_Star_State Heart_of_Dixie Sweet_Home Green_Mountain_State Show-Me_State Big_Sky_Country
Wild_Wonderful Constitution_State Land_of_Enchantment Yours_to_Discover Beautiful Peace_Garden_State 10,000_lakes
Stars_Fell_On The_First_State Sportsman's_Paradise www.state.us centennial bicentennial
""".split()  # noqa: SIM905
CODES = "D F I NL B GB E PL CZ SK H RO BG HR SLO A CH L P S N DK FIN EST LV LT GR IRL UA TR SRB".split()  # noqa: SIM905
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()  # noqa: SIM905
TOWNS = ("SP-SAO PAULO", "RJ-RIO DE JANEIRO", "MG-BELO HORIZONTE", "PR-CURITIBA", "RS-PORTO ALEGRE", "BA-SALVADOR",
         "SC-JOINVILLE", "DF-BRASILIA", "PE-RECIFE", "CE-FORTALEZA", "SP-CAMPINAS", "GO-GOIANIA")  # fmt: skip


def _families() -> tuple[Family, ...]:
    result = [
        Family("state", "state", 0.40, (1.85, 2.15), STATE_TONES, STATE),
        Family("brazil", "strip", 0.09, (2.7, 3.3), ((165, 30), (150, 20), (190, 40), (RED, 225)),
               ("AAA-9999", "AAA 9999", "AAA.9999", "AAA9999")),
        Family("mercosur", "strip", 0.06, (2.7, 3.3), ((WHITE, BLACK),),
               ("AAA9A99", "AA 999 AA", "AAA 9999", "AA9A99", "AAAA 999", "AAA9999")),
    ]  # fmt: skip
    whole = sum(share for share, *_ in EUROPE.values())
    for name, (share, patterns, letters, tones) in EUROPE.items():
        tones = tones or ((WHITE, BLACK),)
        result.append(Family(name, "band", 0.3 * share / whole, (4.0, 5.0), tones, tuple(patterns.split("|")), letters))
    whole = sum(share for share, *_ in ELSEWHERE.values())
    for name, (share, patterns, letters, tones, aspect, kind) in ELSEWHERE.items():
        tones = tones or ((WHITE, BLACK),)
        result.append(Family(name, kind, 0.15 * share / whole, aspect, tones, tuple(patterns.split("|")), letters))
    return tuple(result)


FAMILIES = _families()
ENDS = np.cumsum([family.share for family in FAMILIES])


def plate(rng: np.random.Generator) -> tuple[Family, str]:
    """A family, and a number with its gaps and signs as the plate shows it."""
    family = FAMILIES[min(int(np.searchsorted(ENDS, rng.random() * ENDS[-1])), len(FAMILIES) - 1)]
    if rng.random() < (0.2 if family.kind == "state" else 0.02):
        return family, _vanity(rng)
    pattern = family.patterns[int(rng.random() * len(family.patterns))]
    return family, _filled(pattern, family.letters, rng)


def label(shown: str) -> str:
    """The letters and digits of a number, without gaps and signs."""
    return "".join(symbol for symbol in shown if symbol in LETTERS or symbol in DIGITS)


def _filled(pattern: str, letters: str, rng: np.random.Generator) -> str:
    symbols = {"A": letters, "9": DIGITS, "?": LETTERS + DIGITS}
    shown = []
    for sign in pattern:
        choices = symbols.get(sign, sign)
        shown.append(choices[int(rng.random() * len(choices))])
    return "".join(shown)


def _vanity(rng: np.random.Generator) -> str:
    """What somebody chose: words, letters and digits in any order, with a gap or a sign at times."""
    chance = rng.random()
    if chance < 0.45:
        text = "".join(symbol for symbol in random_word(rng).upper() if symbol in LETTERS)
        if rng.random() < 0.4:
            text = text + "".join(symbol for symbol in random_word(rng).upper() if symbol in LETTERS)
        if rng.random() < 0.3:
            text += str(int(rng.random() * 100))
    else:
        symbols = LETTERS if chance < 0.65 else LETTERS + DIGITS
        text = "".join(symbols[int(r * len(symbols))] for r in rng.random(1 + int(rng.random() * LONGEST)))
    if rng.random() < 0.15:
        text = text.translate(str.maketrans("OIEASTB", "0134578"))
    text = text[: 8 if rng.random() < 0.9 else LONGEST] or "A"
    if len(text) > 2 and rng.random() < 0.25:
        at = 1 + int(rng.random() * (len(text) - 1))
        text = f"{text[:at]}{' ' if rng.random() < 0.7 else '-.*'[int(rng.random() * 3)]}{text[at:]}"
    return text
