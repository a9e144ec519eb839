# hooksync in containers: an example that starts as it is.

composedir = $(examplesdir)/compose
dist_compose_DATA = \
	%D%/Dockerfile \
	%D%/compose.yaml \
	%D%/hooksync.env \
	%D%/nginx.conf
composeconfdir = $(composedir)/conf.d
dist_composeconf_DATA = %D%/conf.d/crm.conf
