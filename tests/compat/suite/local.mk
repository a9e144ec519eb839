# suite: BullMQ's own tests over our queue floor. Their files are not in its npm
# package: BULLMQ_SRC names a copy of its sources.

suite_files = %D%/backend.mjs %D%/link.mjs %D%/lost.json %D%/package.json \
	%D%/package-lock.json %D%/run.mjs %D%/setup.mjs %D%/vitest.config.mjs
EXTRA_DIST += $(suite_files)

# some of them: make check-suite SUITE_FILES="job worker.redis"
SUITE_FILES =
# files at a time, each with a redis-server of its own
SUITE_RUNNERS = 2

# vitest wants Node 20; where there is an older one, npm has that, too.
check-suite: tests/lib/queue_peer$(EXEEXT)
	@test -n '$(BULLMQ_SRC)' || echo 'SKIP: BULLMQ_SRC must name a copy of' \
		"BullMQ's sources: the published package is without tests/"
	@test -z '$(BULLMQ_SRC)' || $(MAKE) $(AM_MAKEFLAGS) check-suite-run

check-suite-run:
	$(MKDIR_P) check-suite.build
	cd $(srcdir) && cp -f $(suite_files) '$(abs_builddir)'/check-suite.build/
	cd check-suite.build && { cmp -s package-lock.json installed.json || { \
		$(NPM) ci --ignore-scripts --no-audit --no-fund && \
		cp package-lock.json installed.json; }; }
	cd check-suite.build && node='$(NODE)' && \
	if ! $$node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; \
	then \
		node=newer/node_modules/node/bin/node && \
		{ test -x $$node || $(NPM) install --prefix newer --no-save \
			--no-audit --no-fund node@22; }; \
	fi && \
	BULLMQ_SRC='$(BULLMQ_SRC)' SUITE_FILES='$(SUITE_FILES)' \
	SUITE_RUNNERS='$(SUITE_RUNNERS)' \
	QUEUE_PEER='$(abs_builddir)/tests/lib/queue_peer$(EXEEXT)' \
		$$node run.mjs

.PHONY: check-suite check-suite-run
