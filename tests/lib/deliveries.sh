# deliveries.sh: one suite of deliveries for every web server, for scripts to
# source after sender.sh. What a sender sees must be the same whoever stands in
# front of the responder; where a server differs, the script says so beforehand.
#
#   deliveries_settings >conf.d/deliveries.conf
#   deliveries_secrets secrets/
#   web_name=nginx; web_url=...             # sender.sh's
#   deliveries_open FOLDER                  # for what comes and goes
#   deliveries                              # all of the suite
#   deliveries_restarts 3 restart           # nothing is lost under load
#
# Wants: is DESCRIPTION GOT WANTED, check DESCRIPTION COMMAND...,
# wait_for SECONDS COMMAND..., rcli (redis-cli with its options), and
# redis_away and redis_back, which stop Redis and start it again.
# shellcheck shell=sh

: "${webhook_secret:?}" "${web_url=}" "${web_sock=}" "${web_ca=}" "${web_to=}"
web_name='the server'

# Where servers differ: most drop a header X_D_Token, lighttpd takes it for
# X-D-Token.
web_underscore=401

# All in a queue of their own, which needs no route and no worker.
deliveries_settings()
{
	cat <<-END
		endpoints = {
		  d-open = { path = "/webhooks/d-open"; queue = "deliveries";
		    delivery_header = "X-Delivery-Id";
		    verify = { scheme = "none"; }; };
		  d-small = { path = "/webhooks/d-small"; queue = "deliveries";
		    max_body = "1KiB";
		    verify = { scheme = "none"; }; };
		  d-standard = { path = "/webhooks/d-standard"; queue = "deliveries";
		    verify = { scheme = "standard-webhooks";
		               secrets = [ "secret:d-webhook" ]; }; };
		  d-github = { path = "/webhooks/d-github"; queue = "deliveries";
		    verify = { scheme = "github";
		               secrets = [ "secret:d-webhook" ]; }; };
		  d-basic = { path = "/webhooks/d-basic"; queue = "deliveries";
		    verify = { scheme = "token"; header = "Authorization";
		               secrets = [ "secret:d-basic" ]; }; };
		  d-token = { path = "/webhooks/d-token"; queue = "deliveries";
		    verify = { scheme = "token"; header = "X-D-Token";
		               secrets = [ "secret:d-token" ]; }; };
		};
	END
}

deliveries_secrets() # FOLDER
{
	echo "$webhook_secret" >"$1/d-webhook"
	printf 'Basic %s\n' "$(printf hook:sesame | openssl base64)" \
		>"$1/d-basic"
	echo let-me-in >"$1/d-token"
}

deliveries_open() # FOLDER
{
	d_tmp=$1
	d_n=0
	d_run=$$.$(date +%s)
	printf '{ "a" : 1 }' >"$d_tmp/d.body"
}

# Posts as told; prints the status, keeps head and answer.
d_say() # PATH [CURL OPTION...]
{
	d_path=$1
	shift
	: >"$d_tmp/d.head"
	web "/webhooks/$d_path" --output "$d_tmp/d.answer" \
		--dump-header "$d_tmp/d.head" --write-out '%{http_code}' "$@" \
		2>"$d_tmp/d.curl"
}

d_post() # PATH [CURL OPTION...]; JSON
{
	d_path=$1
	shift
	d_say "$d_path" --header 'Content-Type: application/json' "$@"
}

# Posts $d_tmp/d.body, signed.
d_send() # standard|github ID [CURL OPTION...]
{
	d_scheme=$1
	"sign_$1" "$2" "$d_tmp/d.body" >"$d_tmp/d.signed"
	shift 2
	d_say "d-$d_scheme" --header "@$d_tmp/d.signed" \
		--data-binary "@$d_tmp/d.body" "$@"
}

d_has() # HEADER-LINE; a pattern
{
	grep -qi "^$1" "$d_tmp/d.head"
}

d_is() # DESCRIPTION GOT WANTED
{
	is "$web_name: $1" "$2" "$3"
}

d_check() # DESCRIPTION COMMAND...
{
	d_what="$web_name: $1"
	shift
	check "$d_what" "$@"
}

# A problem is told as the responder tells it, not by a page of the server's.
d_problem()
{
	d_check '  as problem+json' d_has 'content-type: application/problem+json'
}

