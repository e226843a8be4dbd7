"""Faults that fuzzing, or reading the code for it, found: mended, and one test each. They gave a traceback or worse."""

import json
import os
import subprocess
import sys
import zipfile

import pytest
import torch
from fuzzing import call, picture, zipped
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small import WIDER, eight_labelled

from crnn_lib import data, model, reader, widgets
from crnn_lib.alphabet import Alphabet
from crnn_lib.drawing import pen
from crnn_lib.errors import UserError
from crnn_lib.tools import audit, commands, fetch
from crnn_lib.training import Fit, Recipe, begin, fit

RECIPE = Recipe(epochs=2, batch_size=4)


@pytest.fixture(scope="module")
def labelled():
    return eight_labelled()


@pytest.fixture(scope="module")
def stopped(labelled, tmp_path_factory):
    """A checkpoint after one of two epochs."""
    path = tmp_path_factory.mktemp("run") / "checkpoint"
    next(iter(begin(WIDER, labelled, RECIPE, checkpoint=path)))
    return path


def changed(path, to, tensors=lambda t: t, **metadata):
    with safe_open(path, framework="pt") as file:
        old = dict(file.metadata())
    save_file(tensors(load_file(path)), to, old | {key: json.dumps(value) for key, value in metadata.items()})
    return to


def test_a_manifest_without_rows_is_no_set(tmp_path):
    for text in ("", "file,label,kind,sha256\n", "file,label,kind,sha256\na.png\n", "file,sha256\na.png,abc\n"):
        (tmp_path / "manifest.csv").write_text(text)
        with pytest.raises(UserError, match="damaged"):
            fetch.verify(tmp_path, tmp_path / "manifest.csv")


def test_a_damaged_lzma_member_of_a_zip_is_an_altered_image(tmp_path):
    content = picture("PNG", size=(20, 10))
    (tmp_path / "manifest.csv").write_text(f"file,sha256\na.png,{fetch.digest('a.png', content)}\n")
    packed = zipped({"a.png": content}, zipfile.ZIP_LZMA)
    at = packed.index(b"a.png") + 5 + 4  # after the method's own four bytes: its properties
    (tmp_path / "set.zip").write_bytes(packed[:at] + b"\xff" + packed[at + 1 :])
    with pytest.raises(UserError, match="1 altered"):
        fetch.fetch(tmp_path / "set.zip", tmp_path / "out", tmp_path / "manifest.csv")


def test_a_member_of_a_zip_without_a_name_is_passed_over(tmp_path):
    content = picture("PNG", size=(20, 10))
    (tmp_path / "manifest.csv").write_text(f"file,sha256\na.png,{fetch.digest('a.png', content)}\n")
    packed = zipped({"a.png": content, "nameless": b""}, zipfile.ZIP_STORED)
    (tmp_path / "set.zip").write_bytes(packed.replace(b"nameless", bytes(8)))  # a name ends before its first zero
    assert fetch.fetch(tmp_path / "set.zip", tmp_path / "out", tmp_path / "manifest.csv").name


RECORD = {"epoch": 1, "train_loss": 1.0, "validation_ctc_loss": 1.0}


@pytest.mark.parametrize(
    "history",
    [None, {}, [], [None], [{}], [RECORD, RECORD], [RECORD | {"validation_ctc_loss": None}], [RECORD | {"epoch": 3}],
     [RECORD | {"epoch": i} for i in (1, 2, 3)], [{"epoch": 1, "train_loss": 1.0}], [RECORD | {"\x1b": 1}]],
)  # fmt: skip
def test_a_checkpoint_with_a_crooked_history_is_refused(history, labelled, stopped, tmp_path):
    path = changed(stopped, tmp_path / "checkpoint", history=history)
    with pytest.raises(UserError, match="its history is damaged; delete it or use --fresh"):
        fit(WIDER, labelled, RECIPE, checkpoint=path)


@pytest.mark.parametrize("step", [-1.0, 0.0, 3.0, float("nan")])
def test_a_checkpoint_with_an_impossible_step_is_refused(step, labelled, stopped, tmp_path):
    path = changed(stopped, tmp_path / "c", lambda t: t | {"optimizer.0.step": torch.tensor(step)})
    with pytest.raises(UserError, match="impossible numbers"):
        fit(WIDER, labelled, RECIPE, checkpoint=path)


def test_a_state_of_a_cross_validation_that_lacks_rows_or_types_is_refused(labelled, tmp_path):
    def stop(fold, figures):
        raise KeyboardInterrupt

    state = tmp_path / "state.json"
    with pytest.raises(KeyboardInterrupt):
        audit.crossval(WIDER, labelled, Recipe(epochs=1), 2, 0, state, on_fold=stop)
    sound = json.loads(state.read_text())
    rows = sound["rows"]
    crooked = [rows[1:], rows * 2, [rows[0] | {"file": "other"}], [*rows[:-1], rows[0]]]
    crooked += [[row | {"fold": 9} for row in rows], [row | {"reading": None} for row in rows]]
    for wrong in crooked:
        state.write_text(json.dumps(sound | {"rows": wrong}))
        with pytest.raises(UserError, match="is damaged; delete it or use --fresh"):
            audit.crossval(WIDER, labelled, Recipe(epochs=1), 2, 0, state)


