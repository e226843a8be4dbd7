"""The machine of the first page: its opening, what follows the pen, what lights up together, slow motion, details."""

import base64
import itertools
import re

import pytest
import torch
from PIL import Image
from places import BOOK
from visits import Finger, Live, assert_open_to_everybody, draw, everywhere

from crnn_lib import ctc, images, reader
from crnn_lib.drawing import captchas, pen, skeletons
from crnn_lib.widgets import Machine, host, weights

SITE = {"index": "# Reading text with a CRNN\n\n```{crnn-widget} machine\n```\n\nWords.\n"}
STAGES = ["image", "maps", "columns", "lstm", "probabilities", "path", "text"]
POINTED = STAGES[1:]  # over these lies what takes pointer and keys; the image has the pen
TEXT = "n7x"
PLACES = """root => [...root.querySelectorAll('[data-crnn-stage]')].map((stage) => {
    const {left, top, bottom} = stage.getBoundingClientRect();
    return [stage.dataset.crnnStage, left, top, bottom];
})"""
ARRIVE = """(root, [way, content]) => {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "line.png", {type: "image/png"}));
    const [Kind, key] = way === "paste" ? [ClipboardEvent, "clipboardData"] : [DragEvent, "dataTransfer"];
    root.dispatchEvent(new Kind(way, {[key]: data, bubbles: true, cancelable: true}));
}"""
INK = """root => [...root.querySelectorAll('canvas:not(.machine-colours)')].map((canvas) => {
    const {width, height} = canvas;
    const copy = new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    return copy.getImageData(0, 0, width, height).data.reduce((sum, v, i) => (sum + v * (1 + i % 97)) % 1e9, 0);
})"""


class Shown(Live):
    """A live machine."""

    def __init__(self, visit):
        visit.page.locator("crnn-widget[live]").wait_for()
        super().__init__(visit, "machine")
        self.pad = self.root.locator('canvas[data-crnn="pad"]')

    def stage(self, name):
        return self.root.locator(f'[data-crnn-stage="{name}"]')

    def point(self, name):
        return self.stage(name).locator(".machine-point")

    def steps(self):
        """The step that each stage says is lit."""
        return {int(self.point(name).get_attribute("aria-valuenow")) for name in POINTED}

    def step(self):
        (t,) = self.steps()
        return t

    def hover(self, name, x, y=0.5):
        """With the mouse, at parts of a stage's view."""
        box = self.point(name).bounding_box()
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])

    def until(self, text):
        self.page.wait_for_function(
            "text => document.querySelector('[data-crnn=text]').textContent === text", arg=text, timeout=20_000
        )

    def ink(self):
        return self.root.evaluate(INK)

    def bar(self):
        return self.root.get_by_role("slider", name="Moment of the reading")

    def lit(self):
        """The letters of path and text that are lit."""
        return [
            self.root.locator(f"{row} .machine-lit").all_inner_texts() for row in (".machine-cells", ".machine-letters")
        ]


@pytest.fixture(scope="module")
def network():
    """The reader of strokes as the page has it."""
    return weights.from_bytes(weights.to_bytes(list(host.readers().values())[-1]))


@pytest.fixture(scope="module")
def example(network):
    """The stages of the word that the machine opens with."""
    return stages_of(network, Machine().strokes)


def stages_of(network, strokes):
    with torch.no_grad():
        found = network.stages(images.standardise(pen.image(strokes))[None])
    return {name: x[0] for name, x in found.items()}


def on_pad(example, column):
    """Where a column of the picture of the opening word lies on the pad, in parts of its width."""
    strokes, W = Machine().strokes, example["image"].shape[-1]
    xs, ys = zip(*(point for stroke in strokes for point in stroke), strict=True)
    scale, x0, _ = pen.frame(max(xs) - min(xs), max(ys) - min(ys), 32, W)
    return min(max(((min(column, W) - x0) / scale + min(xs)) / 128, 0), 1)


