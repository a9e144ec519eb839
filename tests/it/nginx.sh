#!/bin/sh
# The responder behind a real nginx, on kept connections: each status as a sender
# sees it, bodies in chunks, large and slow ones, many at once; then with bodies
# streamed instead of buffered; and started as spawn-fcgi and systemd do it.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx

stage_redis
cat >"$conf" <<-END
	redis = { url = "unix:$redis_sock"; };
	responder = { max_body = "2MiB"; };
	endpoints = {
	  open = { path = "/webhooks/open"; delivery_header = "X-Id";
	           verify = { scheme = "none"; }; };
	  small = { path = "/webhooks/small"; max_body = "1KiB";
	            verify = { scheme = "none"; }; };
	  invoice = { path = "/webhooks/invoice";
	              verify = { scheme = "github";
	                         secrets = [ "secret:crm-webhook" ]; }; };
	};
END
(umask 077 && echo "$webhook_secret" >"$stage/secrets/crm-webhook")
stage_responder
stage_nginx
check 'the responder is ready' wait_for 5 web /readyz --fail

say() # PATH [CURL OPTION...]; prints the status
{
	say_path=$1
	shift
	web "$say_path" --output "$stage/answer" --dump-header "$stage/head" \
		--write-out '%{http_code}' "$@"
}

post_json() # PATH [CURL OPTION...]
{
	say_path=$1
	shift
	say "$say_path" --header 'Content-Type: application/json' "$@"
}

blob() # BYTES; a JSON string so long, with its quotes
{
	printf '"'
	head -c $(($1 - 2)) /dev/zero | tr '\0' x
	printf '"'
}

# ---- one of each ----

is 'a good one: 200' "$(post_json /webhooks/open --data '{"a":1}')" 200
is 'it says so' "$(cat "$stage/answer")" '{"success":true}'
check 'with its id' grep -qi '^x-request-id: [0-9a-f]\{32\}' "$stage/head"
is 'another path: 404' "$(post_json /webhooks/opens --data '{}')" 404
check 'as problem+json' \
	grep -qi '^content-type: application/problem+json' "$stage/head"
is 'another spelling of the path: 404' \
	"$(post_json /webhooks/%6fpen --data '{}')" 404
is 'another method: 405' "$(say /webhooks/open)" 405
check 'with Allow' grep -qi '^allow: POST' "$stage/head"
is 'HEAD: 405' "$(say /webhooks/open --head)" 405
is 'no length: 411' "$(post_json /webhooks/open --request POST)" 411
is 'another type: 415' "$(say /webhooks/open --data 'a=b')" 415
is 'gzip: 415' "$(post_json /webhooks/open --data '{}' \
	--header 'Content-Encoding: gzip')" 415
is 'no JSON: 400' "$(post_json /webhooks/open --data '{"a":NaN}')" 400
is 'no signature: 401' "$(post_json /webhooks/invoice --data '{}')" 401
deliver_twice()
{
	printf '{"a":1}' >"$stage/body"
	sign_github g-1 "$stage/body" >"$stage/signed"
	grep -i '^x-hub' "$stage/signed" >>"$stage/signed.twice"
	cat "$stage/signed" >>"$stage/signed.twice"
	mv "$stage/signed.twice" "$stage/signed"
	post invoice
}
is 'a good signature, but twice: 401' "$(deliver_twice)" 401
is 'a good signature: 200' "$(deliver invoice g-1 '{"a":1}')" 200
is 'sent again: 200' "$(deliver invoice g-1 '{"a":1}')" 200
is 'and it is one job' "$(n_jobs wait)" 2
is 'healthz' "$(say /healthz)" 200

# ---- bodies ----

blob 2000 >"$stage/2k"
blob 1500000 >"$stage/1m"
blob 2050000 >"$stage/2m"
is 'over the limit of the endpoint: 413' \
	"$(post_json /webhooks/small --data-binary "@$stage/2k")" 413
is 'far over it: 413' \
	"$(post_json /webhooks/small --data-binary "@$stage/1m")" 413
check 'as problem+json' \
	grep -qi '^content-type: application/problem+json' "$stage/head"
is 'in chunks: 200' "$(post_json /webhooks/open --data-binary "@$stage/2k" \
	--header 'Transfer-Encoding: chunked' --header 'X-Id: chunked')" 200
is 'byte for byte' \
	"$(rcli --raw hget "bull:sync:open-chunked" data)" \
	"{\"rawPayload\":$(cat "$stage/2k")}"
is 'large: 200' "$(post_json /webhooks/open --data-binary "@$stage/1m" \
	--header 'X-Id: large')" 200
is 'whole' "$(rcli hstrlen bull:sync:open-large data)" 1500015
is 'the largest: 200' "$(post_json /webhooks/open \
	--data-binary "@$stage/2m")" 200

