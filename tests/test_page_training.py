"""The page's trainer in V8, without a browser: gradients, steps and weights must be torch's."""

from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn
from v8 import Page, Refusal

from crnn_lib import training
from crnn_lib.model import CRNN, Config, steps_needed
from crnn_lib.widgets import bundle

GLUE = """
let run;
const array = (values) => Float32Array.from(values);
const tensors = (weights) => Object.fromEntries(
  Object.entries(weights).map(([name, [data, dims]]) => [name, { data: array(data), dims }]),
);
const listed = (weights) => Object.fromEntries(
  Object.entries(weights).map(([name, { data, dims }]) => [name, [Array.from(data), dims]]),
);
const pictures = (images) => images.map(array);
const labelled = (images, targets) => images.map((image, i) => ({ image: array(image), target: targets[i] }));
function begin(shape, recipe, options, weights) {
  run = createTraining(shape, recipe, options);
  if (weights) load(weights);
  return run.network.simd;
}
function load(weights) {
  run.load(tensors(weights));
  return true;
}
function gradients(images, targets) {
  const { loss } = run.differentiate(labelled(images, targets));
  return [loss, Object.entries(run.network.parameters.by).map(([name, p]) => [name, Array.from(p.gradients)])];
}
function steps(batches) {
  return batches.map(([images, targets]) => {
    const { loss, norms } = run.step(labelled(images, targets));
    return [loss, norms];
  });
}
const state = () => listed(run.state());
const forLibrary = () => listed(libraryWeights(run.network.shape, run.state()));
const readings = (images) => run.read(pictures(images));
function prior(targets) {
  run.startAtPrior(targets);
  return Array.from(run.network.parameters.by["classify.bias"].values);
}
"""
ENGINES = pytest.mark.parametrize("fast", [True, False], ids=["WebAssembly", "JavaScript"])


@pytest.fixture(scope="module")
def js():
    return Page(GLUE, script=bundle.flat("page/train.js", "page/train_weights.js"))


class Bias(nn.Module):
    """What stands in place of BatchNorm."""

    def __init__(self, size, axes):
        super().__init__()
        self.bias, self.axes = nn.Parameter(torch.zeros(size)), axes

    def forward(self, x):
        return x + self.bias.reshape(-1, *[1] * self.axes)


class Through(nn.Module):
    """What stands in place of the LSTM."""

    def forward(self, x):
        return (x,)


def network(config, lstm="both", batchnorm="all"):
    """torch's network of that shape, in float64, so that whatever differs is the page's."""
    model = CRNN(config)
    if batchnorm != "all":
        model.normalise = Bias(config.features, 1)
    if batchnorm == "none":
        for block, size in zip(model.blocks, config.channels, strict=True):
            block[1] = Bias(size, 2)
    if lstm != "both":
        size = config.hidden if lstm == "forward" else config.features
        model.lstm = nn.LSTM(config.features, size, batch_first=True) if lstm == "forward" else Through()
        model.classify = nn.Linear(size, len(model.alphabet))
    with torch.no_grad():
        for parameter in model.parameters():  # BatchNorm too starts anywhere
            parameter += 0.1 * torch.randn(parameter.shape)
    return model.double().train()


def shape_of(config, **options):
    names = ("alphabet", "height", "width", "channels", "pools", "features", "hidden")
    return {name: getattr(config, name) for name in names} | options


def packed(model):
    return {name: [tensor.flatten().tolist(), list(tensor.shape)] for name, tensor in model.state_dict().items()}


def flat(images):
    return images.flatten(1).tolist()


def batch_of(rng, config, count):
    """Random images, and random labels that fit, also empty ones and ones with repeats."""
    images = torch.from_numpy(rng.normal(0, 1, (count, 1, config.height, config.width)))
    images[rng.integers(count)] += rng.normal(0, 2)
    targets = []
    while len(targets) < count:
        target = rng.integers(1, len(config.alphabet) + 1, rng.integers(0, config.steps() + 1)).tolist()
        if steps_needed(target) <= config.steps():
            targets.append(target)
    return images, targets


def loss_of(model, images, targets):
    log_probs = model(images).transpose(0, 1)
    steps, lengths = [len(log_probs)] * len(targets), [len(target) for target in targets]
    return nn.functional.ctc_loss(log_probs, torch.tensor([*chain.from_iterable(targets)]), steps, lengths)


