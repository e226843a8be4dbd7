"""The training replay in a browser: the recorded numbers, by mouse, keyboard and finger, from http and from file."""

import base64
import json

import numpy as np
import pytest
from visits import Finger, Live, assert_open_to_everybody, everywhere

from crnn_lib.widgets import host as widgets

FILM = json.loads(widgets.RECORDINGS["replay"].read_text(encoding="utf-8"))
RUNS = {run["variant"]: run for run in FILM["runs"]}
STEPS = [frame["step"] for frame in RUNS["ours"]["frames"]]
PARTS = ("run", "sample", "text", "step", "loss", "blank", "exact", "gradient")
LIVE = """async (film) => {
    const listeners = {}, state = {kind: 'replay', readers: [], recording: {}, trainable: true, running: false};
    state.status = 'Nothing runs yet.';
    window.model = {
        get: (n) => state[n], set: (n, v) => { state[n] = v; listeners['change:' + n]?.(); },
        save_changes() {}, off() {}, on: (n, f) => { listeners[n] = f; }, send() {},
    };
    const el = document.createElement('div');
    el.id = 'live';
    document.querySelector('article').prepend(el);
    await crnn['page/main.js'].render({model, el});
    window.grow = (count) => {
        const run = film.runs[0];
        const frames = run.frames.slice(0, count);
        const shape = [count, ...run.shape.slice(1)];
        const posteriors = btoa(atob(run.posteriors).slice(0, shape.reduce((a, b) => a * b)));
        model.set('recording', {symbols: film.symbols, runs: [{...run, frames, shape, posteriors}]});
    };
}"""  # a kernel's model, played


SITE = {"index": "# The film\n\nA page.\n\n```{crnn-widget} replay\n```\n"}


@pytest.fixture
def replay(opened):
    return Replay(opened())


class Replay(Live):
    """The replay on a page."""

    def __init__(self, visit, root=None):
        super().__init__(visit, "replay", root)
        self.time = self.root.get_by_role("slider", name="Training step")
        self.chart = self.root.get_by_role("img", name="Curves")

    def shows(self, number=0):
        """The words of one panel, by part."""
        panel = self.root.locator(".replay-run").nth(number)
        return {name: panel.locator(f'[data-crnn="{name}"]').inner_text() for name in PARTS}

    def type(self, *keys):
        self.time.focus()
        for key in keys:
            self.page.keyboard.press(key)


def expected(run, frame, sample=0):
    now = run["frames"][frame]
    gradient = "none yet" if now["gradient"] is None else f"{now['gradient']:.2f}"
    return {
        "run": run["what"],
        "sample": run["samples"][sample],
        "text": now["texts"][sample] or "(nothing)",
        "step": str(now["step"]),
        "loss": f"{now['loss']:.2f}",
        "blank": f"{100 * now['blank']:.1f} %",
        "exact": f"{now['exact']} of {run['validation_images']}",
        "gradient": gradient,
    }


def test_the_numbers_are_the_recorded_ones(replay):
    for variant in list(RUNS)[1:]:
        replay.root.get_by_label("Beside it").select_option(variant)
        replay.type("Home")
        for frame in range(0, len(STEPS), 11):
            assert replay.shows(0) == expected(RUNS["ours"], frame)
            assert replay.shows(1) == expected(RUNS[variant], frame)
            assert replay.time.get_attribute("aria-valuetext") == f"step {STEPS[frame]}"
            replay.type(*["ArrowRight"] * 11)
    replay.type("End")
    replay.root.get_by_label("Sample").select_option("c3f8n")
    assert replay.shows(0) == expected(RUNS["ours"], -1, sample=2)
    assert "only 55dne was filmed here" in replay.root.locator(".replay-film").nth(1).inner_text()
    replay.root.get_by_label("Beside it").select_option("")
    assert replay.root.locator(".replay-run").nth(1).is_hidden()


