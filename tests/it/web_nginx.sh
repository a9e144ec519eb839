#!/bin/sh
# The suite of deliveries through nginx, with the snippets and the TLS server as
# they are shipped. The responder is restarted under load.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/deliveries.sh
. "$top_srcdir/tests/lib/deliveries.sh"
# shellcheck source=tests/lib/stage_web.sh
. "$top_srcdir/tests/lib/stage_web.sh"
story redis-server nginx perl

web_stage
web_responder
web_nginx
web_name=nginx

deliveries
deliveries_restarts 3 web_restart

stage_stop nginx QUIT
web_nginx_site
web_name='nginx over TLS'
deliveries_few
is "$web_name: a monitor on this host is answered" \
	"$(web /healthz --output /dev/null --write-out '%{http_code}')" 200
is "$web_name: the server has nothing else" \
	"$(web / --output /dev/null --write-out '%{http_code}')" 404
the_end
