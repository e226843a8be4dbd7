"""The laboratory's arithmetic: JavaScript and crnn_lib.ctc give the same numbers."""

import json
import math
import random
from itertools import pairwise, product

import pytest
import torch
from v8 import Page

from crnn_lib import ctc
from crnn_lib.errors import UserError

GLUE = """
const flows = (rows, target) => {
  const found = analyseLabel(rows, target);
  return [found.through, rows.slice(1).map((_, t) => found.extended.map((_, s) => found.extended.map((_, to) =>
    successors(found.extended, s).includes(to) ? passing(found, t, s, to) : 0)))];
};
const tree = (rows, width) => {
  const search = searchOf(rows, width);
  return [search.map(({ kept }) => kept.map((beam) => [beam.prefix, Math.exp(beamMass(beam))])),
    search.map((_, t) => branchesOf(search, t))];
};
const unpack = (rows) => rows.map((row) => row.map((v) => (v === null ? -Infinity : v)));
const pack = (v) => (Array.isArray(v) ? v.map(pack) : v === -Infinity ? null : v);
"""


@pytest.fixture(scope="module")
def js():
    """call(function, log_probs or None, *arguments): what the JavaScript function answers; -inf travels as null."""
    page = Page(GLUE)

    def call(name, matrix, *arguments):
        first = [] if matrix is None else [f"unpack({json.dumps(packed(matrix))})"]
        rest = [json.dumps(a) if not isinstance(a, str) else a for a in arguments]
        return page.value(f"pack({name}({', '.join(first + rest)}))")

    return call


def packed(matrix):
    return [[None if v == -math.inf else v for v in row] for row in matrix.tolist()]


def unpacked(rows):
    return torch.tensor([[-math.inf if v is None else v for v in row] for row in rows], dtype=torch.float64)


def cases(count=300):
    """Random matrices and labels: repeats, empty ones, tight fits, too long ones, and some exact zeros."""
    rng = random.Random(0)
    generator = torch.Generator().manual_seed(0)
    for i in range(count):
        T, K = rng.randint(1, 14), rng.randint(2, 6)
        target = [rng.randint(1, K - 1) for _ in range(rng.randint(0, min(T + 1, 8)))]
        if i % 5 == 0 and target:
            target = [target[0]] * len(target)
        logits = torch.randn(T, K, generator=generator, dtype=torch.float64) * rng.choice([0.3, 1, 4])
        if i % 7 == 0:
            logits[rng.randrange(T), rng.randrange(K)] = -math.inf
        yield logits.log_softmax(1), target


CASES = list(cases())


@pytest.mark.parametrize("name", ["forward", "backward", "occupancy", "ctc_gradient"])
def test_lattice_occupancy_and_gradient_are_the_library_s(js, name):
    there = {"ctc_gradient": "ctcGradient"}.get(name, name)
    for log_probs, target in CASES:
        expected = getattr(ctc, name)(log_probs, target)
        torch.testing.assert_close(unpacked(js(there, log_probs, target)), expected, rtol=0, atol=1e-9)


def test_the_loss_is_the_library_s(js):
    for log_probs, target in CASES:
        found = js("logLikelihood", log_probs, target)
        assert -(-math.inf if found is None else found) == pytest.approx(ctc.ctc_loss(log_probs, target), abs=1e-9)


def test_the_best_path_is_the_library_s(js):
    for log_probs, target in CASES:
        cells = js("bestCells", log_probs, target)
        try:
            expected = ctc.force_align(log_probs, target)
        except UserError:
            assert cells is None
            continue
        extended = js("extend", None, target)
        path = [extended[s] for s in cells]
        score = sum(log_probs[t, c].item() for t, c in enumerate(path))
        assert ctc.collapse(path) == target
        assert score == pytest.approx(sum(log_probs[t, c].item() for t, c in enumerate(expected)), abs=1e-9)


def test_counts_are_exact_and_lists_complete(js):
    for T in range(1, 7):
        paths = list(product(range(3), repeat=T))
        for U in range(T + 2):
            for target in map(list, product((1, 2), repeat=U)):
                count = int(js("String", None, f"countAlignments({target}, {T})"))
                assert count == ctc.count_alignments(target, T)
                extended = js("extend", None, target)
                listed = [tuple(extended[s] for s in cells) for cells in js("listCells", None, target, T, 10_000)]
                assert sorted(listed) == sorted(p for p in paths if ctc.collapse(p) == target)
    assert int(js("String", None, "countAlignments([1, 1, 2, 3, 4, 5, 6, 7], 32)")) == math.comb(39, 16)
    assert len(js("listCells", None, [1, 2], 30, 50)) == 50


def test_paths_are_drawn_from_the_posterior(js):
    log_probs, target = torch.randn(6, 3, generator=torch.Generator().manual_seed(1)).double().log_softmax(1), [1, 1]
    draw = "(m) => { let seed = 1; const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;"
    draw += "return Array.from({length: 4000}, () => sampleCells(m, [1, 1], random)); }"
    drawn = torch.tensor(js(f"({draw})", log_probs))
    extended = torch.tensor([0, 1, 0, 1, 0])
    share = torch.nn.functional.one_hot(extended[drawn], 3).double().mean(0)
    torch.testing.assert_close(share, ctc.occupancy(log_probs, target), rtol=0, atol=0.04)
    assert js("sampleCells", log_probs[:2], [1, 1], "() => 0.5") is None


