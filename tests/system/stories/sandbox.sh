#!/bin/sh
# The units' sandboxes are as tight as they say, and everything still works in
# them: each way of signing, names from /etc/hosts, TLS with a CA of one's own,
# time zones, map files, a Redis with a password on a Unix socket.
# wants: hooksync redis-server nginx
# limit: 240
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

worker=hooksync-worker.service
responder=hooksync-fcgi.service
units=$(dirname "$(systemctl show -P FragmentPath $worker)")

# --- the figures ---
is 'systemd has nothing to say about the units' \
	"$(systemd-analyze --man=no verify "$units"/hooksync-* 2>&1)" ''
exposure() # UNIT
{
	systemd-analyze security --no-pager "$1" | tail -n 1 |
		grep -o '[0-9.]* [A-Z]*' | head -n 1
}
diag "exposure: worker $(exposure $worker), responder $(exposure $responder)"
check 'the worker is exposed by 1.1 at most' \
	systemd-analyze security --no-pager --threshold=11 $worker
check 'the responder by 1.0 at most' \
	systemd-analyze security --no-pager --threshold=10 $responder
check 'so would a second worker be' \
	systemd-analyze security --no-pager --threshold=11 \
	hooksync-worker@2.service

# --- what it may touch ---
# The unit itself, but that a shell runs in it instead of the daemon.
probe() # fcgi|worker SCRIPT; what the script says
{
	cat >"$stage/probe" <<-'END'
		try() { what=$1; shift; "$@" >/dev/null 2>&1 && echo "$what"; }
	END
	printf '%s\ntrue\n' "$2" >>"$stage/probe"
	cp "$stage/probe" /etc/hooksync-probe
	sed -e '/^Exec[SR]/d' -e '/^WatchdogSec/d' -e 's/^Restart=.*/Restart=no/' \
		-e 's/^Type=.*/Type=oneshot/' -e '/^Requires=/d' \
		-e '/^\[Install\]/,$d' -e '/^PartOf=/d' -e '/^Wants=/d' \
		"$units/hooksync-$1.service" \
		>/run/systemd/system/hooksync-probe.service
	cat >>/run/systemd/system/hooksync-probe.service <<-END
		[Service]
		ExecPaths=/usr/bin /bin
		ExecStart=/bin/sh /etc/hooksync-probe
		StandardOutput=truncate:$stage/probed
		StandardError=journal
	END
	systemctl daemon-reload
	: >"$stage/probed"
	systemctl start hooksync-probe.service || echo 'the probe failed'
	cat "$stage/probed"
}

mkdir -p /home/ada /srv/other
cp /bin/true /srv/other
cp /bin/true /usr/local/bin
echo hers >/home/ada/letter
chmod -R a+rX /home/ada
echo rootly >/root/note
chmod 755 /root
chmod 644 /root/note
chmod 1777 /dev/shm
secret_put probe-secret known-to-the-unit
chmod 600 /etc/hooksync/secrets/probe-secret
chown root:root /etc/hooksync/secrets/probe-secret
for name in fcgi worker; do
	is "$name: is nobody but its user" "$(probe $name 'id -nu; id -nG')" \
		"$(printf 'hooksync\nhooksync')"
	is "$name: the probe can tell" \
		"$(probe $name 'try yes true; try no false')" yes
	is "$name: can write nowhere at all" \
		"$(probe $name \
			'find / -path /proc -prune -o -type d -writable -print; touch /tmp/x')" ''
	is "$name: does not see /home, /root, nor what is root's" \
		"$(probe $name 'try home cat /home/ada/letter
			try root cat /root/note
			try shadow cat /etc/shadow
			try secret cat /etc/hooksync/secrets/probe-secret
			try dbus ls /run/dbus
			try boot ls /boot')" ''
	is "$name: sees no process of others" \
		"$(probe $name 'ls -d /proc/1 2>/dev/null')" ''
	# shellcheck disable=SC2016 # for the shell inside
	is "$name: has the secret as a credential" \
		"$(probe $name 'cat "$CREDENTIALS_DIRECTORY/secrets_probe-secret"')" \
		known-to-the-unit
	is "$name: and none of the other daemon's" \
		"$(probe $name 'cat /run/credentials/hooksync-[fw]*/*')" ''
	is "$name: cannot run what lies about" \
		"$(probe $name 'try ran /srv/other/true; try ran /usr/local/bin/true')" ''
	is "$name: cannot make namespaces, mounts, or other users of itself" \
		"$(probe $name 'try ns unshare -r true
			try mount mount -t tmpfs none /tmp
			try chown chown 0 /tmp
			try setpriv setpriv --reuid 0 true')" ''
	is "$name: leaves no core" \
		"$(probe $name 'ulimit -c')" 0
