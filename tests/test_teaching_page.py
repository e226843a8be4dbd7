"""A lesson in the page, in V8, is the library's: the same drawings, and the same weights from the same stored ones."""

import numpy as np
import pytest
import torch
from small import SMALL, worn
from v8 import Page, Refusal, encoded

from crnn_lib import reader, teaching
from crnn_lib.drawing import skeletons
from crnn_lib.drawing.distortion import distort, random_from
from crnn_lib.widgets import bundle, weights

GLUE = """
let own = null;
function open(text) {
  own = createReader(fromBase64(text));
  return own.config;
}
const distorted = (strokes, strength, seed, count) => {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => distort(strokes, strength, random));
};
const rehearsedDrawings = () => [...generated()];
function taught(lesson, fast) {
  const work = teaching(own, lesson, fast);
  let slices = 0;
  for (;;) {
    const { done, value } = work.next();
    if (!done) slices++;
    else return [slices, value.losses, numbers(value.network), numbers(own.network)];
  }
}
/** Log-probabilities and gradients of drawings of several lengths, by the layers that learn. */
function grouped(batches, slopes, fast) {
  const kernel = fast ? createKernel() : createTwin();
  const parameters = parametersOf(own.network);
  const T = Math.max(...batches.flat().map((rows) => rows.length));
  const bench = { kernel, arena: createArena(kernel.memory), parameters };
  const group = createGroup(bench, own.config, batches[0].length, T);
  return batches.map((batch, i) => {
    const seen = batch.map((rows) => ({ features: Float32Array.from(rows.flat()), steps: rows.length }));
    const answers = group.forward(seen);
    group.backward(slopes[i]);
    const found = Object.entries(parameters.by).filter(([name]) => name !== "closed");
    return [answers, found.map(([name, { gradients }]) => [name, Array.from(gradients)])];
  });
}
const numbers = ({ forward, reverse, classify }) =>
  [forward, reverse, classify].flatMap(({ weight, bias }) => [Array.from(weight), Array.from(bias)]);
"""


@pytest.fixture(scope="module")
def js():
    return Page(GLUE, script=bundle.flat("page/teach.js", "page/base64.js", "page/engine.js"))


def listed(strokes):
    return [[[float(v) for v in point] for point in stroke] for stroke in strokes]


def test_distorted_drawings_are_the_library_s(js):
    drawings = [skeletons.write("a8"), [[[3, 4]]], [[[0, 0], [4000, 0]]], [[[1, 1], [1, 30], [5, 30]]], []]
    for seed, drawing in enumerate(drawings):
        for strength in (0.3, 2.5):
            random = random_from(seed)
            expected = [distort(drawing, strength, random) for _ in range(3)]
            found = js.value(f"distorted({listed(drawing)}, {strength}, {seed}, 3)")
            assert found == [listed(one) for one in expected]


def test_the_same_drawings_are_rehearsed(js):
    found = js.value("rehearsedDrawings()")
    assert len(found) == teaching.REHEARSED
    assert found == [listed(drawing) for drawing in teaching.generated()]


def changed(model):
    """The numbers of the layers that learn, as the page has them."""
    tensors = weights.folded(model)
    return [tensors[f"{name}.{part}"] for name in ("forward", "reverse", "classify") for part in ("weight", "bias")]


def features(rng, config, lengths):
    return [torch.from_numpy(rng.normal(0, 1, (T, config.features))).float().double() for T in lengths]


