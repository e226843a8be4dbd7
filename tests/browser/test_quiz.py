"""The exercises in a real browser: reasons for what is wrong, progress that stays here, from http and from file."""

import pytest
from small_site import build
from test_pages import axe, look
from visits import Visit, served

from crnn_lib.widgets.quiz import quiz


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    quizzes = "\n".join(f"```{{crnn-widget}} quiz\n:name: {name}\n```\n" for name in quiz.QUESTIONS)
    return build(tmp_path_factory.mktemp("quiz"), {"index": f"# Exercises\n\nA page.\n\n{quizzes}"})


@pytest.fixture(scope="module")
def address(site):
    with served(site) as found:
        yield found


@pytest.fixture(params=["http", "file"])
def visit(request, chromium, site):
    place = request.getfixturevalue("address") if request.param == "http" else site.as_uri()
    with Visit(chromium, place, "index.html") as visit:
        yield visit
        assert visit.outside == []
        assert visit.problems == []


class Quiz:
    """One exercise as somebody who does it meets it."""

    def __init__(self, visit, name):
        self.page = visit.page
        mount = self.page.locator("crnn-widget").nth(list(quiz.QUESTIONS).index(name))
        mount.scroll_into_view_if_needed()
        self.root = mount.locator('[data-crnn-widget="quiz"]')
        self.root.wait_for()
        self.verdict = self.root.get_by_role("status")

    def button(self, name):
        return self.root.get_by_role("button", name=name)

    def check(self):
        self.button("Check").click()
        return self.verdict.inner_text()

    def question(self):
        return self.root.locator("fieldset").inner_text()

    def solved(self):
        return self.root.locator("form .crnn-note").last.inner_text()


def test_alignments(visit):
    quiz = Quiz(visit, "alignments")
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


def test_count(visit):
    quiz = Quiz(visit, "count")
    box = quiz.root.get_by_label("Number of alignments")
    wrong = {"x": "whole number", "6": "may also last", "81": "number of all paths", "14": "Not 14."}
    for typed, words in wrong.items():
        box.fill(typed)
        assert words in quiz.check()
    box.fill("15")
    assert quiz.check().strip() == "Right."
    for _ in range(3):
        quiz.button("Another one").click()
    box.fill("1")
    assert "T = 2 is less than U + r = 2 + 1" in quiz.check()
    box.fill("0")
    assert quiz.check().strip() == "Right."


def test_a_column_of_the_lattice(visit):
    quiz = Quiz(visit, "column")
    cells = quiz.root.locator("input")
    assert "Cells 0, 1, 2, 3, 4: Type a number such as 0.125." in quiz.check()
    for cell, value in zip(cells.all(), ("0.1", "0.45", "0.08", "0", "0"), strict=True):
        cell.fill(value)
    said = quiz.check()
    assert said.count("Cell") == 1 and "Cell 3: That leaves out the skip" in said
    assert [cell.get_attribute("aria-invalid") for cell in cells.all()] == ["false"] * 3 + ["true", "false"]
    cells.nth(3).fill("0,12")
    assert quiz.check().strip() == "Right."


def test_decoding(visit):
    quiz = Quiz(visit, "decoding")
    assert quiz.check().count("choose a text") == 2
    quiz.root.get_by_label("Greedy decoding reads").select_option("a")
    quiz.root.get_by_label("The most probable text is").select_option("")
    said = quiz.check()
    assert "gives the path --" in said and "p(the empty text) = 0.36, from 1 path: --. Another text has more." in said
    quiz.root.get_by_label("Greedy decoding reads").select_option("")
    quiz.root.get_by_label("The most probable text is").select_option("a")
    assert quiz.check().strip() == "Right."


def test_prefixes(visit):
    quiz = Quiz(visit, "prefixes")
    boxes = quiz.root.get_by_role("checkbox")
    boxes.nth(3).check()
    said = quiz.check()
    assert "A blank stands between, so the letter counts once more: it becomes aa." in said and "4 boxes more" in said
    boxes.nth(3).uncheck()
    for i in (0, 1, 2, 4):
        boxes.nth(i).check()
    assert quiz.check().strip() == "Right."


