"""Labels and file names that are programs, paths, formulas or tricks of writing show as text, everywhere."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
import torch
from fuzzing import HOSTILE, answer, assert_plain, call
from places import BOOK
from small import speaker
from v8 import Page

from crnn_lib import assets, data, model, reader, widgets
from crnn_lib.alphabet import Alphabet
from crnn_lib.drawing import skeletons
from crnn_lib.errors import UserError, plain
from crnn_lib.tools import audit
from crnn_lib.widgets import bundle
from crnn_lib.widgets.monitor import monitor

LABELS = [label for label in HOSTILE if label.strip()] + ["\u2067x\u2066", "\ud800", "x" * 10_000_000]


def ids(label):
    return ascii(label[:24])


hostile = pytest.mark.parametrize("label", LABELS, ids=ids)


@pytest.fixture(scope="module")
def sample():
    return assets.SAMPLES["2b7xy"]


@pytest.fixture(scope="module")
def page():
    return Page()


# --- the terminal ---


@hostile
def test_text_is_shown_in_one_line_that_prints(label):
    shown = plain(label)
    assert shown.isprintable() and len(shown) < 20_000
    assert shown.encode("utf-8")
    if label.isprintable() and len(label) < 4000:
        assert shown == label


@pytest.mark.slow
@hostile
def test_file_names_reach_the_terminal_as_text(label, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "set"
    folder.mkdir()
    try:
        shutil.copy(sample, folder / f"{label.replace('/', '_')[:200]}.png")
        (folder / f"{label.replace('/', '_')[:200]}.jpg").write_bytes(b"no picture")
    except (OSError, ValueError):
        pass  # no file can have that name; it can be asked for
    here = [str(path) for path in folder.iterdir()]
    weights = f"{label[:100]}.safetensors"
    own = ["--data", str(folder)]
    commands = [["predict", *here, label], ["predict", *here, label, "--json"], ["predict", "x", "--weights", weights],
                ["evaluate", *own, "--skip-bad"], ["evaluate", "--data", label], ["evaluate", *own, "--labels", label],
                ["data", "verify", str(folder)], ["data", "verify", label], ["data", "check", str(folder)],
                ["evaluate", *own, "--label-until", label], ["data", "fetch", "--from", f"ftp://{label}"],
                ["data", "fetch", "--from", str(folder), "--out", "out"], ["crossval", *own], ["train", label], [label],
                ["train", "--data", label, "--out", "out"], ["train", *own, "--out", label], ["data", label],
                ["export", "--weights", weights, "--out", "x"], ["train", "--device", label, "--out", "x"]]  # fmt: skip
    monkeypatch.setattr("crnn_lib.drawing.captchas.dataset", lambda **_: pytest.fail("no data was asked for"))
    for command in commands:
        code, out, err = call(command)
        assert code in (0, 2), command
        assert_plain(out), assert_plain(err)
        assert "Traceback" not in err


@pytest.mark.slow
@hostile
def test_labels_reach_the_terminal_as_text(label, sample, tmp_path):
    shutil.copy(sample, tmp_path / "a.png")
    with open(tmp_path / "labels.csv", "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file).writerows([["file", "label"], ["a.png", label.encode("utf-8", "replace").decode()]])
    for command in (["evaluate"], ["train", "--out", str(tmp_path / "out")], ["crossval"]):
        code, out, err = call([*command, "--data", str(tmp_path)])
        assert (code, out) == (2, "")
        assert_plain(err)
    code, out, err = call(["data", "check", str(tmp_path)])
    assert code == (0 if len(label) < 100_000 else 2)  # more than a cell of a CSV may hold
    assert_plain(out), assert_plain(err)
    if code == 0:
        assert json.loads(call(["data", "check", str(tmp_path), "--json"])[1])["images"] == 1


@pytest.mark.parametrize("symbols", ["\x1b", "\u202e", "\n", "\0", "<", "$", "é", "\x7f"])
def test_what_a_hostile_reader_says_is_text(symbols, sample, tmp_path):
    reader.save(speaker(symbols), tmp_path / "reader", {"split_seed": "\x1b[2J" * 99_999})
    for extra in ([], ["--json"]):
        code, out, err = call(["predict", str(sample), "--weights", str(tmp_path / "reader"), *extra])
        assert (code, err) == (0, "") and out.count("\n") == 1
        assert_plain(out)
    said = json.loads(out)["predictions"][0]["text"]
    assert set(said) == {symbols}
    shutil.copy(sample, tmp_path)
    code, _, err = call(
        ["evaluate", "--data", str(tmp_path), "--weights", str(tmp_path / "reader"), "--split-seed", "1"]
    )
    assert code == 2
    assert_plain(err)


def test_messages_of_the_library_are_short_whatever_the_label():
    long = "é" * 5_000_000  # 10 MB of UTF-8
    for act in (lambda: Alphabet("ab").encode(long), lambda: model.Config("é").check_labels([long])):
        with pytest.raises(UserError) as caught:
            act()
        assert len(str(caught.value)) < 500


@hostile
def test_a_table_gives_labels_back_as_they_were(label, tmp_path):
    label = label.encode("utf-8", "replace").decode()[:100_000]
    rows = [audit.OutOfFold(label, label, label, 0.5, 1.0, 0)]
    audit.write_rows(rows, tmp_path / "rows.csv")
    assert audit.read_rows(tmp_path / "rows.csv") == rows


# --- plots ---


@pytest.mark.slow
@hostile
def test_plots_draw_labels_as_text(label):
    images = torch.zeros(1, 1, 32, 128)
    drawn = monitor._draw([{"epoch": 1, "train_loss": 2.0}], None, images, [label])
    assert drawn.startswith(b"\x89PNG")
    assert drawn != monitor._draw([{"epoch": 1, "train_loss": 2.0}], None, images, [""])


# --- HTML ---


class Tags(HTMLParser):
    """The elements of a page and their attributes, and all its text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, text):
        self.text += text


