#!/bin/sh
# How a worker ends, and what Redis going away does to it: nothing is lost,
# nothing is in two states, nobody has to restart it.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
story redis-server

stage_mock
stage_conf
cat >"$stage/conf.d/quick.conf" <<-'END'
	worker = { lock_duration = "1s"; stalled_interval = "1s";
	           shutdown_grace = "5s"; };
	routes = { copy = { fetch = { service = "crm"; path = "/identities/{id}"; };
	                    push  = { service = "erp"; path = "/copies/{id}"; }; }; };
END
stage_redis --appendonly yes --appendfsync always

invoice() # ID NUMBER
{
	job_add "$1" crm-invoice-webhook \
		"{\"invoiceId\":$2,\"rawPayload\":{\"number\":\"$1\"}}"
}

pushes() # NUMBER
{
	mock_get log | grep -c "\"PUT\",\"path\":\"/erp/invoices/$1\""
}

fetches() # STATUS; of identity 9; 0: under way
{
	mock_get log | grep '"GET","path":"/crm/identities/9"' |
		grep -c "\"status\":$1,"
}

was_copied() # N
{
	[ "$(mock_get log | grep -c '"PUT","path":"/erp/copies/9"')" -eq "$1" ]
}

n_lines() # PATTERN
{
	grep -c "$1" "$stage/worker.log"
}

is_second() # PATTERN
{
	[ "$(n_lines "$1")" -eq 2 ]
}

some_active()
{
	[ "$(n_jobs active)" -gt 0 ]
}

# Work that ends within the grace ends; it is not given back.
mock_script '{"path":"/erp/invoices/1","answers":[{"delay_ms":2500,"apply":true}]}'
stage_worker
invoice a 1
becomes 'a push is under way' 5 1 pushes 1
stage_stop worker
is 'SIGTERM waits for it' $? 0
is 'it is completed' "$(states_of a)" 'completed '
is 'though it lasted longer than its lock' "$(job_field a ats)" 1

# A second signal does not wait.
mock_script '{"path":"/erp/invoices/2","answers":[{"delay_ms":60000}]}'
stage_worker
invoice b 2
becomes 'another push is under way' 5 1 pushes 2
begun=$(now_ms)
kill -TERM "$pid_worker"
check 'SIGTERM is heard' wait_for 5 is_second stopping
invoice c 3
stage_stop worker
is 'a second SIGTERM ends it too' $? 0
check 'at once' test $(($(now_ms) - begun)) -lt 4000
is 'the job waits again' "$(states_of b)" 'wait '
is 'what came meanwhile was not taken' "$(job_field c ats)" ''
is 'no lock is left' "$(rcli --raw keys '*:lock')" ''
stage_worker
becomes 'the next worker does it' 5 'completed ' states_of b
becomes 'and the other' 5 'completed ' states_of c

# A hundred at once, of two queues, over kept connections, and a target that does
# not answer: the grace ends, and all of it waits again, as if never begun.
stage_stop worker
cat >"$stage/conf.d/crowd.conf" <<-'END'
	worker = { queues = [ "sync", "second" ]; };
	services = { erp = { concurrency = 100; }; };
END
crowd() # FROM TO; fifty each of both queues
{
	for queue in bull:sync bull:second; do
		for i in $(seq "$1" "$2"); do
			echo "k$i crm-invoice-webhook {\"invoiceId\":$i,\"rawPayload\":{\"number\":\"k\"}}"
		done | jobs_add
	done
	queue=bull:sync
}

n_both() # STATE
{
	echo $(($(n_jobs "$1") + $(queue=bull:second && n_jobs "$1")))
}

# What is left of jobs 201 to 250 of both queues.
states_of_crowd()
{
	for queue in bull:sync bull:second; do
		for i in $(seq 201 250); do
			states_of "k$i"
		done
	done | sort | uniq -c | sed 's/^ *//'
	queue=bull:sync
}

attempts_of_crowd()
{
	for queue in bull:sync bull:second; do
		for i in $(seq 201 250); do
			job_field "k$i" atm
		done
	done | sort -u | tr -d '\n'
	queue=bull:sync
}

# connections that are kept, by a hundred jobs before
mock_script '{"path":"/erp/invoices/9*","answers":[{"delay_ms":200,"apply":true,"times":0}]}'
stage_worker -o worker.shutdown_grace=2s -o worker.lock_duration=30s
before=$(n_both completed)
crowd 901 950
becomes 'a hundred are done' 10 $((before + 100)) n_both completed
mock_script '{"path":"/erp/invoices/2*","answers":[{"delay_ms":60000,"times":0}]}'
crowd 201 250
becomes 'a hundred are active' 10 100 n_both active
becomes 'and asked for' 10 100 pushes '2[0-5][0-9]'
begun=$(now_ms)
stage_stop worker
is 'SIGTERM ends the worker' $? 0
took=$(($(now_ms) - begun))
check "after the grace ($took ms)" test $took -ge 2000
check 'and not later' test $took -lt $((5000 * ${HOOKSYNC_SLOW:-1}))
is 'none is active' "$(n_both active)" 0
is 'each waits, in no other state' "$(states_of_crowd)" '100 wait '
is 'no attempt is counted' "$(attempts_of_crowd)" ''
is 'no lock is left' "$(rcli --raw keys '*:lock')" ''
is 'the worker says so' "$(grep -c 'job given back .*job=k2' "$stage/worker.log")" 100

