"""The page's JavaScript in V8, without a browser: it must say what torch, onnxruntime and `crnn_lib` say."""

import base64
import json
import re
import zlib

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from small import speaker, worn
from v8 import Page, Refusal, encoded, weights_of

from crnn_lib import assets, ctc, images, model, reader, widgets
from crnn_lib.drawing import captchas, faces, lines, pen, skeletons
from crnn_lib.tools import export
from crnn_lib.widgets import bundle, weights

GLUE = """
const readers = {};
const plain = (stages) => Object.fromEntries(Object.entries(stages).map(([n, s]) => [n, [Array.from(s.data), s.dims]]));
const grey = (text, height, width) => ({ data: Float32Array.from(fromBase64(text)), height, width });
function addReader(name, text, fast) {
  readers[name] = createReader(fromBase64(text), { fast });
  return readers[name].config;
}
function stagesOf(name, text, h, w, W) {
  const { height } = readers[name].config;
  return plain(readers[name].infer(standardise(grey(text, h, w), height, W), height, W));
}
function readingOf(name, text, h, w) {
  const { config } = readers[name];
  const { height, alphabet } = config;
  const picture = grey(text, h, w);
  const W = columnsOf(config, picture);
  const { logits, log_probs } = readers[name].infer(standardise(picture, height, W), height, W);
  const K = alphabet.length + 1;
  const classes = greedyDecode(log_probs.data, K);
  const reading = classes.map((c) => alphabet[c - 1]).join("");
  return [Array.from(logits.data), reading, labelLogProb(log_probs.data, K, classes)];
}
function decoded(m, K, width, labels) {
  const p = Float32Array.from(m);
  const beams = beamSearch(p, K, width, 3).map((b) => [b.classes, b.logProb]);
  return [greedyDecode(p, K), beams, labels.map((l) => labelLogProb(p, K, l))];
}
const drawn = (strokes, t, H, W) => [quantise(strokes), Array.from(renderStrokes(strokes, t, H, W))];
function resized(t, h, w, H, W) {
  const g = grey(t, h, w);
  return [Array.from(resize(g, H, W).data), Array.from(standardise(g, H, W))];
}
function natural(h, w, H, stretch) {
  try {
    return naturalWidth({ height: h, width: w }, H, stretch);
  } catch ({ message }) {
    return message;
  }
}
const typed = (text, h, gap) => [placeText(text), text && writeText(text, h, gap)];
function spoilt(t, h, w, how) {
  const { data, height, width } = spoil(grey(t, h, w), how);
  return [Array.from(data), height, width];
}
"""


@pytest.fixture(scope="module")
def js():
    return Page(GLUE)


def add(js, name, network, fast=True):
    config = js.call("addReader", name, weights_of(network), fast)
    assert js.value(f"readers[{name!r}].simd") is fast
    return config


# --- the text itself ---


def test_imports_name_what_the_modules_export_and_no_widget_leans_on_another():
    every = bundle.order(bundle.ELEMENT, bundle.MAIN, *bundle.widgets(), *bundle.PARTS)
    racer = Page(script=bundle.joined(*every))
    assert sorted(every) == sorted(str(path.relative_to(bundle.FOLDER)) for path in bundle.FOLDER.rglob("*.js"))
    for path in every:
        text = (bundle.FOLDER / path).read_text(encoding="utf-8")
        found = list(bundle.IMPORT.finditer(text))
        assert len(found) == len(re.findall(r"^import\b", text, re.MULTILINE)), path
        for names, other in (match.groups() for match in found):
            used = bundle.beside(path, other)
            assert used.split("/")[0] in ("page", path.split("/")[0]), f"{path} imports {used}"
            assert every.index(used) < every.index(path)  # in a circle this could not hold for all
            names = [name.split(" as ")[0].strip() for name in names.split(",") if name.strip()]
            assert racer.value(f"{names}.filter((n) => modules[{used!r}][n] === undefined)") == [], path


def test_a_registered_widget_is_its_module_s_kind():
    """Adding a widget touches its own folder and one line: what the page knows follows from the registry."""
    racer = Page(script=bundle.joined())
    for path in bundle.widgets():
        module = path.removesuffix(".js").replace("/", ".")
        kinds = [getattr(widgets, name).kind.default_value for name, at in widgets.WIDGETS.items() if at == module]
        kind, name, mount = racer.value(f"(({{kind, name, mount}}) => [kind, name, typeof mount])(modules[{path!r}])")
        assert [kind] == kinds and name and mount == "function"


