#!/bin/sh
# What the daemons say when they start, and that it is true: endpoints; queues,
# routes and services; a concurrency from the environment; a map in a file; and
# the line of statistics while jobs are in all states.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
story redis-server

stage_mock
stage_conf
mkdir "$stage/maps"
echo '{ text: .data.text, try: .job.attempt } # by hand' >"$stage/maps/note.jq"
cat >"$stage/conf.d/start.conf" <<-'END'
	worker = { concurrency = 9; stats_interval = "1s";
	           shutdown_grace = "1s"; };
	routes = { note = { map_file = "maps/note.jq";
	                    push = { service = "erp"; path = "/notes/{id}"; }; }; };
END
stage_redis
HOOKSYNC_WORKER_CONCURRENCY=2
export HOOKSYNC_WORKER_CONCURRENCY
stage_worker
stage_responder

logged() # TEXT
{
	wait_for 10 grep -Fq -e "$1" "$stage/worker.log"
}

check 'it says how much it does at once, the environment above the file' \
	logged ': working concurrency=2 queues=1 routes=3 services=2 '
check 'and for whom' logged ': queue=sync prefix=bull'
check 'and what becomes of a job, step by step' logged \
	'route=crm-identity-webhook job="crm-identity-webhook" fetch="GET crm /identities/{identityId}" map=jq push="PUT erp /customers/{identityId}" gone="DELETE erp /customers/{identityId}"'
check 'and which file maps it' logged 'route=note job="note" map='
check 'and where that goes' logged \
	"service=erp url=$mock_url/erp concurrency=50 basic=secret:erp-login"
check 'secrets by name only' fails grep -q of-the-tests "$stage/worker.log"

check 'the responder names its endpoints' wait_for 10 grep -Fq \
	'accepts webhooks endpoint=identity path=/webhooks/identity scheme=standard-webhooks queue=sync name="crm-identity-webhook"' \
	"$stage/responder.log"

job_add n note '{"id":"n","text":"hello"}'
becomes 'a job is mapped by the file' 10 '{"text":"hello","try":1}' \
	erp_get notes/n
job_add x no-such-job '{}'
becomes 'another fails' 10 'failed ' states_of x

# Five that take their time, two at once.
mock_script '{"path":"/erp/notes/*","answers":[{"delay_ms":60000,"times":0}]}'
for i in 1 2 3 4 5; do
	echo "s$i note {\"id\":$i}"
done | jobs_add
check 'the statistics are those of the queue' logged \
	': Sync Queue Stats: Waiting: 3 Active: 2 Completed: 1 Failed: 1'
is 'two are at the target' \
	"$(mock_get log | grep -c '"path":"/erp/notes/[0-9]"')" 2
the_end
