# What a newcomer types; `make help` lists it. Everything runs with the Node that npm brings.
NODE := node_modules/.bin/node --disable-warning=TimeoutNegativeWarning
STACK := $(NODE) deploy/local/main.ts

.DEFAULT_GOAL := help
.PHONY: help bootstrap demo up down status doctor restart test simulate planted-bugs check check-deploy mutation bench bench-check

help:
	@echo 'make demo          a whole sale on this machine, from a bare checkout to the verified log'
	@echo 'make up            the stack on http://localhost:8080 (ONLY=servers: without our services)'
	@echo 'make down          stops what `make up` started'
	@echo 'make status        how each part stands'
	@echo 'make doctor        what this machine lacks'
	@echo 'make restart PARTS="writer reserve"   after a change of their code'
	@echo 'make test          everything that must pass before a change lands'
	@echo 'make check         types, lint, format, boundaries, dead code, generated files'
	@echo 'make check-deploy  Dockerfile and compose file'
	@echo 'make mutation      whether the tests of the core notice each change of it (long; docs/MUTATIONS.md)'
	@echo 'make bench-check   whether writer and HTTP are as far ahead of a row lock as they were (2 min)'
	@echo 'make chaos         faults on the real stack (ROUNDS=n FROM=seed ONLY=fault)'
	@echo 'make simulate SEEDS=1000 FROM=1   runs in memory with everything going wrong; SEED=42: one of them, step by step'
	@echo 'make planted-bugs  bugs put in on purpose: the simulation must find each'
	@echo 'make bench         every figure of docs/PERFORMANCE.md, measured again (about 35 min; QUICK=1 ONLY=P1,P3 LONG=1)'

bootstrap:
	@deploy/local/bootstrap.sh

up: bootstrap
	@STACK_ONLY="$(or $(ONLY),$(STACK_ONLY))" $(STACK) up

down status doctor: bootstrap
	@$(STACK) $@

restart: bootstrap
	@$(STACK) restart $(PARTS)

demo: up
	@$(NODE) services/cli/main.ts demo

bench: bootstrap
	@$(NODE) bench/main.ts $(if $(QUICK),--quick) $(if $(LONG),--long) $(if $(ONLY),--only $(ONLY)) $(if $(KEEP),--keep)

bench-check: bootstrap
	@$(NODE) bench/check.ts

chaos: bootstrap
	@$(NODE) tests/chaos/main.ts --rounds "$(ROUNDS)" --from "$(FROM)" --only "$(ONLY)"

simulate: bootstrap
	@$(NODE) tests/simulation/main.ts $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) --from $(or $(FROM),1))

planted-bugs: bootstrap
	@$(NODE) tests/simulation/planted-bugs.ts

chaos-page: bootstrap
	@$(NODE) tests/chaos/reliability-page.ts

check: bootstrap
	@$(NODE) tests/check.ts

check-deploy: bootstrap
	@deploy/docker/check.sh

mutation: bootstrap
	@nice -n 19 $(NODE) node_modules/.bin/stryker run

test: bootstrap
	@$(NODE) deploy/local/run-tests.ts