@pytest.fixture
def shown(visit, address):
    """The machine on a page over http, which by its end has complained of nothing."""
    with visit(address, "index.html") as seen:
        yield Shown(seen)
        assert (seen.outside, seen.problems) == ([], [])


def weights_asked(shown):
    return [url for url in shown.visit.requests if "crnn-weights" in url]


# --- what it opens with ---


@pytest.mark.parametrize("width, height", [(1300, 900), (390, 844)])
def test_it_is_all_seen_at_once_and_in_order(visit, address, width, height):
    with visit(address, "index.html", width=width, height=height) as seen:
        places = Shown(seen).root.evaluate(PLACES)
    assert [name for name, *_ in places] == STAGES
    assert all(0 < top < bottom <= height for *_, top, bottom in places)
    pairs = list(itertools.pairwise(places))
    if width == 390:
        assert all(below[2] >= above[3] - 1 for above, below in pairs)  # one lane under the other
    else:
        right_or_below = [b[1] > a[1] or b[2] >= a[3] - 1 for a, b in pairs]
        assert all(right_or_below) and places[0][1] < places[1][1] and places[2][1] < places[3][1]


def test_it_opens_with_a_word_that_is_read_without_weights(shown, example, network):
    word = network.alphabet.decode(ctc.greedy_decode(example["log_probs"]))
    assert shown.part("text") == word
    assert shown.part("confidence").endswith("%") and "Draw" in shown.part("says")
    assert shown.root.get_by_role("button", name="Slow motion").is_visible()
    shown.hover("columns", 0.6)
    assert shown.step() == int(0.6 * len(example["log_probs"]))
    assert weights_asked(shown) == []


# --- the pen ---


def test_what_is_drawn_is_read(opened, network):
    shown = Shown(opened())
    passed = draw(shown.page, shown.pad, skeletons.place(TEXT))
    said = reader.read(network, images.standardise(pen.image(passed))[None]).texts[0]
    shown.until(said)
    shown.press("Clear")
    shown.until("")
    assert "nothing to read" in shown.part("judged")
    assert shown.root.get_by_text("Draw here").is_visible()
    shown.press("Undo")
    shown.until(said)
    assert not shown.root.get_by_text("Draw here").is_visible()


def test_ink_is_kept_while_the_weights_are_on_their_way(visit, address, network):
    with visit(address, "index.html") as seen:
        shown = Shown(seen)
        waiting = []
        seen.page.route("**/crnn-weights-*", lambda route: waiting.append(route))
        passed = draw(seen.page, shown.pad, skeletons.place(TEXT))
        seen.page.wait_for_function("() => document.querySelector('[data-crnn-widget]').dataset.state === 'thinking'")
        assert shown.part("text") == "hello" and shown.ink()[0] > 0
        for route in waiting:
            route.continue_()
        text = reader.read(network, images.standardise(pen.image(passed))[None]).texts[0]
        shown.until(text)
        assert shown.part("says").startswith(f"It reads {text}. ")  # and not what the pen lies over


def test_all_stages_follow_the_pen(shown):
    shown.page.mouse.move(5, 5)
    draw(shown.page, shown.pad, [[[20, 10], [40, 20]]])
    shown.page.wait_for_function("() => document.querySelector('[data-crnn-widget]').dataset.state !== 'thinking'")
    curves = shown.stage("probabilities").locator("path").first
    before, line, reads = shown.ink(), curves.get_attribute("d"), shown.reads()
    box = shown.pad.bounding_box()
    shown.page.mouse.move(box["x"] + 100, box["y"] + 20)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 200, box["y"] + 60)
    shown.wait(reads)
    shown.page.wait_for_timeout(200)
    after = shown.ink()  # the pen is still down
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert curves.get_attribute("d") != line
    shown.page.mouse.up()


