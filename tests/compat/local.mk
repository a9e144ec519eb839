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

compat_tests = %D%/admin.test.mjs %D%/add.test.mjs %D%/cron.test.mjs %D%/doctor.test.mjs %D%/operations.test.mjs %D%/programs.test.mjs \
	%D%/random.test.mjs %D%/together.test.mjs \
	%D%/version5.test.mjs
compat_files = $(compat_tests) \
	%D%/package.json %D%/package-lock.json %D%/both.mjs %D%/raw.mjs %D%/stage.mjs
EXTRA_DIST += $(compat_files)

NPM = npm
NODE = node
# one of them: make check-node NODE_TESTS=operations.test.mjs
NODE_TESTS = *.test.mjs

check-node: all tests/lib/queue_peer$(EXEEXT) tests/lib/cron_at$(EXEEXT) \
	tests/lib/mock$(EXEEXT)
	$(MKDIR_P) $@.build
	cd $(srcdir) && cp -f $(compat_files) '$(abs_builddir)'/$@.build/
	cd $@.build && { cmp -s package-lock.json installed.json || { \
		$(NPM) ci --ignore-scripts --no-audit --no-fund && \
		cp package-lock.json installed.json; }; }
	$(AM_TESTS_ENVIRONMENT) cd $@.build && \
		QUEUE_PEER='$(abs_builddir)/tests/lib/queue_peer$(EXEEXT)' \
		CRON_AT='$(abs_builddir)/tests/lib/cron_at$(EXEEXT)' \
		$(NODE) --test $(NODE_TESTS)

.PHONY: check-node

include tests/compat/suite/local.mk
