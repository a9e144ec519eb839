# The fuzz drivers. `make check` replays each driver's corpus, tests/fuzz/
# corpus/NAME for NAME_fuzz, with replay.c's main(); `make fuzz` looks for
# more with clang's libFuzzer.
#
# A new driver is one line in fuzz_drivers, its _SOURCES and _LDADD, and a
# folder with its corpus.

fuzz_drivers = \
	%D%/doc_fuzz \
	%D%/signature_fuzz \
	%D%/conf_fuzz \
	%D%/cron_fuzz \
	%D%/params_fuzz \
	%D%/records_fuzz
check_PROGRAMS += $(fuzz_drivers)
TESTS += $(fuzz_drivers)

tests_fuzz_doc_fuzz_SOURCES = %D%/doc_fuzz.c %D%/replay.c
tests_fuzz_doc_fuzz_LDADD = libhooksync.a $(HS_LIBS)
tests_fuzz_signature_fuzz_SOURCES = %D%/signature_fuzz.c %D%/replay.c
tests_fuzz_signature_fuzz_LDADD = libhooksync.a $(HS_LIBS)

# Not a fuzzer, but of the same mind: JSON.parse() as the oracle of doc.
check_PROGRAMS += %D%/doc_verdict
tests_fuzz_doc_verdict_SOURCES = %D%/doc_verdict.c
tests_fuzz_doc_verdict_LDADD = libhooksync.a $(HS_LIBS)
TESTS += %D%/json_oracle.sh

tests_fuzz_conf_fuzz_SOURCES = %D%/conf_fuzz.c %D%/replay.c
tests_fuzz_conf_fuzz_LDADD = libhooksync.a $(HS_LIBS)

tests_fuzz_cron_fuzz_SOURCES = %D%/cron_fuzz.c %D%/replay.c
tests_fuzz_cron_fuzz_LDADD = libhooksync.a $(HS_LIBS)

tests_fuzz_params_fuzz_SOURCES = %D%/params_fuzz.c %D%/replay.c
tests_fuzz_params_fuzz_LDADD = $(RESPONDER_LIBS)
tests_fuzz_records_fuzz_SOURCES = %D%/records_fuzz.c %D%/replay.c
tests_fuzz_records_fuzz_LDADD = $(RESPONDER_LIBS)

EXTRA_DIST += %D%/corpus %D%/json_oracle.sh %D%/json_oracle.mjs

FUZZ = doc
FUZZ_S = 60

#: make fuzz         look for inputs that break FUZZ=doc, for FUZZ_S=60 seconds
fuzz:
	$(MKDIR_P) $@.build/found && cd $@.build && \
	{ test -f Makefile || $(SHELL) '$(abs_top_srcdir)/configure' -q \
		CC=clang CFLAGS='-g -O1' CPPFLAGS=-DFUZZ_EXPLORE \
		--enable-sanitize=fuzzer,address,undefined; }
	cd $@.build && $(MAKE) $(AM_MAKEFLAGS) tests/fuzz/$(FUZZ)_fuzz$(EXEEXT)
	cd $@.build && $(MKDIR_P) found/$(FUZZ) && \
		tests/fuzz/$(FUZZ)_fuzz$(EXEEXT) -max_total_time=$(FUZZ_S) \
		-timeout=10 found/$(FUZZ) \
		'$(abs_top_srcdir)/tests/fuzz/corpus/$(FUZZ)'

.PHONY: fuzz