@pytest.mark.parametrize("fast", [True, False], ids=["WebAssembly", "JavaScript"])
def test_drawings_of_several_lengths_learn_side_by_side(js, fast):
    """The second batch finds nothing of the first, whose drawings were of other lengths."""
    rng, config = np.random.default_rng(0), SMALL
    model = worn(config)
    js.call("open", encoded(weights.to_bytes(model)))
    lstm, classify = teaching.last_layers(weights.from_bytes(weights.to_bytes(model)))
    batches = [features(rng, config, lengths) for lengths in ((5, 9, 1), (2, 7, 9))]
    slopes = [[torch.from_numpy(rng.normal(0, 1, (len(one), 3))) for one in batch] for batch in batches]
    plain = [[[one.tolist() for one in batch] for batch in part] for part in (batches, slopes)]
    for batch, slope, (answers, gradients) in zip(batches, slopes, js.call("grouped", *plain, fast), strict=True):
        expected = teaching.answers(lstm, classify, batch)
        for one, other in zip(answers, expected, strict=True):
            assert np.abs(np.array([list(row) for row in one]) - other.detach().numpy()).max() < 1e-5
        for layer in (lstm, classify):
            layer.zero_grad()
        states = padded_logits(lstm, classify, batch)
        sum((one * by).sum() for one, by in zip(states, slope, strict=True)).backward()
        named = {f"lstm.{n}": p for n, p in lstm.named_parameters()}
        named |= {f"classify.{n}": p for n, p in classify.named_parameters()}
        for name, gradient in gradients:
            assert np.abs(np.array(list(gradient)) - named[name].grad.flatten().numpy()).max() < 1e-4, name


def padded_logits(lstm, classify, batch):
    """Logits of one drawing at a time, by torch's own LSTM."""
    return [classify(lstm(one[None])[0][0]) for one in batch]


LESSONS = {
    "one": (["4b"], ["hb"]),
    "ten": (
        ["4b", "q", "sea", "m2", "x", "u1", "v", "g9", "0o", "l"],
        ["hb", "9", "sea", "m2", "x", "u1", "v", "g9", "0o", "1"],
    ),
    "mixed": (["4b", "a1b2c3d4", "zz", "q"], ["hb", "a1b2c3d4", "22", "9"]),
}


def compare(js, model, drawings, texts, fast=True):
    """How far the page's changed weights are from the library's, and how far these moved."""
    js.call("open", encoded(weights.to_bytes(model)))
    model = weights.from_bytes(weights.to_bytes(model))
    expected = reader.teach(model, drawings, texts)
    lesson = [{"strokes": listed(drawing), "text": text} for drawing, text in zip(drawings, texts, strict=True)]
    slices, losses, found, before = js.call("taught", lesson, fast)
    assert slices >= 2 * teaching.STEPS
    assert list(losses) == pytest.approx(expected.provenance["taught"]["losses"], rel=1e-3, abs=1e-4)
    for numbers, tensor in zip(before, changed(model), strict=True):
        assert np.array_equal(np.array(list(numbers), np.float32), tensor.flatten().numpy())  # the reader stays
    both = zip(found, changed(expected), strict=True)
    pairs = [(np.array(list(numbers)), tensor.flatten().numpy()) for numbers, tensor in both]
    moved = [np.abs(a - b.flatten().numpy()).max() for (_, a), b in zip(pairs, changed(model), strict=True)]
    return max(np.abs(a - b).max() for a, b in pairs), max(moved)


@pytest.mark.parametrize("fast", [True, False], ids=["WebAssembly", "JavaScript"])
@pytest.mark.parametrize("name", LESSONS)
def test_the_pen_learns_the_same(js, name, fast):
    written, texts = LESSONS[name]
    away, moved = compare(js, reader.load("pen"), [skeletons.write(text) for text in written], texts, fast)
    assert away < 1e-5
    assert moved > 1e-2


REFUSED = {
    "an empty text": ("a", "", "no text"),
    "an unknown symbol": ("a", "a€", "“€”"),
    "no drawing": ("", "a", "draw something"),
    "a text that does not fit": ("a", "a" * 17, r"U \+ r = 17 \+ 16 = 33 time steps, and the drawing has T = 8"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_teaching_is_refused_with_the_reason(js, what):
    written, text, reason = REFUSED[what]
    js.call("open", encoded(weights.to_bytes(reader.load("pen"))))
    with pytest.raises(Refusal, match=reason):
        js.call("taught", [{"strokes": listed(skeletons.write(written)), "text": text}], True)


def test_a_lesson_has_one_drawing_at_least_and_an_end(js):
    taught = {"strokes": listed(skeletons.write("a")), "text": "a"}
    for count in (0, teaching.MOST + 1):
        with pytest.raises(Refusal, match=f"1 to {teaching.MOST} drawings"):
            js.call("taught", [taught] * count, True)