d_field() # JOB FIELD
{
	rcli --raw hget "bull:deliveries:$1" "$2"
}

d_id() # a new delivery's id
{
	d_n=$((d_n + 1))
	d_last=$d_run.$d_n
}

d_blob() # BYTES; a JSON string so long, with its quotes
{
	printf '"'
	head -c $(($1 - 2)) /dev/zero | tr '\0' x
	printf '"'
}

# ---- the suite ----

deliveries()
{
	deliveries_signed
	deliveries_heads
	deliveries_bodies
	deliveries_together
	deliveries_without_redis
}

# For a second look at the same server: over TLS, say.
deliveries_few()
{
	d_id
	d_is 'a signed one: 200' "$(d_send standard "$d_last")" 200
	d_is 'it is a job' "$(d_field "d-standard-$d_last" data)" \
		'{"rawPayload":{ "a" : 1 }}'
	d_is 'another one under its signature: 401' \
		"$(d_say d-standard --header "@$d_tmp/d.signed" --data '{}')" 401
	d_problem
	d_is 'a path nobody has: 404' "$(d_post d-none --data '{}')" 404
	d_problem
}

deliveries_signed()
{
	d_id
	d_is 'signed (Standard Webhooks): 200' \
		"$(d_send standard "$d_last")" 200
	d_is '  it says so' "$(cat "$d_tmp/d.answer")" '{"success":true}'
	d_check '  as JSON' d_has 'content-type: application/json'
	d_check '  with an id' d_has 'x-request-id: [0-9a-f]\{32\}'
	d_is '  the job has it byte for byte' \
		"$(d_field "d-standard-$d_last" data)" \
		'{"rawPayload":{ "a" : 1 }}'
	d_before=$(rcli --raw llen bull:deliveries:wait)
	d_is 'sent again: 200' "$(d_send standard "$d_last")" 200
	d_is '  and it is one job' \
		"$(rcli --raw llen bull:deliveries:wait)" "$d_before"
	d_id
	d_is 'signed (GitHub): 200' "$(d_send github "$d_last")" 200
	d_is 'another body under that signature: 401' \
		"$(d_say d-github --header "@$d_tmp/d.signed" --data '{}')" 401
	d_problem
	d_is 'without a signature: 401' "$(d_post d-github --data '{}')" 401

	# All bytes reach the verifier, or it would say 401.
	printf '{"a":"\0\001\377\376\r\n\t"}' >"$d_tmp/d.body"
	d_id
	d_is 'NUL and no UTF-8, signed: 400' "$(d_send github "$d_last")" 400
	printf '\r\n[ "\303\251\\u00e9" , 1.0e2 ]\r\n' >"$d_tmp/d.body"
	d_id
	d_is 'line ends and UTF-8, signed: 200' "$(d_send github "$d_last")" 200
	printf '{ "a" : 1 }' >"$d_tmp/d.body"

	d_is 'Authorization: 200' \
		"$(d_post d-basic --data '{}' --user hook:sesame)" 200
	d_is 'another one: 401' \
		"$(d_post d-basic --data '{}' --user hook:open)" 401
	d_is 'none: 401' "$(d_post d-basic --data '{}')" 401
	d_is 'a token: 200' "$(d_post d-token --data '{}' \
		--header 'X-D-Token: let-me-in')" 200
	d_is "a token in a header with underscores: $web_underscore" \
		"$(d_post d-token --data '{}' --header 'X_D_Token: let-me-in')" \
		"$web_underscore"
	d_is '  which outdoes no real one: 401' "$(d_post d-token --data '{}' \
		--header 'X-D-Token: no' --header 'X_D_Token: let-me-in')" 401
}

