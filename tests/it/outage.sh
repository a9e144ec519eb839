#!/bin/sh
# The target is away for longer than three attempts take. Once several jobs have
# met that, it is the target and not the job: the jobs wait without losing an
# attempt, only a probe asks now and then, and all complete when it is back.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
story redis-server

stage_mock
stage_conf
stage_redis

log_has() # PATTERN
{
	grep -q "$1" "$stage/worker.log"
}

n_pushes()
{
	mock_get log | grep -c '"path":"/erp/invoices/'
}

attempts_burnt()
{
	for i in $(seq 40); do
		job_field "i$i" atm
	done | awk '{ n += $1 } END { print n + 0 }'
}

mock_script '{"path":"/erp/*","answers":[{"cut":true,"times":0}]}'
stage_worker
for i in $(seq 40); do
	echo "i$i crm-invoice-webhook {\"invoiceId\":$i,\"rawPayload\":{\"number\":\"$i\",\"total\":1}}"
done | jobs_add
check 'the gate shuts' wait_for 10 log_has \
	'gate shut service=erp next_probe=5s reason="several jobs'
check 'a probe fails, the next comes later' wait_for 20 log_has \
	'gate stays shut service=erp next_probe=10s'
# five until it was an outage, at most all that had been taken by then; one probe
asked=$(n_pushes)
check 'only the probe has asked again' test "$asked" -ge 6 -a "$asked" -le 41
is 'no job has failed' "$(n_jobs failed)" 0
# four, until the fifth made it an outage
is 'hardly an attempt was burnt' "$(attempts_burnt)" 4

curl --silent --fail --output /dev/null --data '' "$mock_url/_mock/reset"
becomes 'the target is back: all complete' 60 40 n_jobs completed
check 'the gate says so' log_has 'gate open again service=erp'
is 'none had failed' "$(n_jobs failed)" 0
is 'each was pushed once' "$(n_pushes)" 40
the_end
