"""The reader of drawn strokes: trained on skeletons and real ink, judged by writer.

    python bench/training/stroke_reader.py --ink DIR [--stage choose|judge|ship|folds] [--work DIR]

DIR holds public pen ink, in folders of these names (data/README.md says where to download it; none is in the project):

    omniglot_latin/characterNN/*.txt    Omniglot's alphabet "Latin" from python/strokes_background_small1.zip, MIT
    unipen/data, unipen/include         UNIPEN train_r01_v07, contributor aga: digits (1a), lower case (1c)
    uji1/UJIpenchars-wNN                UJI Pen Characters version 1, one file a writer, CC BY 4.0

No writer of a test character wrote one in training. "choose" trains without the validation and the test writers and
scores the validation writers. "judge" trains without the test writers and scores them. What its first reader misread
of theirs (`first_look` in the results) led to wider hands and more skeletons, and so, once more, did what the second
misread: the UJI writers never trained the readers that they judge, but their mistakes shaped the skeletons. "ship"
continues with all writers, for the model `pen`, which nobody here is left to judge; "folds" does the same
but for two UJI writers at a time, and scores those: the closest estimate of what was shipped. Run them in this order;
checkpoints are in --work, a killed run continues where it was. Results: data/results/stroke_reader.json.
"""

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, options, record
from bench.training import ink
from crnn_lib import assets, checkpoints, metrics, reader
from crnn_lib.alphabet import CAPTCHA_SYMBOLS
from crnn_lib.data import LabelledImages
from crnn_lib.drawing import pen
from crnn_lib.drawing.skeletons import SYMBOLS
from crnn_lib.files import environment
from crnn_lib.images import HEIGHT, WIDTH, standardise
from crnn_lib.model import CRNN, Config
from crnn_lib.reader import load, save
from crnn_lib.training import Recipe, Run, tune_process

CONFIG = Config(alphabet=SYMBOLS, channels=(16, 32, 64, 96, 96), features=96)
PER_EPOCH = 12_000  # strings, drawn anew each epoch
PART = 2000
TEST = ("uji 01", "uji 02", "uji 03", "uji 04", "unipen nikkshmn", "unipen scttjyns", "unipen shrncrtr",
        "omniglot 17", "omniglot 18", "omniglot 19", "omniglot 20")  # fmt: skip
FOLDS = (("uji 01", "uji 03"), ("uji 02", "uji 04"))
EPOCHS = {"choose": 14, "first": 18, "judge": 8, "ship": 6, "folds": 6}
VALIDATION = ("unipen lzbthwht", "unipen mlssdrry", "omniglot 14", "omniglot 15", "omniglot 16")
SKELETONS = 1000  # the first number of the skeletons' "writers"
SAME = str.maketrans("0il", "o11")  # within 0/o and within 1/l/i, and only there, either counts as right
WAYS = ("line", "bottom", "centred", "even", "unscaled")

Ink = list[tuple[str, str, list]]  # (writer, symbol, strokes), y downwards


# ---- reading ink


def read_omniglot(folder: Path) -> Iterator[tuple[str, str, list]]:
    for path in sorted(folder.glob("character*/*.txt")):
        parts: list[list] = [[]]
        for line in path.read_text().splitlines():
            if line == "BREAK":
                parts.append([])
            elif line and line != "START":
                x, y, _ = line.split(",")
                parts[-1].append((float(x), -float(y)))
        yield f"omniglot {path.stem[-2:]}", chr(96 + int(path.parent.name[-2:])), [p for p in parts if p]


def read_unipen(folder: Path) -> Iterator[tuple[str, str, list]]:
    for path in sorted(folder.glob("data/1[ac]/aga/*.dat")):
        pen = (folder / "include/aga/data" / path.name).read_text(errors="replace")
        blocks = []
        for block in pen.split("\n.PEN_DOWN")[1:]:
            lines = block.partition("\n.")[0].splitlines()[1:]
            points = [line.split()[:2] for line in lines]
            blocks.append([(float(p[0]), -float(p[1])) for p in points if len(p) == 2])
        found = re.finditer(r'\.SEGMENT CHARACTER (\d+)(?:-(\d+))? \S+ "(.)"', path.read_text())
        for first, last, symbol in (match.groups() for match in found):
            parts = [p for p in blocks[int(first) : int(last or first) + 1] if p]
            if symbol in SYMBOLS and parts:
                yield f"unipen {path.stem}", symbol, parts