def test_both_forms_run():
    browser = "globalThis.HTMLElement = class {}; globalThis.document = {currentScript: {src: 'x/y.js'}};"
    browser += "globalThis.customElements = {made: [], get() {}, define(name) { this.made.push(name); }};"
    scripts = bundle.scripts(["captcha"])
    page = Page(before=browser, script=scripts["crnn-widgets.js"] + scripts["crnn-shared.js"])
    assert page.value("[typeof crnn['page/main.js'].bring, ...customElements.made]") == ["function", "crnn-widget"]
    page.eval("".join(text for name, text in scripts.items() if name.startswith("crnn-widget-")))
    assert set(page.value("Object.keys(crnn)")) == {*bundle.order(bundle.MAIN, *bundle.widgets(), *bundle.PARTS)}
    body, tail = bundle.module().rsplit("export default ", 1)
    assert tail == '{ render: modules["page/main.js"].render };\n'
    assert Page(script=body).value("typeof modules['page/main.js'].render") == "function"


# --- the engine ---


ENGINES = pytest.mark.parametrize("fast", [True, False], ids=["WebAssembly", "JavaScript"])


def strings_drawn(count):
    """Pictures of strings that the pen writes, as the pad shows them to a model."""
    rng = np.random.default_rng(8)
    texts = ["".join(rng.choice(list(skeletons.SYMBOLS), rng.integers(3, 7))) for _ in range(count)]
    return [pen.image(skeletons.place(text)) for text in texts]


@pytest.mark.slow
@ENGINES
@pytest.mark.parametrize("name", ["captcha", "pen"])
def test_reads_300_pictures_as_torch_does_with_the_same_stored_weights(js, name, fast):
    network = reader.load(name)
    stored = weights.from_bytes(weights.to_bytes(network))
    add(js, name, network, fast)
    pictures = captchas.generate(300, seed=8, lengths=(3, 7))[0] if name == "captcha" else strings_drawn(300)
    pictures += [np.round(images.load_grey(p)) for p in assets.SAMPLES.values()]
    for picture in pictures:
        with torch.no_grad():
            stages = stored.stages(images.standardise(picture.astype(np.uint8).astype(np.float32))[None])
        expected = ctc.greedy_decode(stages["log_probs"][0])
        logits, text, log_prob = js.call("readingOf", name, encoded(picture), *picture.shape)
        assert text == network.alphabet.decode(expected)
        assert np.abs(np.array(logits) - stages["logits"].flatten().numpy()).max() < 1e-3
        assert np.exp(log_prob) == pytest.approx(np.exp(-ctc.ctc_loss(stages["log_probs"][0], expected)), abs=1e-4)


def chained(count):
    """One to six look-alikes side by side: lines of mixed widths and heights."""
    rng = np.random.default_rng(9)
    pictures = captchas.generate(4 * count, seed=9)[0]
    for i in range(count):
        line = np.concatenate(pictures[4 * i : 4 * i + int(rng.integers(1, 5))], axis=1)
        yield images.resize(line, int(rng.integers(16, 70)), int(rng.integers(60, 1300))).round()


def printed(count):
    return (picture for picture, _ in lines.generate(count, 9, faces.wheels()))


MIXED = {"captcha": chained, "text": printed}


@pytest.mark.slow
@ENGINES
@pytest.mark.parametrize("name", [name for name in MIXED if name in assets.WEIGHTS])
def test_reads_300_lines_of_mixed_widths_as_the_library_with_the_same_stored_weights(js, name, fast):
    network = reader.load(name)
    add(js, name, network, fast)
    pictures = list(MIXED[name](300))
    stored = weights.from_bytes(weights.to_bytes(network))
    readings = reader.read(stored, [images.standardise(picture, *network.config.frame) for picture in pictures])
    assert len({len(log_probs) for log_probs in readings.log_probs}) > 100
    for picture, text, confidence in zip(pictures, readings.texts, readings.confidences, strict=True):
        _, read, log_prob = js.call("readingOf", name, encoded(picture), *picture.shape)
        assert read == text and np.exp(log_prob) == pytest.approx(confidence, abs=1e-4)


