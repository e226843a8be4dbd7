"""The recorded results: made with the present recipe, consistent with each other, and told as they are."""

import json
import math
import re
import statistics
from dataclasses import asdict
from pathlib import Path

import pytest
from places import BOOK, RESULTS, ROOT, result, table, text_of

from bench.accuracy import comparison
from crnn_lib import assets, data, metrics, reader
from crnn_lib.files import csv_text
from crnn_lib.tools import audit, checks
from crnn_lib.training import Recipe
from crnn_lib.widgets import host

KILLED = ("fetch", "train", "crossval", "export", "execute")
WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@pytest.fixture(scope="module")
def ours():
    return result("protocol_ours")


@pytest.fixture(scope="module")
def out_of_fold():
    return audit.read_rows(RESULTS / "crossval.csv")


def score(run, part, labels):
    return next(s for s in run["scores"] if (s["part"], s["labels"]) == (part, labels))


def fold_scores(rows, labels):
    return metrics.scores(labels, [row.reading for row in rows], [row.loss for row in rows])


def ends(values):
    return f"{min(values):.0f} to {max(values):.0f}"


def test_the_page_of_results_and_readme_give_what_is_recorded(ours):
    rows, page = comparison.table(), text_of("book", "appendix_results.md")
    assert text_of("data", "results", "comparison.csv") == csv_text(rows)
    short = re.findall(r"^\| (?:published|\*\*ours).*\|$", text_of("README.md"), re.M)
    assert len(short) == 3 and set(short) <= {f"| {' | '.join(row.values())} |" for row in rows}
    seconds = [run["cpu_seconds"] for run in ours["runs"]]
    again = [run["cpu_seconds"] for run in result("training_cost")["recipes"]["ours"]["rounds"]]
    told = f"One training run took {ends(seconds)} CPU-seconds on one core in the bench of the five splits"
    assert f"{told}, and {ends(again)} in that of the costs" in page
    wrong = sum(row["verdict"] == "label wrong" for row in table("label_audit.csv"))
    assert f"**Audited labels** correct {WORDS[wrong]} labels" in page
    guided = result("zero_shot")["tuned"]
    assert f"({guided['exact']} of {guided['images']} there)" in page
    best = result("other_readers")["readers"]["ddddocr_beta_19_symbols"]["given"]
    assert f"{best['exact']} of {best['images']} are exact" in page


def test_results_were_made_with_the_present_recipe(ours):
    for run in ours["runs"]:
        present = json.loads(json.dumps(asdict(Recipe(seed=run["split_seed"]))))
        assert run["recipe"] == present
    assert result("published_recipe")["ours"]["recipe"] == json.loads(json.dumps(asdict(Recipe())))


def test_the_committed_reader_is_that_of_split_seed_0(ours):
    network = reader.load("captcha")
    first = ours["runs"][0]
    assert network.provenance["split_seed"] == first["split_seed"] == 0
    assert network.provenance["train_images"] == 749
    keep = [{key: pytest.approx(value, rel=1e-9) for key, value in epoch.items()} for epoch in first["history"]]
    assert network.provenance["history"] == keep
    assert network.parameter_count() <= 250_000
    assert assets.WEIGHTS["captcha"].stat().st_size <= 1_000_000


@pytest.mark.parametrize("name", ["protocol_ours", "protocol_plain"])
def test_the_sums_over_splits_are_those_of_the_rows_and_carry_no_interval(name):
    rows, found = table(f"results/{name}.csv"), result(name)
    for part in ("train", "test"):
        for labels in ("given", "audited"):
            chosen = [r for r in rows if r["part"] == part and r["labels"] == labels]
            splits = found["splits"][f"{part} {labels}"]
            assert len(chosen) == 5
            assert splits["exact"] == sum(int(r["exact"]) for r in chosen)
            assert splits["images"] == sum(int(r["images"]) for r in chosen)
            assert splits["cer_mean"] == pytest.approx(sum(int(r["edits"]) / int(r["characters"]) for r in chosen) / 5)
            shares = [int(r["exact"]) / int(r["images"]) for r in chosen]
            assert splits["exact_accuracy_range"] == pytest.approx([min(shares), max(shares)])
            assert not {"low", "high", "exact_interval"} & set(splits)


