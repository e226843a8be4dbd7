"""Licence plates: which there are, their numbers, how they are lettered and what befalls them, and that it repeats."""

import csv
import hashlib
import platform
import re
import tarfile
from collections import Counter

import matplotlib
import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from places import text_of

from crnn_lib.drawing import faces, lettering, numbers, plates, sheets, stencils, street
from crnn_lib.drawing.faces import Face
from crnn_lib.drawing.lettering import Spacing
from crnn_lib.drawing.numbers import FAMILIES
from crnn_lib.errors import UserError
from crnn_lib.tools.cli import main

WHEELS = [face for face in faces.wheels() if not face.held_out]
DIGEST = "bf6661f364976bacd2bf2db26bbd543b1e2d2f429f30def26054e7d8e55eebfb"
SPACING = Spacing(0.15, 0.4, 0.6, 0.0)


def family(name):
    (found,) = (f for f in FAMILIES if f.name == name)
    return found


# --- numbers ---


@pytest.fixture(scope="module")
def many():
    return [plates.plate(0, i) for i in range(20000)]


def test_labels_are_of_the_alphabet_and_of_every_length(many):
    labels = [numbers.label(shown) for _, shown in many]
    assert set("".join(labels)) == set(stencils.SYMBOLS)
    assert {len(label) for label in labels} == set(range(1, numbers.LONGEST + 1))
    assert labels[:50] == [plates.label(0, i) for i in range(50)]


def test_every_family_comes_by_its_share(many):
    assert sum(f.share for f in FAMILIES) == pytest.approx(1)
    came = Counter(f.name for f, _ in many)
    for f in FAMILIES:
        assert abs(came[f.name] / len(many) - f.share) < 0.2 * f.share + 0.002, f.name


def test_numbers_are_as_their_countries_have_them(many):
    """Nine of ten at least: the others are what somebody chose."""
    forms = {
        "brazil": r"[A-Z]{3}[0-9]{4}", "spain": r"[0-9]{4}[^AEIOQ0-9]{3}|[A-Z]{1,2}[0-9]{4}[A-Z]{2}|[0-9]{4}[A-Z]{3}",
        "kingdom": r"[A-Z]{2}[0-9]{2}[A-Z]{3}|[A-Z][0-9]{3}[A-Z]{3}|[A-Z]{3}[0-9]{3}[A-Z]", "israel": r"[0-9]{7,8}",
        "hungary": r"[A-Z]{3}[0-9]{3}|[A-Z]{4}[0-9]{3}", "ukraine": r"[ABCEHIKMOPTX]{2}[0-9]{4}[ABCEHIKMOPTX]{2}",
    }  # fmt: skip
    for name, form in forms.items():
        own = [numbers.label(shown) for f, shown in many if f.name == name]
        assert sum(bool(re.fullmatch(form, label)) for label in own) > 0.9 * len(own) > 0, name


def test_some_plates_bear_what_somebody_chose(many):
    states = [numbers.label(shown) for f, shown in many if f.kind == "state"]
    assert sum(label.isalpha() and len(label) > 3 for label in states) > 0.05 * len(states)


def test_every_pattern_fits_a_label():
    for f in FAMILIES:
        for pattern in f.patterns:
            signs = set(pattern) - set("A9?")
            assert signs <= set(" -.*") and 1 <= sum(sign in "A9?" for sign in pattern) <= numbers.LONGEST, pattern


# --- lettering ---


def drawn(text, face, shape=(60, 400), room=(10, 10, 390, 50), **more):
    return lettering.number(text, face, room, SPACING, shape, **more)


@pytest.mark.parametrize("seed", range(12))
def test_a_drawn_face_tells_all_symbols_apart_but_for_twins(seed):
    """Each symbol alone, scaled to one size: no two alike, but O and 0, and I and 1, which plates too have alike."""
    face = stencils.random_stencil(np.random.default_rng(seed))
    shapes = {}
    for symbol in stencils.SYMBOLS:
        ink = Image.fromarray(drawn(symbol, face).ink)
        shapes[symbol] = np.asarray(ink.crop(ink.getbbox()).resize((24, 32)), np.float32) / 255
    for a in stencils.SYMBOLS:
        for b in stencils.SYMBOLS:
            if a < b and {a, b} not in ({"O", "0"}, {"I", "1"}, {"0", "D"}, {"D", "O"}, {"O", "Q"}, {"0", "Q"}):
                assert abs(shapes[a] - shapes[b]).mean() > 0.02, a + b


