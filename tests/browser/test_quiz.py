"""The exercises in a real browser: reasons for what is wrong, progress that stays here, from http and from file."""

import pytest
from visits import Finger, Live, assert_open_to_everybody, axe, everywhere

from crnn_lib.widgets.quiz import quiz

NAMES = [*quiz.QUESTIONS, quiz.names()[-1]]  # and the last chapter's check
QUIZZES = "\n".join(f"```{{crnn-widget}} quiz\n:name: {name}\n```\n" for name in NAMES)
SITE = {"index": f"# Exercises\n\nA page.\n\n{QUIZZES}"}


@pytest.fixture
def visited(opened):
    return opened()


class Quiz(Live):
    """One exercise on a page."""

    def __init__(self, visit, name):
        mount = visit.page.locator("crnn-widget").nth(NAMES.index(name))
        mount.scroll_into_view_if_needed()
        super().__init__(visit, "quiz", mount.locator('[data-crnn-widget="quiz"]'))
        self.verdict = self.root.get_by_role("status")

    def check(self):
        self.press("Check")
        return self.verdict.inner_text()

    def question(self):
        return self.root.locator("fieldset").inner_text()

    def solved(self):
        return self.root.locator("form .crnn-note").last.inner_text()


def test_alignments(visited):
    quiz = Quiz(visited, "alignments")
    assert "Not yet." in quiz.check() and "4 boxes more to tick" in quiz.verdict.inner_text()
    quiz.root.get_by_label("mm---", exact=True).check()
    said = quiz.check()
    assert "mm---: merged m-, without blanks m, not mm. Equal neighbours merge" in said
    quiz.root.get_by_label("mm---", exact=True).uncheck()
    for path in ("m-m--", "mm-mm", "-m-m-", "m--m-"):
        quiz.root.get_by_label(path, exact=True).check()
    assert quiz.check().strip() == "Right."
    quiz.root.get_by_label("m-m-m", exact=True).check()
    assert "without blanks mmm, not mm" in quiz.check()


def test_a_chapter_s_check_gives_the_reason_of_each_wrong_answer_and_of_the_right_one(visited):
    name = NAMES[-1]
    check = Quiz(visited, name)
    assert "Choose one." in check.check()
    for question in quiz.checks()[name.removeprefix("chapter ")]:
        for answer in sorted(question["answers"], key=lambda a: a.get("right", False)):
            check.root.get_by_label(answer["text"].replace("`", ""), exact=True).check()
            said = check.check()
            assert answer["reason"].replace("`", "") in said
            assert said.startswith("Right." if answer.get("right") else "Not yet.")
        check.press("Another one")
    assert check.solved().startswith("5 of 5 questions solved")
    assert check.root.locator(".quiz-dots .quiz-solved").count() == 5


def test_count(visited):
    quiz = Quiz(visited, "count")
    box = quiz.root.get_by_label("Number of alignments")
    wrong = {"x": "whole number", "6": "may also last", "81": "number of all paths", "14": "Not 14."}
    for typed, words in wrong.items():
        box.fill(typed)
        assert words in quiz.check()
    box.fill("15")
    assert quiz.check().strip() == "Right."
    for _ in range(3):
        quiz.press("Another one")
    box.fill("1")
    assert "T = 2 is less than U + r = 2 + 1" in quiz.check()
    box.fill("0")
    assert quiz.check().strip() == "Right."


def test_a_column_of_the_lattice(visited):
    quiz = Quiz(visited, "column")
    cells = quiz.root.locator("input")
    assert "Cells 0, 1, 2, 3, 4: Type a number such as 0.125." in quiz.check()
    for cell, value in zip(cells.all(), ("0.1", "0.45", "0.08", "0", "0"), strict=True):
        cell.fill(value)
    said = quiz.check()
    assert said.count("Cell") == 1 and "Cell 3: That leaves out the skip" in said
    assert [cell.get_attribute("aria-invalid") for cell in cells.all()] == ["false"] * 3 + ["true", "false"]
    cells.nth(3).fill("0,12")
    assert quiz.check().strip() == "Right."


