# `make run` and `make test` install all they need into .venv: Python packages, a Java if there is none, Spark's jars.
PYTHON ?= python3
# The environment's own Spark and packages are used, whatever else this machine has.
unexport SPARK_HOME SPARK_CONF_DIR PYTHONPATH
export PATH := $(CURDIR)/.venv/bin:$(PATH)
.PHONY: run classes demo sql metastore check test nightly images cluster sbom lock bench torture model s3 dictionary clean

# The real sales of the samples name no categories; the made-up shop beside them has all five files.
SHOP := $(foreach source,product_categories products customers orders order_items,\
	--from commerce/$(source)=samples/shop/commerce/$(source))

# The people of the samples are made up: without a key of one's own, one is made for this run and kept nowhere.
run: .venv/.ready
	@if [ -z "$$STRATA_PSEUDONYM_KEY" ]; then \
		echo "STRATA_PSEUDONYM_KEY is not set: the samples' made-up people get a random key, for this run only" >&2; \
		export STRATA_PSEUDONYM_KEY_ID=sample STRATA_PSEUDONYM_KEY="$$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(48))')"; \
	fi; .venv/bin/strata run --raw samples $(SHOP) --warehouse warehouse

# For who starts Spark often: an archive of its classes, made once for each state of Java and the jars.
classes: .venv/.ready
	@.venv/bin/python infra/local/class_archive.py

# A made-up shop from raw files to PostgreSQL, an API and a dashboard; Ctrl-C ends it.
demo: .venv/.ready
	@sh infra/local/postgres.sh
	@.venv/bin/python infra/local/demo.py

# Published tables for SQL clients, by a Spark Thrift server on loopback; PORT=10000 names its port. Ctrl-C ends it.
sql: .venv/.ready
	@.venv/bin/strata sql serve --warehouse warehouse --port $(or $(PORT),0)

# The JDBC driver of a metastore on PostgreSQL.
metastore: .venv/.ready
	@.venv/bin/python infra/local/install.py --group metastore

# What needs no JVM: style, types, the rules of the codebase, and every test without Spark.
check: .venv/.ready
	@sh infra/local/postgres.sh && sh infra/local/redis.sh
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	@.venv/bin/python -m pytest -n 2 -m "not spark and not nightly"

# The tests write tables to an S3 server on loopback, so they need the s3a jars too.
test: check s3
	@.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "spark and not nightly"

# Every test, those too long for each change among them, and which branches of lib they reach, in
# executors too. docs/RELIABILITY.md says which lane shows what.
nightly: s3 metastore
	@sh infra/local/postgres.sh && sh infra/local/redis.sh
	@rm -f .coverage .coverage.*
	@.venv/bin/coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder; failed=$$?; \
		.venv/bin/coverage combine --quiet && .venv/bin/coverage report --skip-covered; exit $$failed

bench: .venv/.ready
	@.venv/bin/python -m bench

# KILLS=200 SEED=1: kills in the midst of runs, in chains, a third of them SIGKILL and the rest crash images; each chain is
# followed by a run that must end as if undisturbed.
torture: .venv/.ready
	@.venv/bin/python -m tests.faults.torture --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

# Needs spin and a C compiler; tests/faults/model checks the same protocol with neither.
model:
	@sh tests/faults/model/spin.sh

s3: .venv/.ready
	@.venv/bin/python infra/local/install.py --group s3

# Every package and jar with its licence, as CycloneDX; fails where a licence is not allowed.
sbom: .venv/.ready
	@.venv/bin/python infra/local/sbom.py dist/strata.cdx.json

# A standalone master, two workers and an S3 server on loopback, until Ctrl-C; prints what to set.
cluster: s3
	@.venv/bin/python infra/local/cluster.py

# Builds the images by docker or podman, tries them in a RUN step, and prints sizes and layers.
images:
	@$(PYTHON) docker/build.py

# Made from the package's own contracts; tests/unit/test_docs.py tells when it is out of date.
dictionary: .venv/.ready
	@env -u STRATA_PROJECT .venv/bin/python -m strata.cli.dictionary > docs/DATA_DICTIONARY.md

# Needs uv. Resolves for every Python from 3.10 on, on Linux and macOS, and names no index.
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --custom-compile-command "make lock"
lock:
	$(UV_COMPILE) --all-extras --group build --output-file requirements.lock pyproject.toml
	$(UV_COMPILE) --group pyproject.toml:java --output-file requirements-java.lock

.venv/.ready: pyproject.toml requirements.lock requirements-java.lock conf/jars.lock infra/local/install.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || \
		{ echo "strata: Python 3.10 to 3.13 is needed; name one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "strata: Python's venv module is needed, which Debian and Ubuntu keep in the package python3-venv" >&2; exit 1; }
	@[ -x .venv/bin/pip ] || $(PYTHON) -m venv .venv
	@.venv/bin/python infra/local/install.py --project .
	@touch $@

# Leaves warehouse/ alone: it may hold more than the samples.
clean:
	rm -rf .venv build dist lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis spark-warehouse metastore_db derby.log
