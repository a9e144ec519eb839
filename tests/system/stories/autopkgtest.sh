#!/bin/sh
# The package's own tests, debian/tests, hold where it is installed.
# wants: hooksync redis-server nginx
# limit: 240
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

told() # NAME
{
	sh "$top_srcdir/debian/tests/$1" >"$stage/$1.said" 2>&1
	told_status=$?
	[ "$told_status" -eq 0 ] || diag "$(tail -n 40 "$stage/$1.said")"
	tap_result "$told_status" "debian/tests/$1"
}

told nginx
systemctl stop nginx
check 'Apache is installed' install apache2
rm -rf /var/www/hooksync-target
told apache2
the_end
