# Hooksync installed on a booted Debian: the bed, and the stories told in it.

check_PROGRAMS += tests/system/poster
tests_system_poster_SOURCES = %D%/poster.c
tests_system_poster_LDADD = $(CURL_LIBS) $(CRYPTO_LIBS)

SYSTEM_STORIES = \
	%D%/stories/autopkgtest.sh \
	%D%/stories/first.sh \
	%D%/stories/journal.sh \
	%D%/stories/limits.sh \
	%D%/stories/newcomer.sh \
	%D%/stories/purge.sh \
	%D%/stories/sandbox.sh \
	%D%/stories/service.sh \
	%D%/stories/stop.sh \
	%D%/stories/upgrade.sh \
	%D%/stories/watchdog.sh \
	%D%/stories/web.sh

EXTRA_DIST += %D%/bed.sh %D%/bed_test.sh %D%/compose %D%/grow_preload.c \
	%D%/guest.sh %D%/image %D%/package %D%/packages %D%/quality \
	%D%/run %D%/spin_preload.c $(SYSTEM_STORIES)

#: make check-system the package installed on booted Debians 12 and 13; as root
#:                   SUITES="bookworm trixie" STORIES="first upgrade"
#: make check-system-short  without what takes long: some ten minutes
#: make check-package  what lintian, blhc, piuparts and a second build say of it
#: make check-compose  the containers of etc/compose, from nothing to a webhook
#: make check-system-vm  what only an emulated machine can show: limits
SUITES = bookworm trixie
STORIES =
check-system: $(SUITES:%=check-system-%) \
	$(if $(STORIES),,check-package check-compose check-system-bed)
$(SUITES:%=check-system-%):
	@$(SHELL) '$(srcdir)/tests/system/run' $(@:check-system-%=%) $(STORIES)

# each story that is not long on one of the suites, the way in and out on the
# other
SHORT_STORIES = first newcomer purge stop
check-system-short: $(SUITES:%=check-system-short-%)
check-system-short-bookworm:
	@$(SHELL) '$(srcdir)/tests/system/run' --short bookworm $(STORIES)
check-system-short-trixie:
	@$(SHELL) '$(srcdir)/tests/system/run' --short trixie \
		$(if $(STORIES),$(STORIES),$(SHORT_STORIES))

check-system-vm: $(SUITES:%=check-system-vm-%)
$(SUITES:%=check-system-vm-%):
	@$(SHELL) '$(srcdir)/tests/system/run' --vm \
		$(@:check-system-vm-%=%) $(STORIES)

check-package: $(SUITES:%=check-package-%)
$(SUITES:%=check-package-%):
	@$(SHELL) '$(srcdir)/tests/system/quality' $(@:check-package-%=%)

check-compose:
	@made=$$($(SHELL) '$(srcdir)/tests/system/package' bookworm) && \
		bash '$(srcdir)/tests/system/compose' \
			"$$(echo "$$made"/hooksync_*.deb)" "$$made/bin/mock"

# the bed itself: bad stories must fail
check-system-bed:
	@set -- $(SUITES) && \
		$(SHELL) '$(srcdir)/tests/system/bed_test.sh' "$$1"

.PHONY: check-compose check-package check-system-bed check-system \
	check-system-short check-system-vm
