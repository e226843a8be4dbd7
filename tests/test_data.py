import hashlib
import random
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crnn_lib import data
from crnn_lib.errors import UserError

LABELS = ["22c", "d5x", "8mn", "wyx", "22c"]


def write_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(exist_ok=True)
        image = Image.new("L", (40, 12), 255)
        image.paste(0, (number, 2, number + 5, 9))
        image.save(folder / name)
    return folder


def write_csv(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


# folders


def test_file_names_are_labels_sorted_whatever_else_lies_there(tmp_path):
    folder = write_images(tmp_path / "set", ["d5x.PNG", "22c.png", "22c.jpg", "8mn.Jpeg", ".hidden.png"])
    (folder / "notes.txt").write_text("")
    (folder / "inner.png").mkdir()
    listed = data.list_folder(folder)
    assert [f.name for f in listed] == ["22c.jpg", "22c.png", "8mn.Jpeg", "d5x.PNG"]
    assert [f.label for f in listed] == ["22c", "22c", "8mn", "d5x"]
    assert listed[0].path == folder / "22c.jpg"
    assert data.list_folder(str(folder)) == listed


def test_labels_csv_says_what_counts(tmp_path):
    folder = write_images(tmp_path, ["1.png", "2.png", "3.png", "sub/4.png"])
    write_csv(
        tmp_path / "labels.csv",
        'File, Label ,who\r\n2.png,"a, ""b""",x\r\n\r\nsub\\4.png, c ,\r\n./1.png,d,\r\n',
        "utf-8-sig",
    )
    assert [(f.name, f.label) for f in data.list_folder(folder)] == [
        ("1.png", "d"),
        ("2.png", 'a, "b"'),
        ("sub/4.png", "c"),
    ]
    loaded = data.load_folder(folder)
    assert loaded.names == ("1.png", "2.png", "sub/4.png") and loaded.images.shape == (3, 1, 32, 107)


def test_labels_are_composed_characters(tmp_path):
    write_images(tmp_path, ["u\u0308b.png"])
    assert data.list_folder(tmp_path)[0].label == "\u00fcb"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "columns file,label"),
        ("name,text\na.png,a\n", "columns file,label"),
        ("file;label\na.png;a\n", "columns file,label"),
        ("file,label\n", "names no file"),
        ("file,label\na.png,a\n\n./a.png,a\n", r"line 4.*'a\.png' is listed twice"),
        ("file,label\na.png,\n", "line 2: the label is empty"),
        ("file,label\na.png\n", "line 2: the label is empty"),
        ("file,label\na.png,  \n", "the label is empty"),
        ("file,label\n,a\n", "no file name inside"),
        ("file,label\n../a.png,a\n", r"'\.\./a\.png' is no file name inside"),
        ("file,label\nx/../../a.png,a\n", "no file name inside"),
        ("file,label\n/etc/a.png,a\n", "no file name inside"),
        ("file,label\nC:\\a.png,a\n", "no file name inside"),
        ("file,label\n\\\\host\\share\\a.png,a\n", "no file name inside"),
        ("file,label\na.png,a,b\n", "more cells than columns"),
        ('file,label\na.png,"a\n', "as CSV"),
        ("file,label\nb.png,a\n", r"does not hold: 'b\.png'"),
    ],
)
def test_a_bad_labels_csv_is_a_clear_error(text, message, tmp_path):
    write_images(tmp_path / "set", ["a.png"])
    write_images(tmp_path, ["a.png"])
    write_csv(tmp_path / "set" / "labels.csv", text)
    with pytest.raises(UserError, match=message) as caught:
        data.list_folder(tmp_path / "set")
    assert "labels.csv" in str(caught.value) and str(caught.value).isprintable()


def test_a_labels_csv_that_cannot_be_read(tmp_path):
    write_images(tmp_path, ["a.png"])
    with pytest.raises(UserError, match=r"none\.csv.*No such file"):
        data.read_labels(tmp_path / "none.csv")
    with pytest.raises(UserError, match="cannot read"):
        data.read_labels(tmp_path)
    with pytest.raises(UserError, match="UTF-8"):
        data.read_labels(write_csv(tmp_path / "latin.csv", "file,label\na.png,é\n", "latin-1"))
    with pytest.raises(UserError, match="columns file,label"):
        data.read_labels(write_csv(tmp_path / "wide.csv", "file,label\n", "utf-16-le"))


