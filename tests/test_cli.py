import argparse
import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from fuzzing import as_csv
from killing import die
from PIL import Image

from crnn_lib import __version__, checkpoints, metrics, model, reader, training
from crnn_lib.data import load_folder, read_labels, split
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.tools import audit, cli, commands, doctor, fetch
from crnn_lib.tools.cli import main

SCORES = {"images", "exact", "exact_accuracy", "exact_interval", "edits", "characters", "cer", "character_accuracy",
          "ctc_loss"}  # fmt: skip
QUICK = ("--width", "40", "--epochs", "3")  # T = 10, enough for five letters whatever their repeats


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """28 generated images with a labels.csv."""
    path = tmp_path_factory.mktemp("data") / "generated"
    assert main(["data", "generate", "--out", str(path), "--count", "28", "--seed", "3"]) == 0
    return path


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """Weights trained for three epochs on one part of the folder."""
    path = tmp_path_factory.mktemp("weights") / "reader.safetensors"
    assert main(["train", "--data", str(folder), "--out", str(path), *QUICK, "--split-seed", "5"]) == 0
    return path


@pytest.fixture(scope="module")
def talker(trained):
    """The same reader, but it never says blank: so short a training has taught it little else."""
    network = reader.load(trained)
    with torch.no_grad():
        network.classify.bias[0] -= 50
    path = trained.with_name("talker.safetensors")
    reader.save(network, path, network.provenance)
    return path


