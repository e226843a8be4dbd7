"""A model of somebody's own in a real browser: chosen or dropped, from http and from files, and offline throughout."""

import base64
from dataclasses import replace

import pytest
from small import worn
from visits import Live, axe

from crnn_lib import assets, images, reader
from crnn_lib.model import CRNN
from crnn_lib.widgets import host

PICTURES = {
    "pad": assets.SAMPLES["2b7xy"],
    "microscope": assets.SAMPLES["2b7xy"],
    "lab": assets.SAMPLES["gxxw6"],
    "line": assets.LINES["sentence"],
}
SITE = {
    "index": "# Four\n\n```{crnn-widget} pad\n:sample: 2b7xy\n```\n\n```{crnn-widget} microscope\n```\n\n"
    "```{crnn-widget} lab\n```\n\n```{crnn-widget} line\n```\n"
}
SAYS = "([root, words, part]) => root.querySelector(`[data-crnn=${part}]`).textContent.includes(words)"
DROP = """(root, [name, bytes]) => {
    const data = new DataTransfer();
    const content = typeof bytes === "number" ? new Uint8Array(bytes) : crnn["page/base64.js"].fromBase64(bytes);
    data.items.add(new File([content], name));
    const event = { dataTransfer: data, bubbles: true, cancelable: true };
    const taken = !root.firstElementChild.dispatchEvent(new DragEvent("dragover", event));
    const over = root.classList.contains("crnn-over");
    root.firstElementChild.dispatchEvent(new DragEvent("drop", event));
    return taken && over && !root.classList.contains("crnn-over");
}"""


def of_other_letters(alphabet):
    """The model of CAPTCHAs, which calls its letters otherwise."""
    known = reader.load("captcha")
    network = CRNN(replace(known.config, alphabet=alphabet)).eval()
    network.load_state_dict(known.state_dict())
    return network


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Models, their files by name."""
    models = {"upper.safetensors": "ABCDEFGHIJKLMNOPQRS", "greek.safetensors": "αβγδεζηθικλμνξοπρστ"}
    folder = tmp_path_factory.mktemp("own")
    made = {name: of_other_letters(alphabet) for name, alphabet in models.items()}
    made["small.safetensors"] = worn()
    for name, network in made.items():
        reader.save(network, folder / name, {})
    return folder, made


class Own(Live):
    """A widget of the page with all four."""

    def __init__(self, visit, kind):
        visit.page.locator(f'crnn-widget[kind="{kind}"]').scroll_into_view_if_needed()
        super().__init__(visit, kind)
        self.kind, self.handle = kind, self.root.element_handle()
        self.choice = self.root.get_by_role("combobox", name="Model")
        if kind == "pad":
            self.more()

    def drop(self, name, content):
        """A file of that name and these bytes, or of so many zeros."""
        given = content if isinstance(content, int) else base64.b64encode(content).decode()
        assert self.root.evaluate(DROP, [name, given])

    def says(self, words, part="text"):
        self.page.wait_for_function(SAYS, arg=[self.handle, words, part])

    def reads_as(self, network):
        """The widget shows what `network` reads in its picture."""
        grey = images.load_grey(PICTURES[self.kind])
        (text,) = reader.read(network, [images.standardise(grey, *network.config.frame)]).texts
        self.says(text)
        assert self.part("text") == text


@pytest.mark.parametrize("kind", PICTURES)
def test_a_file_is_dropped_or_chosen_and_read_with(opened, own, kind):
    folder, models = own
    widget = Own(opened(), kind)
    assert widget.choice.is_visible() is (kind == "pad")
    widget.drop("upper.safetensors", (folder / "upper.safetensors").read_bytes())
    widget.reads_as(models["upper.safetensors"])
    with widget.page.expect_file_chooser() as choosing:
        widget.press("Model file")
    choosing.value.set_files(folder / "greek.safetensors")
    widget.reads_as(models["greek.safetensors"])
    names = ["the fitting one", *host.READERS, "upper.safetensors", "greek.safetensors"]
    assert widget.choice.locator("option").all_inner_texts() == names
    widget.choice.select_option("upper.safetensors")
    widget.reads_as(models["upper.safetensors"])
    widget.choice.select_option("the fitting one")
    widget.reads_as(reader.load("text" if kind == "line" else "captcha"))


@pytest.mark.parametrize("kind", PICTURES)
def test_a_file_that_cannot_be_read_is_refused_and_changes_nothing(opened, own, kind):
    folder, _ = own
    widget, content = Own(opened(), kind), (folder / "upper.safetensors").read_bytes()
    before = widget.part("text")
    for name, wrong, words in [
        ("cut.safetensors", content[:-400], "the file is cut short"),
        ("notes.safetensors", b"Dear diary", "this is not a safetensors file"),
        ("model.pt", b"PK\3\4" + bytes(99), "this is not a safetensors file"),
        ("large.safetensors", 65_000_000, "too large for a page: it has 65, the limit is 64 megabytes"),
    ]:
        widget.drop(name, wrong)
        widget.says(words, "message")
        assert widget.part("message").startswith(f'"{name}"') and widget.root.get_by_role("alert").count() == 1
    assert widget.part("text") == before and not (kind != "pad" and widget.choice.is_visible())


def test_all_widgets_of_the_page_offer_a_model_and_each_asks_its_own(opened, own):
    folder, models = own
    visit = opened()
    pad, microscope, lab, line = [Own(visit, kind) for kind in ("pad", "microscope", "lab", "line")]
    pad.drop("upper.safetensors", (folder / "upper.safetensors").read_bytes())
    pad.reads_as(models["upper.safetensors"])
    microscope.reads_as(reader.load("captcha"))
    for widget in (microscope, lab, line):
        widget.choice.select_option("upper.safetensors")
        widget.reads_as(models["upper.safetensors"])
    if visit.page.url.startswith("http"):  # of a file axe may not read the style sheets
        assert axe(visit.page) == []
    microscope.drop("upper.safetensors", (folder / "greek.safetensors").read_bytes())  # another file of that name
    for widget in (pad, microscope, lab, line):
        widget.reads_as(models["greek.safetensors"])
    pad.drop("2b7xy.png", assets.SAMPLES["c3f8n"].read_bytes())  # a picture may be dropped too
    pad.says("".join(models["greek.safetensors"].config.alphabet["2345678bcdefgmnpwxy".index(c)] for c in "c3f8n"))


def test_a_model_of_another_shape_is_looked_into(opened, own):
    """Eight pixels high, two blocks, T = W / 4, and its own alphabet."""
    folder, _ = own
    microscope = Own(opened(), "microscope")
    microscope.drop("small.safetensors", (folder / "small.safetensors").read_bytes())
    microscope.root.get_by_text("on an image of 32 × 8.").wait_for()