def test_folders_without_images(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="not a folder"):
        data.list_folder(tmp_path / "none")
    with pytest.raises(UserError, match="holds no image"):
        data.list_folder(tmp_path)
    write_images(tmp_path / "blank", [" .png"])
    with pytest.raises(UserError, match="label is empty"):
        data.list_folder(tmp_path / "blank")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(UserError, match="Permission denied"):
        data.list_folder(tmp_path)


def test_bad_files_are_reported_together_or_skipped_when_asked(tmp_path, capsys):
    write_images(tmp_path, ["good.png", "22c.png"])
    for number in range(12):
        (tmp_path / f"bad{number:02}.png").write_bytes(b"" if number % 2 else b"no image")
    with pytest.raises(UserError) as caught:
        data.load_folder(tmp_path)
    message = str(caught.value)
    assert message.startswith("12 of 14 images") and "and 2 more" in message and "\n" not in message
    assert all(f"bad{n:02}.png" in message for n in range(10)) and "bad10.png" not in message
    loaded = data.load_folder(tmp_path, skip_bad=True)
    assert loaded.names == ("22c.png", "good.png")
    assert "skipped 12 of 14 images" in capsys.readouterr().err
    for name in loaded.names:
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="12 of 12"):
        data.load_folder(tmp_path, skip_bad=True)


# labelled images


@pytest.fixture
def labelled():
    names = tuple(f"{i}.png" for i in range(5))
    return data.LabelledImages(torch.arange(5.0).reshape(5, 1, 1, 1), tuple(LABELS), names)


def test_subset_and_fingerprint(labelled):
    part = labelled.subset(iter([3, 0]))
    assert len(part) == 2 and part.labels == ("wyx", "22c") and part.names == ("3.png", "0.png")
    assert part.images.flatten().tolist() == [3, 0]
    assert labelled.subset([4, 3, 2, 1, 0]).fingerprint() == labelled.fingerprint() != part.fingerprint()
    assert re.fullmatch("2:[0-9a-f]{64}", labelled.fingerprint())
    with pytest.raises(ValueError, match="5 images, 4 labels"):
        data.LabelledImages(labelled.images, labelled.labels[:4], labelled.names)


def test_the_fingerprint_covers_pixels_as_well(labelled):
    blank = data.LabelledImages(torch.zeros_like(labelled.images), labelled.labels, labelled.names)
    assert blank.fingerprint() != labelled.fingerprint()
    digests = tuple("abcde")
    one = data.LabelledImages(labelled.images, labelled.labels, labelled.names, digests)
    same = data.LabelledImages(blank.images, labelled.labels, labelled.names, digests)  # say, at another size
    assert one.fingerprint() == same.fingerprint() != labelled.fingerprint()
    assert one.subset([1, 3]).digests == ("b", "d") and one.subset(range(4, -1, -1)).fingerprint() == one.fingerprint()
    with pytest.raises(ValueError, match="5 names, 2 digests"):
        data.LabelledImages(labelled.images, labelled.labels, labelled.names, digests[:2])


def test_a_folder_has_the_same_fingerprint_at_every_size_and_in_other_packing(tmp_path):
    write_images(tmp_path, ["22c.png", "d5x.jpg"])
    before = data.load_folder(tmp_path)
    assert before.fingerprint() == data.load_folder(tmp_path, 16, 64).fingerprint()
    Image.open(tmp_path / "22c.png").convert("RGB").save(tmp_path / "22c.png", compress_level=0)
    assert before.fingerprint() == data.load_folder(tmp_path).fingerprint()
    assert before.digests[1] == hashlib.sha256((tmp_path / "d5x.jpg").read_bytes()).hexdigest(), "decoders differ"
    image = Image.open(tmp_path / "22c.png").convert("L")
    image.putpixel((0, 0), 254)
    image.save(tmp_path / "22c.png")
    assert before.fingerprint() != data.load_folder(tmp_path).fingerprint()