def test_decoding(visited):
    quiz = Quiz(visited, "decoding")
    assert quiz.check().count("choose a text") == 2
    quiz.root.get_by_label("Greedy decoding reads").select_option("a")
    quiz.root.get_by_label("The most probable text is").select_option("")
    said = quiz.check()
    assert "gives the path --" in said and "p(the empty text) = 0.36, from 1 path: --. Another text has more." in said
    quiz.root.get_by_label("Greedy decoding reads").select_option("")
    quiz.root.get_by_label("The most probable text is").select_option("a")
    assert quiz.check().strip() == "Right."


def test_prefixes(visited):
    quiz = Quiz(visited, "prefixes")
    boxes = quiz.root.get_by_role("checkbox")
    boxes.nth(3).check()
    said = quiz.check()
    assert "A blank separates them, so the letter counts once more: it becomes aa." in said and "4 boxes more" in said
    boxes.nth(3).uncheck()
    for i in (0, 1, 2, 4):
        boxes.nth(i).check()
    assert quiz.check().strip() == "Right."


def test_plateau(visited):
    quiz = Quiz(visited, "plateau")
    assert "Choose one." in quiz.check()
    assert "3.20 at step 432" in quiz.root.get_by_role("img").get_attribute("aria-label")
    quiz.root.get_by_label("nothing, this run is healthy").check()
    assert "ends close to zero. This one starts at 3.28 and ends at 3.20" in quiz.check()
    for right in ("plain SGD", "not started at the prior", "nothing", "too few time steps"):
        quiz.root.get_by_label(right).check()
        assert quiz.check().strip() == "Right."
        quiz.press("Another one")
    assert quiz.solved() == "4 of 4 questions solved, kept on this machine"


def test_a_wrong_path_plays_its_own_collapse(visited):
    quiz, finger = Quiz(visited, "alignments"), Finger(visited)
    quiz.root.get_by_label("m-m-m", exact=True).check()
    quiz.root.get_by_label("m-m--", exact=True).check()  # right: nothing to be shown
    quiz.check()
    rows = quiz.root.locator(".crnn-ribbons g")
    acts = [sorted(row.text_content()) for row in rows.all()]
    assert sorted(acts) == sorted([sorted("m-m-m"), sorted("m-m-m"), sorted("mmm✕✕")])
    names = "all => all.map((e) => getComputedStyle(e).animationName).sort()"
    assert rows.evaluate_all(names) == ["none"] * 3  # motion is not wanted
    visited.page.emulate_media(reduced_motion="no-preference")
    assert rows.evaluate_all(names) == ["crnn-appear", "crnn-appear", "none"]
    again = quiz.button("Play m-m-m again")
    for act in (again.click, lambda: again.press("Enter"), lambda: finger.tap(again)):
        quiz.root.evaluate("root => (globalThis.before = root.querySelector('.crnn-ribbons'))")
        act()
        assert quiz.root.evaluate("root => before !== root.querySelector('.crnn-ribbons')")
    quiz.root.get_by_label("m-m-m", exact=True).uncheck()
    quiz.check()
    assert rows.count() == 0


def test_a_wrong_cell_lights_what_leads_to_it(visited):
    quiz = Quiz(visited, "column")
    cells = quiz.root.locator("input")
    for cell, value in zip(cells.all(), ("0.1", "0.45", "0.2", "0", "0"), strict=True):
        cell.fill(value)

    def lit():
        rows = quiz.root.locator("tbody tr").all()
        return [
            [i for i, row in enumerate(rows) if row.locator("td").nth(k).locator(".quiz-lit").count()] for k in (1, 2)
        ]

    assert lit() == [[], []]
    quiz.check()
    assert lit() == [[1, 2], [2]] and "what leads to cell 2 from the step before, cells 1, 2," in quiz.root.inner_text()
    cells.nth(2).focus()
    visited.page.keyboard.press("Tab")
    assert lit() == [[1, 2, 3], [3]]
    cells.nth(1).click()  # it is right: what was lit stays
    assert lit() == [[1, 2, 3], [3]]
    Finger(visited).tap(cells.nth(2))
    assert lit() == [[1, 2], [2]]
    for cell, value in ((2, "0.08"), (3, "0.12")):
        cells.nth(cell).fill(value)
    assert quiz.check().strip() == "Right." and lit() == [[], []]