@pytest.fixture
def copy(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture
def call(capsys):
    """Run one command: (exit code, stdout, stderr)."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def say(call):
    """Run one command with --json that must succeed: the one object on stdout, as strict JSON."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    def run(*arguments):
        code, out, err = call(*arguments, "--json")
        assert code == 0, err
        assert out.count("\n") == 1
        return json.loads(out, parse_constant=refuse)

    return run


@pytest.fixture
def refused(call, tmp_path, monkeypatch):
    """Run one command that must be refused in one line, having written nothing; that line."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, prints=""):
        before = sorted(tmp_path.rglob("*"))
        code, out, err = call(*arguments)
        assert (code, out) == (2, prints) and err.startswith("error: ")
        assert len(err.splitlines()) == 1 and err.endswith("\n") and len(err) > 20
        assert sorted(tmp_path.rglob("*")) == before
        return err

    return run


@pytest.fixture
def untrained(monkeypatch):
    """Nobody may begin to train."""

    def begin(*_, **__):
        raise AssertionError("training has begun")

    monkeypatch.setattr(commands, "fit", begin)
    monkeypatch.setattr(audit, "fit", begin)


@pytest.fixture
def embedded(monkeypatch):
    """A small embedded set in place of the whole one."""
    monkeypatch.setattr(captchas, "dataset", partial(captchas.dataset, 20))


def weights_of(path):
    return {name: tensor.numpy().tobytes() for name, tensor in reader.load(path).state_dict().items()}


# --- data ---


def test_generate_writes_images_named_by_their_labels_and_a_table(folder, tmp_path, call):
    names = sorted(p.name for p in folder.iterdir())
    rows = list(csv.DictReader((folder / "labels.csv").open(encoding="utf-8")))
    assert len(rows) == 28 and sorted([row["file"] for row in rows] + ["labels.csv"]) == names
    assert all(row["file"] == f"{i:05d}_{row['label']}.png" for i, row in enumerate(rows))
    code, out, err = call("data", "generate", "--out", tmp_path / "again", "--count", 2, "--seed", 3)
    assert code == 0 and "2 images" in out and err == ""
    for name in names[:2]:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert load_folder(folder).labels == tuple(row["label"] for row in rows)


def test_generate_leaves_what_is_there_alone(copy, tmp_path, refused, call):
    assert "not empty" in refused("data", "generate", "--out", copy)
    assert "Not a directory" in refused("data", "generate", "--out", copy / "labels.csv")
    (tmp_path / "empty").mkdir()
    assert call("data", "generate", "--out", tmp_path / "empty", "--count", 1)[0] == 0


def test_fetch_passes_its_arguments_on(call, refused, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(fetch, "fetch", lambda *given: asked.append(given) or "a report")
    assert call("data", "fetch") == (0, "a report\n", "")
    assert call("data", "fetch", "--from", "x.zip", "--out", tmp_path)[0] == 0
    assert call("data", "fetch", "plates")[0] == 0
    plates = fetch.SETS["plates"][1]
    assert asked == [
        (fetch.PUBLIC_URL, Path("data/captcha_images"), fetch.MANIFEST),
        ("x.zip", tmp_path, fetch.MANIFEST),
        (fetch.PLATES_URL, Path("data/plates"), plates),
    ]
    assert "invalid choice: 'cars'" in refused("data", "fetch", "cars")


def test_what_cannot_be_fetched_is_an_error(call, copy, tmp_path):
    for source in (tmp_path / "missing.zip", copy / "labels.csv"):
        code, out, err = call("data", "fetch", "--from", source, "--out", tmp_path / "new")
        assert (code, out) == (2, "") and not (tmp_path / "new").exists()
        assert err.splitlines()[-1].startswith("error: ") and source.name in err.splitlines()[-1]


def test_verify_says_what_a_folder_is(call, refused, copy, monkeypatch):
    assert "a different data set" in refused("data", "verify", copy)
    assert "nowhere" in refused("data", "verify", "nowhere")
    sound = fetch.Report("here", "full-1070", 1070, (), (), ())
    monkeypatch.setattr(fetch, "recognise", lambda where: sound)
    code, out, err = call("data", "verify", copy)
    assert (code, err) == (0, "") and "full-1070" in out


# --- train ---


def test_train_writes_a_reader_and_says_how_it_went(folder, tmp_path, say):
    out = tmp_path / "new" / "reader.safetensors"
    told = say("train", "--data", folder, "--out", out, "--width", 40, "--epochs", 1, "--batch-size", 8,
               "--train-fraction", 0.5, "--split-seed", 4, "--seed", 9, "--optimizer", "adam",
               "--schedule", "plateau")  # fmt: skip
    assert os.listdir(out.parent) == [out.name]
    assert {k: told[k] for k in ("weights", "images", "train_images", "split_seed", "train_fraction", "epoch")} == {
        "weights": str(out), "images": 28, "train_images": 14, "split_seed": 4, "train_fraction": 0.5, "epoch": 1
    }  # fmt: skip
    assert told["train_loss"] > 0 and told["cpu_seconds"] >= 0
    trained = reader.load(out)
    assert trained.config.width == 40 and set(trained.config.alphabet) == set("".join(load_folder(folder).labels))
    recipe = trained.provenance["recipe"]
    chosen = ("seed", "epochs", "batch_size", "optimizer", "schedule")
    assert [recipe[name] for name in chosen] == [9, 1, 8, "adam", "plateau"]
    assert trained.provenance["data"] == load_folder(folder).fingerprint()
    assert trained.provenance["environment"]["torch"] == torch.__version__ and len(trained.provenance["history"]) == 1


def test_progress_goes_to_stderr_and_results_to_stdout(folder, tmp_path, call):
    code, out, err = call("train", "--data", folder, "--out", tmp_path / "r", "--width", 40, "--epochs", 1)
    assert code == 0 and "training" in err and "training" not in out
    assert any(line.split() == ["train_images", "20"] for line in out.splitlines())


def test_each_verb_works_without_data(embedded, tmp_path, say, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert say("train", "--out", "r", *QUICK)["images"] == 20
    told = say("evaluate", "--weights", "r")
    assert (told["split"], told["images"]) == ("test", 6)
    rows = audit.read_rows  # the default table is runs/crossval.csv
    told = say("crossval", "--folds", 2, "--epochs", 1)
    assert told["images"] == 20 and Path(told["out"]) == Path("runs/crossval.csv") and len(rows(told["out"])) == 20


def test_training_afresh_gives_the_same_reader_and_takes_nothing_from_an_old_checkpoint(
    folder, trained, tmp_path, call
):
    out = tmp_path / "r"
    (tmp_path / "r.checkpoint").write_text("something old")
    out.write_text("something older")
    assert call("train", "--data", folder, "--out", out, *QUICK, "--split-seed", 5, "--fresh")[0] == 0
    assert weights_of(out) == weights_of(trained)
    assert os.listdir(tmp_path) == ["r"]


def test_the_test_part_is_not_trained_on(folder, trained, copy, tmp_path, call):
    data = load_folder(copy)
    for i in split(data.labels, 0.7, 5)[1]:  # spoil every test image
        Image.fromarray(np.full((50, 200), 128, np.uint8)).save(copy / data.names[i])
    assert call("train", "--data", copy, "--out", tmp_path / "r", *QUICK, "--split-seed", 5)[0] == 0
    assert weights_of(tmp_path / "r") == weights_of(trained)


# --- going on, and what is not overwritten ---


def ctrl_c_after_an_epoch(monkeypatch, call, *arguments):
    """Run one command that is interrupted after the first epoch of a training."""
    with monkeypatch.context() as patch:
        die(patch, checkpoints, "write", 1, True, KeyboardInterrupt)
        code, out, err = call(*arguments, "--json")
    assert (code, out) == (130, "") and "stopped" in err
    return err


@pytest.fixture
def count_epochs(monkeypatch):
    """One item for each epoch that is trained."""
    epochs, original = [], training.Run._epoch
    monkeypatch.setattr(training.Run, "_epoch", lambda run: epochs.append(1) or original(run))
    return epochs


@pytest.mark.parametrize("again", [(), ("--resume",)])
def test_after_ctrl_c_the_same_command_ends_like_an_undisturbed_run(
    again, folder, trained, tmp_path, call, monkeypatch, count_epochs
):
    arguments = ("train", "--data", folder, "--out", tmp_path / "r", *QUICK, "--split-seed", 5)
    assert "the same command continues" in ctrl_c_after_an_epoch(monkeypatch, call, *arguments)
    assert os.listdir(tmp_path) == ["r.checkpoint"]
    count_epochs.clear()
    assert call(*arguments, *again)[0] == 0 and len(count_epochs) == 2, "the first epoch is not repeated"
    assert weights_of(tmp_path / "r") == weights_of(trained) and os.listdir(tmp_path) == ["r"]


def test_a_fresh_run_that_was_interrupted_goes_on_over_an_older_file(folder, trained, tmp_path, call, monkeypatch):
    out = tmp_path / "r"
    out.write_text("something older")
    arguments = ("train", "--data", folder, "--out", out, *QUICK, "--split-seed", 5)
    err = ctrl_c_after_an_epoch(monkeypatch, call, *arguments, "--fresh")
    assert "the same command without --fresh continues" in err
    assert call(*arguments)[0] == 0 and weights_of(out) == weights_of(trained)


def test_a_fresh_run_that_was_interrupted_at_once_starts_again(folder, tmp_path, call, monkeypatch):
    die(monkeypatch, training.Run, "step", 1, False, KeyboardInterrupt)
    code, _, err = call("train", "--data", folder, "--out", tmp_path / "r", *QUICK, "--fresh")
    assert code == 130 and "after epoch 0 of 3: the same command starts again" in err


def test_ctrl_c_while_torch_is_imported(monkeypatch, capsys):
    from crnn_lib import __main__, tools

    class Interrupted:
        def find_spec(self, name, *_):
            if name == "crnn_lib.tools.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "crnn_lib.tools.cli")
    monkeypatch.delattr(tools, "cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["crnn", "predict", "x.png"])
    assert __main__.main() == 130
    assert capsys.readouterr() == ("", "stopped\n")


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0 and capsys.readouterr().out == f"crnn {__version__}\n"


def test_options_about_labels_need_a_folder(tmp_path, call):
    for option in (("--label-until", "_"), ("--fold-spaces",)):
        code, out, err = call("train", "--out", tmp_path / "r", *option)
        assert (code, out) == (2, "") and "give --data" in err


@pytest.mark.parametrize("again", [(), ("--resume",)])
def test_a_finished_training_is_left_as_it_is(again, folder, tmp_path, say, call, monkeypatch, request):
    arguments = ("train", "--data", folder, "--out", tmp_path / "r", *QUICK)
    first, before = say(*arguments), (tmp_path / "r").read_bytes()
    request.getfixturevalue("untrained")
    second = say(*arguments, *again)
    assert "is finished" in call(*arguments, *again)[2]
    assert second | {"cpu_seconds": 0} == first | {"cpu_seconds": 0, "resumed": "finished"}
    assert (tmp_path / "r").read_bytes() == before and os.listdir(tmp_path) == ["r"]


@pytest.mark.parametrize(
    ("other", "named"),
    [(("--epochs", 1), "recipe"), (("--seed", 1), "recipe"), (("--split-seed", 6), "split_seed"),
     (("--train-fraction", 0.6), "train_fraction"), (("--width", 48), "config"), (("--no-augmentation",), "recipe"),
     (("--init", "captcha"), "init")],
)  # fmt: skip
def test_the_weights_of_another_training_are_not_overwritten(
    other, named, folder, trained, tmp_path, refused, untrained
):
    shutil.copy(trained, tmp_path / "r")
    message = refused("train", "--data", folder, "--out", "r", *QUICK, "--split-seed", 5, *other)
    assert "r exists, of a different training run" in message and named in message and "--fresh" in message


def test_training_and_cross_validation_start_from_a_model(folder, tmp_path, say, refused, monkeypatch):
    monkeypatch.setattr(training.Run, "step", lambda *_: 1.0)
    source, begun = reader.load("captcha"), []
    monkeypatch.setattr(audit, "fit", lambda *a, init, **b: begun.append(init) or training.fit(*a, init=init, **b))
    told = say("train", "--data", folder, "--epochs", 1, "--init", "captcha", "--out", tmp_path / "r", "--width", 96)
    network = reader.load(tmp_path / "r")
    assert told["images"] == 28 and network.config.width == 96 and network.provenance["init"] == source.digest()
    assert network.lstm.weight_ih_l0.equal(source.lstm.weight_ih_l0)
    arguments = ("crossval", "--data", folder, "--folds", 2, "--epochs", 1, "--out", tmp_path / "c.csv")
    assert say(*arguments, "--init", "captcha")["images"] == 28
    assert [init.digest() for init in begun] == [source.digest()] * 2
    assert "--fresh" in refused(*arguments)


def test_a_reader_of_few_images_may_keep_the_symbols_of_the_model_that_it_starts_from(
    folder, tmp_path, say, refused, untrained, monkeypatch
):
    assert "give --init" in refused("train", "--data", folder, "--out", "r", "--keep-symbols")
    monkeypatch.setattr(commands, "fit", training.fit)
    monkeypatch.setattr(training.Run, "step", lambda *_: 1.0)
    arguments = ("train", "--data", folder, "--epochs", 1, "--init", "pen")
    say(*arguments, "--out", tmp_path / "r")
    say(*arguments, "--out", tmp_path / "k", "--keep-symbols")
    own, kept = (set(reader.load(tmp_path / name).config.alphabet) for name in "rk")
    assert own == set("".join(load_folder(folder).labels)) and kept == own | set(reader.load("pen").config.alphabet)
    assert kept > own


def test_a_training_has_a_learning_rate(folder, tmp_path, say, monkeypatch):
    monkeypatch.setattr(training.Run, "step", lambda *_: 1.0)
    rates = []
    for name, given in (("a", ()), ("b", ("--learning-rate", 1e-3))):
        say("train", "--data", folder, "--epochs", 1, "--out", tmp_path / name, *given)
        rates.append(reader.load(tmp_path / name).provenance["recipe"]["learning_rate"])
    assert rates == [3e-3, 1e-3]


def test_weights_of_other_pixels_or_none_at_all_are_not_overwritten(copy, trained, tmp_path, refused, untrained):
    arguments = ("train", "--data", copy, "--out", "r", *QUICK, "--split-seed", 5)
    shutil.copy(trained, tmp_path / "r")
    path = next(copy.glob("*.png"))
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    assert "(other data)" in refused(*arguments)
    (tmp_path / "r").write_text("a letter")
    assert "holds no weights: use --fresh" in refused(*arguments)


def test_the_checkpoint_of_another_run_or_a_damaged_one_is_refused(folder, trained, tmp_path, refused, monkeypatch):
    out, checkpoint = tmp_path / "r", tmp_path / "r.checkpoint"
    arguments = ("train", "--data", folder, "--out", out, *QUICK)
    data = load_folder(folder, width=40).subset(range(20))
    config = model.Config(alphabet="".join(sorted(set("".join(data.labels)))), width=40)
    training.fit(config, data, training.Recipe(epochs=1), checkpoint=checkpoint)
    message = refused(*arguments)
    assert "a different recipe, model or data" in message and "--fresh" in message
    for content in (trained.read_bytes(), b"", checkpoint.read_bytes()[:500]):
        checkpoint.write_bytes(content)
        assert "--fresh to start anew" in refused(*arguments)


def test_weights_and_splits_of_version_1_are_recognised(folder, trained, tmp_path, say, untrained):
    """It wrote a fingerprint of names and labels."""
    network, data = reader.load(trained), load_folder(folder)
    pairs = sorted(zip(data.names, data.labels, strict=True))
    old = network.provenance | {"data": hashlib.sha256(json.dumps(pairs).encode()).hexdigest()}
    reader.save(network, tmp_path / "r", old)
    told = say("evaluate", "--data", folder, "--weights", tmp_path / "r", "--split", "test")
    assert (told["split"], told["images"]) == ("test", 8)
    told = say("train", "--data", folder, "--out", tmp_path / "r", *QUICK, "--split-seed", 5)
    assert told["resumed"] == "finished"


KILLED = """
import os, signal, sys
from crnn_lib import training
from crnn_lib.tools import cli
step = training.Run.step
def die(self, *batch):
    loss = step(self, *batch)
    if len(self.history) == 1:  # after the first step of the second epoch
        os.kill(os.getpid(), signal.SIGKILL)
    return loss
training.Run.step = die
cli.main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_within_an_epoch_and_resumed_a_run_ends_like_an_undisturbed_one(
    folder, trained, tmp_path, call, count_epochs
):
    arguments = ["train", "--data", str(folder), "--out", str(tmp_path / "r"), *QUICK, "--split-seed", "5"]
    process = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True)
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert sorted(os.listdir(tmp_path)) == [".r.lock", "r.checkpoint"]
    assert call(*arguments)[0] == 0 and len(count_epochs) == 2, "the first epoch is not repeated"
    assert weights_of(tmp_path / "r") == weights_of(trained) and os.listdir(tmp_path) == ["r"]


