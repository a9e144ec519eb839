#!/bin/sh
# The suite of deliveries through Apache's mod_proxy_fcgi, with the conf-available
# file and the TLS host as they are shipped. The responder is restarted under load.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/deliveries.sh
. "$top_srcdir/tests/lib/deliveries.sh"
# shellcheck source=tests/lib/stage_web.sh
. "$top_srcdir/tests/lib/stage_web.sh"
story redis-server apache2 perl

web_stage
web_responder
web_apache apache/hooksync.conf proxy proxy_fcgi
web_name=mod_proxy_fcgi

deliveries
deliveries_restarts 3 web_restart

stage_stop apache
web_apache_site
web_name='mod_proxy_fcgi over TLS'
deliveries_few
is "$web_name: a monitor on this host is answered" \
	"$(web /healthz --output /dev/null --write-out '%{http_code}')" 200
the_end
