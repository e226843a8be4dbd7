# Each target is one or two plain commands, which also work without make: CONTRIBUTING.md shows them. `make help` lists
# the targets.
#
# Variables you may give:
#   PYTHON=python3.12            the Python (3.11-3.14) that makes the environment
#   TORCH_INDEX=https://download.pytorch.org/whl/cu130
#                                where PyTorch comes from; not given, on Linux without an NVIDIA card: its small CPU build
#   CRNN_CAPTCHA_DIR=folder      the real images; tests that need them skip without it
#   CRNN_PLATES_DIR=folder       the real plates, which chapter 11 then shows
#   DATA=folder                  `make book DATA=folder`: a book of your own, with the real images in it
#   LIGHTHOUSE=folder            for `make bench`: the folder of the npm package lighthouse (bench/book/book.py)
#   OTHERS=python                for `make bench`: the Python that has ddddocr and RapidOCR (bench/accuracy/other_readers.py)
#   ORT=folder                   for `make bench`: the folder dist of onnxruntime-web (bench/speed/page_speed.py)
#   BOOK_URL, BOOK_REPOSITORY    for `make pages`: the public address, and https://github.com/owner/name
#   NOTEBOOKS=book/x.ipynb       for `make execute` and `make notebooks`: one notebook instead of all
#   SET=oldest                   for `make allowed`: which end of the ranges in pyproject.toml (else newest)
#   CASES=2000                   for `make fuzz`: how many cases of each property
#   JOBS=2                       tests side by side
#   KILLS=60                     for `make kills`: how many processes are killed
#   PORT=8000                    where `make serve` listens
PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8000
JOBS   ?= 2
DATA   ?=
TORCH_INDEX ?=
SET    ?= newest
OTHERS ?= runs/ocr/bin/python
KILLS  ?= 60
CASES  ?= 2000

