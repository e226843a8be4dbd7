"""Sets in tar shards, and sets that are larger than memory: images decoded when they are asked for."""

import contextlib
import io
import itertools
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from fuzzing import picture, tarred
from PIL import Image

from crnn_lib import data, files, images, metrics, reader, stored
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.shards import find_shards
from crnn_lib.stored import StoredImages
from crnn_lib.tools import checks
from crnn_lib.training import Recipe, begin, fit

PNG = picture("PNG")
CONFIG = Config(alphabet="ab", channels=(4, 6), pools=((4, 2), (4, 2)), features=12, hidden=6)
RECIPE = Recipe(epochs=2, batch_size=4, validation_fraction=0.25, learning_rate=5e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty images of several widths, with a labels.csv."""
    folder = tmp_path_factory.mktemp("folder")
    pictures, labels = captchas.generate(20, alphabet="ab", lengths=(2, 3))
    rows = ["file,label"]
    for i, (one, label) in enumerate(zip(pictures, labels, strict=True)):
        name = f"{'ab'[i % 2]}/{i:02}.{'png' if i % 3 else 'jpg'}"
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(one).crop((0, 0, 120 + 10 * (i % 4), 50)).save(folder / name)
        rows.append(f"{name},{label}")
    (folder / data.LABELS_CSV).write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def shards(folder, tmp_path_factory):
    """The same images, dealt to three shards, labels before images."""
    place = tmp_path_factory.mktemp("shards")
    for k in range(3):
        dealt = data.list_folder(folder)[k::3]
        labels = [(f"{Path(file.name).with_suffix('.txt').as_posix()}", f"{file.label}\n".encode()) for file in dealt]
        pictures = [(file.name, file.path.read_bytes()) for file in dealt]
        (place / f"part-{k:03}.tar").write_bytes(tarred([*labels, ("a/notes.json", b"{}"), *pictures]))
    return place


@pytest.fixture
def tight(monkeypatch):
    """No image is kept in memory; as many processes decode as the test says, none by default."""
    monkeypatch.setattr(data, "IN_MEMORY", -1)

    def use(processes):
        monkeypatch.setattr(stored, "workers", lambda: processes)

    use(0)
    return use


def timeless(history):
    return [{key: value for key, value in record.items() if key != "cpu_seconds"} for record in history]


# --- shards ---


def test_shards_are_the_set_that_a_folder_is(folder, shards):
    expected = data.load_folder(folder)
    for where in (shards, str(shards / "part-{000..002}.tar"), shards / "part-00{2,0,1}.tar"):
        found = data.load_folder(where)
        assert (found.names, found.labels, found.digests) == (expected.names, expected.labels, expected.digests)
        assert found.fingerprint() == expected.fingerprint()
        assert all(map(torch.equal, found.images, expected.images))
    assert data.load_folder(shards / "part-000.tar").names == expected.names[::3]


def test_what_a_pattern_means(tmp_path):
    for name in ("t-08.tar", "t-09.tar", "t-10.tar", "t-a.tar", "t-{1..2}.tar", ".t.tar", "u.TAR"):
        (tmp_path / name).touch()

    def names(pattern):
        return [path.name for path in find_shards(str(tmp_path / pattern))]

    assert names("t-{08..10}.tar") == ["t-08.tar", "t-09.tar", "t-10.tar"]
    assert names("{t,t}-{08..08}.tar") == ["t-08.tar", "t-08.tar"] and names("t-{10,a}.tar") == ["t-10.tar", "t-a.tar"]
    assert names("t-{1..2}.tar") == ["t-{1..2}.tar"] and names("u.TAR") == ["u.TAR"]
    assert names("") == ["t-08.tar", "t-09.tar", "t-10.tar", "t-a.tar", "t-{1..2}.tar", "u.TAR"]
    assert names("none") == []
    for pattern, message in (
        ("t-{08..12}.tar", r"no shard '.*t-11\.tar' \(2 of 5 are not there\)"),
        ("t-{0..999999999}.tar", "more than 100,000 shards"),
        ("t.tar", r"no shard '.*t\.tar'$"),
        ("{0..1}" * 5000 + ".tar", "no shard"),
        ("t.tar.gz", "compressed"),
        ("t.tgz", "compressed"),
    ):
        with pytest.raises(UserError, match=message):
            names(pattern)


def test_what_does_not_count_in_a_shard(tmp_path):
    members = {"./a.png": PNG, "a.txt": "\ufeffü b \n".encode(), "._a.png": b"x", "a.json": b"{}", "README": b"x"}
    with tarfile.open(tmp_path / "s.tar", "w") as shard:
        shard.addfile(tarfile.TarInfo("folder.png"))
        shard.getmembers()[0].type = tarfile.DIRTYPE
    (tmp_path / "s.tar").write_bytes(tarred({"empty": b""}, type=tarfile.DIRTYPE)[:512] + tarred(members))
    (tmp_path / "notes.md").touch()
    (file,) = data.list_set(tmp_path, fold_spaces=True)
    assert (file.name, file.label) == ("a.png", "ü b")
    assert data.load_folder(tmp_path).names == ("a.png",)


PAIR = {"a.png": PNG, "a.txt": b"a"}
WHOLE = tarred(PAIR)
FAULTS = {
    "no bytes": (b"", "is empty (0 bytes)"),
    "no members": (tarred({}), "holds no image"),
    "no images": (tarred({"a.json": b"{}"}), "holds no image"),
    "no tar": (b"PK\3\4" * 500, "is not a tar file"),
    "cut in an image": (WHOLE[:540], "is cut short: 'a.png' lacks its end"),
    "cut between": (WHOLE[:1024], "is cut short after 'a.png': it has no end"),
    "no end": (WHOLE[:2048], "is cut short after 'a.txt': it has no end"),
    "cut off by a damaged header": (WHOLE[:1024] + b"\xff" + WHOLE[1025:], "is damaged after 'a.png'"),
    "two in one": (WHOLE + WHOLE, "or holds more after its end"),
    "no label": (tarred({"a.png": PNG}), "'a.png' is without its label"),
    "no image": (tarred({"a.txt": b"a"}), "'a.txt' is without its image"),
    "an empty label": (tarred({"a.png": PNG, "a.txt": b" \n"}), "the label 'a.txt' is empty"),
    "a label in Latin-1": (tarred({"a.png": PNG, "a.txt": b"\xe9"}), "the label 'a.txt' is not UTF-8"),
    "a long label": (tarred({"a.png": PNG, "a.txt": b"a" * 65_537}), "'a.txt' is too large: 65,537 bytes"),
    "twice the same": (tarred([*PAIR.items(), ("a.png", PNG)]), "'a.png' and 'a.png' have one key, 'a'"),
    "a key with a dot": (tarred(PAIR | {"a.b.png": PNG}), "'a.png' and 'a.b.png' have one key, 'a'"),
    "a link": (tarred({"a.png": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"), "'a.png' is a link, a device"),
    "a device": (tarred({"a.png": b""}, type=tarfile.CHRTYPE), "'a.png' is a link, a device"),
    "an absolute path": (tarred({"/a.png": PNG}), "'/a.png' leads out of the shard"),
    "a path out": (tarred({"x/../../a.png": PNG}), "'x/../../a.png' leads out of the shard"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_shard_is_one_clear_line_or_left_out(fault, tmp_path, capsys):
    content, message = FAULTS[fault]
    (tmp_path / "1.tar").write_bytes(tarred({"z.png": PNG, "z.txt": b"z"}))
    (tmp_path / "2.tar").write_bytes(content)
    with pytest.raises(UserError) as caught:
        data.list_set(tmp_path)
    assert message in str(caught.value) and repr(str(tmp_path / "2.tar")) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "(1)" in str(caught.value) or fault.startswith("cut"), "no second line on the other half of a pair"
    kept = data.load_folder(tmp_path, skip_bad=True)
    assert "z.png" in kept.names and message in capsys.readouterr().err


def test_where_nothing_is_left_nothing_is_skipped(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.tar").write_bytes(b"")
    with pytest.raises(UserError, match=r"in the shards \(2\): '.*0\.tar' is empty \(0 bytes\); '.*1\.tar' is empty"):
        data.list_set(tmp_path, skip_bad=True)


def test_keys_are_unique_in_all_shards_and_bad_images_are_reported_like_a_folder_s(tmp_path, capsys):
    (tmp_path / "1.tar").write_bytes(tarred(PAIR))
    (tmp_path / "2.tar").write_bytes(tarred(PAIR | {"b.png": PNG[:50], "b.txt": b"b"}))
    with pytest.raises(
        UserError, match=r"what is wrong in the shards \(1\): '.*2\.tar': the key 'a' is in '.*1\.tar' too"
    ):
        data.load_folder(tmp_path)
    assert data.load_folder(tmp_path, skip_bad=True).names == ("a.png",)
    assert "skipped 1 of 2 images" in (told := capsys.readouterr().err) and "2.tar/b.png" in told.replace("\\", "/")


def test_a_folder_holds_images_or_shards_and_labels_stand_in_one_place(tmp_path):
    (tmp_path / "1.tar").write_bytes(WHOLE)
    with pytest.raises(UserError, match="omit --label-until"):
        data.list_set(tmp_path, label_until="_")
    (tmp_path / "x.png").write_bytes(PNG)
    with pytest.raises(UserError, match=r"holds shards and images \('x\.png'\)"):
        data.list_set(tmp_path)
    (tmp_path / data.LABELS_CSV).write_text("file,label\nx.png,x\n")
    assert [file.label for file in data.list_set(tmp_path)] == ["x"]
    with pytest.raises(UserError, match="is not a folder"):
        data.list_set(tmp_path / "x.png")


# --- larger than memory ---


def decoded(monkeypatch):
    """How many images have been decoded so far in this process, as a list of one number."""
    count, original = [0], images.load_grey

    def counting(*arguments):
        count[0] += 1
        return original(*arguments)

    monkeypatch.setattr(images, "load_grey", counting)
    return count


def test_a_set_that_fits_into_memory_is_decoded_once(folder, monkeypatch):
    count = decoded(monkeypatch)
    fit(CONFIG, data.load_folder(folder), RECIPE)
    assert count == [20]


def test_a_larger_one_is_decoded_when_it_is_asked_for(folder, shards, monkeypatch, tight):
    monkeypatch.setattr(data, "IN_MEMORY", 10**9)
    whole, count = data.load_folder(folder), decoded(monkeypatch)
    assert isinstance(whole.images, list)
    monkeypatch.setattr(data, "IN_MEMORY", 3 * whole.images[0].nbytes)
    large = data.load_folder(shards)
    assert count == [20] and isinstance(large.images, stored.StoredImages)
    assert list(large.widths) == whole.widths and list(large.labels) == list(whole.labels)
    assert large.fingerprint() == whole.fingerprint() and large.is_known_as(whole.fingerprint())
    part = large.subset([7, 3, 3]).subset([0, 2])
    assert list(part.names) == [large.names[7], large.names[3]] and list(part.widths) == [
        large.widths[i] for i in (7, 3)
    ]
    assert data.with_labels(part, {part.names[0]: "b"}).labels == ("b", part.labels[1])
    assert count == [20], "nothing was decoded but by load_folder"
    for _ in range(2):
        assert torch.equal(part.images[0], whole.images[7]) and torch.equal(part.images[1:][0], whole.images[3])
    assert count == [24] and len(part.images[2:]) == len(part.subset([])) == 0
    assert data.split(large.labels) == data.split(whole.labels)


def test_strings_of_any_kind_are_kept_in_one_block():
    strings = ["", "a", "ü b\n", "\udcff", "\0", "😀"]
    texts = stored.Texts(strings)
    assert list(texts) == strings and list(texts[1:3]) == strings[1:3] and texts[-1] == "😀"
    assert list(texts.take([4, 4, 0])) == ["\0", "\0", ""] and list(stored.Texts([])) == []


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # more than this machine has cores
def test_a_training_is_the_same_whatever_its_images_come_from(folder, shards, monkeypatch, tight):
    with monkeypatch.context() as roomy:
        roomy.setattr(data, "IN_MEMORY", 10**9)
        expected = fit(CONFIG, data.load_folder(folder), RECIPE)
    for where, processes in itertools.product((folder, shards), (0, 1, 3)):
        tight(processes)
        found = fit(CONFIG, data.load_folder(where), RECIPE)
        assert timeless(found.history) == timeless(expected.history)
        weights = expected.model.state_dict()
        assert all(torch.equal(weights[name], tensor) for name, tensor in found.model.state_dict().items())


def test_a_training_looks_for_second_rows_in_a_sample_of_a_large_set(folder, monkeypatch, tight):
    listed, large = data.list_set(folder), data.load_folder(folder)
    monkeypatch.setattr(checks, "has_two_rows", lambda image: True)
    count = decoded(monkeypatch)
    assert checks.check(listed, large, most=6)["two_rows"] == list(large.names)[::4] and count == [5]
    assert checks.check(listed, large)["two_rows"] == list(large.names) and count == [25]


@pytest.mark.parametrize("processes", [0, 2])
def test_reading_a_set_larger_than_memory(folder, shards, monkeypatch, tight, processes):
    torch.manual_seed(0)
    model, large = CRNN(CONFIG), data.load_folder(shards)
    tight(processes)
    figures, readings = metrics.evaluate(model, large.images, large.labels)
    every = [large.images[i] for i in range(len(large))]
    same, alike = metrics.evaluate(model, every, large.labels)
    assert figures == same and readings.log_probs is None
    assert (readings.texts, readings.confidences, readings.losses) == (alike.texts, alike.confidences, alike.losses)
    assert readings.losses == reader.sequence_losses(alike.log_probs, large.labels, model.alphabet).tolist()


def test_damage_is_found_before_a_training_and_loss_during_one_is_a_clear_line(tmp_path, tight):
    for i in range(8):
        (tmp_path / f"{'ab'[i % 2] * (1 + i // 2)}.png").write_bytes(PNG if i else PNG[:50])
    tight(2)
    with pytest.raises(UserError, match=r"1 of 8 images cannot be used: cannot read '.*a\.png'"):
        data.load_folder(tmp_path)
    (tmp_path / "a.png").unlink()
    large = data.load_folder(tmp_path, width=64)
    config = Config("ab", width=64, stretch=None, channels=(4, 6), pools=((4, 2), (4, 2)), features=12, hidden=6)
    (tmp_path / "bb.png").unlink()
    for processes in (0, 2):
        tight(processes)
        with pytest.raises(UserError, match=r"cannot read '.*bb\.png': there is no such file") as caught:
            fit(config, large, Recipe(validation_fraction=0))
        assert "Traceback" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_shard_that_becomes_shorter_is_a_clear_line(tmp_path, tight):
    (tmp_path / "1.tar").write_bytes(WHOLE)
    large = data.load_folder(tmp_path)
    (tmp_path / "1.tar").write_bytes(WHOLE[:540])
    with pytest.raises(UserError, match=r"1\.tar' has become shorter since it was opened: 'a\.png' is cut off"):
        large.images[0]
    (tmp_path / "1.tar").unlink()
    with pytest.raises(UserError, match=r"cannot read '.*1\.tar': No such file"):
        large.images[0]


def test_a_photograph_that_is_turned_has_the_width_of_the_upright_one(tmp_path, tight):
    exif, file = Image.Exif(), io.BytesIO()
    exif[274] = 6
    Image.new("L", (12, 60)).save(file, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    assert list(data.load_folder(tmp_path).widths) == [round(60 * 32 / 12)]


def test_whoever_decodes_gets_the_set_whole_where_processes_are_not_forked(shards, tight):
    large = data.load_folder(shards)
    assert torch.equal(pickle.loads(pickle.dumps(large.images.__getitem__))(5), large.images[5])


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="the busy function stays in this process")
def test_cpu_seconds_are_those_of_the_processes_that_decode_too(shards, monkeypatch, tight):
    original = StoredImages.look

    def busy(images, index):
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
        return original(images, index)

    large = data.load_folder(shards)
    run = begin(CONFIG, large, replace(RECIPE, epochs=1, validation_fraction=0))
    tight(1)
    monkeypatch.setattr(StoredImages, "look", busy)
    before = time.process_time()
    (record,) = run
    assert record["cpu_seconds"] > time.process_time() - before + 1  # of twenty tenths


def test_how_many_processes_decode(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for cores, trainings, expected in (
        (1, "1", 0),
        (2, "1", 1),
        (4, "1", 3),
        (64, "1", 4),
        (64, "16", 3),
        (None, "1", 0),
    ):
        monkeypatch.setattr(os, "cpu_count", lambda n=cores: n)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", trainings)
        assert stored.workers() == expected


# --- ending ---

TRAINING = """
import sys
from crnn_lib import data, stored
from crnn_lib.tools import cli

data.IN_MEMORY, stored.workers = -1, lambda: 2
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_while_processes_start_is_not_lost(monkeypatch):
    started, original = [], torch.utils.data.DataLoader.__iter__

    def start(loader):
        signal.raise_signal(signal.SIGINT)
        started.append(original(loader))
        return started[0]

    monkeypatch.setattr(torch.utils.data.DataLoader, "__iter__", start)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            next(stored.ahead(abs, [[1]], 0))
    finally:
        signal.signal(signal.SIGINT, before)
    assert started


@pytest.fixture
def training(shards, tmp_path):
    """A training without end, and the two processes that decode for it, once it has begun its second epoch."""
    out = tmp_path / "x.safetensors"
    command = [sys.executable, "-c", TRAINING, "train", "--data", shards, "--out", out, "--epochs", "100000"]
    with subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        children, deadline = [], time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            children = psutil.Process(process.pid).children()
            if len(children) == 2 and out.with_name("x.safetensors.checkpoint").exists():
                break
        else:
            process.kill()
        yield process, children
        process.kill()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_the_processes_that_decode_without_a_word_of_theirs(training):
    process, children = training
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "Traceback" not in said and "the same command continues" in said
    assert len(children) == 2 and psutil.wait_procs(children, timeout=30)[1] == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_processes_that_decode_end_with_a_killed_training(training):
    process, children = training
    process.kill()
    process.wait()
    with files.alone(process.args[process.args.index("--out") + 1]):  # at once, whoever still lives
        pass
    assert len(children) == 2 and psutil.wait_procs(children, timeout=30)[1] == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_killed_process_that_decodes_is_a_clear_line(training):
    process, children = training
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:  # one that dies with its work done is not missed
        with contextlib.suppress(psutil.NoSuchProcess):  # an epoch ended: so did its processes
            children = psutil.Process(process.pid).children() or children
            children[0].kill()
        time.sleep(0.2)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2 and "Traceback" not in said, said
    assert "error: a process that decodes images was killed" in said
    assert psutil.wait_procs(children, timeout=30)[1] == []