def test_gradient_steps_lower_the_loss_and_end_in_peaks(js):
    log_probs, target = torch.zeros(12, 4, dtype=torch.float64).log_softmax(1), [1, 2, 2]
    losses = [ctc.ctc_loss(log_probs, target)]
    for _ in range(100):
        log_probs = unpacked(js("gradientStep", log_probs, target, 1.0))
        losses.append(ctc.ctc_loss(log_probs, target))
    assert all(b < a for a, b in pairwise(losses))
    assert ctc.greedy_decode(log_probs) == target
    assert log_probs.exp().sum(1).tolist() == pytest.approx([1.0] * 12)


def test_an_edited_column_sums_to_one_and_keeps_the_others_shares(js):
    log_probs = torch.randn(3, 4, generator=torch.Generator().manual_seed(2)).double().log_softmax(1)
    before = log_probs.exp()
    for p in (0, 0.3, 1):
        after = unpacked(js("withProbability", log_probs, 1, 2, p)).exp()
        assert after[1, 2].item() == pytest.approx(p)
        others = [0, 1, 3]
        torch.testing.assert_close(after[1, others], before[1, others] / before[1, others].sum() * (1 - p))
        assert torch.equal(after[[0, 2]], before[[0, 2]])
    certain = unpacked(js("withProbability", log_probs, 1, 2, 1))
    assert unpacked(js("withProbability", certain, 1, 2, 0.4)).exp()[1].tolist() == pytest.approx([0.2, 0.2, 0.4, 0.2])


def test_made_up_matrices_are_distributions(js):
    for made in ("uniformMatrix(9, 4)", "randomMatrix(9, 4, randomFrom(3))", "peakedMatrix([1, 2], 9, 4)"):
        matrix = unpacked(js("((m) => m)", None, made))
        assert matrix.shape == (9, 4)
        assert matrix.exp().sum(1).tolist() == pytest.approx([1.0] * 9)
    assert ctc.greedy_decode(matrix) == [1, 2]
    same, other = (js("randomMatrix", None, "4", "3", f"randomFrom({seed})") for seed in (5, 6))
    assert same == js("randomMatrix", None, "4", "3", "randomFrom(5)") != other


@pytest.mark.slow
def test_beam_search_step_by_step_is_the_library_s(js):
    run = "((m, width) => { let beams = firstBeams(); for (const row of m) beams = beamStep(beams, row, width).kept;"
    run += "return beams.map((b) => [b.prefix, logLikelihood(m, b.prefix)]); })"
    for log_probs, _ in CASES[:120]:
        for width in (1, 3, 20):
            found = [(p, -math.inf if v is None else v) for p, v in js(run, log_probs, width)]
            found = sorted((f for f in found if f[1] > -math.inf), key=lambda item: -item[1])
            expected = ctc.beam_search(log_probs, width, width)
            assert [p for p, _ in found] == [p for p, _ in expected]
            assert [v for _, v in found] == pytest.approx([v for _, v in expected], abs=1e-9)


def test_a_beam_s_mass_is_what_flowed_into_it(js):
    log_probs = CASES[1][0]
    step = "((m) => { let beams = firstBeams(); let out; for (const row of m) { out = beamStep(beams, row, 3);"
    step += "beams = out.kept; } const all = [...out.kept, ...out.pruned];"
    step += "return all.map((b) => [beamMass(b), b.from.map((f) => f.mass)]); })"
    rows = js(step, log_probs)
    assert len(rows) > 3
    for mass, parts in rows:
        assert mass == pytest.approx(torch.tensor(parts, dtype=torch.float64).logsumexp(0).item(), abs=1e-9)


def test_the_exhaustive_truth_is_the_library_s(js):
    for log_probs, _ in CASES[:60]:
        T, K = log_probs.shape
        found = js("exhaustive", log_probs, 3000)
        if K**T > 3000:
            assert found is None
            continue
        assert sum(f["p"] for f in found) == pytest.approx(1)
        for f in found:
            assert f["p"] == pytest.approx(math.exp(-ctc.ctc_loss(log_probs, f["classes"])), abs=1e-9)
        assert [f["p"] for f in found] == sorted((f["p"] for f in found), reverse=True)


def test_the_stream_leaves_each_cell_as_wide_as_it_comes(js):
    for log_probs, target in CASES:
        if len(log_probs) < 2 or math.isinf(ctc.ctc_loss(log_probs, target)):
            continue
        through, parts = js("flows", log_probs, target)
        through, parts = (torch.tensor(v, dtype=torch.float64) for v in (through, parts))
        torch.testing.assert_close(parts.sum(2), through[:-1], rtol=0, atol=1e-6)
        torch.testing.assert_close(parts.sum(1), through[1:], rtol=0, atol=1e-6)


def test_the_branches_of_a_search_are_its_masses_and_join_where_prefixes_merge(js):
    merged = 0
    for log_probs, _ in CASES[:60]:
        kept, branches = js("tree", log_probs, 3)
        assert [p for p, _ in kept[-1]] == [p for p, _ in sorted(kept[-1], key=lambda beam: -beam[1])]
        for t, into in enumerate(branches):
            assert sum(branch["mass"] for branch in into) == pytest.approx(1)
            before = [prefix for prefix, _ in kept[t - 1]] if t else [[]]
            shares = [sum(b["mass"] for b in into if b["to"] == rank) for rank in range(len(kept[t]))]
            masses = [mass for _, mass in kept[t]]
            assert [s / shares[0] for s in shares] == pytest.approx([m / masses[0] for m in masses])
            for branch in (b for b in into if b["to"] >= 0):
                prefix, source = kept[t][branch["to"]][0], before[branch["from"]]
                assert prefix == source + [branch["last"]] * branch["adds"]
            ends = [b["to"] for b in into if b["to"] >= 0]
            merged += len(ends) - len(set(ends))
    assert merged
