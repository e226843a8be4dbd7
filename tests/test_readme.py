"""README, its page of results, CONTRIBUTING's count and the citation: what they say is what is recorded."""

import re
import statistics

import lines
import yaml
from PIL import Image
from places import NOTEBOOKS, ROOT, result, text_of

import crnn_lib
from crnn_lib import assets, reader
from crnn_lib.tools import cli

README, RESULTS = text_of("README.md"), text_of("book", "appendix_results.md")


def ends(values, digits=0):
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def test_costs_come_with_their_ranges():
    said, found, once = RESULTS, result("training_cost"), result("published_recipe")
    assert once["published"]["reached"] and found["mark"] == once["mark"] == 0.9502
    ours, keras = (found["recipes"][name]["rounds"] for name in ("ours", "keras"))
    epochs, seconds = ([run[key] for run in ours] for key in ("epochs_to_mark", "cpu_seconds_to_mark"))
    price = found["recipes"]["ours"]["medians"]["cpu_seconds_an_epoch"]
    assert f"{once['mark']:.2%} of the validation strings correctly after {ends(epochs)} epochs of {price} s" in said
    price = found["recipes"]["keras"]["medians"]["cpu_seconds_an_epoch"]
    ratios = [run["cpu_seconds_to_mark"] / own for run, own in zip(keras, seconds, strict=True)]
    theirs = ends([run["epochs_to_mark"] for run in keras])
    assert f"took {theirs} epochs of {price} in the same bench, {ends(ratios)} times the CPU time" in said
    price = {
        name: statistics.median(epoch["cpu_seconds"] for epoch in once[name]["history"])
        for name in ("published", "ours")
    }
    ratios = [once["published"]["cpu_seconds"] / (price["ours"] * run) for run in epochs]
    assert f"ran once: {once['published']['epochs']} epochs of {price['published']:.0f}, {ends(ratios)} times" in said


def test_size_and_speed():
    said, found = RESULTS, result("reading")
    size = assets.WEIGHTS["captcha"].stat().st_size
    assert f"{reader.load('captcha').parameter_count():,} parameters, {size / 1000:.0f} kB of weights" in said
    keras = result("training_cost")["recipes"]["keras"]["rounds"][0]["parameters"]
    paper = result("published_recipe")["published"]["parameters"]
    assert f"the Keras network has {keras:,} parameters, the published one {paper:,}" in said
    ours, ratio = found["readers"]["onnxruntime, batch 1"], found["onnxruntime_over_ddddocr"]
    rounds = f"median of {found['repetitions']} rounds of {ours['images_here']} images in one run"
    assert f"in {ours['ms_median']:.1f} ms on one core through onnxruntime ({rounds})" in said
    assert f"{ratio:.0f} times as fast as ddddocr's default model" in said
    assert "common_old.onnx" in found["others"]["ddddocr"]["settings"]


def test_readme_is_short_and_shows_one_picture_first():
    pictures = re.findall(r'<img src="([^"]+)" width="\d+" alt="([^"]{40,})">', README)
    assert len(pictures) == 1 and README.index("<img") < README.index("## ")
    assert len(README.splitlines()) <= 120
    with Image.open(ROOT / pictures[0][0]) as picture:
        assert picture.n_frames == 6 and picture.width >= 800
    assert (ROOT / pictures[0][0]).stat().st_size < 250_000


def test_the_first_command_prints_what_readme_shows(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    command, file, text, p = re.search(r"^\$ crnn (.*)\n(.*)\t(.*)\t(.*)$", README, re.M).groups()
    assert cli.main(command.split()) == 0
    printed = capsys.readouterr().out.split()
    assert printed[:2] == [file, text] and abs(float(printed[2]) - float(p)) < 0.001


def test_readme_lists_the_chapters():
    listed = re.findall(r"^\| (\d+) \| \[[^\]]+\]\(book/(\w+)\.ipynb\)", README, re.M)
    assert [name for _, name in listed] == [path.stem for path in NOTEBOOKS]
    assert all(int(number) == int(name[:2]) for number, name in listed)


def test_files_that_the_guides_name_are_there():
    for guide in ("README.md", "CONTRIBUTING.md"):
        text = text_of(guide)
        named = set(re.findall(r"`((?:book|tests|bench|data|crnn_lib|\.\w+)/[\w./*-]+|[A-Z]+\.(?:md|cff))`", text))
        assert len(named) > 3
        missing = [
            name for name in named if not list(ROOT.glob(name)) and not re.search("NN|name|captcha_images", name)
        ]
        assert missing == [], guide


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    changes = text_of("CHANGELOG.md")
    assert citation["version"] == crnn_lib.__version__ == re.search(r"^## (\d+\.\d+\.\d+)", changes, re.M)[1]


def test_the_count_in_contributing_is_true():
    program = '"""One."""\n\n# two\ndef f():\n    """Three."""\n    return (1,\n            2)  # six\n'
    assert (
        lines.of_python(program) == lines.of_javascript("/** one\n * two */\n\n// three\na();\n  b(); // c\n") + 1 == 3
    )
    said = re.search(r"about ([\d,]+) lines of code", text_of("CONTRIBUTING.md"))
    assert abs(int(said[1].replace(",", "")) - lines.counted()["library"]) <= 100
