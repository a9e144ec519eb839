#!/bin/sh
# The suite of deliveries through lighttpd, with the conf-available file as it is
# shipped: to a responder that spawn-fcgi started; then to one on a socket that
# outlives it, which is restarted under load.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/deliveries.sh
. "$top_srcdir/tests/lib/deliveries.sh"
# shellcheck source=tests/lib/stage_web.sh
. "$top_srcdir/tests/lib/stage_web.sh"
story redis-server lighttpd spawn-fcgi perl

# shellcheck disable=SC2034 # of the suite
web_underscore=200
web_stage
# shellcheck disable=SC2086 # HOOKSYNC_WRAP is words
stage_spawn responder spawn-fcgi -n -s "$fcgi_sock" -M 0666 -- \
	${HOOKSYNC_WRAP:-} "$top_builddir/hooksync-fcgi" --config "$conf"
web_lighttpd
web_name='lighttpd, spawn-fcgi'
deliveries

stage_stop responder
rm -f "$fcgi_sock"
web_responder
web_name=lighttpd
deliveries_restarts 3 web_restart
the_end