@pytest.mark.parametrize("name", ["protocol_ours", "protocol_plain"])
def test_what_each_split_misread_is_what_it_scored(name, out_of_fold):
    labels = [row.label for row in out_of_fold]
    for run in result(name)["runs"]:
        for part, indices in zip(("train", "test"), data.split(labels, 0.7, run["split_seed"]), strict=True):
            given = score(run, part, "given")
            assert given["images"] - given["exact"] == len(run["misread"][part])
            assert set(run["misread"][part]) <= {out_of_fold[i].file for i in indices}


def test_out_of_fold_figures_are_those_of_the_rows(out_of_fold):
    assert len({row.file for row in out_of_fold}) == len(out_of_fold) == 1070
    found, recorded = fold_scores(out_of_fold, [row.label for row in out_of_fold]), result("crossval")
    for key in ("images", "exact", "edits", "characters"):
        assert found[key] == recorded[key]
    assert found["ctc_loss"] == pytest.approx(recorded["ctc_loss"], abs=1e-5)


def test_the_audit_looked_at_every_disagreement_among_enough_controls(out_of_fold):
    rows = {row["file"]: row for row in table("label_audit.csv")}
    readings = {row.file: row for row in out_of_fold}
    assert {row.file for row in out_of_fold if row.label != row.reading} <= set(rows)
    assert sum(row["given"] == row["reading"] for row in rows.values()) >= 100
    for name, row in rows.items():
        assert (row["given"], row["reading"]) == (readings[name].label, readings[name].reading)
        seen = set(row["transcriptions"].split())
        if row["label"] != row["given"]:
            assert row["verdict"] == "label wrong" and seen == {row["reading"]} == {row["label"]}


def test_the_ablation_is_told_as_it_was_run():
    runs = result("context")["runs"]
    assert len({(run["reader"], run["split_seed"]) for run in runs}) == len(runs) == 30
    for run in runs:
        assert run["recipe"] == json.loads(json.dumps(asdict(Recipe(seed=run["split_seed"], epochs=20))))
        assert run["test"]["images"] - run["test"]["exact"] == len(run["test"]["misread"])


def test_forget_gates_close_in_training_and_open_ones_remember_longer():
    found = result("forget_bias")
    assert found["recipe"] == json.loads(json.dumps(asdict(Recipe(epochs=10))))
    runs = sorted(found["runs"], key=lambda run: run["bias"])
    assert [(run["bias"], run["seed"]) for run in runs] == [(0, 0), (1, 0), (3, 0)], "chapter 5: one run per bias"
    assert all(run["forget_gate"] < 1 / (1 + math.exp(-run["bias"])) for run in runs)
    assert runs[0]["forget_gate"] < runs[1]["forget_gate"] < runs[2]["forget_gate"]
    assert runs[0]["exact"] >= runs[2]["exact"], "the longer memory brought no better reading"
    (chapter,) = BOOK.glob("05_*.ipynb")
    said = chapter.read_text(encoding="utf-8")
    shares = [f"{run['within'][2]:.0%}".replace("%", " %") for run in runs]
    assert f"{shares[2]} of the influence comes from within two columns, compared with {shares[0]}" in said


def test_the_film_begins_on_its_floor_and_fits_into_a_page():
    film = json.loads(assets.RECORDINGS["replay"].read_text(encoding="utf-8"))
    assert assets.RECORDINGS["replay"].stat().st_size <= 300_000
    runs = {run["variant"]: run for run in film["runs"]}
    upper, lower = runs["ours"]["floors"]
    assert lower < upper
    assert abs(runs["ours"]["frames"][0]["loss"] - upper) < 0.05
    assert runs["ours"]["frames"][-1]["loss"] < 0.1 < runs["sgd"]["frames"][-1]["loss"]
    assert runs["sgd"]["frames"][-1]["exact"] == 0
    for run in runs.values():
        assert run["shape"][0] == len(run["frames"]) and run["shape"][1] == len(run["samples"])


def test_the_symptoms_are_those_of_the_chapter_s_recipe():
    found = result("symptoms")
    assert found["recipe"] == json.loads(json.dumps(asdict(Recipe(epochs=24, validation_fraction=0.15))))
    assert len({(run["off"], run["rate"], run["seed"]) for run in found["runs"]}) == len(found["runs"]) == 21


