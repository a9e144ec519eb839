#!/bin/sh
# A worker that is stopped with a hundred jobs in flight ends within its grace:
# what can end ends, what cannot waits again, and nothing is lost.
# wants: hooksync redis-server nginx
# limit: 120
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

mock_start
hooksync_settings
cat >/etc/hooksync/conf.d/z-stop.conf <<-'END'
	worker   = { concurrency = 100; };
	services = { erp = { concurrency = 100; timeout = "120s"; }; };
END

stop_worker() # sets $took: how many milliseconds it took
{
	begun=$(now_ms)
	systemctl stop hooksync-worker.service
	stopped=$?
	took=$(($(now_ms) - begun))
	diag "the stop took $took ms"
	return "$stopped"
}

n_requests()
{
	mock_get stats | sed 's/.*"active": *\([0-9]*\).*/\1/'
}

# How many objects the target was told of more than once.
n_twice()
{
	mock_get log | grep '"PUT"' | grep -o '"path":"[^"]*"' | sort |
		uniq -d | wc -l
}

mock_reset()
{
	curl --silent --output /dev/null --request POST "$mock_url/_mock/reset"
}

in_order() # nothing active, nothing in two states, no lock left
{
	[ "$(n_jobs active)" -eq 0 ] &&
		[ -z "$(rcli --raw keys "$queue:*:lock")" ] &&
		[ $(($(n_jobs wait) + $(n_jobs delayed) + $(n_jobs completed) + \
			$(n_jobs failed))) -eq "$1" ]
}

check 'the services take the settings' hooksync_restart
nginx_site

# What needs 5 seconds may end.
mock_script '{"path":"/erp/items/*","method":"PUT",
	"answers":[{"delay_ms":5000,"apply":true,"times":0}]}'
load_start calm 150 --concurrency 16
check '150 webhooks are accepted' load_wait calm
becomes 'a hundred jobs are in flight' 10 100 n_requests
becomes 'and active' 5 100 n_jobs active
check 'the worker is stopped' stop_worker
check 'within its grace of 30 seconds' test "$took" -lt 30000
check 'but not before they ended' test "$took" -gt 1000
is 'systemd calls it a success' \
	"$(unit hooksync-worker.service Result)" success
is 'it ended by itself' \
	"$(unit hooksync-worker.service ExecMainStatus)" 0
is 'the hundred are completed' "$(n_jobs completed)" 100
is 'and in the target' "$(n_arrived items)" 100
is 'the others wait' "$(n_jobs wait)" 50
check 'no job is active, or has a lock' in_order 150
is 'the target was told of each once' "$(n_twice)" 0
mock_reset
systemctl start hooksync-worker.service
becomes 'a worker that is started does the rest' 10 50 n_arrived items
becomes 'all of it' 5 150 n_jobs completed

# What would need longer than the grace is given back.
rcli flushall >/dev/null
mock_reset
sed -i 's/^worker .*/worker = { concurrency = 100; shutdown_grace = "2s"; };/' \
	/etc/hooksync/conf.d/z-stop.conf
systemctl restart hooksync-worker.service
mock_script '{"path":"/erp/items/*","method":"PUT",
	"answers":[{"delay_ms":60000,"times":0}]}'
load_start slow 100 --concurrency 16
check 'a hundred more are accepted' load_wait slow
becomes 'and are in flight' 10 100 n_requests
check 'the worker is stopped' stop_worker
check 'it waits for the grace of 2 seconds' test "$took" -ge 2000
check 'and not much longer' test "$took" -lt 8000
is 'systemd calls it a success' \
	"$(unit hooksync-worker.service Result)" success
is 'the hundred wait again' "$(n_jobs wait)" 100
check 'no job is active, or has a lock' in_order 100
is 'nothing was changed' "$(n_arrived items)" 0
mock_reset
systemctl start hooksync-worker.service
becomes 'later all of them get there' 20 100 n_arrived items
becomes 'and are completed' 5 100 n_jobs completed
is 'none is lost' "$(load_lost slow)" 0
is 'the stops did not cost any an attempt' "$(n_jobs failed)" 0

# A grace that is longer than TimeoutStopSec holds, too: the worker says so.
mkdir -p /etc/systemd/system/hooksync-worker.service.d
printf '[Service]\nTimeoutStopSec=2\n' \
	>/etc/systemd/system/hooksync-worker.service.d/story.conf
systemctl daemon-reload
sed -i 's/^worker .*/worker = { concurrency = 100; shutdown_grace = "20s"; };/' \
	/etc/hooksync/conf.d/z-stop.conf
systemctl restart hooksync-worker.service
mock_script '{"path":"/erp/items/*","method":"PUT",
	"answers":[{"delay_ms":6000,"apply":true,"times":0}]}'
load_start long 10 --concurrency 10
check 'ten more are accepted' load_wait long
becomes 'ten jobs are in flight' 10 10 n_jobs active
check 'the worker is stopped' stop_worker
is 'nobody killed it' "$(unit hooksync-worker.service Result)" success
is 'the ten are completed' "$(n_jobs completed)" 110
rm -r /etc/systemd/system/hooksync-worker.service.d
systemctl daemon-reload

# The target stops all workers of the host.
systemctl start hooksync-worker@2.service hooksync-worker@3.service
check 'the target is stopped' systemctl stop hooksync-worker.target
for name in hooksync-worker hooksync-worker@2 hooksync-worker@3; do
	is "and with it $name" "$(unit_state "$name.service")" inactive
done
the_end
