"""Prefix beam search beside fast-ctc-decode (Rust), and our CTC loss and gradient beside torch's.

    python bench/speed/decoders.py [--count 16] [--repetitions 5] [--cases 500]

All read the same matrices (T = 32, K = 20): those of the committed model, of generated images, and random ones, sharp
and nearly flat. Each repetition runs every decoder over all of them, one after the other; medians over repetitions. The
page's beam search is the same algorithm in JavaScript, here in V8 (mini-racer). fast-ctc-decode keeps every class
(beam_cut_threshold 0) and computes in float32. Where two answers differ, the one with the higher exact likelihood, by
our forward algorithm, is the better. Writes data/results/decoders.json.
"""

import json
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import fast_ctc_decode
import numpy as np
import torch
import torch.nn.functional as F
from py_mini_racer import MiniRacer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from crnn_lib import ctc, reader
from crnn_lib.alphabet import CAPTCHA_SYMBOLS
from crnn_lib.drawing import captchas
from crnn_lib.widgets import bundle

WIDTHS = (1, 2, 5, 10, 20, 50)
SYMBOLS = "-" + CAPTCHA_SYMBOLS  # the blank first
TOLERANCE = 1e-6  # of log-likelihoods that count as equal
IN_V8 = """
let held = [];
const hold = (all) => { held = all.map((m) => Float32Array.from(m)); return held.length; };
const timed = (K, width) => {
    const start = Date.now();
    const found = held.map((m) => beamSearch(m, K, width)[0].classes);
    return [Date.now() - start, found];
};
0"""


def matrices(count):
    """Log-probabilities (count, 32, 20) by kind."""
    network = reader.load("captcha")
    read = reader.read(network, captchas.dataset(count, seed=11).images).log_probs
    normal = torch.randn(read.shape, generator=torch.Generator().manual_seed(0))
    return {"read": read, "random": (3 * normal).log_softmax(-1), "flat": (0.3 * normal).log_softmax(-1)}


def decoders(racer):
    """By name: log-probabilities (N, T, K) and a width -> seconds spent, and the best label of each."""

    def timed(decode):
        def run(batch, width):
            started = time.perf_counter()
            found = [decode(m, width) for m in batch]
            return time.perf_counter() - started, found

        return run

    def rust(posteriors, width):
        text, _ = fast_ctc_decode.beam_search(posteriors, SYMBOLS, beam_size=width, beam_cut_threshold=0.0)
        return [SYMBOLS.index(symbol) for symbol in text]

    def javascript(batch, width):
        milliseconds, found = racer.call("timed", batch.shape[2], width)
        return milliseconds / 1000, [list(classes) for classes in found]

    return {
        "ours": timed(lambda m, width: ctc.beam_search(m, width)[0][0]),
        "page": javascript,
        "fast_ctc_decode": lambda batch, width: timed(rust)(np.exp(batch.numpy()), width),
    }


def compare_decoders(batch, width, repetitions, run):
    """Milliseconds a sequence by decoder, and how ours and fast-ctc-decode agree."""
    seconds, found = {name: [] for name in run}, {}
    for _ in range(repetitions):
        for name, decode in run.items():
            spent, found[name] = decode(batch, width)
            seconds[name].append(spent / len(batch))
    gains = [
        ctc.ctc_loss(m, theirs) - ctc.ctc_loss(m, ours)
        for m, ours, theirs in zip(batch, found["ours"], found["fast_ctc_decode"], strict=True)
    ]
    return {
        "milliseconds": {name: round(1000 * statistics.median(s), 3) for name, s in seconds.items()},
        "sequences": len(batch),
        "page_same": sum(a == b for a, b in zip(found["ours"], found["page"], strict=True)),
        "fast_same": sum(a == b for a, b in zip(found["ours"], found["fast_ctc_decode"], strict=True)),
        "ours_likelier": sum(gain > TOLERANCE for gain in gains),
        "fast_likelier": sum(gain < -TOLERANCE for gain in gains),
    }


