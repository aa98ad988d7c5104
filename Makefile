# The only door: everything a person or a build machine does with Tollway is a target here.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
LOCKS := requirements/dev.txt requirements/local-model.txt requirements/openai-1.txt requirements/anthropic-0.txt requirements/boto3.txt requirements/aigateway.txt requirements/langchain.txt requirements/schemathesis.txt requirements/postgres.txt

.DEFAULT_GOAL := help
.PHONY: help setup run test check format bench bench-quick bench-chunks guard crash soak lock clean

help: ## Say what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything in it, from the pinned requirements.
	@:

run: setup ## Start Tollway on port 8080 with SQLite and the local model; ARGS="..." is passed on.
	@exec $(BIN)/tollway up $(ARGS)

test: setup ## Run every test and the coverage gates; ARGS="..." is passed to pytest.
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/run $(ARGS)

check: setup ## Check format, lint, types, layers and the style of the code.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest tests/tidy

format: setup ## Put the code into its format and mend what can be mended without thinking.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## Measure Tollway beside nginx and other gateways: CPU, latency, memory, ledger rows against answers.
	@PYTHONPATH=. exec $(BIN)/python bench/run.py $(ARGS)

bench-quick: setup ## The same in a minute and a half: a smoke test of the bench, not a measurement.
	@PYTHONPATH=. exec $(BIN)/python bench/run.py --quick $(ARGS)

bench-chunks: setup ## Measure the CPU of one streamed chunk: bytes that pass, and every pair of dialects.
	@exec $(BIN)/python bench/chunks.py $(ARGS)

guard: setup ## Count the hot path's instructions and compare them with those that are recorded; ARGS="--by-function plain".
	@exec $(BIN)/python -m tests.guard.hot_path $(ARGS)

crash: setup ## Kill -9 a serving gateway at random moments under load, then compare every reply with the books.
	@exec $(BIN)/python -m tests.crash.run $(ARGS)

soak: setup ## Load a gateway for an hour and watch memory, files and books, the ledger's machine beside it.
	@PYTHONPATH=. exec $(BIN)/python bench/soak.py $(ARGS)

lock: ## Compile requirements/*.in anew into the pinned *.txt (for maintainers).
	@PYTHON="$(PYTHON)" requirements/lock

clean: ## Remove everything that was made; the data in tollway-data stays.
	rm -rf $(VENV) .coverage .coverage.* .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist htmlcov
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): $(LOCKS) pyproject.toml requirements/setup
	@PYTHON="$(PYTHON)" VENV="$(VENV)" requirements/setup
	@touch $@