def test_the_exchanges_are_of_the_chapter_s_recipe_without_its_prior():
    found = result("prior")
    recipe = Recipe(epochs=24, validation_fraction=0.15, prior_bias=False)
    assert found["recipe"] == json.loads(json.dumps(asdict(recipe)))
    runs = {(run["exchanged"], run["seed"]): run for run in found["runs"]}
    assert len(runs) == len(found["runs"]) == 12
    for (name, seed), run in runs.items():  # alike until the exchange, in the second epoch
        assert run["train_loss"][0] == runs["nothing", seed]["train_loss"][0] or name.startswith("beta2")


def test_robustness_has_its_intervals_and_starts_where_the_protocol_ended():
    rows = result("robustness")["rows"]
    for row in rows:
        assert [row["low"], row["high"]] == pytest.approx(metrics.interval(row["exact"], row["images"]), abs=1e-6)
    protocol = score(result("protocol_ours")["runs"][0], "test", "audited")
    whole = [row for row in rows if row["set"] == "real test part" and row["strength"] == 0]
    assert whole and {row["exact"] for row in whole} == {protocol["exact"]}


def test_doubtful_labels_are_few_where_all_are_right_and_many_where_they_are_wrong():
    found = result("doubtful")
    assert found["thresholds"] == {"deviations": checks.DOUBT[0], "factor": checks.DOUBT[1], "alike": checks.ALIKE}
    rows = {row["set"]: row for row in found["rows"]}
    assert set(rows) == {"generated CAPTCHAs", "generated lines", "real CAPTCHAs", "plates", "scans"}
    assert all(row["doubtful"] <= 0.005 * row["images"] for row in rows.values())
    assert rows["generated lines"]["images"] == 4000 and rows["generated lines"]["two_rows"] <= 4

    def share(name, kind):
        return rows[name]["planted"][kind]["found"] / rows[name]["planted"][kind]["wrong"]

    assert all(share(name, "a third") > 0.9 for name in rows if name != "generated lines")
    assert share("generated lines", "another's") > 0.4


def test_decoders_and_losses_agree_as_far_as_they_must():
    found = result("decoders")
    rows = found["beam_search"]
    assert {(row["matrices"], row["width"]) for row in rows} == {
        (kind, width) for kind in ("read", "random", "flat") for width in (1, 2, 5, 10, 20, 50)
    }
    for row in rows:
        assert row["page_same"] == row["sequences"]
        assert row["fast_same"] + row["ours_likelier"] + row["fast_likelier"] <= row["sequences"]
        assert row["matrices"] != "read" or row["fast_same"] == row["sequences"]
    assert 0 < found["against_torch"]["infeasible"] < found["against_torch"]["cases"]
    assert all(difference < 1e-9 for difference in found["against_torch"]["largest_difference"].values())


def test_the_machine_follows_the_pen():
    found = result("machine_speed")
    painted, shown = found["until_painted_ms"], found["until_frame_ms"]
    assert found["moves"] >= 200 and painted["median"] < painted["p90"] < 50
    assert painted["median"] < shown["median"] < 50


def test_our_reader_is_faster_than_the_others_and_reads_more():
    found = result("reading")
    rate = {name: row["images_per_second"] for name, row in found["readers"].items()}
    ratio = rate["onnxruntime, batch 1"] / rate["ddddocr, batch 1"]
    assert found["onnxruntime_over_ddddocr"] == pytest.approx(ratio, abs=0.01)
    assert ratio >= 5
    assert found["our_runtimes_agree"]
    folds, *_, test = (found["accuracy"][name] for name in sorted(found["accuracy"]) if name.startswith("ours"))
    given = score(result("protocol_ours")["runs"][0], "test", "given")
    assert (folds["exact"], test["exact"]) == (result("crossval")["exact"], given["exact"])
    readers = result("other_readers")["readers"]
    assert readers["ddddocr"]["given"]["exact"] < readers["ddddocr_beta"]["given"]["exact"] < folds["exact"]
    for name in ("ddddocr", "rapidocr", "tesseract"):
        other = found["accuracy"][f"{name}, zero-shot"]
        assert other["exact"] == result("other_readers")["readers"][name]["given"]["exact"]
        assert other["exact_interval"][1] < folds["exact_interval"][0]