# --- evaluate ---


def test_evaluate_scores_the_split_that_is_recorded(folder, trained, say):
    told = say("evaluate", "--data", folder, "--weights", trained)
    assert told.keys() >= SCORES and (told["split"], told["images"]) == ("test", 8)
    low, high = told["exact_interval"]
    assert 0 <= low <= told["exact_accuracy"] == told["exact"] / told["images"] <= high <= 1
    network = reader.load(trained)
    data = load_folder(folder, 32, 40)
    train, test = (data.subset(part) for part in split(data.labels, 0.7, 5))
    figures, _ = metrics.evaluate(network, test.images, test.labels)
    assert told == figures | {"split": "test", "weights": str(trained)}
    assert say("evaluate", "--data", folder, "--weights", trained, "--split", "test", "--split-seed", 5) == told
    both = say("evaluate", "--data", folder, "--weights", trained, "--split", "all")
    other = say("evaluate", "--data", folder, "--weights", trained, "--split", "train")
    assert (both["images"], other["images"]) == (28, 20) and set(train.names).isdisjoint(test.names)
    assert both["edits"] == told["edits"] + other["edits"] and both["split"] == "all"


def test_another_split_seed_or_other_data_have_no_test_part(copy, trained, refused, say):
    for more in ((), ("--split", "test"), ("--split", "all")):
        message = refused("evaluate", "--data", copy, "--weights", trained, "--split-seed", 6, *more)
        assert "split seed 5" in message and "seed 6" in message
    lines = (copy / "labels.csv").read_text().splitlines(keepends=True)
    (copy / "labels.csv").write_text("".join(lines[:-1]))
    for part in ("test", "train"):
        assert "other data" in refused("evaluate", "--data", copy, "--weights", trained, "--split", part)
    told = say("evaluate", "--data", copy, "--weights", trained)
    assert (told["split"], told["images"]) == ("all", 27)