def test_version_1_s_fingerprint_of_names_and_labels_is_known(labelled):
    old = "52e83c6bd5ae40d461434ce14332452f470f954d09a1b895b82d8fc10fb1e7c1"  # as version 1.0.0 printed it
    assert labelled.is_known_as(labelled.fingerprint()) and labelled.is_known_as(old)
    for other in (None, "", [], 5, old[::-1], labelled.subset([0]).fingerprint()):
        assert not labelled.is_known_as(other)


def test_with_labels_replaces_by_name(labelled):
    changed = data.with_labels(labelled, {"1.png": "d6x"})
    assert changed.labels == ("22c", "d6x", "8mn", "wyx", "22c") and labelled.labels == tuple(LABELS)
    assert changed.images is labelled.images and changed.fingerprint() != labelled.fingerprint()
    with pytest.raises(UserError, match=r"does not hold: '7\.png'"):
        data.with_labels(labelled, {"7.png": "x", "1.png": "y"})


def test_shorten_tells_how_many_more():
    assert data.shorten(["a", "b"]) == "'a', 'b'"
    assert data.shorten([str(i) for i in range(14)], 2) == "'0', '1' and 12 more"


# splits

label_lists = st.lists(
    st.sampled_from([f"{a}{b}" for a in "2345678" for b in "bcdefg"]), min_size=2, max_size=60
).filter(lambda labels: len(set(labels)) > 1)


@settings(deadline=None)
@given(label_lists, st.floats(0.01, 0.99), st.integers(0, 9), st.randoms())
def test_split_is_a_leak_free_partition_that_order_does_not_change(labels, fraction, seed, rng):
    train, rest = data.split(labels, fraction, seed)
    assert sorted(train + rest) == list(range(len(labels))) and train and rest
    assert train == sorted(train) and rest == sorted(rest)
    assert not {labels[i] for i in train} & {labels[i] for i in rest}
    order = list(range(len(labels)))
    rng.shuffle(order)
    shuffled_train, _ = data.split([labels[i] for i in order], fraction, seed)
    assert {order[i] for i in shuffled_train} == set(train)
    if len(set(labels)) == len(labels):
        assert len(train) == min(max(round(fraction * len(labels)), 1), len(labels) - 1)


@settings(deadline=None)
@given(label_lists, st.integers(2, 6), st.integers(0, 9), st.randoms())
def test_folds_are_leak_free_and_test_everything_once(labels, k, seed, rng):
    if len(set(labels)) < k:
        with pytest.raises(UserError, match=f"into {k} parts"):
            data.folds(labels, k, seed)
        return
    parts = data.folds(labels, k, seed)
    assert sorted(i for _, test in parts for i in test) == list(range(len(labels)))
    for train, test in parts:
        assert test and sorted(train + test) == list(range(len(labels)))
        assert not {labels[i] for i in train} & {labels[i] for i in test}
    if len(set(labels)) == len(labels):
        assert max(len(t) for _, t in parts) - min(len(t) for _, t in parts) <= 1
        order = list(range(len(labels)))
        rng.shuffle(order)
        again = data.folds([labels[i] for i in order], k, seed)
        assert [{order[i] for i in test} for _, test in again] == [set(test) for _, test in parts]


def test_splits_are_those_of_the_seed():
    labels = [f"{i:04}" for i in range(1070)]
    train, rest = data.split(labels)
    assert (len(train), len(rest)) == (749, 321)
    assert train == data.split(labels, 0.7, 0)[0] != data.split(labels, 0.7, 1)[0]
    assert rest[:8] == [1, 2, 12, 13, 16, 22, 23, 27]  # the same on every machine and Python version
    assert [len(test) for _, test in data.folds(labels)] == [214] * 5
    random.seed(99)
    assert data.split(labels)[0] == train


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_0_and_1(fraction):
    with pytest.raises(UserError, match="between 0 and 1"):
        data.split(LABELS, fraction)


def test_impossible_splits():
    with pytest.raises(UserError, match="1 distinct labels"):
        data.split(["a", "a"])
    with pytest.raises(UserError, match="0 distinct labels"):
        data.split([])
    with pytest.raises(UserError, match="at least 2 folds"):
        data.folds(LABELS, 1)
    with pytest.raises(UserError, match="into 5 parts"):
        data.folds(LABELS, 5)
