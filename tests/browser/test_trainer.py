"""The trainer in a browser: it learns by mouse, keyboard and finger, from http and file, and what it learnt stays."""

import re

import pytest
from visits import Finger, Live, assert_open_to_everybody, draw, everywhere

from crnn_lib import reader
from crnn_lib.drawing import skeletons

SITE = {
    "index": "# Train it\n\nA page.\n\n```{crnn-widget} trainer\n```\n",
    "overfit": "# Ten images\n\nA page.\n\n```{crnn-widget} trainer\n:experiment: overfit\n```\n",
}
PATIENCE = 120_000  # milliseconds: other tests may run beside this one


@pytest.fixture
def trainer(opened):
    return Trainer(opened())


class Trainer(Live):
    """The trainer on a page, where motion is not wanted: it shows what it has when it pauses, or is asked."""

    def __init__(self, visit, root=None):
        super().__init__(visit, "trainer", root)
        self.run = self.root.locator(".trainer-run").first

    def steps(self, number=0):
        found = re.match(r"Step (\d+)", self.root.locator('[data-crnn="facts"]').nth(number).inner_text())
        return int(found[1]) if found else 0

    def paused(self):
        self.page.wait_for_function(
            "() => document.querySelector('.trainer-start').textContent === 'Start'", timeout=PATIENCE
        )

    def press_and_wait(self, name):
        self.press(name)
        self.paused()

    def field(self, name):
        """The control under exactly this name."""
        named = self.page.locator(f'xpath=//span[.="{name}"]')
        return self.root.locator(".crnn-field").filter(has=named).locator("select, input")

    def says(self):
        return self.part("message")

    def part(self, name):
        return self.root.locator(f'[data-crnn="{name}"]').first.inner_text()

    def save(self, folder):
        with self.page.expect_download() as saved:
            self.press("Save the model")
        saved.value.save_as(folder / "mine.safetensors")
        return folder / "mine.safetensors"

    def load(self, path):
        with self.page.expect_file_chooser() as chooser:
            self.press("Load a model")
        chooser.value.set_files(path)
        self.root.get_by_text("The model is here").wait_for()

    def unfold(self, number):
        self.root.locator("summary").nth(number).click()


def test_steps_are_taken_one_by_one_and_by_ten(trainer):
    assert trainer.steps() == 0
    trainer.press_and_wait("One step")
    assert trainer.steps() == 1
    trainer.press_and_wait("Ten steps")
    assert trainer.steps() == 11
    assert "Floors: (a) " in trainer.root.get_by_role("img", name="Curves").get_attribute("aria-label")
    trainer.press_and_wait("Again")
    assert trainer.steps() == 0


def test_it_trains_until_it_is_paused_and_shows_itself_when_asked(trainer):
    trainer.press("Start")
    trainer.page.wait_for_function(
        """() => {
            document.querySelectorAll('button').forEach((b) => b.textContent === 'Look now' && b.click());
            return /^Step ([3-9]|\\d\\d)/.test(document.querySelector('[data-crnn=facts]').textContent);
        }""",
        timeout=PATIENCE,
        polling=500,
    )
    trainer.press_and_wait("Pause")
    before = trainer.steps()
    trainer.page.wait_for_timeout(500)
    assert trainer.steps() == before >= 3


HIDE = """(hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
}"""


def test_it_rests_while_its_page_is_hidden(trainer):
    look = trainer.button("Look now")
    trainer.press("Start")
    trainer.page.evaluate(HIDE, True)
    trainer.page.wait_for_timeout(300)  # a slice that had begun
    look.click()
    before = trainer.part("facts")
    trainer.page.wait_for_timeout(1000)
    look.click()
    assert trainer.part("facts") == before
    trainer.page.evaluate(HIDE, False)
    trainer.page.wait_for_function(
        """(before) => {
            document.querySelectorAll('button').forEach((b) => b.textContent === 'Look now' && b.click());
            return document.querySelector('[data-crnn=facts]').textContent !== before;
        }""",
        arg=before,
        timeout=PATIENCE,
        polling=500,
    )
    trainer.press_and_wait("Pause")


def test_by_keyboard_alone(trainer):
    trainer.button("One step").focus()
    trainer.page.keyboard.press("Enter")
    trainer.paused()
    assert trainer.steps() == 1
    trainer.root.locator("summary").first.focus()
    trainer.page.keyboard.press("Space")
    rate = trainer.field("Learning rate")
    rate.focus()
    trainer.page.keyboard.press("Control+A")
    trainer.page.keyboard.type("100")
    assert "300 times as far" in trainer.says()
    trainer.button("Again").focus()
    trainer.page.keyboard.press("Enter")
    assert "300 times as far" in trainer.says() and trainer.steps() == 1


def test_by_finger(visit, place):
    with visit(place, "index.html", width=390, has_touch=True) as seen:
        trainer, finger = Trainer(seen), Finger(seen)
        finger.tap(trainer.button("One step"))
        trainer.paused()
        assert trainer.steps() == 1
        assert (seen.outside, seen.problems) == ([], [])


