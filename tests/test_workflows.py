"""The GitHub workflows, which run nowhere here: pinned, with few rights, and with documented commands alone."""

import re
import tomllib

import pytest
import yaml
from places import ROOT, text_of

MAKEFILE = text_of("Makefile")
CONTRIBUTING = text_of("CONTRIBUTING.md")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RIGHTS = {  # beyond reading the repository, job by job
    ("pages.yml", "build"): {"contents": "read", "pages": "read"},
    ("pages.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("pages.yml", "colab"): {"contents": "write"},
}


def steps(workflow):
    return [(job, step) for job, content in workflow["jobs"].items() for step in content.get("steps", ())]


def faults(name, text):
    """What is wrong with a workflow, one line a fault; an empty list is the aim."""
    workflow, found = yaml.safe_load(text), []
    triggers = workflow[True]  # YAML reads `on` as true
    if workflow.get("permissions") != {"contents": "read"}:
        found.append("does not start with the right to read alone")
    if "concurrency" not in workflow:
        found.append("may run twice at the same time")
    if "pull_request_target" in triggers or "workflow_run" in triggers:
        found.append("runs with a maintainer's rights on a stranger's change")
    for job, content in workflow["jobs"].items():
        if content.get("permissions", {"contents": "read"}) != RIGHTS.get((name, job), {"contents": "read"}):
            found.append(f"{job}: other rights than agreed: {content.get('permissions')}")
        if "uses" in content:  # another workflow of the project's own
            if content["uses"] != "$/.github/workflows/test.yml":
                found.append(f"{job}: not a workflow of this project: {content['uses']}")
            continue
        if not 0 < content.get("timeout-minutes", 0) <= 90:
            found.append(f"{job}: no time limit")
        systems = content.get("strategy", {}).get("matrix", {}).get("system", [content["runs-on"]])
        if not all(re.fullmatch(r"(ubuntu-\d\d\.\d\d|macos-\d+|windows-\d{4})", system) for system in systems):
            found.append(f"{job}: runs on {content['runs-on']}, which changes by itself")
    for job, step in steps(workflow):
        if "run" in step and not step["run"].startswith("make "):
            if f"\n{step['run']}\n" not in CONTRIBUTING:
                found.append(f"{job}: a command that is neither the Makefile's nor shown: {step['run']!r}")
        elif "run" in step and not re.search(rf"^{step['run'].split()[1]}:", MAKEFILE, re.MULTILINE):
            found.append(f"{job}: the Makefile has no target for {step['run']!r}")
        if "uses" in step and not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"]):
            found.append(f"{job}: not one of GitHub's own actions, or not pinned by digest: {step['uses']}")
        if step.get("uses", "").startswith("actions/checkout@"):
            pushes = RIGHTS.get((name, job), {}).get("contents") == "write"
            if step.get("with", {}).get("persist-credentials") is not pushes:
                found.append(f"{job}: the checkout keeps credentials without need, or lacks them")
    for line in text.splitlines():
        if "uses:" in line and "uses: $/" not in line and not re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line):
            found.append(f"no version beside the digest: {line.strip()}")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflows(path):
    assert faults(path.name, path.read_text(encoding="utf-8")) == []


def test_all_four_are_there_and_agree_on_their_actions():
    assert [p.name for p in WORKFLOWS] == ["dependencies.yml", "links.yml", "pages.yml", "test.yml"]
    used = {u for p in WORKFLOWS for u in re.findall(r"uses: (\S+)", p.read_text(encoding="utf-8"))}
    assert len({u.split("@")[0] for u in used}) == len(used), "one action, two versions"


def test_what_workflows_hand_to_make_is_read_there():
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        given = {name for job, step in steps(workflow) for name in step.get("env", {})}
        given |= {name for job in workflow["jobs"].values() for name in job.get("env", {})}
        given |= set(workflow.get("env", {}))
        read = MAKEFILE + text_of("book", "_ext", "publish.py")
        assert [name for name in given if name not in read] == [], path.name


def test_tests_run_on_every_python_that_is_allowed():
    matrix = yaml.safe_load(text_of(".github", "workflows", "test.yml"))
    allowed = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', text_of("pyproject.toml"))
    expected = [f"3.{minor}" for minor in range(int(allowed[1]), int(allowed[2]))]
    assert matrix["jobs"]["test"]["strategy"]["matrix"]["python"] == expected


def test_pages_are_published_only_when_the_tests_passed():
    jobs = yaml.safe_load(text_of(".github", "workflows", "pages.yml"))["jobs"]
    assert jobs["test"] == {"name": "Tests", "uses": "$/.github/workflows/test.yml"}
    needs = {job: content.get("needs") for job, content in jobs.items()}
    assert needs == {"test": None, "build": "test", "deploy": "build", "colab": "deploy"}
    assert [job for job, content in jobs.items() if "if" in content or content.get("continue-on-error")] == []


def test_each_fault_is_found():
    bad = """
on: {pull_request_target: {}}
jobs:
  a:
    runs-on: ubuntu-latest
    permissions: {contents: write}
    steps:
      - uses: actions/checkout@v7
      - uses: somebody/else@3d3c42e5aac5ba805825da76410c181273ba90b1  # v1.0.0
      - run: pip install x
      - run: make nonsense
"""
    report = "\n".join(faults("bad.yml", bad))
    expected = """right to read alone | twice | stranger | other rights | time limit | changes by itself | nor shown
        | no target | not pinned | keeps credentials | no version beside"""
    assert [part for part in map(str.strip, expected.split("|")) if part not in report] == []


def test_allowed_versions_include_those_of_the_book():
    from packaging.requirements import Requirement

    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    allowed = {r.name: r for line in lines for r in [Requirement(line)] if r.name != project["name"]}
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text_of("constraints.txt"), re.M))
    for name, requirement in allowed.items():
        assert requirement.specifier.contains(pins[name]), name
        assert {s.operator for s in requirement.specifier} == {">=", "<"}, f"{name}: one oldest, one end"


def test_pre_commit_asks_nobody_else_and_changes_no_notebook():
    """Its hooks are the project's own commands in the project's own environment."""
    config = yaml.safe_load(text_of(".pre-commit-config.yaml"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = {hook["id"]: hook for hook in config["repos"][0]["hooks"]}
    assert set(hooks) == {"ruff", "ruff-format", "deno-fmt", "deno-lint", "deno-check", "codespell", "notebooks"}
    assert all(
        hook["language"] == "system" and hook["entry"].startswith(".venv/bin/python -m ") for hook in hooks.values()
    )
    assert all("--check" in hooks[name]["entry"] for name in ("ruff-format", "deno-fmt"))
    assert "--fix" not in hooks["ruff"]["entry"]
