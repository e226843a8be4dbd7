"""Real sets: take one from the web or from a copy, check each file against its manifest, put it in a folder.

Nothing is written under a name that the source chose: a file is looked up by its base name in the manifest, checked in
memory and only then written under that name. So neither paths nor links in an archive matter.
"""

import csv
import hashlib
import http.client
import io
import lzma
import os
import re
import shutil
import stat
import sys
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tqdm import tqdm

from crnn_lib import assets, images
from crnn_lib.data import EXTENSIONS, LABELS_CSV, shorten
from crnn_lib.errors import UserError
from crnn_lib.files import alone, csv_text, writing

PUBLIC_URL = "https://github.com/AakashKumarNain/CaptchaCracker/raw/master/captcha_images_v2.zip"
MANIFEST = assets.DATA / "manifest.csv"  # columns file, label, kind, sha256
PLATES_URL = "https://github.com/openalpr/benchmarks/archive/refs/heads/master.zip"
SETS = {  # where each is public, its manifest, and the folder that it is put into
    "captcha": (PUBLIC_URL, MANIFEST, Path("data/captcha_images")),
    "plates": (PLATES_URL, assets.DATA / "plates_manifest.csv", Path("data/plates")),
}
PLATES_LABELS = "groundtruth.csv"  # what labels.csv is made of, where the plates are public
MAX_DOWNLOAD = 1_000_000_000  # bytes: CAPTCHAs have 9 MB, plates 64 MB, among photographs of cars in one zip
MAX_IMAGE = 1_000_000  # bytes: no image of a set has more than 200 kB
ATTEMPTS, PAUSE = 4, 1.0  # the pause in seconds before the second attempt doubles at each further one
TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True)
class Report:
    """What a folder holds of a set: `name` is full-1070, keras-1040 (its PNGs alone), plates-746, or None for no set.

    `missing` and `altered` are files of the nearest set, which has `expected` images. `extra` are files that are not of
    the set: those that would be read along with it, or after a fetch those of the source that were not copied.
    """

    folder: str
    name: str | None
    expected: int
    missing: tuple[str, ...]
    altered: tuple[str, ...]
    extra: tuple[str, ...]

    def __str__(self) -> str:
        shown = repr(self.folder)
        if self.name:
            rest = f"; {len(self.extra)} other files of the source were left out" if self.extra else ""
            return f"{shown} is {self.name}: {self.expected} images, each as in the manifest{rest}"
        if len({*self.missing} - {LABELS_CSV}) == self.expected:
            return f"{shown} is a different data set: it holds none of the {self.expected} images of the manifest"
        kinds = {"missing": self.missing, "altered": self.altered, "not of the set": self.extra}
        parts = [f"{len(names)} {kind} ({shorten(names)})" for kind, names in kinds.items() if names]
        return f"{shown} is not the set of {self.expected} images: {'; '.join(parts)}"


def digest(name: str, content: bytes) -> str:
    """SHA-256 in hex that the manifest has for an image file.

    Of a PNG the pixels count (`images.digest`), so that it may be packed anew. Of any other the bytes count, because
    decoders of JPEG differ; of labels.csv those that are kept. Raises UserError for a PNG that cannot be read.
    """
    if name.endswith(".png"):
        return images.digest(images.load_grey(content, name))
    return hashlib.sha256(_kept(name, content)).hexdigest()


def _kept(name: str, content: bytes) -> bytes:
    """What is written of a file. Of labels those of whole numbers, as file,label by file name, whatever the source has.

    The public table of plates has no head, the state between, and 0 for numbers of nothing but zeros.
    """
    if name != LABELS_CSV:
        return content
    rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) if len(row) > 1]
    pairs = sorted((row[0], row[-1]) for row in rows if row[-1] not in ("label", "0"))
    return csv_text([{"file": file, "label": label} for file, label in pairs or [("", "")]]).encode()


def recognise(folder: str | Path) -> Report:
    """What a folder holds of that set of SETS which it is, or is nearest to. Raises UserError as `verify`."""
    reports = [verify(folder, manifest) for _, manifest, _ in SETS.values()]
    return max(reports, key=lambda report: (bool(report.name), -len(report.missing) / report.expected))