def random_shape(rng):
    """A network with one to three blocks, any pools and sizes, and options."""
    blocks = int(rng.integers(1, 4))
    pools = [(int(rng.integers(1, 4)), int(rng.integers(1, 3))) for _ in range(blocks)]
    rows, steps = (int(n) for n in rng.integers(1, [3, 9]))
    down, along = (int(np.prod([pool[axis] for pool in pools])) for axis in (0, 1))
    config = Config(
        "abcdefgh"[: rng.integers(1, 9)],
        min(rows * down + int(rng.integers(down)), 30),
        steps * along + int(rng.integers(along)),
        [int(n) for n in rng.integers(1, 8, blocks)],
        pools,
        *(int(n) for n in rng.integers(1, 10, 2)),
    )
    lstm = str(rng.choice(["both", "both", "forward", "none"]))
    return config, {"lstm": lstm, "batchnorm": str(rng.choice(["all", "all", "blocks", "none"]))}


def alike(found, expected, whole):
    """Whether a gradient is within 1e-4 of the expected one; where its terms cancel (as those of a scale that BatchNorm
    undoes), 1e-6 of the whole gradient's norm is what float32 leaves.
    """
    difference = np.linalg.norm(np.array(list(found)) - expected.flatten().numpy())
    return difference <= 1e-4 * expected.norm().item() + 1e-6 * whole


