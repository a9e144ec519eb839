# stage_web.sh: web servers on the stage, with the files of etc/web as they are
# shipped: only paths and ports are put in. For scripts that have sourced
# tests/it/lib.sh and called story.
#
# Servers run as they do on Debian: as www-data where root runs the tests.
# shellcheck shell=sh disable=SC2034,SC2154

pid_apache='' pid_lighttpd=''
web_modules=/usr/lib/apache2/modules
web_user=''
if [ "$(id -u)" -eq 0 ]; then
	web_user=www-data
fi

# Configuration, Redis, and what a web server's user must be able to enter.
web_stage()
{
	umask 022
	cat >"$conf" <<-END
		redis = { url = "unix:$redis_sock"; };
	END
	deliveries_settings >"$stage/conf.d/deliveries.conf"
	deliveries_secrets "$stage/secrets"
	chmod 640 "$stage"/secrets/*
	web_redis
	if [ -n "$web_user" ]; then
		chmod 755 "$stage"
		chgrp -R "$web_user" "$stage/secrets"
	fi
	deliveries_open "$stage"
}

web_redis()
{
	stage_redis --unixsocketperm 777
}

redis_away()
{
	stage_stop redis
}

redis_back()
{
	web_redis
}

# The responder on a socket that outlives it, as systemd would hold it.
web_responder()
{
	# shellcheck disable=SC2086 # HOOKSYNC_WRAP is words
	stage_spawn responder perl "$top_srcdir/tests/lib/socket_unit.pl" \
		"$fcgi_sock" "$stage/responder.pid" ${HOOKSYNC_WRAP:-} \
		"$top_builddir/hooksync-fcgi" --config "$conf"
	wait_for 10 test -s "$stage/responder.pid" || stage_fail responder
	chmod 666 "$fcgi_sock"
}

web_is_new() # PID
{
	[ "$(cat "$stage/responder.pid")" != "$1" ]
}

web_restart() # [SIGNAL]
{
	web_old=$(cat "$stage/responder.pid")
	kill "-${1:-TERM}" "$web_old"
	wait_for 10 web_is_new "$web_old"
}

# A file of etc/web with the stage's paths and names.
web_shipped() # FILE
{
	sed -e "s|/run/hooksync/fcgi.sock|$fcgi_sock|g" \
		-e "s|/usr/sbin/hooksync-fcgi|$stage/hooksync-fcgi|g" \
		-e "s|/etc/letsencrypt/live/hooks.example.com|$stage/tls|g" \
		-e "s|/var/www/html|$stage/htdocs|g" \
		"$top_srcdir/etc/web/$1"
}

# Calls with the next port that nobody listens on; somebody else may be faster.
web_try_ports() # COMMAND...; with the port behind
{
	web_port=$((20000 + $$ % 20000))
	web_tries=3
	while [ $web_tries -gt 0 ]; do
		web_port=$((web_port + 1))
		curl --silent --max-time 1 --output /dev/null \
			"http://127.0.0.1:$web_port"
		[ $? -eq 7 ] || continue
		"$@" "$web_port" && return
		web_tries=$((web_tries - 1))
	done
	return 1
}

# A certificate for hooks.example.com, signed by itself, for $web_port.
web_certificate()
{
	mkdir -p "$stage/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days 2 -subj /CN=hooks.example.com \
		-addext subjectAltName=DNS:hooks.example.com \
		-keyout "$stage/tls/privkey.pem" \
		-out "$stage/tls/fullchain.pem" 2>"$stage/openssl.log" ||
		stage_fail openssl
}

web_over_tls() # PORT; where web posts from now on
{
	web_sock=''
	web_url=https://hooks.example.com
	web_to=hooks.example.com:443:127.0.0.1:$1
	web_ca=$stage/tls/fullchain.pem
}

web_answers() # the responder, through the server
{
	[ "$(d_post d-none --data '{}')" = 404 ] &&
		d_has 'content-type: application/problem+json'
}

# ---- nginx ----

web_nginx_conf() # < what is in http
{
	mkdir -p "$stage/nginx/snippets"
	cp /etc/nginx/fastcgi_params "$stage/nginx/"
	web_shipped nginx/hooksync.conf >"$stage/nginx/snippets/hooksync.conf"
	web_shipped nginx/hooksync-upstream.conf \
		>"$stage/nginx/snippets/hooksync-upstream.conf"
	mkdir -p "$stage/nginx/conf.d"
	echo 'include snippets/hooksync-upstream.conf;' \
		>"$stage/nginx/conf.d/hooksync.conf"
	{
		cat <<-END
			${web_user:+user $web_user;}
			daemon off;
			worker_processes 2;
			pid $stage/nginx.pid;
			error_log stderr;
			events { worker_connections 512; }
			http {
			  include conf.d/*.conf;
			  access_log off;
			  client_body_temp_path $stage/nginx.body;
			  proxy_temp_path $stage/nginx.proxy;
			  fastcgi_temp_path $stage/nginx.fastcgi;
			  uwsgi_temp_path $stage/nginx.uwsgi;
			  scgi_temp_path $stage/nginx.scgi;
		END
		cat
		echo '}'
	} >"$stage/nginx/nginx.conf"
}

# As README.Debian says it, on a Unix socket.
web_nginx()
{
	web_sock=$stage/http.sock
	web_url=http://hooksync
	web_nginx_conf <<-END
		server {
		  listen unix:$web_sock backlog=1024;
		  location /webhooks/ { include snippets/hooksync.conf; }
		}
	END
	web_nginx_start
	wait_for 10 web_answers || stage_fail nginx
}

web_nginx_start()
{
	stage_spawn nginx nginx -p "$stage" -c "$stage/nginx/nginx.conf" \
		-e "$stage/nginx.log"
}

# The example of a whole server.
web_nginx_site()
{
	web_certificate
	web_try_ports web_nginx_site_at || stage_fail nginx
}

web_nginx_site_at() # PORT
{
	web_shipped nginx-site.conf |
		sed -e "s/listen 443 ssl/listen 127.0.0.1:$1 ssl/" \
			-e '/listen \[::\]:443/d' | web_nginx_conf
	web_over_tls "$1"
	web_nginx_start
	wait_for 5 web_answers || ! stage_stop nginx
}

# ---- Apache ----

# Debian's modules, settings and rules for folders; a server for all of it.
web_apache_conf() # PORT MODULE... < what is in conf-enabled or sites-enabled
{
	web_port=$1
	shift
	mkdir -p "$stage/apache" "$stage/htdocs"
	{
		cat <<-END
			ServerRoot $stage/apache
			ServerName localhost
			Listen 127.0.0.1:$web_port
			PidFile $stage/apache/pid
			DefaultRuntimeDir $stage/apache
			Mutex file:$stage/apache default
			ErrorLog $stage/apache.log
			Define APACHE_LOG_DIR $stage/apache
			${web_user:+User $web_user}
			${web_user:+Group $web_user}
		END
		for web_module in mpm_event access_compat alias auth_basic \
			authn_core authn_file authz_core authz_host authz_user \
			autoindex deflate dir env filter mime negotiation \
			reqtimeout setenvif "$@"; do
			echo "LoadModule ${web_module}_module" \
				"$web_modules/mod_$web_module.so"
		done
		cat <<-END
			TypesConfig /dev/null
			RequestReadTimeout header=20-40,minrate=500
			RequestReadTimeout body=10,minrate=500
			LogFormat "%h" combined
			<Directory />
			  Options FollowSymLinks
			  AllowOverride None
			  Require all denied
			</Directory>
			<Directory $stage/htdocs>
			  Options Indexes FollowSymLinks
			  AllowOverride None
			  Require all granted
			</Directory>
			DocumentRoot $stage/htdocs
			<IfModule mod_fcgid.c>
			  FcgidIPCDir $stage/apache
			  FcgidProcessTableFile $stage/apache/fcgid
			</IfModule>
		END
		cat
	} >"$stage/apache/apache2.conf"
	if [ -n "$web_user" ]; then
		chown -R "$web_user" "$stage/apache"
	fi
}

web_apache_start()
{
	: >"$stage/apache.log"
	chmod 666 "$stage/apache.log"
	stage_spawn apache apache2 -d "$stage/apache" \
		-f "$stage/apache/apache2.conf" -D FOREGROUND
}

web_apache() # FILE MODULE...; of conf-enabled
{
	web_sock=''
	web_try_ports web_apache_at "$@" || stage_fail apache
}

web_apache_at() # FILE MODULE... PORT
{
	web_file=$1
	shift
	web_apache_modules=''
	while [ $# -gt 1 ]; do
		web_apache_modules="$web_apache_modules $1"
		shift
	done
	# shellcheck disable=SC2086 # words
	{
		echo '<VirtualHost *:*>'
		echo "DocumentRoot $stage/htdocs"
		echo '</VirtualHost>'
		web_shipped "$web_file"
	} | web_apache_conf "$1" $web_apache_modules
	web_url=http://127.0.0.1:$1
	web_apache_start
	wait_for 5 web_answers || ! stage_stop apache
}

web_apache_site()
{
	web_certificate
	web_try_ports web_apache_site_at || stage_fail apache
}

web_apache_site_at() # PORT
{
	mkdir -p "$stage/apache/conf-available"
	web_shipped apache/hooksync.conf \
		>"$stage/apache/conf-available/hooksync.conf"
	{
		echo SSLSessionCache none
		web_shipped apache-site.conf | sed "s/\*:443/*:$1/"
	} | web_apache_conf "$1" proxy proxy_fcgi socache_shmcb ssl
	web_over_tls "$1"
	web_apache_start
	wait_for 5 web_answers || ! stage_stop apache
}

# ---- lighttpd ----

# Debian's modules and its rules for paths.
web_lighttpd()
{
	web_sock=$stage/http.sock
	web_url=http://hooksync
	mkdir -p "$stage/htdocs" "$stage/uploads"
	{
		cat <<-END
			server.modules = ( "mod_indexfile", "mod_access",
			  "mod_alias", "mod_redirect", "mod_fastcgi" )
			server.document-root = "$stage/htdocs"
			server.upload-dirs = ( "$stage/uploads" )
			server.bind = "$web_sock"
			server.http-parseopts = (
			  "header-strict" => "enable",
			  "host-strict" => "enable",
			  "host-normalize" => "enable",
			  "url-normalize-unreserved" => "enable",
			  "url-normalize-required" => "enable",
			  "url-ctrls-reject" => "enable",
			  "url-path-2f-decode" => "enable",
			  "url-path-dotseg-remove" => "enable",
			)
			url.access-deny = ( "~", ".inc" )
		END
		web_shipped lighttpd/50-hooksync.conf
		echo 'server.modules += ( "mod_staticfile" )'
	} >"$stage/lighttpd.conf"
	stage_spawn lighttpd lighttpd -D -f "$stage/lighttpd.conf"
	wait_for 10 web_answers || stage_fail lighttpd
}