SHAPES = [
    {},
    {"stretch": 1.25, "channels": (5, 8, 9), "pools": ((2, 2), (2, 2), (2, 1)), "features": 9, "hidden": 6},
    {"alphabet": "ab", "channels": (3, 5), "pools": ((2, 1), (3, 3)), "features": 7, "hidden": 3, "width": 50},
    {"alphabet": "0123456789", "height": 24, "channels": (4, 8, 6), "pools": ((2, 2), (1, 2), (4, 1)), "hidden": 5},
    {"alphabet": "a", "height": 7, "channels": (1,), "pools": ((3, 5),), "features": 1, "hidden": 1, "width": 9},
]


@ENGINES
@pytest.mark.parametrize("shape", SHAPES)
def test_every_stage_as_onnxruntime_with_the_same_stored_weights(js, shape, fast, tmp_path):
    """For any shape, and for widths one after the other; only the order of float32 sums is left."""
    network = worn(model.Config(**shape))
    with torch.no_grad():
        network.lstm.weight_ih_l0 *= 40  # gates wide open and shut
    network = weights.from_bytes(weights.to_bytes(network))
    export.to_onnx(network, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    assert add(js, "any", network, fast)["alphabet"] == network.config.alphabet
    narrowest = next(W for W in range(1, 99) if network.config.steps(W))
    for W in (network.config.width, network.config.width + 31, narrowest, network.config.width):
        picture = np.random.default_rng(W).integers(0, 256, (40, 90), dtype=np.uint8)
        image = images.standardise(picture.astype(np.float32), network.config.height, W)[None]
        stages = js.call("stagesOf", "any", encoded(picture), 40, 90, W)
        names = [output.name for output in session.get_outputs()]
        assert list(stages) == ["image", *names] == list(network.stages(image))
        expected = [image.numpy(), *session.run(None, {"image": image.numpy()})]
        for (name, (data, dims)), value in zip(stages.items(), expected, strict=True):
            assert tuple(dims) == value.shape, name
            assert np.abs(np.reshape(data, dims) - value).max() < 1e-4 * max(1, np.abs(value).max()), name


@pytest.mark.parametrize(
    "forbidden",
    [
        "delete globalThis.WebAssembly;",
        "WebAssembly.Module = function () { throw new WebAssembly.CompileError('the policy forbids it'); };",
    ],
)
def test_where_webassembly_may_not_run_javascript_reads(forbidden, captcha):
    page = Page(GLUE, before=forbidden)
    page.call("addReader", "captcha", weights_of(captcha), True)
    assert page.value("readers.captcha.simd") is False
    picture = images.load_grey(assets.SAMPLES["2b7xy"]).round()
    assert page.call("readingOf", "captcha", encoded(picture), *picture.shape)[1] == "2b7xy"


# --- decoders ---


def test_decoders_as_the_library(js):
    rng = np.random.default_rng(5)
    for trial in range(150):
        T, K, width = rng.integers(1, 14), rng.integers(2, 7), int(rng.integers(1, 12))
        p = torch.from_numpy(rng.normal(0, rng.choice([0.5, 2, 5]), (T, K)).astype(np.float32)).log_softmax(-1)
        labels = [rng.integers(1, K, rng.integers(0, T + 2)).tolist() for _ in range(3)]
        greedy, beams, scores = js.call("decoded", p.flatten().tolist(), int(K), width, labels)
        assert list(greedy) == ctc.greedy_decode(p), trial
        expected = ctc.beam_search(p, width, 3)
        assert [list(classes) for classes, _ in beams] == [classes for classes, _ in expected], trial
        assert [score for _, score in beams] == pytest.approx([score for _, score in expected], abs=1e-9)
        for label, score in zip(labels, scores, strict=True):
            loss = ctc.ctc_loss(p, label)
            # JSON has no infinity
            assert (score is None or score == -np.inf) if np.isinf(loss) else score == pytest.approx(-loss, abs=1e-9)


# --- pictures ---


def random_drawing(rng):
    kind = rng.integers(5)
    if kind == 0:
        return []
    count = rng.integers(1, 6)
    drawing = [(rng.normal(0, 4, (rng.integers(1, 20), 2)).cumsum(0) + rng.uniform(0, [128, 32])) for _ in range(count)]
    if kind == 1:  # dots, halves of the grid, repeated points, points far outside
        drawing = [np.round(stroke * 32) / 32 for stroke in drawing]
        drawing += [
            drawing[0][:1],
            np.repeat(drawing[0][:1], 3, 0),
            np.array([[-4096, 3], [4096, 30]]),
            np.empty((0, 2)),
        ]
    return [stroke.tolist() for stroke in drawing]


def test_strokes_give_the_same_pixels(js):
    rng = np.random.default_rng(1)
    inked = 0
    for _ in range(400):
        drawing, thickness = random_drawing(rng), float(rng.choice([2.0, 0.3, 7.7, rng.uniform(0.1, 9)]))
        H, W = (32, 128) if rng.random() < 0.7 else (int(rng.integers(1, 60)), int(rng.integers(1, 200)))
        points, pixels = js.call("drawn", drawing, thickness, H, W)
        expected = pen.render(drawing, thickness, H, W)
        assert np.array_equal(np.array(pixels, dtype=np.uint8).reshape(H, W), expected)
        assert json.loads(json.dumps(points)) == pen.quantise(drawing)
        inked += (expected < 255).any()
    assert inked > 200


def test_drawings_are_normalised_alike(js):
    rng = np.random.default_rng(3)
    for trial in range(500):
        drawing = random_drawing(rng)
        if trial % 3 == 0:  # small writing, and now and then a line straight across or down
            drawing = [[[x * trial / 2000, y * (trial % 2) / 9] for x, y in stroke] for stroke in drawing]
        H, W = (32, 128) if trial % 4 else (50, 200)
        moved = js.value(f"normalise({json.dumps(drawing)}, {H}, {W})")
        assert moved == pen.normalise(drawing, H, W), trial
    assert js.value("normalise([[], [[9, 9]]])") == [[[64, 16]]]
    with pytest.raises(Refusal, match="is no"):
        js.eval("normalise([[[NaN, 1]]])")


@pytest.mark.parametrize(
    "drawing, thickness", [([[[1, 2, 3]]], 2), ([[[5000, 0]]], 2), ([[[True, 1]]], 2), ([[[1, 1]]], 0), ([], 65)]
)
def test_impossible_strokes_are_refused_in_both(js, drawing, thickness):
    with pytest.raises(Refusal):
        js.call("drawn", drawing, thickness, 32, 128)
    with pytest.raises(pen.UserError):
        pen.render(drawing, thickness)


def test_resize_gives_the_same_numbers(js):
    rng = np.random.default_rng(2)
    for _ in range(120):
        h, w, H, W = (int(n) for n in rng.integers(1, [90, 260, 70, 200]))
        if rng.random() < 0.5:
            H, W = images.HEIGHT, images.WIDTH
        picture = rng.integers(0, 256, (h, w), dtype=np.uint8)
        numbers, standard = js.call("resized", encoded(picture), h, w, H, W)
        expected = images.resize(picture.astype(np.float32), H, W)
        assert np.array_equal(np.array(numbers, dtype=np.float32), expected.ravel())
        assert np.abs(np.array(standard) - images.standardise(picture, H, W).numpy().ravel()).max() < 2e-6


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 40_000), st.integers(4, 64), st.sampled_from([0.1, 0.8, 1, 1.25, 1.5, 10]))
def test_widths_are_natural_in_both(js, h, w, H, stretch):
    found = js.call("natural", h, w, H, stretch)
    try:
        assert found == images.natural_width((h, w), H, stretch)
    except pen.UserError as error:
        theirs, ours = (re.sub(r"= [\d.]+ columns", "", words) for words in (str(error), found))  # ties are rounded up
        assert theirs == ours and ("too long" not in ours or found == str(error))


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 90), st.integers(4, 900), st.integers(0, 99), st.sampled_from([None, 0.5, 1, 1.25]))
def test_pictures_of_any_size_are_standardised_alike(js, h, w, seed, stretch):
    config = model.Config(alphabet="ab", stretch=stretch)
    picture = np.random.default_rng(seed).integers(0, 256, (h, w), dtype=np.uint8).astype(np.float32)
    try:
        expected = images.standardise(picture, *config.frame)
    except pen.UserError:
        return  # too long a line, or too narrow
    W = js.value(f"columnsOf({{height: 32, width: 128, stretch: {json.dumps(stretch)}}}, {{height: {h}, width: {w}}})")
    assert W == expected.shape[-1] == config.columns((h, w))
    _, standard = js.call("resized", encoded(picture), h, w, 32, W)
    assert np.abs(np.array(standard) - expected.numpy().ravel()).max() < 2e-6


