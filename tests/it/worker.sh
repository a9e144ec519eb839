#!/bin/sh
# The worker alone: jobs put into Redis by hand, a mock for source and target.
# What becomes of each kind of job, and what the target heard of it.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
story redis-server

stage_mock
stage_conf
cat >"$stage/conf.d/worker.conf" <<-'END'
	worker = { stats_interval = "1s"; name = "worker-of-the-test";
	           queues = [ "sync", "mail" ]; };
END
cat >"$stage/conf.d/services.conf" <<-END
	services = {
	  narrow = { url = "$mock_url/narrow"; concurrency = 2;
	             basic = "secret:erp-login"; };
	  busy   = { url = "$mock_url/busy"; basic = "secret:erp-login"; };
	  wrong  = { url = "$mock_url/crm/wrong"; gone_limit = 3;
	             bearer = "secret:crm-token"; };
	};
	routes = {
	  narrow = { map = "{}"; push = { service = "narrow"; path = "/{id}"; }; };
	  busy   = { map = "{}"; push = { service = "busy"; path = "/{id}"; }; };
	  wrong  = { fetch = { service = "wrong"; path = "/{id}"; };
	             gone  = { service = "erp"; path = "/precious/{id}"; }; };
	  broken = { map = "error(\"secret of \" + .data.who)";
	             push = { service = "erp"; path = "/x"; }; };
	  empty  = { map = "empty"; push = { service = "erp"; path = "/x"; }; };
	};
END
stage_redis
# Nothing here may depend on the poll that finds what no marker told of.
stage_worker -o worker.drain_delay=60s
check 'the worker is there' wait_for 10 grep -q 'redis connected' \
	"$stage/worker.log"
check 'getWorkers() would find it' wait_for 5 eval \
	'rcli client list | grep -q "name=bull:c3luYw==:w:worker-of-the-test "'

crm_put 42 '{"fullName":"Ada Lovelace","email":"ada@example.com"}'
job_add ok crm-identity-webhook '{"identityId":"42"}'
job_add gone crm-identity-webhook '{"identityId":43}'
job_add nobody no-such-job '{}'
job_add dots crm-identity-webhook '{"identityId":".."}'
job_add poison crm-identity-webhook '{"identityId":NaN}'
job_add broken broken '{"who":"Ada"}'
job_add empty empty '{}'
job_add big crm-invoice-webhook \
	'{"invoiceId":12345678901234567890,"rawPayload":{"number":"N","total":12345678901234567890}}'
rcli hset "$queue:deferred" defa 'job stalled more than allowable limit' >/dev/null
job_add deferred crm-identity-webhook '{"identityId":"44"}'

becomes 'a job is synced' 5 'completed ' states_of ok
is 'the object arrived' "$(erp_get customers/42)" \
	'{"name":"Ada Lovelace","email":"ada@example.com"}'
is 'its returnvalue says so' "$(job_field ok returnvalue)" \
	'{"outcome":"pushed","status":201}'
is 'its worker is named' "$(job_field ok pb)" worker-of-the-test
becomes 'what is gone is done' 5 'completed ' states_of gone
is 'and says so' "$(job_field gone returnvalue)" \
	'{"outcome":"gone","status":404}'
check 'the target was told' eval \
	"mock_get log | grep -q '\"DELETE\",\"path\":\"/erp/customers/43\"'"
becomes 'no route: failed' 5 'failed ' states_of nobody
is 'with that reason' "$(job_field nobody failedReason)" \
	'no route for job name "no-such-job"'
is 'at once' "$(job_field nobody atm)" 1
becomes 'an id of dots fails' 5 'failed ' states_of dots
becomes 'data that is no JSON fails' 5 'failed ' states_of poison
becomes 'a map that fails fails' 5 'failed ' states_of broken
is 'with its own words' "$(job_field broken failedReason)" \
	'map of route broken: secret of Ada'
check 'which the log does not repeat' fails grep -q 'secret of' \
	"$stage/worker.log"
becomes 'a map that yields nothing is done' 5 'completed ' states_of empty
is 'without a push' "$(job_field empty returnvalue)" '{"outcome":"empty"}'
becomes 'a large integer is a path' 5 'completed ' states_of big
is 'and a text in the map' "$(erp_get invoices/12345678901234567890)" \
	'{"number":"N","total":"12345678901234567890"}'
