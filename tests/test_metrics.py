import copy
import math
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from crnn_lib import ctc, metrics, reader
from crnn_lib.alphabet import Alphabet
from crnn_lib.errors import UserError
from crnn_lib.images import SD_FLOOR, standardise
from crnn_lib.metrics import GAP
from crnn_lib.model import CRNN, Config

words = st.text("ab2", max_size=6)
pairs = st.lists(st.tuples(words, words), min_size=1, max_size=12).map(lambda rows: tuple(zip(*rows, strict=True)))


@cache
def distance(a, b):
    """Levenshtein's recursion as it is defined."""
    if not a or not b:
        return len(a) + len(b)
    return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = Config(alphabet="ab2", height=8, width=16, channels=(4,), pools=((2, 2),), features=6, hidden=4)
    return CRNN(config)


@pytest.fixture(scope="module")
def images():
    return torch.randn(7, 1, 8, 16, generator=torch.Generator().manual_seed(1))


# --- edits ---


@settings(deadline=None)
@given(words, words)
def test_edits_are_the_recursion(a, b):
    assert metrics.edits(a, b) == distance(a, b) == metrics.edits(b, a)


@settings(deadline=None)
@given(words, words)
def test_edit_operations_are_the_fewest_and_name_the_characters(label, reading):
    operations = metrics.edit_operations(label, reading)
    assert len(operations) == distance(label, reading)
    result, shift = list(label), 0
    for operation, position, true, read in operations:  # replayed from left to right, they make the reading
        at = position + shift
        if operation == "insert":
            assert true == GAP
            result.insert(at, read)
            shift += 1
        else:
            assert result[at] == true == label[position]
            result[at : at + 1] = [] if operation == "delete" else [read]
            shift -= operation == "delete"
            assert (operation == "delete") == (read == GAP)
    assert "".join(result) == reading


def test_edit_operations_by_hand():
    assert metrics.edit_operations("abc", "axc") == [("replace", 1, "b", "x")]
    assert metrics.edit_operations("abc", "ac") == [("delete", 1, "b", GAP)]
    assert metrics.edit_operations("ac", "abc") == [("insert", 1, GAP, "b")]
    assert metrics.edit_operations("", "") == []


@settings(deadline=None)
@given(pairs)
def test_confusion_counts_every_character_once(rows):
    labels, readings = rows
    counts = metrics.confusion(labels, readings)
    true, read = Counter(), Counter()
    for (a, b), n in counts.items():
        assert (a, b) != (GAP, GAP) and n > 0
        true[a] += n
        read[b] += n
    del true[GAP], read[GAP]
    assert true == Counter("".join(labels)) and read == Counter("".join(readings))
    assert sum(n for (a, b), n in counts.items() if a != b) == sum(map(distance, labels, readings))


def test_confusion_by_hand():
    counts = metrics.confusion(["n2", "mm", "y"], ["m2", "m", "yy"])
    assert counts == {("n", "m"): 1, ("2", "2"): 1, ("m", "m"): 1, ("m", GAP): 1, ("y", "y"): 1, (GAP, "y"): 1}
    with pytest.raises(ValueError):
        metrics.confusion(["a"], [])


# --- the interval ---


@settings(deadline=None)
@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilson_s_formula(pair):
    k, n = pair
    low, high = metrics.interval(k, n)
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= k / n <= high <= 1
    assert (1 - high, 1 - low) == pytest.approx(metrics.interval(n - k, n), abs=1e-9)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_what_is_no_proportion_is_an_error(k, n):
    with pytest.raises(UserError, match=f"{k} of {n} is not a proportion"):
        metrics.interval(k, n)


# --- the figures ---


def test_the_published_figures_come_out():
    labels = ["bcdef"] * 321
    readings = ["bcdef"] * 305 + ["bcdex"] * 16  # 16 substitutions in 1605 characters
    figures = metrics.scores(labels, readings)
    assert (figures["exact"], figures["images"], figures["edits"], figures["characters"]) == (305, 321, 16, 1605)
    assert f"{figures['exact_accuracy']:.2%}" == "95.02%"
    assert [f"{bound:.1%}" for bound in figures["exact_interval"]] == ["92.1%", "96.9%"]
    assert f"{figures['cer']:.4f}" == "0.0100"
    assert f"{figures['character_accuracy']:.2%}" == "99.00%"