# ---- many at once ----

n=200
many() # PATH
{
	many_i=0
	while [ $many_i -lt $n ]; do
		many_i=$((many_i + 1))
		cat <<-END
			url = "$web_url$1"
			unix-socket = "$web_sock"
			header = "Content-Type: application/json"
			data = "{\"n\":$many_i}"
			output = "/dev/null"
			write-out = "%{http_code}\n"
			max-time = 20
			next
		END
	done | sed '$d' >"$stage/many.curl"
	curl --silent --show-error --parallel --parallel-immediate \
		--parallel-max $n --config "$stage/many.curl" \
		2>"$stage/curl.log" |
		sort | uniq -c | tr -s ' '
}
before=$(n_jobs wait)
is "$n at once: all 200" "$(many /webhooks/open)" " $n 200"
is 'and all are jobs' "$(n_jobs wait)" $((before + n))
is "$n wrong ones at once: all 404" "$(many /webhooks/none)" " $n 404"

# ---- streamed: the responder sees bodies as they come ----

stage_stop nginx QUIT
rm -f "$web_sock"
sed 's/fastcgi_keep_conn on;/& fastcgi_request_buffering off;/' \
	"$stage/nginx.conf" >"$stage/streamed.conf"
mv "$stage/streamed.conf" "$stage/nginx.conf"
stage_nginx_start
wait_for 10 test -S "$web_sock" || stage_fail nginx

is 'streamed, small: 200' "$(post_json /webhooks/open --data '{"a":1}')" 200
is 'streamed, large: 200' "$(post_json /webhooks/open \
	--data-binary "@$stage/1m")" 200
is 'streamed, large and slow: 200' "$(post_json /webhooks/open \
	--data-binary "@$stage/1m" --limit-rate 1M --header 'X-Id: slow')" 200
is 'whole' "$(rcli hstrlen bull:sync:open-slow data)" 1500015
is 'streamed, over the limit: 413' \
	"$(post_json /webhooks/small --data-binary "@$stage/1m")" 413
is 'and others go on' "$(post_json /webhooks/open --data '{"a":1}')" 200

# ---- the end, and other beginnings ----

check 'no error on the way' fails grep -E '^(error|bug|fatal)' \
	"$stage/responder.log"
stage_stop responder
is 'SIGTERM ends it with 0' $? 0
check 'its socket is gone' fails test -e "$fcgi_sock"

"$top_builddir/hooksync-fcgi" --config "$conf" </dev/null 2>"$stage/no.log"
is 'without a socket: a usage error' $? 64
check 'that says what to do' grep -q -e '--listen' "$stage/no.log"
"$top_builddir/hooksync-fcgi" --nonsense 2>/dev/null
is 'a flag nobody knows: the same' $? 64
"$top_builddir/hooksync-fcgi" -o nonsense=1 2>/dev/null
is 'a setting nobody knows: 78' $? 78
check '--version' "$top_builddir/hooksync-fcgi" --version

# a socket left behind does not hinder, one in use does
stage_responder
"$top_builddir/hooksync-fcgi" --config "$conf" --listen "unix:$fcgi_sock" \
	2>"$stage/no.log"
is 'the socket is in use: 71' $? 71
stage_stop responder KILL
check 'killed, it leaves its socket' test -S "$fcgi_sock"
inode=$(stat -c %i "$fcgi_sock")
stage_spawn responder "$top_builddir/hooksync-fcgi" --config "$conf" \
	--listen "unix:$fcgi_sock"
is_new() { [ "$(stat -c %i "$fcgi_sock")" != "$inode" ]; }
check 'the next one replaces it' wait_for 10 is_new
check 'and serves' wait_for 5 web /readyz --fail
stage_stop responder

if command -v spawn-fcgi >/dev/null; then
	stage_spawn responder spawn-fcgi -n -s "$fcgi_sock" -- \
		"$top_builddir/hooksync-fcgi" --config "$conf"
	check 'spawned by spawn-fcgi, it serves' \
		wait_for 10 web /readyz --fail
	is 'a job: 200' "$(post_json /webhooks/open --data '{}')" 200
	stage_stop responder
fi
rm -f "$fcgi_sock"
if command -v systemd-socket-activate >/dev/null; then
	stage_spawn responder systemd-socket-activate -l "$fcgi_sock" \
		"$top_builddir/hooksync-fcgi" --config "$conf"
	check "on systemd's socket, it serves" \
		wait_for 10 web /readyz --fail
	is 'a job: 200' "$(post_json /webhooks/open --data '{}')" 200
	stage_stop responder
	check 'and leaves the socket where it is' test -S "$fcgi_sock"
fi
the_end
