"""The training monitor: it starts, stops and continues, keeps what there is, and tells what went wrong."""

import threading
import time
from base64 import b64decode
from dataclasses import replace

import pytest
import torch

from crnn_lib import training
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.model import Config
from crnn_lib.training import Recipe
from crnn_lib.widgets.monitor.monitor import TrainingMonitor

CONFIG = Config(
    alphabet="2bx", height=32, width=32, channels=(4, 6), pools=((4, 2), (4, 2)), features=12, hidden=6
)  # fmt: skip
RECIPE = Recipe(epochs=3, batch_size=4, validation_fraction=0.25)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def data():
    return captchas.dataset(count=20, alphabet="2bx", lengths=(2, 3), height=32, width=32)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.005)


def idle(found):
    return not found.start_button.disabled and found.stop_button.disabled


def timeless(history):
    return [{key: value for key, value in record.items() if key != "cpu_seconds"} for record in history]


def same_weights(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture(scope="module")
def undisturbed(data):
    return training.fit(CONFIG, data, RECIPE)


def test_before_the_first_start_there_is_a_picture_and_nothing_runs(data):
    found = TrainingMonitor(CONFIG, data, RECIPE, floor=1.5)
    assert idle(found) and (found.history, found.readings, found.fit) == ([], [], None)
    bundle = found._repr_mimebundle_()
    assert b64decode(bundle["image/png"]) == found.picture() and found.picture().startswith(PNG)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    found.stop()  # harmless
    assert threading.active_count() == 1 or found._thread is None


def test_run_ends_as_fit_does(data, undisturbed):
    found = TrainingMonitor(CONFIG, data, RECIPE)
    empty = found.picture()
    assert empty.startswith(PNG) and not found.message.value  # without a floor there is no loss to draw yet
    assert found.run() is found.fit and found.fit.finished
    assert timeless(found.history) == timeless(found.fit.history) == timeless(undisturbed.history)
    assert same_weights(found.fit.model, undisturbed.model)
    assert len(found.readings) == 3 and len(found.readings[0]) == 4
    assert found.progress.value == 3 and "Finished" in found.message.value and idle(found)
    assert found.picture().startswith(PNG) and found.picture() != empty


@pytest.mark.slow
def test_start_and_stop_in_the_background_then_on_to_the_same_end(data, tmp_path):
    recipe, path = replace(RECIPE, epochs=12), tmp_path / "run"
    found = TrainingMonitor(CONFIG, data, recipe, checkpoint=path)
    found.start_button.click()
    thread = found._thread
    found.start()  # a second press does nothing
    assert found._thread is thread
    assert found.run() is None  # nor does a second training begin
    wait_for(lambda: len(found.history) >= 2)
    assert not idle(found)
    found.stop_button.click()
    assert not thread.is_alive() and idle(found)
    so_far = len(found.history)
    assert 2 <= so_far < 12 and not found.fit.finished and len(found.fit.history) == so_far
    assert "Stopped" in found.message.value and path.exists()

    taken_up = TrainingMonitor(CONFIG, data, recipe, checkpoint=path)
    assert timeless(taken_up.history) == timeless(found.history) and taken_up.fit is None
    assert taken_up.readings == found.readings[-1:]
    taken_up.start()
    wait_for(lambda: taken_up._thread is None)
    whole = training.fit(CONFIG, data, recipe)
    assert taken_up.fit.finished and same_weights(taken_up.fit.model, whole.model)
    assert timeless(taken_up.history) == timeless(whole.history)


def test_stopped_at_once_it_does_stop(data):
    found = TrainingMonitor(CONFIG, data, replace(RECIPE, epochs=500))
    found.start()
    found.stop()
    assert found._thread is None and idle(found) and len(found.history) < 500


def test_a_start_right_after_a_stop_is_not_lost(data):
    found = TrainingMonitor(CONFIG, data, replace(RECIPE, epochs=500))
    for _ in range(3):
        so_far = len(found.history)
        found.start()
        found.stop(wait=False)
        found.start()
        wait_for(lambda n=so_far: len(found.history) > n)
        assert found._thread.is_alive() and not idle(found)
    found.stop()
    assert found._thread is None and idle(found)


def test_a_finished_run_says_so_and_begins_afresh_when_asked(data, tmp_path, undisturbed):
    path = tmp_path / "run"
    TrainingMonitor(CONFIG, data, RECIPE, checkpoint=path).run()
    found = TrainingMonitor(CONFIG, data, RECIPE, checkpoint=path)
    assert "Finished after 3 epochs. Start afresh begins again" in found.message.value
    assert found.start_button.description == "Start afresh" and idle(found)
    content = path.read_bytes()
    found.start()  # changes nothing, but gives the result
    wait_for(lambda: found._thread is None)
    assert path.read_bytes() == content and same_weights(found.fit.model, undisturbed.model)
    assert found.progress.value == 3 and len(found.readings) == 1
    found.start_button.click()
    wait_for(lambda: len(found.history) < 3)
    assert found.start_button.description in ("Start", "Start afresh")
    wait_for(lambda: found._thread is None)
    assert found.fit.finished and len(found.readings) == 3 and same_weights(found.fit.model, undisturbed.model)


def test_a_stopped_run_says_where_it_goes_on(data, tmp_path):
    path = tmp_path / "run"
    next(iter(training.begin(CONFIG, data, RECIPE, checkpoint=path)))
    found = TrainingMonitor(CONFIG, data, RECIPE, checkpoint=path)
    assert "Stopped after 1 of 3 epochs; Start continues from there." in found.message.value
    assert found.start_button.description == "Start" and found.progress.value == 1
    assert found.run().finished and [record["epoch"] for record in found.history] == [1, 2, 3]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"data": None}, "give a Config, LabelledImages and a Recipe"),
        ({"checkpoint": 5}, "a path to a file"),
        ({"floor": "low"}, "the floor is a loss"),
        ({"floor": float("nan")}, "the floor is a loss"),
    ],
)
def test_arguments_of_another_kind_are_refused(data, arguments, words):
    with pytest.raises(UserError, match=words):
        TrainingMonitor(**{"config": CONFIG, "data": data, "recipe": RECIPE} | arguments)