done
is 'others cannot read the credentials' \
	"$(setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c \
		'cat /run/credentials/hooksync-*/* /run/hooksync/credentials/* \
		2>/dev/null' | grep -c .)" 0

# Only where the machine can: on cgroup v2 with BPF.
ip address add 203.0.113.5/32 dev lo
ip address add 10.9.9.9/32 dev lo
fetched() # fcgi|worker ADDRESS; "yes" or nothing
{
	probe "$1" "try yes curl --silent --max-time 3 --output /dev/null http://$2/"
}
is 'the responder reaches this host' "$(fetched fcgi 127.0.0.1)" yes
is 'and private networks' "$(fetched fcgi 10.9.9.9)" yes
is 'the worker reaches all' "$(fetched worker 203.0.113.5)" yes
if systemd-run --quiet --wait -p IPAddressDeny=any curl --silent --max-time 3 \
	--output /dev/null http://127.0.0.1/; then
	skip 'the responder reaches nobody else' \
		'a container cannot filter addresses by cgroup'
else
	is 'the responder reaches nobody else' "$(fetched fcgi 203.0.113.5)" ''
fi
rm -f /run/systemd/system/hooksync-probe.service /etc/hooksync-probe
systemctl daemon-reload

# --- what must go on working ---
# A target with TLS, a name and a CA of its own: nginx in front of the mock.
mkdir "$stage/ca"
(
	cd "$stage/ca" || exit
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-days 2 -subj '/CN=a CA of the tests' -keyout ca.key -out ca.crt
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-subj '/CN=erp.hooksync.test' -keyout key -out csr
	printf 'subjectAltName=DNS:erp.hooksync.test\n' >ext
	openssl x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
		-extfile ext -out crt
) 2>"$stage/openssl.log" || sed 's/^/# /' "$stage/openssl.log"
cp "$stage/ca/ca.crt" /usr/local/share/ca-certificates/hooksync-tests.crt
update-ca-certificates >/dev/null 2>&1
echo '127.0.0.1 erp.hooksync.test' >>/etc/hosts

mock_start
cat >/etc/nginx/conf.d/target.conf <<-END
	server {
		listen 127.0.0.1:8443 ssl;
		ssl_certificate $stage/ca/crt;
		ssl_certificate_key $stage/ca/key;
		location / { proxy_pass $mock_url; }
	}
END
nginx_site

# Redis: a Unix socket only, and a password.
cat >>/etc/redis/redis.conf <<-'END'
	port 0
	unixsocket /run/redis/redis-server.sock
	unixsocketperm 770
	requirepass the-password-of-redis
END
systemctl restart redis-server
rcli()
{
	redis-cli -s /run/redis/redis-server.sock --no-auth-warning \
		-a the-password-of-redis "$@"
}
# as the manual says
for name in $worker $responder; do
	mkdir -p "/etc/systemd/system/$name.d"
	printf '[Service]\nSupplementaryGroups=redis\n' \
		>"/etc/systemd/system/$name.d/redis.conf"
done
systemctl daemon-reload

hooksync_settings
secret_put redis-password the-password-of-redis
secret_put hook-token let-me-in
mkdir -p /etc/hooksync/maps /usr/local/share/maps
echo '{ from: "a map beside the settings", id: .data.identityId }' \
	>/etc/hooksync/maps/near.jq
echo '{ from: "a map elsewhere", at: (1700000000 | todate) }' \
	>/usr/local/share/maps/far.jq
cat >/etc/hooksync/conf.d/z-sandbox.conf <<-'END'
	redis = { url = "unix:/run/redis/redis-server.sock";
	          password = "secret:redis-password"; };
	services = {
	  safe = { url = "https://erp.hooksync.test:8443/erp";
	           basic = "secret:erp-login"; };
	};
	endpoints = {
	  token = { path = "/webhooks/token"; job = "near";
	    data = { identityId = "/identityId"; };
	    verify = { scheme = "token"; header = "X-Hook-Token";
	               secrets = [ "secret:hook-token" ]; }; };
	  open = { path = "/webhooks/open"; job = "far";
	    data = { identityId = "/identityId"; };
	    verify = { scheme = "none"; }; };
	};
	routes = {
	  near = { map_file = "maps/near.jq";
	    push = { service = "safe"; method = "PUT"; path = "/near/{identityId}"; }; };
	  far = { map_file = "/usr/local/share/maps/far.jq";
	    push = { service = "safe"; method = "PUT"; path = "/far/{identityId}"; }; };
	};
