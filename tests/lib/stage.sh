# stage.sh: the whole play in one temporary folder, for shell scripts to source.
#
# A private redis-server, nginx, hooksync-fcgi, hooksync-worker and mock (the
# CRM and the target), on Unix sockets and loopback ports of their own. Nothing
# of the system's services is touched; what was started is stopped by its pid.
#
#   . "$top_srcdir/tests/lib/stage.sh"
#   stage_open                      # makes $stage, the folder
#   trap stage_close EXIT           # stops all, removes it
#   stage_mock; stage_conf; stage_redis; stage_responder; stage_nginx; stage_worker
#
# Wants $top_srcdir and $top_builddir. A program NAME writes to
# $stage/NAME.log and its pid is $pid_NAME. HOOKSYNC_WRAP goes in front of our
# own programs ("valgrind -q"); HOOKSYNC_SLOW multiplies every deadline.
# shellcheck shell=sh

stage=''
stage_pids=''
# shellcheck disable=SC2034 # for the scripts
pid_redis='' pid_mock='' pid_responder='' pid_worker='' pid_nginx=''
: "${top_srcdir:?}" "${top_builddir:?}"
# shellcheck source=tests/lib/sender.sh
. "$top_srcdir/tests/lib/sender.sh"

stage_open()
{
	# short, because a Unix socket's path has at most 107 bytes
	stage=$(mktemp -d "${TMPDIR:-/tmp}/hooksync.XXXXXX") || exit 1
	mkdir "$stage/conf.d" "$stage/secrets" "$stage/redis"
	redis_sock=$stage/redis.sock
	fcgi_sock=$stage/fcgi.sock
	conf=$stage/hooksync.conf
	# the environment outweighs the file, so it must be silent
	unset REDIS_URL REDIS_HOST REDIS_PORT REDIS_USERNAME REDIS_PASSWORD \
		REDIS_DB HOOKSYNC_WORKER_CONCURRENCY CREDENTIALS_DIRECTORY \
		NOTIFY_SOCKET LISTEN_FDS LISTEN_PID JOURNAL_STREAM
}

stage_close()
{
	for stage_pid in $stage_pids; do
		stage_end "$stage_pid" TERM 10
	done
	stage_pids=''
	if [ -n "$stage" ]; then
		rm -rf "$stage"
	fi
	stage=''
}

# ---- processes ----

# shellcheck disable=SC2034 # the pids are for the scripts
stage_spawn() # NAME COMMAND...
{
	stage_name=$1
	shift
	"$@" </dev/null >>"$stage/$stage_name.log" 2>&1 &
	eval "pid_$stage_name=$!"
	stage_pids="$! $stage_pids"
}

