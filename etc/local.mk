# The settings as they are shipped, and examples for web servers.

hooksyncconfdir = $(sysconfdir)/hooksync
dist_hooksyncconf_DATA = %D%/hooksync.conf

examplesdir = $(docdir)/examples
dist_examples_DATA = \
	%D%/apache-hooksync.conf \
	%D%/nginx-hooksync.conf

# Folders for what the operator adds; removed again only when they are empty.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(hooksyncconfdir)/conf.d'
	$(MKDIR_P) '$(DESTDIR)$(hooksyncconfdir)/secrets'
	chmod 0750 '$(DESTDIR)$(hooksyncconfdir)/secrets'

uninstall-hook:
	-rmdir '$(DESTDIR)$(hooksyncconfdir)/conf.d' \
		'$(DESTDIR)$(hooksyncconfdir)/secrets' \
		'$(DESTDIR)$(hooksyncconfdir)' 2>/dev/null
