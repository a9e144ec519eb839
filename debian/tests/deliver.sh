# deliver.sh: what the tests of the installed package share; they source it.
# The target is the web server under test itself: it keeps what is PUT.
# shellcheck shell=sh

set -eu

target=/var/www/hooksync-target # becomes http://127.0.0.1:8081/
key=aG9va3N5bmMncyB0ZXN0cyBzaWduIHdpdGggdGhpcyE=

wait_for() # SECONDS COMMAND...
{
	due=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge "$due" ]; then
			echo "in vain: $*"
			journalctl --no-pager -u 'hooksync-*' | tail -n 40
			exit 1
		fi
		sleep 0.1
	done
}

settings()
{
	mkdir -p "$target/items"
	chown -R www-data: "$target"
	echo "whsec_$key" |
		install -m 640 -g hooksync /dev/stdin /etc/hooksync/secrets/shop
	cat >/etc/hooksync/conf.d/test.conf <<-'END'
		services = { shelf = { url = "http://127.0.0.1:8081"; }; };
		endpoints = { item = {
		  path = "/webhooks/item"; job = "item"; data = { itemId = "/id"; };
		  verify = { scheme = "standard-webhooks"; secrets = [ "secret:shop" ]; };
		}; };
		routes = { item = {
		  map = "{ name: .data.rawPayload.name }";
		  push = { service = "shelf"; method = "PUT"; path = "/items/{itemId}"; };
		}; };
	END
	# else the doctor warns
	redis-cli config set appendonly yes
	hooksync check
	systemctl restart hooksync-fcgi.service hooksync-worker.service
}

post() # URL ID BODY [SIGNATURE]; prints the status
{
	now=$(date +%s)
	hex=$(printf %s "$key" | openssl base64 -d -A | od -An -v -tx1 |
		tr -d ' \n')
	signature=$(printf '%s.%s.%s' "$2" "$now" "$3" |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$hex" -binary |
		openssl base64 -A)
	curl --silent --show-error --output /dev/null --max-time 20 \
		--write-out '%{http_code}' --header "webhook-id: $2" \
		--header "webhook-timestamp: $now" \
		--header "webhook-signature: v1,${4:-$signature}" \
		--header 'Content-Type: application/json' --data "$3" "$1"
}

expect() # WANTED GOT
{
	if [ "$1" != "$2" ]; then
		echo "wanted $1, got $2"
		journalctl --no-pager -u 'hooksync-*' | tail -n 40
		exit 1
	fi
}

holds() # FILE TEXT
{
	[ "$(cat "$1")" = "$2" ]
}

# The whole way: signed and forged, again, and while the services restart.
deliver() # URL
{
	for unit in hooksync-fcgi.socket hooksync-fcgi.service \
		hooksync-worker.service; do
		systemctl is-active "$unit"
	done
	expect 401 "$(post "$1" "$$-0" '{"id":"1","name":"Eve"}' \
		"$(printf forged | openssl base64 -A)")"
	expect 200 "$(post "$1" "$$-1" '{"id":"1","name":"Ada"}')"
	wait_for 30 holds "$target/items/1" '{"name":"Ada"}'
	expect 200 "$(post "$1" "$$-1" '{"id":"1","name":"Ada"}')"
	systemctl restart hooksync-fcgi.service hooksync-worker.service
	expect 200 "$(post "$1" "$$-2" '{"id":"1","name":"Grace"}')"
	wait_for 30 holds "$target/items/1" '{"name":"Grace"}'
	hooksync stats
	hooksync doctor
}
