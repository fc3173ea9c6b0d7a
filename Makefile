# make demo     bring up the demo stack on this machine, from nothing
# make test     the gate: checks and tests, the real stack's included
# make proofs   faults of the surroundings on real hosts, and a watch for secrets during whole runs: a quarter of an hour
# make bench    first run and a run with nothing to do, beside plain shell and Ansible; make bench-growth: up to 100 hosts
# make kills SEEDS=20   runs killed at random moments, about three minutes a seed; goes on where it was interrupted
# make clean-demo   remove the demo stack and all that belongs to it

PATH := $(CURDIR)/.venv/bin:$(PATH)
export PATH

.PHONY: demo test check unit stack proofs bench bench-growth kills docs lock wheel clean-demo setup

setup:
	@scripts/setup

demo: setup
	@massive-deploy up inventories/demo

clean-demo: setup
	@massive-deploy destroy inventories/demo --confirm demo
	@rm -f inventories/demo/placement.yaml inventories/demo/secrets.age inventories/demo/recipients.txt

test: setup check
	@pytest -m "not proof"

proofs: setup
	@pytest -m proof

check: setup
	@ruff check .
	@ruff format --check .
	@mypy

unit: setup
	@pytest -m "not stack"

stack: setup
	@pytest -m stack

bench: setup
	@python -m bench.first_run

bench-growth: setup
	@python -m bench.growth

SEEDS ?= 20
KILLS ?= /tmp/massive-deploy-kills
kills: setup
	@PYTHONPATH=tests/stack:tests/kills python tests/kills/matrix.py --seeds $(SEEDS) --folder $(KILLS)

docs: setup
	@massive-deploy explain --markdown >docs/topology.md

lock: setup
	@uv lock

wheel: setup
	@python -m build --installer uv