def test_drawn_with_the_keyboard(shown):
    shown.pad.focus()
    for key in ("Space", *["ArrowDown"] * 8, "Space"):
        shown.page.keyboard.press(key)
    shown.page.wait_for_function("() => document.querySelector('[data-crnn=text]').textContent !== 'hello'")


def test_drawn_with_a_finger(visit, address, network):
    with visit(address, "index.html", width=390, height=844, has_touch=True) as seen:
        shown, finger = Shown(seen), Finger(seen)
        finger.draw(shown.pad, skeletons.place(TEXT))
        shown.until(TEXT)
        assert seen.page.evaluate("scrollY") == 0


def test_typed_picked_and_pasted(shown, network):
    shown.root.get_by_label("Other pictures").click()
    shown.root.get_by_label("Type").fill(TEXT)
    shown.until(reader.read(network, images.standardise(pen.image(skeletons.place(TEXT)))[None]).texts[0])
    shown.root.get_by_label("Sample").select_option("2b7xy")
    shown.until("2b7xy")
    shown.root.evaluate("""root => {
        const data = new DataTransfer();
        data.setData("text", "hello");
        root.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
    }""")
    drawn = reader.read(network, images.standardise(pen.image(skeletons.place("hello")))[None]).texts[0]
    shown.until(drawn)
    shown.press("Undo")
    shown.until("2b7xy")


def test_a_picture_from_a_file(shown, captcha, tmp_path):
    path = tmp_path / "line.png"
    Image.fromarray(captchas.render("7mne2", seed=3).astype("uint8")).save(path)
    shown.root.locator('input[type="file"]').set_input_files(path)
    shown.until(reader.read(captcha, [images.load(path)]).texts[0])


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_pasted_or_dropped(shown, captcha, tmp_path, way):
    path = tmp_path / "line.png"
    Image.fromarray(captchas.render("7mne2", seed=3).astype("uint8")).save(path)
    shown.root.evaluate(ARRIVE, [way, base64.b64encode(path.read_bytes()).decode()])
    shown.until(reader.read(captcha, [images.load(path)]).texts[0])


# --- pointing ---


def test_the_image_is_pointed_at_too(shown):
    box = shown.pad.bounding_box()
    shown.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    step, said = shown.step(), shown.part("says")
    assert said.startswith(f"Step {step} sees pixel columns")
    shown.pad.focus()
    for _ in range(20):
        shown.page.keyboard.press("ArrowRight")
    assert shown.step() > step and shown.part("says").startswith(f"Step {shown.step()} sees pixel columns")


@pytest.mark.parametrize("name", POINTED)
def test_whatever_the_mouse_points_at_lights_up_everywhere(shown, name, example, network):
    path = example["log_probs"].argmax(1).tolist()
    t = next(t for t, c in enumerate(path) if c)
    sentence = shown.part("says")
    at = 0.02 if name == "text" else ((t + 0.5) / len(path) / 5 if name == "maps" else (t + 0.5) / len(path))
    shown.hover(name, at, 0.1)
    assert shown.step() == t
    letter = network.alphabet.symbols[path[t] - 1]
    cells, letters = shown.lit()
    assert set(cells) == {letter} and letters == [letter]
    assert shown.part("says") != sentence and shown.part("says").count(". ") <= 2
    first, last = network.config.strip(t)
    before, after = (shown.root.locator(f".machine-{side}") for side in ("before", "after"))
    box = shown.stage("image").locator(".machine-view").bounding_box()
    left, right = before.bounding_box(), after.bounding_box()
    assert left["width"] / box["width"] == pytest.approx(on_pad(example, first), abs=0.01)
    assert 1 - right["width"] / box["width"] == pytest.approx(on_pad(example, last + 1), abs=0.01)


