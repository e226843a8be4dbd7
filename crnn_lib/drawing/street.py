"""What happens to a plate on the road: it is pressed, bolted, framed, soiled, seen aslant, in the sun and by night."""

import math

import numpy as np
from PIL import Image, ImageDraw

from crnn_lib.drawing import wear
from crnn_lib.drawing.lettering import Box
from crnn_lib.drawing.numbers import STATES
from crnn_lib.drawing.sheets import Sheet
from crnn_lib.drawing.texts import random_word


def pressed(grey: np.ndarray, ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Letters raised out of the tin: bright where their flanks look at the light, dark on the other side."""
    step = max(1, round(grey.shape[0] * rng.uniform(0.01, 0.03)))
    raised = wear.blurred(ink, step * rng.uniform(0.4, 1.0)).astype(np.float32)
    dx, dy = int(rng.integers(-1, 2)) * step, (1 if rng.random() < 0.85 else -1) * step
    flank = np.roll(raised, (dy, dx), (0, 1)) - np.roll(raised, (-dy, -dx), (0, 1))
    return grey + flank * (rng.uniform(0.1, 0.5) * (1 if rng.random() < 0.5 else -1))


def peeled(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paint that came off here and there, or is thin; a part of each stroke stays."""
    h = ink.shape[0]
    off = wear.smooth(ink.shape, h * rng.uniform(0.02, 0.08), rng) + 0.7 * wear.smooth(ink.shape, h * 0.4, rng)
    keep = np.clip((rng.uniform(1.6, 2.8) - off) * rng.uniform(1, 4), rng.uniform(0.25, 0.7), 1)
    return (ink * keep).astype(np.uint8)


def bolts(sheet: Sheet) -> None:
    """Two or four heads of bolts, in the holes of a plate or anywhere over its number; or the bare holes."""
    wide = sheet.w / sheet.h
    if wide < 3.6:
        x, y = sheet.rng.uniform(0.16, 0.26), sheet.rng.uniform(0.04, 0.1)
    else:
        x, y = sheet.rng.uniform(0.08, 0.3), sheet.rng.uniform(0.3, 0.7)
    spots = [(x, y), (1 - x, y)] + ([(x, 1 - y), (1 - x, 1 - y)] if sheet.chance(0.6) and wide < 3.6 else [])
    tone, size = int(sheet.rng.uniform(10, 240)), sheet.rng.uniform(0.02, 0.05)
    slot = sheet.chance(0.3)
    for a, b in spots:
        if sheet.chance(0.9):
            a, b, r = a * sheet.w, b * sheet.h, size * sheet.h
            long = r * (2.2 if slot else 1)
            sheet.pen.ellipse((a - long, b - r, a + long, b + r), tone, sheet.unlike(tone))
            sheet.pen.point((a - r / 2, b - r / 2), 250)


def framed(sheet: Sheet, room: Box) -> None:
    """A frame over the edges of a plate, with or without a dealer's name; it covers no part of the number."""
    left, top, right, bottom = room
    w, h = sheet.w, sheet.h
    tone = sheet.of((10, 20, 35, 200, 120))
    most = [top / h - 0.04, 1 - bottom / h - 0.04]
    above, below = (max(0.0, min(edge, sheet.rng.uniform(0.02, 0.2))) for edge in most)
    side = max(0.0, min(left / w - 0.02, 0.98 - right / w, sheet.rng.uniform(0, 0.04)))
    for box in ((0, 0, 1, above), (0, 1 - below, 1, 1), (0, 0, side, 1), (1 - side, 0, 1, 1)):
        if box[2] > box[0] and box[3] > box[1]:
            sheet.pen.rectangle(sheet.box(*box), tone)
    for first, last in ((0.0, above), (1 - below, 1.0)):
        if last - first > 0.08 and sheet.chance(0.6):
            text = f"{random_word(sheet.rng)} {sheet.of(STATES)}".replace("_", " ").upper()
            sheet.write(text, sheet.box(0.08, first + 0.01, 0.92, last - 0.01), sheet.unlike(tone))


def soiled(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dirt in clouds or from below, specks, scratches, rust in spots with streaks under them."""
    h, w = grey.shape
    if rng.random() < 0.25:
        cloud = wear.smooth((h, w), h * rng.uniform(0.05, 0.5), rng)
        cloud = cloud + np.linspace(-1, 1, h, dtype=np.float32)[:, None] * rng.uniform(-0.5, 1.5)
        cover = np.clip((cloud - rng.uniform(-0.5, 1)) * rng.uniform(0.3, 2), 0, rng.uniform(0.2, 0.6))
        grey = grey + (rng.uniform(40, 190) - grey) * cover
    page = Image.fromarray(wear.grey_levels(grey))
    pen = ImageDraw.Draw(page)
    if rng.random() < 0.12:
        for x, y, turn, tone in rng.random((int(rng.uniform(1, 8)), 4)).tolist():
            long = rng.uniform(0.1, 0.7) * h
            end = x * w + long * math.cos(6.3 * turn), y * h + long * math.sin(6.3 * turn)
            pen.line((x * w, y * h, *end), int(255 * tone), 1)
    if rng.random() < 0.12:
        for x, y, tone in rng.random((int(rng.uniform(1, 6)), 3)).tolist():
            r = rng.uniform(0.01, 0.045) * h
            tone = int(30 + 70 * tone)
            pen.ellipse((x * w - r, y * h - r, x * w + r, y * h + r), tone)
            if rng.random() < 0.5:
                pen.line((x * w, y * h, x * w, y * h + rng.uniform(0.1, 0.4) * h), tone, max(1, round(r / 2)))
    if rng.random() < 0.15:
        for x, y, tone in rng.random((int(rng.uniform(5, 60)), 3)).tolist():
            r = rng.uniform(0.004, 0.015) * h
            pen.ellipse((x * w - r, y * h - r, x * w + r, y * h + r), int(255 * tone))
    return np.asarray(page)


def cut_out(grey: np.ndarray, number: Box, rng: np.random.Generator) -> np.ndarray:
    """The plate on its car, cut out as a detector does: mostly straight and tight, at times slanted or with a border.

    The four corners of what is cut are moved apart until the whole of `number` lies within: (h', w') uint8.
    """
    h, w = grey.shape
    pad = round(0.3 * h)
    car = rng.uniform(5, 200)
    around = np.full((h + 2 * pad, w + 2 * pad), car, np.float32)
    around += np.linspace(-1, 1, h + 2 * pad, dtype=np.float32)[:, None] * rng.uniform(-50, 50)
    around[pad:-pad, pad:-pad] = grey
    corners = _seen(h, w, rng)
    a, b, c, d = number
    free = 0.03 * h
    inside = np.array([(x, y) for x in (a - free, c + free) for y in (b - free, d + free)])
    middle = inside.mean(0)
    while not _holds(corners, inside):
        corners = middle + (corners - middle) * 1.04
    high = max(np.linalg.norm(corners[3] - corners[0]), np.linalg.norm(corners[2] - corners[1]))
    wide = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3]))
    size = round(wide), round(high)
    step = _perspective(corners + pad, size)
    page = Image.fromarray(wear.grey_levels(around))
    return np.asarray(page.transform(size, Image.Transform.PERSPECTIVE, step, Image.Resampling.BILINEAR))


def _seen(h: int, w: int, rng: np.random.Generator) -> np.ndarray:
    """Where the corners of the picture lie on the plate: (4, 2) x and y, from the upper left one, clockwise."""
    chance = rng.random()
    most = 0.02 if chance < 0.35 else 0.08 if chance < 0.8 else 0.25
    left, top, right, bottom = (rng.uniform(-most if most < 0.1 else 0, most) * h for _ in range(4))
    corners = np.array([(-left, -top), (w + right, -top), (w + right, h + bottom), (-left, h + bottom)], float)
    if rng.random() < 0.6:
        corners += rng.normal(0, rng.uniform(0.005, 0.04), (4, 2)) * h
    middle = np.array([w / 2, h / 2])
    if rng.random() < 0.5:
        turn = math.radians(float(np.clip(rng.normal(0, 3), -8, 8))) * min(1, 3 * h / w)
        lean = rng.uniform(-0.15, 0.15) if rng.random() < 0.4 else 0.0
        cosine, sine = math.cos(turn), math.sin(turn)
        corners = middle + (corners - middle) @ np.array([(cosine, sine), (-sine - lean, cosine)])
    return corners


def _holds(corners: np.ndarray, points: np.ndarray) -> bool:
    """Whether the clockwise quadrangle has all of `points` inside."""
    sides = np.roll(corners, -1, 0) - corners
    away = points[None] - corners[:, None]
    return bool((sides[:, None, 0] * away[..., 1] - sides[:, None, 1] * away[..., 0] >= 0).all())


def _perspective(corners: np.ndarray, size: tuple[int, int]) -> tuple[float, ...]:
    """The eight coefficients by which Pillow takes the corners of a picture of `size` to `corners`."""
    w, h = size
    rows, values = [], []
    for (x, y), (u, v) in zip(((0, 0), (w, 0), (w, h), (0, h)), corners, strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        values += [u, v]
    return tuple(np.linalg.solve(np.array(rows, float), np.array(values, float)).tolist())


def lit(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """By day, with the edge of a shadow or the sun's glare; by night, in the headlights of the car behind: float32."""
    h, w = grey.shape
    light = grey.astype(np.float32)
    y, x = np.linspace(-0.5, 0.5, h, dtype=np.float32)[:, None], np.linspace(-w / h / 2, w / h / 2, w, dtype=np.float32)
    if rng.random() < 0.15:  # the edge of a shadow, sharp or soft
        turn = rng.uniform(0, 2 * math.pi)
        edge = x * math.cos(turn) + y * math.sin(turn) - rng.uniform(-0.4, 0.4)
        light *= 1 - rng.uniform(0.2, 0.55) * np.clip(edge * rng.uniform(2, 40), 0, 1)
    if rng.random() < 0.4:
        light *= 1 + rng.uniform(-0.3, 0.3) * x * h / w * 2 + rng.uniform(-0.3, 0.3) * y
    if rng.random() < 0.12:
        light += _spot(x, y, w / h, rng) * rng.uniform(30, 130)
    if rng.random() < 0.1:
        light *= rng.uniform(0.2, 0.5) + _spot(x, y, w / h, rng) * rng.uniform(0.3, 0.9)
        light += rng.uniform(0, 25)
    low, high = float(light.min()), float(light.max())
    if rng.random() < 0.3:  # exposure: contrast lost at the dark end, the light one, or both
        dark = rng.uniform(0, 110) if rng.random() < 0.6 else 0.0
        bright = max(dark + rng.uniform(45, 130), rng.uniform(100, 255))
        light = dark + (light - low) * ((bright - dark) / max(high - low, 1))
    if rng.random() < 0.3:
        bend = rng.uniform(0.6, 1.6)
        light = np.array([255 * (level / 255) ** bend for level in range(256)], np.float32)[wear.grey_levels(light)]
    return light


def _spot(x: np.ndarray, y: np.ndarray, wide: float, rng: np.random.Generator) -> np.ndarray:
    """A round or long patch of light, 0..1. By + - * and / alone, which every processor rounds alike."""
    a, b = rng.uniform(-0.4, 0.4) * wide, rng.uniform(-0.4, 0.4)
    across, down = (x - a) / (rng.uniform(0.4, 1.3) * wide / 1.5), (y - b) / rng.uniform(0.3, 1)
    away = 1 + across * across + down * down
    return 1 / (away * away)


def moved(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blurred along a way, that of the car or of the hand: by up to a twentieth of the height."""
    reach = rng.uniform(0.02, 0.05) * grey.shape[0]
    turn = rng.normal(0, 0.35)
    many = max(2, round(reach))
    steps = [(round(k * reach * math.sin(turn) / many), round(k * reach * math.cos(turn) / many)) for k in range(many)]
    return sum(np.roll(grey, step, (0, 1)) for step in steps) / many