# A zombie is not alive: it only waits for our wait.
stage_is_alive() # PID
{
	[ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" \
		2>/dev/null
}

stage_is_gone() # PID
{
	! stage_is_alive "$1"
}

# Returns the exit status of the process; what does not end is killed.
stage_end() # PID SIGNAL SECONDS
{
	kill "-$2" "$1" 2>/dev/null
	kill -CONT "$1" 2>/dev/null
	if ! wait_for "$3" stage_is_gone "$1"; then
		kill -KILL "$1" 2>/dev/null
	fi
	wait "$1" 2>/dev/null
}

stage_stop() # NAME [SIGNAL]; its exit status is ours
{
	eval "stage_pid=\$pid_$1; pid_$1=''"
	stage_left=''
	for stage_other in $stage_pids; do
		[ "$stage_other" = "$stage_pid" ] ||
			stage_left="$stage_left $stage_other"
	done
	stage_pids=$stage_left
	stage_end "$stage_pid" "${2:-TERM}" 15
}

# ---- waiting: a condition and a deadline, never a mere sleep ----

now_ms()
{
	date +%s%3N
}

wait_for() # SECONDS COMMAND...
{
	stage_due=$(($(now_ms) + $1 * 1000 * ${HOOKSYNC_SLOW:-1}))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$stage_due" ] || return 1
		sleep 0.05
	done
}

# ---- the others ----

rcli() # a command for our Redis
{
	redis-cli -s "$redis_sock" "$@"
}

stage_redis() # [OPTION...]; what was saved before is there again
{
	rm -f "$redis_sock"
	stage_spawn redis redis-server --port 0 --unixsocket "$redis_sock" \
		--dir "$stage/redis" --save '' --daemonize no "$@"
	wait_for 10 rcli ping || stage_fail redis
}

stage_mock() # [OPTION...]
{
	# shellcheck disable=SC2086 # a command and its options
	stage_spawn mock ${HOOKSYNC_WRAP:-} "$top_builddir/tests/lib/mock" \
		--port-file "$stage/mock.port" --bearer crm-token-of-the-tests \
		--basic erp:login-of-the-tests "$@"
	wait_for 10 test -s "$stage/mock.port" || stage_fail mock
	mock_url=http://127.0.0.1:$(cat "$stage/mock.port")
}

# The configuration of the stories: two endpoints, two routes. More goes into
# $stage/conf.d/*.conf, which is merged over it.
stage_conf()
{
	(
		umask 077
		echo crm-token-of-the-tests >"$stage/secrets/crm-token"
		echo erp:login-of-the-tests >"$stage/secrets/erp-login"
		echo "$webhook_secret" >"$stage/secrets/crm-webhook"
	)
	cat >"$conf" <<-END
		redis     = { url = "unix:$redis_sock"; };
		responder = { listen = "unix:$fcgi_sock"; };
		services  = {
		  crm = { url = "$mock_url/crm"; bearer = "secret:crm-token"; };
		  erp = { url = "$mock_url/erp"; basic = "secret:erp-login";
		          concurrency = 50; };
		};
		endpoints = {
		  identity = {
		    path = "/webhooks/identity"; job = "crm-identity-webhook";
		    data = { identityId = "/identityId"; identityType = "/identityType?";
		             action = "/action"; };
		    verify = { scheme = "standard-webhooks";
		               secrets = [ "secret:crm-webhook" ]; };
		  };
		  invoice = {
		    path = "/webhooks/invoice"; job = "crm-invoice-webhook";
		    data = { invoiceId = "/invoiceId"; action = "/action"; };
		    verify = { scheme = "github"; secrets = [ "secret:crm-webhook" ]; };
		    delivery_header = "X-GitHub-Delivery";
		  };
		};
		routes = {
		  crm-identity-webhook = {
		    fetch = { service = "crm"; path = "/identities/{identityId}"; };
		    map   = "{ name: .source.fullName, email: .source.email }";
		    push  = { service = "erp"; method = "PUT";
		              path = "/customers/{identityId}"; };
		    gone  = { service = "erp"; method = "DELETE";
		              path = "/customers/{identityId}"; };
		  };
		  crm-invoice-webhook = {
		    map   = "{ number: .data.rawPayload.number, total: .data.rawPayload.total }";
		    push  = { service = "erp"; method = "PUT";
		              path = "/invoices/{invoiceId}"; };
		  };
		};
	END
}

stage_responder() # [OPTION...]
{
	# shellcheck disable=SC2086
	stage_spawn responder ${HOOKSYNC_WRAP:-} \
		"$top_builddir/hooksync-fcgi" --config "$conf" \
		--listen "unix:$fcgi_sock" "$@"
	wait_for 10 test -S "$fcgi_sock" || stage_fail responder
}

stage_worker() # [OPTION...]
{
	# shellcheck disable=SC2086
	stage_spawn worker ${HOOKSYNC_WRAP:-} \
		"$top_builddir/hooksync-worker" --config "$conf" "$@"
}

hooksync() # the command, with our configuration
{
	"$top_builddir/hooksync" -c "$conf" "$@"
}

# As an administrator would write it: the FastCGI parameters of nginx's own
# file, a kept connection to the responder.
stage_nginx_conf() # LISTEN
{
	nginx_user=''
	if [ "$(id -u)" -eq 0 ]; then # its workers must enter our folder
		nginx_user='user root root;'
	fi
	cat >"$stage/nginx.conf" <<-END
		$nginx_user
		daemon off;
		worker_processes 1;
		pid $stage/nginx.pid;
		error_log stderr;
		events { worker_connections 2048; }
		http {
		  access_log off;
		  client_body_temp_path $stage/nginx.body;
		  proxy_temp_path $stage/nginx.proxy;
		  fastcgi_temp_path $stage/nginx.fastcgi;
		  uwsgi_temp_path $stage/nginx.uwsgi;
		  scgi_temp_path $stage/nginx.scgi;
		  upstream hooksync { server unix:$fcgi_sock; keepalive 16; }
		  server {
		    listen $1 backlog=1024;
		    client_max_body_size 2m;
		    location / {
		      fastcgi_pass hooksync;
		      fastcgi_keep_conn on;
		      fastcgi_next_upstream error non_idempotent;
		      fastcgi_read_timeout 10s;
		      fastcgi_param QUERY_STRING       \$query_string;
		      fastcgi_param REQUEST_METHOD     \$request_method;
		      fastcgi_param CONTENT_TYPE       \$content_type;
		      fastcgi_param CONTENT_LENGTH     \$content_length;
		      fastcgi_param SCRIPT_NAME        \$fastcgi_script_name;
		      fastcgi_param REQUEST_URI        \$request_uri;
		      fastcgi_param DOCUMENT_URI       \$document_uri;
		      fastcgi_param SERVER_PROTOCOL    \$server_protocol;
		      fastcgi_param REQUEST_SCHEME     \$scheme;
		      fastcgi_param GATEWAY_INTERFACE  CGI/1.1;
		      fastcgi_param SERVER_SOFTWARE    nginx;
		      fastcgi_param REMOTE_ADDR        \$remote_addr;
		      fastcgi_param SERVER_NAME        \$server_name;
		    }
		  }
		}
	END
}

stage_nginx_start()
{
	stage_spawn nginx nginx -p "$stage" -c "$stage/nginx.conf" \
		-e "$stage/nginx.log"
}

# On a Unix socket, so that no port can be taken: web /healthz asks it.
stage_nginx()
{
	web_sock=$stage/http.sock
	web_url=http://hooksync
	stage_nginx_conf "unix:$web_sock"
	stage_nginx_start
	wait_for 10 test -S "$web_sock" || stage_fail nginx
}

# On the first free port of the loopback interface from 8080, for people.
stage_nginx_tcp()
{
	web_sock=''
	web_port=8080
	while [ $web_port -lt 8180 ]; do
		web_url=http://127.0.0.1:$web_port
		curl --silent --max-time 1 --output /dev/null "$web_url"
		if [ $? -eq 7 ]; then # nobody listens there
			stage_nginx_conf "127.0.0.1:$web_port"
			stage_nginx_start
			wait_for 10 web /healthz && return
			stage_stop nginx
		fi
		web_port=$((web_port + 1))
	done
	stage_fail nginx
}

stage_fail() # NAME; a play without its actors is over
{
	echo "Bail out! $1 did not start"
	sed 's/^/# /' "$stage/$1.log"
	exit 1
}

# ---- the sender's deliveries; how it signs and posts is in sender.sh ----

# Posts a signed delivery through nginx: the answer's body goes to
# $stage/answer, its head to $stage/head, its status to standard output.
deliver() # ENDPOINT ID BODY
{
	printf '%s' "$3" >"$stage/body"
	case $1 in
	invoice) sign_github "$2" "$stage/body" >"$stage/signed" ;;
	*) sign_standard "$2" "$stage/body" >"$stage/signed" ;;
	esac
	post "$1"
}

