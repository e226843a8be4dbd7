"""The pad is taught in a real browser: drawn, corrected, drawn again; kept, cleared, saved, loaded; also from files."""

from visits import Finger, Live, assert_open_to_everybody, draw, everywhere

from crnn_lib import assets, reader
from crnn_lib.drawing import pen, skeletons
from crnn_lib.images import standardise

SITE = {"index": "# The pad\n\nDraw.\n\n```{crnn-widget} pad\n:text: n7x\n```\n"}
DRAWN, AGAIN = skeletons.place("4b4"), skeletons.place("4x4")  # the 4 is taught to be an h
SAYS = "([root, words, part]) => root.querySelector(`[data-crnn=${part}]`).textContent.includes(words)"


class Taught(Live):
    """A pad on a page."""

    def __init__(self, visit):
        visit.page.locator("crnn-widget").scroll_into_view_if_needed()
        super().__init__(visit, "pad")
        self.handle = self.root.element_handle()
        self.panel = self.root.locator('[data-crnn-widget="teach"]')

    def says(self, words, part="text", root=None, timeout=120_000):
        handle = self.handle if root is None else root.element_handle()
        self.page.wait_for_function(SAYS, arg=[handle, words, part], timeout=timeout)

    def draw(self, drawing):
        self.press("Clear")
        self.page.wait_for_timeout(100)
        before = self.reads()
        draw(self.page, self.root.locator("canvas"), drawing)
        self.wait(before)
        self.page.wait_for_timeout(400)

    def open(self):
        if not self.panel.is_visible():
            self.root.get_by_text("Teach it your hand").click()
        self.panel.wait_for()

    def teach(self, text):
        self.open()
        self.panel.get_by_label("It says").fill(text)
        self.panel.get_by_role("button", name="Teach").click()
        self.says("The loss of the lesson fell", "message", self.panel)


def test_what_is_taught_is_read_kept_cleared_saved_and_loaded(opened, tmp_path):
    pad = Taught(opened())
    pad.draw(DRAWN)
    before = pad.part("text")
    assert before != "hbh"
    pad.teach("hbh")
    assert pad.part("text") == "hbh"
    assert f"It read “{before}” and now reads “hbh”" in pad.panel.locator('[data-crnn="message"]').inner_text()
    assert pad.panel.get_by_role("img").get_attribute("aria-label").startswith("The loss of the lesson")
    assert "%" not in pad.panel.get_by_role("img").text_content()  # of nats
    assert pad.part("taught") == "Taught in this browser: hbh."
    pad.draw(AGAIN)
    assert pad.part("text") == "hxh"

    with pad.page.expect_download() as saving:
        pad.press("Save the taught model")
    saving.value.save_as(tmp_path / "taught.safetensors")
    model = reader.load(tmp_path / "taught.safetensors")
    image = standardise(pen.image_for(model.config, AGAIN).astype("f4"), *model.config.frame)
    assert reader.read(model, [image]).texts == ["hxh"]
    assert model.provenance["taught"]["texts"] == ["hbh"]

    pad.page.reload()
    pad = Taught(pad.visit)
    pad.draw(AGAIN)
    pad.says("hxh")
    assert pad.part("taught") == "Taught in this browser: hbh."
    pad.open()
    pad.press("Forget what was taught")
    pad.says("Forgotten", "message", pad.panel)
    assert pad.part("text") != "hxh" and not pad.root.locator('[data-crnn="taught"]').is_visible()
    pad.page.reload()
    pad = Taught(pad.visit)
    pad.draw(AGAIN)
    pad.page.wait_for_timeout(500)
    assert pad.part("text") != "hxh" and not pad.root.locator('[data-crnn="taught"]').is_visible()

    pad.more()
    with pad.page.expect_file_chooser() as choosing:
        pad.press("Model file")
    choosing.value.set_files(tmp_path / "taught.safetensors")
    pad.says("hxh")


def refused(pad, text, words):
    pad.panel.get_by_label("It says").fill(text)
    pad.panel.get_by_role("button", name="Teach").click()
    pad.says(words, "message", pad.panel)
    assert pad.panel.get_by_role("alert").count() == 1


