"""The state of a training run in one safetensors file: written atomically, checked before any of it is taken back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from crnn_lib.errors import UserError
from crnn_lib.files import atomic_path

if TYPE_CHECKING:
    from crnn_lib.training import Run

RECORD = {"epoch", "learning_rate", "train_loss", "cpu_seconds", "validation_ctc_loss", "validation_exact",
          "validation_images", "validation_cer"}  # fmt: skip


def save(run: "Run", path: str | Path) -> None:
    """Write the model, the best weights so far, the optimizer and the history; the schedule follows from these."""
    tensors = {f"model.{name}": tensor for name, tensor in run.model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in run.best.items()}
    slots = run.optimizer.state_dict()["state"]
    tensors |= {f"optimizer.{i}.{key}": value for i, slot in slots.items() for key, value in slot.items()}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"identity": json.dumps(run.identity()), "history": json.dumps(run.history)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_safetensors(plain, metadata))


def restore(run: "Run", path: str | Path) -> None:
    """Put `run` where it was when it was saved. Raises UserError for a damaged checkpoint or one of another run."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if json.loads(metadata["identity"]) != run.identity():
                raise UserError("it belongs to a run with another recipe, model or data")
            history = json.loads(metadata["history"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        _check_history(run, history)
        _check_tensors(run, tensors)
        _put_in_place(run, history, tensors)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"cannot resume from {path}: {reason}; delete it or use --fresh to start anew") from error


def is_history(found: Any) -> bool:
    """Whether `found`, of JSON from anywhere, holds the records of epochs 1, 2, ...: numbers under known names."""
    return isinstance(found, list) and all(
        isinstance(record, dict)
        and {"train_loss"} <= record.keys() <= RECORD
        and record.get("epoch") == number
        and all(type(value) in (int, float) for value in record.values())
        for number, record in enumerate(found, 1)
    )


def _check_history(run: "Run", history: Any) -> None:
    sound = is_history(history) and 1 <= len(history) <= run.recipe.epochs
    if not sound or any(("validation_ctc_loss" in record) != bool(run.validation) for record in history):
        raise UserError("its history is damaged")


def _check_tensors(run: "Run", tensors: dict[str, Tensor]) -> None:
    """Refuse names, shapes or types that this run does not have, and best weights that are no numbers."""
    parts = ["model", *["best"] * any(name.startswith("best.") for name in tensors)]
    expected = {f"{part}.{name}": tensor for part in parts for name, tensor in run.model.state_dict().items()}
    for i, parameter in enumerate(run.model.parameters()):
        slot = {"step": torch.tensor(0.0), "exp_avg": parameter, "exp_avg_sq": parameter}
        expected |= {f"optimizer.{i}.{key}": tensor for key, tensor in slot.items()}
    if {n: (t.shape, t.dtype) for n, t in tensors.items()} != {n: (t.shape, t.dtype) for n, t in expected.items()}:
        raise UserError("its tensors are not those of this run")
    impossible = [n for n, tensor in tensors.items() if n.startswith("best.") and not tensor.isfinite().all()]
    if impossible:
        raise UserError(f"{impossible[0]} holds impossible numbers")


def _put_in_place(run: "Run", history: list[dict[str, Any]], tensors: dict[str, Tensor]) -> None:
    under: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        under[part][rest] = tensor
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under["optimizer"].items():
        i, key = name.split(".")
        slots.setdefault(int(i), {})[key] = tensor
    most = -(-len(run.train) // run.recipe.batch_size) * len(history)  # several processes may leave batches out
    taken = {float(slot["step"]) for slot in slots.values()}
    if len(taken) != 1 or not taken <= set(range(1, most + 1)):
        raise UserError("the steps of its optimizer are impossible numbers")
    run.model.load_state_dict(under["model"])
    run.best, run.history = under["best"], history
    run.replay_schedule(int(taken.pop()))
    run.optimizer.load_state_dict(run.optimizer.state_dict() | {"state": slots})