@ENGINES
def test_all_gradients_are_torch_s_for_networks_of_any_shape(js, fast):
    """100 networks, two batches each: other weights and fewer images come second, and find nothing of the first."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        config, options = random_shape(rng)
        most = int(rng.integers(2, 12))
        assert js.call("begin", shape_of(config, **options), {"rate": 1}, {"batch": most, "fast": fast}) is fast
        for count in (most, int(rng.integers(2, most + 1))):
            model = network(config, **options)
            images, targets = batch_of(rng, config, count)
            js.call("load", packed(model))
            loss = loss_of(model, images, targets)
            loss.backward()
            found, gradients = js.call("gradients", flat(images), targets)
            assert found == pytest.approx(loss.item(), rel=1e-5, abs=1e-6), seed
            expected = {name: parameter.grad for name, parameter in model.named_parameters()}
            assert {name for name, _ in gradients} == set(expected)
            whole = norm_of(expected.values())
            assert whole > 0
            for name, gradient in gradients:
                assert alike(gradient, expected[name], whole), (seed, name)


def norm_of(gradients):
    return torch.stack([gradient.norm() for gradient in gradients]).norm().item()


# --- steps ---

SMALL = Config("abc", 12, 24, (3, 5), ((2, 2), (2, 1)), 8, 6)
RECIPES = {
    "Adam": ({"optimizer": "adam", "rate": 3e-3}, lambda p: torch.optim.Adam(p, lr=3e-3)),
    "SGD": ({"optimizer": "sgd", "rate": 0.05}, lambda p: torch.optim.SGD(p, lr=0.05)),
    "momentum": (
        {"optimizer": "sgd", "rate": 0.02, "momentum": 0.9},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    ),
}
OPTIONS = {
    "all": {},
    "BatchNorm in blocks": {"batchnorm": "blocks"},
    "no BatchNorm": {"batchnorm": "none"},
    "forward": {"lstm": "forward"},
    "no LSTM": {"lstm": "none"},
}


def trained(js, recipe, options, clip=5.0, fast=True, steps=20):
    """A network of torch's after so many steps, the losses and norms of both, and the batch's images."""
    rng = np.random.default_rng(7)
    torch.manual_seed(7)
    written, optimizer = RECIPES[recipe]
    model = network(SMALL, **options)
    js.call("begin", shape_of(SMALL, **options), written | {"clip": clip}, {"batch": 6, "fast": fast}, packed(model))
    optimizer = optimizer(model.parameters())
    batches, losses, norms = [batch_of(rng, SMALL, int(rng.integers(3, 7))) for _ in range(steps)], [], []
    for images, targets in batches:
        loss = loss_of(model, images, targets)
        optimizer.zero_grad()
        loss.backward()
        norms.append({name: parameter.grad.norm().item() for name, parameter in model.named_parameters()})
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    found = js.call("steps", [[flat(images), targets] for images, targets in batches])
    return model, list(zip(losses, norms, found, strict=True)), batches[0][0]


@ENGINES
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_twenty_steps_end_where_torch_s_do(js, recipe, options, fast):
    """Weights and running statistics, from the same start on the same batches; on the way losses and gradient norms."""
    model, steps, images = trained(js, recipe, OPTIONS[options], fast=fast)
    for loss, norms, (found, found_norms) in steps:
        assert found == pytest.approx(loss, rel=1e-3)
        assert dict(found_norms) == pytest.approx(norms, rel=1e-2, abs=1e-3)
    state = js.call("state")
    assert set(state) == set(model.state_dict())
    for name, tensor in model.state_dict().items():
        data, dims = state[name]
        assert tuple(dims) == tensor.shape
        assert np.abs(np.array(list(data)) - tensor.flatten().numpy()).max() < 1e-3, name
    with torch.no_grad():
        expected = model.eval()(images).numpy()
    assert np.abs(np.array(listed(js.call("readings", flat(images)))) - expected).max() < 1e-2


def listed(nested):
    """Arrays of the page as lists."""
    return nested if isinstance(nested, (int, float)) else [listed(part) for part in nested]


def test_long_gradients_are_cut(js):
    model, steps, _ = trained(js, "SGD", {}, clip=0.1)
    assert min(norm_of(map(torch.tensor, norms.values())) for _, norms, _ in steps) > 0.1
    for name, (data, _) in js.call("state").items():
        expected = model.state_dict()[name].flatten().numpy()
        assert np.abs(np.array(list(data)) - expected).max() < 1e-3, name


# --- beginnings and ends ---


def test_a_start_is_as_wide_as_torch_s_and_depends_on_the_seed(js):
    config = Config("0123456789", 16, 32, (16, 24), ((2, 2), (2, 2)), 32, 24)
    starts = []
    for seed in (1, 1, 2):
        js.call("begin", shape_of(config), {"rate": 1}, {"batch": 1, "seed": seed})
        starts.append({name: np.array(list(data)) for name, (data, _) in js.call("state").items()})
    torch.manual_seed(0)
    for name, tensor in CRNN(config).state_dict().items():
        first, again, other = (start[name] for start in starts)
        assert np.array_equal(first, again)
        if tensor.numel() < 2 or tensor.flatten()[0] == tensor.flatten()[1]:  # BatchNorm's
            assert (first == tensor.flatten().numpy()).all() and (first == other).all()
        else:
            assert not np.array_equal(first, other)
            assert np.abs(first).max() == pytest.approx(tensor.abs().max().item(), rel=0.35), name


def test_the_prior_is_the_library_s(js):
    model = CRNN(SMALL)
    labels = ["abc", "a", "", "bb"]
    training.start_at_prior(model, labels)
    js.call("begin", shape_of(SMALL), {"rate": 1}, {"batch": 1})
    found = js.call("prior", [model.alphabet.encode(label) for label in labels])
    assert list(found) == pytest.approx(model.classify.bias.tolist(), abs=1e-6)


@pytest.mark.parametrize("options", ["all", "BatchNorm in blocks", "no BatchNorm", "forward"])
def test_the_library_loads_what_was_trained_and_reads_the_same(js, options):
    images = trained(js, "Adam", OPTIONS[options])[2]
    model = CRNN(SMALL)
    weights = js.call("forLibrary")
    model.load_state_dict(
        {name: torch.tensor(list(data)).reshape(list(dims)) for name, (data, dims) in weights.items()}
    )
    with torch.no_grad():
        expected = model.eval()(images.float()).numpy()
    assert np.abs(np.array(listed(js.call("readings", flat(images)))) - expected).max() < 1e-4


def test_weights_and_images_that_do_not_fit_are_refused(js):
    js.call("begin", shape_of(SMALL, lstm="none"), {"rate": 1}, {"batch": 1})
    with pytest.raises(Refusal, match="up to 1 images of 12 x 24"):
        js.call("readings", [[0.0] * 288] * 2)
    with pytest.raises(Refusal, match="the library's network has an LSTM"):
        js.call("forLibrary")
    before = js.call("state")
    with pytest.raises(Refusal, match=r"of a different network: classify\.weight"):
        js.call("load", packed(network(SMALL)))
    assert {name: list(data) for name, (data, _) in js.call("state").items()} == {
        name: list(data) for name, (data, _) in before.items()
    }