def test_bad_teaching_is_refused_with_the_reason(opened):
    pad = Taught(opened())
    pad.draw(DRAWN)
    pad.open()
    refused(pad, "", "there is no text to learn")
    refused(pad, "a€", "does not know “€”")
    refused(pad, 17 * "a", "needs T ≥ U + r = 17 + 16 = 33 time steps, and the drawing has T = ")
    pad.press("Save the taught model")
    pad.says("Nothing is taught yet", "message", pad.panel)
    pad.press("Clear")
    pad.page.wait_for_timeout(300)
    refused(pad, "a", "draw something first")
    pad.more()
    pad.root.get_by_label("Sample").select_option(next(iter(assets.SAMPLES)))
    pad.page.wait_for_timeout(300)
    refused(pad, "a", "Only what is drawn can be taught")


def test_a_runner_up_is_taken_by_one_tap_and_the_keyboard_teaches(opened):
    """By keyboard alone: the fold, the text, Enter."""
    pad = Taught(opened())
    canvas = pad.root.locator("canvas")
    canvas.focus()
    pad.page.keyboard.press("Space")
    for key in 12 * ["Shift+ArrowDown"] + 2 * ["Shift+ArrowRight"]:
        pad.page.keyboard.press(key)
    pad.page.keyboard.press("Space")
    pad.page.wait_for_timeout(500)
    runner = pad.root.locator('[data-crnn="runners"] button').first
    first = runner.inner_text().split()[0]
    runner.press("Enter")
    assert pad.part("text") == first and f"Taken: “{first}”" in pad.part("message")
    pad.root.locator("summary").first.focus()
    pad.page.keyboard.press("Enter")
    pad.panel.wait_for()
    text = pad.panel.get_by_label("It says")
    assert text.input_value() == first
    text.press("Enter")
    pad.says("The loss of the lesson fell", "message", pad.panel)
    assert pad.part("text") == first


def test_a_finger_teaches(opened):
    pad = Taught(opened(width=390, has_touch=True))
    finger = Finger(pad.visit)
    canvas = pad.root.locator("canvas")
    canvas.scroll_into_view_if_needed()
    finger.tap(pad.button("Clear"))
    canvas.scroll_into_view_if_needed()
    finger.draw(canvas, DRAWN)
    pad.page.wait_for_timeout(500)
    finger.tap(pad.root.locator("summary").first, 0.1)
    pad.panel.wait_for()
    pad.panel.get_by_label("It says").fill("hbh")
    finger.tap(pad.panel.get_by_role("button", name="Teach"))
    pad.says("The loss of the lesson fell", "message", pad.panel)
    assert pad.part("text") == "hbh"


SPOILT = ["nonsense", "5", "null", "[5]", '[{"strokes": [[[0, 0], [9, 9]]], "text": "€"}]', '[{"strokes": [[["a"]]]}]']


def test_what_the_storage_holds_is_doubted(opened):
    """Whatever lies under the lesson's name, the pad reads; what cannot be learned is forgotten."""
    pad = Taught(opened())
    pad.draw(DRAWN)
    pad.teach("hbh")
    (name,) = pad.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('crnn-taught-'))")
    for spoilt in SPOILT:
        pad.page.evaluate("([name, text]) => localStorage.setItem(name, text)", [name, spoilt])
        pad.page.reload()
        pad = Taught(pad.visit)
        pad.draw(DRAWN)
        if "€" in spoilt:
            pad.says("cannot be learned", "taught")
            pad.page.wait_for_function("(name) => localStorage.getItem(name) === null", arg=name)
        assert pad.part("text") != "hbh" and pad.part("text")


def test_a_browser_that_keeps_nothing_says_so(opened):
    pad = Taught(opened())
    pad.page.evaluate("() => void (Storage.prototype.setItem = () => { throw new Error('full'); })")
    pad.draw(DRAWN)
    pad.teach("hbh")
    assert pad.part("taught") == "Taught until this page is closed: hbh." and pad.part("text") == "hbh"


@everywhere
def test_open_to_everybody(visit, address, scheme, width):
    with visit(address, "index.html", scheme=scheme, width=width) as v:
        pad = Taught(v)
        pad.draw(DRAWN)
        pad.teach("hbh")
        assert_open_to_everybody(pad.page, f"teaching-{scheme}", width, pad.panel.locator("button, input"))
