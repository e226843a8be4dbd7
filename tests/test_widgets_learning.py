"""The replay's and the exercises' side in the kernel: films, runs that are followed, pictures for a static page."""

import base64
import html
import io
import json
import re
import time

import numpy as np
import pytest
import torch
from PIL import Image

from crnn_lib import metrics, reader, training
from crnn_lib.data import LabelledImages
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe, Run

pytest.importorskip("anywidget")

from crnn_lib import assets, images
from crnn_lib.widgets import Quiz, Replay, bundle, host, shared
from crnn_lib.widgets.quiz import quiz
from crnn_lib.widgets.replay.film import Film, moments

CONFIG = Config(
    alphabet="2bx", height=32, width=32, channels=(4, 6), pools=((4, 2), (4, 2)), features=12, hidden=6
)  # fmt: skip
RECIPE = Recipe(epochs=3, batch_size=4, validation_fraction=0.25)


@pytest.fixture(scope="module")
def data():
    return captchas.dataset(count=20, alphabet="2bx", lengths=(2, 3), height=32, width=32)


@pytest.fixture(scope="module")
def whole(data):
    return training.fit(CONFIG, data, RECIPE)


@pytest.fixture
def live(data):
    found = Replay.follow(CONFIG, data, RECIPE, floors=(3.3, 2.9))
    yield found
    found.stop()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.005)


def same_weights(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_moments_are_dense_at_first_and_reach_both_ends():
    for total in (1, 2, 30, 432, 9000):
        found = moments(total)
        assert found[0] == 0 and found[-1] == total and len(found) <= 40 and found == sorted(set(found))
    assert moments(432)[:10] == list(range(10))


def test_a_film_says_what_the_model_says(data):
    torch.manual_seed(0)
    film = Film({"a": data.images[0], "b": data.images[1]}, variant="x", what="y", floors=[])
    run = Run(CRNN(CONFIG), data, RECIPE, on_step=film.look)
    next(iter(run))
    assert film.frames[0]["gradient"] is None and film.look(run)
    recorded = film.recorded()
    assert [frame["step"] for frame in recorded["frames"]] == [0, 1, 2, 3, 4, 5][: len(recorded["frames"])]
    figures, readings = metrics.evaluate(run.model, run.validation.images, run.validation.labels)
    last = recorded["frames"][-1]
    assert last["loss"] == round(figures["ctc_loss"], 4) and last["exact"] == figures["exact"]
    assert last["blank"] == round((readings.log_probs.argmax(-1) == 0).float().mean().item(), 4)
    assert 0 < last["gradient"] <= RECIPE.clip + 1e-3
    now = reader.read(run.model, data.images[:2])
    film_bytes = np.frombuffer(base64.b64decode(recorded["posteriors"]), np.uint8).reshape(recorded["shape"])
    assert np.abs(film_bytes[-1] / 255 - now.log_probs.exp().numpy()).max() < 0.002
    assert last["texts"] == now.texts and recorded["samples"] == ["a", "b"]


def test_a_followed_run_ends_as_fit_does_and_leaves_its_film(live, whole, data):
    assert (live.trainable, live.running, live.recording, live.fit) == (True, False, {}, None)
    live.start()
    wait_for(lambda: live._thread is None)
    assert live.status.startswith("Finished after 3 epochs.") and not live.running
    assert live.fit.finished and same_weights(live.fit.model, whole.model)
    (run,) = live.recording["runs"]
    assert [frame["step"] for frame in run["frames"]] == moments(len(run["frames"]) - 1)[: len(run["frames"])]
    assert run["frames"][-1]["step"] == 3 * 4 and run["shape"] == [13, 3, CONFIG.steps(), 4]
    assert run["floors"] == [3.3, 2.9] and set(run["pictures"]) == set(run["samples"])
    assert run["pictures"][run["samples"][0]]["width"] == 32
    assert live.recording["symbols"] == "2bx"
    json.dumps(live.recording)


def test_stopped_and_resumed_it_comes_to_the_same_end(live, whole):
    live.observe(lambda change: live._stopping.set() if len(live._film.frames) == 7 else None, "recording")
    live.running = True  # as the page's button does
    wait_for(lambda: live._thread is None and not live.running)
    assert live.status == "Stopped after 1 of 3 epochs; Start continues from there." and not live.fit.finished
    assert [frame["step"] for frame in live.recording["runs"][0]["frames"]] == list(range(7))
    live.unobserve_all("recording")
    live.running = True
    wait_for(lambda: live._thread is None and not live.running)
    assert live.fit.finished and same_weights(live.fit.model, whole.model)
    assert [frame["step"] for frame in live.recording["runs"][0]["frames"]] == list(range(13))
    live.start()
    wait_for(lambda: live._thread is None)
    assert live.status.startswith("Finished") and len(live.recording["runs"][0]["frames"]) == 13


def test_a_start_right_after_a_stop_is_not_lost(data):
    """In version 1 the old run ended after it, and said that nothing runs."""
    live = Replay.follow(CONFIG, data, Recipe(epochs=500, batch_size=4))
    for _ in range(3):
        live.running = True  # by the page's button, each press a message of its own
        wait_for(lambda: live.fit or live.recording)
        live.running = False
        live.running = True
        wait_for(lambda: live.status == "Training.")
    live.start()
    live.stop(wait=False)
    live.start()
    wait_for(lambda: live.running)
    assert live._thread.is_alive()
    live.running = True
    live.running = False
    wait_for(lambda: live._thread is None)
    assert not live.running and live.status.startswith("Stopped after") and len(live.fit.history) < 500


def test_a_finished_run_says_so_and_begins_afresh_when_asked(live, whole):
    assert live.run() is live.fit and live.finished and not live.running
    assert live.status == "Finished after 3 epochs. Start afresh begins again from nothing, in place of this run."
    first, film = live.fit, live.recording
    assert live.run().finished and live.recording == film and same_weights(live.fit.model, first.model)
    begun = []
    live.observe(lambda change: begun.append(len(change["new"]["runs"][0]["frames"])), "recording")
    live.running = True  # the page's button, which now says Start afresh
    wait_for(lambda: live._thread is None)
    assert begun[:2] == [1, 2] and live.recording == film and live.finished
    assert live.fit is not first and same_weights(live.fit.model, whole.model)


def test_run_trains_in_the_cell_and_keeps_what_there_is_when_interrupted(live, monkeypatch):
    original = Run.step

    def step(self, *batch):
        if len(self.history) == 2:
            raise KeyboardInterrupt
        return original(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "step", step)
        assert len(live.run().history) == 2
    assert live.status == "Stopped after 2 of 3 epochs; Start continues from there." and not live.running
    assert live.run().finished


def test_samples_with_the_same_label_are_all_filmed(data):
    """In version 1 the last image of a label replaced the others."""
    twice = LabelledImages(data.images[:4], ("2b", "2b", "2b (2)", "2b"), data.names[:4])
    live = Replay.follow(CONFIG, data, RECIPE, twice)
    live.run()
    (run,) = live.recording["runs"]
    assert run["samples"] == ["2b", "2b (2)", "2b (2) (2)", "2b (3)"] == list(run["pictures"])
    assert run["shape"][1] == 4 and len({picture["pixels"] for picture in run["pictures"].values()}) == 4


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"config": "captcha"}, "give a Config, LabelledImages and a Recipe, not a str"),
        ({"recipe": None}, "not a NoneType"),
        ({"samples": []}, "the samples to film"),
        ({"samples": captchas.dataset(2, seed=1)}, r"a sample of shape \(1, 32, 128\) does not suit a film of 32 x 32"),
        ({"what": 5}, "is text"),
        ({"floors": "ab"}, "floors are numbers"),
        ({"floors": [float("inf")]}, "floors are numbers"),
    ],
)
def test_what_cannot_be_followed_is_refused(data, arguments, words):
    with pytest.raises(UserError, match=words):
        Replay.follow(**{"config": CONFIG, "data": data, "recipe": RECIPE} | arguments)


