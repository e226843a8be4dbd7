"""The microscope and the probes in a real browser, from http and from files, with no network: what they say is so."""

import base64
import itertools
import re

import numpy as np
import pytest
import torch
from visits import Finger, Live, assert_open_to_everybody, everywhere

from crnn_lib import assets, ctc, images, reader, widgets
from crnn_lib.drawing import captchas, pen, skeletons
from crnn_lib.widgets import bundle, host, weights

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A widget</title><link rel="icon" href="data:,"><script>
document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"</script>
<style>{style}
html {{ background: #fff; --pst-color-text-base: #222832; --pst-color-text-muted: #48566b;
  --pst-color-on-background: #fff; --pst-color-link: #0b5c86; }}
@media (prefers-color-scheme: dark) {{ html {{ background: #121212; color: #ced6dd; --pst-color-text-base: #ced6dd;
  --pst-color-text-muted: #9ca4af; --pst-color-on-background: #222832; --pst-color-link: #5fb4e6; }} }}
</style></head><body><main><h1>A widget</h1>{widgets}</main><script src="crnn-widgets.js"></script></body></html>"""
KINDS = {
    "microscope": widgets.Microscope,
    "probe-convolution": widgets.ProbeConvolution,
    "probe-pooling": widgets.ProbePooling,
    "probe-columns": widgets.ProbeColumns,
    "probe-context": widgets.ProbeContext,
    "probe-decoding": widgets.ProbeDecoding,
    "probe-robustness": widgets.ProbeRobustness,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("microscope")
    readers = host.readers()
    files = bundle.scripts(list(readers))
    for name, network in readers.items():
        files |= bundle.data(f"weights-{name}", base64.b64encode(weights.to_bytes(network)).decode())
    for name, text in files.items():
        (folder / name).write_text(text)
    for kind, make in KINDS.items():
        (folder / f"{kind}.html").write_text(PAGE.format(style=bundle.style(), widgets=make().baked()))
    return folder


@pytest.fixture
def open_widget(opened):
    return lambda kind: Seen(opened(kind), kind)


class Seen(Live):
    """A live microscope or probe."""

    def __init__(self, visit, kind):
        visit.page.locator("crnn-widget[live]").wait_for()
        super().__init__(visit, kind)

    def do(self, action, until="crnnRead"):
        """Act, wait for the next reading, and for none after it."""
        count = f"document.querySelector('[data-crnn-widget]').dataset.{until}"
        before = self.page.evaluate(count)
        action()
        self.page.wait_for_function(f"before => {count} !== before", arg=before)
        seen = None
        while seen != (seen := self.page.evaluate(count)):
            self.page.wait_for_timeout(120)

    def words_of(self, stage):
        """What is said of a lane, once its title is pressed."""
        self.root.locator(f'[data-crnn-stage="{stage}"] button').click()
        return self.part("says")

    def slide(self, name, key, times=1):
        self.root.get_by_role("slider", name=name).focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def marks(self, label, style):
        """Where marks of a style lie over a lane, from .. to in parts of its width."""
        return self.root.get_by_role("img", name=label).evaluate(
            """(shown, style) => {
                const { left, width } = shown.getBoundingClientRect();
                const marks = shown.parentElement.querySelectorAll(`.crnn-mark.crnn-${style}`);
                const parts = (box) => [(box.left - left) / width, (box.right - left) / width];
                return [...marks].map((mark) => parts(mark.getBoundingClientRect()));
            }""",
            style,
        )

    def pixel(self, label, x, y):
        """Red, green, blue of a canvas at parts x, y of its size."""
        return self.root.get_by_role("img", name=label).evaluate(
            """(canvas, [x, y]) => {
                const copy = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
                copy.drawImage(canvas, -Math.floor(x * canvas.width), -Math.floor(y * canvas.height));
                return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
            }""",
            [x, y],
        )


def sample(name="2b7xy"):
    return images.load_grey(assets.SAMPLES[name])


def stages_of(captcha, grey):
    with torch.no_grad():
        found = captcha.stages(images.standardise(grey, 32, 128)[None])
    return {name: x[0] for name, x in found.items()}


# --- the microscope ---


def test_each_step_says_what_torch_says(open_widget, captcha):
    seen = open_widget("microscope")
    stages = stages_of(captcha, sample())
    assert seen.part("text") == "2b7xy"
    for step in (0, 9, 16, 31):
        seen.root.locator('[data-crnn="step"]').fill(str(step))
        values, classes = stages["log_probs"][step].exp().topk(5)
        names = ["blank" if c == 0 else captcha.alphabet.symbols[c - 1] for c in classes]
        shown = seen.words_of("probabilities").removeprefix(f"Step {step}: ").split(", ")
        assert [line.split()[0] for line in shown[:2]] == names[:2]
        told = float(re.search(r"[\d.]+", shown[0].removeprefix(names[0]))[0])
        assert told == pytest.approx(100 * float(values[0]), abs=0.6)
        first, last = captcha.config.strip(step)
        assert f"sees columns {first} to {last}, " in seen.words_of("image")
        assert seen.root.locator('[data-crnn="step"]').get_attribute("aria-valuetext").startswith(f"{step}: {names[0]}")
    path = "".join("-" if c == 0 else captcha.alphabet.symbols[c - 1] for c in stages["log_probs"].argmax(1))
    assert f"Path: {path}." in seen.words_of("path")


def test_lanes_show_the_numbers(open_widget, captcha):
    seen = open_widget("microscope")
    seen.root.locator('[data-crnn="step"]').fill("0")
    log_probs = stages_of(captcha, sample())["log_probs"]
    label = "Probability of each class"
    shown = [c for c in range(1, 20) if float(log_probs[:, c].max().exp()) >= 0.05] + [0]  # the blank at the bottom
    for t in range(1, 32):
        row = shown.index(int(log_probs[t].argmax()))
        red, green, _ = seen.pixel(label, (t + 0.5) / 32, (row + 0.5) / len(shown))
        assert (red > 200) == (float(log_probs[t].exp().max()) > 0.92), t
        assert green > 100
    first, last = captcha.config.strip(0)
    assert seen.marks("The image; outside", "strip") == [pytest.approx((first / 128, (last + 1) / 128), abs=1e-3)]


def test_keyboard_hover_and_characters(open_widget):
    seen = open_widget("microscope")
    seen.slide("Time step", "ArrowRight", 2)
    assert seen.part("answer").startswith("Step 14 ")
    lane = seen.root.get_by_role("img", name="States of the forward")
    box = lane.bounding_box()
    lane.hover(position={"x": box["width"] * 20.5 / 32, "y": 20})
    assert seen.part("answer").startswith("Step 20 ")
    button = seen.root.get_by_role("button", name=re.compile("^x: steps"))
    button.focus()
    seen.page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert "The x comes from steps 16 to 17." in seen.part("answer")
    assert seen.marks("Best path", "span") == [pytest.approx((16 / 32, 18 / 32), abs=1e-3)]
    seen.slide("Time step", "ArrowRight", 3)  # beyond its steps: no longer picked
    assert button.get_attribute("aria-pressed") == "false"


def test_feature_maps_by_stage_and_number(open_widget, captcha):
    seen = open_widget("microscope")
    seen.root.get_by_role("combobox", name="Stage").select_option("pool3")
    assert "Map 0 of pool3 is 32 × 8" in seen.words_of("map")
    grid = seen.root.get_by_role("img", name="All maps")
    box = grid.bounding_box()
    grid.click(position={"x": box["width"] - 4, "y": 4})  # the last tile of the first row
    chosen = int(re.search(r"Map (\d+) of pool3", seen.part("says"))[1])
    assert 4 < chosen < 64
    seen.slide("Map", "ArrowRight")
    assert f"Map {chosen + 1} of pool3" in seen.part("says")
    field = captcha.config.receptive_field(3)
    assert f"sees {field.width} × {field.height} pixels" in seen.part("says")


def test_pictures_typed_drawn_and_handed_over(open_widget):
    seen = open_widget("microscope")
    last = list(host.readers().values())[-1]

    def agrees(grey):
        said = reader.read(last, images.standardise(grey.astype(np.float32), *last.config.frame)[None]).texts[0]
        assert seen.part("text") == (said or "(nothing)")

    seen.do(lambda: seen.root.get_by_label("Type").fill("n7x"))
    agrees(pen.image(skeletons.place("n7x")))
    seen.root.get_by_label("Type").fill("é")
    assert "cannot be drawn" in seen.part("message")
    seen.root.get_by_text("Draw a text of your own").click()
    surface = seen.root.get_by_role("application")
    surface.focus()

    def draw():
        for key in ["Space", *["Shift+ArrowDown"] * 2, *["ArrowRight"] * 3, "Space"]:
            seen.page.keyboard.press(key)

    seen.do(draw)
    agrees(pen.image([[[20, 16], [20, 20], [20, 24], [21, 24], [22, 24], [23, 24]]]))
    hand = """pixels => crnn['page/sources.js'].receivers.forEach((receive) => receive(
        {grey: {data: Float32Array.from(pixels), height: 50, width: 200}, drawn: false}))"""
    seen.do(lambda: seen.page.evaluate(hand, sample("c3f8n").flatten().tolist()))
    assert seen.part("text") == "c3f8n"
    seen.do(lambda: seen.root.get_by_label("Sample").select_option("55dne"))
    assert seen.part("text") == "55dne"
    listening = "crnn['page/sources.js'].receivers.size"
    assert seen.page.evaluate(listening) == 1
    seen.page.evaluate("() => (window.gone = document.querySelector('crnn-widget')).remove()")
    assert seen.page.evaluate(listening) == 0
    seen.page.evaluate("() => document.querySelector('main').append(gone)")  # back on the page it lives again
    seen.page.wait_for_function(f"() => {listening} === 1")


def test_a_step_is_drawn_in_time(open_widget):
    seen = open_widget("microscope")
    times = seen.page.evaluate("""() => {
        const input = document.querySelector('[data-crnn="step"]');
        return Array.from({length: 20}, (_, k) => {
            const start = performance.now();
            input.value = k;
            input.dispatchEvent(new Event("input"));
            return performance.now() - start;
        });
    }""")
    print(f"a step through all stages takes {np.median(times):.1f} ms")
    assert min(times) < 60


# --- the probes ---

LIT = "all => all.map((e) => e.classList.contains('crnn-lit'))"
GROUNDS = "all => all.map((e) => getComputedStyle(e).backgroundImage)"
PATCH = (11, 8, 12)  # first row, rows and columns of the patch


def digits():
    """The sample's ink, from 0 for its palest pixel to 9 for its darkest."""
    grey = images.resize(sample(), 32, 128)
    return np.floor(9 * (grey.max() - grey) / (grey.max() - grey.min()) + 0.5).astype(int)


def test_convolution_by_hand(open_widget):
    seen = open_widget("probe-convolution")
    top, rows, columns = PATCH
    patch = digits()[top : top + rows, 16 : 16 + columns]
    edges = np.tile([-1, 0, 1], (3, 1))  # the kernel that it starts with
    sums = (np.lib.stride_tricks.sliding_window_view(patch, (3, 3)) * edges).sum((2, 3))
    filled = seen.root.get_by_role("img", name="The map").locator("span")
    assert [text for text in filled.all_inner_texts() if text] == [str(sums[0, 0])]
    seen.press("Step")
    assert seen.part("answer").endswith(f"= {sums[0, 1]}".replace("-", "−"))
    seen.root.get_by_role("application").focus()
    seen.page.keyboard.press("ArrowDown")
    assert f"row 1, column 1: {int(patch[1, 1])}·(−1) + " in seen.part("answer")
    seen.press("Run all")
    shown = [int(text.replace("−", "-")) for text in filled.all_inner_texts()]
    assert shown == sums.flatten().tolist()
    seen.root.get_by_label("Kernel, row 2, column 2").fill("2")
    assert seen.part("answer").endswith(f"= {sums[1, 1] + 2 * int(patch[2, 2])}".replace("-", "−"))
    seen.root.get_by_role("combobox", name="Kernel").select_option("the model's own, map 3 (rounded)")
    kernel = np.reshape(widgets.ProbeConvolution().kernels[3], (3, 3))
    total = float((patch[1:4, 1:4] * kernel).sum())
    assert float(seen.part("answer").rpartition("= ")[2].replace("−", "-")) == pytest.approx(total, abs=0.06)
    seen.press("Start again")
    assert len([text for text in filled.all_inner_texts() if text]) == 1


def test_a_convolution_is_an_equation_in_one_row_and_its_window_slides(visit, address):
    with visit(address, "probe-convolution.html", width=1300) as v:
        seen, finger = Seen(v, "probe-convolution"), Finger(v)
        parts = [".conv-patch .crnn-cells", ".crnn-kernel", ".crnn-nine > div", ".conv-sum b", ".conv-map .crnn-cells"]
        boxes = [seen.root.locator(part).bounding_box() for part in parts]
        middles = [box["y"] + box["height"] / 2 for box in boxes]
        assert max(middles) - min(middles) < 12
        assert all(a["x"] + a["width"] <= b["x"] for a, b in itertools.pairwise(boxes))
        patch, (left, top), cell = (
            seen.root.get_by_role("application"),
            (boxes[0]["x"], boxes[0]["y"]),
            boxes[0]["width"] / 12,
        )

        def windows():
            """Column and row of the window on the patch, and of the cell of the map."""
            found = [seen.root.locator(f"{part} .crnn-window").bounding_box() for part in (parts[0], parts[4])]
            places = zip(
                found, ((left, top), (boxes[4]["x"], boxes[4]["y"])), (cell, boxes[4]["width"] / 10), strict=True
            )
            return [(round((box["x"] - x) / size), round((box["y"] - y) / size)) for box, (x, y), size in places]

        seen.press("Step")
        assert windows() == [(1, 0), (1, 0)]
        patch.press("ArrowDown")
        assert windows() == [(1, 1), (1, 1)]
        patch.hover(position={"x": 5.5 * cell, "y": 3.5 * cell})
        assert windows() == [(5, 3), (5, 3)]
        finger.tap(patch, 0.5 / 12)
        assert windows() == [(0, 4), (0, 4)]
        ground = "all => [...new Set(all.filter((e) => !e.textContent).map((e) => getComputedStyle(e).background))]"
        (flat,) = seen.root.locator(f"{parts[4]} span").evaluate_all(ground)
        assert "none" in flat and "gradient" not in flat  # not visited yet: one grey
        v.page.emulate_media(reduced_motion="no-preference")
        slides = seen.root.locator(f"{parts[0]} .crnn-window").evaluate("e => getComputedStyle(e).transition")
        assert "left 0.16s" in slides and "top 0.16s" in slides


def test_pooling_by_hand_and_a_shift(open_widget):
    seen = open_widget("probe-pooling")
    top, rows, columns = PATCH
    ink = digits()

    def pooled(shift):
        part = ink[top : top + rows, 16 - shift : 16 - shift + columns]
        return part.reshape(rows // 2, 2, columns // 2, 2).max((1, 3))

    seen.press("Run all")
    cells = seen.root.get_by_role("img", name="Pooled: the largest").locator("span")
    assert [int(text) for text in cells.all_inner_texts()] == pooled(0).flatten().tolist()
    for shift in (1, 2):
        seen.slide("Move the picture", "ArrowRight")
        assert [int(text) for text in cells.all_inner_texts()] == pooled(shift).flatten().tolist()
        changed = int((pooled(shift) != pooled(0)).sum())
        assert changed > 0 and f"{changed} of 24 pooled numbers" in seen.part("lost")
    assert ", 0 differ" in seen.part("lost")


def test_columns_and_labels(open_widget, captcha):
    seen = open_widget("probe-columns")
    seen.slide("Time step", "ArrowLeft", 4)
    seen.page.wait_for_function("() => document.querySelector('[data-crnn=answer]').textContent.includes('Step 12 ')")
    first, last = captcha.config.strip(12)
    assert f"T = 32 steps, one every 4 pixels. Step 12 sees pixel columns {first} to {last};" in seen.part("answer")
    seen.do(lambda: seen.root.get_by_label("Pool 5").select_option("2,4"))
    assert seen.part("answer").startswith("T = 8 steps, one every 16 pixels.")
    assert "5 + 2 = 7 steps: it fits T = 8" in seen.part("fits")
    seen.do(lambda: seen.root.get_by_label("Label").fill("mmmmm"))
    assert "5 + 4 = 9 steps: it does not fit T = 8" in seen.part("fits")
    seen.do(lambda: seen.press("The model's own"))
    assert "it fits T = 32" in seen.part("fits")


def test_hidden_columns(open_widget, captcha):
    seen = open_widget("probe-context")
    before = stages_of(captcha, sample())
    image = before["image"].clone()
    image[..., 48:60] = image.median()
    with torch.no_grad():
        after = {name: x[0] for name, x in captcha.stages(image[None]).items()}
    read = captcha.alphabet.decode(ctc.greedy_decode(after["log_probs"]))
    assert seen.part("text") == read != "2b7xy"
    strips = [captcha.config.strip(t) for t in range(32)]
    seeing = [t for t, (first, last) in enumerate(strips) if first < 60 and last >= 48]
    assert f"steps {seeing[0]} to {seeing[-1]} can see them" in seen.part("answer")
    dark = seen.pixel("How much each forward", (seeing[0] - 0.5) / 32, 0.5)
    assert dark == [68, 1, 84]  # to the left nothing has happened yet
    seen.do(lambda: seen.slide("How many", "Home"))
    assert seen.part("answer") == "Nothing is hidden, and nothing changes."
    assert seen.part("text") == "2b7xy"


def test_greedy_against_beam(open_widget, captcha):
    seen = open_widget("probe-decoding")
    logits = stages_of(captcha, sample("gxxw6"))["logits"]

    def decoded(temperature, width):
        log_probs = (logits / temperature).log_softmax(-1)
        texts = [captcha.alphabet.decode(text) for text, _ in ctc.beam_search(log_probs, width=width, k=5)]
        return captcha.alphabet.decode(ctc.greedy_decode(log_probs)), texts

    for temperature, steps in ((1.0, 0), (2.5, 15), (3.0, 5)):
        if steps:
            seen.do(lambda steps=steps: seen.slide("Temperature", "ArrowRight", steps))
        greedy, texts = decoded(temperature, 8)
        assert (seen.part("greedy"), seen.part("text")) == (greedy, texts[0])
        assert seen.root.locator('[data-crnn="beam"] td:first-child').all_inner_texts()[:3] == texts[:3]
        assert ("Greedy and beam agree" in seen.part("answer")) == (greedy == texts[0])
    assert greedy != texts[0]
    seen.do(lambda: seen.slide("Beam width", "Home"))
    assert seen.part("text") == decoded(3.0, 1)[1][0]


def test_letters_of_a_decoding_are_handles(open_widget, captcha):
    seen = open_widget("probe-decoding")
    log_probs = stages_of(captcha, sample("gxxw6"))["log_probs"]
    target = captcha.alphabet.encode(seen.part("text"))
    path = ctc.force_align(log_probs, target)
    steps = [t for t, c in enumerate(path) if c == captcha.alphabet.encode("6")[0]]
    place = pytest.approx((steps[0] / 32, (steps[-1] + 1) / 32), abs=1e-3)
    letters = seen.root.locator("button.crnn-character")
    lit = lambda: [i for i, on in enumerate(letters.evaluate_all(LIT)) if on]  # noqa: E731

    def is_lit():
        assert lit() == [4]
        first, last = captcha.config.strip(steps[0])[0], captcha.config.strip(steps[-1])[1]
        assert seen.marks("The image", "strip") == [pytest.approx((first / 128, (last + 1) / 128), abs=1e-3)]
        assert seen.marks("Probability of each", "span") == [place]
        assert place in seen.marks("The best path of", "span")

    letters.nth(4).hover()
    is_lit()
    seen.page.mouse.move(0, 0)
    assert lit() == [] and seen.marks("Probability of each", "span") == []
    letters.nth(4).focus()
    is_lit()
    seen.page.keyboard.press("Tab")
    for label in ("The image", "Probability of each", "The best path of"):
        lane = seen.root.get_by_role("img", name=label)
        box = lane.bounding_box()
        lane.hover(position={"x": 1, "y": 9})
        assert lit() == []
        lane.hover(position={"x": (steps[0] + 0.5) / 32 * box["width"], "y": 9})
        assert lit() == [4]
    seen.page.mouse.move(0, 0)
    Finger(seen.visit).tap(letters.nth(4))
    is_lit()
    assert letters.nth(4).get_attribute("aria-pressed") == "true"


def test_the_beam_is_a_tree_over_time(open_widget, captcha):
    seen = open_widget("probe-decoding")
    log_probs = stages_of(captcha, sample("gxxw6"))["log_probs"]
    kept = ctc.beam_search(log_probs[:20], width=8, k=8)
    tree = seen.root.get_by_role("application", name="Tree of the search")
    box = tree.bounding_box()
    heat = seen.root.get_by_role("img", name="Probability of each").bounding_box()
    assert (box["x"], box["width"]) == pytest.approx((heat["x"], heat["width"]), abs=1)  # one axis
    assert seen.part("beam-place").startswith(f"After step 31, rank 1: {seen.part('text')},")
    assert seen.root.locator(".beam-pruned").count() and not seen.root.locator(".beam-lit").get_attribute("d")
    tree.hover(position={"x": 19.5 / 32 * box["width"], "y": 0.5 / 8 * box["height"]})
    best = captcha.alphabet.decode(kept[0][0])
    assert seen.part("beam-place").startswith(f"After step 19, rank 1: {best},")
    assert seen.root.locator(".beam-lit").get_attribute("d")
    assert seen.marks("Probability of each", "step")
    tree.focus()
    seen.page.keyboard.press("ArrowDown")
    assert seen.part("beam-place").startswith("After step 19, rank 2: ")
    seen.page.keyboard.press("ArrowLeft")
    assert seen.part("beam-place").startswith("After step 18, rank 2: ")
    Finger(seen.visit).tap(tree, 2.5 / 32)
    assert seen.part("beam-place").startswith("After step 2, rank ")


def test_damage_and_its_curve(open_widget, captcha):
    seen = open_widget("probe-robustness")
    assert seen.part("text") == "2b7xy" and seen.part("answer").startswith("Right")
    seen.do(lambda: seen.slide("Cover: width", "ArrowRight", 24))
    assert seen.part("text") != "2b7xy" and seen.part("answer").startswith("Wrong")
    seen.page.wait_for_function(
        "() => document.querySelector('[data-crnn=curve]').textContent.startsWith('Along cover: width')"
    )
    assert re.search(r"right at ([1-9]|1[0-2]) of 13", seen.part("curve"))
    seen.do(lambda: seen.press("Undamaged"))
    assert seen.part("text") == "2b7xy"
    seen.do(lambda: seen.slide("Rotation", "Home"))
    assert seen.part("answer").startswith("Wrong")


def test_a_given_picture(visit, site, captcha):
    data = captchas.dataset(1, seed=8)
    widget = widgets.ProbeRobustness(image=data.images[0], truth=data.labels[0])
    (site / "given.html").write_text(PAGE.format(style=bundle.style(), widgets=widget.baked()))
    said = reader.read(captcha, data.images).texts[0]
    with visit(site.as_uri(), "given.html") as v:
        seen = Seen(v, "probe-robustness")
        assert seen.part("text") == said
        assert f"the text is {data.labels[0]}," in seen.part("answer")


# --- all of them ---


@pytest.mark.parametrize(
    "kind", ["microscope", "probe-context", "probe-decoding", "probe-convolution", "probe-pooling"]
)
def test_each_map_has_a_legend_and_its_blank_is_set_off(open_widget, kind):
    seen = open_widget(kind)
    scales = seen.root.locator(".crnn-legend i")
    assert scales.count() and all("linear-gradient" in g for g in scales.evaluate_all(GROUNDS))
    names = seen.root.locator(".crnn-gutter span, .crnn-path > span")
    colours = names.evaluate_all("all => all.map((e) => [e.textContent, getComputedStyle(e).color])")
    blanks = {colour for text, colour in colours if text == "-"}
    assert len(blanks) == bool(colours) and not blanks & {colour for text, colour in colours if text != "-"}
    line = "all => all.map((e) => getComputedStyle(e, '::after').borderTopWidth)"
    assert set(seen.root.locator(".crnn-classes").evaluate_all(line)) <= {"2px"}


@everywhere
@pytest.mark.parametrize("kind", KINDS)
def test_open_to_everybody(visit, address, kind, scheme, width):
    with visit(address, f"{kind}.html", scheme=scheme, width=width, height=844) as v:
        targets = Seen(v, kind).root.locator("button, select, input, summary")
        assert_open_to_everybody(v.page, f"{kind}-{scheme}", width, targets)
        assert v.problems == []


@pytest.mark.parametrize("kind", KINDS)
def test_without_javascript_there_is_a_picture(chromium, site, kind):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/{kind}.html")
    picture = page.locator("crnn-widget img")
    assert picture.is_visible() and picture.get_attribute("alt").startswith("The network reads this picture as")
    assert picture.evaluate("image => image.naturalWidth") == 200
    context.close()