def test_the_sentences_say_what_torch_says(shown, example, network):
    t, T = 11, len(example["log_probs"])
    shown.hover("columns", (t + 0.5) / T)
    column = example["columns"][t]
    assert f"Column {t}, from here on time step {t}: " in shown.part(
        "says"
    ) and f"{len(column)} numbers, " in shown.part("says")
    shown.hover("probabilities", (t + 0.5) / T)
    p, c = example["log_probs"][t].exp().max(0)
    best = "blank" if c == 0 else network.alphabet.symbols[c - 1]
    told = re.search(rf"Step {t} says {best} (?:> )?([\d.]+) %", shown.part("says"))
    assert float(told[1]) == pytest.approx(100 * float(p), abs=0.6)
    shown.hover("lstm", (t + 0.5) / T, 0.2)
    from_left = rf"from the left has read steps 0 to {t} by now, .* unit (\d+) says (\S+)\.$"
    unit, value = re.search(from_left, shown.part("says")).groups()
    assert float(value.replace("−", "-")) == pytest.approx(float(example["states"][t, int(unit)]), abs=0.02)
    shown.hover("maps", 0.6, 0.6)
    c, value, y, x = re.search(
        r"Feature map (\d+) of block 1 says .* here: (\S+) \(row (\d+), column (\d+)\)\. It", shown.part("says")
    ).groups()
    assert float(value.replace("−", "-")) == pytest.approx(float(example["pool1"][int(c), int(y), int(x)]), abs=0.05)


def test_a_letter_is_lit_of_what_was_drawn_and_the_resting_pen_points(shown):
    draw(shown.page, shown.pad, skeletons.place(TEXT))
    shown.until(TEXT)
    assert [*shown.lit()[1]] in (["n"], ["7"], ["x"])
    box = shown.pad.bounding_box()
    shown.page.wait_for_timeout(1600)
    shown.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"])
    assert shown.part("says").startswith(f"Step {shown.step()} sees")


def test_the_keyboard_points(shown, example):
    for name in POINTED[:-1]:
        shown.point(name).focus()
        before = shown.step()
        shown.page.keyboard.press("ArrowRight")
        assert shown.step() == before + 1
        assert shown.point(name).get_attribute("aria-valuetext") == shown.part("says")
    for key, step in {"End": len(example["log_probs"]) - 1, "Home": 0}.items():
        shown.page.keyboard.press(key)
        assert shown.step() == step
    shown.point("maps").focus()
    shown.page.keyboard.press("ArrowDown")
    assert shown.part("says").startswith("Feature map 1 of block 1")
    shown.point("lstm").focus()
    shown.page.keyboard.press("ArrowDown")
    assert "units; unit 1 says" in shown.part("says")
    shown.point("text").focus()
    for _ in range(9):
        shown.page.keyboard.press("ArrowLeft")
    assert shown.lit()[1] == ["h"]
    assert shown.point("text").get_attribute("aria-valuetext") == shown.part("says")


def test_a_finger_points(visit, address, example):
    T = len(example["log_probs"])
    with visit(address, "index.html", width=390, height=844, has_touch=True) as seen:
        shown, finger = Shown(seen), Finger(seen)
        for name in ("columns", "lstm", "probabilities", "path"):
            finger.tap(shown.point(name), 0.8)
            assert shown.step() == int(0.8 * T)
            finger.tap(shown.point(name), 0.3)
            assert shown.step() == int(0.3 * T)
        finger.tap(shown.point("text"), 0.01)
        assert shown.lit()[1] == ["h"]
        finger.tap(shown.point("maps"), 0.2)
        assert shown.step() > T / 2 and shown.part("says").startswith("Feature map ")


