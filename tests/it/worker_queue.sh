#!/bin/sh
# What a worker owes the others on its queue: it leaves alone what is not for it,
# obeys its limiter, counts, is seen once, fails poison once, shares its slots
# between its queues, and keeps its locks whatever its maps do.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
story redis-server

stage_mock
stage_conf
cat >"$stage/conf.d/shared.conf" <<-'END'
	queue  = { metrics = 10; };
	worker = { lock_duration = "2s"; stalled_interval = "1s"; name = "w1";
	           queues = [ "sync", "other" ]; };
	routes = { greedy = { map = "now as $t | 0 | until(now > $t + 3; . + 1) | { number: . }";
	                      push = { service = "erp"; path = "/greedy/1"; }; }; };
END
stage_redis

invoice() # ID NUMBER
{
	job_add "$1" crm-invoice-webhook \
		"{\"invoiceId\":$2,\"rawPayload\":{\"number\":\"$1\"}}"
}

n_clients() # NAME
{
	rcli --raw client list | grep -c " name=$1 "
}

limiter_is_set()
{
	[ "$(rcli --raw pttl "$queue:limiter")" -gt 0 ]
}

has_ended() # HOW_MANY
{
	[ "$(n_jobs completed)" -ge "$1" ]
}

# Two queues, one of them BullMQ Pro's.
rcli hset "$queue:meta" version bullmq-pro:7.40.1 >/dev/null
invoice a 1
queue=bull:other
invoice b 2
stage_worker
becomes 'the other queue is worked on' 10 1 n_jobs completed
queue=bull:sync
check 'it says that it leaves one alone' wait_for 5 grep -q \
	'queue is left alone queue=sync .*bullmq-pro:7.40.1.*worker.force_pro' \
	"$stage/worker.log"
is 'its job waits' "$(states_of a)" 'wait '
is 'nobody is seen to work on it' "$(n_clients bull:c3luYw==:w:w1)" 0
is 'on the other, one' "$(n_clients bull:b3RoZXI=:w:w1)" 1
rcli hset "$queue:meta" version bullmq:6.7.0 >/dev/null
becomes 'no more, and it is done' 10 'completed ' states_of a
is 'as it says' "$(grep -c 'BullMQ Pro no more' "$stage/worker.log")" 1
is 'now it is seen, once' "$(n_clients bull:c3luYw==:w:w1)" 1
is 'what ends is counted' "$(rcli hget "$queue:metrics:completed" count)" 1
stage_stop worker
rcli hset "$queue:meta" version bullmq-pro:7.40.1 >/dev/null
stage_worker -o worker.force_pro=true
invoice c 3
becomes 'or where the operator says so' 10 'completed ' states_of c
rcli hset "$queue:meta" version bullmq:6.7.0 >/dev/null

# Two a minute, in the whole fleet.
stage_stop worker
stage_worker -o queue.limit.max=2 -o queue.limit.duration=1m
for i in 11 12 13; do
	echo "l$i crm-invoice-webhook {\"invoiceId\":$i,\"rawPayload\":{}}"
done | jobs_add
becomes 'two are done' 10 4 n_jobs completed
check 'the time runs' limiter_is_set
is 'the third waits' "$(states_of l13)" 'wait '
stage_stop worker
rcli del "$queue:limiter" >/dev/null

# Poison fails once, with a reason, and stops nobody.
rcli lpush "$queue:wait" ghost >/dev/null
rcli hset "$queue:nodata" name x data '{"a":' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli hset "$queue:noopts" name x data '{}' opts '[' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli hset "$queue:odd" name crm-invoice-webhook data '{"invoiceId":404}' \
	opts '{"attempts":3,"backoff":{"type":"mine","delay":1}}' timestamp 1 \
	delay 0 priority 0 >/dev/null
mock_script '{"path":"/erp/invoices/404","answers":[{"status":503,"times":0}]}'
rcli lpush "$queue:wait" nodata noopts odd >/dev/null
invoice d 4
stage_worker
becomes 'a good job behind them is done' 10 'completed ' states_of d
for id in ghost nodata noopts odd; do
	becomes "$id has failed" 10 'failed ' states_of $id
	is "$id: after one attempt" "$(job_field $id ats)" 1
	check "$id: with a reason" test -n "$(job_field $id failedReason)"
done
is 'no lock is left' "$(rcli --raw keys '*:lock')" ''
is 'and nothing is active' "$(n_jobs active)" 0

# One slot for both queues: neither waits until the other is empty, and a marker
# that comes while there is no slot is left for others.
stage_stop worker
mock_script '{"path":"/erp/invoices/6*","answers":[{"delay_ms":20,"times":0}]}'
mock_script '{"path":"/erp/invoices/7*","answers":[{"delay_ms":2000,"times":0}]}'
n_before=$(n_jobs completed)
for i in $(seq 600 699); do
	echo "f$i crm-invoice-webhook {\"invoiceId\":$i,\"rawPayload\":{}}"
done | jobs_add
stage_worker -o worker.concurrency=1
check 'the first is worked on' wait_for 10 has_ended $((n_before + 3))
queue=bull:other
invoice e 5
becomes 'the other has its turn' 10 'completed ' states_of e
queue=bull:sync
check 'before all of the first are done' test "$(n_jobs completed)" -lt \
	$((n_before + 90))
check 'these are done, too' wait_for 20 has_ended $((n_before + 100))
invoice slow 7
becomes 'there is no slot' 5 'active ' states_of slow
queue=bull:other
invoice h 8
becomes 'the marker is put back' 1 1 rcli zcard "$queue:marker"
becomes 'in the end we come for the job ourselves' 10 'completed ' states_of h
queue=bull:sync
stage_stop worker
stage_worker

# A map that works for longer than a lock lives.
job_add g greedy '{}'
becomes 'it is pushed in the end' 60 'completed ' states_of g
is 'and ran once' "$(job_field g ats)" 1
check 'and lasted' grep -Eq 'job completed .*job=g .*ran_ms=[2-9][0-9]{3}|job=g .*ran_ms=[0-9]{5}' \
	"$stage/worker.log"
is 'none stalled' "$(grep -c 'job stalled' "$stage/worker.log")" 0
is 'no lock was lost' "$(grep -c 'lock lost' "$stage/worker.log")" 0
the_end
