"""Fetching and checking, against small made-up sets and a server on this machine: nothing here needs the network."""

import csv
import hashlib
import io
import os
import shutil
import stat
import threading
import zipfile

import numpy as np
import pytest
from fuzzing import as_csv, files_in, largest_file
from PIL import Image
from server import Server

from crnn_lib import files
from crnn_lib.errors import UserError
from crnn_lib.tools import fetch

NAMES = [f"{c}.png" for c in "bcdefg"] + ["x.jpg", "y.jpg"]
PNGS = NAMES[:6]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(fetch, "PAUSE", 0)


@pytest.fixture
def whole(tmp_path):
    """A folder with a set of six PNGs and two JPGs."""
    folder = tmp_path / "whole"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name in NAMES:
        Image.fromarray(rng.integers(0, 256, (50, 200), dtype=np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def manifest(tmp_path, whole):
    path = tmp_path / "manifest.csv"
    rows = [[n, n[:-4], "", fetch.digest(n, (whole / n).read_bytes())] for n in NAMES]
    path.write_bytes(as_csv([["file", "label", "kind", "sha256"], *rows]))
    return path


@pytest.fixture
def get(tmp_path, manifest):
    """Call fetch into tmp_path/home/set."""
    return lambda source: fetch.fetch(source, tmp_path / "home" / "set", manifest)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def zipped(folder, names, prefixes=("captcha_images_v2/",), extra=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for prefix in prefixes:
            if prefix:
                archive.mkdir(prefix)
            for name in names:
                archive.write(folder / name, prefix + name)
        for name, content in extra:
            archive.writestr(name, content)
    return buffer.getvalue()


# verify


def test_verify_names_the_two_sets(whole, manifest):
    report = fetch.verify(whole, manifest)
    assert (report.name, report.expected, report.missing, report.altered, report.extra) == ("full-8", 8, (), (), ())
    assert "full-8: 8 images" in str(report)
    for name in NAMES[6:]:
        (whole / name).unlink()
    assert fetch.verify(str(whole), manifest).name == "keras-6"
    (whole / ".DS_Store").write_text("")
    (whole / "Thumbs.db").write_text("")
    assert fetch.verify(whole, manifest).name == "keras-6"


def test_a_repacked_png_is_still_the_same_image(whole, manifest):
    image = Image.open(whole / "b.png").convert("RGBA")
    image.save(whole / "b.png", compress_level=1)
    assert fetch.verify(whole, manifest).name == "full-8"


def test_verify_names_what_is_wrong(whole, manifest):
    pixels = np.array(Image.open(whole / "c.png"))
    pixels[25, 100] ^= 1
    Image.fromarray(pixels).save(whole / "c.png")  # one pixel by one grey level
    (whole / "d.png").write_bytes((whole / "d.png").read_bytes()[:500])
    (whole / "x.jpg").write_bytes((whole / "x.jpg").read_bytes() + b"\0")
    (whole / "e.png").unlink()
    (whole / "labels.csv").write_text("file,label\n")
    Image.new("L", (9, 9)).save(whole / "own.png")
    report = fetch.verify(whole, manifest)
    assert report.name is None and report.expected == 8
    assert (report.missing, report.altered) == (("e.png",), ("c.png", "d.png", "x.jpg"))
    assert report.extra == ("labels.csv", "own.png")
    text = str(report)
    assert "1 missing ('e.png')" in text and "3 altered ('c.png'" in text and "2 not of the set" in text


def test_extra_images_alone_make_it_another_set(whole, manifest):
    Image.new("L", (9, 9)).save(whole / "own.png")
    report = fetch.verify(whole, manifest)
    assert report.name is None and "1 not of the set ('own.png')" in str(report)


def test_a_folder_of_ones_own(tmp_path, manifest):
    folder = tmp_path / "own"
    folder.mkdir()
    Image.new("L", (9, 9)).save(folder / "own.png")
    assert "a different data set" in str(fetch.verify(folder, manifest))


def test_verify_of_nothing(tmp_path, manifest):
    for path in (tmp_path / "none", manifest):
        with pytest.raises(UserError, match="cannot read the folder"):
            fetch.verify(path, manifest)


def test_a_lost_or_damaged_manifest(tmp_path, whole):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    for path in (tmp_path / "none.csv", tmp_path / "bad.csv"):
        with pytest.raises(UserError, match=r"manifest .* missing or damaged"):
            fetch.verify(whole, path)


def test_the_committed_manifest():
    with open(fetch.MANIFEST, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1070 and sum(row["file"].endswith(".png") for row in rows) == 1040
    assert [row["file"] for row in rows] == sorted({row["file"] for row in rows})
    assert all(row["file"].split(".")[0] == row["label"] and len(row["label"]) == 5 for row in rows)
    assert all(row["kind"] == ("pixels" if row["file"].endswith("png") else "bytes") for row in rows)
    assert len({row["sha256"] for row in rows}) == 1070


def test_the_real_set_is_as_in_the_manifest(captcha_dir):
    assert fetch.verify(captcha_dir).name in ("full-1070", "keras-1040")


# sets whose labels are a table


PUBLIC_TABLE = "b.png,al,1G3296B\nc.png,al,0\nd.png,ny,ABC2345\n"  # as where the plates are public
TABLE = "file,label\nb.png,1G3296B\nd.png,ABC2345\n"


@pytest.fixture
def plates(tmp_path, whole):
    """The manifest of a set of two images and their labels; c.png has none."""
    rows = [[name, "", fetch.digest(name, (whole / name).read_bytes())] for name in ("b.png", "d.png")]
    rows.append(["labels.csv", "labels", fetch.digest("labels.csv", TABLE.encode())])
    path = tmp_path / "plates_manifest.csv"
    path.write_bytes(as_csv([["file", "kind", "sha256"], *rows]))
    return path


@pytest.mark.parametrize(("name", "table"), [("groundtruth.csv", PUBLIC_TABLE), ("labels.csv", TABLE)])
def test_labels_are_made_of_the_table_that_the_source_has(name, table, whole, plates, home):
    (whole / name).write_text(table)
    report = fetch.fetch(whole, home / "set", plates)
    assert report.name == "plates-2" and "plates-2: 2 images" in str(report)
    assert sorted(os.listdir(home / "set")) == ["b.png", "d.png", "labels.csv"]
    assert (home / "set" / "labels.csv").read_text() == TABLE
    assert fetch.fetch(home / "none", home / "set", plates).name == "plates-2"  # it is there: nothing is done


@pytest.mark.parametrize("table", ["", PUBLIC_TABLE.replace("ABC", "ABX"), '"', "\xff"])
def test_other_labels_are_not_those_of_the_set(table, whole, plates, home):
    (whole / "groundtruth.csv").write_bytes(table.encode("latin-1"))
    with pytest.raises(UserError, match=r"1 altered \('labels.csv'\)"):
        fetch.fetch(whole, home / "set", plates)
    assert not (home / "set").exists()


def test_images_that_no_label_names_do_not_matter(whole, plates):
    assert fetch.verify(whole, plates).missing == ("labels.csv",)
    (whole / "labels.csv").write_text(TABLE)
    assert fetch.verify(whole, plates).name == "plates-2"


def test_a_folder_is_recognised_as_the_set_that_it_is_or_is_nearest_to(whole, manifest, plates, monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "SETS", {"captcha": ("", manifest, None), "plates": ("", plates, None)})
    assert fetch.recognise(whole).name == "full-8"
    (whole / "labels.csv").write_text(TABLE)
    assert fetch.recognise(whole).name == "plates-2"
    for name in set(NAMES) - {"b.png"}:
        (whole / name).unlink()
    assert fetch.recognise(whole).missing == ("d.png",) and fetch.recognise(whole).expected == 2
    assert "a different data set: it holds none of" in str(fetch.recognise(tmp_path))


def test_the_committed_manifest_of_the_plates():
    with open(fetch.SETS["plates"][1], encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 747 and rows[-1]["file"] == "labels.csv"
    assert all(row["file"].endswith(".png") and row["kind"] == "pixels" for row in rows[:-1])
    assert len({row["sha256"] for row in rows}) == 747


# fetch from a folder or a zip


def test_from_a_folder(whole, get, home):
    nested = whole / "samples"
    shutil.copytree(whole, whole.parent / "samples")
    shutil.move(whole.parent / "samples", nested)
    (nested / "README").write_text("")
    report = get(whole)
    assert (report.name, report.folder, report.extra) == ("full-8", str(home / "set"), ("README",))
    assert "1 other files of the source were left out" in str(report)
    assert files_in(home / "set") == {n: (whole / n).read_bytes() for n in NAMES} and os.listdir(home) == ["set"]


def test_from_a_zip_with_every_file_twice_and_junk(whole, get, home, tmp_path):
    path = tmp_path / "archive.zip"
    extra = [("__MACOSX/._b.png", "junk"), ("samples/note.txt", "hello"), ("samples/own.png", "no image")]
    path.write_bytes(zipped(whole, NAMES, ("samples/samples/", "samples/"), extra))
    report = get(str(path))
    assert (report.name, report.extra) == ("full-8", ("note.txt", "own.png"))
    assert files_in(home / "set") == files_in(whole)


def test_a_sound_copy_counts_where_another_is_damaged(whole, get, home, tmp_path):
    path = tmp_path / "archive.zip"
    path.write_bytes(zipped(whole, PNGS, extra=[("first/b.png", "damaged")]))
    assert get(path).name == "keras-6"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first/b.png", "damaged")
        for name in NAMES:
            archive.write(whole / name, f"second/{name}")
    assert get(path).name == "full-8"  # and the smaller set in `out` gave way to the larger


def test_neither_paths_nor_links_of_an_archive_matter(whole, get, home, tmp_path):
    path = tmp_path / "evil.zip"
    link = zipfile.ZipInfo("b.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../../evil.txt", "evil")
        archive.writestr("/tmp/evil.png", "evil")
        for name in NAMES:
            archive.write(whole / name, f"../../../{name}")
    report = get(path)
    assert report.name == "full-8" and report.extra == ("evil.png", "evil.txt")
    assert os.listdir(home) == ["set"] and not any(p.is_symlink() for p in (home / "set").iterdir())
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_zip_bomb_is_not_unpacked(whole, get, home, tmp_path):
    path = tmp_path / "bomb.zip"
    path.write_bytes(zipped(whole, NAMES[1:], extra=[("b.png", b"\0" * 50_000_000)]))
    with pytest.raises(UserError, match=r"1 altered \('b\.png'\)"):
        get(path)
    assert os.listdir(home) == []


@pytest.mark.parametrize("change, message", [("drop", r"1 missing \('c\.png'\)"), ("alter", r"1 altered \('c\.png'\)")])
def test_a_source_that_lacks_or_alters_images_is_an_error(change, message, whole, get, home, tmp_path):
    (whole / "c.png").unlink()
    if change == "alter":
        Image.new("L", (200, 50)).save(whole / "c.png")
    path = tmp_path / "archive.zip"
    path.write_bytes(zipped(whole, sorted(os.listdir(whole))))
    for source in (whole, path):
        with pytest.raises(UserError, match=message) as caught:
            get(source)
        assert str(source) in str(caught.value) and os.listdir(home) == []


def test_broken_and_locked_members_are_altered_ones(whole, get, home, tmp_path):
    path = tmp_path / "archive.zip"
    content = bytearray(zipped(whole, NAMES, prefixes=("",)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        at = archive.getinfo("d.png").header_offset + 200
    content[at : at + 50] = bytes(50)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"1 altered \('d\.png'\)"):
        get(path)
    locked = zipped(whole, PNGS).replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    path.write_bytes(locked)  # every member says that it is encrypted
    with pytest.raises(UserError, match="6 altered"):
        get(path)


def test_sources_that_are_none(tmp_path, get, home):
    with pytest.raises(UserError, match=r"there is no .*none\.zip"):
        get(tmp_path / "none.zip")
    (tmp_path / "page.zip").write_text("<html>Log in</html>")
    with pytest.raises(UserError, match=r"page\.zip' is not a valid zip"):
        get(tmp_path / "page.zip")
    with pytest.raises(UserError, match="http or https"):
        get("ftp://example.org/x.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds none"):
        get(tmp_path / "empty")
    assert os.listdir(home) == []


# what is in `out` already


def test_a_complete_set_is_left_alone(whole, get, home, manifest):
    get(whole)
    before = {p.name: p.stat().st_mtime_ns for p in (home / "set").iterdir()}
    assert get("http://127.0.0.1:9/never-asked.zip").name == "full-8"
    assert fetch.fetch(out=home / "set", manifest=manifest).name == "full-8"
    assert {p.name: p.stat().st_mtime_ns for p in (home / "set").iterdir()} == before
    for name in NAMES[6:]:
        (home / "set" / name).unlink()
    assert fetch.fetch(out=home / "set", manifest=manifest).name == "keras-6"  # all that the public address has


def test_a_damaged_copy_is_replaced(whole, get, home):
    get(whole)
    (home / "set" / "b.png").write_bytes(b"")
    (home / "set" / "c.png").unlink()
    assert get(whole).name == "full-8"
    assert files_in(home / "set") == files_in(whole) and os.listdir(home) == ["set"]


def test_a_failed_repair_leaves_the_old_copy(whole, get, home, tmp_path):
    get(whole)
    (home / "set" / "b.png").unlink()
    before = files_in(home / "set")
    with pytest.raises(UserError):
        get(tmp_path / "none.zip")
    assert files_in(home / "set") == before and os.listdir(home) == ["set"]


def test_other_files_are_never_touched(whole, get, home):
    (home / "set").mkdir(parents=True)
    (home / "set" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match=r"holds other files \('thesis\.txt'\)"):
        get(whole)
    assert files_in(home / "set") == {"thesis.txt": b"precious"}
    shutil.rmtree(home / "set")
    (home / "set").write_text("a file")
    with pytest.raises(UserError, match="cannot read the folder"):
        get(whole)
    assert (home / "set").read_text() == "a file"


def test_an_interrupted_run_leaves_nothing_and_can_be_repeated(whole, get, home, monkeypatch):
    checked = []

    def interrupt(name, content):
        checked.append(name)
        if len(checked) == 4:
            raise KeyboardInterrupt
        return digest(name, content)

    digest = fetch.digest
    monkeypatch.setattr(fetch, "digest", interrupt)
    with pytest.raises(KeyboardInterrupt):
        get(whole)
    assert os.listdir(home) == []
    for leftover in (".set.part", ".set.old"):  # what a kill would leave behind
        (home / leftover).mkdir()
        (home / leftover / "b.png").write_bytes(b"half")
    assert get(whole).name == "full-8" and os.listdir(home) == ["set"]


def test_a_copy_that_a_killed_run_had_set_aside_comes_back(whole, get, home, tmp_path):
    get(whole)
    before = files_in(home / "set")
    (home / "set").rename(home / ".set.old")  # killed between the two renames
    with pytest.raises(UserError, match="there is no"):
        get(tmp_path / "none.zip")
    assert files_in(home / "set") == before and os.listdir(home) == ["set"]


def test_what_a_run_left_that_was_killed_at_its_very_end_is_removed(whole, get, home):
    get(whole)
    if files.fcntl:
        (home / ".set.lock").write_text("123")
        (home / ".set.old").mkdir()
    assert get(whole).name == "full-8" and os.listdir(home) == ["set"]


def test_a_link_stays_and_the_folder_that_it_leads_to_is_replaced(whole, get, home):
    home.mkdir()
    (home / "far").mkdir()
    (home / "set").symlink_to("far")
    assert get(whole).name == "full-8"
    assert (home / "set").is_symlink() and files_in(home / "far") == files_in(whole)
    assert sorted(os.listdir(home)) == ["far", "set"]


def test_a_place_that_cannot_be_written(whole, tmp_path, manifest):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        fetch.fetch(whole, tmp_path / "file" / "set", manifest)


# the download


@pytest.fixture
def server(whole):
    server = Server(zipped(whole, PNGS))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_download_and_unpack(server, get, home, whole, capsys):
    report = get(server.url)
    assert report.name == "keras-6" and os.listdir(home) == ["set"]
    assert files_in(home / "set") == {n: (whole / n).read_bytes() for n in PNGS}
    assert len(server.requests) == 1 and server.asked == [None]
    assert "download" in capsys.readouterr().err


@pytest.mark.parametrize(
    "plan, asked",
    [
        ([{"cut": 3000}, {"cut": 2000}, {}], [None, "bytes=3000-", "bytes=5000-"]),
        ([{"cut": 3000}, {"ranges": False}], [None, "bytes=3000-"]),
        ([{"length": False}], [None]),
    ],
    ids=["a drop is resumed", "without ranges it starts again", "without a length"],
)
def test_a_server_that_falters(plan, asked, server, get):
    server.plan = plan
    assert get(server.url).name == "keras-6" and server.asked == asked
    assert [r.get("If-Range") for r in server.requests] == [None if wanted is None else '"one"' for wanted in asked]


def test_a_later_call_goes_on_where_an_earlier_one_stopped(server, get, home):
    server.plan = [{"cut": 3000}, {"status": 503}]
    with pytest.raises(UserError, match=r"503.*try again"):
        get(server.url)
    assert len(server.requests) == fetch.ATTEMPTS
    assert sorted(os.listdir(home)) == [".set.zip.part", ".set.zip.part.from"]
    server.plan = [{}]
    assert get(server.url).name == "keras-6"
    assert server.asked[-1] == "bytes=3000-" and os.listdir(home) == ["set"]


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changed_starts_again(if_range, server, get, whole):
    server.plan = [{"cut": 3000}, {"status": 404}]
    with pytest.raises(UserError):
        get(server.url)
    server.content, server.etag = zipped(whole, NAMES), '"two"'
    server.plan = [{"ignore_if_range": not if_range}]
    assert get(server.url).name == "full-8"
    assert server.asked[-1] == ("bytes=3000-" if if_range else None)


def test_another_address_starts_again(server, get):
    server.plan = [{"cut": 3000}, {"status": 404}]
    with pytest.raises(UserError):
        get(server.url + "?old")
    server.plan = [{}]
    assert get(server.url).name == "keras-6" and server.asked[-1] is None


@pytest.mark.parametrize(
    "etag, date, resumed",
    [(None, None, False), ('W/"weak"', None, False), ('W/"weak"', "Mon, 01 Jan 2024 00:00:00 GMT", True)],
)
def test_without_a_strong_etag_the_date_must_do(etag, date, resumed, server, get):
    server.etag, server.date = etag, date
    server.plan = [{"cut": 3000}, {}]
    assert get(server.url).name == "keras-6"
    assert server.asked == [None, "bytes=3000-" if resumed else None]


@pytest.mark.parametrize("length", ["told", ""])
def test_a_download_that_was_complete_already(length, server, get, home):
    home.mkdir()
    (home / ".set.zip.part").write_bytes(server.content)
    length = length and len(server.content)
    (home / ".set.zip.part.from").write_text(f'{server.url}\n{length}\n"one"', encoding="utf-8")
    assert get(server.url).name == "keras-6" and os.listdir(home) == ["set"]
    assert server.asked == ([] if length else [f"bytes={len(server.content)}-", None])


@pytest.mark.parametrize("note", ["", "http://127.0.0.1/", '{url}\n"one"', "{url}\n"])
def test_a_note_that_was_cut_or_is_of_another_form_starts_again(note, server, get, home):
    home.mkdir()
    (home / ".set.zip.part").write_bytes(b"PK")
    (home / ".set.zip.part.from").write_text(note.format(url=server.url), encoding="utf-8")
    assert get(server.url).name == "keras-6" and server.asked == [None]


def test_not_found_is_told_at_once(server, get, home):
    server.plan = [{"status": 404}]
    with pytest.raises(UserError, match="404 Not Found"):
        get(server.url)
    assert len(server.requests) == 1 and os.listdir(home) == []


@pytest.mark.parametrize("step", [{"announce": 10**9}, {"announce": 10**9, "cut": 0}, {"length": False}])
def test_a_download_that_is_too_large_is_stopped(step, server, get, home, monkeypatch):
    monkeypatch.setattr(fetch, "MAX_DOWNLOAD", 4000)
    server.plan = [step]
    with pytest.raises(UserError, match="larger than 4,000 bytes"):
        get(server.url)
    assert len(server.requests) == 1 and not (home / ".set.zip.part").exists()


def test_a_login_page_is_no_zip_and_is_not_kept(server, get, home):
    server.content = b"<html>Log in</html>"
    with pytest.raises(UserError, match=r"not a valid zip.*login"):
        get(server.url)
    assert os.listdir(home) == []


def test_a_full_disk_is_no_fault_of_the_network(server, get, home):
    refusal = pytest.raises(UserError, match=r"cannot write .*\.set\.zip\.part: File too large")
    with largest_file(3000), refusal:
        get(server.url)
    assert get(server.url).name == "keras-6" and os.listdir(home) == ["set"]
    assert server.asked == [None, "bytes=3000-"]  # not tried again, but gone on with when there is room


def test_no_server_and_no_address(get, home):
    with pytest.raises(UserError, match=r"cannot download.*refused"):
        get("http://127.0.0.1:9/set.zip")
    for address in ("http://[bad/x.zip", "http://127.0.0.1:port/x.zip", "http://a b/x.zip"):
        with pytest.raises(UserError, match="cannot download"):
            get(address)
    assert os.listdir(home) == []


def test_digest_is_what_the_readme_says(whole):
    grey = np.asarray(Image.open(whole / "b.png")).astype("<f4")
    expected = hashlib.sha256(b"50x200:" + grey.tobytes()).hexdigest()
    assert fetch.digest("b.png", (whole / "b.png").read_bytes()) == expected
    assert fetch.digest("x.jpg", b"abc") == hashlib.sha256(b"abc").hexdigest()