def test_scores_for_people_have_the_same_figures(folder, trained, say, call):
    told = say("evaluate", "--data", folder, "--weights", trained)
    code, out, err = call("evaluate", "--data", folder, "--weights", trained)
    shown = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, err) == (0, "") and shown.keys() == told.keys()
    assert shown["images"] == "8" and shown["cer"] == f"{told['cer']:.4f}"
    assert shown["exact_interval"] == "[" + ", ".join(f"{bound:.4f}" for bound in told["exact_interval"]) + "]"


def table(path, rows):
    path.write_bytes(as_csv([["file", "label"], *rows]))
    return path


def test_labels_to_score_against_may_be_others(folder, talker, tmp_path, say, refused):
    network, data = reader.load(talker), load_folder(folder, 32, 40)
    test = data.subset(split(data.labels, 0.7, 5)[1])
    texts = reader.read(network, test.images).texts
    assert all(texts)
    before = say("evaluate", "--data", folder, "--weights", talker)
    labels = table(tmp_path / "a.csv", zip(test.names, texts, strict=True))
    told = say("evaluate", "--data", folder, "--weights", talker, "--labels", labels)
    assert (told["images"], told["split"], told["exact"]) == (8, "test", 8)
    # a label of an image outside the test part is no error, and changes nothing
    train_name = data.names[split(data.labels, 0.7, 5)[0][0]]
    quiet = say("evaluate", "--data", folder, "--weights", talker, "--labels",
                table(tmp_path / "b.csv", [(train_name, "b")]))  # fmt: skip
    assert quiet == before
    arguments = ("evaluate", "--data", folder, "--weights", talker, "--labels")
    assert "'nobody.png'" in refused(*arguments, table(tmp_path / "c.csv", [("nobody.png", "b")]))
    assert "'é'" in refused(*arguments, table(tmp_path / "d.csv", [(test.names[0], "é")]))
    (tmp_path / "e.csv").write_text("name,text\na,b\n")
    assert "file,label" in refused(*arguments, tmp_path / "e.csv")
    assert "missing.csv" in refused(*arguments, tmp_path / "missing.csv")


