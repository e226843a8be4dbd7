"""What would be learned wrong and silently is reported: labels, twins, two rows. And sound data is not."""

import json
import shutil
import unicodedata

import numpy as np
import pytest
import torch
from fuzzing import call
from PIL import Image
from places import ROOT

from crnn_lib import data, images
from crnn_lib.drawing import captchas, faces, lines
from crnn_lib.errors import UserError
from crnn_lib.tools import audit, checks, commands

CASES = ROOT / "tests" / "cases"


def report(folder, **options):
    files = data.list_folder(folder, **options)
    return checks.check(files, *data.load_files(files))


def save(folder, names, size=(60, 20)):
    """An image under each name, each with pixels of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        pixels = np.full(size[::-1], 255, np.uint8)
        pixels[8:12, 3 : 10 + i % 40] = i // 40
        Image.fromarray(pixels).save(folder / name)
    return folder


def found(report):
    """The kinds of findings."""
    return {kind for kind in checks.SENTENCES if report[kind]}


# --- labels ---


def test_white_space_is_reported_and_folded_on_request():
    folder = CASES / "double_spaces"
    told = report(folder)
    assert found(told) == {"white_space"} and told["images"] == 12
    odd = {one["file"]: one["label"] for one in told["white_space"]}
    assert set(odd) == {f"{i:02}.png" for i in range(12)} - {"09.png"}  # that is "plain text"
    assert odd["00.png"] == "one  two" and odd["07.png"] == "tab\there" and odd["08.png"] == "nb\xa0space"
    assert odd["05.png"] == " lead" and odd["06.png"] == "trail "
    labels = {file.name: file.label for file in data.list_folder(folder)}
    assert (labels["00.png"], labels["05.png"]) == ("one  two", "lead")  # learned as written, but for the ends
    assert found(report(folder, fold_spaces=True)) == set()
    labels = [file.label for file in data.list_folder(folder, fold_spaces=True)]
    assert labels == ["one two", "a b c", "red car", "up and down", "no end", "lead", "trail", "tab here", "nb space",
                      "plain text", "x y", "in or out"]  # fmt: skip
    assert list(data.read_labels(folder / "labels.csv", fold_spaces=True).values()) == labels


def test_counters_in_decomposed_file_names_are_reported(tmp_path):
    """As macOS writes them."""
    save(tmp_path, [unicodedata.normalize("NFD", f"é1b_{i}.png") for i in (1, 2)])
    assert [one["label"] for one in report(tmp_path)["counters"]] == ["é1b_1", "é1b_2"]


def test_counters_in_file_names_are_reported_and_cut_on_request():
    folder = CASES / "counters"
    told = report(folder)
    assert [one["file"] for one in told["counters"]] == sorted(path.name for path in folder.iterdir())
    assert told["counters"][0] == {"file": "2b7x_0.png", "label": "2b7x_0", "separator": "_"}
    assert any('--label-until "_"' in line for line in checks.sentences(told))
    assert told["conflicts"] == [], "labels that differ in their counters alone do not contradict each other"
    told = report(folder, label_until="_")
    assert found(told) == {"duplicates"}
    assert {file.label for file in data.list_folder(folder, label_until="_")} == {
        "2b7x", "4cd8", "7mne", "nn22", "w3pf", "xxyy"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "separator"),
    [
        (["abc_1", "abc_2"], "_"),
        (["2b7x_0001", "w3pf_0002", "nn22_0003"], "_"),
        (["abc-1", "abc-2", "xyz-1"], "-"),
        (["abc (1)", "abc (2)"], "("),
        (["abc_1", "abc_2", "xyz"], "_"),
        (["AB-12", "CD-34", "EF-56"], None),  # serial numbers
        (["2026-11-28", "2026-11-29"], None),
        (["00000_2b7xy", "00001_c3f8n"], None),  # a counter in front: the cure would not help
        (["a_1", "b", "c", "d"], None),
        (["123", "456"], None),
        (["_1", "_2"], None),
    ],
)
def test_what_looks_like_a_counter(names, separator, tmp_path):
    told = report(save(tmp_path, [f"{name}.png" for name in names]))["counters"]
    assert {one["separator"] for one in told} == ({separator} if separator else set())


def test_a_label_may_end_before_any_text_of_its_file_name(tmp_path):
    save(tmp_path, ["a b (1).png", "a b (2).png", "c.png"])
    assert [file.label for file in data.list_folder(tmp_path, label_until="(")] == ["a b", "a b", "c"]
    with pytest.raises(UserError, match=r"no file name in .* holds '_': give a different --label-until"):
        data.list_folder(tmp_path, label_until="_")
    save(tmp_path, ["(3).png"])
    with pytest.raises(UserError, match=r"\(3\)\.png': the label is empty"):
        data.list_folder(tmp_path, label_until="(")
    (tmp_path / "labels.csv").write_text("file,label\nc.png,c\n")
    with pytest.raises(UserError, match="not the file names: omit --label-until"):
        data.list_folder(tmp_path, label_until="(")


def test_labels_that_do_not_fit_are_reported_with_the_arithmetic(tmp_path):
    folder = save(tmp_path, ["=====.png", "hello.png", "ill.png", "xx.png"], (14, 30))  # 16 columns: T = 4
    told = report(folder)
    assert found(told) == {"too_long"} and told["narrowest"] == 4
    rest = {"steps": 4, "columns": 16}
    assert told["too_long"] == [
        {"file": "=====.png", "label": "=====", "needed": 9, "width": 36, **rest},
        {"file": "hello.png", "label": "hello", "needed": 6, "width": 24, **rest},
    ]
    (line,) = checks.sentences(told)
    assert "'hello' needs T >= U + r = 5 + 1 = 6 time steps, its 16 columns give T = 4" in line
    assert "a training run with --width 36 has room for all" in line


def test_lines_of_mixed_widths_fit_at_their_natural_width():
    folder = CASES / "mixed_widths"
    told, labels = report(folder), [file.label for file in data.list_folder(folder)]
    assert found(told) == set(), "and no single row is taken for two"
    assert (told["lengths"], told["median_length"], told["distinct_labels"]) == ([1, 58], 7, 24)
    assert told["widths"] == [23, 89, 642] and told["narrowest"] == 0
    assert set(told["alphabet"]) == set("".join(labels)) and told["symbols"]["|"] == 1
    assert sum(told["symbols"].values()) == len("".join(labels))
    assert max(told["symbols"], key=told["symbols"].get) == next(iter(told["symbols"]))
    fixed, _ = data.load_files(data.list_folder(folder), width=128)
    told = checks.check(data.list_folder(folder), fixed)
    assert [(one["file"], one["width"]) for one in told["too_long"]] == [("14.png", 240)]  # 58 + 2 steps of 4 columns


# --- doubtful labels ---


def checked(pictures, labels):
    """A report on pictures of grey levels in memory."""
    names = tuple(f"{i:03}.png" for i in range(len(labels)))
    tensors = [images.standardise(picture) for picture in pictures]
    return checks.check([], data.LabelledImages(tensors, tuple(labels), names))


def test_an_image_much_longer_or_emptier_than_its_label_suggests_is_doubtful():
    pictures, labels = captchas.generate(60, seed=2)
    assert checked(pictures, labels)["doubtful"] == []
    labels[3], labels[7] = labels[3][:2], labels[7] * 2
    pictures[9] = np.full_like(pictures[9], 200) + np.random.default_rng(0).normal(0, 2, pictures[9].shape)
    report = checked(pictures, labels)
    assert [one["file"] for one in report["doubtful"]] == ["003.png", "007.png", "009.png"]
    for one, usual in zip(report["doubtful"], (2, 10, 5), strict=True):
        assert one["usual"] == pytest.approx(20 * usual, rel=0.1)
    assert report["doubtful"][2]["columns"] == 0, "noise is no ink"
    (line,) = checks.sentences(report, ["doubtful"])
    assert f"'003.png' labelled {labels[3]!r}: {report['doubtful'][0]['columns']} columns of ink, usual are" in line


def test_printed_lines_of_all_kinds_are_hardly_ever_doubtful():
    pictures, labels = zip(*lines.generate(300, 5, faces.wheels()), strict=True)
    report = checked(pictures, labels)
    assert found(report) <= {"two_rows", "duplicates"} and len(report["two_rows"]) <= 1


def test_a_few_images_call_no_label_into_question():
    pictures, labels = captchas.generate(checks.FEWEST, seed=2)
    labels[0] = labels[0][:1]
    assert len(checked(pictures, labels)["doubtful"]) == 1
    assert checked(pictures[:-1], labels[:-1])["doubtful"] == []


def test_ink_is_what_differs_from_the_paper_dark_or_light():
    picture = captchas.render("2b7xy", seed=1).astype(float)
    dark, light = (checks.ink(images.standardise(one)[0]) for one in (picture, 255 - picture))
    assert (dark == light).all() and 0.05 < dark.mean() < 0.5


# --- pixels ---


def test_the_same_pixels_under_two_labels_are_named():
    told = report(CASES / "twins")
    pair = [{"file": "abc1.png", "label": "abc1"}, {"file": "abd1.png", "label": "abd1"}]
    assert found(told) == {"conflicts"} and told["conflicts"] == [pair]
    (line,) = checks.sentences(told)
    assert "'abc1.png'" in line and "'abd1.png'" in line and "different labels (1)" in line


def test_the_same_pixels_are_found_in_other_packing_and_the_same_label_is_another_finding(tmp_path):
    save(tmp_path, ["a.png", "b.png"])
    picture = Image.open(tmp_path / "a.png")
    picture.convert("RGB").save(tmp_path / "other.png", compress_level=0)
    picture.save(tmp_path / "c.jpg")
    shutil.copy(tmp_path / "c.jpg", tmp_path / "d.jpg")
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\nother.png,x\nb.png,y\nc.jpg,z\nd.jpg,w\n")
    told = report(tmp_path)
    assert [[one["file"] for one in group] for group in told["duplicates"]] == [["a.png", "other.png"]]
    assert [[one["file"] for one in group] for group in told["conflicts"]] == [["c.jpg", "d.jpg"]]


def test_files_that_are_no_images_are_reported_with_the_reason(tmp_path):
    save(tmp_path, ["good.png"])
    (tmp_path / "bad.png").write_text("a letter")
    told = report(tmp_path)
    assert told["images"] == 1 and [one["file"] for one in told["unreadable"]] == ["bad.png"]
    assert "is not an image" in told["unreadable"][0]["problem"]
    (tmp_path / "good.png").unlink()
    told = report(tmp_path)
    assert (told["images"], told["lengths"], told["alphabet"]) == (0, [], "")


# --- two rows ---


def test_two_rows_are_found():
    assert report(CASES / "two_rows")["two_rows"] == ["00.png", "01.png", "02.png"]


@pytest.mark.parametrize("folder", ["counters", "double_spaces", "mixed_widths", "twins"])
def test_single_rows_are_not_taken_for_two(folder):
    assert report(CASES / folder)["two_rows"] == []


def test_generated_images_hold_one_row():
    assert not any(checks.has_two_rows(checks.ink(image[0])) for image in captchas.dataset(300, seed=5).images)


def test_real_images_hold_one_row_and_nothing_is_wrong_with_them(captcha_dir):
    told = report(captcha_dir)
    assert found(told) == set() and told["images"] in (1040, 1070) and told["lengths"] == [5, 5]


@pytest.mark.parametrize(
    ("bands", "rows"),
    [([12, 12], True), ([8, 14], True), ([8, 8, 8], True), ([3, 20], False), ([24], False), ([], False)],
)
def test_bands_of_ink_count_as_rows_when_they_are_tall_enough(bands, rows):
    image, y = torch.full((32, 128), -0.5), 1
    for band in bands:
        image[y : y + band, 5:90] = 2.0
        y += band + 2
    assert checks.has_two_rows(checks.ink(image + 0.1 * torch.sin(torch.arange(128.0)))) is rows


def test_a_colon_is_two_rows_of_ink_but_one_of_text(tmp_path):
    pixels = np.full((30, 20), 255, np.uint8)
    pixels[4:12, 6:14] = pixels[18:26, 6:14] = 0
    for name in ("0.png", "1.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "labels.csv").write_text("file,label\n0.png,:\n1.png,12\n")
    assert report(tmp_path)["two_rows"] == ["1.png"]


# --- the command, and the warnings of others ---


def test_the_command_reports_in_words_and_as_json():
    code, out, err = call(["data", "check", str(CASES / "counters"), "--json"])
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert json.loads(out) == json.loads(json.dumps(report(CASES / "counters")))
    code, out, err = call(["data", "check", str(CASES / "two_rows")])
    told = out.splitlines()
    assert (code, err, len(told)) == (0, "", 5)
    assert told[0].startswith("3 images; 3 distinct labels of 6 to 34 characters (median 8)")
    assert told[1].startswith("widths in columns: smallest 43, median 50, largest 121; time steps per character: 0.9")
    assert told[2].startswith("symbols that occur fewer than 10 times (27): 'x' 1, ")
    assert "two rows of text (3): '00.png'; '01.png'; '02.png'" in out
    code, out, _ = call(["data", "check", str(CASES / "double_spaces"), "--fold-spaces"])
    assert code == 0 and out.splitlines()[3:] == ["no problem found"]
    code, out, err = call(["data", "check", "nowhere"])
    assert (code, out) == (2, "") and "nowhere" in err


@pytest.mark.parametrize("folder", ["counters", "double_spaces", "twins", "two_rows"])
@pytest.mark.parametrize("verb", ["train", "evaluate", "crossval"])
def test_what_is_silent_is_a_warning_before_a_run(verb, folder, tmp_path, monkeypatch):
    def begin(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "fit", begin)
    monkeypatch.setattr(audit, "fit", begin)
    monkeypatch.chdir(tmp_path)
    arguments = [verb, "--data", str(CASES / folder)]
    if verb != "evaluate":
        arguments += ["--width", "256", "--out", "x", *(["--folds", "2"] if verb == "crossval" else [])]
    _, _, err = call(arguments)
    kind = {"double_spaces": "white_space", "twins": "conflicts"}.get(folder, folder)
    assert f"warning: {checks.SENTENCES[kind][0]}" in err
    assert "--fold-spaces" in err if folder == "double_spaces" else "--fold-spaces" not in err


def test_labels_are_cut_and_folded_for_training_too(tmp_path, monkeypatch):
    seen = []

    def begin(config, part, *_, **__):
        seen.append(config.alphabet)
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "fit", begin)
    for folder, option in (("counters", ["--label-until", "_"]), ("double_spaces", ["--fold-spaces"])):
        code, _, err = call(["train", "--data", str(CASES / folder), "--out", str(tmp_path / "x"), *option])
        assert code == 130 and "warning" not in err
    assert "_" not in seen[0] and "\t" not in seen[1] and "\xa0" not in seen[1]


def test_sentences_are_short_and_say_how_many_more(tmp_path):
    save(tmp_path, [f"{i}  {i}.png" for i in range(30)])
    (line,) = checks.sentences(report(tmp_path))
    assert "(30)" in line and "and 25 more" in line and len(line) < 500


def test_images_of_a_wide_set_are_checked_as_they_are_loaded():
    files = data.list_folder(CASES / "two_rows")
    for width in (64, images.WIDTH, 400):
        loaded, _ = data.load_files(files, width=width)
        assert len(checks.check(files, loaded)["two_rows"]) == 3
