"""Printed lines: the faces, what is said, how it is drawn, and that all of it repeats."""

import csv
import hashlib
import io
import itertools
import platform
import re
import string
import tarfile
from pathlib import Path

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from places import text_of

from crnn_lib.drawing import faces, lines, texts, wear
from crnn_lib.drawing.faces import PRINTABLE, Face
from crnn_lib.errors import UserError
from crnn_lib.tools import generate
from crnn_lib.tools.cli import main

WHEELS = faces.wheels()
MONO = {"DejaVu Sans Mono", "Space Mono", "Fira Mono", "Cascadia Mono", "Ubuntu Mono"}
SERIF = {"DejaVu Serif", "STIXGeneral", "Source Serif Pro", "Caladea"}
DIGEST = "d63af4eb8bcfc33ac1c3f24ff4be0df2bd9f0dce4a8d8257e095c75ba3761b9c"
SANS = {"DejaVu Sans", "Noto Sans", "Source Sans Pro", "Ubuntu", "Manrope"}


def face(family, style="Regular"):
    (found,) = (f for f in WHEELS if (f.family, f.style) == (family, style))
    return found


# --- faces ---


def test_each_face_has_every_printable_character():
    assert len(WHEELS) > 60 and sorted(WHEELS, key=lambda f: (f.family, f.style)) == WHEELS
    for one in WHEELS:
        drawn = set()
        for character in PRINTABLE[1:]:
            page = Image.new("1", (80, 60))
            ImageDraw.Draw(page).text((20, 40), character, 1, one.font(30), anchor="ls")
            assert page.getbbox(), (one, character)
            drawn.add(page.tobytes())
        assert len(drawn) >= 92, one  # I and l, which some sans faces draw alike; no boxes for what is lacking


def test_the_judges_stay_out(tmp_path):
    """Whatever calls itself so, or comes in a file called so, is not found, where its neighbour is."""
    source = face("Caladea").source
    for name in ("Lato-Regular", "Carlito-Bold", "Cabin-Italic", "Caladea-Regular"):
        (tmp_path / f"{name}.ttf").write_bytes(Path(source).read_bytes())
    assert [f.source for f in faces.find([tmp_path])] == [str(tmp_path / "Caladea-Regular.ttf")]
    assert not {f.family for f in WHEELS} & {"Lato", "Carlito", "Cabin"}