becomes 'a deferred failure fails' 5 'failed ' states_of deferred
is 'with its reason' "$(job_field deferred failedReason)" \
	'job stalled more than allowable limit'
check 'without being run' fails eval "mock_get log | grep -q identities/44"
check 'the statistics are as promised' wait_for 5 grep -Eq \
	': Sync Queue Stats: Waiting: 0 Active: 0 Completed: 4 Failed: 5$' \
	"$stage/worker.log"

# A job's own rule for what becomes of it wins over keep_completed.
opts=$by_hand_opts
by_hand_opts='{"attempts":1,"removeOnComplete":true}'
job_add brief empty '{}'
by_hand_opts=$opts
check 'a job that wants no trace leaves none' wait_for 5 eval \
	"grep -q 'job completed .*job=brief' '$stage/worker.log'"
is 'nor a hash' "$(rcli exists "$queue:brief")" 0

# One worker, several queues.
queue=bull:mail
job_add letter crm-identity-webhook '{"identityId":"42"}'
becomes 'a job of another queue is synced' 5 'completed ' states_of letter
queue=bull:sync
check 'which has a line of its own' wait_for 5 grep -Eq \
	': Mail Queue Stats: Waiting: 0 Active: 0 Completed: 1 Failed: 0$' \
	"$stage/worker.log"
is 'and the job is in no other' "$(states_of letter)" ''

# A delayed job of Node's is promoted when its time has come.
job_delay late 300 crm-identity-webhook '{"identityId":"42"}'
becomes 'a delayed job runs' 5 'completed ' states_of late
late=$(($(job_field late processedOn) - $(job_field late timestamp)))
check "not before its time ($late ms)" test $late -ge 300

# Many at a time, but not at a service that wants few.
mock_script '{"path":"/erp/*","answers":[{"delay_ms":300,"apply":true,"times":0}]}'
mock_script '{"path":"/narrow/*","answers":[{"delay_ms":50,"apply":true,"times":0}]}'
for i in $(seq 40); do
	echo "c$i crm-invoice-webhook {\"invoiceId\":$i,\"rawPayload\":{}}"
done | jobs_add
becomes 'forty jobs are synced' 10 4 eval 'n_with completed c[1-4]0'
check 'many at a time' test "$(max_overlap /erp/invoices/)" -gt 10
for i in $(seq 12); do
	echo "n$i narrow {\"id\":$i}"
done | jobs_add
becomes 'twelve for a narrow service too' 10 3 eval 'n_with completed n1[0-2]'
is 'two at a time' "$(max_overlap /narrow/)" 2

# Retry-After: the job waits for it, and others do not bother the service.
mock_script '{"path":"/busy/1","answers":[{"status":429,"headers":{"Retry-After":"3"}}]}'
job_add busy1 busy '{"id":1}'
becomes 'a job meets 429' 5 'delayed ' states_of busy1
is 'it waits as long as it was told' "$(delay_of busy1)" 3000
job_add busy2 busy '{"id":2}'
becomes 'another is put off' 5 'delayed ' states_of busy2
is 'and keeps its attempts' "$(job_field busy2 atm)" ''
check 'the service was not asked for it' fails eval \
	"mock_get log | grep -q /busy/2"
becomes 'the first is done afterwards' 10 'completed ' states_of busy1
becomes 'and so is the other' 10 'completed ' states_of busy2

# A wrong base URL must not empty the target.
for i in $(seq 10); do
	echo "w$i wrong {\"id\":$i}"
done | jobs_add
check 'the gate closes and says so' wait_for 5 grep -q \
	'gate shut service=wrong .*services.wrong.url' "$stage/worker.log"
becomes 'the other jobs wait' 5 7 n_jobs delayed
is 'after three deletions' \
	"$(mock_get log | grep -c '"DELETE","path":"/erp/precious/')" 3

stage_stop worker
is 'SIGTERM ends it' $? 0
is 'nothing is left active' "$(n_jobs active)" 0
is 'nor locked' "$(rcli --raw keys '*:lock')" ''
the_end
