"""What crosses between page and kernel, and what the page reads: sound, or an error in words that the widget shows."""

import json
import math

import pytest
from fuzzing import answer, crooked, damaged, fuzz, json_values, numbers, texts
from hypothesis import given
from hypothesis import strategies as st
from small import parts, safetensors, speaker, worn
from v8 import Page, encoded

from crnn_lib import reader, widgets
from crnn_lib.drawing import pen, skeletons
from crnn_lib.widgets import weights

GLUE = """
const RAW = /undefined|not a function|not iterable|of null|Cannot|Invalid|Maximum|NaN/;
const QUOTED = /“[^]*”/g; // a name of the file's, which may be any words
/** What act gives, as JSON, or the words of its error; words that only a programmer understands are a fault. */
function told(act) {
  try {
    return JSON.stringify({ answer: act() ?? null });
  } catch (error) {
    const clear = error.constructor === Error && !RAW.test(error.message.replace(QUOTED, ""));
    return JSON.stringify({ error: error.message, clear });
  }
}
function reads(text) {
  return told(() => {
    const { config, infer } = createReader(fromBase64(text));
    const { height, width } = config;
    const { log_probs } = infer(new Float32Array(height * width), height, width);
    return { dims: log_probs.dims, numbers: log_probs.data.every((v) => !Number.isNaN(v)) };
  });
}
const draws = (text, thickness) => told(() => renderStrokes(normalise(JSON.parse(text)), thickness).length);
const writes = (text) => told(() => placeText(text).length);
const records = (text) => told(() => isRecording(JSON.parse(text)));
const judges = (path, label) => told(() => [reasonForPath(path, label), reasonForCount(BigInt(path.length), label, 5)]);
"""


@pytest.fixture(scope="module")
def page():
    """page(name of a function, arguments) -> what it gives, or None where it refuses in words."""
    racer = Page(GLUE)

    def ask(name, *arguments):
        said = json.loads(racer.call(name, *arguments))
        if "error" in said:
            assert said["clear"] and 10 < len(said["error"]) < 500, said
            return None
        return said["answer"]

    return ask


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A reader's weights, in the page's form and as the library saves them, each with its configuration's key."""
    path = tmp_path_factory.mktemp("shipped") / "own.safetensors"
    reader.save(worn(), path, {})
    return [(weights.to_bytes(worn()), weights.FORMAT), (path.read_bytes(), "config")]


@fuzz
@given(st.data())
def test_page_weights_are_read_or_refused_in_words(page, shipped, draws):
    content, key = draws.draw(st.sampled_from(shipped))
    header, tensors = parts(content)
    told = header["__metadata__"]
    way = draws.draw(st.sampled_from(["bytes", "header", "config"]))
    if way == "bytes":
        content = draws.draw(damaged([content]) | st.binary(max_size=60))
    elif way == "header":
        content = safetensors(draws.draw(crooked(header)), tensors)
    else:
        changed = json.dumps(draws.draw(crooked(json.loads(told[key]))))
        content = safetensors(header | {"__metadata__": told | {key: changed}}, tensors)
    found = page("reads", encoded(content))
    assert found is None or len(found["dims"]) == 3


points = st.lists(numbers | st.floats(-50, 200), min_size=2, max_size=2)
drawings = st.lists(st.lists(points, max_size=4), max_size=3)


@fuzz
@given(drawings | json_values | drawings.flatmap(crooked), st.floats() | st.floats(0.1, 64))
def test_strokes_are_drawn_or_refused_alike_in_both_languages(page, drawing, thickness):
    if "NaN" in json.dumps(drawing) or "Infinity" in json.dumps(drawing) or not math.isfinite(thickness):
        assert answer(pen.render, [[[math.nan, 0.0]]]) is None
        return
    here = answer(lambda: pen.render(pen.normalise(drawing), thickness).size)
    there = page("draws", json.dumps(drawing), thickness)
    if isinstance(drawing, list) and all(isinstance(stroke, list) for stroke in drawing):
        assert here == there or not all(isinstance(p, list) for stroke in drawing for p in stroke)


@fuzz
@given(texts | st.text("ab0z", max_size=30))
def test_typed_text_is_written_or_refused_alike(page, text):
    here, there = answer(lambda: len(skeletons.place(text))), page("writes", text)
    assert (here is None) == (there is None)


@fuzz
@given(st.data())
def test_a_recording_is_shown_or_refused_alike(page, draws):
    sound = {
        "symbols": "ab",
        "runs": [
            {
                "variant": "x", "what": "a run", "samples": ["a", "b"], "shape": [1, 2, 2, 3], "validation_images": 4,
                "floors": [3.0], "posteriors": encoded(bytes(12)),
                "frames": [{"step": 0, "loss": 3.0, "blank": 1.0, "exact": 0, "gradient": None, "texts": ["", "b"]}],
            }
        ],
    }  # fmt: skip
    assert page("records", json.dumps(sound)) is True
    recording = draws.draw(crooked(sound))
    text = json.dumps(recording)
    if "NaN" not in text and "Infinity" not in text:
        assert page("records", text) in (True, False)
    if isinstance(recording, dict) and recording:
        answer(lambda: widgets.Replay(recording=recording).baked())


@fuzz
@given(st.text("-mea", max_size=6) | texts, st.text("mea", max_size=4) | texts)
def test_any_answer_to_an_exercise_gets_a_reason(page, path, label):
    said = page("judges", path.encode("utf-8", "replace").decode(), label.encode("utf-8", "replace").decode())
    assert said is not None and isinstance(said[0], str)


# --- the kernel's side ---


@pytest.fixture(scope="module")
def made():
    reader = speaker("ab")
    asking = [widgets.Pad(reader), widgets.Lab("ab", reader), widgets.Microscope(reader)]
    return [*asking, widgets.Replay(), widgets.Quiz(), widgets.GeneratorKnobs().text]


@fuzz
@given(st.data())
def test_any_state_from_a_page_is_taken_or_left(made, draws):
    widget = draws.draw(st.sampled_from(made[:-1]))
    fields = sorted(set(widget.keys) - {"_esm", "_css", "layout", "tabbable", "tooltip"})
    state = draws.draw(st.dictionaries(st.sampled_from(fields), json_values | numbers, max_size=3) | json_values)
    widget.set_state(state)
    if isinstance(widget, widgets.Pad):
        assert isinstance(widget.picture, bytes) and len(widget.picture) % 32 == 0
    assert isinstance(widget.kind, str)


@fuzz
@given(texts)
def test_any_text_on_the_knobs_is_drawn_or_explained(made, text):
    made[-1].value = text