def test_a_tap_on_the_example_points_and_a_stroke_draws(visit, address, example):
    with visit(address, "index.html", width=390, height=844, has_touch=True) as seen:
        shown, finger = Shown(seen), Finger(seen)
        says = "said => document.querySelector('[data-crnn=says]').textContent.includes(said)"
        for place in (0.9, 0.1):
            finger.tap(shown.pad, place)
            shown.page.wait_for_function(says, arg="the strip that is not faded")
            shown.page.wait_for_timeout(300)
            assert (shown.step() > len(example["log_probs"]) / 2) == (place > 0.5) and shown.part("text") == "hello"
        finger.draw(shown.pad, [[(10, 16), (60, 16), (110, 16)]])
        shown.page.wait_for_function("() => document.querySelector('[data-crnn=text]').textContent !== 'hello'")
        ink = shown.pad.evaluate("pad => pad.toDataURL()")
        finger.draw(shown.pad, [[(64, 4)]])  # of one's own drawing it is a dot
        shown.page.wait_for_timeout(300)
        assert shown.pad.evaluate("pad => pad.toDataURL()") != ink


def test_another_block(shown, example):
    shown.stage("maps").get_by_role("button", name="Block 5").click()
    shown.page.wait_for_function("() => document.querySelector('[data-crnn=says]').textContent.includes('block 5')")
    shown.hover("maps", 0.02, 0.97)
    told = re.match(
        r"Feature map (\d+) of block 5 says .* here: (\S+) \(row (\d), column (\d+)\)\. It", shown.part("says")
    )
    c, y, x = (int(told[i]) for i in (1, 3, 4))
    assert float(told[2]) == pytest.approx(float(example["pool5"][c, y, x]), abs=0.05)


# --- slow motion ---


def test_slow_motion_by_steps_and_by_dragging(shown, example):
    T = len(example["log_probs"])
    shown.press("Slow motion")  # this visitor wants no motion
    assert shown.bar().input_value() == "0" and not shown.button("Play").is_visible()
    shown.press("Step")
    assert shown.bar().input_value() == "1" and "window" in shown.part("says").lower()
    said = []
    for moment in (T - 12, T + 8, 2 * T + 6, 3 * T + 2, 3 * T + 8, 3 * T + 18):
        shown.bar().fill(str(moment))
        said.append(shown.root.get_attribute("data-phase"))
    assert said == ["window", "streams", "peaks", "merge", "drop", "gather"]
    assert shown.part("says") == f"The text remains: {shown.part('text')}."
    shown.press("Close slow motion")
    assert shown.root.get_attribute("data-phase") is None and shown.part("text") == "hello"


def test_slow_motion_shows_a_part_only_when_it_is_reached(shown, example):
    T = len(example["log_probs"])
    shown.press("Slow motion")
    shown.bar().fill("20")
    assert shown.root.locator(".machine-links path").count() == 1  # from the image to the columns
    cells = shown.root.locator(".machine-cells span")
    seen = "all => all.filter((e) => +e.style.opacity > 0).length"
    for moment, count in ((10, 0), (2 * T, 0), (2 * T + 6, 6), (3 * T, T)):
        shown.bar().fill(str(moment))
        assert cells.evaluate_all(seen) == count
    letters = shown.root.locator(".machine-letters span")
    assert letters.evaluate_all(seen) == 0
    shown.bar().fill(str(3 * T + 18))
    assert letters.evaluate_all(seen) == 5
    blanks = shown.root.locator(".machine-merged .machine-blank")
    assert blanks.evaluate_all("all => all.every((e) => +e.style.opacity < 0.5)")


def test_slow_motion_plays_and_pauses(shown):
    shown.page.emulate_media(reduced_motion="no-preference")
    shown.press("Slow motion")
    shown.page.wait_for_function("() => +document.querySelector('[aria-label=\"Moment of the reading\"]').value > 3")
    shown.press("Pause")
    held = shown.bar().input_value()
    shown.page.wait_for_timeout(300)
    assert shown.bar().input_value() == held
    last = int(shown.bar().get_attribute("max"))
    shown.bar().fill(str(last - 1))
    shown.press("Play")
    shown.button("Again").wait_for()
    assert shown.bar().input_value() == str(last)
    draw(shown.page, shown.pad, [[[20, 10], [40, 20]]])  # who draws leaves it
    shown.root.get_by_role("button", name="Slow motion", exact=True).wait_for()


