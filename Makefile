# make demo     bring up the demo stack on this machine, from nothing
# make test     the gate: checks and tests, the real stacks' included; JOBS=2 parts at a time
# make proofs   faults of the database tier and of the surroundings, and a watch for secrets during whole runs: about an hour and a half
# make bench    first run and a run with nothing to do, beside plain shell and Ansible; make bench-growth: up to 100 hosts
# make bench-edge     the edge beside bare Varnish and nginx, the generated gunicorn beside a plain deployment: a quarter of an hour
# make bench-failover   drills again and again beside Patroni's own timing: hours; goes on where it was interrupted
# make kills SEEDS=20   runs killed at random moments, about three minutes a seed; goes on where it was interrupted
# make clean-demo   remove the demo stack and all that belongs to it

PATH := $(CURDIR)/.venv/bin:$(PATH)
export PATH
# Every command of a test is a process of its own: it would compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check warm browser unit stack proofs pictures bench bench-growth bench-failover bench-edge kills docs lock wheel clean-demo setup

setup:
	@scripts/setup

demo: setup
	@massive-deploy up inventories/demo

clean-demo: setup
	@massive-deploy destroy inventories/demo --confirm demo
	@rm -f inventories/demo/placement.yaml inventories/demo/secrets.age inventories/demo/recipients.txt

# Parts of the gate, each a process: the longest first, so that none is waited for at the end. A stack mostly waits.
JOBS ?= 2
LONGEST := $(patsubst %,tests/stack/test_%.py,demo_stack kills guards releases edge database_tier)
STACKS := $(shell grep -L 'stack, pytest.mark.proof' tests/stack/test_*.py)
PARTS := $(LONGEST) $(filter-out $(LONGEST),$(STACKS))
PYTEST := pytest -m "not proof" -p no:cacheprovider -o tmp_path_retention_count=50 --durations=5 --durations-min=20

test: setup
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --keep-going --output-sync=target warm others check $(PARTS)

.PHONY: others $(PARTS)
others: setup
	@$(PYTEST) --ignore=tests/stack tests

$(PARTS): warm
	@$(PYTEST) $@

warm: setup
	@python tests/stack/warm.py

proofs: browser
	@pytest -m proof

# Pages are looked at in Debian's Chromium.
browser: setup
	@scripts/setup browser
tests/stack/test_pages_drawn.py tests/stack/test_pages.py: browser

check: setup
	@ruff check .
	@ruff format --check .
	@mypy

unit: setup
	@pytest -m "not stack"

stack: browser
	@pytest -m stack

bench: setup
	@python -m bench.first_run

bench-growth: setup
	@python -m bench.growth

bench-edge: setup
	@python -m bench.edge

FAILOVER ?= --resume /tmp/massive-deploy-failover.jsonl
bench-failover: setup
	@python -m bench.failover $(FAILOVER)

SEEDS ?= 20
KILLS ?= /tmp/massive-deploy-kills
kills: setup
	@PYTHONPATH=tests/stack:tests/kills python tests/kills/matrix.py --seeds $(SEEDS) --folder $(KILLS)

docs: setup
	@massive-deploy explain --markdown >docs/topology.md

pictures: browser
	@PICTURES=docs/pages pytest -p no:cacheprovider tests/stack/test_pages.py

lock: setup
	@uv lock

wheel: setup
	@python -m build --installer uv