WIDE = {"alphabet": "abc", "stretch": 1.25, "channels": (6, 8, 12, 12), "pools": ((2, 2), (2, 2), (1, 1), (2, 1))}


@ENGINES
@settings(max_examples=25, deadline=None)
@given(st.integers(16, 1200), st.integers(0, 99))
def test_any_width_is_read_as_torch_reads_it(js, fast, W, seed):
    """One reader, one width after the other, narrower and wider: nothing is left of what was read before."""
    name = f"wide {fast}"
    network = weights.from_bytes(weights.to_bytes(worn(model.Config(**WIDE, features=20, hidden=10))))
    if not js.value(f"Object.hasOwn(readers, {name!r})"):
        add(js, name, network, fast)
    picture = np.random.default_rng(seed).integers(0, 256, (32, W), dtype=np.uint8)
    logits, dims = js.call("stagesOf", name, encoded(picture), 32, W, W)["logits"]
    with torch.no_grad():
        expected = network.stages(images.standardise(picture.astype(np.float32), 32, W)[None])["logits"]
    assert tuple(dims) == expected.shape
    assert np.abs(np.reshape(logits, dims) - expected.numpy()).max() < 1e-4 * max(1, float(expected.abs().max()))


def test_the_largest_line_is_read_and_a_larger_image_refused(js):
    """4,096 columns; and a page that asks for more than a stage may hold is told so."""
    network = worn(model.Config(**WIDE, features=20, hidden=10))
    add(js, "long", network)
    line = np.random.default_rng(1).integers(0, 256, (32, 4096), dtype=np.uint8)
    assert js.call("stagesOf", "long", encoded(line), 32, 4096, 4096)["log_probs"][1] == [1, 1024, 4]
    with pytest.raises(Refusal, match="too large for this model"):
        js.eval("readers.long.infer({ length: 32 * 2 ** 20 }, 32, 2 ** 20)")


