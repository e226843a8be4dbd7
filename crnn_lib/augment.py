"""Small random changes of geometry, drawn anew each time a training image is seen."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """Ranges of a random affine map and an elastic one (Simard et al. 2003); a range r means uniform in [-r, r]."""

    rotate: float = 3.0  # degrees
    shear: float = 0.15  # horizontal shift per unit of height
    scale: float = 0.08  # relative, each axis on its own
    shift_x: float = 6.0  # pixels
    shift_y: float = 2.0  # pixels
    elastic: float = 1.0  # pixels, at the nodes of a coarse grid


def augment(images: Tensor, ranges: Augmentation, generator: torch.Generator) -> Tensor:
    """Images (N, 1, H, W) -> the same shape, each with its own random map; the border is repeated outwards."""
    n, _, height, width = images.shape

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) * 2 - 1

    angle = uniform(n) * math.radians(ranges.rotate)
    shear, scale_x, scale_y = uniform(n) * ranges.shear, 1 + uniform(n) * ranges.scale, 1 + uniform(n) * ranges.scale
    a, b = angle.cos() * scale_x, (shear - angle.sin()) * scale_y
    c, d = angle.sin() * scale_x, angle.cos() * scale_y
    x0, y0 = uniform(n) * ranges.shift_x, uniform(n) * ranges.shift_y
    # Pixels of the output -> pixels of the input, both measured from the centre; then to grid_sample's [-1, 1].
    y, x = torch.meshgrid(torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij")
    nodes = uniform(n, 2, max(2, height // 8), max(2, width // 8)) * ranges.elastic
    bend = F.interpolate(nodes, size=(height, width), mode="bilinear", align_corners=True)

    def each(v: Tensor) -> Tensor:
        return v[:, None, None]

    from_x = each(a) * x + each(b) * y + each(x0) + bend[:, 0]
    from_y = each(c) * x + each(d) * y + each(y0) + bend[:, 1]
    grid = torch.stack([from_x / (width / 2), from_y / (height / 2)], -1)  # (N, H, W, 2)
    return F.grid_sample(images, grid.to(images), mode="bilinear", padding_mode="border", align_corners=False)
