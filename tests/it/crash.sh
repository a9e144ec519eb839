#!/bin/sh
# The worker dies in the middle of a push, without a word. Its lock runs out, a
# worker's stalled check finds the job, and it is done after all.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx

stage_mock
stage_conf
echo 'worker = { lock_duration = "1s"; stalled_interval = "1s"; };' \
	>"$stage/conf.d/quick.conf"
stage_redis
stage_responder
stage_nginx

pushes() # PATH; how often the target was asked
{
	mock_get log | grep -c "\"method\":\"PUT\",\"path\":\"$1\""
}

is_locked() # JOB
{
	[ "$(rcli exists "$queue:$1:lock")" -eq 1 ]
}

crm_put 1 '{"fullName":"Mary Shelley","email":"mary@example.com"}'
mock_script '{"path":"/erp/customers/1","method":"PUT",
	"answers":[{"delay_ms":60000}]}'
stage_worker
is 'a webhook is taken' \
	"$(deliver identity c1 '{"identityId":"1","action":"created"}')" 200
becomes 'its push is under way' 10 1 pushes /erp/customers/1
is 'the job is active' "$(states_of identity-c1)" 'active '
check 'and locked' is_locked identity-c1

# The lock is renewed while the work lasts: it outlives its own duration.
lock=$(rcli --raw get $queue:identity-c1:lock)
renewed_until=$(($(now_ms) + 2500))
while [ "$(now_ms)" -lt $renewed_until ] && is_locked identity-c1; do
	sleep 0.1
done
check 'work that lasts keeps its lock' is_locked identity-c1
is 'and is not begun twice' "$(pushes /erp/customers/1)" 1

dead=$pid_worker
stage_stop worker KILL
check 'the worker is dead' fails stage_is_alive "$dead"
is 'the job still counts as active' "$(states_of identity-c1)" 'active '
check 'the lock runs out' wait_for 5 fails is_locked identity-c1

stage_worker
becomes 'the next worker completes the job' 20 'completed ' \
	states_of identity-c1
is 'the object arrived' "$(erp_get customers/1)" \
	'{"name":"Mary Shelley","email":"mary@example.com"}'
is 'after two starts' "$(job_field identity-c1 ats)" 2
is 'of which one stalled' "$(job_field identity-c1 stc)" 1
check 'the event says so' fails test \
	"$(events_of identity-c1 | grep -c stalled)" -eq 0
is 'it is in no other state' "$(states_of identity-c1)" 'completed '
check 'another token held it' test "$lock" != \
	"$(rcli --raw get $queue:identity-c1:lock)"
is 'no lock is left' "$(rcli exists $queue:identity-c1:lock)" 0

# SIGTERM in mid-push: what does not end within the grace goes back to wait.
stage_stop worker
mock_script '{"path":"/erp/customers/1","method":"PUT",
	"answers":[{"delay_ms":60000}]}'
echo 'worker = { shutdown_grace = "1s"; };' >"$stage/conf.d/quick2.conf"
stage_worker
is 'another webhook is taken' \
	"$(deliver identity c2 '{"identityId":"1","action":"updated"}')" 200
becomes 'its push is under way' 10 'active ' states_of identity-c2
becomes 'at the target' 10 3 pushes /erp/customers/1
stage_stop worker
is 'SIGTERM ends the worker in order' $? 0
is 'the job went back' "$(states_of identity-c2)" 'wait '
is 'without a lock' "$(rcli exists $queue:identity-c2:lock)" 0
stage_worker
becomes 'and is done by the next worker' 10 'completed ' \
	states_of identity-c2
the_end
