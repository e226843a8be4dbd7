"""The state of a training run as one safetensors file, written atomically."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from crnn_lib.errors import UserError
from crnn_lib.files import atomic_path

RECORD = {"epoch", "learning_rate", "train_loss", "cpu_seconds", "validation_ctc_loss", "validation_exact",
          "validation_images", "validation_cer", "processes"}  # fmt: skip


def write(path: str | Path, state: dict[str, Any]) -> None:
    """Write `Run.state()`. Raises UserError when `path` cannot be written."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in _flat(state).items()}
    metadata = {part: json.dumps(state[part]) for part in ("identity", "history")}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(plain, metadata))


def _flat(state: dict[str, Any]) -> dict[str, Tensor]:
    """All tensors of a state by the names that they have in the file."""
    tensors = {f"{part}.{name}": tensor for part in ("model", "best") for name, tensor in state[part].items()}
    return tensors | {f"optimizer.{i}.{key}": t for i, slot in state["optimizer"].items() for key, t in slot.items()}


def shapes(state: dict[str, Any]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Shape and number type of each tensor in a state."""
    return {name: (tensor.shape, tensor.dtype) for name, tensor in _flat(state).items()}


def read(path: str | Path) -> dict[str, Any]:
    """The state in a file of `write`. Raises UserError for a file that is damaged or something else."""
    state: dict[str, Any] = {"model": {}, "best": {}, "optimizer": {}}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state |= {part: json.loads(metadata[part]) for part in ("identity", "history")}
            for name in file.keys():  # noqa: SIM118
                _put(state, name, file.get_tensor(name))
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
        raise UserError(f"it is not a checkpoint: {reason}") from error
    return state


def _put(state: dict[str, Any], name: str, tensor: Tensor) -> None:
    part, _, rest = name.partition(".")
    if part == "optimizer":
        i, _, key = rest.partition(".")
        state[part].setdefault(int(i), {})[key] = tensor
    elif part in ("model", "best"):
        state[part][rest] = tensor
    else:
        raise ValueError(f"it holds {name[:80]}")


def is_history(value: Any) -> bool:
    """Whether `value`, of JSON from anywhere, holds the records of epochs 1, 2, ...: numbers under known names."""
    return isinstance(value, list) and all(
        isinstance(record, dict)
        and {"train_loss"} <= record.keys() <= RECORD
        and record.get("epoch") == number
        and all(type(entry) in (int, float) for entry in record.values())
        for number, record in enumerate(value, 1)
    )
