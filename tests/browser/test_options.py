"""Each widget at the lowest and the highest value of each option: the page shows that value, and no error."""

import json

import pytest
import small_site
from visits import Visit, served

from crnn_lib import widgets
from crnn_lib.widgets import fields
from crnn_lib.widgets.lab import lab
from crnn_lib.widgets.microscope import microscope

SLIDERS = {
    widgets.Pad: {"thickness": "Thickness", "rotation": "Rotation", "lines": "Noise lines", "blur": "Blur"},
    widgets.Lab: {"steps": "Time steps T"},
    widgets.Replay: {},
    widgets.Microscope: {"step": "Time step t", "map": "Map"},
    widgets.ProbeConvolution: {"left": "Patch from pixel column"},
    widgets.ProbePooling: {"left": "Patch from pixel column"},
    widgets.ProbeColumns: {"step": "Time step t"},
    widgets.ProbeContext: {"left": "Hide from column", "size": "How many"},
    widgets.ProbeDecoding: {"temperature": "Temperature", "width": "Beam width"},
    widgets.ProbeRobustness: {},
}
ENDS = {"low": 0, "high": -1}


def options(kind, end):
    """{option: its first or its last value} for those that are a number or a choice."""
    found = {"source": "random", "steps": lab.STEPS[end]} if kind is widgets.Lab else {}
    if kind is widgets.Microscope:
        found = {"unfold": " ".join(microscope.STAGES)}
    for name in kind.options:
        field = getattr(kind, name, None)
        if name not in found and isinstance(field, fields.Choice):
            found[name] = field.names(kind())[end]
        elif name not in found and isinstance(field, fields.Number):
            found[name] = (field.low, field.high(kind(**found)))[end]
    return {name: value for name, value in found.items() if value != ""}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    pages = {"index": "# Options\n\nTwo pages.\n"}
    for end, at in ENDS.items():
        for kind in SLIDERS:
            name = kind.kind.default_value
            values = {n: v if isinstance(v, str) else json.dumps(v) for n, v in options(kind, at).items()}
            lines = "\n".join(f":{n}: {v}" for n, v in values.items())
            pages[f"{end}-{name}"] = f"# {name}\n\n```{{crnn-widget}} {name}\n{lines}\n```\n"
    with served(small_site.build(tmp_path_factory.mktemp("options"), pages)) as address:
        yield address


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", SLIDERS, ids=lambda kind: kind.__name__)
def test_the_ends_are_those_of_the_sliders(chromium, server, kind, end):
    with Visit(chromium, server, f"{end}-{kind.kind.default_value}.html") as visit:
        widget = visit.page.locator("crnn-widget[live]")
        widget.wait_for()
        assert widget.locator(".crnn-error").count() == 0
        given = options(kind, ENDS[end])
        for option, name in SLIDERS[kind].items():
            slider = widget.get_by_role("slider", name=name, exact=True)
            limit = slider.get_attribute("min" if end == "low" else "max")
            assert float(slider.input_value()) == float(limit) == given[option], option
        if kind is widgets.Lab:
            assert widget.get_by_label("Probabilities").first.input_value() == "random"
            cells = widget.locator("[data-crnn-matrix^='0,']").evaluate_all("all => all.map(c => +c.dataset.value)")
            assert sum(cells) == pytest.approx(1) and max(cells) > 1.5 / len(cells)
        assert visit.problems == [] and visit.outside == []
