"""Which characters of the ink seem to show something else than their label says, or nothing that can be read.

A small classifier, cross-fitted by group of contributors (`strokes.groups`): who judges a character has seen nobody of
the group of its writer. A character is doubtful where its label, counted with those of the same shape (`scores.ALIKE`),
gets less than LEAST of the probability. Where that befalls more than half of a writer's characters of a symbol, it is
how this writer writes it, and they stay; but not where the classifier sees the other case, since some contributors'
labels of capitals are small letters.
"""

import dataclasses

import numpy as np
import torch
from torch import nn

from bench.training.scores import ALIKE
from bench.training.strokes import OWN, SYMBOLS, Ink

LEAST = 0.01
GRID, TURNS = 8, 4  # cells a side, and directions
EPOCHS, BATCH, HIDDEN, RATE = 6, 256, 128, 2e-3
OTHER_CASE = np.array([SYMBOLS.index(s.swapcase()) if s.isalpha() else -1 for s in SYMBOLS])
SHAPE = np.array([SYMBOLS.index(s.translate(ALIKE)) for s in SYMBOLS])


def features(ink: Ink) -> np.ndarray:
    """(G, F) float32: the points, and how much is drawn in each direction in each cell of a grid over the character."""
    low, high = ink.points.min(1, keepdims=True), ink.points.max(1, keepdims=True)
    size = np.maximum((high - low).max(2, keepdims=True), 1e-9)
    u = (ink.points - (low + high) / 2) / size + 0.5  # 0..1
    step, middle = np.diff(u, axis=1), (u[:, 1:] + u[:, :-1]) / 2
    turn = np.arctan2(step[..., 1], step[..., 0]) % np.pi / np.pi * TURNS
    length = np.hypot(step[..., 0], step[..., 1]) * ink.down
    at = np.clip(middle * GRID - 0.5, 0, GRID - 1.001)
    cell, part = at.astype(int), at - at.astype(int)
    grid = np.zeros((len(ink), TURNS, GRID + 1, GRID + 1), np.float32)
    rows = np.broadcast_to(np.arange(len(ink))[:, None], length.shape)
    for dt in (0, 1):  # each step is shared by two directions and four cells
        share = length * np.abs(1 - dt - turn % 1)
        way = (turn.astype(int) + dt) % TURNS
        for dx in (0, 1):
            for dy in (0, 1):
                weight = share * np.abs(1 - dx - part[..., 0]) * np.abs(1 - dy - part[..., 1])
                np.add.at(grid, (rows, way, cell[..., 1] + dy, cell[..., 0] + dx), weight)
    return np.concatenate([grid.reshape(len(ink), -1) * 3, u.reshape(len(ink), -1) - 0.5], 1).astype(np.float32)


def probabilities(
    known: np.ndarray, symbols: np.ndarray, asked: np.ndarray, weights: np.ndarray, seed: int
) -> np.ndarray:
    """(A, 62): what a classifier says of features `asked` (A, F), trained on `known` (G, F) with these `weights`."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(known.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(SYMBOLS)))
    x, y, w = torch.from_numpy(known), torch.from_numpy(symbols), torch.from_numpy(weights / weights.mean()).float()
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x), generator=generator).split(BATCH):
            losses = nn.functional.cross_entropy(net(x[batch]), y[batch], reduction="none", label_smoothing=0.02)
            optimizer.zero_grad()
            (losses * w[batch]).mean().backward()
            optimizer.step()
    with torch.no_grad():
        return net(torch.from_numpy(asked)).softmax(1).numpy()


def doubted(ink: Ink, groups: dict[str, int], least: float = LEAST) -> np.ndarray:
    """(G,) bool: which characters are doubtful. Skeletons never are, nor is ink that is in no group judged."""
    group = np.array([groups.get(source, 0) for source in ink.sources()])[ink.writer]
    counts = np.bincount(ink.writer, minlength=len(ink.names))
    weights = 1 / (counts[ink.writer] + 50.0)
    told = features(ink)
    ours = np.array([name.startswith(f"{OWN}/") for name in ink.names])[ink.writer]
    doubtful, swapped = np.zeros((2, len(ink)), bool)
    for left_out in sorted(set(group.tolist()) - {0}):
        asked, known = group == left_out, (group != left_out) & ((group > 0) | ours)
        share = probabilities(told[known], ink.symbol[known], told[asked], weights[known], left_out)
        alike = SHAPE[None, :] == SHAPE[ink.symbol[asked]][:, None]
        doubtful[asked] = (share * alike).sum(1) < least
        swapped[asked] = share.argmax(1) == OTHER_CASE[ink.symbol[asked]]
    return doubtful & (swapped | ~_habits(ink, doubtful))


def _habits(ink: Ink, doubtful: np.ndarray) -> np.ndarray:
    """(G,) bool: the characters of writer and symbol of which more than half, and two at least, would be doubtful."""
    pair = ink.writer * len(SYMBOLS) + ink.symbol
    count, bad = np.bincount(pair), np.bincount(pair, doubtful)
    return ((bad > count / 2) & (bad >= 2))[pair]


def judged(ink: Ink, groups: dict[str, int]) -> Ink:
    """The same ink, knowing which of its characters are doubtful."""
    return dataclasses.replace(ink, doubtful=doubted(ink, groups))