# Posts $stage/body with the headers in $stage/signed as they are.
post() # ENDPOINT
{
	web "/webhooks/$1" --output "$stage/answer" \
		--dump-header "$stage/head" --write-out '%{http_code}' \
		--header "@$stage/signed" --data-binary "@$stage/body"
}

# ---- the CRM and the target ----

crm_put() # ID JSON
{
	curl --silent --fail --output /dev/null --request PUT --data "$2" \
		"$mock_url/_mock/objects/crm/identities/$1"
}

crm_drop() # ID
{
	curl --silent --fail --output /dev/null --request DELETE \
		"$mock_url/_mock/objects/crm/identities/$1"
}

mock_script() # JSON
{
	curl --silent --fail --output /dev/null --data "$1" \
		"$mock_url/_mock/script"
}

mock_get() # objects | log | stats
{
	curl --silent --fail "$mock_url/_mock/$1"
}

erp_get() # PATH; fails when the target has no such object
{
	curl --silent --fail --user erp:login-of-the-tests "$mock_url/erp/$1"
}

# ---- what Redis holds, in BullMQ's words ----

queue=bull:sync

job_field() # JOB FIELD
{
	rcli --raw hget "$queue:$1" "$2"
}

n_jobs() # STATE
{
	case $1 in
	wait | active) rcli --raw llen "$queue:$1" ;;
	*) rcli --raw zcard "$queue:$1" ;;
	esac
}

# In which lists and sets of the queue is the job? A healthy one is in one.
states_of() # JOB
{
	for stage_state in wait active; do
		rcli --raw lrange "$queue:$stage_state" 0 -1 | grep -Fxq "$1" &&
			printf '%s ' "$stage_state"
	done
	for stage_state in prioritized delayed waiting-children completed failed; do
		[ -n "$(rcli --raw zscore "$queue:$stage_state" "$1")" ] &&
			printf '%s ' "$stage_state"
	done
	echo
}

# The events of a job, one a line: "added", "delayed 1795458411149" ...
events_of() # JOB
{
	rcli --raw eval '
		local lines = {}
		for _, entry in ipairs(redis.call("XRANGE", KEYS[1], "-", "+")) do
			local f = {}
			for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
			if f.jobId == ARGV[1] then
				local line = f.event
				if f.event == "delayed" then
					line = line .. " " .. f.delay .. " " .. entry[1]
				end
				lines[#lines + 1] = line
			end
		end
		return lines' 1 "$queue:events" "$1"
}