def test_an_interrupt_returns_what_there_is(data, monkeypatch):
    found, original = TrainingMonitor(CONFIG, data, RECIPE), training.Run.step

    def step(self, *batch):
        if len(self.history) == 2:
            raise KeyboardInterrupt
        return original(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(training.Run, "step", step)
        partial = found.run()
    assert not partial.finished and len(partial.history) == len(found.history) == 2 and idle(found)
    assert found.run().finished and len(found.history) == 3


@pytest.mark.parametrize("how", ["run", "start"])
def test_an_error_is_told_and_nothing_is_raised(data, monkeypatch, how):
    found = TrainingMonitor(CONFIG, data, RECIPE)

    def step(*arguments):
        raise RuntimeError("no <memory> left")

    monkeypatch.setattr(training.Run, "step", step)
    getattr(found, how)()
    wait_for(lambda: found._thread is None)
    assert "RuntimeError: no &lt;memory&gt; left" in found.message.value and idle(found) and found.fit is None


def test_what_cannot_be_trained_is_told_when_the_monitor_is_made(data, tmp_path):
    found = TrainingMonitor(Config(stretch=None), data, RECIPE)
    assert "UserError: images of 32 x 32 pixels" in found.message.value and idle(found)
    path = tmp_path / "run"
    TrainingMonitor(CONFIG, data, replace(RECIPE, epochs=1), checkpoint=path).run()
    assert "cannot resume" in TrainingMonitor(CONFIG, data, RECIPE, checkpoint=path).message.value


def test_without_a_validation_part_the_first_training_images_are_read(data):
    found = TrainingMonitor(CONFIG, data, replace(RECIPE, epochs=1, validation_fraction=0.0))
    found.run()
    assert found.fit.finished and len(found.readings) == 1 and found.picture().startswith(PNG)
