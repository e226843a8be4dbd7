"""What ships with the library: trained models, sample images, a recorded training run, and the folder of results.

In a checkout, manifests and recorded results are in `data`; a wheel carries a copy of them inside this package.
"""

from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE / "data" if (HERE / "data").is_dir() else HERE.parents[1] / "data"  # installed, or in a checkout
RESULTS = DATA / "results"  # recorded results, each of which names the command that made it
SAMPLES = {path.stem: path for path in sorted((HERE / "samples").glob("*.png"))}  # generated images by label
LINES = {path.stem: path for path in sorted((HERE / "lines").glob("*.png"))}  # printed ones, their texts beside them
WEIGHTS = {path.stem: path for path in sorted((HERE / "weights").glob("*.safetensors"))}  # trained models by name
RECORDINGS = {"replay": HERE / "replay.json"}  # what pages play back
SKELETONS = HERE / "skeletons.json"  # a pen's ways of writing each symbol
WORDS = HERE / "words.txt.gz"  # English words, for printed lines
STYLE = HERE / "house.mplstyle"