def verify(folder: str | Path, manifest: str | Path = MANIFEST) -> Report:
    """Compare the images of a folder with the manifest. Raises UserError when there is no such folder."""
    folder, wanted = Path(folder), _read_manifest(manifest)
    try:
        found = {name for name in os.listdir(folder) if _would_be_read(name)}
        found = found & wanted.keys() if LABELS_CSV in wanted else found  # what no label names is not read
    except OSError as error:
        raise UserError(f"cannot read the folder {str(folder)!r}: {error.strerror}") from error
    sound = {name for name in wanted.keys() & found if _sound(name, wanted, partial(open, folder / name, "rb"))}
    report = _compare(str(folder), wanted, sound, found)
    return replace(report, name=None) if report.extra else report


def fetch(
    source: str | Path = PUBLIC_URL, out: str | Path = "data/captcha_images", manifest: str | Path = MANIFEST
) -> Report:
    """Put the set from `source`, the URL of a zip, a zip, or a folder of any depth, into the folder `out`.

    `out` appears complete and checked, or not at all; when it holds the set already, nothing is done. An incomplete or
    altered copy there is replaced, but a folder with other files is left alone. A broken download continues where it
    stopped, if the server can. Raises UserError when the source cannot be had, lacks images or holds altered ones, or
    when another run is writing `out`.
    """
    out, wanted = Path(os.path.realpath(out)), _read_manifest(manifest)  # through a link, which stays
    if os.path.lexists(out):
        present = verify(out, manifest)
        if present.name and (str(source) == PUBLIC_URL or present.expected == len(_pictures(wanted))):
            if out.with_name(f".{out.name}.lock").exists():  # killed when all was done but this
                with alone(out):
                    _clear(out)
            return present
        foreign = sorted(set(os.listdir(out)) - wanted.keys())
        if foreign:
            raise UserError(f"{str(out)!r} holds other files ({shorten(foreign)}): give a new folder")
    with writing(repr(str(out))), alone(out):
        old = out.with_name(f".{out.name}.old")
        if old.exists() and not out.exists():  # killed between the two renames of _install
            old.rename(out)
        if "://" not in str(source):
            return _install(Path(source), str(source), out, wanted)
        part = out.with_name(f".{out.name}.zip.part")
        download(str(source), part)
        try:
            return _install(part, str(source), out, wanted)
        finally:  # sound or not, a complete download is of no further use
            part.unlink()
            _note(part).unlink()


def _install(source: Path, shown: str, out: Path, wanted: dict[str, str]) -> Report:
    stage, old = out.with_name(f".{out.name}.part"), out.with_name(f".{out.name}.old")
    sound: set[str] = set()
    seen: set[str] = set()
    try:
        _clear(out)
        stage.mkdir()
        for name, open_file in tqdm(_members(source, shown), "checking", unit=" files", file=sys.stderr):
            name = LABELS_CSV if name == PLATES_LABELS and LABELS_CSV in wanted else name
            seen.add(name)
            content = name in wanted and name not in sound and _sound(name, wanted, open_file)
            if content:
                (stage / name).write_bytes(content)
                sound.add(name)
        report = _compare(shown, wanted, sound, {name for name in seen if not name.startswith(".")})
        if not report.name:
            raise UserError(str(report))
        if out.exists():
            out.rename(old)
        stage.rename(out)
    finally:
        _clear(out)
    return replace(report, folder=str(out))


def _clear(out: Path) -> None:
    for end in ("part", "old"):  # perhaps of a run that was killed
        shutil.rmtree(out.with_name(f".{out.name}.{end}"), ignore_errors=True)


def _members(source: Path, shown: str) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
    """Base name and opener of each regular file in a zip or, at any depth, in a folder."""
    if source.is_dir():
        for parent, _, names in os.walk(source):
            yield from ((name, partial(open, Path(parent, name), "rb")) for name in names)
        return
    try:
        archive = zipfile.ZipFile(source)
    except FileNotFoundError as error:
        raise UserError(f"there is no {shown!r}: give a folder, a zip or its URL") from error
    except PermissionError as error:
        raise UserError(f"cannot read {shown!r}: {error.strerror}") from error
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise UserError(f"{shown!r} is not a valid zip (a site that asks for a login sends a page instead)") from error
    with archive:
        for member in archive.infolist():
            if member.filename and not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
                yield PurePosixPath(member.filename).name, partial(archive.open, member)


