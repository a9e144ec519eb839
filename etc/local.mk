# The settings as they are shipped, and examples.

hooksyncconfdir = $(sysconfdir)/hooksync
EXTRA_DIST += %D%/hooksync.conf

examplesdir = $(docdir)/examples
dist_examples_DATA = \
	%D%/examples/basic-login.conf \
	%D%/examples/first.conf \
	%D%/examples/github.conf \
	%D%/examples/redis.acl \
	%D%/examples/standard-webhooks.conf \
	%D%/examples/token.conf

include etc/completion/local.mk
include etc/web/local.mk
include etc/compose/local.mk

# Settings that are there are the operator's, and stay as they are; so do the
# folders for what he adds, unless they are empty.
install-data-local: install-completion
	$(MKDIR_P) '$(DESTDIR)$(hooksyncconfdir)/conf.d'
	$(MKDIR_P) '$(DESTDIR)$(hooksyncconfdir)/secrets'
	chmod 0750 '$(DESTDIR)$(hooksyncconfdir)/secrets'
	test -e '$(DESTDIR)$(hooksyncconfdir)/hooksync.conf' || \
		$(INSTALL_DATA) '$(srcdir)/%D%/hooksync.conf' \
			'$(DESTDIR)$(hooksyncconfdir)/hooksync.conf'

uninstall-hook: uninstall-completion
	-cmp -s '$(srcdir)/%D%/hooksync.conf' \
		'$(DESTDIR)$(hooksyncconfdir)/hooksync.conf' && \
		rm -f '$(DESTDIR)$(hooksyncconfdir)/hooksync.conf'
	-rmdir '$(DESTDIR)$(hooksyncconfdir)/conf.d' \
		'$(DESTDIR)$(hooksyncconfdir)/secrets' \
		'$(DESTDIR)$(hooksyncconfdir)' 2>/dev/null
