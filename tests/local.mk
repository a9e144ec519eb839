# How tests run: each program or script speaks TAP; automake counts the cases.

LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_COMPILER =
TEST_EXTENSIONS = .sh
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir;

include tests/lib/local.mk
include tests/it/local.mk
include tests/compat/local.mk
include tests/fuzz/local.mk
include tests/system/local.mk

# What holds for the tree as a whole.
TESTS += %D%/layers.sh %D%/libs.sh %D%/style.sh
EXTRA_DIST += %D%/layers.sh %D%/libs.sh %D%/style.sh

#: make check        every test that needs no npm packages, within two minutes
#: make check-asan   the same, built with AddressSanitizer and UBSan
#: make check-tsan   the same, built with ThreadSanitizer
#: make check-valgrind  the same under valgrind's memcheck; slow
#: make check-compat   against BullMQ itself; needs node, npm and the network
#: make check-compat-asan  the same against programs built as for check-asan
#: make check-compat-long  100,000 random steps with each major of BullMQ
#: make check-suite  BullMQ's own tests over our queue; BULLMQ_SRC: its sources
#: make style        clang-format and shellcheck, without changing anything

# A build folder of its own inside this one; configured once. The programs are
# slower by these factors, and so are the stories' deadlines. No -Werror: with
# sanitizers gcc warns of what it put in itself.
SANITIZED_CFLAGS = -g -O1
sanitized_folder = $(@:check-compat-%=check-%).build
sanitized_build = \
	$(MKDIR_P) $(sanitized_folder) && cd $(sanitized_folder) && \
	{ test -f Makefile || $(SHELL) '$(abs_top_srcdir)/configure' -q \
		CFLAGS='$(SANITIZED_CFLAGS)'

check-asan:
	$(sanitized_build) --enable-sanitize=address,undefined; }
	cd $@.build && HOOKSYNC_SLOW=3 \
		UBSAN_OPTIONS=print_stacktrace=1 \
		$(MAKE) $(AM_MAKEFLAGS) check

check-compat-asan:
	$(sanitized_build) --enable-sanitize=address,undefined; }
	cd $(sanitized_folder) && HOOKSYNC_SLOW=3 \
		UBSAN_OPTIONS=print_stacktrace=1 \
		$(MAKE) $(AM_MAKEFLAGS) check-compat

check-tsan:
	$(sanitized_build) --enable-sanitize=thread; }
	cd $@.build && HOOKSYNC_SLOW=5 \
		TSAN_OPTIONS="suppressions=$(abs_top_srcdir)/tests/tsan.supp" \
		$(MAKE) $(AM_MAKEFLAGS) check

VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite --show-leak-kinds=definite \
	--suppressions=$(abs_top_srcdir)/tests/valgrind.supp

check-valgrind: all
	HOOKSYNC_SLOW=10 HOOKSYNC_WRAP="$(VALGRIND)" \
		$(MAKE) $(AM_MAKEFLAGS) check LOG_COMPILER="$(VALGRIND)"

style:
	cd $(srcdir) && find src fcgi worker tests -name '*.[ch]' | \
		xargs clang-format --dry-run -Werror
	cd $(srcdir) && shellcheck tests/*.sh tests/*/*.sh tests/*/*/*.sh \
		tests/system/image tests/system/package tests/system/run \
		tools/check tools/demo tools/setup .ci/run

clean-local:
	rm -rf check-asan.build check-tsan.build check-compat.build \
		check-suite.build

EXTRA_DIST += .shellcheckrc tests/tsan.supp tests/valgrind.supp
.PHONY: check-asan check-compat-asan check-tsan check-valgrind style
