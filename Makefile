# Each target is one or two plain commands. `make help` lists them.
#
# Variables you may give:
#   PYTHON=python3.12            the Python (3.11-3.13) that makes the environment
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu
#                                on Linux: PyTorch's small CPU build instead of the large CUDA one
#   CRNN_CAPTCHA_DIR=folder      the real images; tests that need them skip without it
#   PORT=8000                    where `make serve` listens
PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8000
TORCH_INDEX ?=

PY        := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
BOOK      := _build/html/.built
IMAGES    := $(or $(CRNN_CAPTCHA_DIR),$(wildcard data/captcha_images))
SOURCES   := _config.yml _toc.yml $(shell find book -type f -not -path '*/.*' -not -name '*.pyc')
NOTEBOOKS := $(wildcard book/*.ipynb)

# Kernels and scripts find crnn_lib wherever they start; dictionaries and sets print in the same order each time.
export PYTHONPATH := $(CURDIR)
export PYTHONHASHSEED := 0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install book test quick lab serve data train bench execute clean FORCE

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# --- the environment: an interrupted step leaves no stamp, so that the next run starts it afresh ---
ifneq ($(shell test -x $(PY) && echo found),found)
$(VENV)/.made: FORCE
endif
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is %d.%d: give another one, as in make PYTHON=python3.12 book" % v)'
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(INSTALLED): requirements.txt constraints.txt $(VENV)/.made
	@rm -f $(VENV)/.made
	$(PY) -m pip install -r requirements.txt -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "crnn_lib.pth").write_text(r"$(CURDIR)")'
	@touch $(VENV)/.made $@

install: $(INSTALLED) ## .venv with everything in requirements.txt

# --- the book ---
$(BOOK): $(SOURCES) $(INSTALLED)
	@rm -rf _build
	$(PY) $(VENV)/bin/jupyter-book build --all -W -n --keep-going --quiet .
	@touch $@

book: $(BOOK) ## the built book in _build/html
	@$(PY) -c 'import pathlib; print("The book is built. Open", pathlib.Path("_build/html/index.html").resolve().as_uri(), "or run: make serve")'

serve: $(BOOK) ## the book at http://localhost:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lab: $(INSTALLED) ## the notebooks in JupyterLab
	$(PY) -m jupyterlab book

# The stored outputs are those without the real images, which no output may show.
execute: $(INSTALLED) ## run the notebooks again and store their outputs (NOTEBOOKS=book/x.ipynb for one)
	env -u CRNN_CAPTCHA_DIR $(PY) tests/execute.py $(NOTEBOOKS)

# --- the checks ---
test: $(BOOK) ## everything: style, library with coverage, notebooks, built pages
	$(PY) -m ruff check . && $(PY) -m ruff format --check .
	$(PY) -m pytest tests --cov --cov-fail-under=95
	env -u CRNN_CAPTCHA_DIR $(PY) -m pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg $(NOTEBOOKS)

quick: $(INSTALLED) ## style and the library's tests only
	$(PY) -m ruff check . && $(PY) -m pytest tests -x --ignore=tests/browser

# --- the library ---
data: $(INSTALLED) ## fetch the real images to data/captcha_images
	$(PY) -m crnn_lib data fetch

train: $(INSTALLED) ## train a reader on the real images, else on generated ones
	$(PY) -m crnn_lib train $(if $(IMAGES),--data "$(IMAGES)") --out runs/reader.safetensors

bench: $(INSTALLED) ## the generator's speed; with the real images, the published protocol too
	$(PY) bench/synth_speed.py
	$(if $(IMAGES),$(PY) bench/protocol.py --captchas "$(IMAGES)",@echo "No real images: make data, or set CRNN_CAPTCHA_DIR")

clean: ## remove everything made here, the environment included
	rm -rf _build $(VENV) runs .pytest_cache .ruff_cache .hypothesis .coverage