# The same with no patience: a second signal, and all of it waits again.
stage_worker -o worker.shutdown_grace=60s -o worker.lock_duration=30s
becomes 'they are active again' 10 100 n_both active
begun=$(now_ms)
was=$(n_lines stopping)
kill -TERM "$pid_worker"
becomes 'SIGTERM is heard' 5 $((was + 1)) n_lines stopping
stage_stop worker
is 'a second one ends the worker' $? 0
check 'at once' test $(($(now_ms) - begun)) -lt \
	$((5000 * ${HOOKSYNC_SLOW:-1}))
is 'each waits' "$(states_of_crowd)" '100 wait '
is 'no attempt is counted yet' "$(attempts_of_crowd)" ''
is 'nor is a lock left' "$(rcli --raw keys '*:lock')" ''
curl --silent --fail --data '' "$mock_url/_mock/reset" >/dev/null
stage_worker
becomes 'the next worker does them all' 15 '100 completed ' states_of_crowd
rm "$stage/conf.d/crowd.conf"
stage_stop worker
was=$(n_lines 'redis connected')
stage_worker
becomes 'a worker is there' 5 $((was + 1)) n_lines 'redis connected'

# Redis goes and comes, with its data, while a push is under way: the worker
# stays, and the finish that could not be told is told afterwards.
mock_script '{"path":"/erp/invoices/4","answers":[{"delay_ms":700,"apply":true}]}'
was=$(n_lines 'redis connected')
invoice d 4
becomes 'a push is under way' 5 1 pushes 4
same=$pid_worker
stage_stop redis
check 'the push ends without Redis' wait_for 5 erp_get invoices/4
check 'Redis was missed' wait_for 5 grep -q 'redis lost' "$stage/worker.log"
stage_redis --appendonly yes --appendfsync always
becomes 'the job is completed after all' 10 'completed ' states_of d
invoice e 5
becomes 'and the worker goes on' 10 'completed ' states_of e
check 'the same worker' stage_is_alive "$same"
is 'it said once that Redis was lost' "$(n_lines 'redis lost')" 1
is 'and once that it is back' \
	"$(($(n_lines 'redis back') + $(n_lines 'redis connected') - was))" 1

# Redis freezes when the finish is on its way: whether it counted, nobody knows.
# It is told again, and no harm is done.
stage_stop worker
stage_worker -o redis.command_timeout=1s -o worker.lock_duration=30s
mock_script '{"path":"/erp/invoices/6","answers":[{"delay_ms":600,"apply":true}]}'
lost=$(n_lines 'redis lost')
jobs_lost=$(n_lines 'job lost')
invoice f 6
becomes 'a push is under way' 5 1 pushes 6
kill -STOP "$pid_redis"
check 'it ends while Redis is frozen' wait_for 5 erp_get invoices/6
becomes 'the worker gives the connection up' 10 $((lost + 1)) \
	n_lines 'redis lost'
kill -CONT "$pid_redis"
becomes 'the job is completed' 10 'completed ' states_of f
becomes 'and no lock is left' 5 '' rcli --raw keys '*:lock'
is 'the target was asked once' "$(pushes 6)" 1
is 'nothing was lost' "$(n_lines 'job lost')" "$jobs_lost"

# A worker sleeps for longer than its lock, the fetched object in its hands;
# another does the job anew meanwhile. The old object is not pushed over the new.
stage_stop worker
stage_worker
crm_put 9 '{"fullName":"old","email":"o@example.com"}'
mock_script '{"path":"/crm/identities/9","answers":[{"delay_ms":500}]}'
job_add g copy '{"id":"9"}'
becomes 'a job is fetched' 5 1 fetches 0
kill -STOP "$pid_worker"
sleeper=$pid_worker
becomes 'the answer comes while the worker sleeps' 5 1 fetches 200
crm_put 9 '{"fullName":"new","email":"n@example.com"}'
becomes 'its lock runs out' 5 0 rcli exists "$queue:g:lock"
mv "$stage/worker.log" "$stage/sleeper.log"
stage_worker
becomes 'another worker does the job' 20 'completed ' states_of g
# Redis is slow to tell him, and he does not wait to be told
kill -STOP "$pid_redis"
kill -CONT "$sleeper"
check 'nothing is pushed again' fails wait_for 1 fails was_copied 1
kill -CONT "$pid_redis"
# (twice, where Redis stood still for longer than a call may take)
check 'the first wakes up and lets go' wait_for 10 grep -Eq \
	'(lock lost|job lost|job was told twice) queue=sync job=g ' \
	"$stage/sleeper.log"
is 'the target has the new object' "$(erp_get copies/9)" \
	'{"fullName":"new","email":"n@example.com"}'
check 'and was asked once' was_copied 1
stage_end "$sleeper" TERM 15 # as stage_stop: longer than grace and last words
is 'the sleeper ends in order' $? 0

# Twenty at once, the worker killed in the middle, again and again.
stage_stop worker
stage_worker
mock_script '{"path":"/erp/invoices/*","answers":[{"delay_ms":400,"apply":true,"times":0}]}'
completed=$(n_jobs completed)
for i in $(seq 101 120); do
	echo "k$i crm-invoice-webhook {\"invoiceId\":$i,\"rawPayload\":{\"number\":\"k\"}}"
done | jobs_add
for i in 1 2; do
	check "round $i: jobs are active" wait_for 10 some_active
	stage_stop worker KILL
	stage_worker -o worker.max_stalled_count=9
done
becomes 'all are completed' 30 $((completed + 20)) n_jobs completed
is 'none failed' "$(n_jobs failed)" 0
for i in $(seq 101 120); do
	states_of "k$i"
done | sort | uniq -c | sed 's/^ *//' >"$stage/states"
is 'each in exactly one state' "$(cat "$stage/states")" '20 completed '
the_end