@settings(deadline=None)
@given(pairs)
def test_scores_are_the_definitions(rows):
    labels, readings = rows
    losses = [1.5 * i for i in range(len(labels))]
    figures = metrics.scores(labels, readings, losses)
    n = len(labels)
    assert figures["images"] == n
    assert figures["exact"] == sum(a == b for a, b in zip(labels, readings, strict=True))
    assert figures["exact_accuracy"] == figures["exact"] / n
    assert figures["exact_interval"] == list(metrics.interval(figures["exact"], n))
    assert figures["edits"] == sum(map(distance, labels, readings))
    assert figures["characters"] == len("".join(labels))
    assert figures["cer"] == figures["edits"] / max(1, figures["characters"])
    assert figures["character_accuracy"] == 1 - figures["cer"]
    ned = [distance(a, b) / max(len(a), len(b)) if a or b else 0 for a, b in zip(labels, readings, strict=True)]
    assert figures["similarity"] == pytest.approx(1 - sum(ned) / n)
    assert figures["ctc_loss"] == pytest.approx(
        sum(loss / max(1, len(a)) for loss, a in zip(losses, labels, strict=True)) / n
    )
    assert "ctc_loss" not in metrics.scores(labels, readings)


def test_an_empty_set_or_lengths_that_differ_are_errors():
    for labels, readings in (([], []), (["a"], []), ([], ["a"]), (["a"], ["a", "b"])):
        with pytest.raises(UserError, match=f"{len(readings)} readings against {len(labels)} labels"):
            metrics.scores(labels, readings)
    with pytest.raises(ValueError):
        metrics.scores(["a"], ["a"], [1.0, 2.0])


@settings(deadline=None)
@given(pairs)
def test_slices_count_what_they_say(rows):
    labels, readings = rows
    found = metrics.slices(labels, readings)
    doubled = [any(x == y for x, y in pairwise(a)) for a in labels]
    right = [a == b for a, b in zip(labels, readings, strict=True)]
    for name, wanted in (("doubled letter", True), ("no doubled letter", False)):
        part = [r for r, d in zip(right, doubled, strict=True) if d == wanted]
        assert found.get(name, {"images": 0, "exact": 0}) == {"images": len(part), "exact": sum(part)}
    for position in range(6):
        entry = found.get(f"position {position + 1}", {"images": 0, "exact": 0})
        assert entry["images"] == sum(len(a) > position for a in labels) and entry["exact"] <= entry["images"]
    lost = sum(
        operation != "insert"
        for a, b in zip(labels, readings, strict=True)
        for operation, *_ in metrics.edit_operations(a, b)
    )
    positions = [entry for name, entry in found.items() if name.startswith("position")]
    assert sum(e["images"] - e["exact"] for e in positions) == lost


# --- reading ---


def test_losses_are_those_of_the_ctc_module():
    log_probs = torch.randn(4, 6, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64).log_softmax(-1)
    labels = ["", "ab", "aab", "bbbb"]  # the last needs seven steps
    losses = reader.sequence_losses(log_probs, labels, Alphabet("ab2"))
    assert losses.shape == (4,) and losses[3] == math.inf
    for one, label, loss in zip(log_probs, labels, losses.tolist(), strict=True):
        assert loss == pytest.approx(ctc.ctc_loss(one, Alphabet("ab2").encode(label)))


def test_losses_where_every_label_is_empty():
    log_probs = torch.randn(3, 6, 4, dtype=torch.float64).log_softmax(-1)
    assert reader.sequence_losses(log_probs, ["", "", ""], Alphabet("ab2")).tolist() == pytest.approx(
        (-log_probs[:, :, 0].sum(1)).tolist()
    )


def test_read_gives_texts_and_their_probabilities(model, images):
    model.train()
    readings = reader.read(model, images, batch_size=3)
    assert model.training, "the mode is given back"
    assert readings.log_probs.shape == (7, 8, 4) and not readings.log_probs.requires_grad
    whole = reader.read(model, images)
    assert torch.allclose(whole.log_probs, readings.log_probs, atol=1e-6) and whole.texts == readings.texts
    assert torch.allclose(model.eval()(images), readings.log_probs, atol=1e-6), "batch normalisation in evaluation mode"
    for one, text, confidence in zip(readings.log_probs, readings.texts, readings.confidences, strict=True):
        classes = ctc.greedy_decode(one)
        assert text == model.alphabet.decode(classes)
        assert confidence == pytest.approx(math.exp(-ctc.ctc_loss(one, classes))) and 0 < confidence <= 1
    reader.read(model, images)
    assert not model.training


def test_a_certain_reading_has_confidence_one_at_most(model, images):
    certain = CRNN(model.config)
    certain.load_state_dict(model.state_dict())
    with torch.no_grad():
        certain.classify.weight.zero_()
        certain.classify.bias.copy_(torch.tensor([0.0, 17.0, 0.0, 0.0]))
    readings = reader.read(certain, images)
    assert readings.texts == ["a"] * 7 and all(0.999 < c <= 1 for c in readings.confidences)