def test_the_pages_button_stops(data):
    live = Replay.follow(CONFIG, data, Recipe(epochs=500, batch_size=4))
    live.running = True
    wait_for(lambda: live.recording)
    live.running = False
    wait_for(lambda: live._thread is None)
    assert live.status.startswith("Stopped") and not live.running


def test_what_goes_wrong_is_told(live, monkeypatch):
    def step(self, *batch):
        raise RuntimeError("no memory left")

    monkeypatch.setattr(Run, "step", step)
    live.start()
    wait_for(lambda: live._thread is None)
    assert live.status == "RuntimeError: no memory left" and not live.running
    with pytest.raises(UserError, match=r"\(1, 32, 32\) does not suit a film of 32 x 128"):
        Replay.follow(Config(), captchas.dataset(count=4, height=32, width=32), RECIPE)


def test_the_page_gets_the_recording():
    stored = shared.reference(host.RECORDINGS["replay"].read_bytes())
    assert Quiz("plateau").files["replay"] == Replay().files["replay"] == stored


def state_of(baked):
    return json.loads(html.unescape(re.search(r'state="([^"]*)"', baked)[1]))


def test_a_static_page_gets_a_sample_and_how_its_reading_changed(live):
    for widget in (Replay(), live):  # a run that has not begun: the stored film
        baked = widget.baked()
        assert baked == widget.baked() and state_of(baked) == {"recording": {}}
        assert "reads 55dne as nothing at step 0" in baked and "55dne at step 432" in baked
        picture = np.array(Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]*)", baked)[1]))))
        assert np.array_equal(picture, images.load_grey(assets.SAMPLES["55dne"]).round())
    live.start()
    wait_for(lambda: live._thread is None)
    assert state_of(live.baked())["recording"] == json.loads(json.dumps(live.recording))
    assert "text/html" in live._repr_mimebundle_()[0]


def test_an_exercise_leaves_its_first_question():
    engine = pytest.importorskip("py_mini_racer").MiniRacer()
    made = "{ append() {}, replaceChildren() {}, setAttribute() {}, addEventListener() {} }"
    engine.eval(f"const document = {{ createElement: () => ({made}) }};")
    engine.eval(f"const made = (() => {{ {bundle.flat()}; return {{ QUIZZES }}; }})();")
    for name, text in quiz.QUESTIONS.items():
        baked = Quiz(name).baked()
        assert html.escape(text) in baked and state_of(baked) == {"name": name} and 'kind="quiz"' in baked
        if name != "plateau":
            assert engine.eval(f"made.QUIZZES.{name}[1](made.QUIZZES.{name}[0][0]).text") == text
    assert set(json.loads(engine.eval("JSON.stringify(Object.keys(made.QUIZZES))"))) == set(quiz.QUESTIONS) - {
        "plateau"
    }
    assert quiz.QUESTIONS["plateau"] in bundle.joined()
    with pytest.raises(UserError, match="name must be one of alignments"):
        Quiz("sums")
