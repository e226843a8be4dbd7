"""README's first screen, CONTRIBUTING's count and the citation: what they say is what is recorded."""

import re
import statistics

import lines
import yaml
from PIL import Image
from places import ROOT, result, text_of

import crnn_lib
from crnn_lib import assets, reader

README = text_of("README.md")


def share(exact, images):
    return f"{exact} of {images} ({exact / images:.2%})"


def ends(values, digits=0):
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def first_screen():
    return README[: README.index("## Two commands")]


def test_the_first_screen_gives_the_recorded_accuracy():
    screen, folds, recipes = first_screen(), result("crossval"), result("training_cost")["recipes"]
    assert f"{folds['exact']} of {folds['images']} real CAPTCHA images exact ({folds['exact_accuracy']:.2%})" in screen
    assert f"The published result is {share(305, 321)}." in screen
    ours, keras = ([run["test"] for run in recipes[name]["rounds"]] for name in ("ours", "keras"))
    read, theirs = sum(test["exact"] for test in ours), sum(test["exact"] for test in keras)
    images = sum(test["images"] for test in keras)
    assert f"the Keras example's network {theirs} of {images} strings (ours {read} of the same)" in screen
    last = result("published_recipe")["published"]["history"][-1]
    rebuilt = f"{last['validation_exact']} of {last['validation_images']} validation strings in epoch {last['epoch']}"
    assert f"the published recipe itself {rebuilt}" in screen
    shares = [folds["exact_accuracy"], theirs / images, read / images]
    shares.append(last["validation_exact"] / last["validation_images"])
    assert min(shares) > 305 / 321, "a rebuild does not read more than the published run"


def test_the_first_screen_gives_costs_with_their_ranges():
    screen, found, once = first_screen(), result("training_cost"), result("published_recipe")
    assert once["published"]["reached"] and found["mark"] == once["mark"] == 0.9502
    ours, keras = (found["recipes"][name]["rounds"] for name in ("ours", "keras"))
    epochs, seconds = ([run[key] for run in ours] for key in ("epochs_to_mark", "cpu_seconds_to_mark"))
    price = found["recipes"]["ours"]["medians"]["cpu_seconds_an_epoch"]
    assert f"until {once['mark']:.2%} of the validation strings are right: {ends(epochs)} epochs of {price} s" in screen
    price = found["recipes"]["keras"]["medians"]["cpu_seconds_an_epoch"]
    ratios = [run["cpu_seconds_to_mark"] / own for run, own in zip(keras, seconds, strict=True)]
    theirs = ends([run["epochs_to_mark"] for run in keras])
    assert f"took {theirs} epochs of {price} in the same bench, {ends(ratios)} times the CPU time" in screen
    price = {
        name: statistics.median(epoch["cpu_seconds"] for epoch in once[name]["history"])
        for name in ("published", "ours")
    }
    ratios = [once["published"]["cpu_seconds"] / (price["ours"] * run) for run in epochs]
    assert f"ran once: {once['published']['epochs']} epochs of {price['published']:.0f}, {ends(ratios)} times" in screen


def test_the_first_screen_gives_size_and_speed():
    screen, found = first_screen(), result("reading")
    size = assets.WEIGHTS["captcha"].stat().st_size
    assert f"{reader.load('captcha').parameter_count():,} parameters, {size / 1000:.0f} kB of weights" in screen
    keras = result("training_cost")["recipes"]["keras"]["rounds"][0]["parameters"]
    paper = result("published_recipe")["published"]["parameters"]
    assert f"the Keras network has {keras:,} parameters, the published one {paper:,}" in screen
    ours, ratio = found["readers"]["onnxruntime, batch 1"], found["onnxruntime_over_ddddocr"]
    rounds = f"median of {found['repetitions']} rounds of {ours['images_here']} images in one run"
    assert f"in {ours['ms_median']:.1f} ms on one core through onnxruntime ({rounds})" in screen
    assert f"{ratio:.0f} times as fast as ddddocr's default model" in screen
    assert "common_old.onnx" in found["others"]["ddddocr"]["settings"]


def test_the_first_screen_is_one_picture_and_one_table():
    screen = first_screen()
    pictures = re.findall(r'<img src="([^"]+)" width="\d+" alt="([^"]{40,})">', screen)
    assert len(pictures) == 1 and (ROOT / pictures[0][0]).is_file()
    assert len(re.findall(r"^\|---", screen, re.MULTILINE)) == 1
    assert len(screen.splitlines()) <= 20
    with Image.open(ROOT / pictures[0][0]) as card:
        assert card.size == (1200, 630)


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
