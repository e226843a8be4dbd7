"""Scores by writer: a writer who is scored drew nothing that the model learned from, and counts as one of many.

An interval is that of a bootstrap over writers: the edits of one writer are alike, so that characters are no
independent trials.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from crnn_lib import metrics

FEW = str.maketrans("0il", "o11")
ALIKE = str.maketrans("CKOPSUVWXZ0lIi", "ckopsuvwxzo111")
REPEATS = 2000  # of the bootstrap


def folded(text: str) -> str:
    """Of 36 symbols, cases counted as one: what shape alone cannot tell, 0/o and 1/l/i, as one too."""
    return text.lower().translate(FEW)


def alike(text: str) -> str:
    """Of 62 symbols: 0/O/o and 1/l/I/i as one, and both cases of c k p s u v w x z. Nothing else."""
    return text.translate(ALIKE)


def by_writer(
    labels: Sequence[str], readings: Sequence[str], writers: Sequence[str], fold: Callable[[str], str] = str
) -> dict[str, Any]:
    """CER and exact strings, pooled, each with its interval over writers; by writer; by symbol; the confusions.

    With `fold`, which gives a text in which symbols that count as one are one.
    """
    labels, readings = (list(map(fold, texts)) for texts in (labels, readings))
    pooled = metrics.scores(labels, readings)
    names = sorted(set(writers))
    each = {}
    for name in names:
        mine = [i for i, writer in enumerate(writers) if writer == name]
        found = metrics.scores([labels[i] for i in mine], [readings[i] for i in mine])
        each[name] = {key: found[key] for key in ("edits", "characters", "exact", "images", "cer")}
    counts = metrics.confusion(labels, readings)
    result = {key: pooled[key] for key in ("images", "exact", "edits", "characters", "cer", "exact_accuracy")}
    result["cer_interval"] = over_writers([each[n]["edits"] for n in names], [each[n]["characters"] for n in names])
    result["exact_interval"] = over_writers([each[n]["exact"] for n in names], [each[n]["images"] for n in names])
    wrong = Counter({pair: n for pair, n in counts.items() if pair[0] != pair[1]})
    return result | {"writers": each, "symbols": by_symbol(counts),
                     "confusions": [[*pair, n] for pair, n in wrong.most_common(25)]}  # fmt: skip


def over_writers(parts: Sequence[int], totals: Sequence[int], seed: int = 0) -> list[float]:
    """The 95 % interval of sum(parts) / sum(totals), as other writers like these would have given it."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(parts), (REPEATS, len(parts)))
    rates = np.asarray(parts)[drawn].sum(1) / np.maximum(np.asarray(totals)[drawn].sum(1), 1)
    return [float(rate) for rate in np.quantile(rates, (0.025, 0.975))]


def by_symbol(counts: Counter) -> dict[str, dict[str, int]]:
    """Characters {right, of} of each true symbol, from a confusion; symbols that count as one stand under one."""
    result = {}
    for true in sorted({true for true, _ in counts} - {metrics.GAP}):
        total = sum(n for (t, _), n in counts.items() if t == true)
        result[true] = {"right": counts[true, true], "of": total}
    return result


def worst(found: dict[str, Any], most: int = 10) -> dict[str, list]:
    """The writers with the highest CER and the symbols read worst, with their rates."""
    writers = sorted(found["writers"].items(), key=lambda item: -item[1]["cer"])[:most]
    symbols = sorted(found["symbols"].items(), key=lambda item: item[1]["right"] / item[1]["of"])[:most]
    return {
        "writers": [[name, round(entry["cer"], 4)] for name, entry in writers],
        "symbols": [[name, round(entry["right"] / entry["of"], 4)] for name, entry in symbols],
        "confusions": found["confusions"][:most],
    }
