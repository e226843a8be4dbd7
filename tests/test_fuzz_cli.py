"""The command line under arguments of any kind: it answers, or says in one line what is wrong, and writes whole files.

What takes long is played: training gives an untrained reader, nothing is downloaded, an export is a few bytes.
"""

import contextlib
import shutil
from argparse import Namespace
from functools import partial

import pytest
import torch
from fuzzing import assert_plain, call, everything, fuzz, texts
from hypothesis import given
from hypothesis import strategies as st

from crnn_lib import model, reader
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.files import atomic_path
from crnn_lib.tools import cli, commands, doctor, export, fetch, generate, sheet
from crnn_lib.training import Fit

VERBS = [["data", "generate"], ["data", "fetch"], ["data", "verify"], ["data", "check"], ["train"], ["evaluate"],
         ["crossval"], ["predict"], ["export"], ["doctor"], ["data"], []]  # fmt: skip
FLAGS = ["--json", "--skip-bad", "--fold-spaces", "--resume", "--fresh", "--no-augmentation", "--help", "-h", "--",
         "--held-out"]  # fmt: skip
OPTIONS = ["--out", "--count", "--seed", "--from", "--data", "--split-seed", "--train-fraction", "--width", "--epochs",
           "--batch-size", "--optimizer", "--schedule", "--device", "--weights", "--split", "--labels", "--folds",
           "--label-until", "--kind", "--faces", "--shards", "--picture", "--o"]  # fmt: skip
FILES = ["set", "set/labels.csv", "reader", "other", "a.png", "bad.png", "empty", "missing", "out", "new/out", "..",
         "a.png/x", "out.", "x" * 300, "http://127.0.0.1:9/x", "ftp://x", "https://[", "set/\u202e.png"]  # fmt: skip
VALUES = ["0", "1", "2", "3", "-1", "1e9", "nan", "inf", "0.5", "9" * 5000, str(2**31), "adam", "plateau", "cpu", "all",
          "cuda:9", "test", "train", "٣", "0x10", " 1", "１"]  # fmt: skip
values = st.one_of(st.sampled_from(FILES), st.sampled_from(FILES), st.sampled_from(VALUES), texts).filter(
    lambda text: not text.startswith("/") and "\0" not in text  # one would walk the disk, the other is no argument
)
pieces = st.one_of(
    st.tuples(st.sampled_from(OPTIONS), values),
    st.tuples(st.sampled_from(OPTIONS), values).map(lambda pair: ("=".join(pair),)),
    st.tuples(st.sampled_from(FLAGS)),
    st.tuples(values),
)
PLAIN = {  # what each verb needs: most vectors get past the parser by it
    "generate": [
        "--out out",
        "--out new/out --count 2",
        "--kind lines --count 3 --out out",
        "--kind plates --count 3 --out out",
    ],
    "fetch": ["--out out", "--from set --out out"],
    "verify": ["set", "empty"],
    "check": ["set", "set --json", "set --picture out.png"],
    "train": ["--data set --out out", "--data set --out reader --fresh"],
    "evaluate": ["--weights reader --data set", "--weights other --data set --split test"],
    "crossval": ["--data set --folds 2 --out out"],
    "predict": ["a.png --weights reader", "bad.png a.png"],
    "export": ["--weights reader --out out"],
}
vectors = st.sampled_from(VERBS).flatmap(
    lambda verb: st.builds(
        lambda needed, more: [*verb, *needed.split(), *(token for piece in more for token in piece)],
        st.sampled_from(["", *PLAIN.get(" ".join(verb[-1:]), [])]),
        st.lists(pieces, max_size=4),
    )
)


def pretended(config, data, recipe, checkpoint=None, **options):
    history = [{"epoch": i + 1, "train_loss": 1.0, "validation_ctc_loss": 2.0} for i in range(min(recipe.epochs, 5))]
    return Fit(model.CRNN(config).eval(), history, True)


@pytest.fixture(scope="module", autouse=True)
def played():
    """The slow parts, in short."""

    def download(url, part):
        raise UserError(f"cannot download {url!r}: there is no network")

    def to_onnx(network, path):
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"onnx")
        return 0.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "fit", pretended)
        patch.setattr("crnn_lib.tools.audit.fit", pretended)
        patch.setattr(fetch, "download", download)
        patch.setattr(export, "to_onnx", to_onnx)
        patch.setattr(sheet, "draw", lambda path, *_: to_onnx(None, path))
        patch.setattr(doctor, "packages", lambda path: iter(()))
        patch.setattr(captchas, "dataset", partial(captchas.dataset, 8))
        drawn = generate.drawn
        few = lambda a: Namespace(**vars(a) | {"count": min(a.count, 3)})  # noqa: E731
        patch.setattr(generate, "drawn", lambda a, chosen: drawn(few(a), chosen))
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory, played):
    """A folder with a little of everything: data, readers, pictures sound and not."""
    folder = tmp_path_factory.mktemp("template")
    assert cli.main(["data", "generate", "--out", str(folder / "set")]) == 0
    torch.manual_seed(0)
    for name in ("reader", "other"):
        provenance = {"data": "nothing", "split_seed": [], "train_fraction": "x", "history": 5}
        reader.save(model.CRNN(), folder / name, provenance if name == "other" else {})
    shutil.copy(next((folder / "set").glob("*.png")), folder / "a.png")
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "empty").mkdir()
    return folder


@fuzz
@given(vectors)
def test_any_arguments_are_obeyed_or_refused_in_one_line(template, tmp_path_factory, arguments):
    folder = tmp_path_factory.mktemp("case", numbered=True) / "here"
    shutil.copytree(template, folder)
    before = everything(folder)
    with contextlib.chdir(folder):
        code, out, err = call(arguments)
    assert code in (0, 1, 2, 130)
    assert_plain(out), assert_plain(err)
    assert "Traceback" not in err
    if code == 2:
        assert err.rstrip("\n").split("\n")[-1].startswith("error: ")
    after = everything(folder)
    assert not [path for path in after if path.name.startswith(".") or path.name.endswith(".part")]
    if code:
        assert {p: c for p, c in after.items() if c is not None} == {p: c for p, c in before.items() if c is not None}
    shutil.rmtree(folder.parent)
