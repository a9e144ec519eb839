#!/bin/sh
# The same suite of deliveries through each web server, with the files of the
# package as they are shipped: nginx, Apache (mod_proxy_fcgi, mod_fcgid), lighttpd
# with spawn-fcgi; over TLS, too. The responder restarts under load.
# wants: hooksync redis-server nginx
# limit: 300
# long
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
# shellcheck source=tests/lib/deliveries.sh
. "$top_srcdir/tests/lib/deliveries.sh"
story

redis_away()
{
	systemctl stop redis-server.service
}

redis_back()
{
	systemctl start redis-server.service
	wait_for 10 rcli ping
}

# What a command says is shown where it fails.
does() # DESCRIPTION COMMAND...
{
	does_what=$1
	shift
	"$@" >"$stage/said" 2>&1
	does_status=$?
	tap_result $does_status "$does_what"
	[ $does_status -eq 0 ] || sed 's/^/# /' "$stage/said"
}

# One server after the other has port 80.
next_server() # OLD
{
	systemctl disable --now "$1"
}

answers() # the responder, through the server
{
	[ "$(d_post d-none --data '{}')" = 404 ] &&
		d_has 'content-type: application/problem+json'
}

# A certificate for hooks.example.com where the examples look for it.
certificate()
{
	tls=/etc/letsencrypt/live/hooks.example.com
	mkdir -p "$tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days 2 -subj /CN=hooks.example.com \
		-addext subjectAltName=DNS:hooks.example.com \
		-keyout "$tls/privkey.pem" -out "$tls/fullchain.pem"
}

over_tls()
{
	web_url=https://hooks.example.com
	web_to=hooks.example.com:443:127.0.0.1:443
	web_ca=$tls/fullchain.pem
}

in_the_clear()
{
	web_url=http://localhost web_to='' web_ca=''
}

restart_responder()
{
	systemctl restart hooksync-fcgi.service
}

example() # NAME
{
	echo "/usr/share/doc/hooksync/examples/$1"
}

deliveries_open "$stage"
deliveries_settings >/etc/hooksync/conf.d/deliveries.conf
deliveries_secrets /etc/hooksync/secrets
chgrp hooksync /etc/hooksync/secrets/*
chmod 640 /etc/hooksync/secrets/*
does 'the settings are right' hooksync check
check 'the responder takes them' systemctl restart hooksync-fcgi.service
does 'a certificate' certificate

# ---- nginx ----

echo 'include snippets/hooksync-upstream.conf;' >/etc/nginx/conf.d/hooksync.conf
sed -i 's|^\tserver_name _;|&\n\tlocation /webhooks/ { include snippets/hooksync.conf; }|' \
	/etc/nginx/sites-available/default
does 'nginx takes two lines' nginx -t
systemctl reload nginx
check 'nginx passes webhooks on' wait_for 10 answers
web_name=nginx
deliveries
deliveries_restarts 3 restart_responder

cp "$(example nginx-site.conf)" /etc/nginx/sites-available/hooksync
ln -s ../sites-available/hooksync /etc/nginx/sites-enabled/
does 'nginx takes the server with TLS' nginx -t
systemctl reload nginx
over_tls
check 'nginx serves it' wait_for 10 answers
web_name='nginx over TLS'
deliveries
is 'nginx over TLS: a monitor on this host is answered' \
	"$(web /readyz --output /dev/null --write-out '%{http_code}')" 200
in_the_clear

# ---- Apache, mod_proxy_fcgi ----

does 'nginx goes' next_server nginx.service
does 'Apache comes' install apache2
does 'a2enmod proxy_fcgi' a2enmod proxy_fcgi
does 'a2enconf hooksync' a2enconf hooksync
does 'Apache restarts' systemctl restart apache2.service
check 'Apache passes webhooks on' wait_for 10 answers
web_name=mod_proxy_fcgi
deliveries
deliveries_restarts 3 restart_responder

cp "$(example apache-site.conf)" /etc/apache2/sites-available/hooksync.conf
a2disconf -q hooksync
does 'a2enmod ssl' a2enmod ssl
does 'a2ensite hooksync' a2ensite hooksync
does 'Apache restarts with TLS' systemctl restart apache2.service
over_tls
check 'Apache serves it' wait_for 10 answers
web_name='mod_proxy_fcgi over TLS'
deliveries
is 'mod_proxy_fcgi over TLS: a monitor on this host is answered' \
	"$(web /readyz --output /dev/null --write-out '%{http_code}')" 200
in_the_clear
is 'mod_proxy_fcgi over TLS: nothing is passed on in the clear' \
	"$(d_post d-open --data '{}')" 404
a2dissite -q hooksync
a2dismod -q ssl

# ---- Apache, mod_fcgid: no unit of ours, www-data runs the responders ----

does 'mod_fcgid comes' install libapache2-mod-fcgid
does 'the units of the responder go' systemctl disable --now \
	hooksync-fcgi.socket hooksync-fcgi.service
does 'www-data may read secrets' adduser www-data hooksync
does 'a2enmod fcgid' a2enmod fcgid
cp "$(example hooksync-fcgid.conf)" /etc/apache2/conf-available/
does 'a2enconf hooksync-fcgid' a2enconf hooksync-fcgid
does 'Apache restarts with it' systemctl restart apache2.service
check 'it starts responders' wait_for 10 answers
is "as Apache's user" "$(ps -o user= -C hooksync-fcgi | sort -u)" www-data
web_name=mod_fcgid
deliveries
deliveries_restarts 3 pkill -HUP -x hooksync-fcgi
# (which restarts the worker, and no unit of the responder)
deliveries_restarts 1 install "$next_deb"
is 'the unit of the responder stays where it was' \
	"$(unit_state hooksync-fcgi.socket)" inactive

# ---- lighttpd, spawn-fcgi ----

does 'Apache goes' next_server apache2.service
check 'and takes its responders with it' \
	wait_for 10 fails pgrep -x hooksync-fcgi
does 'lighttpd comes, and spawn-fcgi' install lighttpd spawn-fcgi
does 'lighty-enable-mod hooksync' lighty-enable-mod hooksync
cp "$(example spawn-fcgi.service)" \
	/etc/systemd/system/hooksync-spawn.service
systemctl daemon-reload
does 'spawn-fcgi starts the responder' \
	systemctl enable --now hooksync-spawn.service
does 'lighttpd restarts' systemctl restart lighttpd.service
check 'lighttpd passes webhooks on' wait_for 10 answers
is "the responder runs as hooksync" \
	"$(ps -o user= -C hooksync-fcgi | sort -u)" hooksync
web_name='lighttpd, spawn-fcgi'
# shellcheck disable=SC2034 # of the suite
web_underscore=200
deliveries

does 'spawn-fcgi goes' systemctl disable --now hooksync-spawn.service
does 'the socket unit is back' \
	systemctl enable --now hooksync-fcgi.socket hooksync-fcgi.service
web_name=lighttpd
check 'lighttpd finds it' wait_for 10 answers
deliveries_restarts 3 restart_responder
the_end