def test_the_map_is_the_recorded_film(replay):
    run = RUNS["ours"]
    film = np.frombuffer(base64.b64decode(run["posteriors"]), np.uint8).reshape(run["shape"])
    pixels = "c => [c.width, c.height, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    for frame in (0, 20, 33):
        replay.type("Home", *["ArrowRight"] * frame)
        width, height, *data = replay.root.locator(".replay-map canvas").first.evaluate(pixels)
        shown = np.array(data).reshape(height, width, 4)[..., 1]  # viridis: green grows with the value
        values = np.roll(film[frame, 0].T, -1, 0)
        assert shown.shape == values.shape
        assert (np.diff(shown.ravel()[np.argsort(values.ravel(), kind="stable")]) >= 0).all()
        assert (shown[values == 0] == 1).all() and (shown[values == 255] == 231).all()
    name = replay.root.locator(".replay-map canvas").first.get_attribute("aria-label")
    blanks = int((film[33, 0].argmax(-1) == 0).sum())
    assert f"{blanks} of 32 time steps say blank, 5 letters stand out" in name


def test_one_never_leaves_and_one_loses_a_double(replay):
    replay.type("End")
    assert replay.shows(0)["text"] == "55dne"
    for variant, text in (("sgd", "(nothing)"), ("short", "5dne")):
        replay.root.get_by_label("Beside it").select_option(variant)
        assert replay.shows(1)["text"] == text
    assert len(RUNS["sgd"]["frames"]) == len(STEPS) and all(not f["texts"][0] for f in RUNS["sgd"]["frames"])


def test_curves_floors_and_what_is_above_the_chart(replay):
    replay.root.get_by_label("Beside it").select_option("no-prior")
    words = replay.chart.inner_html()
    for floor, letter in zip(RUNS["ours"]["floors"], "ab", strict=True):
        assert f"floor ({letter}): {floor:.2f}" in words
    assert f"above: {RUNS['no-prior']['frames'][0]['loss']:.2f}" in words
    replay.type("End")
    assert "above:" in replay.chart.inner_html()  # still said
    for kind in ("blank", "exact", "gradient", "loss"):
        replay.root.get_by_role("combobox", name="Curve").select_option(kind)
        assert ("floor" in replay.chart.inner_html()) == (kind == "loss")
        name = replay.chart.get_attribute("aria-label")
        last = RUNS["ours"]["frames"][-1]
        said = {
            "blank": f"{100 * last['blank']:.1f} %",
            "exact": f"{100 * last['exact'] / 75:.1f} %",
            "gradient": f"{last['gradient']:.2f}",
            "loss": f"{last['loss']:.2f}",
        }
        assert f"{said[kind]} at step 432" in name


def test_mouse(replay):
    replay.press("Forward")
    assert replay.shows()["step"] == str(STEPS[1])
    replay.press("Back")
    replay.press("Back")
    assert replay.shows()["step"] == "0"
    replay.chart.scroll_into_view_if_needed()
    box = replay.chart.bounding_box()
    middle = box["x"] + 48 + (box["width"] - 58) * 0.5  # a quarter of the steps: a root scale
    replay.page.mouse.click(middle, box["y"] + 100)
    assert replay.shows()["step"] == str(min(STEPS, key=lambda s: abs(s**0.5 - 108**0.5)))
    replay.page.mouse.move(box["x"] + 60, box["y"] + 100)
    replay.page.mouse.down()
    replay.page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 90, steps=4)
    replay.page.mouse.up()
    assert replay.shows()["step"] == str(STEPS[-1])
    # Firefox and WebKit would select the tick labels.
    assert replay.chart.evaluate("chart => getComputedStyle(chart.querySelector('text')).userSelect") == "none"


def test_touch(replay):
    finger = Finger(replay.visit)
    finger.tap(replay.button("Forward"))
    assert replay.shows()["step"] == "1"
    finger.tap(replay.chart, 0.99)
    assert replay.shows()["step"] == str(STEPS[-1])
    finger.tap(replay.time, 0.02)
    assert replay.shows()["step"] in ("0", "1")


