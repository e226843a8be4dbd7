"""The trainer's five experiments, followed as a visitor follows them in the built book: does what it says happen?

    python bench/training/page_experiments.py [--seeds 5] [--experiments blanks doubled overfit rate context]

For each experiment and seed, in a window of its own: the seed is typed, the experiment chosen, an answer pressed. Kept
are what the page then says, whether that is `as_told` (what the experiment's text leads one to expect: CLAIMS), the
seconds, the longest task (milliseconds, as PerformanceObserver has it) and the sum of the layout shifts that nobody
caused, from the answer to the outcome. What is learned depends on the seed alone; times want a calm machine.
Writes data/results/page_experiments.json after each run. The book must be built.
"""

import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, chromium, options, record
from crnn_lib.widgets.trainer.trainer import EXPERIMENTS

PAGE = ROOT / "_build" / "html" / "book" / "training_in_the_page.html"
PATIENCE = 900_000  # milliseconds
NEAR = 0.2  # of a floor's loss: what differs by less is near it
CLAIMS = {  # of the outcome's numbers, in order
    "blanks": lambda loss, blank, other, exact, a, b: blank == 100 and exact > 0,
    "doubled": lambda T, fine, two, T8, plain, doubled: min(fine, two, plain) > 50 and doubled < plain / 2,
    "overfit": lambda known, unseen, fresh: known >= 90 and unseen < fresh / 2,
    "rate": lambda high, loss, low, other, a, b, *read: max(abs(loss - b), abs(other - b)) < NEAR * b and max(read) < 5,
    "context": lambda both, none: none <= both - 10,
}
WATCH = """window.seen = {longest_task: 0, shift: 0};
const watch = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type });
watch('longtask', ({ duration }) => (seen.longest_task = Math.max(seen.longest_task, duration)));
watch('layout-shift', ({ value, hadRecentInput }) => (seen.shift += hadRecentInput ? 0 : value));"""
OUTCOME = "document.querySelector('[data-crnn=outcome]').textContent"


def follow(browser, name: str, seed: int) -> dict:
    """What an experiment comes to in a new window."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(PAGE.as_uri())
    root = page.locator('[data-crnn-widget="trainer"]')
    root.locator("summary").first.click()
    root.get_by_role("textbox", name="Seed", exact=True).fill(str(seed))
    root.get_by_label("Experiment").select_option(name)
    page.evaluate(WATCH)
    began = time.perf_counter()
    root.locator(".trainer-card fieldset button").first.click()
    page.wait_for_function(f"() => {OUTCOME}", polling=500)
    seconds = time.perf_counter() - began
    said = page.evaluate(OUTCOME).split("”. ", 1)[1]
    seen = page.evaluate("seen")
    context.close()
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", said)]
    found = {"seed": seed, "outcome": said, "as_told": CLAIMS[name](*numbers), "seconds": round(seconds, 1)}
    return found | {"longest_task": seen["longest_task"], "shift": round(seen["shift"], 4)}


def main() -> None:
    parser = options(__doc__, seeds=5, experiments=list(EXPERIMENTS), out=RESULTS / "page_experiments.json")
    a = parser.parse_args()
    assert PAGE.is_file(), "the book is not built: make book"
    runs: dict[str, list[dict]] = {name: [] for name in a.experiments}
    with chromium() as browser:
        for seed in range(a.seeds):
            for name, found in runs.items():
                found.append(follow(browser, name, seed))
                print(name, found[-1], flush=True)
                told = {key: sum(run["as_told"] for run in done) for key, done in runs.items()}
                record(a.out, {"as_told": told, "of": len(found), "runs": runs}, chromium=browser.version)


if __name__ == "__main__":
    main()