def test_evaluate_is_reading_then_scoring(model, images):
    labels = ["ab", "", "2", "aa", "b", "ab2", "b"]
    figures, readings = metrics.evaluate(model, images, labels)
    losses = [
        ctc.ctc_loss(one, model.alphabet.encode(label)) for one, label in zip(readings.log_probs, labels, strict=True)
    ]
    expected = metrics.scores(labels, readings.texts, losses)
    assert figures.pop("ctc_loss") == pytest.approx(expected.pop("ctc_loss"))
    assert figures == expected
    # torch's own mean
    targets = torch.tensor([c for label in labels for c in model.alphabet.encode(label)])
    mean = torch.nn.functional.ctc_loss(
        readings.log_probs.double().transpose(0, 1), targets, torch.full((7,), 8), torch.tensor(list(map(len, labels)))
    )
    assert metrics.evaluate(model, images, labels)[0]["ctc_loss"] == pytest.approx(mean.item())


@pytest.mark.parametrize(("n", "labels"), [(0, []), (7, []), (7, ["a"] * 6), (0, ["a"]), (7, ["z"] * 7)])
def test_evaluating_what_does_not_go_together_is_an_error(n, labels, model, images):
    with pytest.raises(UserError):
        metrics.evaluate(model, images[:n], labels)


def test_means_are_rounded_once_on_every_python():
    assert metrics.scores("a" * 10, "a" * 10, [0.1] * 10)["ctc_loss"] == 0.1  # sum() gives 0.0999... before Python 3.12


# --- slips of shape, height and type ---


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda x: x[0], r"not of shape \(1, 8, 16\): add an axis to a single image, image\[None\]"),
        (lambda x: x[0, 0], r"not of shape \(8, 16\)"),
        (lambda x: x[:, :, 1:], r"\(N, 1, 8, W\).*not of shape \(7, 1, 7, 16\)"),
        (lambda x: x.expand(-1, 3, -1, -1), r"not of shape \(7, 3, 8, 16\)"),
        (lambda x: x[:0], r"not of shape \(0, 1, 8, 16\)"),
        (lambda x: x[..., :1], "too narrow for a time step"),
        (lambda x: x * torch.nan, "standardised, not from nan to nan"),
        (lambda x: x.numpy(), "not ndarray: use torch.stack or torch.from_numpy"),
        (lambda x: [x], "not list: use torch.stack"),
        (lambda x: [*x, x[0, :, 1:]], r"not of shape \(1, 1, 7, 16\)"),
        (lambda x: (x * 9 + 99).byte(), r"not of torch\.uint8: use images\.standardise for grey levels"),
        (lambda x: (x * 9 + 99).clamp(0, 255), r"standardised, not from \d\S* to \d+.*: use images\.standardise"),
    ],
)
def test_a_common_slip_gets_a_sentence(slip, said, model, images):
    labels = ["ab"] * 7
    for act in (lambda x: reader.read(model, x), lambda x: metrics.evaluate(model, x, labels)):
        with pytest.raises(UserError, match=said) as caught:
            act(slip(images))
        assert "the model reads a tensor (N, 1, 8, W)" in str(caught.value) and len(str(caught.value)) < 220


def test_what_standardise_makes_is_never_taken_for_grey_levels():
    for width in (4, 128, 2000):
        dot, sheet = torch.full((2, 32, width), 255.0)
        dot[16, width // 2] = 0
        for grey in (dot, 255 - dot, sheet, 255 * torch.eye(32, width)):
            assert standardise(grey.numpy(), 32, width).abs().max() <= 1 / SD_FLOOR


def test_a_model_of_another_type_reads_images_of_any(model, images):
    double, texts = copy.deepcopy(model).double(), reader.read(model, images).texts
    assert reader.read(double, images.double()).texts == reader.read(double, images).texts == texts
    assert reader.read(model, images.double()).texts == texts


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda x, labels: (x[0], labels[:1]), r"not of shape \(6, 4\) and 1 labels"),
        (lambda x, labels: (x, labels[:2]), r"not of shape \(3, 6, 4\) and 2 labels"),
        (lambda x, labels: (x, "ab2"), "and the text 'ab2'"),
        (lambda x, labels: (x[..., :3], labels), r"\(N, T, 4\).*not of shape \(3, 6, 3\)"),
        (lambda x, labels: (x.numpy(), labels), "not of ndarray and 3 labels"),
        (lambda x, labels: (x[:0], []), "and 0 labels"),
    ],
)
def test_losses_of_what_does_not_go_together_are_an_error(slip, said):
    log_probs = torch.randn(3, 6, 4).log_softmax(-1)
    with pytest.raises(UserError, match=said):
        reader.sequence_losses(*slip(log_probs, ["a", "b", "2"]), Alphabet("ab2"))


def test_a_text_is_no_list_of_labels(model, images):
    with pytest.raises(UserError, match="give a list of labels, not the text 'ababab2'"):
        metrics.evaluate(model, images, "ababab2")