def torch_loss(logits, target):
    """torch's loss and its gradient with respect to the logits, in float64; zeros where the label does not fit."""
    logits = logits.double().requires_grad_()
    case = logits.log_softmax(-1)[:, None], torch.tensor([target]).long(), [len(logits)], [len(target)]
    loss = F.ctc_loss(*case, reduction="sum")
    F.ctc_loss(*case, reduction="sum", zero_infinity=True).backward()
    return loss.item(), logits.grad


def compare_losses(cases):
    """The largest differences over random cases of every size, some of which no path can fit."""
    rng = np.random.default_rng(0)
    apart, infeasible = {"loss": 0.0, "gradient": 0.0}, 0
    for _ in range(cases):
        T, K = int(rng.integers(1, 41)), int(rng.integers(2, 26))
        logits = torch.from_numpy(rng.normal(0, rng.choice([0.3, 1, 4]), (T, K)))
        target = rng.integers(1, K, rng.integers(1, T + 2)).tolist()
        log_probs, (loss, gradient) = logits.log_softmax(-1), torch_loss(logits, target)
        ours = ctc.ctc_loss(log_probs, target)
        if ours == loss == float("inf"):
            infeasible += 1
        else:
            apart["loss"] = max(apart["loss"], abs(ours - loss) / max(1, abs(loss)))
        difference = (ctc.ctc_gradient(log_probs, target) - gradient).abs().max().item()
        apart["gradient"] = max(apart["gradient"], difference)
    return {"cases": cases, "infeasible": infeasible, "largest_difference": apart}


def time_losses(repetitions):
    """Median milliseconds of a loss, and of a gradient, for T = 32, K = 20, U = 5."""
    logits = torch.randn(32, 20, generator=torch.Generator().manual_seed(1)).double()
    log_probs, target = logits.log_softmax(-1), [3, 3, 7, 1, 19]
    sizes = (torch.tensor([target]), [32], [5])

    def torch_gradient():
        leaf = logits.clone().requires_grad_()
        F.ctc_loss(leaf.log_softmax(-1)[:, None], *sizes, reduction="sum").backward()

    actions = {
        "loss": lambda: ctc.ctc_loss(log_probs, target),
        "loss_torch": lambda: F.ctc_loss(log_probs[:, None], *sizes, reduction="sum").item(),
        "gradient": lambda: ctc.ctc_gradient(log_probs, target),
        "gradient_torch": torch_gradient,
    }
    seconds = {name: [] for name in actions}
    for _ in range(20 * repetitions):
        for name, action in actions.items():
            started = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - started)
    return {name: round(1000 * statistics.median(s), 4) for name, s in seconds.items()}


def main() -> None:
    a = options(__doc__, count=16, repetitions=5, cases=500, out=RESULTS / "decoders.json").parse_args()
    torch.set_num_threads(1)
    racer = MiniRacer()
    racer.eval(bundle.flat() + IN_V8)
    run, rows = decoders(racer), []
    titles = f"{'matrices':<10}{'width':>6}{'ours ms':>10}{'page ms':>10}{'Rust ms':>10}"
    print(f"{titles}  same as Rust, likelier: ours, Rust")
    for kind, batch in matrices(a.count).items():
        racer.call("hold", batch.flatten(1).tolist())
        for width in WIDTHS:
            rows.append({"matrices": kind, "width": width} | compare_decoders(batch, width, a.repetitions, run))
            ms, row = rows[-1]["milliseconds"], rows[-1]
            print(f"{kind:<10}{width:>6}{ms['ours']:>10.2f}{ms['page']:>10.2f}{ms['fast_ctc_decode']:>10.3f}", end="  ")
            print(f"{row['fast_same']} of {row['sequences']}, {row['ours_likelier']}, {row['fast_likelier']}")
    losses = {"against_torch": compare_losses(a.cases), "milliseconds": time_losses(a.repetitions)}
    packages = {name: version(name) for name in ("fast-ctc-decode", "mini-racer")}
    record(a.out, {"beam_search": rows, **losses}, **packages)
    print(json.dumps(losses))


if __name__ == "__main__":
    main()
