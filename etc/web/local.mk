# Web servers: their files, where each looks for what can be enabled; nothing is
# enabled by installing it. Whole servers, to be edited, are examples.

nginxsnippetsdir = $(sysconfdir)/nginx/snippets
dist_nginxsnippets_DATA = \
	%D%/nginx/hooksync-upstream.conf \
	%D%/nginx/hooksync.conf

apacheconfdir = $(sysconfdir)/apache2/conf-available
dist_apacheconf_DATA = \
	%D%/apache/hooksync.conf

lighttpdconfdir = $(sysconfdir)/lighttpd/conf-available
dist_lighttpdconf_DATA = \
	%D%/lighttpd/50-hooksync.conf

dist_examples_DATA += \
	%D%/apache/hooksync-fcgid.conf \
	%D%/apache-site.conf \
	%D%/nginx-site.conf \
	%D%/spawn-fcgi.service
