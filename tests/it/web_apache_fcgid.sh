#!/bin/sh
# The suite of deliveries through Apache's mod_fcgid, which starts responders
# itself, with the conf-available file as it is shipped.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/deliveries.sh
. "$top_srcdir/tests/lib/deliveries.sh"
# shellcheck source=tests/lib/stage_web.sh
. "$top_srcdir/tests/lib/stage_web.sh"
story redis-server apache2
if [ ! -e "$web_modules/mod_fcgid.so" ]; then
	echo '1..0 # SKIP mod_fcgid is not installed'
	exit 0
fi

web_stage
# where the configuration is; on Debian it needs no word
cat >"$stage/hooksync-fcgi" <<-END
	#!/bin/sh
	exec ${HOOKSYNC_WRAP:-} "$top_builddir/hooksync-fcgi" --config "$conf"
END
chmod 755 "$stage/hooksync-fcgi"
web_apache apache/hooksync-fcgid.conf fcgid
web_name=mod_fcgid

deliveries

responders()
{
	pgrep -f "^$top_builddir/hooksync-fcgi --config $conf"
}

# "pkill -HUP -x hooksync-fcgi"
reload()
{
	# shellcheck disable=SC2046 # words
	kill -HUP $(responders)
}
deliveries_restarts 3 reload

# an upgrade
replace()
{
	cp -p "$stage/hooksync-fcgi" "$stage/hooksync-fcgi.new"
	mv "$stage/hooksync-fcgi.new" "$stage/hooksync-fcgi"
}
deliveries_restarts 2 replace

stage_stop apache
check 'no responder outlives Apache' wait_for 10 fails responders
the_end
