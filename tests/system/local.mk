# Hooksync installed on a booted Debian: the bed, and the stories told in it.

check_PROGRAMS += tests/system/poster
tests_system_poster_SOURCES = %D%/poster.c
tests_system_poster_LDADD = $(CURL_LIBS) $(CRYPTO_LIBS)

SYSTEM_STORIES = \
	%D%/stories/first.sh \
	%D%/stories/journal.sh \
	%D%/stories/purge.sh \
	%D%/stories/upgrade.sh \
	%D%/stories/web.sh

EXTRA_DIST += %D%/bed.sh %D%/guest.sh %D%/image %D%/package %D%/packages \
	%D%/run $(SYSTEM_STORIES)

#: make check-system the package installed on booted Debians; as root
#:                   SUITES="bookworm trixie" STORIES="first upgrade"
SUITES = bookworm trixie
STORIES =
check-system:
	@status=0; for suite in $(SUITES); do \
		$(SHELL) '$(srcdir)/tests/system/run' $$suite $(STORIES) || \
			status=1; \
	done; exit $$status

.PHONY: check-system
