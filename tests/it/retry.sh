#!/bin/sh
# A target in trouble: 503 twice, then well again; and one that stays ill, until
# a person looks and tries again.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx

stage_mock
stage_conf
stage_redis
stage_responder
stage_nginx
stage_worker

# The delays of the job's "delayed" events, in whole tenths of seconds: how far
# ahead of the event's own time the job becomes due.
delays_of() # JOB
{
	events_of "$1" | awk '$1 == "delayed" {
		sub(/-.*/, "", $3)
		print int(($2 - $3) / 100 + 0.5) * 100
	}'
}

# Both run side by side, for each needs its 6 seconds. The first also with a
# fetch; the second gets no further than 503.
crm_put 7 '{"fullName":"Grace Hopper","email":"grace@example.com"}'
mock_script '{"path":"/erp/customers/7","method":"PUT",
	"answers":[{"status":503,"times":2}]}'
mock_script '{"path":"/erp/invoices/13","answers":[{"status":503,"times":3}]}'
is 'a webhook is taken' \
	"$(deliver identity r1 '{"identityId":"7","action":"created"}')" 200
is 'another one too' \
	"$(deliver invoice r2 '{"invoiceId":13,"action":"x","number":"R-13","total":1}')" \
	200

becomes 'the first attempt ends delayed' 5 'delayed ' states_of identity-r1
becomes 'the third attempt completes' 15 'completed ' states_of identity-r1
is 'the object arrived' "$(erp_get customers/7)" \
	'{"name":"Grace Hopper","email":"grace@example.com"}'
is 'it waited 2 s, then 4 s' "$(delays_of identity-r1)" '2000
4000'
is 'and took the way of the words' \
	"$(events_of identity-r1 | awk '{ printf "%s ", $1 }')" \
	'added waiting active delayed waiting active delayed waiting active completed '
is 'it was started three times' "$(job_field identity-r1 ats)" 3

becomes 'the other fails after three attempts' 15 'failed ' \
	states_of invoice-r2
is 'they were attempts' "$(job_field invoice-r2 atm)" 3
check 'its reason names the status' fails test \
	"$(job_field invoice-r2 failedReason | grep -c 503)" -eq 0
is 'its stacktrace is an array of texts' \
	"$(job_field invoice-r2 stacktrace | cut -c 1-2)" '["'
check 'hooksync jobs failed shows it' says invoice-r2 hooksync jobs failed
check 'and its reason' says 503 hooksync jobs failed
check 'nothing of it is in the target' fails erp_get invoices/13

check 'hooksync retry takes it up again' hooksync retry invoice-r2
becomes 'and now it completes' 10 'completed ' states_of invoice-r2
is 'the object arrived late' "$(erp_get invoices/13)" \
	'{"number":"R-13","total":1}'
check 'no failed job is left' test "$(n_jobs failed)" -eq 0

# A redelivery of a failed job is a retry as well.
mock_script '{"path":"/erp/invoices/14","answers":[{"status":400}]}'
late='{"invoiceId":14,"action":"x","number":"R-14","total":1}'
is 'a webhook the target refuses' "$(deliver invoice r3 "$late")" 200
becomes 'fails at once, for 400 is final' 5 'failed ' states_of invoice-r3
is 'the sender sends it again' "$(deliver invoice r3 "$late")" 200
becomes 'and it completes' 10 'completed ' states_of invoice-r3
the_end
