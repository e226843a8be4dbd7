"""What a run leaves and takes: checkpoints, sources of images, the audit's files. Whole, or as before; never half."""

import json
import tempfile
import zipfile
from pathlib import Path

import pytest
from fuzzing import answer, as_csv, crooked, damaged, everything, few, fuzz, picture, tables, zipped
from hypothesis import given
from hypothesis import strategies as st
from small import WIDER, eight_labelled, parts, safetensors

from crnn_lib.tools import audit, fetch
from crnn_lib.training import Recipe, begin, fit

# --- checkpoints ---

KINDS = [Recipe(epochs=2, batch_size=4), Recipe(epochs=2, batch_size=4, schedule="plateau", optimizer="adam")]


@pytest.fixture(scope="module")
def labelled():
    return eight_labelled()


@pytest.fixture(scope="module")
def checkpoints(place, labelled):
    """For each kind of recipe: the recipe, header and tensors of a checkpoint after one of two epochs."""
    result = []
    for i, recipe in enumerate(KINDS):
        path = place / f"run{i}"
        next(iter(begin(WIDER, labelled, recipe, checkpoint=path)))
        result.append((recipe, *parts(path.read_bytes())))
    return result


@few
@given(st.data())
def test_a_damaged_checkpoint_is_gone_on_from_or_refused(place, labelled, checkpoints, draws):
    recipe, header, tensors = draws.draw(st.sampled_from(checkpoints))
    way = draws.draw(st.sampled_from(["bytes", "header", "history", "identity", "tensor"]))
    metadata = header["__metadata__"]
    if way in metadata:
        changed = json.dumps(draws.draw(crooked(json.loads(metadata[way]))))
        header = header | {"__metadata__": metadata | {way: changed}}
    elif way == "header":
        header = draws.draw(crooked(header))
    elif way == "tensor":
        tensors = draws.draw(damaged([tensors]))[: len(tensors)].ljust(len(tensors), b"\0")
    content = safetensors(header, tensors)
    path = place / "resumed"
    path.write_bytes(draws.draw(damaged([content])) if way == "bytes" else content)
    run = answer(fit, WIDER, labelled, recipe, checkpoint=path)
    if run is not None:
        assert run.finished and [record["epoch"] for record in run.history] == [1, 2]
    assert not list(place.glob(".*"))


# --- the real set's manifest and sources ---


@pytest.fixture(scope="module")
def manifest(place):
    """A manifest of three images, and the images."""
    made = {f"{name}.png": picture("PNG", size=(20 + i, 10)) for i, name in enumerate("abc")}
    path = place / "manifest.csv"
    rows = [[name, name[0], "pixels", fetch.digest(name, content)] for name, content in made.items()]
    path.write_bytes(as_csv([["file", "label", "kind", "sha256"], *rows]))
    return path, made


@fuzz
@given(st.data())
def test_a_damaged_manifest_is_refused_or_holds_rows(place, manifest, draws):
    path = place / "crooked.csv"
    made = tables.map(lambda rows: as_csv([["file", "label", "kind", "sha256"], *rows]))
    path.write_bytes(draws.draw(damaged([manifest[0].read_bytes()]) | st.binary(max_size=60) | made))
    found = place / "found"
    found.mkdir(exist_ok=True)
    report = answer(fetch.verify, found, path)
    assert report is None or report.name is None, "an empty folder holds no set"


@fuzz
@given(st.data())
def test_a_source_gives_the_whole_set_or_nothing(place, manifest, draws):
    path, made = manifest
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    archives = [zipped({f"x/{n}": c for n, c in made.items()} | {"../evil": b"", "a.png/": b""}, m) for m in methods]
    with tempfile.TemporaryDirectory(dir=place) as folder:
        source, out = Path(folder, "set.zip"), Path(folder, "out")
        source.write_bytes(draws.draw(damaged(archives) | st.binary(max_size=60) | st.sampled_from(archives)))
        report = answer(fetch.fetch, source, out, path)
        assert {p.name for p in Path(folder).iterdir()} == ({"set.zip"} if report is None else {"set.zip", "out"})
        if report is not None:
            assert {p.name for p in out.iterdir()} == set(made) and fetch.verify(out, path).name


# --- the audit's files ---


@fuzz
@given(st.data())
def test_out_of_fold_rows_are_read_or_refused(place, draws):
    path = place / "rows.csv"
    rows = [audit.OutOfFold("a.png", "a", "b", 0.5, 1.5, 0), audit.OutOfFold("=1+1", "=1+1", '"', 0.5, 1.5, 1)]
    audit.write_rows(rows, path)
    assert audit.read_rows(path) == rows
    names = list(vars(rows[0]))
    made = st.builds(lambda head, rest: as_csv([head, *rest]), st.sampled_from([names, names[::-1]]), tables)
    path.write_bytes(draws.draw(damaged([path.read_bytes()]) | st.binary(max_size=60) | made))
    assert all(row.is_sound() for row in answer(audit.read_rows, path) or [])


@pytest.fixture(scope="module")
def interrupted(place, labelled):
    """The state of a cross-validation that stopped after its first fold."""

    def stop(fold, figures):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit.crossval(WIDER, labelled, Recipe(epochs=1), 2, 0, place / "state.json", on_fold=stop)
    return json.loads((place / "state.json").read_text())


@few
@given(st.data())
def test_the_state_of_a_cross_validation_is_gone_on_from_or_refused(labelled, interrupted, draws):
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.json"
        made = crooked(interrupted).map(json.dumps).map(str.encode)
        state.write_bytes(draws.draw(damaged([json.dumps(interrupted).encode()]) | made))
        before = everything(Path(folder))
        rows = answer(audit.crossval, WIDER, labelled, Recipe(epochs=1), 2, 0, state)
        if rows is None:
            assert everything(Path(folder)) == before
        else:
            assert [(row.file, row.label) for row in rows] == list(zip(labelled.names, labelled.labels, strict=True))
