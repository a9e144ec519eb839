#!/bin/sh
# While 10,000 signed webhooks come in through nginx, apt upgrades the package
# and both services are restarted three times: each is answered 200, none is
# lost, the socket is never closed, and each service starts once anew.
# wants: hooksync redis-server nginx
# limit: 300
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

n=10000
services='hooksync-fcgi.service hooksync-worker.service hooksync-worker@2.service'

mock_start
hooksync_settings
check 'a second worker is a line' systemctl enable --now hooksync-worker@2
check 'the services take the settings' hooksync_restart
check 'so does nginx' nginx_site
becomes 'the way is free' 10 200 \
	web /readyz --output /dev/null --write-out '%{http_code}'
echo '# by hand' >>/etc/hooksync/hooksync.conf
settings=$(sha256sum /etc/hooksync/hooksync.conf)

socket_is() # what would change if it were closed, or another
{
	unit hooksync-fcgi.socket InvocationID
	stat -c %i /run/hooksync/fcgi.sock
}

# How often a unit started since $cursor.
mark()
{
	cursor=$(journalctl -q -n 1 --show-cursor | sed -n 's/^-- cursor: //p')
}

starts() # UNIT
{
	journalctl -q -o cat --after-cursor="$cursor" -u "$1" |
		grep -c '^Started '
}

# A target is restarted before its services are.
is_settled()
{
	! systemctl --no-legend list-jobs | grep -q hooksync
}

check 'all have started' wait_for 30 is_settled
socket=$(socket_is)
mark
load_start many $n --concurrency 32 --rate 150
check 'webhooks come in' wait_for 10 load_has many 500

# ---- apt upgrades ----

was=$(dpkg-query -W -f '${Version}' hooksync)
check 'apt upgrades the package' install "$next_deb"
is 'it is the next one' "$(dpkg-query -W -f '${Version}' hooksync)" \
	"$(dpkg-deb -f "$next_deb" Version)"
diag "from $was, after $(load_answered many) answers"
for service in $services; do
	becomes "$service started once anew" 60 1 starts "$service"
done
is 'the socket stayed' "$(socket_is)" "$socket"
is 'the settings stayed' "$(sha256sum /etc/hooksync/hooksync.conf)" "$settings"
check 'apt would ask nothing' test ! -e /etc/hooksync/hooksync.conf.dpkg-dist

# ---- and three restarts ----

for i in 1 2 3; do
	before=$(load_answered many)
	mark
	check "restart $i" hooksync_restart
	for service in $services; do
		becomes "$service started" 60 1 starts "$service"
	done
	check 'no more' wait_for 30 is_settled
	check 'while webhooks came in' wait_for 20 load_has many \
		$((before + 100))
done
# shellcheck disable=SC2154
check 'and still do' stage_is_alive "$pid_many"
is 'the socket stayed all the time' "$(socket_is)" "$socket"

# ---- the reckoning ----

check 'all are answered' load_wait many 120
is 'every one with 200' "$(load_codes many)" "200 $n"
load_bad many | head -n 20 >"$stage/bad"
[ ! -s "$stage/bad" ] || diag "$(cat "$stage/bad")"
becomes 'all arrive' 90 $n n_arrived items
is 'none is lost' "$(load_lost many)" 0
is 'none waits' "$(n_jobs wait)" 0
is 'none is active' "$(n_jobs active)" 0
is 'none failed' "$(n_jobs failed)" 0
# shellcheck disable=SC2086
check 'the services run' systemctl --quiet is-active $services
the_end
