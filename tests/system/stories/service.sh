#!/bin/sh
# systemctl start, reload, restart, stop and a kill, while webhooks come in
# through nginx: each is answered 200 and arrives. What cannot run says why and
# does not loop; a long time without Redis ends by itself.
# wants: hooksync redis-server nginx
# limit: 300
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

worker=hooksync-worker.service
responder=hooksync-fcgi.service

n_restarts() # UNIT
{
	unit "$1" NRestarts
}

is_state() # UNIT STATE
{
	[ "$(unit_state "$1")" = "$2" ]
}

is_another() # UNIT PID; runs, as another process
{
	another=$(main_pid "$1")
	[ "$another" -ne 0 ] && [ "$another" != "$2" ] &&
		[ "$(unit_state "$1")" = active ]
}

is_enabled() # UNIT
{
	systemctl is-enabled "$1"
}

# A load goes on while the command is run, and comes to its end after it.
during_load() # NAME COMMAND...
{
	during=$1
	shift
	load_start "$during" 400 --concurrency 8 --rate 200
	check "$during: webhooks come in" wait_for 10 load_has "$during" 40
	check "$during: $*" "$@"
	check "$during: each webhook is answered 200" load_wait "$during"
	is "$during: by count" "$(load_codes "$during")" '200 400'
	check "$during: all arrive" wait_for 30 tap_says 0 load_lost "$during"
}

kill_hard() # UNIT; and wait until it is there again
{
	old=$(main_pid "$1")
	systemctl kill --signal=KILL --kill-whom=main "$1" &&
		wait_for 10 is_another "$1" "$old"
}

three_times() # COMMAND...
{
	"$@" && "$@" && "$@"
}

# --- as installed ---
for name in hooksync-fcgi.socket $responder $worker hooksync-worker.target; do
	is "$name is enabled" "$(is_enabled "$name")" enabled
	is "and active" "$(unit_state "$name")" active
done

mock_start
hooksync_settings
cat >/etc/hooksync/conf.d/service.conf <<-'END'
	worker   = { lock_duration = "3s"; stalled_interval = "2s"; };
END
check 'the services take the settings' hooksync_restart
nginx_site

# --- while webhooks come in ---
during_load fcgi_restart three_times systemctl restart $responder
during_load fcgi_reload three_times systemctl reload $responder
before=$(n_restarts $responder)
during_load worker_restart three_times systemctl restart hooksync-worker.target
during_load worker_reload three_times systemctl reload $worker
is 'nobody crashed meanwhile' "$(n_restarts $responder) $(n_restarts $worker)" \
	"$before 0"
during_load worker_kill three_times kill_hard $worker
is 'NRestarts counts the kills' "$(n_restarts $worker)" 3

# Who is killed cannot answer what it has read; nginx asks the next one.
during_load fcgi_kill kill_hard $responder

# A responder that is stopped is started by the next webhook.
systemctl stop $responder 2>/dev/null
is 'a stopped responder stays down' "$(unit_state $responder)" inactive
is 'its socket does not' "$(unit_state hooksync-fcgi.socket)" active
is 'the next webhook is accepted' \
	"$(deliver item knock '{"identityId":"knock"}')" 200
is 'since it started the responder' "$(unit_state $responder)" active

# --- reload ---
add_endpoint() # PATH
{
	cat >/etc/hooksync/conf.d/zz-added.conf <<-END
		endpoints = { added = { path = "$1"; job = "item";
			data = { itemId = "/identityId"; };
			verify = { scheme = "standard-webhooks";
			           secrets = [ "secret:crm-webhook" ]; }; }; };
	END
}

status_of() # ENDPOINT
{
	deliver "$1" "$1-$(now_ms)" "{\"identityId\":\"$1\"}"
}

pids="$(main_pid $responder) $(main_pid $worker)"
is 'an endpoint that is not there is 404' "$(status_of added)" 404
add_endpoint /webhooks/added
check 'a good reload of the responder' systemctl reload $responder
becomes 'the new endpoint accepts' 5 200 status_of added
check 'a good reload of the worker' systemctl reload $worker
echo 'endpoints = { added = { path = "webhooks"; }; };' \
	>/etc/hooksync/conf.d/zzz-bad.conf
check 'a bad one of the responder fails' fails systemctl reload $responder
check 'a bad one of the worker fails' fails systemctl reload $worker
for name in $responder $worker; do
	check "the journal of $name says where it is wrong" \
		journal_says '/etc/hooksync/conf.d/zzz-bad.conf:1' -u "$name"
done
echo '}' >/etc/hooksync/conf.d/zzz-bad.conf
check 'a file that does not parse fails it, too' \
	fails systemctl reload $responder
is 'the old settings are in force' "$(status_of added)" 200
is 'both run on' "$(unit_state $responder) $(unit_state $worker)" \
	'active active'
# sent past the check: the daemons judge for themselves
systemctl kill --signal=HUP --kill-whom=main $responder
systemctl kill --signal=HUP --kill-whom=main $worker
check 'the responder refuses a bad file by itself' \
	wait_for 5 journal_says 'reload failed' -u $responder