def test_out_of_fold_rows_with_empty_cells_are_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("fold,loss,confidence,reading,label,file\n0,1.0,1.0,a\n")
    with pytest.raises(UserError, match="empty cells"):
        audit.read_rows(tmp_path / "rows.csv")


def test_a_large_alphabet_is_checked_in_one_pass():
    symbols = "".join(map(chr, range(0x20000, 0x90000)))
    assert len(Alphabet(symbols)) == 0x70001
    with pytest.raises(UserError, match="more than once") as caught:
        Alphabet(symbols * 2)
    assert len(str(caught.value)) < 200


def test_a_reader_of_a_gigantic_picture_is_refused():
    for fields in ({"height": 65536, "width": 65536}, {"hidden": 65536, "width": 65536}, {"channels": (65536,) * 5}):
        with pytest.raises(UserError, match="too large, the limit is"):
            model.Config(**fields)


@pytest.fixture
def folder(tmp_path):
    assert call(["data", "generate", "--out", str(tmp_path / "set"), "--count", "12"])[0] == 0
    return tmp_path / "set"


@pytest.mark.parametrize("wrong", [{"split_seed": []}, {"train_fraction": "x"}, {"train_fraction": None}])
def test_a_recorded_split_that_is_none_is_told(wrong, folder):
    found = data.load_folder(folder)
    recorded = {"data": found.fingerprint(), "split_seed": 0, "train_fraction": 0.7} | wrong
    reader.save(model.CRNN(), folder / "reader", recorded)
    code, out, err = call(["evaluate", "--data", str(folder), "--weights", str(folder / "reader"), "--split", "test"])
    assert (code, out) == (2, "") and "no test part" in err


@pytest.mark.parametrize("history", [None, [], 5, [{}], [{"epoch": 1, "train_loss": [1]}]])
def test_a_finished_run_with_a_crooked_history_is_trained_again(history, folder, monkeypatch):
    trained = []

    def pretended(config, *_, **__):
        trained.append(config)
        return Fit(model.CRNN(config).eval(), [{"epoch": 1, "train_loss": 1.0}], True)

    monkeypatch.setattr(commands, "fit", pretended)
    arguments = ["train", "--data", str(folder), "--out", str(folder / "reader"), "--json"]
    assert call(arguments)[0] == 0 and call(arguments)[0] == 0 and len(trained) == 1
    found = reader.load(folder / "reader")
    reader.save(found, folder / "reader", found.provenance | {"history": history})
    code, out, err = call(arguments)
    assert (code, out, len(trained)) == (2, "", 1) and "other history" in err and "--fresh" in err
    assert call([*arguments, "--fresh"])[0] == 0 and len(trained) == 2


def test_probabilities_that_are_no_numbers_are_told(folder):
    network = model.CRNN()
    network.blocks[0][1].running_var.fill_(-1.0)
    reader.save(network, folder / "reader", {})
    code, out, err = call(["predict", str(next(folder.glob("*.png"))), "--json", "--weights", str(folder / "reader")])
    assert (code, out) == (2, "") and "its probabilities are not numbers" in err


@pytest.mark.slow
def test_a_name_that_the_terminal_s_encoding_lacks_is_spelt_out(folder):
    path = next(folder.glob("*.png")).rename(folder / "é.png")
    done = subprocess.run(
        [sys.executable, "-m", "crnn_lib", "predict", str(path)],
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and rb"\xe9.png" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "drawing", [5, None, [5], [[5]], [["ab"]], [[["a", "b"]]], [[[None, 1]]], [[[True, 1]]], {"a": 1}]
)
def test_a_drawing_of_another_kind_is_refused(drawing):
    with pytest.raises(UserError):
        pen.render(drawing)


def test_a_state_from_the_page_that_a_field_cannot_hold_is_left():
    pad = widgets.Pad(model.CRNN().eval())
    shown = pad.picture
    for value in (4096, 10**15, -1, "x", None, b"abc", [1]):  # as counts of bytes: a black picture, all memory
        pad.set_state({"picture": value})
        assert pad.picture == shown
    pad.set_state(None)


def test_a_damaged_recording_is_told():
    for recording in ({"runs": []}, {"runs": [{}]}, {"x": 1}, {"runs": [{"frames": []}]}):
        with pytest.raises(UserError, match="the recording is damaged"):
            widgets.Replay(recording=recording).baked()