def assert_only_text(page):
    tags = Tags(page)
    assert {tag for tag, _ in tags.found} <= {"crnn-widget", "div", "img", "p", "strong"}
    for tag, attributes in tags.found:
        assert set(attributes) <= {"kind", "state", "class", "src", "alt", "width"}, tag
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert (attributes.get("alt") or "").isprintable()
    assert all(line.isprintable() for line in tags.text.split("\n")) and len(page) < 200_000
    json.loads(tags.found[0][1]["state"])
    return tags


def recording(label):
    frame = {"step": 0, "loss": 3.0, "blank": 1.0, "exact": 0, "gradient": None, "texts": [label]}
    run = {"variant": label, "what": label, "samples": [label], "shape": [1, 1, 2, 3], "validation_images": 4,
           "floors": [3.0], "posteriors": "AAAAAAAA", "frames": [frame]}  # fmt: skip
    return {"symbols": "ab", "runs": [run, dict(run)]}


@pytest.mark.slow
@hostile
def test_widgets_bake_labels_as_text(label):
    if len(label) <= skeletons.MOST:
        symbols = "".join(dict.fromkeys(label))
        made = answer(widgets.Lab, label, speaker("ab"), symbols=symbols)  # what the page cannot hold is refused
        if made:
            assert_only_text(made.baked())
    else:
        with pytest.raises(UserError, match="at most 64"):
            widgets.Lab(label, speaker("ab"))
    assert_only_text(widgets.Replay(recording=recording(label[:10_000])).baked())
    pad = widgets.Pad(speaker("".join(dict.fromkeys(label[:200]))))
    assert_only_text(pad.baked())


@pytest.mark.slow
@hostile
def test_messages_of_kernel_widgets_are_escaped(label):
    told = widgets.TrainingMonitor.__new__(widgets.TrainingMonitor)
    told.message = type("Message", (), {"value": ""})()
    widgets.TrainingMonitor._tell(told, label)
    assert re.fullmatch(r'<span role="status">[^<>]*</span>', told.message.value)
    shown = widgets.GeneratorKnobs(label[:1000])
    assert "<" not in shown.message.value and len(shown.message.value) < 1000


@pytest.mark.slow
@hostile
def test_the_directive_s_options_are_text(label):
    rst = pytest.importorskip("docutils.parsers.rst", reason="needs Sphinx")
    import crnn_widgets as page

    asked = [("lab", {"label": label[:60], "steps": "4"}), ("quiz", {"name": label}), ("pad", {"text": label})]
    asked += [("pad", {"sample": label}), ("microscope", {"sample": label})]
    for kind, options in asked:
        directive = page.CrnnWidget(
            "crnn-widget", [kind], options, None, 1, 0, "", None, SimpleNamespace(reporter=None)
        )
        try:
            (node,) = directive.run()
        except rst.DirectiveError as error:
            assert error.msg
        else:
            assert_only_text(node.astext())


def test_no_script_makes_elements_or_programs_of_text():
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
    ways += r"|createContextualFragment|srcdoc|setTimeout\(\s*[\"'`]|javascript:|\.on\w+\s*=[^=]"
    scripts = [*bundle.FOLDER.rglob("*.js"), *(BOOK / "_ext").glob("*.js")]
    assert len(scripts) > 20
    for path in scripts:
        assert not re.search(ways, path.read_text(encoding="utf-8")), path.name
    assert re.search(ways, "node.innerHTML = label") and re.search(ways, "node.onclick = act")


@hostile
def test_the_page_shows_text_as_python_does(label, page):
    shown = page.call("visible", label.encode("utf-8", "replace").decode())
    assert shown.isprintable() and len(shown) < 20_000
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown)


def test_a_folder_with_hostile_names_is_skipped_in_plain_words(sample, tmp_path, capsys):
    shutil.copy(sample, tmp_path / "good.png")
    for name in ("\u202egnp", "\x1b[2J", "<script>", "two\nlines"):
        (tmp_path / f"{name}.png").write_bytes(b"no picture")
    assert len(data.load_folder(tmp_path, skip_bad=True)) == 1
    err = capsys.readouterr().err
    assert err.startswith("warning: skipped 4 of 5") and r"\u202egnp" in err and r"two\nlines" in err
    assert_plain(err)