def test_faces_differ():
    inks = {drawn("ABR348", stencils.random_stencil(np.random.default_rng(seed))).ink.tobytes() for seed in range(40)}
    assert len(inks) == 40


@pytest.mark.parametrize("face", [*WHEELS[::9], *(stencils.random_stencil(np.random.default_rng(s)) for s in range(8))])
def test_a_number_stays_in_its_room(face):
    for text in ("1", "WWWWWWWWWW", "AB-12 C.3*Q", "JILT10"):
        found = drawn(text, face)
        left, top, right, bottom = found.box
        assert 9.9 <= left < right <= 390.1 and (top, bottom) == (10, 50)
        rows, columns = np.flatnonzero(found.ink.max(1) > 127), np.flatnonzero(found.ink.max(0) > 127)
        assert columns[0] >= 8 and columns[-1] <= 392  # an overhang of a pixel or two at most
        assert 6 <= rows[0] <= 14 and 45 <= rows[-1] < 60
        assert len(found.emblems) == text.count("*")


def test_a_dash_and_a_dot_are_drawn_and_a_gap_is_not():
    face = stencils.random_stencil(np.random.default_rng(1))
    plain, *signed = (drawn(f"A{sign}B", face, shift=0.0).ink for sign in (" ", "-", "."))
    for ink in signed:
        assert (ink[24:36] > 0).sum() > (plain[24:36] > 0).sum()


# --- images ---


def test_image_i_depends_on_seed_i_and_the_faces_alone():
    few, more = (list(plates.generate(count, 7, WHEELS)) for count in (3, 6))
    for (image, text), (again, same) in zip(few, more, strict=False):
        assert text == same and np.array_equal(image, again)
    assert [text for _, text in few] == [plates.label(7, i) for i in range(3)]
    assert [text for _, text in plates.generate(3, 8, WHEELS)] != [text for _, text in few]


def test_the_same_bytes_in_every_process():
    """As drawn by the pinned versions of Pillow, numpy and matplotlib; another processor may round otherwise."""
    pins = text_of("requirements.txt")
    here = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    versions = {"pillow": PIL.__version__, "numpy": np.__version__, "matplotlib": matplotlib.__version__}
    if not here or not all(f"{name}=={version} " in pins for name, version in versions.items()):
        pytest.skip("another processor, or other versions")
    digest = hashlib.sha256()
    for image, text in plates.generate(60, 1, WHEELS):
        digest.update(f"{image.shape} {text}".encode() + image.tobytes())
    assert digest.hexdigest() == DIGEST


@settings(max_examples=150, deadline=None)
@given(st.text(stencils.SYMBOLS, min_size=1, max_size=10), st.sampled_from(FAMILIES), st.integers(0, 2**32))
def test_any_number_on_any_plate_is_drawn_and_shows(text, kind, seed):
    image = plates.render(text, kind, WHEELS, np.random.default_rng(seed))
    assert image.dtype == np.uint8 and image.ndim == 2
    assert 12 <= image.shape[0] <= 250 and 1 < image.shape[1] / image.shape[0] < 8
    assert int(image.max()) - int(image.min()) >= 25


