"""Any value of any option of any widget, when it is made and later: shown, or refused in words."""

import numpy as np
import pytest
import torch
from fuzzing import answer, fuzz, json_values, numbers, texts
from hypothesis import given
from hypothesis import strategies as st
from options import GOOD, GREY, TINY, assert_shown

from crnn_lib import widgets
from crnn_lib.drawing import captchas
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe

pytestmark = pytest.mark.usefixtures("loaded_once")
arrays = st.builds(
    lambda shape, dtype, seed: np.array(np.random.default_rng(seed).normal(size=shape) * 200, dtype=dtype),
    st.lists(st.integers(0, 40), max_size=4).map(tuple), st.sampled_from(["float32", "int64", "uint8", "bool"]),
    st.integers(0, 9),
)  # fmt: skip
anything = json_values | numbers | texts | arrays | arrays.map(torch.from_numpy) | st.sampled_from([b"x", {1}, GREY])


@fuzz
@given(st.data())
def test_any_option_is_shown_or_refused(draws):
    kind = draws.draw(st.sampled_from(list(GOOD)))
    value = {name: st.sampled_from(values) | anything for name, values in GOOD[kind].items()}
    options = draws.draw(st.fixed_dictionaries({}, optional=value))
    odd = draws.draw(st.dictionaries(texts, anything, max_size=1))
    models = [None, CRNN(TINY), CRNN(TINY).double()]
    if "model" not in odd and not issubclass(kind, widgets.Replay | widgets.Quiz):
        options["model"] = draws.draw(st.sampled_from(models))
    answer(lambda: assert_shown(kind(**options, **{n: v for n, v in odd.items() if n not in options})))


@fuzz
@given(st.data())
def test_any_value_set_later_is_taken_or_refused(draws):
    kind = draws.draw(st.sampled_from([widgets.Pad, widgets.Lab, widgets.Microscope, widgets.ProbeContext]))
    widget = kind()
    for _ in range(2):
        name = draws.draw(st.sampled_from([*kind.options, *["image", "text"] * (kind is widgets.Pad)]))
        if name == "image" and kind is not widgets.Pad:
            continue
        value = draws.draw(st.sampled_from(GOOD[kind].get(name, [GREY, "n7x"])) | anything)
        answer(lambda w=widget, n=name, v=value: setattr(w, n, v))
        assert_shown(widget)


RUN = {"config": [TINY, Config()], "data": [captchas.dataset(6, alphabet="2b", lengths=(1, 2), height=16, width=40)],
       "recipe": [Recipe(epochs=1)]}  # fmt: skip
KERNEL = {
    widgets.GeneratorKnobs: {"text": ["2b7xy", ""], "seed": [0, 2**31 - 1]},
    widgets.TrainingMonitor: RUN | {"floor": [None, 3.0], "checkpoint": [None]},
    widgets.Replay.follow: RUN | {"samples": [None], "what": ["mine"], "floors": [(), (3.2, 2)]},
}


@fuzz
@given(st.data())
def test_any_argument_of_a_kernel_s_widget_is_shown_or_refused(draws):
    make = draws.draw(st.sampled_from(list(KERNEL)))
    arguments = {name: draws.draw(st.sampled_from(values)) for name, values in KERNEL[make].items()}
    odd = draws.draw(st.sampled_from(list(arguments)))
    arguments[odd] = draws.draw(st.sampled_from(KERNEL[make][odd]) | anything)
    if odd == "checkpoint" and isinstance(arguments[odd], str):
        return  # a path of any text is tried elsewhere
    answer(lambda: make(**arguments)._repr_mimebundle_())