def test_a_label_that_cannot_fit_costs_an_endless_loss_yet_the_json_is_sound(folder, trained, tmp_path, say):
    labels = table(tmp_path / "a.csv", [(name, "bb" * 6) for name in load_folder(folder).names])
    told = say("evaluate", "--data", folder, "--weights", trained, "--split", "all", "--labels", labels)
    assert told["exact"] == 0 and told["ctc_loss"] is None


def test_images_with_unknown_characters_cannot_be_scored(copy, trained, refused):
    (name, _), *rows = read_labels(copy / "labels.csv").items()
    table(copy / "labels.csv", [(name, "àéàéà"), *rows])
    assert "not in the alphabet" in refused("evaluate", "--data", copy, "--weights", trained)


@pytest.mark.parametrize(
    "provenance", [{}, {"data": None}, {"split_seed": 5}, "same", {"train_fraction": "x", "split_seed": []}]
)
def test_a_reader_without_a_recorded_split_is_scored_on_all_or_not_at_all(
    provenance, folder, trained, tmp_path, refused
):
    network = reader.load(trained)
    if not isinstance(provenance, dict):
        provenance = {"data": network.provenance["data"]}
    reader.save(network, tmp_path / "r", provenance)
    refused("evaluate", "--data", folder, "--weights", "r", "--split", "test")
    assert main(["evaluate", "--data", str(folder), "--weights", "r", "--split", "all"]) == 0


# --- folders of one's own ---


def test_file_names_may_be_the_labels(copy, tmp_path, say):
    (copy / "labels.csv").unlink()
    for path in sorted(copy.iterdir()):
        path.rename(path.with_name(path.name.split("_")[1]))
    (copy / "notes.txt").write_text("no image")
    told = say("train", "--data", copy, "--out", tmp_path / "r", "--width", 40, "--epochs", 1)
    assert told["images"] == 28 and say("evaluate", "--data", copy, "--weights", tmp_path / "r")["images"] == 8


def test_a_table_may_name_hostile_files_in_subfolders(copy, tmp_path, say, call, trained):
    odd = ["sub/a b.png", "-rf.png", "ü'\"$(x).png", "tab\there.png", "\x1b[31mred.png"]
    rows = list(read_labels(copy / "labels.csv").items())
    (copy / "sub").mkdir()
    for name, (old, _) in zip(odd, rows, strict=False):
        (copy / old).rename(copy / name)
    renamed = [(name, label, "x") for name, (_, label) in zip(odd, rows, strict=False)]
    (copy / "labels.csv").write_bytes(as_csv([["file", "label", "note"], *renamed, *rows[len(odd) :]]))
    assert say("evaluate", "--data", copy, "--weights", trained)["images"] == 28
    code, out, _ = call("predict", "--weights", trained, "--json", "--", *(copy / name for name in odd))
    found = json.loads(out)
    assert code == 0
    assert [p["file"] for p in found["predictions"]] == [str(copy / name) for name in odd]