def test_the_profile_is_whole_and_what_was_acted_on_is_faster():
    found = result("profile")
    for part in ("training_step", "page_reading"):
        assert sum(row["share"] for row in found[part].values()) == pytest.approx(1, abs=0.01)
    assert sum(row["ms"] for row in found["training_step"].values()) == pytest.approx(
        found["training_step_ms"]["now"], rel=0.01
    )
    for key in ("page_reading_ms", "optimiser_ms"):
        assert found[key]["now"] < found[key]["before"]
    assert found["largest_difference_in_log_probability"] < 1e-4


def test_the_page_s_engine_keeps_up_with_onnxruntime_web_at_a_fifth_of_its_weight():
    models = result("page_speed")["models"]
    assert list(models) == list(host.READERS)
    for found in models.values():
        ms, sent = found["median_ms"], found["wire_bytes"]
        assert ms["page"] <= 1.5 * ms["onnxruntime_web"]
        assert ms["page_without_webassembly"] <= ms["version_1"]
        assert sent["page"] < sent["page_with_all_widgets"] <= sent["onnxruntime_web"] / 5
        assert found["largest_difference_in_probability"] < 1e-5


def test_the_page_reads_as_python_and_8_bit_weights_cost_one_string():
    found = result("stored_weights")
    cost = {name: found[name]["float32"]["exact"] - found[name]["stored"]["exact"] for name in ("captcha", "pen")}
    assert cost == {"captcha": 0, "pen": 1}
    assert found["text"]["stored"]["images"] >= 300
    for name in ("captcha", "captcha, test", "pen", "text"):
        row = found[name]
        images = row["stored"]["images"]
        assert row["page_as_stored"] == row["page_without_webassembly_as_stored"] == images
        assert images == row["float32"]["images"]
    assert found["captcha"]["stored"]["images"] >= 300
    assert max(found["bytes_a_parameter"].values()) <= 1.02


def test_the_model_of_print_reads_faces_that_it_never_saw_better_and_faster_than_tesseract():
    recorded = result("lines")["sets"]
    assert recorded["scans"]["text"]["cer"] <= 0.004
    for name, readers in recorded.items():
        ours, exported, theirs = (readers[who] for who in ("text", "text, onnxruntime", "tesseract"))
        assert exported["ms"] <= theirs["ms"] and ours["edits"] == exported["edits"]
        assert name == "scans" or ours["cer"] < theirs["cer"] / 2


def test_every_page_is_light_on_a_telephone_and_open_to_everybody():
    """Pages that carry a number are chapters, which may be slower."""
    recorded = result("book")
    for name, found in recorded["lighthouse"]["scores"].items():
        chapter = bool(re.match(r"book/\d", name))
        assert found["performance"] >= (90 if chapter else 95) and found["blocking_ms"] <= 150, f"{name}: {found}"
        assert found["accessibility"] == found["best-practices"] == 100, f"{name}: {found}"
        assert found["seo"] == 100 or name == "404.html", f"{name}: {found}"  # which no search may list
    for name, page in recorded["pages"]["medians"].items():
        assert page["untouched_bytes"] <= (400_000 if re.match(r"book/\d", name) else 250_000), name
        assert page["shift"] <= 0.02, name
    assert set(recorded["lighthouse"]["scores"]) == set(recorded["pages"]["medians"])


def test_every_page_was_weighed():
    weighed = result("book")["pages"]["medians"]
    pages = {f"book/{path.stem}.html" for path in (ROOT / "book").iterdir() if path.suffix in (".ipynb", ".md")}
    assert pages | {"search.html", "genindex.html", "404.html"} == set(weighed)
    assert all(0 < page["bytes"] <= page["scrolled_bytes"] for page in weighed.values())


def test_every_step_of_building_was_timed():
    seconds = result("book")["build"]["seconds"]
    assert seconds["cold book"] == pytest.approx(seconds["pip"] + seconds["first book"], abs=0.11)
    assert 0 < seconds["nothing to do"] < seconds["one chapter touched"] < seconds["cold book"]
    assert seconds["notebooks, compared twice"] > 0


