"""Reading: from images to texts with a trained model, and the weights of such a model in a file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from crnn_lib import assets, ctc, padding
from crnn_lib.alphabet import Alphabet
from crnn_lib.errors import UserError
from crnn_lib.files import atomic_path
from crnn_lib.images import WIDTH
from crnn_lib.model import CRNN, Config, check_images, evaluating
from crnn_lib.stored import StoredImages, fetch
from crnn_lib.teaching import teach as teach

FORMAT = "crnn_lib 1"
NO_FILE = f"no such file, nor a model that ships ({', '.join(assets.WEIGHTS)})"


@dataclass(frozen=True)
class Readings:
    """What a model says of N images: `log_probs`, `texts`, and p(text | image) of each as `confidences`.

    `log_probs` are a tensor (N, T, K) if the images were one, a list of (T_i, K) if they were a list; those of
    StoredImages, which would take more memory than the images, are not kept. `losses` are -log p(label | image) in
    nats, where the labels were given.
    """

    log_probs: Tensor | list[Tensor] | None
    texts: list[str]
    confidences: list[float]
    losses: list[float] | None = None


def read(
    model: CRNN, images: Tensor | Sequence[Tensor], batch_size: int = 64, labels: Sequence[str] | None = None
) -> Readings:
    """Read standardised `images`, (N, 1, H, W) or a sequence of (1, H, W_i), by greedy decoding in evaluation mode.

    An image is read the same alone and beside others. Raises UserError for images of a different shape, height or
    type, or that are not standardised.
    """
    kept, texts, confidences, losses = [], dict[int, str](), dict[int, float](), dict[int, float]()
    for at, log_probs in batches(model, images, batch_size):
        decoded = [model.alphabet.decode(ctc.greedy_decode(one)) for one in log_probs]
        minus_log_p = sequence_losses(log_probs, decoded, model.alphabet)
        texts |= zip(at, decoded, strict=True)
        confidences |= zip(at, minus_log_p.neg().exp().clamp(max=1).tolist(), strict=True)  # may sum to 1 + 1e-7
        if labels is not None:
            minus_log_p = sequence_losses(log_probs, [labels[i] for i in at], model.alphabet)
            losses |= zip(at, minus_log_p.tolist(), strict=True)
        if not isinstance(images, StoredImages):
            kept.append((at, log_probs))
    order = range(len(texts))
    every: Tensor | list[Tensor] | None = None
    if isinstance(images, Tensor):
        every = torch.cat([log_probs for _, log_probs in kept])
    elif kept:
        one_by_one = {i: one for at, log_probs in kept for i, one in zip(at, log_probs, strict=True)}
        every = [one_by_one[i] for i in order]
    by_image = [losses[i] for i in order] if labels is not None else None
    return Readings(every, [texts[i] for i in order], [confidences[i] for i in order], by_image)


def batches(
    model: CRNN, images: Tensor | Sequence[Tensor], batch_size: int = 64
) -> Iterator[tuple[tuple[int, ...], Tensor | list[Tensor]]]:
    """The log-probabilities of `images`, in batches: which images, and (n, T, K), or a list of n (T_i, K).

    A sequence is read in the order of its widths, in batches of as many columns as `batch_size` typical images have,
    and nothing of it is kept, so that it may be larger than memory. Raises UserError as `read`, and as `fetch`.
    """
    with evaluating(model) as like:
        if isinstance(images, Tensor):
            check_images(model, images)
            for part, at in zip(images.split(batch_size), torch.arange(len(images)).split(batch_size), strict=True):
                yield tuple(at.tolist()), model(part.to(like)).cpu()
            return
        widths = _widths(model, images)
        groups = list(_neighbours(widths, batch_size * max(model.config.width, WIDTH)))
        for at, chosen in zip(groups, fetch(images, groups), strict=True):
            for one in chosen if isinstance(images, StoredImages) else ():  # the others have been checked
                check_images(model, one[None])
            batch, own = padding.pad(chosen)
            log_probs = model(batch.to(like), own if own is None else own.to(like.device)).cpu()
            yield at, [one[: model.config.steps(widths[i])] for i, one in zip(at, log_probs, strict=True)]


def _widths(model: CRNN, images: Sequence[Tensor]) -> Sequence[int]:
    """The width of each image. Those that are there are checked; StoredImages are when they have been decoded."""
    if isinstance(images, StoredImages):
        return images.widths
    if not isinstance(images, Sequence) or not len(images):
        check_images(model, images)
    for image in images:
        check_images(model, image[None] if isinstance(image, Tensor) and image.dim() == 3 else [image])
    return [image.shape[-1] for image in images]


def _neighbours(widths: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Indices in the order of their widths, in parts that have at most `most` columns when padded (or one image)."""
    part: list[int] = []
    for i in sorted(range(len(widths)), key=widths.__getitem__):
        if part and widths[i] * (len(part) + 1) > most:
            yield tuple(part)
            part = []
        part.append(i)
    if part:
        yield tuple(part)


def sequence_losses(log_probs: Tensor | Sequence[Tensor], labels: Sequence[str], alphabet: Alphabet) -> Tensor:
    """-log p(label) in nats for each of N sequences, (N, T, K) or a list of (T_i, K); `inf` where a label does not fit.

    Computed in float64. Raises UserError for log-probabilities of a different shape, or labels with a symbol that the
    alphabet lacks.
    """
    steps = None
    if isinstance(log_probs, (list, tuple)) and all(isinstance(one, Tensor) and one.dim() == 2 for one in log_probs):
        steps = torch.tensor([len(one) for one in log_probs])
        log_probs = nn.utils.rnn.pad_sequence(log_probs, batch_first=True) if log_probs else torch.empty(0)
    shape = tuple(log_probs.shape) if isinstance(log_probs, Tensor) else ()
    if isinstance(labels, str) or shape != (len(labels) or None, *shape[1:2], len(alphabet)):
        given = f"shape {shape}" if shape else type(log_probs).__name__
        second = f"the text {labels[:40]!r}" if isinstance(labels, str) else f"{len(labels)} labels"
        wanted = f"a tensor (N, T, {len(alphabet)}) of log-probabilities and a list of N labels"
        raise UserError(f"the losses are of {wanted}, not of {given} and {second}")
    targets = [torch.tensor(alphabet.encode(label), dtype=torch.long) for label in labels]
    lengths = torch.tensor([len(target) for target in targets])
    steps = torch.full_like(lengths, log_probs.shape[1]) if steps is None else steps
    flat = torch.cat(targets).to(log_probs.device)
    return F.ctc_loss(log_probs.double().transpose(0, 1), flat, steps, lengths, reduction="none")


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
    """A model that ships (`captcha`, `text`, `plates`, `pen`), by its name, or one of a file of `save`; for evaluation.

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
                raise UserError(f"it holds no model of this library (format {metadata.get('format')!r})")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            fixed = {"stretch": None}  # of version 1, which brought every image to one width
            config = Config(**fixed | json.loads(metadata["config"]))
            provenance = json.loads(metadata["provenance"])
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
    if model.config.width > WIDTH:  # a quarter less time on a CPU; short images keep the bits of version 1
        model = model.to(memory_format=torch.channels_last)
    return model.eval()


def _is_pickle(path: str | Path) -> bool:
    """Whether the file begins as pickled tensors do: a zip, or the protocol's mark."""
    with open(path, "rb") as file:
        return file.read(4).startswith((b"PK\3\4", b"\x80"))