def test_bad_images_are_reported_together_or_skipped(copy, trained, tmp_path, refused, call, capsys, untrained):
    names = sorted(p.name for p in copy.glob("*.png"))
    (copy / names[0]).write_bytes(b"")
    (copy / names[1]).write_bytes((copy / names[1]).read_bytes()[:200])
    (copy / names[2]).write_text("no image")
    for command in (("evaluate", "--weights", trained), ("train", "--out", "r"), ("crossval", "--out", "c.csv")):
        message = refused(*command, "--data", copy)
        assert "3 of 28" in message and all(name in message for name in names[:3])
    code, out, err = call("evaluate", "--data", copy, "--weights", trained, "--skip-bad", "--json")
    assert code == 0 and json.loads(out)["images"] == 25 and err.startswith("warning: skipped 3 of 28")


def test_too_little_data_is_an_error(tmp_path, folder, refused, untrained):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    shutil.copy(next(folder.glob("*.png")), tmp_path / "one" / "b.png")
    for data in ("nowhere", "empty", "one", "one/b.png"):
        for command in (("train", "--out", "r"), ("crossval", "--out", "c.csv")):
            assert data.split("/")[0] in refused(*command, "--data", data) or data == "one"


# --- where things cannot go ---


@pytest.mark.parametrize("out", ["file/r", ".", "", "/", "folder", "file/deeper/r", "x" * 300])
def test_where_nothing_can_be_written_is_told_before_the_work(out, folder, trained, tmp_path, refused, untrained):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    refused("train", "--data", folder, "--out", out, *QUICK)
    refused("crossval", "--data", folder, "--out", out, "--folds", 2)
    refused("export", "--weights", trained, "--out", out)
    if out not in (".", "", "folder"):  # these are empty, or may be
        refused("data", "generate", "--out", out, "--count", 1)


@pytest.mark.parametrize("device", ["nonsense", "", "meta", "cuda:99", "xpu", "mps:7"])
def test_an_unknown_device_is_an_error(device, folder, refused, untrained):
    refused("train", "--data", folder, "--out", "r", "--device", device)
    refused("crossval", "--data", folder, "--out", "c.csv", "--device", device)


# --- predict ---


def test_predict_reads_in_the_given_order(folder, talker, call, say):
    data = load_folder(folder, 32, 40)
    paths = [folder / name for name in data.names[:5]][::-1]
    found = say("predict", *paths, "--weights", talker)
    assert found["errors"] == [] and [p["file"] for p in found["predictions"]] == [str(p) for p in paths]
    readings = reader.read(reader.load(talker), data.images[:5])
    assert [p["text"] for p in found["predictions"]] == readings.texts[::-1]
    assert all(0 <= p["confidence"] <= 1 for p in found["predictions"])
    code, out, err = call("predict", *paths, "--weights", talker)
    expected = [(p["file"], p["text"], f"{p['confidence']:.4f}") for p in found["predictions"]]
    assert (code, err) == (0, "") and [tuple(line.split("\t")) for line in out.splitlines()] == expected


def test_one_bad_image_does_not_hide_the_others(folder, trained, tmp_path, call, capsys):
    good = sorted(folder.glob("*.png"))[:2]
    (tmp_path / "bad.png").write_text("no image")
    code, out, err = call("predict", good[0], tmp_path / "bad.png", tmp_path, good[1], "--weights", trained, "--json")
    told = json.loads(out)
    assert code == 2 and [p["file"] for p in told["predictions"]] == list(map(str, good))
    assert len(told["errors"]) == 2 and "bad.png" in told["errors"][0]
    assert len(err.splitlines()) == 1 and "bad.png" in err
    code, out, err = call("predict", tmp_path / "bad.png", good[0], "--weights", trained)
    assert code == 2 and len(out.splitlines()) == 1 and len(err.splitlines()) == 1


def test_only_bad_images(trained, refused):
    assert "missing.png" in refused("predict", "missing.png", "--weights", trained)
    refused("predict", "missing.png", "--weights", trained, "--json", prints=json.dumps(
        {"predictions": [], "errors": ["cannot read 'missing.png': there is no such file; give an image file"]}
    ) + "\n")  # fmt: skip


def test_hostile_file_names_do_not_reach_the_terminal_raw(folder, trained, tmp_path, call, monkeypatch):
    image = next(folder.glob("*.png"))
    names = ["two\nlines.png", "\x1b[31mred.png", os.fsdecode(b"latin\xe9.png")]
    paths = [shutil.copy(image, tmp_path / name) for name in names]
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # strict, as on a terminal
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert main(["predict", *map(str, paths), "--weights", str(trained)]) == 0
    stream.flush()
    lines = stream.buffer.getvalue().decode("utf-8").splitlines()
    assert len(lines) == 3 and all(line.replace("\t", "").isprintable() for line in lines)
    for bad in (*names, "gone\n\x1b[2J.safetensors"):
        code, out, err = call("predict", image, "--weights", tmp_path / f"{bad}.missing")
        assert (code, out) == (2, "") and len(err.splitlines()) == 1 and err.strip().isprintable()