check 'the worker, too' \
	wait_for 5 journal_says 'reload failed' -u $worker
is 'they are the same processes' \
	"$(main_pid $responder) $(main_pid $worker)" "$pids"
is 'and work' "$(status_of added)" 200

# --- settings nobody can run with ---
systemctl restart $worker 2>/dev/null
check 'a worker with wrong settings fails' \
	wait_for 5 is_state $worker failed
is 'by exit status 78' "$(unit $worker ExecMainStatus)" 78
n_starts()
{
	journal -u "$1" | grep -c "Starting ${1%.service}"
}
starts=$(n_starts $worker)
systemctl stop $responder
systemctl restart $responder 2>/dev/null
check 'so does a responder' wait_for 5 is_state $responder failed
is 'by exit status 78' "$(unit $responder ExecMainStatus)" 78
# each webhook that waits in the socket would start it again
status_of item >"$stage/refused"
check 'a webhook is refused' test "$(cat "$stage/refused")" -ge 500
starts_there=0
is_quiet() # no start for four seconds
{
	[ "$starts_there" -eq "$(n_starts "$responder")" ] &&
		[ $(($(now_ms) - quiet_since)) -gt 4000 ] && return
	if [ "$starts_there" -ne "$(n_starts "$responder")" ]; then
		starts_there=$(n_starts "$responder")
		quiet_since=$(now_ms)
	fi
	return 1
}
quiet_since=$(now_ms)
check 'the starts it causes come to an end' wait_for 40 is_quiet
diag "$starts_there starts of the responder"
is 'the worker was not started again' "$(n_starts $worker)" "$starts"
rm /etc/hooksync/conf.d/zzz-bad.conf
check 'with the settings right, the command of README.Debian helps' \
	hooksync_restart
systemctl start $worker
is 'the socket is open' "$(unit_state hooksync-fcgi.socket)" active
becomes 'webhooks are accepted' 10 200 status_of added

# --- workers beside it ---
check 'one more worker' systemctl enable --now hooksync-worker@2.service
is 'runs' "$(unit_state hooksync-worker@2.service)" active
# the first is held still: the second does the work
systemctl kill --signal=STOP --kill-whom=main $worker
is 'a webhook is accepted' "$(deliver item two '{"identityId":"two"}')" 200
check 'the second worker does it' wait_for 15 erp_get items/two
systemctl kill --signal=CONT --kill-whom=main $worker
old="$(main_pid $worker) $(main_pid hooksync-worker@2.service)"
check 'the target restarts all' systemctl restart hooksync-worker.target
is_other_pair()
{
	is_another "$worker" "${old% *}" &&
		is_another hooksync-worker@2.service "${old#* }"
}
check 'both are new' wait_for 10 is_other_pair
systemctl stop hooksync-worker.target
is 'the target stops all' \
	"$(unit_state $worker) $(unit_state hooksync-worker@2.service)" \
	'inactive inactive'
check 'one line starts all that are enabled' \
	systemctl start --all 'hooksync-worker*'
is 'both run' "$(unit_state $worker) $(unit_state hooksync-worker@2.service)" \
	'active active'

# --- a long time without Redis ---
restarts="$(n_restarts $responder) $(n_restarts $worker)"
pids="$(main_pid $responder) $(main_pid $worker)"
systemctl stop redis-server
is 'without Redis a webhook is refused, to come again' "$(status_of item)" 503
gone_since=$(now_ms)
is_over()
{
	[ $(($(now_ms) - gone_since)) -gt 20000 ]
}
wait_for 30 is_over
is 'after 20 seconds both are there' \
	"$(unit_state $responder) $(unit_state $worker)" 'active active'
check 'the status says that Redis is away' \
	says 'Redis' systemctl show -P StatusText $responder
systemctl start redis-server
becomes 'with Redis back, webhooks are accepted' 20 200 status_of item
check 'and arrive' wait_for 20 erp_get items/item
is 'nobody was restarted' "$(n_restarts $responder) $(n_restarts $worker)" \
	"$restarts"
is 'they are the same processes' "$(main_pid $responder) $(main_pid $worker)" \
	"$pids"
load_start after 200 --concurrency 8
check 'all is as before' load_wait after
check 'and all arrives' wait_for 20 tap_says 0 load_lost after

# A start of the daemons before Redis: they wait for it.
systemctl stop redis-server
check 'they start without Redis' hooksync_restart
check 'the responder is ready' wait_for 10 is_state $responder active
check 'so is the worker' wait_for 10 is_state $worker active
systemctl start redis-server
becomes 'when it comes, webhooks are accepted' 20 200 status_of item

# --- as after a boot: all down, then what is enabled ---
systemctl stop 'hooksync-*' 2>/dev/null
systemctl daemon-reexec
systemctl start sockets.target multi-user.target
for name in hooksync-fcgi.socket $responder $worker hooksync-worker@2.service \
	hooksync-worker.target; do
	check "$name is up after a boot" wait_for 10 is_state "$name" active
done
becomes 'and webhooks are accepted' 10 200 status_of item
the_end
