"""Lines of code, without blank lines, comments and docstrings, by part: `python bench/tools/lines.py [ROOT]`."""

import ast
import io
import re
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUIET = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT,
    tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip
PARTS = {
    "library": ("crnn_lib/**/*.py", lambda path: "widgets" not in path.parts),
    "widgets, Python": ("crnn_lib/widgets/**/*.py", lambda path: True),
    "widgets, JavaScript": ("crnn_lib/widgets/**/*.js", lambda path: True),
    "benches": ("bench/**/*.py", lambda path: True),
    "tests": ("tests/**/*.py", lambda path: True),
}


def of_python(text: str) -> int:
    """How many lines of a Python program are neither blank nor comment nor docstring."""
    kept = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in QUIET:
            kept.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, False) is not None:
            kept -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(kept)


def of_javascript(text: str) -> int:
    """How many lines of a script are neither blank nor comment."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return sum(bool(line.strip()) and not line.strip().startswith("//") for line in text.split("\n"))


def counted(root: Path = ROOT) -> dict[str, int]:
    """Lines of code by part."""
    result = {}
    for part, (pattern, belongs) in PARTS.items():
        count = of_python if pattern.endswith(".py") else of_javascript
        paths = [path for path in root.glob(pattern) if belongs(path.relative_to(root))]
        result[part] = sum(count(path.read_text(encoding="utf-8")) for path in paths)
    return result


if __name__ == "__main__":
    for part, lines in counted(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT).items():
        print(f"{lines:6,}  {part}")