def test_slow_motion_with_mouse_finger_and_keys(visit, address):
    with visit(address, "index.html", width=390, height=844, has_touch=True) as seen:
        shown, finger = Shown(seen), Finger(seen)
        shown.root.get_by_role("button", name="Slow motion", exact=True).focus()
        seen.page.keyboard.press("Enter")
        seen.page.keyboard.press("Enter")  # Step has the focus
        assert shown.bar().input_value() == "1"
        shown.bar().focus()
        seen.page.keyboard.press("ArrowRight")
        assert shown.bar().input_value() == "2"
        box = shown.bar().bounding_box()
        at = [(box["x"] + part * box["width"], box["y"] + box["height"] / 2) for part in (0.1, 0.45, 0.75)]
        seen.page.mouse.move(*at[0])
        seen.page.mouse.down()
        seen.page.mouse.move(*at[1])
        assert shown.root.get_attribute("data-phase") == "streams"
        seen.page.mouse.up()
        for kind, point in zip(("touchStart", "touchMove"), at[1:], strict=True):
            finger.send(kind, point)
        finger.send("touchEnd")
        seen.page.wait_for_function("() => document.querySelector('[data-phase=peaks]')")
        finger.tap(shown.root.get_by_role("button", name="Close slow motion"))
        assert shown.root.get_attribute("data-phase") is None


# --- details ---


@pytest.mark.parametrize("name", STAGES)
def test_each_title_opens_its_detail_and_leads_to_its_chapter(shown, name):
    title = shown.stage(name).locator(".machine-title")
    title.click()
    detail = shown.root.get_by_role("region")
    assert detail.get_by_role("heading").inner_text() == title.inner_text()
    chapter = detail.get_by_role("link")
    page = BOOK / chapter.get_attribute("href").replace(".html", ".ipynb")
    assert page.is_file() and chapter.inner_text().startswith(f"Chapter {int(page.name[:2])}: ")
    detail.locator(".machine-note").first.wait_for()
    assert detail.locator(".crnn-error").count() == 0
    shown.page.keyboard.press("Escape")
    assert detail.is_hidden() and title.evaluate("e => e === document.activeElement")
    title.click()
    detail.get_by_role("button", name="Close").click()
    assert detail.is_hidden()


def test_details_lead_to_their_neighbours(shown):
    shown.stage("image").locator(".machine-title").click()
    detail = shown.root.get_by_role("region")
    titles = [shown.stage(name).locator(".machine-title").inner_text() for name in STAGES]
    assert detail.get_by_role("button", name="Back to").count() == 0
    for title in titles[1:]:
        detail.get_by_role("button", name=f"On to {title}").click()
        detail.get_by_role("heading", name=title, exact=True).wait_for()
        assert shown.root.locator('.machine-title[aria-expanded="true"]').inner_text() == title
    assert detail.get_by_role("button", name="On to").count() == 0
    for title in titles[-2::-1]:  # the pressed button keeps the focus
        detail.get_by_role("button", name=f"Back to {title}").press("Enter")
        detail.get_by_role("heading", name=title, exact=True).wait_for()
    assert shown.root.locator(".machine-title[aria-expanded=true]").count() == 1


def test_other_texts_show_where_they_differ(shown):
    shown.stage("text").locator(".machine-title").click()
    rows = shown.root.get_by_role("region").locator(".machine-bar-row b")
    rows.first.wait_for()
    best, *others = rows.all_inner_texts()
    assert others and rows.first.locator("mark").count() == 0
    for row, other in zip(rows.all()[1:], others, strict=True):
        left, marked, right = row.evaluate("b => [...b.childNodes].map((node) => node.textContent)")
        assert left + marked + right == other != best
        assert best.startswith(left) and best.endswith(right) and len(left) + len(right) <= len(best)


