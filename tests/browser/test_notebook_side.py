"""The widgets as anywidget mounts them, without JupyterLab: notebooks in one document, whose kernels never answer."""

import base64

import pytest
import torch

from crnn_lib import model, widgets
from crnn_lib.drawing import pen, skeletons
from crnn_lib.widgets import bundle, host, shared, weights

KINDS = ["machine", "pad", "lab", "replay", "quiz", "microscope", "probe-convolution", "probe-pooling", "probe-columns"]
KINDS += ["probe-context", "probe-decoding", "probe-robustness"]
# A notebook: models of its own, and a view of each in the document. A message to the kernel would be an error.
NOTEBOOK = """([loader, files]) => {
    const blob = (text) => URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    window.notebook = (keepsBytes = true, more = {}) => {
        const [held, references] = [{}, {}];
        for (const [name, text] of Object.entries({...files, ...more})) {
            held[name] = {get: () => (keepsBytes ? bytes(text) : {})};
            references[name] = `IPY_MODEL_${name}`;
        }
        const widget_manager = {get_model: async (name) => held[name]};
        const made = (state) => {
            const listeners = {};
            const values = {readers: ["captcha", "pen"], files: references, ...state};
            return {
                widget_manager, values, listeners,
                get: (name) => values[name], set: (name, value) => (values[name] = value), save_changes() {},
                on: (event, callback) => (listeners[event] ??= new Set()).add(callback),
                off: (event, callback) => listeners[event].delete(callback),
            };
        };
        const view = async (model) => {
            const el = document.createElement("div");
            document.querySelector("main").append(el);
            const {render} = (await import(blob(loader))).default;
            return {el, model, takeDown: await render({model, el})};
        };
        return {made, view};
    };
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    head = "<!doctype html><html lang=en><title>Notebooks</title><link rel=icon href=data:,>"
    (folder / "index.html").write_text(f"{head}<style>{bundle.style()}</style><main></main>")
    return folder


@pytest.fixture
def page(visit, address):
    files = {name: weights.to_bytes(reader) for name, reader in host.readers().items()}
    files |= {"script": bundle.module().encode(), "replay": host.RECORDINGS["replay"].read_bytes()}
    with visit(address, "index.html") as v:
        encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
        v.page.evaluate(NOTEBOOK, [shared.LOADER, encoded])
        yield v.page
        assert v.problems == []


@pytest.mark.parametrize("kind", KINDS)
def test_state_alone_brings_a_widget_to_life(page, kind):
    """Without one question to the kernel; and nothing listens when the view is gone."""
    found = page.evaluate(
        """async (kind) => {
            const {made, view} = notebook();
            const model = made({kind, sample: "55dne", name: "plateau"});
            const {el, takeDown} = await view(model);
            const takers = [...el.querySelectorAll("a, button, input, select, summary, textarea, [tabindex]")];
            const free = takers.filter((e) => !e.hasAttribute("data-lm-suppress-shortcuts")).map((e) => e.outerHTML);
            takeDown();
            const {listeners, values} = model;
            const left = Object.keys(listeners).filter((name) => listeners[name].size);
            const alarm = el.querySelector('[role="alert"]')?.textContent ?? "";
            return {root: el.firstChild.dataset.crnnWidget, alarm, left, values, free};
        }""",
        kind,
    )
    assert (found["root"], found["left"], found["alarm"]) == (kind, [], "")
    assert found["free"] == []  # JupyterLab's shortcuts take no key from what has the focus
    if kind in ("pad", "microscope"):
        assert found["values"]["reading"] == "55dne" and 0.5 < found["values"]["confidence"] <= 1


def test_two_views_of_one_model_and_its_step(page):
    said = page.evaluate("""async () => {
        const {made, view} = notebook();
        const model = made({kind: "microscope", sample: "55dne"});
        const views = await Promise.all([view(model), view(model)]);
        model.set("step", 5);
        model.listeners["change:step"].forEach((f) => f());
        const part = (el, name) => el.querySelector(`[data-crnn="${name}"]`).textContent;
        return views.map(({el}) => [part(el, "text"), part(el, "answer")]);
    }""")
    assert said[0] == said[1] and said[0][0] == "55dne" and said[0][1].startswith("Step 5 ")


def test_a_view_reads_again_when_its_model_has_learnt_more(page):
    """`refresh` names other weights: each widget that reads shows what these say."""
    torch.manual_seed(0)
    reader = model.CRNN(model.Config(alphabet="ab", features=8, hidden=4)).eval()
    texts = []
    for favourite in (1, 2):
        with torch.no_grad():
            reader.classify.bias.fill_(-50.0)[favourite] = 50
        texts.append(base64.b64encode(weights.to_bytes(reader)).decode())
    found = page.evaluate(
        """async ([yours, later]) => {
            const {made, view} = notebook(true, {yours, later});
            const kinds = ["pad", "microscope", "lab", "probe-context", "probe-decoding", "probe-robustness"];
            const state = {sample: "55dne", source: "reader", readers: ["yours"], label: ""};
            const views = await Promise.all(kinds.map((kind) => view(made({...state, kind}))));
            const shown = () => views.map(({el}) => el.querySelector('[data-crnn="text"]').textContent);
            const before = shown();
            for (const {model} of views) {
                model.set("files", {...model.get("files"), yours: "IPY_MODEL_later"});
                model.listeners["change:files"].forEach((act) => act());
            }
            for (let i = 0; i < 100 && shown().some((text, k) => text === before[k]); i++)
                await new Promise((resolve) => setTimeout(resolve, 50));
            return [before, shown()];
        }""",
        texts,
    )
    assert found == [["a"] * 6, ["b"] * 6]


def test_a_picture_stays_in_its_notebook(page):
    """What is drawn on a pad goes to the widgets of its own kernel, and to no other's in the same document."""
    page.evaluate("""async () => {
        const [one, other] = [notebook(), notebook()];
        const mount = ({made, view}, kind) => view(made({kind, sample: "2b7xy"}));
        window.pad = await mount(one, "pad");
        window.scopes = await Promise.all([mount(one, "microscope"), mount(other, "microscope")]);
        const field = pad.el.querySelector('input[type="text"]');
        field.value = "n7x";
        field.dispatchEvent(new Event("input"));
    }""")
    read = "() => scopes.map(({el}) => el.querySelector('[data-crnn=\"text\"]').textContent).join()"
    page.wait_for_function(f"{read.removeprefix('() => ')} !== '2b7xy,2b7xy'")
    page.wait_for_timeout(500)
    assert page.evaluate(read) == "n7x,2b7xy"