def test_plateau(visit):
    quiz = Quiz(visit, "plateau")
    assert "Choose one." in quiz.check()
    assert "3.20 at step 432" in quiz.root.get_by_role("img").get_attribute("aria-label")
    quiz.root.get_by_label("nothing, this run is healthy").check()
    assert "ends close to zero. This one starts at 3.28 and ends at 3.20" in quiz.check()
    for right in ("plain SGD", "not started at the prior", "nothing", "too few time steps"):
        quiz.root.get_by_label(right).check()
        assert quiz.check().strip() == "Right."
        quiz.button("Another one").click()
    assert quiz.solved() == "4 of 4 questions solved, kept on this machine"


@pytest.mark.parametrize("name", quiz.QUESTIONS)
def test_another_one_is_another_one(visit, name):
    quiz = Quiz(visit, name)
    seen = []
    for _ in range(3):
        picture = quiz.root.locator("fieldset [role=img]")
        seen.append(quiz.question() + (picture.get_attribute("aria-label") if picture.count() else ""))
        quiz.button("Another one").click()
        assert quiz.verdict.inner_text() == "" and visit.page.evaluate("document.activeElement.tagName") == "FIELDSET"
    assert len(set(seen)) == 3


def test_keyboard_only_and_progress_that_stays_and_goes(visit):
    quiz, keys = Quiz(visit, "alignments"), visit.page.keyboard
    quiz.root.get_by_role("checkbox").first.focus()
    for right in (True, False, True, True, False, True, False):
        if right:
            keys.press("Space")
        keys.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Check"
    keys.press("Enter")
    assert quiz.verdict.inner_text().strip() == "Right."
    assert quiz.solved() == "1 of 4 questions solved, kept on this machine"
    visit.page.reload()
    quiz, other = Quiz(visit, "alignments"), Quiz(visit, "count")
    assert quiz.solved().startswith("1 of 4") and other.solved() == "question 1 of 6"
    other.button("Clear my progress").focus()
    keys.press("Enter")
    assert quiz.solved() == "question 1 of 4"
    visit.page.reload()
    assert Quiz(visit, "alignments").solved() == "question 1 of 4"


def test_touch(visit):
    quiz = Quiz(visit, "alignments")
    session = visit.context.new_cdp_session(visit.page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
    for path in ("m-m--", "mm-mm", "-m-m-", "m--m-", "Check"):
        target = quiz.root.get_by_text(path, exact=True)
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        visit.page.wait_for_timeout(100)
    assert quiz.verdict.inner_text().strip() == "Right."


@pytest.mark.parametrize("how", ["get localStorage() { throw new DOMException('blocked', 'SecurityError'); }", "full"])
def test_blocked_or_full_storage_is_tolerated(visit, how):
    blocked = f"Object.defineProperties(window, Object.getOwnPropertyDescriptors({{ {how} }}))"
    full = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
    visit.context.add_init_script(full if how == "full" else blocked)
    stacks = []
    visit.page.on("pageerror", lambda error: stacks.append(error.stack))
    visit.page.reload()
    quiz = Quiz(visit, "count")
    quiz.root.get_by_label("Number of alignments").fill("15")
    assert quiz.check().strip() == "Right." and quiz.solved().startswith("1 of 6")
    quiz.button("Clear my progress").click()
    assert quiz.solved() == "question 1 of 6"
    assert not any("crnn-widgets" in stack for stack in stacks)
    visit.problems.clear()  # the theme's own scripts do mind


def test_what_else_is_stored_does_no_harm(visit):
    for text in ("no JSON", '{"a": 1}', "[1, null]"):
        visit.page.evaluate("text => localStorage.setItem('crnn-progress', text)", text)
        visit.page.reload()
        assert Quiz(visit, "alignments").solved() == "question 1 of 4"


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_accessible(chromium, address, scheme, width):
    with Visit(chromium, address, "index.html", scheme=scheme, width=width) as visit:
        for name in quiz.QUESTIONS:
            Quiz(visit, name).check()  # with its reasons
        look(visit.page, f"quiz-{scheme}-{width}")
        assert axe(visit.page) == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        targets = visit.page.locator(".crnn-widget :is(button, select, input[type=text], .learn-choices label)")
        small = targets.evaluate_all("all => all.filter(e => e.getBoundingClientRect().height < 44).length")
        assert targets.count() > 30 and small == 0
        for name in quiz.QUESTIONS:
            Quiz(visit, name).button("Another one").click()
        assert axe(visit.page) == []