def test_details_with_finger_and_keys(visit, address):
    with visit(address, "index.html", width=390, height=844, has_touch=True) as seen:
        shown, finger = Shown(seen), Finger(seen)
        detail = shown.root.get_by_role("region")
        title = shown.stage("lstm").locator(".machine-title")
        finger.tap(title)
        detail.get_by_role("heading", name="BiLSTM").wait_for()
        finger.tap(detail.get_by_role("button", name="Close"))
        assert detail.is_hidden()
        title.focus()
        seen.page.keyboard.press("Enter")
        detail.get_by_role("heading", name="BiLSTM").wait_for()
        seen.page.keyboard.press("Enter")  # Close has the focus
        assert detail.is_hidden()


def test_a_convolution_under_the_lens(shown, example, network):
    shown.stage("maps").locator(".machine-title").click()
    total = shown.root.locator('[data-crnn="sum"]')
    total.wait_for()
    shown.root.get_by_role("slider", name="Map", exact=True).fill("3")
    lens = shown.root.get_by_role("slider", name="Window: arrow keys move it")
    lens.focus()
    for key in ["ArrowLeft"] * 3 + ["ArrowUp"] * 2:
        shown.page.keyboard.press(key)
    row, column = map(int, re.findall(r"\d+", lens.get_attribute("aria-valuetext")))
    shown.page.wait_for_function("() => document.querySelector('.crnn-nine:nth-of-type(2)')?.textContent.includes('3')")
    assert float(total.inner_text()) == pytest.approx(float(example["conv1"][3, row, column]), abs=0.03)


@pytest.mark.parametrize("unit", [5, 70])
def test_the_gates_of_a_cell_make_its_state(shown, example, unit):
    shown.stage("lstm").locator(".machine-title").click()
    shown.root.locator('[data-crnn="state"]').wait_for()
    shown.root.get_by_role("slider", name="Unit", exact=True).fill(str(unit))
    shown.root.get_by_role("slider", name="Step", exact=True).fill("13")
    shown.page.wait_for_function("() => document.querySelector('.machine-note').textContent.startsWith('Step 13')")
    state = float(shown.part("state").replace("−", "-"))
    assert state == pytest.approx(float(example["states"][13, unit]), abs=0.03)


# --- all of it ---


@everywhere
@pytest.mark.parametrize("detail", ["", "maps", "lstm"])
def test_open_to_everybody(visit, address, scheme, width, detail):
    with visit(address, "index.html", scheme=scheme, width=width, height=844) as seen:
        shown = Shown(seen)
        if detail:
            shown.stage(detail).locator(".machine-title").click()
            shown.root.locator(f'[data-crnn="{"sum" if detail == "maps" else "state"}"]').wait_for()
        targets = shown.root.locator("button:visible, summary:visible, input:visible, select:visible")
        assert_open_to_everybody(seen.page, f"machine{detail}-{scheme}", width, targets)
        assert seen.problems == []


def test_the_box_of_the_machine_is_reserved(visit, address):
    for width in (390, 1300):
        with visit(address, "index.html", width=width) as seen:
            size = "() => document.querySelector('crnn-widget').getBoundingClientRect().height"
            before = seen.page.evaluate(size)
            Shown(seen)
            assert seen.page.evaluate(size) == pytest.approx(before, abs=1)


def test_without_scripts_there_is_the_picture(without_scripts):
    picture = without_scripts.locator("crnn-widget img")
    assert picture.is_visible() and "'hello'" in picture.get_attribute("alt")


def test_printed_it_is_the_stages_without_what_is_pressed(shown):
    shown.page.emulate_media(media="print")
    assert not shown.button("Slow motion").is_visible() and not shown.button("Clear").is_visible()
    assert all(shown.stage(name).is_visible() for name in STAGES)