def _sound(name: str, wanted: dict[str, str], open_file: Callable[[], BinaryIO]) -> bytes | None:
    """The content of a file of the set if it is as in the manifest, else None; reads MAX_IMAGE bytes at most."""
    try:
        with open_file() as file:
            content = file.read(MAX_IMAGE)
        return _kept(name, content) if digest(name, content) == wanted[name] else None
    except (OSError, EOFError, csv.Error, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError):
        return None  # damaged, locked, unreadable


def _compare(folder: str, wanted: dict[str, str], sound: set[str], seen: set[str]) -> Report:
    jpgs = {name for name in wanted if name.endswith(".jpg")}
    public = jpgs and not seen & jpgs  # measured against the public subset, which has no JPG at all
    nearest = wanted.keys() - jpgs if public else set(wanted)
    missing, altered = nearest - seen, (nearest & seen) - sound
    kind, count = "plates" if LABELS_CSV in wanted else "keras" if public else "full", len(_pictures(nearest))
    name = None if missing or altered else f"{kind}-{count}"
    return Report(folder, name, count, *(tuple(sorted(s)) for s in (missing, altered, seen - wanted.keys())))


def _pictures(names: Iterable[str]) -> set[str]:
    return {*names} - {LABELS_CSV}


def _would_be_read(name: str) -> bool:
    return name == LABELS_CSV or (Path(name).suffix.lower() in EXTENSIONS and not name.startswith("."))


def _read_manifest(path: str | Path) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = {row["file"]: row["sha256"] for row in csv.DictReader(file)}
        if not rows or not all(name and re.fullmatch("[0-9a-f]{64}", value or "") for name, value in rows.items()):
            raise ValueError("no rows, or rows without name or digest")
        return rows
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise UserError(f"the manifest {str(path)!r} is missing or damaged: restore it from the repository") from error


def download(url: str, part: Path) -> None:
    """Bring `url` (http or https) to the file `part`, continuing after what an earlier, broken call left there.

    It continues only if the server has ranges and the file is still the one that was begun (its strong ETag or its
    date, kept beside `part`); else it starts again. Passing faults are tried ATTEMPTS times. Else raises UserError.
    """
    reason: object = "the file changed while it was read"
    if not url.lower().startswith(("http://", "https://")):
        raise UserError(f"cannot download {url!r}: give an http or https address")
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE * 2 ** (attempt - 1) if attempt else 0)
        try:
            if _download_once(url, part):
                return
            reason = "the connection broke off"
        except urllib.error.HTTPError as error:
            reason = f"the server says {error.code} {error.reason}"
            if error.code == 416:  # what we have is as long as the file, or longer: start again
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code not in (408, 429):
                break
        except UserError:
            raise
        except (ValueError, http.client.InvalidURL) as error:
            reason = error
            break
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
    raise UserError(
        f"cannot download {url!r}: {reason}; try again to continue from there, or download it by hand and give the zip"
    )


def _download_once(url: str, part: Path) -> bool:
    """One request; whether `part` is now complete."""
    done, note = 0, _note(part).read_text("utf-8", "replace").split("\n") if _note(part).exists() else []
    begun_url, length, validator = note if len(note) == 3 else ("", "", "")
    if begun_url == url and part.exists():
        if length == str(part.stat().st_size):  # killed while it was unpacked
            return True
        done = part.stat().st_size if validator else 0
    ranged = {"Range": f"bytes={done}-", "If-Range": validator} if done else {}
    request = urllib.request.Request(url, headers={"User-Agent": "crnn-lib", **ranged})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        etag = response.headers.get("ETag", "W/")
        current = response.headers.get("Last-Modified", "") if etag.startswith("W/") else etag
        resumed = response.status == 206
        if resumed and (
            current != validator or not response.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        ):
            part.unlink()
            return False
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        if not resumed:
            with writing(part):
                part.write_bytes(b"")
                _note(part).write_text(f"{url}\n{total or ''}\n{current}", encoding="utf-8")
        with tqdm(total=total, initial=done, desc="download", unit="B", unit_scale=True, file=sys.stderr) as bar:
            while done <= MAX_DOWNLOAD and (chunk := response.read(1 << 16)):
                with writing(part), open(part, "ab") as file:  # a full disk is no fault of the network
                    done += file.write(chunk)
                bar.update(len(chunk))
    if done > MAX_DOWNLOAD or (total or 0) > MAX_DOWNLOAD:
        part.unlink()
        raise UserError(f"{url!r} is larger than {MAX_DOWNLOAD:,} bytes: it is not the data set")
    return total is None or done == total


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".from")