@pytest.mark.parametrize("name", quiz.QUESTIONS)
def test_another_one_is_another_one(visited, name):
    quiz = Quiz(visited, name)
    seen = []
    for _ in range(3):
        picture = quiz.root.locator("fieldset [role=img]")
        seen.append(quiz.question() + (picture.get_attribute("aria-label") if picture.count() else ""))
        quiz.press("Another one")
        assert quiz.verdict.inner_text() == "" and visited.page.evaluate("document.activeElement.tagName") == "FIELDSET"
    assert len(set(seen)) == 3


def test_keyboard_only_and_progress_that_stays_and_goes(visited):
    quiz, keys = Quiz(visited, "alignments"), visited.page.keyboard
    quiz.root.get_by_role("checkbox").first.focus()
    for right in (True, False, True, True, False, True, False):
        if right:
            keys.press("Space")
        keys.press("Tab")
    assert visited.page.evaluate("document.activeElement.textContent") == "Check"
    keys.press("Enter")
    assert quiz.verdict.inner_text().strip() == "Right."
    assert quiz.solved() == "1 of 4 questions solved, kept on this machine"
    visited.page.reload()
    quiz, other = Quiz(visited, "alignments"), Quiz(visited, "count")
    assert quiz.solved().startswith("1 of 4") and other.solved() == "question 1 of 6"
    other.button("Clear my progress").focus()
    keys.press("Enter")
    assert quiz.solved() == "question 1 of 4"
    visited.page.reload()
    assert Quiz(visited, "alignments").solved() == "question 1 of 4"


def test_touch(visited):
    quiz, finger = Quiz(visited, "alignments"), Finger(visited)
    for path in ("m-m--", "mm-mm", "-m-m-", "m--m-", "Check"):
        finger.tap(quiz.root.get_by_text(path, exact=True))
    assert quiz.verdict.inner_text().strip() == "Right."


@pytest.mark.parametrize("how", ["get localStorage() { throw new DOMException('blocked', 'SecurityError'); }", "full"])
def test_blocked_or_full_storage_is_tolerated(visited, how):
    blocked = f"Object.defineProperties(window, Object.getOwnPropertyDescriptors({{ {how} }}))"
    full = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
    visited.context.add_init_script(full if how == "full" else blocked)
    stacks = []
    visited.page.on("pageerror", lambda error: stacks.append(error.stack))
    visited.page.reload()
    quiz = Quiz(visited, "count")
    quiz.root.get_by_label("Number of alignments").fill("15")
    assert quiz.check().strip() == "Right." and quiz.solved().startswith("1 of 6")
    quiz.button("Clear my progress").click()
    assert quiz.solved() == "question 1 of 6"
    assert not any("crnn-widgets" in stack for stack in stacks)
    visited.problems.clear()  # the theme's own scripts do mind


def test_what_else_is_stored_does_no_harm(visited):
    for text in ("no JSON", '{"a": 1}', "[1, null]"):
        visited.page.evaluate("text => localStorage.setItem('crnn-progress', text)", text)
        visited.page.reload()
        assert Quiz(visited, "alignments").solved() == "question 1 of 4"


@everywhere
def test_accessible(visit, address, scheme, width):
    with visit(address, "index.html", scheme=scheme, width=width) as v:
        for name in quiz.QUESTIONS:
            Quiz(v, name).check()  # with its reasons
        targets = v.page.locator(".crnn-widget :is(button, select, input[type=text], .quiz-choices label)")
        assert targets.count() > 30
        assert_open_to_everybody(v.page, f"quiz-{scheme}", width, targets)
        for name in quiz.QUESTIONS:
            Quiz(v, name).button("Another one").click()
        assert axe(v.page) == []
