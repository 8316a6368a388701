# Two commands do everything on a fresh machine with Python >= 3.11, make and git:
#   make demo   set up, analyze the sample recordings, print the verdicts
#   make test   set up, run the whole test suite
# Another Python: make test PYTHON3=/path/to/python3.12
# On Windows this wants GNU make and a Python on the PATH; it has not been tried there.

ifeq ($(OS),Windows_NT)
  PYTHON3 ?= python
  BIN := .venv/Scripts
else
  PYTHON3 ?= python3
  BIN := .venv/bin
endif
PYTHON := $(BIN)/python
JOBS ?= 2
LOADSENSE := $(BIN)/loadsense
SAMPLE := sample_recordings/simulated
READY := .venv/ready.txt
PYTEST := $(PYTHON) -m pytest -n $(JOBS) --dist loadfile

FRONTEND := src/loadsense/web/static/vendor/uplot.min.js

.PHONY: frontend frontend-if-possible demo test check format soak coverage bench samples clean

demo: $(READY) frontend-if-possible
	$(LOADSENSE) analyze $(SAMPLE)-hip-session.csv.gz --placement hip --range-g 16 --tz Europe/Madrid --person sample_recordings/people/p017.toml -o outputs
	$(LOADSENSE) analyze $(SAMPLE)-stage-1-hip.csv.gz --placement hip --range-g 16 --person sample_recordings/people/p021.toml -o outputs
	$(LOADSENSE) analyze $(SAMPLE)-hip-clipped.csv.gz --placement hip --range-g 8 -o outputs
	$(LOADSENSE) analyze $(SAMPLE)-hip-gaps.csv.gz --placement hip --range-g 16 -o outputs
	$(LOADSENSE) analyze $(SAMPLE)-range-2g.csv.gz --placement hip --range-g 2 -o outputs
	$(LOADSENSE) analyze --together hip=$(SAMPLE)-hirit-hip.csv.gz wrist=$(SAMPLE)-hirit-wrist.csv.gz --range-g 16 --load deadlift=60 --load back_squat=51 --load overhead_press=26 --person sample_recordings/people/p017.toml -o outputs
	@echo "The reports are in outputs/: open outputs/simulated-hip-session/report.html"

test: $(READY) frontend-if-possible
	$(PYTEST)

check: $(READY) frontend-if-possible
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(BIN)/lint-imports
	$(PYTEST)

# The dashboard's browser libraries, by npm; without npm everything but the dashboard works.
frontend: $(FRONTEND)

frontend-if-possible: $(READY)
	@$(PYTHON) frontend/fetch.py --if-possible

$(FRONTEND): frontend/package-lock.json
	$(PYTHON3) frontend/fetch.py

format: $(READY)
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

soak: $(READY)
	$(PYTEST) -m soak

coverage: $(READY)
	$(PYTEST) --cov --cov-report=term-missing:skip-covered --cov-fail-under=95

bench: $(READY)
	$(PYTHON) benchmarks/speed.py

samples: $(READY)
	$(PYTHON) -m loadsense.simulate --samples sample_recordings

clean:
	$(PYTHON3) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('.venv', 'outputs', 'build', 'dist')]"

# The environment, made again whenever the project file or the pins change.
$(READY): pyproject.toml constraints.txt
	$(PYTHON3) -c "import sys; sys.exit('LoadSense needs Python 3.11 or later, this is ' + sys.version.split()[0] + ': make PYTHON3=/path/to/python3.11' if sys.version_info < (3, 11) else 0)"
	$(PYTHON3) -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	$(PYTHON) -c "open('$(READY)', 'w').write('made by make')"
