"""README's first screen, CONTRIBUTING's count and the citation: what they say is what is recorded."""

import ast
import io
import json
import re
import tokenize
from pathlib import Path

import yaml
from PIL import Image

import crnn_lib
from crnn_lib import assets, model

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUIET = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT,
    tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip


def result(name):
    return json.loads((ROOT / "data" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def share(exact, images):
    return f"{exact} of {images} ({exact / images:.2%})"


def test_the_first_screen_tells_recorded_figures():
    screen = README[: README.index("## Two commands")]
    folds, others, cost = result("crossval"), result("other_readers"), result("published_recipe")
    dddd = others["readers"]["ddddocr"]["given"]
    assert (
        f"{folds['exact']} of {folds['images']} real CAPTCHA images exactly ({folds['exact_accuracy']:.2%})" in screen
    )
    assert f"The published result: {share(305, 321)}. ddddocr: {share(dddd['exact'], dddd['images'])}" in screen
    ours, theirs = cost["ours"]["cpu_seconds"], cost["published"]["cpu_seconds"]
    assert cost["published"]["reached"] and cost["ours"]["reached"] and cost["mark"] == 0.9502
    assert f"{ours:.0f} CPU-seconds until {cost['mark']:.2%} of the validation strings are right" in screen
    assert (
        f"the published recipe, rebuilt, took {theirs:.0f}, which is {cost['ours']['ratio']:.0f} times as many"
        in screen
    )
    keras = result("training_cost")["recipes"]["keras"]["ratios"]["cpu_seconds_to_mark"]
    assert f"the Keras example's network and recipe, rebuilt, {keras:.0f} times (medians of three rounds)" in screen
    reading = result("reading")
    speed, ratio = reading["readers"]["onnxruntime, batch 1"]["ms_median"], reading["onnxruntime_over_ddddocr"]
    assert f"in {speed:.1f} ms on one core through onnxruntime, {ratio:.0f} times as fast as ddddocr" in screen
    kills = result("kills")["totals"]
    assert (
        f"killed at {kills['kills']} random moments with nothing lost" in screen
        and kills["lost"] == kills["wrong"] == 0
    )
    pythons = result("pythons")
    versions = ", ".join(version.rsplit(".", 1)[0] for version in pythons["environments"])
    assert f"the same to the last digit on Python {versions} |" in screen and all(pythons["same"].values())
    presets = [scores for page in result("book")["lighthouse"]["scores"].values() for scores in page.values()]
    least = min(scores[kind] for scores in presets for kind in ("accessibility", "best-practices"))
    assert f"accessibility and best practices at {least} by Lighthouse" in screen
    size = assets.WEIGHTS["captcha"].stat().st_size
    assert f"{model.load('captcha').parameter_count():,} parameters, {size / 1000:.0f} kB of weights" in screen


def test_the_first_screen_is_one_picture_and_one_table():
    screen = README[: README.index("## Two commands")]
    pictures = re.findall(r'<img src="([^"]+)" width="\d+" alt="([^"]{40,})">', screen)
    assert len(pictures) == 1 and (ROOT / pictures[0][0]).is_file()
    assert len(re.findall(r"^\|---", screen, re.MULTILINE)) == 1
    assert len(screen.splitlines()) <= 20
    with Image.open(ROOT / pictures[0][0]) as card:
        assert card.size == (1200, 630)


def test_files_that_the_guides_name_are_there():
    for guide in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / guide).read_text(encoding="utf-8")
        named = set(re.findall(r"`((?:book|tests|bench|data|crnn_lib|\.\w+)/[\w./*-]+|[A-Z]+\.(?:md|cff))`", text))
        assert len(named) > 3
        missing = [
            name for name in named if not list(ROOT.glob(name)) and not re.search("NN|name|captcha_images", name)
        ]
        assert missing == [], guide


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == crnn_lib.__version__ == re.search(r"^## (\d+\.\d+\.\d+)", changes, re.M)[1]


def lines_of_code(path):
    """How many lines of a Python file are neither blank nor comment nor docstring."""
    text, kept = path.read_text(encoding="utf-8"), set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in QUIET:
            kept.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, False) is not None:
            kept -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(kept)


def counted():
    """Lines of code of the library without its widgets, and of the widgets' Python."""
    library, widgets = sorted((ROOT / "crnn_lib").glob("*.py")), sorted((ROOT / "crnn_lib" / "widgets").glob("*.py"))
    return sum(map(lines_of_code, library)), sum(map(lines_of_code, widgets))


def test_the_count_in_contributing_is_true(tmp_path):
    (tmp_path / "x.py").write_text(
        '"""One."""\n\n# two\ndef f():\n    """Three."""\n    return (1,\n            2)  # six\n'
    )
    assert lines_of_code(tmp_path / "x.py") == 3
    said = re.search(r"about ([\d,]+) lines of code", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert abs(int(said[1].replace(",", "")) - counted()[0]) <= 100


if __name__ == "__main__":
    print("library {}, widgets {} lines of code".format(*counted()))