def test_typed_text_gives_the_same_strokes(js):
    rng = np.random.default_rng(4)
    texts = [*skeletons.SYMBOLS, skeletons.SYMBOLS[:8], "wwwwwwwwwwww", "mm"]
    texts += ["".join(rng.choice(list(skeletons.SYMBOLS), rng.integers(1, 9))) for _ in range(40)]
    for text in texts:
        placed, written = js.value(f"typed({text!r}, 11.3, 2.5)")
        assert written == skeletons.write(text, height=11.3, gap=2.5)
        assert placed == skeletons.place(text)
    assert js.value("placeText('')") == skeletons.place("") == []
    with pytest.raises(Refusal, match="cannot be drawn"):
        js.eval("placeText('é')")


def test_samples_are_the_files(js):
    held = js.value("SAMPLES")
    assert list(held) == list(assets.SAMPLES) and len(held) == 8
    for name, sample in held.items():
        grey = images.load_grey(assets.SAMPLES[name])
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(sample["pixels"])), dtype=np.uint8)
        assert np.array_equal(pixels.reshape(sample["height"], sample["width"]), grey)


def test_printed_lines_are_the_files(js):
    held = js.value("LINES")
    assert list(held) == list(assets.LINES) and "two-rows" in held
    for name, line in held.items():
        grey = images.load_grey(assets.LINES[name])
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(line["pixels"])), dtype=np.uint8)
        assert np.array_equal(pixels.reshape(line["height"], line["width"]), grey)
        assert line["text"].isprintable() and line["text"].isascii()


