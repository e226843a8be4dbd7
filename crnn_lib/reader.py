"""Reading: from images to texts with a trained model, and the weights of such a model in a file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from crnn_lib import assets, ctc
from crnn_lib.alphabet import Alphabet
from crnn_lib.errors import UserError
from crnn_lib.files import atomic_path
from crnn_lib.model import CRNN, Config, check_images, evaluating

FORMAT = "crnn_lib 1"
NO_FILE = f"no such file, nor a model that ships ({', '.join(assets.WEIGHTS)})"


@dataclass(frozen=True)
class Readings:
    """What a model says of N images: `log_probs` (N, T, K), `texts`, and p(text | image) of each as `confidences`."""

    log_probs: Tensor
    texts: list[str]
    confidences: list[float]


def read(model: CRNN, images: Tensor, batch_size: int = 64) -> Readings:
    """Read standardised `images` (N, 1, H, W) with greedy decoding, in evaluation mode.

    Raises UserError for images of another shape, height or type, or that are not standardised.
    """
    check_images(model, images)
    with evaluating(model) as like:
        log_probs = torch.cat([model(part.to(like)).cpu() for part in images.split(batch_size)])
    texts = [model.alphabet.decode(ctc.greedy_decode(one)) for one in log_probs]
    losses = sequence_losses(log_probs.double(), texts, model.alphabet)
    return Readings(log_probs, texts, losses.neg().exp().clamp(max=1).tolist())  # float32 log_probs may sum to 1 + 1e-7


def sequence_losses(log_probs: Tensor, labels: Sequence[str], alphabet: Alphabet) -> Tensor:
    """-log p(label) in nats for each of N sequences: (N, T, K) -> (N,); `inf` where a label does not fit.

    Raises UserError for log-probabilities of another shape, or labels with a symbol that the alphabet lacks.
    """
    shape = tuple(log_probs.shape) if isinstance(log_probs, Tensor) else ()
    if isinstance(labels, str) or shape != (len(labels) or None, *shape[1:2], len(alphabet)):
        given = f"shape {shape}" if shape else type(log_probs).__name__
        second = f"the text {labels[:40]!r}" if isinstance(labels, str) else f"{len(labels)} labels"
        wanted = f"a tensor (N, T, {len(alphabet)}) of log-probabilities and a list of N labels"
        raise UserError(f"the losses are of {wanted}, not of {given} and {second}")
    targets = [torch.tensor(alphabet.encode(label), dtype=torch.long) for label in labels]
    lengths = torch.tensor([len(target) for target in targets])
    steps = torch.full_like(lengths, log_probs.shape[1])
    flat = torch.cat(targets).to(log_probs.device)
    return F.ctc_loss(log_probs.transpose(0, 1), flat, steps, lengths, reduction="none")


def save(model: CRNN, path: str | Path, provenance: dict[str, Any]) -> None:
    """Write weights, configuration and `provenance` (JSON-able: data, split, recipe, versions) as safetensors.

    The same model and provenance give the same bytes. Raises UserError when `path` cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(model.config)),
        "provenance": json.dumps(provenance, sort_keys=True),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(_in_order(to_safetensors(tensors, metadata)))


def _in_order(content: bytes) -> bytes:
    """The same safetensors file with its header's keys sorted: the library writes metadata in random order."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[start:]


def load(source: str | Path) -> CRNN:
    """A model that ships, by name (`captcha` or `pen`), or that of a file written by `save`; in evaluation mode.

    `model.provenance` says how it was trained. Raises UserError when the file is missing, damaged, not safetensors, or
    does not fit its own configuration.
    """
    path = assets.WEIGHTS.get(str(source), source)
    if path != source and Path(source).is_file():
        raise UserError(
            f"{str(source)!r} is a model that ships and a file here: give that file's whole path, or rename it"
        )
    try:
        with open(path, "rb"), safe_open(path, framework="pt") as file:  # open tells a file that may not be read
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise UserError(f"it holds no reader of this library (format {metadata.get('format')!r})")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            config, provenance = Config(**json.loads(metadata["config"])), json.loads(metadata["provenance"])
        with torch.device("meta"):  # allocates nothing: sizes are checked against the file's own tensors
            model = CRNN(config)
        shapes = model.state_dict().items()  # of the process's default dtype, which may be float64
        kinds = {name: torch.float32 if tensor.is_floating_point() else tensor.dtype for name, tensor in shapes}
        for name, tensor in tensors.items():
            if tensor.dtype != kinds.get(name, tensor.dtype) or not tensor.isfinite().all():
                raise UserError(f"{name} holds {tensor.dtype}, or no finite numbers")
        model.load_state_dict(tensors, assign=True)
        if not isinstance(provenance, dict):
            raise UserError("its provenance is not a JSON object")
        model.provenance = provenance
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = NO_FILE if isinstance(error, FileNotFoundError) else " ".join(str(error).split())[:200]
        if isinstance(error, SafetensorError) and _is_pickle(path):
            reason = "it is pickled, could run any program and is never opened; save the tensors as safetensors"
        raise UserError(f"cannot read weights from {path}: {reason}") from error
    return model.eval()


def _is_pickle(path: str | Path) -> bool:
    """Whether the file begins as pickled tensors do: a zip, or the protocol's mark."""
    with open(path, "rb") as file:
        return file.read(4).startswith((b"PK\3\4", b"\x80"))
