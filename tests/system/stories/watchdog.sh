#!/bin/sh
# Daemons that get no further are restarted by systemd, and what they held is
# done: one that is stopped, one whose loop spins and hears nothing, one whose
# callback never comes back. A Redis that is away for long is no reason.
# wants: hooksync redis-server nginx
# limit: 300
# long
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

# The watchdog of the units is 30 s; with 4 s the story is short.
quick() # UNIT
{
	mkdir -p "/etc/systemd/system/$1.d"
	cat >"/etc/systemd/system/$1.d/story.conf" <<-END
		[Service]
		WatchdogSec=4
		TimeoutAbortSec=3
		Environment=SPIN_FILE=/run/spin LD_PRELOAD=$BED/bin/spin_preload.so
		ExecPaths=$BED/bin
	END
}

n_restarts() # UNIT
{
	unit "$1" NRestarts
}

is_another() # UNIT PID; runs, as another process
{
	another=$(main_pid "$1")
	[ "$another" -ne 0 ] && [ "$another" != "$2" ] &&
		[ "$(unit_state "$1")" = active ]
}

spin() # UNIT MODE
{
	echo "$(main_pid "$1") $2" >/run/spin.new
	mv /run/spin.new /run/spin
}

n_requests()
{
	mock_get stats | sed 's/.*"active": *\([0-9]*\).*/\1/'
}

mock_start
hooksync_settings
cat >/etc/hooksync/conf.d/watchdog.conf <<-'END'
	worker = { lock_duration = "3s"; stalled_interval = "2s"; };
END
worker=hooksync-worker.service
responder=hooksync-fcgi.service
quick $worker
quick $responder
systemctl daemon-reload
check 'the services take the settings' hooksync_restart
check 'so does nginx' nginx_site
is 'the worker has a watchdog' "$(unit $worker WatchdogUSec)" 4s
is 'so has the responder' "$(unit $responder WatchdogUSec)" 4s
deliver item warm '{"identityId":"warm"}' >/dev/null
becomes 'all goes its way' 10 1 n_arrived items

# Without work and with, nobody is restarted: longer than the watchdog.
load_start calm 300 --rate 40
check 'webhooks come for 7 seconds' load_wait calm
becomes 'and arrive' 10 301 n_arrived items
is 'the worker went on all the time' "$(n_restarts $worker)" 0
is 'so did the responder' "$(n_restarts $responder)" 0

# --- the worker ---
# Ten jobs are in the worker's hands when it stops going on.
for mode in stop deaf stuck; do
	case $mode in
	stop) what='that is stopped' ;;
	deaf) what='whose loop spins and hears nothing' ;;
	stuck) what='whose callback never comes back' ;;
	esac
	before=$(n_restarts $worker)
	mock_script '{"path":"/erp/items/*","method":"PUT",
		"answers":[{"delay_ms":2000,"times":10}]}'
	load_start "$mode" 10 --concurrency 10
	load_wait "$mode"
	becomes "ten jobs are in flight in a worker $what" 10 10 n_requests
	old=$(main_pid $worker)
	case $mode in
	stop) kill -STOP "$old" ;;
	*) spin $worker "$mode" ;;
	esac
	begun=$(now_ms)
	check 'systemd restarts it' wait_for 20 is_another $worker "$old"
	took=$(($(now_ms) - begun))
	diag "the watchdog needed $took ms"
	check 'soon after the watchdog wanted a ping' test "$took" -lt 12000
	check 'the journal says why' journal_says 'Watchdog timeout' -u $worker
	is 'it was one restart' "$(n_restarts $worker)" $((before + 1))
	becomes 'the ten jobs are done' 20 "200 10" load_codes "$mode"
	check 'and all of them in the target' wait_for 20 \
		tap_says 0 load_lost "$mode"
	becomes 'no job is active' 10 0 n_jobs active
	is 'no job has failed' "$(n_jobs failed)" 0
	[ ! -d "/proc/$old" ] || diag "process $old is still there"
done

# --- the responder ---
for mode in stop deaf stuck; do
	case $mode in
	stop) what='that is stopped' ;;
	deaf) what='whose loop spins and hears nothing' ;;
	stuck) what='whose callback never comes back' ;;
	esac
	before=$(n_restarts $responder)
	old=$(main_pid $responder)
	case $mode in
	stop) kill -STOP "$old" ;;
	*) spin $responder "$mode" ;;
	esac
	check "systemd restarts a responder $what" \
		wait_for 20 is_another $responder "$old"
	is 'it was one restart' "$(n_restarts $responder)" $((before + 1))
	is 'the socket was open all the time' \
		"$(unit hooksync-fcgi.socket NRestarts) \
$(unit_state hooksync-fcgi.socket)" ' active'
	is 'the next webhook is accepted' \
		"$(deliver item "after-$mode" "{\"identityId\":\"after-$mode\"}")" 200
	check 'and arrives' wait_for 10 erp_get "items/after-$mode"
done

# --- Redis is away for three times the watchdog ---
workers=$(n_restarts $worker)
responders=$(n_restarts $responder)
systemctl stop redis-server
is 'without Redis a webhook is refused' \
	"$(deliver item away '{"identityId":"away"}')" 503
gone_since=$(now_ms)
is_over()
{
	[ $(($(now_ms) - gone_since)) -gt 13000 ]
}
wait_for 20 is_over
is 'that is no reason to restart the worker' "$(n_restarts $worker)" "$workers"
is 'nor the responder' "$(n_restarts $responder)" "$responders"
systemctl start redis-server
is_accepted()
{
	[ "$(deliver item back '{"identityId":"back"}')" = 200 ]
}
check 'with Redis back, webhooks are accepted' wait_for 20 is_accepted
check 'and arrive' wait_for 20 erp_get items/back
is 'the worker is the same' "$(n_restarts $worker)" "$workers"
is 'the responder, too' "$(n_restarts $responder)" "$responders"
the_end
