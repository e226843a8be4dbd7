"""Teaching: what was taught is read, nothing else is much changed, and nonsense is refused with the reason."""

import pytest
import torch

from crnn_lib import errors, reader, teaching
from crnn_lib.drawing import pen, skeletons
from crnn_lib.drawing.distortion import distort, random_from
from crnn_lib.images import standardise
from crnn_lib.model import CRNN, Config

UserError = errors.UserError


def reads(model, drawings):
    return reader.read(
        model, [standardise(pen.image_for(model.config, d).astype("f4"), *model.config.frame) for d in drawings]
    ).texts


@pytest.fixture(scope="module")
def lesson():
    """Two misnomers: what looks like a 4 is meant as h, what looks like a q is meant as 9."""
    model = reader.load("pen")
    drawings, texts = [skeletons.write("4b4"), skeletons.write("7q")], ["hbh", "79"]
    return model, drawings, texts, reader.teach(model, drawings, texts)


def test_what_is_taught_is_read(lesson):
    model, drawings, texts, taught = lesson
    assert reads(model, drawings) != texts
    assert reads(taught, drawings) == texts
    assert reads(taught, [skeletons.write("m4x", height=20)]) == ["mhx"]  # also in another text


def test_the_loss_falls_and_is_told(lesson):
    told = lesson[3].provenance["taught"]
    assert told["texts"] == lesson[2] and told["from"] == lesson[0].digest()
    assert len(told["losses"]) == teaching.STEPS + 1
    assert told["losses"][-1] < 0.1 * told["losses"][0]


def test_the_model_stays_as_it_was_and_only_the_last_layers_of_its_copy_change(lesson):
    model, _, _, taught = lesson
    assert model.digest() == reader.load("pen").digest() and "taught" not in model.provenance
    other = {name for name, tensor in model.state_dict().items() if not tensor.equal(taught.state_dict()[name])}
    assert {name.partition(".")[0] for name in other} == {"lstm", "classify"}
    assert not taught.training and taught.classify.weight.dtype == torch.float32


def test_old_drawings_are_read_as_before(lesson):
    """Without what was taught: other symbols, in ways of writing that are not rehearsed."""
    model, _, _, taught = lesson
    random = random_from(99)
    kept = [s for s in skeletons.SYMBOLS if s not in "4hq9"]
    texts = ["".join(kept[int(random() * len(kept))] for _ in range(4)) for _ in range(40)]
    drawings = [distort(skeletons.write(t, [int(9 * random()) for _ in t]), 1.0, random) for t in texts]
    right = [sum(map(str.__eq__, reads(one, drawings), texts)) for one in (model, taught)]
    assert right[0] > 20 and right[1] >= right[0] - 3


def test_the_same_lesson_gives_the_same_weights_and_a_file_keeps_them(lesson, tmp_path):
    model, drawings, texts, taught = lesson
    assert reader.teach(model, drawings, texts).digest() == taught.digest()
    reader.save(taught, tmp_path / "mine.safetensors", taught.provenance)
    again = reader.load(tmp_path / "mine.safetensors")
    assert again.digest() == taught.digest() and again.provenance["taught"]["texts"] == texts


def test_a_model_of_any_alphabet_and_shape_learns():
    torch.manual_seed(0)
    model = CRNN(Config("αβγ ", channels=(4, 6, 8), pools=((2, 2), (2, 2), (4, 1)), features=12, hidden=8)).eval()
    drawing = skeletons.write("a1")
    taught = reader.teach(model, [drawing], ["βα"])
    losses = taught.provenance["taught"]["losses"]
    assert losses[-1] < losses[0]


REFUSED = {
    "an empty text": (["a"], [""], "drawing 1 has no text"),
    "an unknown symbol": (["a", "b"], ["a", "b€"], "'€', not in the alphabet"),
    "an empty drawing": ([""], ["a"], "drawing 1 is empty"),
    "a text that does not fit": (["a"], ["a" * 17], r"U \+ r = 17 \+ 16 = 33 time steps, but .* gives T = 8"),
    "one text for two": (["a", "b"], ["a"], "as many texts"),
    "a text for a list": (["a"], "a", "as many texts"),
    "nothing": ([], [], f"1 to {teaching.MOST} drawings, not 0"),
    "too much": (["a"] * 41, ["a"] * 41, f"1 to {teaching.MOST} drawings, not 41"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_teaching_is_refused_with_the_reason(lesson, what):
    written, texts, reason = REFUSED[what]
    with pytest.raises(UserError, match=reason):
        teaching.check(lesson[0], [skeletons.write(one) for one in written], texts)


def test_a_model_is_wanted():
    with pytest.raises(UserError, match="not a str"):
        reader.teach("pen", [skeletons.write("a")], ["a"])


def test_points_that_are_none_are_refused(lesson):
    with pytest.raises(UserError, match="no \\[x, y\\]"):
        reader.teach(lesson[0], [[[["a", 1]]]], ["a"])


def test_a_distortion_keeps_the_strokes_and_fills_a_height_of_its_own():
    drawing = skeletons.write("ax4")
    for strength, most in ((0.0, 0.1), (1.0, 40.0)):
        other = distort(drawing, strength, random_from(4))
        assert [len(stroke) for stroke in other] == [len(stroke) for stroke in drawing]
        tall = [max(p[1] for s in one for p in s) - min(p[1] for s in one for p in s) for one in (other, drawing)]
        assert abs(tall[0] - 96) < most
    assert distort(drawing, 1.0, random_from(4)) != distort(drawing, 1.0, random_from(5))
    assert distort([], 1.0, random_from(0)) == [] and len(distort([[[5, 5]]], 1.0, random_from(0))[0]) == 1