def test_the_tables_of_the_page_of_times_are_of_the_results():
    rows = {row["reader"]: row for row in table("results/reading.csv")}
    found = result("reading")["readers"]
    assert len(rows) == len({name.split(",")[0] for name in found}) == 6
    for name, row in rows.items():
        name = name.split()[-1]
        one, many = (found.get(f"{name}, batch {size}", {}).get("images_per_second") for size in (1, 32))
        assert float(row["images/s"]) == pytest.approx(one, abs=0.51)
        assert row["images/s, batch 32"] == (f"{many:.0f}" if many else "none")
        others = result("other_readers")["readers"]
        exact = others[name]["given"]["exact"] if name in others else result("crossval")["exact"]
        assert row["exact, real images"].startswith(f"{exact} of 1070 ")
    weighed = result("book")["pages"]["medians"]
    told = {
        row["page"]: (int(row["requests"]), int(row["kB"]), int(row["interactive, ms"]))
        for row in table("results/book.csv")
    }
    assert told == {
        Path(name).stem: (p["requests"], round(p["bytes"] / 1000), round(p["interactive_ms"]))
        for name, p in weighed.items()
    }


def test_fuzzing_tried_thousands_of_cases_and_every_property_that_there_is():
    found = result("fuzz")
    here = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_fuzz*.py"))
    properties = set(re.findall(r"^@(?:fuzz|few)\n@given\([^\n]*(?:\n[^@]*?)??\ndef (test_\w+)", here, re.M))
    assert set(found["properties"]) == properties and len(properties) > 20
    assert found["cases"] == sum(found["properties"].values()) > 30_000 and found["failing"] == 0
    kept = text_of("tests", "test_fuzz_found.py")
    assert set(found["found_and_mended"]) == set(re.findall(r"^def (test_\w+)", kept, re.M))


def test_training_costs_less_than_the_other_recipes():
    found = result("training_cost")
    for name in ("ours", "keras"):
        entry = found["recipes"][name]
        assert len(entry["rounds"]) == 3
        for key, told in entry["medians"].items():
            assert told == pytest.approx(sorted(run[key] for run in entry["rounds"])[1], abs=0.06)
        assert all(run["epochs_to_mark"] <= run["epochs"] for run in entry["rounds"])
    assert found["recipes"]["keras"]["ratios"]["cpu_seconds_to_mark"] > 1
    assert (
        found["published"]["published"]["cpu_seconds_to_mark"] == result("published_recipe")["published"]["cpu_seconds"]
    )
    assert [entry["rounds"][0]["images"] for entry in found["growth"].values()] == [1000, 2000, 4000, 8000]


def test_every_python_gives_the_same_results():
    found = result("pythons")
    assert {version.rsplit(".", 1)[0] for version in found["environments"]} == {"3.11", "3.12", "3.13"}
    assert len(found["results"]) == len(found["same"]) == 6
    assert all(found["same"].values()) and found["differing"] == {}
    test = score(result("protocol_ours")["runs"][0], "test", "given")
    assert found["results"]["the committed reader, its test part"]["exact"] == test["exact"]


def test_no_kill_lost_anything_or_led_to_another_end():
    found = result("kills")
    kills, runs = found["kills"], sum(command["runs"] for command in found["commands"])
    assert found["totals"] == {"kills": len(kills), "runs": runs, "lost": 0, "wrong": 0}
    assert not any(kill["lost"] or kill["wrong"] for kill in kills)
    assert max(kill["temporary"] for kill in kills) <= 3, "what killed runs leave piles up"
    by_command = {name: [kill for kill in kills if kill["command"] == name] for name in KILLED}
    assert len(kills) == sum(map(len, by_command.values())) >= 50
    for own in by_command.values():
        fractions = [kill["fraction"] for kill in own if kill["aim"] == "moment"]
        assert len(own) >= 10 and {int(3 * fraction) for fraction in fractions} == {0, 1, 2}
        assert any(kill["aim"] == "writing" for kill in own)
    for name in ("fetch", "train", "crossval"):
        kept = [kill["kept"] for kill in by_command[name]]
        assert any(0 < some < max(kept) for some in kept), "none of them went on from a half"


def test_a_training_s_memory_hardly_depends_on_the_number_of_its_images():
    runs = result("memory")["runs"]
    sizes, peaks = [run["images"] for run in runs], [run["megabytes"] for run in runs]
    assert sizes == [1000, 10_000, 50_000, 200_000]
    assert not runs[0]["decoded_as_needed"] and all(run["decoded_as_needed"] for run in runs[1:])
    assert max(peaks) < 1.2 * min(peaks)
    page = text_of("book", "appendix_outgrowing.md")
    assert "with 1,000, 10,000, 50,000 and 200,000 lines in shards" in page
    assert f"a training run took {min(peaks)} to {max(peaks)} MB" in page


