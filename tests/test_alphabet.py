import pytest
from hypothesis import given
from hypothesis import strategies as st

from crnn_lib.alphabet import BLANK, CAPTCHA_SYMBOLS, Alphabet
from crnn_lib.errors import UserError

CAPTCHA = Alphabet(CAPTCHA_SYMBOLS)
characters = st.integers(32, 0x24F).map(chr)  # st.characters would first build a table of all Unicode
symbol_sets = st.sets(characters, min_size=1, max_size=40).map(sorted).map("".join)


def test_the_captcha_alphabet():
    assert len(CAPTCHA) == 20 and BLANK == 0
    assert CAPTCHA.encode("2y2") == [1, 19, 1]
    assert CAPTCHA.decode([1, 19, 1]) == "2y2"
    assert CAPTCHA.encode("") == [] and CAPTCHA.decode([]) == ""


@given(st.data())
def test_encode_and_decode_are_inverse(data):
    alphabet = Alphabet(data.draw(symbol_sets))
    text = data.draw(st.text(st.sampled_from(alphabet.symbols), max_size=12))
    classes = alphabet.encode(text)
    assert alphabet.decode(classes) == text
    assert all(1 <= c < len(alphabet) for c in classes)
    indices = data.draw(st.lists(st.integers(1, len(alphabet) - 1), max_size=12))
    assert alphabet.encode(alphabet.decode(indices)) == indices


@given(st.lists(st.text(characters, max_size=5), min_size=1, max_size=5).filter(any))
def test_of_labels_is_the_smallest_alphabet_whatever_their_order(labels):
    alphabet = Alphabet.of(labels)
    assert alphabet == Alphabet.of(labels[::-1])
    assert set(alphabet.symbols) == set("".join(labels)) and list(alphabet.symbols) == sorted(alphabet.symbols)
    for label in labels:
        alphabet.encode(label)


@pytest.mark.parametrize("symbols", ["", None, ["a", "b"]])
def test_an_empty_alphabet_is_an_error(symbols):
    with pytest.raises(UserError, match="alphabet is empty"):
        Alphabet(symbols)
    with pytest.raises(UserError, match="alphabet is empty"):
        Alphabet.of(["", ""])


def test_a_repeated_symbol_is_an_error():
    with pytest.raises(UserError, match="'b' more than once"):
        Alphabet("abcb")


def test_an_unknown_character_is_named():
    with pytest.raises(UserError, match=r"'2a3'.*'a', not in the alphabet"):
        CAPTCHA.encode("2a3")
    with pytest.raises(UserError) as caught:
        CAPTCHA.encode("\x1b[31m\n" * 50)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


@pytest.mark.parametrize("wrong", [0, 20, -1])
def test_a_class_that_is_no_symbol_is_named(wrong):
    with pytest.raises(UserError, match=f"class {wrong} is no symbol"):
        CAPTCHA.decode([3, wrong])