deliveries_heads()
{
	d_is 'a path nobody has: 404' "$(d_post d-none --data '{}')" 404
	d_problem
	d_is 'a path with more behind it: 404' \
		"$(d_post d-open/ --data '{}')" 404
	d_problem
	d_is 'a path spelled otherwise: 404' \
		"$(d_post d%2Dopen --data '{}')" 404
	d_is 'a query: 200' \
		"$(d_post 'd-open?a=1&b=%2F%20+c&d' --data '{}')" 200
	d_is 'GET: 405' "$(d_say d-open)" 405
	d_check '  with Allow' d_has 'allow: POST'
	d_problem
	d_is 'HEAD: 405' "$(d_say d-open --head)" 405
	d_is 'PUT: 405' "$(d_post d-open --request PUT --data '{}')" 405
	d_is 'DELETE: 405' "$(d_say d-open --request DELETE)" 405
	d_is 'a form: 415' "$(d_say d-open --data 'a=b')" 415
	d_problem
	d_is 'gzip: 415' "$(d_post d-open --data '{}' \
		--header 'Content-Encoding: gzip')" 415
	d_is 'no JSON: 400' "$(d_post d-open --data '{"a":NaN}')" 400
	d_problem
	# (over TLS without ALPN, where curl would offer what Apache cannot say)
	d_is 'HTTP/1.0: 200' \
		"$(d_post d-open --data '{}' --http1.0 --no-alpn)" 200
	d_is 'Expect: 100-continue: 200' "$(d_post d-open --data '{}' \
		--header 'Expect: 100-continue')" 200
	d_is "the sender's X-Request-Id: 200" "$(d_post d-open --data '{}' \
		--header 'X-Request-Id: of-the-sender-1')" 200
	d_check '  is passed on and comes back' \
		d_has 'x-request-id: of-the-sender-1'
	# 411, or 400 where the server makes it a body of no bytes
	case $(d_post d-open --request POST) in
	411 | 400) d_is 'neither a length nor a body: refused' yes yes ;;
	*) d_is 'neither a length nor a body: refused' no yes ;;
	esac
}

deliveries_bodies()
{
	d_blob 2000 >"$d_tmp/d.2k"
	d_blob 200000 >"$d_tmp/d.200k"
	d_blob 1048576 >"$d_tmp/d.1m"
	d_blob 1048577 >"$d_tmp/d.over"
	d_blob 5000000 >"$d_tmp/d.5m"
	d_id
	d_is '200 kB: 200' "$(d_post d-open --data-binary "@$d_tmp/d.200k" \
		--header "X-Delivery-Id: $d_last")" 200
	d_is '  whole' "$(rcli --raw hstrlen "bull:deliveries:d-open-$d_last" \
		data)" 200015
	d_id
	d_is '1 MiB: 200' "$(d_post d-open --data-binary "@$d_tmp/d.1m" \
		--header "X-Delivery-Id: $d_last")" 200
	d_is '  whole' "$(rcli --raw hstrlen "bull:deliveries:d-open-$d_last" \
		data)" 1048591
	d_is 'a byte more: 413' \
		"$(d_post d-open --data-binary "@$d_tmp/d.over")" 413
	d_is '5 MB: 413' "$(d_post d-open --data-binary "@$d_tmp/d.5m")" 413
	d_is "over the endpoint's own limit: 413" \
		"$(d_post d-small --data-binary "@$d_tmp/d.2k")" 413
	d_problem
	d_id
	d_is 'in chunks: 200' "$(d_post d-open --data-binary "@$d_tmp/d.2k" \
		--header 'Transfer-Encoding: chunked' \
		--header "X-Delivery-Id: $d_last")" 200
	d_is '  byte for byte' "$(d_field "d-open-$d_last" data)" \
		"{\"rawPayload\":$(cat "$d_tmp/d.2k")}"
	d_id
	d_is '1 MiB in chunks: 200' "$(d_post d-open \
		--data-binary "@$d_tmp/d.1m" \
		--header 'Transfer-Encoding: chunked' \
		--header "X-Delivery-Id: $d_last")" 200
	d_is '  whole' "$(rcli --raw hstrlen "bull:deliveries:d-open-$d_last" \
		data)" 1048591
	d_is 'a byte more: 413' "$(d_post d-open \
		--data-binary "@$d_tmp/d.over" \
		--header 'Transfer-Encoding: chunked')" 413
	d_id
	d_is 'slow: 200' "$(d_post d-open --data-binary "@$d_tmp/d.200k" \
		--limit-rate 200k --header "X-Delivery-Id: $d_last")" 200
	d_is '  whole' "$(rcli --raw hstrlen "bull:deliveries:d-open-$d_last" \
		data)" 200015
}

