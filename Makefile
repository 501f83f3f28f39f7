# make demo            the sample library: one page printed, then served on 127.0.0.1:8000 (ONCE=1 stops after the page)
# make test            the whole test suite
# make lint            style, types, direction of imports
# make bench           speed on the library named by PAPERKIN_LIBRARY (the sample library if none is named)
# make torture         long proofs of robustness: harvests that are killed a hundred times, pace over processes
# make bench-crawl     records read and stored a second (SNAPSHOT=FILE repeats its rows, ROWS=3000000 of them)
# make figures         the tables of README.md: JUDGEMENTS=FOLDER of sets, on the library named by PAPERKIN_LIBRARY
#                      (ONLY=WORD those whose command has it, WORK=FOLDER keeps what the sets' papers are embedded to)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test lint torture bench bench-crawl figures format install dev clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

install: $(VENV)/.installed

dev: $(VENV)/.dev

demo: install
	$(BIN)/paperkin demo $(if $(ONCE),--once)

test: dev
	$(BIN)/pytest

torture: dev
	$(BIN)/pytest -m torture --timeout 3600 -s

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(if $(PAPERKIN_LIBRARY),,$(BIN)/paperkin demo --once >/dev/null)
	$(BIN)/paperkin evaluate speed --library $(or $(PAPERKIN_LIBRARY),sqlite:///.paperkin-demo/sample.db)

bench-crawl: dev
	$(BIN)/python -m tests.bench_crawl oai-pmh
	$(BIN)/python -m tests.bench_crawl snapshot --rows $(or $(ROWS),200000) $(if $(SNAPSHOT),--from $(SNAPSHOT))

figures: install
	$(if $(JUDGEMENTS),,$(error name the folder of judged sets: make figures JUDGEMENTS=FOLDER))
	$(if $(PAPERKIN_LIBRARY),,$(error name the library to measure: PAPERKIN_LIBRARY=PATH make figures ...))
	PAPERKIN_JUDGEMENTS=$(JUDGEMENTS) PAPERKIN_WORK=$(WORK) $(BIN)/python -m tests.readme --figures $(ONLY)

clean:
	rm -rf $(VENV) .paperkin-demo