def test_a_saved_notebook_without_bytes_leaves_the_view_empty(page):
    assert (
        page.evaluate("""async () => {
        const {made, view} = notebook(false);
        return (await view(made({kind: "quiz", name: "count"}))).el.innerHTML;
    }""")
        == ""
    )


def test_symbols_beyond_the_first_plane(page):
    """The pad and the microscope read them, as the kernel does."""
    torch.manual_seed(0)
    reader = model.CRNN(model.Config(alphabet="a\U0001d11e\U0001f600")).eval()
    with torch.no_grad():
        reader.classify.bias[2] += 3
    pad = widgets.Pad(reader, strokes=skeletons.place("n7x"))
    assert "\U0001d11e" in pad.text
    state = {"strokes": pad.strokes, "text": base64.b64encode(weights.to_bytes(reader)).decode()}
    found = page.evaluate(
        """async ({strokes, text}) => {
            const {made, view} = notebook(true, {yours: text});
            const models = ["pad", "microscope"].map((kind) => made({kind, strokes, readers: ["yours"]}));
            const views = await Promise.all(models.map(view));
            const shown = (el) => el.querySelector('[data-crnn="text"]').textContent;
            return views.map(({el, model}) => [model.values.reading, shown(el)]);
        }""",
        state,
    )
    assert found == [[pad.text, pad.text]] * 2


def test_the_machine_lights_the_strip_where_a_reader_of_one_width_sees_it(page):
    reader, strokes = model.CRNN(model.Config(alphabet="ab", stretch=None)).eval(), skeletons.place("n7x")
    state = {"strokes": strokes, "text": base64.b64encode(weights.to_bytes(reader)).decode()}
    t, left = page.evaluate(
        """async ({strokes, text}) => {
            const {made, view} = notebook(true, {yours: text});
            const {el} = await view(made({kind: "machine", strokes, readers: ["yours"]}));
            const step = el.querySelector("[aria-valuenow]").getAttribute("aria-valuenow");
            return [step, el.querySelector(".machine-eye").style.left].map(parseFloat);
        }""",
        state,
    )
    xs, ys = zip(*(point for stroke in strokes for point in stroke), strict=True)
    scale, x0, _ = pen.frame(max(xs) - min(xs), max(ys) - min(ys), 32, 128)
    assert left == pytest.approx(100 / 128 * ((4 * t - x0) / scale + min(xs)), abs=0.01)