@pytest.mark.parametrize("text", ["", "-", "ABCDEFGHIJK", "abc", "Ä1", "A\n1"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(UserError, match="cannot draw"):
        plates.render(text, FAMILIES[0], WHEELS, np.random.default_rng(0))


@pytest.mark.parametrize(("count", "seed", "some"), [(-1, 0, WHEELS), (1, -1, WHEELS), (1, 0, [])])
def test_what_cannot_be_generated_is_refused(count, seed, some):
    with pytest.raises(UserError):
        list(plates.generate(count, seed, some))


def test_both_proportions_and_sizes_of_all_kinds():
    images = [image for image, _ in plates.generate(300, 3, WHEELS)]
    proportions = np.array([image.shape[1] / image.shape[0] for image in images])
    rows = np.array([image.shape[0] for image in images])
    assert ((proportions > 1.6) & (proportions < 2.4)).mean() > 0.25
    assert ((proportions > 3.6) & (proportions < 5.4)).mean() > 0.2
    assert rows.min() < 32 and rows.max() > 80


def test_light_letters_on_dark_come_too():
    rng = np.random.default_rng(0)
    painted = [sheets.paint(plates.plate(5, i)[0], 64, 200, WHEELS, rng)[0] for i in range(400)]
    light = sum(sheet.ink > sheet.tone + 50 for sheet in painted)
    assert 0.03 < light / 400 < 0.3
    assert all(abs(sheet.ink - sheet.tone) > 30 for sheet in painted)


def test_the_whole_number_is_cut_out():
    """White spots in the corners of a number's box on black tin are all within the picture, whatever the slant."""
    grey = np.zeros((64, 300), np.float32)
    for x, y in ((30, 12), (264, 12), (264, 44), (30, 44)):
        grey[y : y + 6, x : x + 6] = 255
    for seed in range(200):
        found = street.cut_out(grey, (30.0, 12.0, 270.0, 50.0), np.random.default_rng(seed)) > 251  # no car is as light
        h, w = (n // 2 for n in found.shape)
        assert min(corner.sum() for half in (found[:h], found[h:]) for corner in (half[:, :w], half[:, w:])) >= 8, seed


@pytest.mark.parametrize("aspect", [2.0, 4.6])
def test_a_frame_leaves_the_number_alone(aspect):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sheet, room = sheets.paint(family("state" if aspect < 3 else "germany"), 80, round(80 * aspect), WHEELS, rng)
        left, top, right, bottom = (round(edge) for edge in room)
        before = np.asarray(sheet.image)[top:bottom, left:right].copy()
        street.framed(sheet, room)
        assert np.array_equal(np.asarray(sheet.image)[top:bottom, left:right], before), seed


def test_peeled_paint_leaves_a_part_of_each_stroke():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        ink = drawn("ABC123", stencils.random_stencil(rng)).ink
        kept = street.peeled(ink, rng)
        assert kept[ink == 255].min() >= 60 and (kept <= ink).all()


def test_a_third_is_in_faces_of_fonts(monkeypatch):
    used = []
    set_in = lettering.number
    monkeypatch.setattr(plates, "number", lambda shown, face, *rest: used.append(face) or set_in(shown, face, *rest))
    list(plates.generate(200, 2, WHEELS))
    printed = [face for face in used if isinstance(face, Face)]
    assert 0.2 < len(printed) / 200 < 0.4 and len({face.family for face in printed}) > 6


# --- on disk ---


def made(folder, *arguments):
    return main(["data", "generate", "--kind", "plates", "--out", str(folder / "set"), *map(str, arguments)])


def test_a_folder_holds_what_the_library_draws(tmp_path):
    assert made(tmp_path, "--count", 4, "--seed", 4) == 0
    rows = list(csv.DictReader((tmp_path / "set" / "labels.csv").open(encoding="utf-8")))
    for i, (row, (image, text)) in enumerate(zip(rows, plates.generate(4, 4, WHEELS), strict=True)):
        assert row == {"file": f"{i:05d}_{text}.png", "label": text}
        with Image.open(tmp_path / "set" / row["file"]) as picture:
            assert np.array_equal(np.asarray(picture), image)


def test_shards_hold_the_labels(tmp_path):
    assert made(tmp_path, "--count", 4, "--seed", 4, "--shards", 3) == 0
    texts = []
    for path in sorted((tmp_path / "set").iterdir()):
        with tarfile.open(path) as tar:
            texts += [tar.extractfile(member).read().decode() for member in tar if member.name.endswith(".txt")]
    assert texts == [plates.label(4, i) for i in range(4)]