def test_letters_are_handles(replay):
    replay.type("End")
    run = RUNS["ours"]
    film = np.frombuffer(base64.b64decode(run["posteriors"]), np.uint8).reshape(run["shape"])
    path, symbol = film[-1, 0].argmax(-1), FILM["symbols"].index("d") + 1
    steps = np.flatnonzero(path == symbol)
    panel = replay.root.locator(".replay-run").first
    letters, lanes = panel.locator("button.crnn-character"), panel.locator(".crnn-face")
    assert replay.shows()["text"] == "".join(letters.all_inner_texts()) == "55dne"
    marks = """faces => faces.map((face) => {
        const { left, width } = face.getBoundingClientRect();
        const box = face.querySelector(".crnn-mark")?.getBoundingClientRect();
        return box ? [(box.left - left) / width, (box.right - left) / width] : null;
    })"""
    place = pytest.approx([steps[0] / 32, (steps[-1] + 1) / 32], abs=2e-3)

    def lit():
        return [i for i in range(5) if "crnn-lit" in letters.nth(i).get_attribute("class")]

    letters.nth(2).hover()
    assert lit() == [2] and lanes.evaluate_all(marks) == [place] * 3  # picture, map, path
    replay.page.mouse.move(0, 0)
    assert lit() == [] and lanes.evaluate_all(marks) == [None] * 3
    letters.nth(2).focus()
    assert lit() == [2]
    replay.time.focus()
    for lane in lanes.all():
        box = lane.bounding_box()
        lane.hover(position={"x": (steps[0] + 0.5) / 32 * box["width"], "y": 5})
        assert lit() == [2]
        lane.hover(position={"x": 2, "y": 5})
        assert lit() == []
    replay.page.mouse.move(0, 0)
    Finger(replay.visit).tap(letters.nth(2))
    assert lit() == [2] and letters.nth(2).get_attribute("aria-pressed") == "true"


def test_each_map_has_a_legend_and_its_blank_is_set_off(replay):
    assert replay.root.locator(".crnn-legend i").is_visible()
    names = replay.root.locator(".replay-map .crnn-gutter").first.locator("span")
    colours = names.evaluate_all("all => all.map((e) => getComputedStyle(e).color)")
    assert names.last.inner_text() == "-" and colours[-1] not in colours[:-1]


def test_nothing_moves_by_itself_and_playing_is_quiet(replay):
    replay.page.wait_for_timeout(1600)
    assert replay.shows()["step"] == "0"
    replay.page.evaluate("""() => {
        window.said = 0;
        const region = document.querySelector('.replay-unseen');
        new MutationObserver(() => said++).observe(region, {childList: true, characterData: true, subtree: true});
    }""")
    replay.button("Play").focus()
    replay.page.keyboard.press("Enter")
    replay.page.wait_for_timeout(2700)  # motion is reduced here: slower
    assert replay.shows()["step"] in ("1", "2", "3") and replay.page.evaluate("said") == 0
    replay.page.keyboard.press("Enter")
    stood = replay.shows()["step"]
    assert replay.button("Play").is_visible()
    replay.page.wait_for_timeout(1600)
    assert replay.shows()["step"] == stood and replay.page.evaluate("said") == 1
    assert f"step {stood}: reads" in replay.root.locator(".replay-unseen").text_content()
    replay.type("End")
    replay.press("Play")  # from the start again
    assert replay.shows()["step"] == "0"
    replay.press("Forward")
    assert replay.button("Play").is_visible()


def test_a_run_in_progress_is_followed(replay):
    replay.page.evaluate(LIVE, FILM)
    live = Replay(replay.visit, replay.page.locator("#live"))
    assert live.root.get_by_role("status").inner_text() == "Nothing runs yet."
    assert live.button("Play").is_hidden()
    live.press("Start training")
    assert replay.page.evaluate("model.get('running')") is True
    replay.page.evaluate("grow(3)")
    assert live.shows() == expected(RUNS["ours"], 2)
    replay.page.evaluate("grow(25)")
    assert live.shows() == expected(RUNS["ours"], 24)  # it stood at the end, and stays there
    live.type("Home")
    replay.page.evaluate("grow(30)")
    assert live.shows() == expected(RUNS["ours"], 0)
    live.press("Stop training")
    assert replay.page.evaluate("model.get('running')") is False
    assert live.root.get_by_label("Beside it").is_hidden()
    replay.page.evaluate("model.set('finished', true)")
    live.press("Start afresh")
    assert replay.page.evaluate("model.get('running')") is True


@everywhere
def test_accessible(visit, address, scheme, width):
    with visit(address, "index.html", scheme=scheme, width=width) as v:
        replay = Replay(v)
        replay.type(*["ArrowRight"] * 22)
        assert_open_to_everybody(v.page, f"replay-{scheme}", width, replay.root.locator("button, select, input"))


def test_without_javascript_there_is_a_sentence(without_scripts):
    assert "55dne at step 432" in without_scripts.locator("crnn-widget .crnn-baked p").inner_text()
