"""Run chapters as Binder and Colab start them: `make launch`. It takes minutes, so it is no part of `make test`.

Each service gets a fresh environment with what it brings itself, and a bare clone of the last commit in GitHub's place.
Whatever else a chapter needs must come from the book's own files: `.binder`, or the first cell of Colab's copy.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "_build" / "launch"
GITHUB = "https://github.com/owner/name"
CHAPTERS = ["03_cnn_features", "12_playground"]
KERNEL = ["ipykernel", "nbclient"]
SCIENCE = ["torch", "numpy", "pillow", "scipy", "tqdm", "pandas", "matplotlib", "seaborn", "ipywidgets"]
BRINGS = {"binder": KERNEL, "colab": KERNEL + SCIENCE}
COLAB = "class output:\n    @staticmethod\n    def enable_custom_widget_manager(): pass\n"


def stranger(service: str) -> dict[str, str]:
    """The surroundings of somebody who has neither this checkout nor its settings."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CRNN_", "OMP_", "BOOK_", "VIRTUAL_ENV"))
    }
    led = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{PLACE}/github.insteadOf",
        "GIT_CONFIG_VALUE_0": GITHUB,
    }
    return kept | led | {"PATH": f"{PLACE / service / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def binder(folder: Path, do) -> Path:
    """The folder of the chapters, after what repo2docker does with `.binder`."""
    do("git", "clone", "-q", GITHUB, folder / "name")
    do("pip", "install", "-q", "-r", ".binder/requirements.txt", cwd=folder / "name")
    return folder / "name" / "book"


def colab(folder: Path, do) -> Path:
    """The folder of Colab's copies; their first cell installs everything else."""
    do("git", "clone", "-q", GITHUB, folder / "source")
    do("env", f"BOOK_REPOSITORY={GITHUB}", sys.executable, "book/_ext/publish.py", cwd=folder / "source")
    (packages,) = (folder / "venv").glob("lib/*/site-packages")
    (packages / "google").mkdir(exist_ok=True)
    (packages / "google" / "colab.py").write_text(COLAB)
    return folder / "source" / "_build" / "colab" / "book"


def launch(service: str, chapters: list[str]) -> None:
    """Run `chapters` as `service` does; raises CalledProcessError at the first command that fails."""
    folder = PLACE / service
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def do(*command, cwd=folder):
        print(f"{service}:", *command, flush=True)
        subprocess.run(command, check=True, cwd=cwd, env=stranger(service))

    do(sys.executable, "-m", "venv", folder / "venv")
    do("pip", "install", "-q", *BRINGS[service])
    book = {"binder": binder, "colab": colab}[service](folder, do)
    for chapter in chapters:
        do("jupyter-execute", f"{chapter}.ipynb", cwd=book)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run chapters as Binder and Colab start them.")
    parser.add_argument("chapters", nargs="*", default=CHAPTERS, metavar="CHAPTER")
    chapters = parser.parse_args().chapters
    shutil.rmtree(PLACE, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--bare", ROOT, PLACE / "github"], check=True)
    for service in BRINGS:
        launch(service, chapters)


if __name__ == "__main__":
    main()