def test_turning_and_blurring_leave_the_picture_whole(js):
    rng = np.random.default_rng(6)
    picture = rng.integers(0, 256, (20, 31), dtype=np.uint8)

    def spoilt(**how):
        data, *shape = js.call("spoilt", encoded(picture), 20, 31, how)
        return np.array(data).reshape(tuple(shape))

    assert np.array_equal(spoilt(), picture)
    assert spoilt(rotation=180) == pytest.approx(picture[::-1, ::-1], abs=1e-3)
    middle = rng.integers(0, 256, (21, 21), dtype=np.uint8)
    data, *shape = js.call("spoilt", encoded(middle), 21, 21, {"rotation": 90})
    assert np.array(data).reshape(shape) == pytest.approx(np.rot90(middle, -1), abs=1e-3)  # clockwise
    sd = 1.3
    expected = gaussian_filter(picture.astype(float), sd * 20 / 32, mode="nearest", truncate=3 + 1e-9, radius=3)
    assert spoilt(blur=sd) == pytest.approx(expected, abs=1e-3)
    lined = spoilt(lines=4)
    assert (lined <= picture).all() and (lined < picture).sum() > 60
    assert np.array_equal(spoilt(lines=4), lined)


# --- symbols beyond U+FFFF, which JavaScript holds as two halves ---

CLEF, SMILE = "\U0001d11e", "\U0001f600"
ALPHABET = f"a{CLEF}{SMILE}b"


CLEF_READER = """
const clefBackend = {
  readers: ["clef"], reader: async () => readers.clef, chosen: () => "",
};
const blankPicture = { grey: { data: new Float32Array(4096), height: 32, width: 128 }, drawn: false };
var inspected = null, kept = null;
async function look() {
  const { K, symbols, spell } = await inspect(clefBackend, blankPicture);
  inspected = { K, symbols, text: spell([2, 3]) };
}
async function begun(fields, then) {
  const model = { get: (name) => fields[name], save: (changes) => Object.assign(fields, changes) };
  const session = createSession({ model, backend: clefBackend });
  await session.begin();
  await then(session);
  session.save();
  kept = { ...fields, K: session.state().logProbs[0].length, why: session.complaint("\\u{1f601}") };
}
"""


@pytest.fixture(scope="module")
def clef(js):
    assert add(js, "clef", speaker(ALPHABET, CLEF))["alphabet"] == ALPHABET
    js.eval(CLEF_READER)
    return js


def test_symbols_of_two_halves_are_read(clef):
    seen = clef.settled("look()", "inspected")
    assert seen == {"K": 5, "symbols": ["-", *ALPHABET], "text": CLEF + SMILE}


def session(js, state, then):
    """The laboratory's fields after `then` was done to a session that began with the fields `state`."""
    return js.settled(f"begun({json.dumps(state)}, {then})", "kept")


def test_the_laboratory_knows_symbols_of_two_halves(clef):
    read = session(clef, {"label": "a"}, "(s) => s.remake({ source: 'reader', picture: blankPicture })")
    assert (read["label"], read["symbols"], read["K"]) == (CLEF, ALPHABET, 5)
    assert f"it knows {ALPHABET}." in read["why"]
    typed = session(clef, {"label": "ab"}, f"(s) => s.relabel({json.dumps(SMILE + CLEF + SMILE)})")
    assert (typed["label"], typed["symbols"]) == (SMILE + CLEF + SMILE, f"{SMILE}{CLEF}ab") and typed["why"] == ""
    given = {"label": CLEF, "source": "matrix", "symbols": f"{SMILE}{CLEF}", "matrix": [[0.2, 0.3, 0.5]], "steps": 1}
    assert session(clef, given, "() => {}")["matrix"] == [pytest.approx([0.2, 0.3, 0.5])]


def test_lengths_and_reasons_count_symbols_not_halves(js):
    label = SMILE + SMILE + CLEF
    assert js.call("neededSteps", label) == 4
    assert js.call("textOf", f"{SMILE}{SMILE}-{CLEF}") == SMILE + CLEF
    assert js.call("reasonForPath", f"{SMILE}-{CLEF}", SMILE + CLEF).endswith(f"that is {SMILE}{CLEF}.")
    assert js.value(f"reasonForCount(countAlignments([1, 1, 2], 6), {json.dumps(label)}, 6)") is None
    frame = {"step": 0, "loss": 3.0, "blank": 1.0, "exact": 0, "gradient": None, "texts": [SMILE]}
    run = {"what": "x", "samples": ["a"], "shape": [1, 1, 1, 3], "validation_images": 4, "frames": [frame]}
    run["posteriors"] = encoded(bytes(3))
    assert js.call("isRecording", {"symbols": SMILE + CLEF, "runs": [run]}) is True
