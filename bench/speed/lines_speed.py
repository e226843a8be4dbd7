"""How many printed lines a second the generator draws on one core, in the faces that every installation has.

    python bench/speed/lines_speed.py [--count N] [--out data/results/lines_speed.json]

CPU-seconds of this process, after 300 lines that open the fonts. Each step has those before it in it.
"""

import io
import json
import os
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from PIL import Image

from bench.common import RESULTS, options, record
from crnn_lib.drawing import faces, lines
from crnn_lib.tools.generate import SWIFT


def main() -> None:
    a = options(__doc__, count=3000, out=RESULTS / "lines_speed.json").parse_args()
    chosen = [face for face in faces.wheels() if not face.held_out]
    list(lines.generate(300, 1, chosen))
    started = [time.process_time()]
    texts = [lines.label(0, i) for i in range(a.count)]
    started.append(time.process_time())
    images = [image for image, _ in lines.generate(a.count, 0, chosen)]
    started.append(time.process_time())
    for image in images:
        Image.fromarray(image).save(io.BytesIO(), **SWIFT)
    started.append(time.process_time())
    text, drawn, packed = (after - before for before, after in pairwise(started))
    found = {
        "lines": a.count,
        "faces": len(chosen),
        "mean_characters": round(statistics.fmean(map(len, texts)), 1),
        "median_pixels": {
            "height": statistics.median(image.shape[0] for image in images),
            "width": statistics.median(image.shape[1] for image in images),
        },
        "lines_per_second": {
            "texts": round(a.count / text),
            "drawn": round(a.count / drawn),
            "packed as PNG": round(a.count / (drawn + packed)),
        },
    }
    record(a.out, found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