def test_find_takes_no_broken_font_and_tells_where_there_is_none(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(UserError, match="no font with all printable ASCII characters is in"):
        faces.find([tmp_path])


def test_a_package_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(faces, "WHEELS", ("font-of-nobody", *faces.WHEELS))
    with pytest.raises(UserError, match="font-of-nobody are not installed: pip install"):
        faces.wheels()


def test_a_face_that_two_places_have_is_there_once(tmp_path):
    (tmp_path / "copy.ttf").write_bytes(Path(face("Caladea").source).read_bytes())
    assert faces.joined(WHEELS, faces.find([tmp_path])) == WHEELS


def test_both_sides_have_serif_sans_and_mono():
    for kind in (SERIF, SANS, MONO):
        assert kind <= {f.family for f in WHEELS}
        assert {f.held_out for f in WHEELS if f.family in kind} == {True, False}
    share = len({f.family for f in WHEELS if f.held_out}) / len({f.family for f in WHEELS})
    assert 0.1 < share < 0.35


@pytest.mark.parametrize(
    "alike",
    [
        ("Times New Roman", "Tinos", "Liberation Serif", "Nimbus Roman", "FreeSerif", "TeX Gyre Termes", "STIXGeneral"),
        ("Arimo", "Liberation Sans", "Liberation Sans Narrow", "Nimbus Sans", "FreeSans", "TeX Gyre Heros Cn"),
        ("Cousine", "Liberation Mono", "Nimbus Mono PS", "FreeMono", "TeX Gyre Cursor"),
        ("Palatino", "P052", "TeX Gyre Pagella"),
        ("URW Bookman", "TeX Gyre Bonum"),
        ("C059", "TeX Gyre Schola", "Century Schoolbook L"),
        ("CMU Serif", "CMU Typewriter Text", "Latin Modern Roman", "Latin Modern Mono Light"),
        ("DejaVu Sans", "DejaVu Serif", "Bitstream Vera Sans", "Hack"),
        ("Caladea", "Cambria"),
        ("Noto Sans", "Noto Serif", "Open Sans", "Open Sans Condensed"),
        ("FiraGO", "Fira Mono", "Fira Code"),
    ],
)
def test_one_design_is_on_one_side_whatever_its_name(alike):
    several = [Face(family, "Regular", "") for family in alike]
    assert len({f.design for f in several}) == 1 and len({f.held_out for f in several}) == 1


def test_the_beginning_of_a_name_is_a_whole_word():
    assert Face("Goudy", "Regular", "").design == "Goudy" and Face("Go Mono", "Bold", "").design == "Go"


def test_held_out_is_decided_for_ever():
    """What was held out when the text model was trained: another rule would let it judge what it was trained on."""
    held = {design for design in faces.DESIGNS if Face(design, "", "").held_out}
    assert held == {"DejaVu", "Didot", "Clear Sans", "Gentium", "Inter", "Noto", "Palatino"}


# --- texts ---


def said(count, seed=0):
    return [lines.label(seed, i) for i in range(count)]


def test_texts_are_printable_and_of_every_length():
    many = said(20000)
    assert set("".join(many)) == set(PRINTABLE)
    assert {len(text) for text in many} == set(range(1, texts.LONGEST + 1))
    assert not [text for text in many if text != " ".join(text.split())]


def test_rare_symbols_and_doubled_letters_are_common_enough():
    many = said(5000)
    for symbol in PRINTABLE[1:]:
        assert sum(symbol in text for text in many) > 100, symbol
    for twins in ("ll", "ii", "..", "--", "00", "ss", "oo", "||"):
        assert sum(twins in text for text in many) > 20, twins


def test_the_kinds_come_by_their_shares():
    assert sum(share for share, _ in texts.KINDS) == pytest.approx(1)
    many = said(4000)
    words = sum(bool(re.fullmatch(r"[A-Za-z',.;:!?\"()\[\] &/-]+", text)) and " " in text for text in many)
    assert 0.35 < words / len(many) < 0.6
    assert sum(text.isupper() and " " in text for text in many) > 60


# --- images ---


def test_image_i_depends_on_seed_i_and_the_faces_alone():
    few, many = (list(lines.generate(count, 7, WHEELS)) for count in (3, 6))
    for (image, text), (again, same) in zip(few, many, strict=False):
        assert text == same and np.array_equal(image, again)
    assert [text for _, text in few] == said(3, 7)
    assert [text for _, text in lines.generate(3, 8, WHEELS)] != said(3, 7)


def test_the_same_bytes_in_every_process():
    """As drawn by the pinned versions of Pillow and numpy; a processor of another kind may round otherwise."""
    pins = text_of("requirements.txt")
    here = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    if not here or f"pillow=={PIL.__version__} " not in pins or f"numpy=={np.__version__} " not in pins:
        pytest.skip("another processor, or other versions")
    digest = hashlib.sha256()
    for image, text in lines.generate(40, 1, WHEELS):
        digest.update(f"{image.shape} {text}".encode() + image.tobytes())
    assert digest.hexdigest() == DIGEST


@settings(max_examples=150, deadline=None)
@given(st.text(PRINTABLE, min_size=1, max_size=80).filter(str.strip), st.integers(0, 999), st.integers(0, 2**32))
def test_any_line_is_drawn_and_shows(text, which, seed):
    image = lines.render(text, WHEELS[which % len(WHEELS)], np.random.default_rng(seed))
    assert image.dtype == np.uint8 and image.ndim == 2
    assert min(image.shape) >= 4 and image.shape[0] <= 200
    assert int(image.max()) - int(image.min()) >= 25


@pytest.mark.parametrize("text", ["", " ", "  ", "x" * 81, "ä", "a\nb", "\t", "\x7f"])
def test_what_is_no_line_is_refused(text):
    with pytest.raises(UserError, match="cannot print"):
        lines.render(text, WHEELS[0], np.random.default_rng(0))


@pytest.mark.parametrize(("count", "seed", "some"), [(-1, 0, WHEELS), (1, -1, WHEELS), (1, 0, [])])
def test_what_cannot_be_generated_is_refused(count, seed, some):
    with pytest.raises(UserError):
        list(lines.generate(count, seed, some))


def test_every_face_takes_part_and_families_evenly():
    shares = dict(zip(WHEELS, lines._shares(WHEELS), strict=True))
    assert min(shares.values()) > 0
    families = {f.family: sum(s for g, s in shares.items() if g.family == f.family) for f in WHEELS}
    assert max(families.values()) / min(families.values()) < 2
    assert shares[face("Caladea")] == 2 * shares[face("Caladea", "Bold")]


def full_stop_and_hairline(seed):
    """A big page with a stem, a hairline and a full stop, as ink of 30 pixels an em."""
    ink = np.zeros((40, 60), np.uint8)
    ink[8:30, 10:14] = 255  # a stem
    ink[8:30, 30] = 90  # a hairline, between two pixels
    ink[27:30, 45:48] = 255  # a full stop
    return ink, np.random.default_rng(seed)


@pytest.mark.parametrize("hard", [True, False])
def test_wear_leaves_a_part_of_each_stroke(hard):
    for seed in range(300):
        ink, rng = full_stop_and_hairline(seed)
        kept = wear._pressed(ink, 30, rng, hard) > (127 if hard else 40)
        assert kept[:, 5:19].any(1)[8:30].mean() > 0.7, seed
        assert kept[:, 27:34].any(1)[8:30].mean() > 0.3, seed
        assert kept[24:33, 42:51].any(), seed


def test_no_margin_cuts_ink_off():
    """A clean page whose margins are tight still has every pixel of its letters: they end before its edges, or at."""
    for seed, text in itertools.product(range(60), ["i.j", "_", "'", "`g", "{|}", string.ascii_letters]):
        rng = np.random.default_rng(seed)
        ink = np.zeros((120, 200), np.uint8)
        rows, columns = np.sort(rng.integers(20, 100, 2)), np.sort(rng.integers(5, 190, 2))
        box = lines._cut(rows, columns, ink.shape, 30, 70, 35 if len(text) % 2 else 300, rng)
        assert (
            box[0].start <= rows[0] and rows[1] < box[0].stop and box[1].start <= columns[0] < columns[1] < box[1].stop
        )


# --- on disk ---


def made(folder, *arguments):
    given = ["--kind", "lines", "--out", str(folder / "set"), *map(str, arguments)]
    return main(["data", "generate", *given])


def shown(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_folder_holds_what_the_library_draws(tmp_path):
    assert made(tmp_path, "--count", 5, "--seed", 4) == 0
    rows = list(csv.DictReader((tmp_path / "set" / "labels.csv").open(encoding="utf-8")))
    trained = [f for f in WHEELS if not f.held_out]
    for i, (row, (image, text)) in enumerate(zip(rows, lines.generate(5, 4, trained), strict=True)):
        assert row == {"file": f"{i:05d}.png", "label": text}
        assert np.array_equal(shown(tmp_path / "set" / row["file"]), image)


def test_shards_hold_the_same_in_the_form_of_webdataset(tmp_path):
    assert made(tmp_path, "--count", 5, "--seed", 4, "--shards", 2) == 0
    tars = sorted((tmp_path / "set").iterdir())
    assert [path.name for path in tars] == ["00000.tar", "00001.tar", "00002.tar"]
    found = {}
    for path in tars:
        with tarfile.open(path) as tar:
            assert {member.mtime for member in tar} == {0}
            found |= {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    trained = [f for f in WHEELS if not f.held_out]
    assert list(found) == [f"{i:08d}.{ending}" for i in range(5) for ending in ("png", "txt")]
    for i, (image, text) in enumerate(lines.generate(5, 4, trained)):
        assert found[f"{i:08d}.txt"].decode() == text
        assert np.array_equal(shown(io.BytesIO(found[f"{i:08d}.png"])), image)


def test_held_out_faces_and_those_of_a_folder_are_printed_in_when_asked(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(lines, "generate", lambda count, seed, chosen: used.append(chosen) or iter(()))
    monkeypatch.setattr(generate, "_write_folder", lambda *_: None)
    (tmp_path / "fonts").mkdir()
    was, name = ("Caladea".encode("utf-16-be"), "Strange".encode("utf-16-be"))
    moved = Path(face("Caladea").source).read_bytes().replace(was, name)
    (tmp_path / "fonts" / "strange.ttf").write_bytes(moved)
    monkeypatch.setattr(faces, "SYSTEM", tmp_path / "fonts")
    for more in ([], ["--held-out"], ["--faces", tmp_path / "fonts"], ["--faces", "all"]):
        assert made(tmp_path, "--count", 1, *more) == 0
    train, judge, own, everything = used
    assert train and judge and sorted([*train, *judge], key=WHEELS.index) == WHEELS
    assert {f.held_out for f in train} == {False} and {f.held_out for f in judge} == {True}
    assert {f.family for f in set(own) - set(train)} == {"Strange"} and own == everything


@pytest.mark.parametrize("shards", [[], ["--shards", 2]])
def test_what_fails_halfway_leaves_nothing(shards, tmp_path, monkeypatch, capsys):
    def broken(count, seed, chosen):
        yield from itertools.islice(whole(count, seed, chosen), 3)
        raise UserError("no more ink")

    whole = lines.generate
    monkeypatch.setattr(lines, "generate", broken)
    assert made(tmp_path, "--count", 5, *shards) == 2
    assert list((tmp_path / "set").iterdir()) == [] and "no more ink" in capsys.readouterr().err


def test_a_folder_without_fonts_is_told_before_anything_is_made(tmp_path, capsys):
    assert made(tmp_path, "--count", 5, "--faces", tmp_path) == 2
    assert "no font with all printable ASCII" in capsys.readouterr().err and not (tmp_path / "set").exists()
