"""Each widget at the lowest and the highest value of each option: the page shows that value, and no error."""

import json

import pytest
from options import GOOD

from crnn_lib import widgets
from crnn_lib.widgets import fields
from crnn_lib.widgets.lab import lab

SLIDERS = {
    widgets.Machine: {},
    widgets.Pad: {"thickness": "Thickness", "rotation": "Rotation", "lines": "Noise lines", "blur": "Blur"},
    widgets.Lab: {"steps": "Time steps T"},
    widgets.Replay: {},
    widgets.Trainer: {},
    widgets.Line: {},
    widgets.Microscope: {"step": "Time step t", "map": "Map"},
    widgets.ProbeConvolution: {"left": "Patch from pixel column"},
    widgets.ProbePooling: {"left": "Patch from pixel column"},
    widgets.ProbeColumns: {"step": "Time step t"},
    widgets.ProbeContext: {"left": "Hide from column", "size": "How many"},
    widgets.ProbeDecoding: {"temperature": "Temperature", "width": "Beam width"},
    widgets.ProbeRobustness: {},
}
ENDS = {"low": 0, "high": -1}


def test_every_widget_has_its_sliders_named():
    assert set(SLIDERS) | {widgets.Quiz} == set(GOOD)


def options(kind, end):
    """{option: its first or its last value} for those that are a number or a choice."""
    found = {"source": "random", "steps": lab.STEPS[end]} if kind is widgets.Lab else {}
    for name in kind.options:
        field = getattr(kind, name, None)
        if name not in found and isinstance(field, fields.Choice):
            found[name] = field.names(kind())[end]
        elif name not in found and isinstance(field, fields.Number):
            found[name] = (field.low, field.high(kind(**found)))[end]
    return {name: value for name, value in found.items() if value != ""}


def page(kind, at):
    """A page with a widget whose options are all at one end."""
    values = {name: v if isinstance(v, str) else json.dumps(v) for name, v in options(kind, at).items()}
    lines = "\n".join(f":{name}: {value}" for name, value in values.items())
    return f"# {kind.__name__}\n\n```{{crnn-widget}} {kind.kind.default_value}\n{lines}\n```\n"


SITE = {"index": "# Options\n\nTwo pages.\n"}
SITE |= {f"{end}-{kind.__name__}": page(kind, at) for end, at in ENDS.items() for kind in SLIDERS}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", SLIDERS, ids=lambda kind: kind.__name__)
def test_the_ends_are_those_of_the_sliders(visit, address, kind, end):
    with visit(address, f"{end}-{kind.__name__}.html") as v:
        widget = v.page.locator("crnn-widget[live]")
        widget.wait_for()
        assert widget.locator(".crnn-error").count() == 0
        if kind is widgets.Pad:
            widget.get_by_text("Other pictures, models").click()
        given = options(kind, ENDS[end])
        for option, name in SLIDERS[kind].items():
            slider = widget.get_by_role("slider", name=name, exact=True)
            limit = slider.get_attribute("min" if end == "low" else "max")
            assert float(slider.input_value()) == float(limit) == given[option], option
        if kind is widgets.Lab:
            assert widget.get_by_label("Probabilities").first.input_value() == "random"
            cells = widget.locator("[data-crnn-matrix^='0,']").evaluate_all("all => all.map(c => +c.dataset.value)")
            assert sum(cells) == pytest.approx(1) and max(cells) > 1.5 / len(cells)
        assert v.problems == [] and v.outside == []