# Posts to one path N at once, P side by side, each with an id of its own; prints
# how many got which status: " 200 200".
d_many() # PATH N P ID-PREFIX
{
	awk -v url="$web_url/webhooks/$1" -v sock="$web_sock" -v ca="$web_ca" \
		-v to="$web_to" -v n="$2" -v prefix="$4" \
		-v slow="${HOOKSYNC_SLOW:-1}" 'BEGIN {
		for (i = 1; i <= n; i++) {
			if (i > 1) print "next"
			printf "url = \"%s\"\n", url
			if (sock != "") printf "unix-socket = \"%s\"\n", sock
			if (ca != "") printf "cacert = \"%s\"\n", ca
			if (to != "") printf "connect-to = \"%s\"\n", to
			print "header = \"Content-Type: application/json\""
			printf "header = \"X-Delivery-Id: %s%d\"\n", prefix, i
			printf "data = \"{\\\"n\\\":%d}\"\n", i
			print "output = \"/dev/null\""
			print "write-out = \"%{http_code}\\n\""
			printf "max-time = %d\n", 20 * slow
		} }' >"$d_tmp/d.many.$4"
	curl --silent --parallel --parallel-immediate --parallel-max "$3" \
		--config "$d_tmp/d.many.$4" 2>/dev/null
	rm -f "$d_tmp/d.many.$4"
}

d_tally()
{
	sort | uniq -c | tr -s ' '
}

deliveries_together()
{
	# as many bytes a second as a bad line has; the process is curl itself
	(
		curl()
		{
			exec env curl "$@"
		}
		web /webhooks/d-open --data-binary "@$d_tmp/d.2k" \
			--limit-rate 200 >/dev/null 2>&1
	) &
	d_slow=$!
	d_id
	d_is '100 at once: all 200' \
		"$(d_many d-open 100 50 "$d_last." | d_tally)" ' 100 200'
	d_is '100 to a path nobody has: all 404' \
		"$(d_many d-none 100 50 "$d_last." | d_tally)" ' 100 404'
	d_check 'a very slow one hinders nobody' kill "$d_slow"
	wait "$d_slow" 2>/dev/null
}

# By each responder, where the server has many: they try again on their own.
d_are_taken()
{
	d_id
	[ "$(d_many d-open 60 20 "$d_last." | d_tally)" = ' 60 200' ]
}

deliveries_without_redis()
{
	redis_away
	d_is 'Redis is away: 503' "$(d_post d-open --data '{}')" 503
	d_check '  with Retry-After' d_has 'retry-after: [1-9]'
	d_problem
	redis_back
	d_check 'Redis is back: 200 again' wait_for 30 d_are_taken
}

# ---- restarts under load ----

# Batches of 40, 8 side by side, until told to stop.
d_load()
{
	d_batch=0
	while [ ! -e "$d_tmp/d.enough" ]; do
		d_batch=$((d_batch + 1))
		d_many d-open 40 8 "$1.$d_batch." >>"$d_tmp/d.statuses"
	done
	echo $((d_batch * 40)) >"$d_tmp/d.sent"
}

d_n_statuses()
{
	wc -l <"$d_tmp/d.statuses"
}

d_has_come() # N
{
	[ "$(d_n_statuses)" -ge "$1" ]
}

# A command that restarts the responder, so many times, while deliveries come in:
# none is refused, and each is one job.
deliveries_restarts() # TIMES COMMAND...
{
	d_times=$1
	shift
	rm -f "$d_tmp/d.enough"
	: >"$d_tmp/d.statuses"
	rcli del bull:deliveries:wait >/dev/null
	d_id
	d_load "$d_last" &
	d_pid=$!
	for d_i in $(seq "$d_times"); do
		# some before, some after each
		d_check "restart $d_i comes under load" wait_for 20 d_has_come \
			$(($(d_n_statuses) + 100))
		d_check '  and succeeds' "$@"
	done
	d_check 'the load goes on' wait_for 20 d_has_come \
		$(($(d_n_statuses) + 100))
	: >"$d_tmp/d.enough"
	wait "$d_pid"
	d_sent=$(cat "$d_tmp/d.sent")
	d_is "$d_times restarts under load: all 200" \
		"$(d_tally <"$d_tmp/d.statuses")" " $d_sent 200"
	d_is '  and each is one job' \
		"$(rcli --raw lrange bull:deliveries:wait 0 -1 |
			sort -u | grep -c "^d-open-$d_last\\.")" "$d_sent"
}