PY        := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
BOOK      := _build/html/.built
IMAGES    := $(or $(CRNN_CAPTCHA_DIR),$(wildcard data/captcha_images))
NOTEBOOKS ?= book/*.ipynb
BUILD     := $(VENV)/bin/jupyter-book build --all -W -n --keep-going --quiet
# The page's JavaScript: deno asks the network for nothing, and keeps what it remembers under the environment.
DENO      := DENO_DIR=$(VENV)/deno DENO_NO_UPDATE_CHECK=1 $(PY) -m deno
JS        := $(DENO) fmt --check && $(DENO) lint --quiet && $(DENO) check --quiet crnn_lib/widgets/*/*.js book/_static/page.js
# Also what is unsafe in the workflows, as far as that can be said without asking GitHub.
STYLE     := $(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m codespell_lib && $(VENV)/bin/zizmor --offline --quiet .github && $(JS)
NBVAL     := -m pytest -n $(JOBS) --dist loadfile --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg
OWN       := _build/own
TRIAL     := _build/$(SET)
# Tests of the book, its pins and its tools, which hold for the pinned versions alone.
UNPINNED  := browser $(addprefix test_,$(addsuffix .py,appendices book doctor exercises kernel launch notebooks publish readme setup workflows))

export DATA
# Dictionaries and sets print in the same order each time.
export PYTHONHASHSEED := 0
# The networks are so small that a second thread costs more than it saves, and sums in one order give the same bits.
export OMP_NUM_THREADS := 1

CPU_INDEX   := https://download.pytorch.org/whl/cpu
SMALL_TORCH := { test "$$(uname -s)" = Linux && ! command -v nvidia-smi >/dev/null && timeout 5 $(PY) -c 'import urllib.request; urllib.request.urlopen("$(CPU_INDEX)/torch/")' 2>/dev/null; }

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install book test browsers everything notebooks quick fuzz lab serve data train bench profile execute pages colab launch links allowed kills clean print FORCE

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# --- the environment: an interrupted step leaves no stamp, so that the next run starts it afresh ---
ifneq ($(shell test -x $(PY) && echo found),found)
$(VENV)/.made: FORCE
endif
$(VENV)/.made:
	@$(PYTHON) -c 'import shutil, sys; v = sys.version_info[:2]; names = ["python3.%d" % minor for minor in (14, 13, 12, 11)]; sys.exit(0 if (3, 11) <= v <= (3, 14) else "Python 3.11 to 3.14 is needed, and $(PYTHON) is %d.%d: give another one, as in make PYTHON=%s book" % (*v, next(filter(shutil.which, names), names[0])))'
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# One quick question whether PyTorch's own index answers; if not, pip takes what its usual index has.
$(INSTALLED): requirements.txt constraints.txt pyproject.toml $(VENV)/.made
	@rm -f $(VENV)/.made
	index='$(TORCH_INDEX)'; test -n "$$index" || ! $(SMALL_TORCH) || index=$(CPU_INDEX); \
	$(PY) -m pip install -r requirements.txt -c constraints.txt $${index:+--extra-index-url $$index}
	$(PY) -m pip install --no-deps --no-build-isolation -e .
	@touch $(VENV)/.made $@

install: $(INSTALLED) ## .venv with everything in requirements.txt

# --- the book ---
# make itself never reads the name of a source: it may hold spaces and colons.
MADE_OF := _config.yml _toc.yml book crnn_lib data/results data/label_audit.csv
ifneq ($(shell test -f $(BOOK) && find $(MADE_OF) -name '.*' -prune -o -name __pycache__ -prune -o -newer $(BOOK) -exec echo changed \; -quit),)
$(BOOK): FORCE
endif
$(BOOK): $(INSTALLED)
	@rm -rf _build/html _build/.doctrees
	$(PY) $(BUILD) .
	@touch $@

ifeq ($(DATA),)
book: $(BOOK) ## the built book in _build/html
	@$(PY) -c 'import pathlib; print("The book is built. Open", pathlib.Path("_build/html/index.html").resolve().as_uri(), "or run: make serve")'
else
book: $(INSTALLED)
	$(PY) -m crnn_lib data verify "$$DATA"
	@rm -rf $(OWN) && mkdir -p $(OWN)/data
	cp -r _config.yml _toc.yml book $(OWN)
	cp -r data/results $(OWN)/data
	CRNN_CAPTCHA_DIR="$$(cd "$$DATA" && pwd)" $(PY) bench/tools/execute.py $(addprefix $(OWN)/,$(NOTEBOOKS))
	$(PY) $(BUILD) $(OWN)
	@$(PY) -c 'import pathlib; print("Your own book, with the real images in it, is in", pathlib.Path("$(OWN)/_build/html/index.html").resolve().as_uri())'
endif

serve: $(BOOK) ## the book at http://localhost:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

# All chapters on one page first, which is good to read too.
print: $(INSTALLED) ## the whole book as _build/print/book.pdf (needs Chromium)
	$(PY) $(BUILD) --builder singlehtml --path-output _build/print .
	$(PY) book/_ext/paper.py _build/print/_build/singlehtml _build/print/book.pdf

lab: $(INSTALLED) ## the notebooks in JupyterLab
	$(PY) -m jupyterlab book

# The stored outputs are those without the real images, which no output may show.
execute: $(INSTALLED) ## run the notebooks again and store their outputs (NOTEBOOKS=book/x.ipynb for one)
	env -u CRNN_CAPTCHA_DIR -u CRNN_PLATES_DIR $(PY) bench/tools/execute.py $(NOTEBOOKS)

# --- the checks ---
test: $(BOOK) ## style, library with coverage, built pages in Chromium, every notebook compared (a quarter of an hour)
	$(STYLE)
	$(PY) -m pytest -n $(JOBS) --dist worksteal tests --cov --cov-fail-under=95
	$(MAKE) --no-print-directory notebooks

browsers: $(BOOK) ## the built pages in Firefox and WebKit (some minutes)
	$(PY) -m pytest -n $(JOBS) --dist worksteal -m browsers tests/browser

everything: browsers ## what `make test` leaves out: other browsers, and the notebooks with the arithmetic of another CPU
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 $(MAKE) --no-print-directory notebooks

# On the real images, where no output can be compared, tests/test_exercises.py runs them, with the solutions put in.
notebooks: $(INSTALLED) ## every notebook again, its outputs compared
	env -u CRNN_CAPTCHA_DIR -u CRNN_PLATES_DIR $(PY) $(NBVAL) $(NOTEBOOKS)

quick: $(INSTALLED) ## style and the library's quick tests, in about a minute
	$(STYLE) && $(PY) -m pytest tests -x -n $(JOBS) -m "not slow" --ignore=tests/browser

# Some twenty properties of damaged files, odd arguments, messages and page data, CASES new cases each, and a tenth of
# that for the two that train. The library's tests hold a few of each.
fuzz: $(INSTALLED) ## thousands of damaged files and odd inputs (CASES=2000 a property)
	$(PY) bench/tools/fuzz.py --cases $(CASES)

# --- the library ---
data: $(INSTALLED) ## fetch the real images to data/captcha_images
	$(PY) -m crnn_lib data fetch

train: $(INSTALLED) ## train a reader on the real images, else on generated ones
	$(PY) -m crnn_lib train $(if $(IMAGES),--data "$(IMAGES)") --out runs/reader.safetensors

# With the real images about two hours, most of them trainings. What is left out has its command in
# book/appendix_reproducing.md.
bench: $(BOOK) ## the cost of everything; with the real images, reading and training too
	$(PY) bench/speed/synth_speed.py
	$(PY) bench/speed/decoders.py
	$(PY) bench/speed/lab_speed.py
	$(PY) bench/speed/machine_speed.py
	$(MAKE) --no-print-directory profile
	$(PY) bench/book/book.py --parts build pages
	$(if $(LIGHTHOUSE),$(PY) bench/book/book.py --parts lighthouse --lighthouse "$(LIGHTHOUSE)",@echo "Left out: Lighthouse, which needs LIGHTHOUSE=folder")
	$(if $(ORT),$(PY) bench/speed/page_speed.py --ort "$(ORT)",@echo "Left out: page_speed, which needs ORT=folder")
	$(if $(IMAGES),$(PY) bench/speed/reading.py --captchas "$(IMAGES)" --others "$(OTHERS)",@echo "Left out: reading, protocol, the cost of recipes, which need the real images: make data, or set CRNN_CAPTCHA_DIR")
	$(if $(IMAGES),$(PY) bench/accuracy/protocol.py --captchas "$(IMAGES)")
	$(PY) bench/training/training_cost.py $(if $(IMAGES),--captchas "$(IMAGES)",--parts growth)

profile: $(INSTALLED) ## where a training step and a reading in the page spend their time
	$(PY) bench/speed/where_time_goes.py

# --- publishing: what the workflows in .github run ---
pages: $(INSTALLED) ## the book for its public place (BOOK_URL and BOOK_REPOSITORY say which)
	@test -n "$(BOOK_URL)" && test -n "$(BOOK_REPOSITORY)" || { echo "Give BOOK_URL=https://... and BOOK_REPOSITORY=https://github.com/owner/name" >&2; exit 2; }
	@rm -rf _build/html _build/.doctrees
	BOOK_URL="$(BOOK_URL)" BOOK_REPOSITORY="$(BOOK_REPOSITORY)" $(PY) $(BUILD) .

# A branch of one commit, pushed over the last one: the notebooks, each with the cell that makes Colab ready.
colab: $(INSTALLED) ## push the notebooks for Colab to the branch `colab` of origin
	BOOK_REPOSITORY="$(BOOK_REPOSITORY)" $(PY) book/_ext/publish.py
	@rm -f _build/colab.index
	GIT_INDEX_FILE="$(CURDIR)/_build/colab.index" git --work-tree=_build/colab add --all --force .
	git -c user.name=pages -c user.email=pages@localhost commit-tree -m "Notebooks for Colab" $$(GIT_INDEX_FILE="$(CURDIR)/_build/colab.index" git write-tree) > _build/colab.commit
	git push --force origin $$(cat _build/colab.commit):refs/heads/colab

# A fresh environment for each, made of the last commit: minutes, and about 3 GB in _build/launch.
launch: $(INSTALLED) ## chapters run as Binder and Colab start them
	$(if $(TORCH_INDEX),PIP_EXTRA_INDEX_URL=$(TORCH_INDEX)) $(PY) bench/tools/launch.py

links: $(INSTALLED) ## ask every address outside the book whether it is still there
	$(VENV)/bin/jupyter-book build --all --builder linkcheck --path-output _build/links .

allowed: ## the library's quick tests with the newest allowed versions (SET=oldest: the oldest)
	$(PYTHON) -m venv --clear $(TRIAL) && $(TRIAL)/bin/python -m pip install -q uv
	$(TRIAL)/bin/uv pip install --python $(TRIAL)/bin/python --resolution $(if $(filter oldest,$(SET)),lowest-direct,highest) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX) --index-strategy unsafe-best-match) '.[test]'
	$(TRIAL)/bin/python -m pytest tests -m "not slow" $(UNPINNED:%=--ignore=tests/%)

kills: $(INSTALLED) ## kill -9 at random moments, run again: is anything lost or wrong? (minutes; KILLS=60)
	$(PY) bench/tools/kills.py --kills $(KILLS)

clean: ## remove everything made here, the environment included
	rm -rf _build $(VENV) runs .pytest_cache .ruff_cache .hypothesis .coverage
