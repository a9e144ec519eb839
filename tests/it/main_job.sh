#!/bin/sh
# The main job: a webhook through a real nginx becomes a BullMQ job in Redis
# and a synced object in the target; then the same delivery again, a change, a
# deletion, an invoice, a forgery, and a clean end.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx

stage_mock
stage_conf
echo 'worker = { stats_interval = "1s"; };' >"$stage/conf.d/stats.conf"
stage_redis
stage_responder
stage_nginx
check 'the responder is ready' wait_for 5 web /readyz --fail

# ---- a customer is created; nobody works on the queue yet ----

crm_put 42 '{"fullName": "Ada Lovelace", "email": "ada@example.com"}'
created='{"identityId": "42", "action": "created",  "big": 12345678901234567890}'
is 'a signed webhook is taken' "$(deliver identity msg_1 "$created")" 200
is 'and the answer says so' "$(cat "$stage/answer")" '{"success":true}'
check 'the answer carries the id of the request' \
	grep -qi '^x-request-id: ..*' "$stage/head"

job=identity-msg_1
is 'the job waits in Redis' "$(states_of $job)" 'wait '
is 'its name is the one of the endpoint' "$(job_field $job name)" \
	crm-identity-webhook
is 'its data are the fields and the body, byte for byte' \
	"$(job_field $job data)" \
	"{\"identityId\":\"42\",\"action\":\"created\",\"rawPayload\":$created}"
opts=$(job_field $job opts)
for part in '"attempts":3' '"type":"exponential"' '"delay":2000' \
	"\"jobId\":\"$job\""; do
	check "its opts have $part" test "${opts#*"$part"}" != "$opts"
done
is 'it was added, then it waited' "$(events_of $job)" 'added
waiting'
check 'hooksync stats counts it' says '"wait":1' hooksync stats --json

# ---- the worker comes ----

stage_worker
becomes 'the object arrives in the target' 10 \
	'{"name":"Ada Lovelace","email":"ada@example.com"}' erp_get customers/42
becomes 'the job is completed' 5 'completed ' states_of $job
is 'its life in events' "$(events_of $job)" 'added
waiting
active
completed'
is 'it was started once' "$(job_field $job ats)" 1
check 'its start and end are known' test \
	"$(job_field $job finishedOn)" -ge "$(job_field $job processedOn)"
stats='Sync Queue Stats: Waiting: 0 Active: 0 Completed: 1 Failed: 0'
check 'the worker says the numbers' \
	wait_for 5 grep -q "$stats\$" "$stage/worker.log"

# ---- the sender did not hear our answer and sends it again ----

is 'a redelivery is taken' "$(deliver identity msg_1 "$created")" 200
is 'and is the same job' "$(n_jobs completed) $(n_jobs wait)" '1 0'

# ---- changed, deleted ----

crm_put 42 '{"fullName": "Ada King", "email": "ada@example.com"}'
updated='{"identityId":"42","identityType":"person","action":"updated"}'
is 'an update is taken' "$(deliver identity msg_2 "$updated")" 200
becomes 'the target has what the CRM has now' 10 \
	'{"name":"Ada King","email":"ada@example.com"}' erp_get customers/42

crm_drop 42
is 'a deletion is taken' \
	"$(deliver identity msg_3 '{"identityId":"42","action":"deleted"}')" 200
check 'the object is gone from the target' \
	wait_for 10 fails erp_get customers/42
becomes 'and that job is completed' 5 'completed ' states_of identity-msg_3

# ---- an invoice: no fetch, another scheme of signing, a number as id ----

invoice='{"invoiceId": 1001, "action": "created", "number": "R-7", "total": 99.5}'
is 'an invoice is taken' "$(deliver invoice d-1 "$invoice")" 200
becomes 'and arrives as the webhook said it' 10 \
	'{"number":"R-7","total":99.5}' erp_get invoices/1001

# ---- forged ----

printf '%s' "$updated" >"$stage/body"
sign_standard msg_4 "$stage/body" >"$stage/signed"
printf '%s' '{"identityId":"666","action":"updated"}' >"$stage/body"
is 'another body under that signature is refused' "$(post identity)" 401
is 'and enters nowhere' "$(rcli exists $queue:identity-msg_4)" 0
check 'the answer is a problem document' \
	grep -qi '^content-type: application/problem+json' "$stage/head"
sign_standard msg_5 "$stage/body" $(($(date +%s) - 3600)) >"$stage/signed"
is 'a signature of an hour ago is refused' "$(post identity)" 401
is 'nothing else is there' "$(web /nowhere --output "$stage/answer" \
	--write-out '%{http_code}')" 404

# ---- the command ----

printf '%s' "$invoice" >"$stage/invoice.json"
check 'hooksync send signs a test and posts it' \
	hooksync send invoice "$stage/invoice.json" --id test-1
becomes 'which is synced like any other' 5 'completed ' \
	states_of invoice-test-1
check 'hooksync job shows the job' says 'completed' hooksync job $job
check 'hooksync check is content' hooksync check
check 'no secret is in any log' fails \
	grep -q -e "$webhook_secret" -e login-of-the-tests "$stage"/*.log
check 'no payload is in any log' fails grep -qi lovelace "$stage"/*.log

stage_stop worker
is 'SIGTERM ends the worker in order' $? 0
stage_stop responder
is 'SIGTERM ends the responder in order' $? 0
the_end