def test_a_process_that_decodes_takes_the_decoding_off_the_training():
    ways = result("loading")["ways"]
    in_memory, by_itself, with_one = (ways[way]["cpu_ms_a_step"] for way in ("in memory", "0 processes", "1 process"))
    assert by_itself > with_one and with_one < 1.1 * in_memory


def runs_of(found):
    """The runs of the trainer by kind, all of which let the page answer within 50 milliseconds."""
    assert {len(kind) for kind in found["runs"].values()} == {found["of"]}
    assert max(run["longest_task"] for kind in found["runs"].values() for run in kind) <= 50
    return found["runs"]


def test_the_trainer_reads_as_soon_as_its_page_says():
    found = result("page_training")
    runs = runs_of(found)
    assert found["of"] >= 20 and set(found["read"].values()) == {found["of"]}
    soon, late = ([run["reached"] for run in runs[kind]] for kind in ("first_choices", "without_prior_and_batchnorm"))
    seconds = math.ceil(max(run["seconds"] for run in runs["first_choices"]))
    said = f"after {min(soon)} to {max(soon)} steps, within {seconds} seconds"
    assert said in text_of("book", "training_in_the_page.md") and seconds <= 30
    assert f"after {min(late):,} to {max(late):,} steps" in text_of("book", "training_in_the_page.md")


def test_the_trainers_experiments_come_out_as_told():
    found = result("page_experiments")
    shifts = [run["shift"] for kind in runs_of(found).values() for run in kind]
    assert found["of"] >= 5 and set(found["as_told"].values()) == {found["of"]} and max(shifts) <= 0.02


def test_chapter_11_says_what_was_read_of_the_plates():
    found, said = result("plates"), text_of("book", "11_any_line.ipynb")
    rows = found["rows"]
    assert found["start"] == reader.load("plates").digest() and {row["images"] for row in rows.values()} == {746}
    for way in ("transfer", "states", "scratch"):
        assert sum(part["exact"] for part in rows[way]["parts"]) == rows[way]["exact"]
    apart = [state for part in rows["states"]["parts"] for state in part["states"]]
    assert len(apart) == len(set(apart)) > 40
    exact = {way: row["exact"] for way, row in rows.items()}
    assert exact["transfer"] >= 694 and f"reads {exact['shipped']} of 746 plates" in said
    for told in ("it reads {transfer}", "reads {scratch}", "yet {states} plates are read", "reads {openalpr} of them"):
        assert told.format(**exact) in said, told


def test_chapter_11_says_what_the_learning_curves_show():
    rows, said = result("learning_curves")["rows"], text_of("book", "11_any_line.ipynb")

    def middle(*which):
        found = [row["exact"] for row in rows if (row["set"], row["way"], row["images"]) == which]
        assert len(found) == (5 if which[2] <= 100 else 3)
        return int(statistics.median(found))

    plates, captchas = ({row["tested"] for row in rows if row["set"] == name} for name in ("plates", "captchas"))
    assert (plates, captchas) == ({224}, {321})
    few, whole = middle("plates", "transfer", 25), middle("plates", "scratch", 522)
    assert few > whole and f"(a median of {few} of 224) than one trained from scratch on all 522 ({whole})" in said
    few, alone = middle("captchas", "transfer", 25), middle("captchas", "scratch", 25)
    assert f"sees 25 labels reads {few} of 321, and one from scratch {alone}" in said
    for images, told in ((100, "level ({} and {})"), (200, "({1} against {0})")):
        pair = [middle("captchas", way, images) for way in ("transfer", "scratch")]
        assert told.format(*pair) in said, images
    before, after = (
        next(row for row in rows if row["set"] == "scans" and row["way"] == way) for way in ("before", "transfer")
    )
    assert before["edits"] == after["edits"] == 0
    start, trained = (
        next(row for row in rows if row["set"] == "package" and row["way"] == w) for w in ("scratch", "transfer")
    )
    assert f"{trained['exact']} of {trained['tested']} strings against {start['exact']}" in said