END
check 'the settings are right' hooksync check
check 'the services take them' hooksync_restart

crm_put 42 '{"fullName":"Ada Lovelace","email":"ada@example.com"}'
is 'Standard Webhooks: accepted' \
	"$(deliver identity d-1 '{"identityId":"42","action":"updated"}')" 200
becomes 'and synced' 10 \
	'{"name":"Ada Lovelace","email":"ada@example.com"}' erp_get customers/42
is 'as GitHub signs: accepted' \
	"$(deliver invoice d-2 '{"invoiceId":"7","number":"n7","total":3}')" 200
becomes 'and synced' 10 '{"number":"n7","total":3}' erp_get invoices/7
post_with() # ENDPOINT HEADER
{
	web "/webhooks/$1" --output /dev/null --write-out '%{http_code}' \
		--header "$2" --header 'Content-Type: application/json' \
		--data '{"identityId":"1"}'
}
is 'with a token: accepted' \
	"$(post_with token 'X-Hook-Token: let-me-in')" 200
becomes 'and synced by TLS, by a name of /etc/hosts, with a map file' 10 \
	'{"from":"a map beside the settings","id":"1"}' erp_get near/1
is 'with another token: refused' \
	"$(post_with token 'X-Hook-Token: let-me-out')" 401
is 'with no scheme: accepted' "$(post_with open 'X-Nothing: x')" 200
becomes 'and synced, with a map file elsewhere' 10 \
	'{"from":"a map elsewhere","at":"2023-11-14T22:13:20Z"}' erp_get far/1

# A scheduler's next job needs the time zones of the host.
rcli zadd "$queue:repeat" 1000 night >/dev/null
rcli hset "$queue:repeat:night" name item data '{"itemId":"night"}' \
	pattern '30 3 * * *' tz Asia/Kolkata ic 1 >/dev/null
rcli hset "$queue:repeat:night:1000" name item rjk night \
	opts '{"repeat":{"pattern":"30 3 * * *","tz":"Asia/Kolkata","count":1}}' \
	data '{"itemId":"night","rawPayload":{}}' timestamp 1000 delay 0 \
	priority 0 >/dev/null
rcli lpush "$queue:wait" repeat:night:1000 >/dev/null
rcli zadd "$queue:marker" 0 0 >/dev/null
check 'a job of a scheduler runs' wait_for 10 erp_get items/night
next_night() # the time of the day, UTC, at which the next one is due
{
	rcli --raw zrange "$queue:delayed" 0 -1 |
		sed -n 's/^repeat:night:\([0-9]*\)000$/\1/p' |
		awk '{ print $1 % 86400 }'
}
becomes 'the next one is due at half past three in Calcutta' 5 79200 next_night

# Slow senders go another way, with a file in memory.
head -c 700000 /dev/zero | tr '\0' x >"$stage/large"
printf '{"identityId":"large","text":"%s"}' "$(cat "$stage/large")" \
	>"$stage/body"
sign_standard large-1 "$stage/body" >"$stage/signed"
is 'a large body: accepted' "$(post item)" 200
check 'and synced' wait_for 10 erp_get items/large

# Reloads check in the sandbox, with the same secrets; root's alone is enough.
chmod 600 /etc/hooksync/secrets/*
chown root:root /etc/hooksync/secrets/*
check 'with secrets of root alone they start' hooksync_restart
check 'the responder reloads' systemctl reload $responder
check 'so does the worker' systemctl reload $worker
is 'webhooks are accepted' \
	"$(deliver item after '{"identityId":"after"}')" 200
check 'and synced' wait_for 10 erp_get items/after

# A folder of secrets that is gone stops nobody who needs none.
rm -r /etc/hooksync/secrets
rm /etc/hooksync/conf.d/*.conf
check 'without a folder of secrets they start' hooksync_restart
for name in $responder $worker; do
	is "$name runs" "$(unit_state "$name")" active
done
check 'nothing was refused by the sandbox that was needed' \
	fails journal_says 'Operation not permitted'
the_end