def test_a_finger_draws_and_scrolls(visit, place):
    with visit(place, "index.html", width=390, has_touch=True, is_mobile=True) as seen:
        trainer, finger = Trainer(seen), Finger(seen)
        finger.tap(trainer.button("One step"))
        trainer.paused()
        finger.tap(trainer.root.locator("summary").nth(1))
        pen = trainer.root.get_by_role("application")
        pen.evaluate("pen => pen.scrollIntoView({block: 'center'})")
        finger.draw(pen, skeletons.place("7"))
        confidence = trainer.root.locator('[data-crnn="confidence"]').first
        trainer.page.wait_for_function("node => node.textContent.endsWith(' %')", arg=confidence.element_handle())
        trainer.root.locator(".trainer-map").first.evaluate("map => map.scrollIntoView({block: 'center'})")
        before, top = trainer.part("facts"), trainer.page.evaluate("scrollY")
        for y in range(0, -150, -12):
            finger.send("touchMove" if y else "touchStart", (195, 420 + y))
            trainer.page.wait_for_timeout(16)
        finger.send("touchEnd")
        trainer.page.wait_for_function(f"() => scrollY > {top} + 50")
        assert trainer.part("facts") == before
        assert (seen.outside, seen.problems) == ([], [])


def test_a_second_run_differs_in_one_knob(trainer):
    trainer.unfold(0)
    trainer.field("A second run beside it with a different").select_option("lstm")
    trainer.press_and_wait("One step")
    assert (trainer.steps(0), trainer.steps(1)) == (1, 1)
    titles = trainer.root.locator('.trainer-run [data-crnn="run"]').all_inner_texts()
    assert titles == ["Your choices", "Beside it, LSTM: forward"]


def test_a_bad_choice_is_told_and_the_run_kept(trainer):
    trainer.press_and_wait("One step")
    trainer.unfold(0)
    trainer.field("Pooling leaves T").select_option(label="4 steps")
    assert "T = 64 / (4 · 2 · 2) = 4 < U = 5" in trainer.says()
    trainer.press_and_wait("One step")
    assert trainer.steps() == 2
    trainer.field("Longest label").select_option(label="3")
    assert "Again begins with these" in trainer.says()


def test_what_was_trained_is_saved_loaded_drawn_for_and_looked_into(trainer, tmp_path):
    trainer.press_and_wait("Ten steps")
    trainer.unfold(1)
    path = trainer.save(tmp_path)
    assert reader.load(path).provenance["steps"] == 10
    trainer.press_and_wait("Again")
    trainer.load(path)
    draw(trainer.page, trainer.root.get_by_role("application"), skeletons.place("42"))
    assert trainer.root.locator('[data-crnn="confidence"]').first.inner_text().endswith(" %")
    trainer.press("Train on it too")
    trainer.root.get_by_text("Type what your drawing says.").wait_for()
    trainer.field("It says").fill("42")
    trainer.press("Train on it too")
    trainer.root.get_by_text("one drawing of yours is among the training images").wait_for()
    trainer.press_and_wait("One step")
    trainer.press("Open in the microscope")
    trainer.root.locator('[data-crnn-widget="microscope"]').wait_for()


MAP = "() => document.querySelector('.trainer-map canvas').toDataURL()"


def test_a_page_killed_in_a_run_loses_that_alone(visit, site, tmp_path):
    """The same file, in another window: an untrained network, and then what was saved."""
    with visit(site.as_uri(), "index.html") as seen:
        trainer = Trainer(seen)
        trainer.press_and_wait("Ten steps")
        trainer.unfold(1)
        path, known = trainer.save(tmp_path), trainer.page.evaluate(MAP)
        trainer.press("Start")
        trainer.page.wait_for_timeout(1000)
        session = seen.context.browser.new_browser_cdp_session()
        target = seen.context.new_cdp_session(seen.page).send("Target.getTargetInfo")["targetInfo"]["targetId"]
        session.send("Target.closeTarget", {"targetId": target})
    with visit(site.as_uri(), "index.html") as seen:
        trainer = Trainer(seen)
        trainer.unfold(1)
        trainer.page.locator(".trainer-map canvas").first.wait_for()  # it computes once it is touched
        assert trainer.steps() == 0 and trainer.page.evaluate(MAP) != known
        trainer.load(path)
        assert trainer.page.evaluate(MAP) == known
        trainer.press_and_wait("One step")
        assert trainer.steps() == 1
        assert (seen.outside, seen.problems) == ([], [])


def test_an_experiment_asks_first_and_concludes(opened):
    trainer = Trainer(opened("overfit"))
    trainer.press("Far fewer than the second")
    outcome = trainer.root.locator('[data-crnn="outcome"]')
    trainer.page.wait_for_function(
        "() => document.querySelector('[data-crnn=outcome]').textContent", timeout=3 * PATIENCE
    )
    known, unseen = re.search(r"reads (\d+) % of these, and (\d+) % of unseen", outcome.inner_text()).groups()
    assert int(known) >= 90 and int(unseen) <= 30
    assert "You said: “Far fewer than the second”." in outcome.inner_text()


@everywhere
def test_the_trainer_is_open_to_everybody(visit, place, scheme, width):
    with visit(place, "overfit.html", scheme, width) as seen:
        trainer = Trainer(seen)
        trainer.unfold(0)
        trainer.unfold(1)
        trainer.press_and_wait("One step")
        targets = trainer.root.locator("button, select, input[type=text], summary")
        assert_open_to_everybody(seen.page, f"trainer-{scheme}", width, targets)
