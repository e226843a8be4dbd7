"""How soon the page's trainer reads, in Chromium, one thread: what its page may say.

    python bench/training/page_training.py [--seeds 20] [--seconds 30] [--stuck 120]

For each seed: the step by which a letter first broke through, and the seconds and steps after which 90 % of images are
read that it never saw; with the first choices (each run has `seconds`), and without prior and BatchNorm (`stuck`). With
each run is its longest task, in milliseconds. Nothing else should run on the machine.
Writes data/results/page_training.json after each run.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, blank_page, options, record
from crnn_lib.widgets import bundle

STUCK = {"prior": False, "batchnorm": "none"}
RUN = """async ({change, milliseconds}) => {
    await new Promise((done) => setTimeout(done, 1000)); // a page is at rest when somebody presses Start
    const run = createRun({...DEFAULTS, ...change});
    const exact = () => run.frames.at(-1)?.exact ?? 0;
    let [reached, longest] = [null, 0];
    const began = performance.now();
    const watch = new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
    });
    await new Promise((done) => setTimeout(done)); // what it took to begin is no slice of work
    watch.observe({ type: 'longtask' });
    await new Promise((ended) => {
        const work = () => {
            run.advance();
            if (exact() >= 0.9) reached = run.facts.steps;
            return reached === null && !run.facts.failed && performance.now() - began < milliseconds;
        };
        createClock({ work, show: () => run.fixed(), ended }, new AbortController().signal).start();
    });
    await new Promise((done) => setTimeout(done, 100));
    watch.disconnect();
    const seconds = (performance.now() - began) / 1000;
    return {seed: run.choices.seed, steps: run.facts.steps, reached,
        first: run.facts.first?.step ?? null, seconds: +seconds.toFixed(1),
        exact: exact(), loss: run.facts.losses.at(-1)[1], floors: run.facts.floors, longest_task: longest};
}"""


def main() -> None:
    a = options(__doc__, seeds=20, seconds=30, stuck=120, out=RESULTS / "page_training.json").parse_args()
    kinds = {"first_choices": ({}, a.seconds), "without_prior_and_batchnorm": (STUCK, a.stuck)}
    runs: dict[str, list[dict]] = {kind: [] for kind in kinds}
    with blank_page() as (page, version):
        page.set_default_timeout(0)
        page.add_script_tag(content=bundle.flat("trainer/run.js", "page/clock.js"))
        for kind, (change, seconds) in kinds.items():
            for seed in range(a.seeds):
                asked = {"change": change | {"seed": seed}, "milliseconds": 1000 * seconds}
                runs[kind].append(page.evaluate(RUN, asked))
                print(kind, runs[kind][-1], flush=True)
                read = {name: sum(run["reached"] is not None for run in done) for name, done in runs.items()}
                left = {name: sum(run["loss"] < 0.95 * run["floors"][1] for run in done) for name, done in runs.items()}
                limits = {name: limit for name, (_, limit) in kinds.items()}
                found = {"seconds": limits, "of": a.seeds, "read": read, "left_the_plateau": left, "runs": runs}
                record(a.out, found, chromium=version)


if __name__ == "__main__":
    main()
