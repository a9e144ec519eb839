# The units of systemd: where the programs are is written into them, and what
# several of them share stands in one place.

systemdsystemunitdir = @systemdsystemunitdir@
dist_systemdsystemunit_DATA = \
	%D%/hooksync-fcgi.socket \
	%D%/hooksync-worker.target
nodist_systemdsystemunit_DATA = \
	%D%/hooksync-fcgi.service \
	%D%/hooksync-worker.service \
	%D%/hooksync-worker@.service
EXTRA_DIST += \
	%D%/hooksync-fcgi.service.in \
	%D%/hooksync-worker.service.in \
	$(unit_parts)
CLEANFILES += $(nodist_systemdsystemunit_DATA)

# What the units share stands once; one worker and the workers beside it are one
# text, but for the instance.
unit_parts = %D%/secrets.in %D%/reload.in %D%/sandbox.in
unit_make = $(MKDIR_P) $(@D) && sed \
	-e '/^@secrets[@]$$/r $(srcdir)/%D%/secrets.in' -e '/^@secrets[@]$$/d' \
	-e '/^@reload[@]$$/r $(srcdir)/%D%/reload.in' -e '/^@reload[@]$$/d' \
	-e '/^@sandbox[@]$$/r $(srcdir)/%D%/sandbox.in' -e '/^@sandbox[@]$$/d'
unit_paths = sed \
	-e 's|@sbindir[@]|$(sbindir)|g' \
	-e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g' >$@.tmp && mv $@.tmp $@
unit_needs = $(unit_parts) %D%/local.mk

%D%/hooksync-fcgi.service: %D%/hooksync-fcgi.service.in $(unit_needs)
	$(AM_V_GEN)$(unit_make) \
		'$(srcdir)/%D%/hooksync-fcgi.service.in' | $(unit_paths)

%D%/hooksync-worker.service: %D%/hooksync-worker.service.in $(unit_needs)
	$(AM_V_GEN)$(unit_make) -e 's/@instance[@]//g' \
		'$(srcdir)/%D%/hooksync-worker.service.in' | $(unit_paths)

%D%/hooksync-worker@.service: %D%/hooksync-worker.service.in $(unit_needs)
	$(AM_V_GEN)$(unit_make) -e 's/@instance[@]/ %i/g' \
		'$(srcdir)/%D%/hooksync-worker.service.in' | $(unit_paths)

# What `journalctl -x` says about our lines; afterwards, if the package's manager
# does not: journalctl --update-catalog
catalogdir = $(prefix)/lib/systemd/catalog
dist_catalog_DATA = %D%/hooksync.catalog

TESTS += tests/catalog.sh
EXTRA_DIST += tests/catalog.sh
