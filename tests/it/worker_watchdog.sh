#!/bin/sh
# The watchdog's pings go on as long as the worker has nothing to do, may not, or
# cannot help it; and end when it is stopped. (That they end when it only seems
# to live is vigil_test's.)
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
# shellcheck source=tests/lib/stage_manager.sh
. "$top_srcdir/tests/lib/stage_manager.sh"
story redis-server

stage_mock
stage_conf
cat >"$stage/conf.d/quick.conf" <<-'END'
	redis  = { command_timeout = "500ms"; connect_timeout = "500ms"; };
	worker = { drain_delay = "40s"; lock_duration = "2s";
	           queues = [ "sync", "halted" ]; shutdown_grace = "1s"; };
END
stage_redis
# whoever has nothing to do must not owe anything
rcli hset bull:halted:meta paused 1 >/dev/null
n_waits()
{
	rcli client list | grep -c cmd=bzpopmin
}

stage_manager 1200
stage_worker
becomes 'both queues are waited for' 10 2 n_waits
# that wait lasts, whatever the new settings say
sed -i 's/40s/200ms/' "$stage/conf.d/quick.conf"
kill -HUP "$pid_worker"
check 'the settings are others' wait_for 5 grep -q ': reloaded ' \
	"$stage/worker.log"

# A take is owed every second or so, and five seconds is how long a debt may
# stand: in eight it would be missed.
alive() # WHAT
{
	check "$1" pings_go_on 26 30
	check '... without a gap' test "$(longest_pause 26)" -lt \
		$((3000 * ${HOOKSYNC_SLOW:-1}))
	is '... and nothing is overdue' \
		"$(grep -c 'overdue' "$stage/worker.log")" 0
}

# The target is slow, another refuses us, one queue is empty, one paused.
mock_script '{"path":"/erp/invoices/1","answers":[{"delay_ms":15000}]}'
mock_script '{"path":"/crm/identities/2","answers":[{"status":401}]}'
job_add slow crm-invoice-webhook '{"invoiceId":1,"rawPayload":{"number":"1"}}'
job_add refused crm-identity-webhook '{"identityId":"2"}'
becomes 'one is refused' 5 'failed ' states_of refused
alive 'slow, shut, empty and paused is alive'
check 'the slow one is under way' eval 'mock_get log | grep -q "\"status\":0,.*invoices/1\""'
becomes 'which the status line tells' 5 \
	'1 active, 0 done, 1 failed; Redis up; service crm is shut: it refuses our credentials or its certificate is not trusted' \
	status_line

kill -STOP "$pid_redis"
check 'Redis is missed' wait_for 10 eval \
	'status_line | grep -q "^1 active, .*; Redis away since ..:..:..: no answer in time"'
alive 'a Redis that says nothing is no reason to die'
kill -CONT "$pid_redis"
check 'it is back' wait_for 10 eval 'status_line | grep -q "; Redis up"'

stage_stop redis
check 'Redis is missed' wait_for 10 eval \
	'status_line | grep -q "; Redis away since ..:..:..: [CN]o[n ]"'
alive 'a Redis that is not there is none either'
stage_redis
check 'it is back' wait_for 10 eval 'status_line | grep -q "; Redis up"'

kill -STOP "$pid_worker"
check 'a stopped worker does not ping' fails pings_go_on 1 2
kill -CONT "$pid_worker"
check 'one that goes on does' pings_go_on 4 5
stage_stop worker
is 'SIGTERM ends it' $? 0
is 'systemd was told' "$(n_heard STOPPING=1)" 1
is 'and how many are left' "$(status_line | sed 's/;.*//')" \
	'stopping, 0 jobs under way'
the_end
