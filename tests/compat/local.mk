# compat: the published BullMQ as the oracle. npm's packages go to the build
# folder; `make check` needs none of this.

check_PROGRAMS += tests/lib/queue_peer
tests_lib_queue_peer_SOURCES = tests/lib/peer.c tests/lib/peer.h \
	tests/lib/peer_add.c tests/lib/peer_admin.c \
	tests/lib/peer_schedule.c tests/lib/peer_work.c
tests_lib_queue_peer_LDADD = libhooksync.a $(HS_LIBS)

check_PROGRAMS += tests/lib/cron_at
tests_lib_cron_at_SOURCES = tests/lib/cron_at.c
tests_lib_cron_at_LDADD = libhooksync.a $(HS_LIBS)

compat_tests = %D%/add.test.mjs %D%/admin.test.mjs %D%/board.test.mjs \
	%D%/chaos.test.mjs %D%/cron.test.mjs %D%/doctor.test.mjs \
	%D%/matrix.test.mjs %D%/moving.test.mjs %D%/operations.test.mjs \
	%D%/poison.test.mjs %D%/programs.test.mjs %D%/random.test.mjs \
	%D%/retold.test.mjs \
	%D%/schedule.test.mjs %D%/ticks.test.mjs %D%/together.test.mjs \
	%D%/version5.test.mjs %D%/work.test.mjs
compat_files = $(compat_tests) %D%/package.json %D%/package-lock.json \
	%D%/both.mjs %D%/dice.mjs %D%/differences.mjs %D%/fleet.mjs \
	%D%/keyspace.mjs %D%/long.mjs %D%/node_worker.mjs \
	%D%/numbers.mjs %D%/random.mjs \
	%D%/raw.mjs %D%/shell.mjs %D%/shrink.mjs %D%/stage.mjs \
	%D%/steps.mjs %D%/walk.mjs
EXTRA_DIST += $(compat_files)

NPM = npm
NODE = node
# one of them: make check-compat NODE_TESTS=operations.test.mjs
NODE_TESTS = *.test.mjs
# of random stories, for each level: make check-compat-long LONG_STEPS=5000
LONG_STEPS = 100000
# under kill -9
LONG_JOBS = 20000

compat_programs = tests/lib/queue_peer$(EXEEXT) tests/lib/cron_at$(EXEEXT) \
	tests/lib/mock$(EXEEXT)
compat_folder = \
	$(MKDIR_P) check-compat.build && \
	( cd $(srcdir) && \
		cp -f $(compat_files) '$(abs_builddir)'/check-compat.build/ ) && \
	( cd check-compat.build && { cmp -s package-lock.json installed.json || { \
		$(NPM) ci --ignore-scripts --no-audit --no-fund && \
		cp package-lock.json installed.json; }; } )
compat_environment = $(AM_TESTS_ENVIRONMENT) cd check-compat.build && \
	QUEUE_PEER='$(abs_builddir)/tests/lib/queue_peer$(EXEEXT)' && \
	CRON_AT='$(abs_builddir)/tests/lib/cron_at$(EXEEXT)' && \
	export QUEUE_PEER CRON_AT

# Whatever takes its BullMQ from both.mjs is told with each of the two.
check-compat: all $(compat_programs)
	$(compat_folder)
	$(compat_environment) && result=0 && \
		{ $(NODE) --test $(NODE_TESTS) || result=1; } && \
		twice=$$(grep -l "from '\./both\.mjs'" $(NODE_TESTS) || :) && \
		{ test -z "$$twice" || LEVEL=5 $(NODE) --test $$twice || \
			result=1; } && \
		exit $$result

check-compat-long: all $(compat_programs)
	$(compat_folder)
	$(compat_environment) && $(NODE) long.mjs $(LONG_STEPS) && \
		JOBS=$(LONG_JOBS) $(NODE) --test chaos.test.mjs

.PHONY: check-compat check-compat-long

include tests/compat/suite/local.mk