@pytest.mark.parametrize("content", [None, b"", b"no weights", b"\xff" * 100])
def test_weights_that_cannot_be_read_are_named(content, folder, tmp_path, refused, monkeypatch):
    if content is not None:
        (tmp_path / "bad.safetensors").write_bytes(content)
    image = next(folder.glob("*.png"))
    bad = tmp_path / "bad.safetensors"
    assert "bad.safetensors" in refused("predict", image, "--weights", bad)
    assert "bad.safetensors" in refused("evaluate", "--data", folder, "--weights", bad)
    assert "bad.safetensors" in refused("export", "--weights", bad, "--out", "x.onnx")


# --- export, doctor, crossval ---


def test_export_writes_a_graph_that_reads_alike(folder, trained, tmp_path, call):
    code, out, _ = call("export", "--weights", trained, "--out", tmp_path / "r.onnx")
    assert code == 0 and len(out.splitlines()) == 1 and "r.onnx" in out and os.listdir(tmp_path) == ["r.onnx"]
    data = load_folder(folder, 32, 40)
    session = onnxruntime.InferenceSession(str(tmp_path / "r.onnx"), providers=["CPUExecutionProvider"])
    (log_probs,) = session.run(["log_probs"], {"image": data.images[:4].numpy()})
    expected = reader.read(reader.load(trained), data.images[:4]).log_probs
    np.testing.assert_allclose(log_probs, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("code", [0, 1])
def test_doctor_s_verdict_is_the_exit_code(code, call, monkeypatch):
    monkeypatch.setattr(doctor, "run", lambda: print("[ok]") or code)
    assert call("doctor") == (code, "[ok]\n", "")


def test_crossval_reads_every_image_and_goes_on_after_an_interruption(folder, tmp_path, say, call, monkeypatch):
    arguments = ("crossval", "--data", folder, "--folds", 2, "--epochs", 1, "--out", tmp_path / "c.csv")
    original, calls = audit.fit, iter(range(100))

    def interrupted(*positional, **options):
        if next(calls) == 1:
            raise KeyboardInterrupt
        return original(*positional, **options)

    with monkeypatch.context() as patch:
        patch.setattr(audit, "fit", interrupted)
        code, out, err = call(*arguments, "--json")
    assert (code, out) == (130, "") and "fold 1 of 2" in err and not (tmp_path / "c.csv").exists()
    other = call(*arguments[:-1], tmp_path / "c.csv", "--seed", 1)
    assert other[0] == 2 and "a different recipe, model or data" in other[2]
    told = say(*arguments)
    assert next(calls) == 2, "the first fold was read from the state"
    assert told.keys() >= SCORES and (told["images"], told["folds"]) == (28, 2)
    rows = audit.read_rows(tmp_path / "c.csv")
    assert [row.file for row in rows] == list(load_folder(folder).names) and {row.fold for row in rows} == {0, 1}
    assert told["exact"] == sum(row.label == row.reading for row in rows)
    assert sorted(os.listdir(tmp_path)) == ["c.csv", "c.csv.state.json"]


def test_a_cross_validation_has_a_width(folder, tmp_path, say, refused, untrained):
    arguments = ("crossval", "--data", folder, "--folds", 2, "--epochs", 1, "--out", tmp_path / "c.csv", "--width")
    assert "--width 24 has room for all" in refused(*arguments, 16)  # before it trains anything
    asked = []

    def fit(config, part, *_, **__):
        asked.append((config.width, part.images.shape[-1]))
        return training.Fit(model.CRNN(config).eval(), [], True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "fit", fit)
        assert say(*arguments, 48)["images"] == 28
    assert asked == [(48, 48)] * 2


@pytest.fixture
def validated(folder, tmp_path, say):
    """The arguments and the result of a finished cross-validation into c.csv."""
    arguments = ("crossval", "--data", folder, "--folds", 2, "--epochs", 2, "--out", tmp_path / "c.csv")
    return arguments, say(*arguments)


@pytest.mark.parametrize("again", [(), ("--resume",)])
def test_a_finished_cross_validation_is_left_as_it_is(again, validated, tmp_path, say, call, untrained):
    arguments, first = validated
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    second = say(*arguments, *again)
    assert "is finished" in call(*arguments)[2]
    assert second | {"cpu_seconds": 0} == first | {"cpu_seconds": 0, "resumed": "finished"}
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before


def test_the_table_of_another_cross_validation_is_not_overwritten(validated, tmp_path, refused, call, say, untrained):
    arguments, _ = validated
    for other in (("--epochs", 3), ("--seed", 1), ("--folds", 3), ("--width", 64)):
        assert "--fresh" in refused(*arguments, *other)
    (tmp_path / "c.csv.state.json").rename(tmp_path / "kept")
    message = refused(*arguments)  # a table of version 1, or a file that is none
    assert "c.csv exists, and no c.csv.state.json says" in message and "--fresh" in message
    (tmp_path / "c.csv.state.json").write_text("{")
    assert "--fresh" in refused(*arguments)


def test_a_fresh_cross_validation_takes_nothing_from_an_earlier_one(validated, tmp_path, say, call, monkeypatch):
    arguments, first = validated
    ctrl_c_after_an_epoch(monkeypatch, call, *arguments, "--seed", 1, "--fresh")
    assert len(os.listdir(tmp_path)) == 3, "the old table, and the state and a checkpoint of the new run"
    told = say(*arguments, "--seed", 1)  # and continues over the old table
    assert "resumed" not in told and told["seed"] == 1
    assert "resumed" not in say(*arguments, "--seed", 1, "--fresh"), "it was trained again, with the same result"
    assert say(*arguments, "--fresh") | {"cpu_seconds": 0} == first | {"cpu_seconds": 0}
    assert sorted(os.listdir(tmp_path)) == ["c.csv", "c.csv.state.json"]


def test_a_table_that_was_removed_is_written_again_from_the_state(validated, tmp_path, say, untrained):
    arguments, first = validated
    table = (tmp_path / "c.csv").read_bytes()
    (tmp_path / "c.csv").unlink()
    assert say(*arguments) | {"cpu_seconds": 0} == first | {"cpu_seconds": 0}
    assert (tmp_path / "c.csv").read_bytes() == table


# --- usage ---


@pytest.mark.parametrize(
    "arguments",
    [
        "", "nonsense", "data", "data nonsense", "data generate", "data verify", "train", "export", "predict",
        "train --out r --unknown", "predict --weights", "evaluate --split validation", "evaluate --split-seed x",
        "data generate --out d --count 0", "data generate --out d --count -1", "data generate --out d --count 1e3",
        "data generate --out d --count 99999999999", "data generate --out d --seed -1",
        "data generate --out d --seed ٣",
        "train --out r --epochs 0", "train --out r --epochs 1.5", "train --out r --batch-size 0",
        "train --out r --optimizer sgd",
        "train --out r --schedule cosine", "train --out r --width 0", "train --out r --width 2000000000",
        "train --out r --width 65537", "crossval --width 0", "train --out r --resume --fresh", "data check",
        "train --out r --train-fraction x", "train --out r --learning-rate x", "crossval --folds 1",
        "crossval --seed -3",
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(arguments, refused, embedded, untrained):
    refused(*arguments.split())


@pytest.mark.parametrize(
    "option, value, message",
    [("--train-fraction", fraction, "fraction") for fraction in ("0", "1", "-0.5", "1.5", "nan", "inf")]
    + [("--learning-rate", rate, "learning rate") for rate in ("0", "-1", "nan", "inf")]
    + [("--width", 1, "pooled away"), ("--width", 3, "pooled away"), ("--width", 4, "T >= U")]
    + [("--width", 16, "T >= U + r = 5 + 1 = 6 time steps"), ("--width", 16, "--width 24 has room for all")],
)
def test_an_impossible_number_is_an_error(option, value, message, folder, refused, untrained):
    assert message in refused("train", "--data", folder, "--out", "r", f"{option}={value}")


def test_more_folds_than_labels_are_an_error(folder, refused, untrained):
    assert "99 parts" in refused("crossval", "--data", folder, "--out", "c.csv", "--folds", 99)


def all_commands(parser, so_far=()):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield (*so_far, name)
                yield from all_commands(inner, (*so_far, name))


def test_every_command_has_help(capsys):
    found = [(), *all_commands(cli._parser())]
    assert {("data", "generate"), ("data", "fetch"), ("data", "verify"), ("data", "check"), ("train",),
            ("evaluate",), ("crossval",), ("predict",), ("export",), ("doctor",)} <= set(found)  # fmt: skip
    for command in found:
        with pytest.raises(SystemExit) as caught:
            main([*command, "--help"])
        out, err = capsys.readouterr()
        assert caught.value.code == 0 and out.startswith("usage: crnn") and err == ""


def test_errors_of_any_shape_are_one_line(call, monkeypatch):
    def fail():
        raise UserError("first\nsecond \u2028third\r\x85fourth")

    monkeypatch.setattr(doctor, "run", fail)
    assert call("doctor") == (2, "", "error: first second third fourth\n")


@pytest.mark.parametrize("how", ["went away", "full"])
def test_a_standard_output_that_takes_nothing_is_no_traceback(how, monkeypatch, capsys):
    """As `python -m crnn_lib ... | head -1`, whose pipe is closed before the text is written, or on a full disk."""
    if how == "full" and not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    monkeypatch.setattr(doctor, "run", lambda: print("[ok]" * 10))
    receiving, sending = os.pipe()
    os.close(receiving)
    with os.fdopen(sending if how == "went away" else os.open("/dev/full", os.O_WRONLY), "w") as stream:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            code = main(["doctor"])
        if how == "full":
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()  # as the interpreter does at its end
    err = capsys.readouterr().err
    assert "Traceback" not in err and code == (1 if how == "went away" else 2)
    assert how == "went away" or (err.startswith("error: ") and len(err.splitlines()) == 1)


@pytest.mark.slow
def test_the_module_is_a_command(folder, tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "crnn_lib", "predict", str(next(folder.glob("*.png"))), "--weights", "missing\n.x"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("error: ") and len(process.stderr.splitlines()) == 1
