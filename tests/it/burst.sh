#!/bin/sh
# 200 webhooks at once while no worker runs: 200 answers, 200 jobs. Then a
# worker with 50 hands: all are synced, many at a time.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx

n=200
stage_mock --latency-ms 50
stage_conf
# One service must not narrow what the worker may do; and an endpoint with a
# token, for 200 signatures by openssl take longer than all the rest.
cat >"$stage/conf.d/burst.conf" <<-END
	services = { crm = { concurrency = 50; }; erp = { concurrency = 50; }; };
	worker = { concurrency = 50; };
	endpoints = { burst = {
	  path = "/webhooks/burst"; job = "crm-identity-webhook";
	  data = { identityId = "/identityId"; action = "/action"; };
	  delivery_header = "X-Delivery-Id";
	  verify = { scheme = "token"; header = "X-Token";
	             secrets = [ "secret:burst" ]; }; }; };
END
(umask 077 && echo let-me-in >"$stage/secrets/burst")
stage_redis
stage_responder
stage_nginx
check 'the responder is ready' wait_for 5 web /readyz --fail

# One curl, told by a file to post all of them side by side; another one puts
# the objects into the CRM.
i=0
while [ $i -lt $n ]; do
	i=$((i + 1))
	cat >&3 <<-END
		url = "$web_url/webhooks/burst"
		unix-socket = "$web_sock"
		header = "Content-Type: application/json"
		header = "X-Token: let-me-in"
		header = "X-Delivery-Id: b$i"
		data = "{\"identityId\":\"$i\",\"action\":\"created\"}"
		output = "/dev/null"
		write-out = "%{http_code}\n"
		max-time = 20
		next
	END
	cat >&4 <<-END
		url = "$mock_url/_mock/objects/crm/identities/$i"
		request = "PUT"
		data = "{\"fullName\":\"Name $i\",\"email\":\"$i@example.com\"}"
		output = "/dev/null"
		next
	END
done 3>"$stage/burst.curl" 4>"$stage/crm.curl"
# no "next" after the last
sed -i '$d' "$stage/burst.curl" "$stage/crm.curl"
curl --silent --show-error --config "$stage/crm.curl"

curl --silent --show-error --parallel --parallel-immediate \
	--parallel-max $n --config "$stage/burst.curl" >"$stage/codes" \
	2>"$stage/curl.log"
is "$n answers, all of them 200" "$(sort "$stage/codes" | uniq -c | tr -s ' ')" \
	" $n 200"
is "$n jobs wait" "$(n_jobs wait)" $n
is 'each of them once' "$(rcli --raw lrange $queue:wait 0 -1 | sort -u | wc -l)" \
	$n

stage_worker
becomes 'the worker completes all' 30 $n n_jobs completed
is 'none waits, none is active, none failed' \
	"$(n_jobs wait) $(n_jobs active) $(n_jobs failed)" '0 0 0'
arrived=$(mock_get objects | grep -c '/erp/customers/')
is 'all objects are in the target' "$arrived" $n
is 'each as the CRM has it' "$(erp_get customers/117)" \
	'{"name":"Name 117","email":"117@example.com"}'

# From the mock's log: begin and end of every request, sorted by time; how many
# are under way at most?
overlap()
{
	mock_get log | grep "\"path\":\"$1" | awk -F'[:,]' '{
			for (i = 1; i < NF; i++) {
				if ($i == "\"start_us\"") print $(i + 1), 1
				if ($i == "\"end_us\"") print $(i + 1), -1
			}
		}' | sort -n | awk '{ n += $2; if (n > max) max = n }
			END { print max + 0 }'
}

at_once=$(overlap /erp/customers/)
check "pushes overlap: $at_once at once" test "$at_once" -ge 10
most=$(mock_get stats | grep -o '"max_active":[0-9]*' | cut -d: -f2)
check "and never more than 50 jobs are under way: $most" test "$most" -le 50
the_end