def read_uji(folder: Path) -> Iterator[tuple[str, str, list]]:
    for path in sorted(folder.glob("UJIpenchars-w*")):
        for segment in path.read_text().split(".SEGMENT CHARACTER")[1:]:
            symbol = re.search(r'"(.)"', segment).group(1)
            parts = [part.partition(".PEN_UP")[0].split() for part in segment.split(".PEN_DOWN")[1:]]
            if symbol in SYMBOLS:
                pairs = [list(zip(map(float, p[::2]), map(float, p[1::2]), strict=True)) for p in parts]
                yield f"uji {path.name[-2:]}", symbol, pairs


def read_ink(folder: Path) -> Ink:
    found = [*read_omniglot(folder / "omniglot_latin"), *read_unipen(folder / "unipen"), *read_uji(folder / "uji1")]
    if {writer.split()[0] for writer, _, _ in found} != {"omniglot", "unipen", "uji"}:
        raise SystemExit(f"{folder} does not hold all three sets of ink: see --help for its layout")
    return found


# ---- training strings


class Source:
    """Random training strings from packed glyphs: skeletons and the ink of the writers given."""

    def __init__(self, glyphs: ink.Glyphs, weights: dict[int, float]) -> None:
        self.glyphs, self.writers = glyphs, list(weights)
        self.weights = np.array(list(weights.values())) / sum(weights.values())
        drawn = glyphs.writer < SKELETONS
        self.real = [np.flatnonzero(drawn & (glyphs.symbol == s)) for s in range(len(SYMBOLS))]
        self.own = [np.flatnonzero(~drawn & (glyphs.symbol == s)) for s in range(len(SYMBOLS))]
        self.by = {(w, s): np.flatnonzero((glyphs.writer == w) & (glyphs.symbol == s))
                   for w in self.writers for s in range(len(SYMBOLS))}  # fmt: skip
        kinds = glyphs.symbol * 10 + glyphs.strokes
        self.alike = {kind: np.flatnonzero(kinds == kind) for kind in np.unique(kinds)}
        self.kinds = kinds

    def choose(self, symbols: list[int], rng: random.Random, writer: int) -> list[int]:
        """A glyph for each symbol of one string: by one writer, by several, or of skeletons."""
        kind = rng.random()
        result = []
        for s in symbols:
            pool = self.by[writer, s] if kind < 0.45 else self.own[s] if kind < 0.7 else ()
            if not len(pool):
                pool = self.real[s] if rng.random() < 0.6 and len(self.real[s]) else self.own[s]
            result.append(int(pool[int(rng.random() * len(pool))]))
        return result

    def blend(self, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The glyphs' points, many of them on the way to another glyph drawn in the same manner."""
        other = np.array([self.alike[k][int(r * len(self.alike[k]))]
                          for k, r in zip(self.kinds[index], rng.random(len(index)), strict=True)])  # fmt: skip
        a, b = self.glyphs.points[index], self.glyphs.points[other]
        low, size = a.min(1, keepdims=True), np.maximum(np.ptp(a, 1)[:, None], 1e-9)
        b = (b - b.min(1, keepdims=True)) / np.maximum(np.ptp(b, 1)[:, None], 1e-9) * size + low
        apart = np.sqrt((((a - b) / size.max(2, keepdims=True)) ** 2).sum(2).mean(1))
        share = np.where((apart < 0.16) & (rng.random(len(a)) < 0.6), rng.uniform(-0.2, 0.8, len(a)), 0.0)
        return a + share[:, None, None] * (b - a)

    def strings(self, count: int, seed: int) -> tuple[np.ndarray, list[str]]:
        """Images (count, H, W) uint8 and their labels: 1 to 8 characters, mostly 3 to 6."""
        rng, pick = np.random.default_rng(seed), random.Random(seed)
        lengths = rng.choice(np.arange(1, 9), count, p=[0.04, 0.06, 0.18, 0.2, 0.2, 0.18, 0.08, 0.06])
        texts, index = [], []
        writers = rng.choice(self.writers, count, p=self.weights)
        for length, writer in zip(lengths, writers, strict=True):
            symbols = SYMBOLS if pick.random() < 0.75 else CAPTCHA_SYMBOLS
            text = [pick.choice(symbols) for _ in range(length)]
            if length > 1 and pick.random() < 0.12:  # chance alone seldom doubles a character
                at = pick.randrange(length - 1)
                text[at + 1] = text[at]
            texts.append("".join(text))
            index += self.choose([SYMBOLS.index(s) for s in text], pick, int(writer))
        index, string = np.array(index), np.repeat(np.arange(count), lengths)
        scale, number = self.glyphs.scale[index], self.glyphs.strokes[index]
        points = ink.deform(self.blend(index, rng), number, rng.uniform(0.2, 1.25, count)[string], rng)
        points = ink.fit(ink.place(points, self.glyphs.symbol[index], scale, string, rng), string, 0.35, rng)
        thickness = np.where(rng.random(count) < 0.6, 2.0, rng.uniform(1.2, 3.5, count))
        return ink.render_batch(points, number, string, thickness), texts


def labelled(source: Source, seed: int) -> LabelledImages:
    """The strings of one epoch, drawn in parts to save memory."""
    images, texts = [], []
    for part in range(PER_EPOCH // PART):
        drawn, labels = source.strings(PART, seed * 100 + part)
        images.append(torch.from_numpy(ink.standardise_batch(drawn)))
        texts += labels
    return LabelledImages(torch.cat(images), tuple(texts), tuple(map(str, range(len(texts)))))


class Fresh(Run):
    """A training run whose images are drawn anew for each epoch, from (seed, epoch) alone."""

    def __init__(
        self, model: CRNN, source: Source, recipe: Recipe, validation: LabelledImages | None, checkpoint: Path
    ) -> None:
        self.source = source
        super().__init__(model, labelled(source, recipe.seed), recipe, checkpoint=checkpoint)
        self.validation = validation
        if checkpoint.exists():
            self.load_state(checkpoints.read(checkpoint))

    def _epoch(self) -> dict | None:
        seed = 1 + self.recipe.seed * 1009 + len(self.history)
        self.train = labelled(self.source, seed)
        self.targets = [torch.tensor(self.model.alphabet.encode(text)) for text in self.train.labels]
        return super()._epoch()


def train(everything: Ink, left_out: tuple[str, ...], stage: str, work: Path, fold: str = "", validation=None) -> CRNN:
    """The reader of `stage`, trained on all writers but `left_out`; kept in `work` with what it was trained on."""
    kept = work / f"{stage}{fold}.reader.safetensors"
    if kept.exists():
        return load(kept)
    names = sorted({writer for writer, _, _ in everything if writer not in left_out})
    number = {writer: i for i, writer in enumerate(names)}
    own = ink.skeleton_glyphs(SKELETONS)
    real = ink.pack([(number[w], s, parts) for w, s, parts in everything if w in number])
    both = ink.Glyphs(*(np.concatenate([getattr(real, f), getattr(own, f)]) for f in ink.Glyphs.__dataclass_fields__))
    share = {"uji": 4.0, "unipen": 1.0, "omniglot": 0.7}  # UJI's pages are whole; Omniglot has no digits
    source = Source(both, {number[w]: share[w.split()[0]] for w in names})
    start = {"judge": "first", "ship": "judge", "folds": "judge"}.get(stage)
    rate = 1.5e-3 if start else 3e-3
    recipe = Recipe(epochs=EPOCHS[stage], batch_size=32, learning_rate=rate, prior_bias=not start,
                    validation_fraction=0, augmentation=None)  # fmt: skip
    torch.manual_seed(recipe.seed)
    model = load(work / f"{start}.reader.safetensors").train() if start else CRNN(CONFIG)
    run = Fresh(model, source, recipe, validation, work / f"{stage}{fold}.checkpoint.safetensors")
    for epoch in run:
        print(stage + fold, {k: round(v, 5) for k, v in epoch.items()}, time.strftime("%H:%M:%S"), flush=True)
    model = run.result().model
    facts = {"stage": stage, "continues": start, "writers": names, "glyphs": len(real), "skeletons": len(own),
             "strings_an_epoch": PER_EPOCH, "cpu_seconds": round(sum(r["cpu_seconds"] for r in run.history)),
             "recipe": asdict(recipe), "history": run.history, "data": SOURCES}  # fmt: skip
    model.provenance = facts
    save(model, kept, facts)
    return model


# ---- judging


def side_by_side(glyphs: list[tuple[str, str, list]], scale: float, way: str, rng: random.Random) -> list:
    """One string of one writer's glyphs as strokes in pixels, put together as somebody else might do it.

    line: at the writer's own size, in the place in the box where the writer put it (UNIPEN, whose boxes are unknown:
    where such letters stand); bottom, centred: the same size, bottoms or middles in line; even: every glyph equally
    tall; unscaled: as line, but 20 pixels to an l (less where it must), somewhere on the pad, and left like that.
    """
    x, gap, result = 0.0, rng.uniform(0.15, 0.4), []
    for writer, symbol, parts in glyphs:
        points = np.concatenate([np.asarray(p, float) for p in parts])
        low, high = points.min(0), points.max(0)
        size = 1 / scale
        if way == "even":
            size = min(1 / max(high[1] - low[1], 1e-9), 1.3 / max(high[0] - low[0], 1e-9))
        tall, i = (high[1] - low[1]) * size, SYMBOLS.index(symbol)
        top = {"bottom": -tall, "even": -tall, "centred": -tall / 2}.get(way)
        if top is None:
            top = low[1] * size if not writer.startswith("unipen") else (ink.TOPS[i] + ink.BOTTOMS[i] - tall) / 2
        result += [[((px - low[0]) * size + x, (py - low[1]) * size + top) for px, py in part] for part in parts]
        x += (high[0] - low[0]) * size + gap
    drawn = [np.array(part) * 20 for part in result]
    if way != "unscaled":
        return pen.normalise(drawn)
    low, high = (f(np.concatenate(drawn), axis=0) for f in (np.min, np.max))
    pad = np.array([WIDTH, HEIGHT])
    shrink = min(1.0, *((pad - 4) / np.maximum(high - low, 1)))
    corner = 2 + (pad - 4 - (high - low) * shrink) * [rng.random(), rng.random()]
    return pen.quantise([(part - low) * shrink + corner for part in drawn])


def test_strings(glyphs: Ink, symbols: str, passes: int, seed: int) -> list[tuple[str, Ink]]:
    """Each writer's glyphs of `symbols`, shuffled and cut into strings of 3 to 6, `passes` times."""
    rng, result = random.Random(seed), []
    for writer in sorted({w for w, _, _ in glyphs}):
        mine = [g for g in glyphs if g[0] == writer and g[1] in symbols]
        for _ in range(passes):
            rng.shuffle(mine)
            rest = mine[:]
            while len(rest) >= 3:
                length = rng.choice([n for n in range(3, 7) if n == len(rest) or n <= len(rest) - 3])
                result.append((writer, rest[:length]))
                rest = rest[length:]
    return result


def writer_scale(glyphs: Ink) -> dict[str, float]:
    names = sorted({w for w, _, _ in glyphs})
    packed = ink.pack([(names.index(w), s, parts) for w, s, parts in glyphs])
    return {name: float(packed.scale[packed.writer == i][0]) for i, name in enumerate(names)}


def draw(strings: list[tuple[str, Ink]], scales: dict[str, float], way: str) -> LabelledImages:
    rng = random.Random(way)
    images = [standardise(pen.render(side_by_side(g, scales[w], way, rng)).astype(np.float32)) for w, g in strings]
    labels = ["".join(s for _, s, _ in g) for _, g in strings]
    return LabelledImages(torch.stack(images), tuple(labels), tuple(w for w, _ in strings))


def figures(labels: list[str], texts: list[str], glyphs: int) -> dict:
    found = metrics.scores([t.translate(SAME) for t in labels], [t.translate(SAME) for t in texts])
    strict = metrics.scores(labels, texts)
    keep = {k: found[k] for k in ("images", "exact", "edits", "characters", "cer")}
    return keep | {"cer_strict": strict["cer"], "glyphs": glyphs}


def judge(model: CRNN, glyphs: Ink, passes: int) -> dict:
    """CER by way of composing, on all symbols and on the CAPTCHA's; by writer, by symbol, and the confusions."""
    scales, result = writer_scale(glyphs), {}
    for name, symbols in (("36 symbols", SYMBOLS), ("19 symbols", CAPTCHA_SYMBOLS)):
        strings = test_strings(glyphs, symbols, passes, seed=7)
        distinct = sum(s in symbols for _, s, _ in glyphs)
        result[name] = {}
        for way in WAYS:
            data = draw(strings, scales, way)
            texts = reader.read(model, data.images).texts
            entry = figures(list(data.labels), texts, distinct)
            entry["by_writer"] = {}
            for writer in sorted(scales):
                mine = [i for i, w in enumerate(data.names) if w == writer]
                if mine:
                    own = figures([data.labels[i] for i in mine], [texts[i] for i in mine], 1)
                    entry["by_writer"][writer] = {k: own[k] for k in ("edits", "characters", "cer")}
            result[name][way] = entry
            if way == "line":
                counts = metrics.confusion([t.translate(SAME) for t in data.labels], [t.translate(SAME) for t in texts])
                result[name]["symbols"] = by_symbol(counts)
                wrong = Counter({pair: n for pair, n in counts.items() if pair[0] != pair[1]})
                result[name]["confusions"] = [[a, b, n] for (a, b), n in wrong.most_common(20)]
    return result


def by_symbol(counts: Counter) -> dict:
    """Characters {right, of} of each true symbol; the groups 0/o and 1/l/i stand under o and 1."""
    result = {}
    for true in sorted({true for true, _ in counts} - {metrics.GAP}):
        total = sum(n for (t, _), n in counts.items() if t == true)
        result[true] = {"right": counts[true, true], "of": total}
    return result


def show(result: dict) -> None:
    for name, found in result.items():
        print(name, {way: round(found[way]["cer"], 4) for way in WAYS})
        print("  by writer", {w: round(v["cer"], 3) for w, v in found["line"]["by_writer"].items()})
        print("  worst", sorted(((round(v["right"] / v["of"], 2), s) for s, v in found["symbols"].items()))[:12])
        print("  confusions", found["confusions"][:14])


def main() -> None:
    parser = options(__doc__, work=ROOT / "_build" / "stroke_reader", out=RESULTS / "stroke_reader.json",
                     weights=assets.WEIGHTS["pen"])  # fmt: skip
    parser.add_argument("--ink", type=Path, required=True)
    parser.add_argument("--stage", choices=("choose", "judge", "ship", "folds"), default="judge")
    a = parser.parse_args()
    tune_process()
    everything = read_ink(a.ink)

    def of(writers: tuple[str, ...], source: str = "") -> Ink:
        return [g for g in everything if g[0] in writers and g[0].startswith(source)]

    if a.stage == "choose":
        validation = of(VALIDATION)
        watched = draw(test_strings(validation, SYMBOLS, 1, seed=3), writer_scale(validation), "line")
        return show(judge(train(everything, VALIDATION + TEST, "choose", a.work, validation=watched), validation, 2))
    if a.stage == "ship":
        network = train(everything, (), "ship", a.work)
        return save(network, a.weights, network.provenance | {"environment": environment()})
    if a.stage == "folds":
        result = json.loads(a.out.read_text(encoding="utf-8"))
        result["folds"] = {}
        for fold in FOLDS:
            name = " ".join(fold)
            network = train(everything, fold, "folds", a.work, f" {name}")
            found = judge(network, of(fold), 6)
            result["folds"][name] = {"writers": network.provenance["writers"], "test": found}
            show(found)
    else:
        first = train(everything, TEST, "first", a.work)
        network = train(everything, TEST, "judge", a.work)
        test = {"uji": of(TEST, "uji"), "unipen and omniglot": of(TEST, "unipen") + of(TEST, "omniglot")}
        result = {"counts_as_right": ["0/o", "1/l/i"],
                  "test": {name: judge(network, glyphs, 6 if name == "uji" else 3) for name, glyphs in test.items()},
                  "first_look": {"uji": judge(first, test["uji"], 6)}, "training": network.provenance,
                  "parameters": network.parameter_count(), "config": asdict(CONFIG), "data": SOURCES}  # fmt: skip
        for found in (*result["test"].values(), *result["first_look"].values()):
            show(found)
    record(a.out, result, "--ink DIR --stage judge; then --stage folds")


SOURCES = {
    "omniglot": "github.com/brendenlake/omniglot, python/strokes_background_small1.zip, Latin, 20 drawers: MIT",
    "unipen": "UNIPEN train_r01_v07, contributor aga, 1a and 1c, 14 writers, doi 10.5281/zenodo.1195803: CC BY 4.0; "
    "the notice on the old CD asks for research use",
    "uji": "UJI Pen Characters version 1, writers 1-4, archive.ics.uci.edu/dataset/160: CC BY 4.0",
    "skeletons": "crnn_lib/assets/skeletons.json, the project's own",
}

if __name__ == "__main__":
    main()
