#!/bin/sh
# README.Debian is typed as it stands, on a Debian that has nothing of it: at the
# end of its five steps a signed webhook has arrived. What was typed and answered
# goes to the folder of --keep as first-webhook.txt; doc/first-webhook-*.txt are
# that, of each suite.
# limit: 400
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

dpkg-deb --fsys-tarfile "$this_deb" >"$stage/package.tar"
readme=$(tar -tf "$stage/package.tar" | grep 'README.Debian')
tar -xOf "$stage/package.tar" "$readme" | gzip -dcf >"$stage/README"
transcript=$BED/out/first-webhook.txt

# The commands of a section, one a line.
commands_of() # TITLE
{
	awk -v title="$1" '
		/^---/ { is_in = before == title }
		is_in && /^    / { print substr($0, 5) }
		{ before = $0 }' "$stage/README"
}

# Types a command into a bash that knows what was typed before; what it says is in
# said, and in the transcript as a terminal would show it. One that waits for a
# secret is given one.
typed() # COMMAND
{
	typed_input=/dev/null
	case $1 in *'|'*) ;; *'/dev/stdin'*) typed_input=$stage/secret ;; esac
	# shellcheck disable=SC2016
	bash -c '
		. "$2/variables"
		cd "$(cat "$2/cwd")"
		eval "$1"
		status=$?
		declare -p ERP SECRET >"$2/variables" 2>/dev/null
		pwd >"$2/cwd"
		exit $status' bash "$1" "$stage" <"$typed_input" >"$stage/raw" 2>&1
	typed_status=$?
	sed 's/\r$//; s/.*\r//' "$stage/raw" >"$stage/said"
	{
		printf '$ %s\n' "$1"
		awk 1 "$stage/said" # ends the last line
		echo
	} >>"$transcript"
	diag "$(printf '$ %s\n' "$1"; tail -n 12 "$stage/said")"
}

type_section() # TITLE [FIRST [LAST]]; from the command that begins so, to such one
{
	commands_of "$1" | awk -v first="${2-}" -v last="${3-}" '
		index($0, first) == 1 { is_on = 1 }
		is_on { print }
		is_on && last != "" && index($0, last) == 1 { exit }' \
		>"$stage/commands"
	check "README.Debian has commands for: $*" test -s "$stage/commands"
	while IFS= read -r typed_line <&3; do
		nginx_old=$(pgrep -P "$(main_pid nginx)" | head -n 1)
		typed "$typed_line"
		# the first check is to find that a secret is missing
		typed_wanted=0
		[ "$typed_line" != 'hooksync check' ] ||
			[ -e /etc/hooksync/secrets/crm-webhook ] || typed_wanted=78
		is "$(printf '%s' "$typed_line" | sed 's/[\\]/+/g')" \
			"$typed_status" "$typed_wanted"
		# the stand-in is not installed, and wants libraries that are now
		# And nobody types as fast as nginx takes its new site.
		case $typed_line in
		'apt install'*) target_start ;;
		*'systemctl reload nginx') wait_for 10 nginx_is_new ;;
		esac
	done 3<"$stage/commands"
}

said() # TEXT
{
	check "it said: $1" grep -Fq -e "$1" "$stage/said"
}

target_start()
{
	stage_spawn mock "$BED/bin/mock" --port 8080 \
		--port-file "$stage/mock.port"
	wait_for 10 test -s "$stage/mock.port" || stage_fail mock
}

nginx_is_new() # those that had the old site are gone
{
	! pgrep -P "$(main_pid nginx)" | grep -Fxq "$nginx_old"
}

contact() # ID; as the target has it
{
	curl --silent --fail "http://localhost:8080/erp/contacts/$1"
}

install_quietly() # PACKAGE...
{
	apt-get -q install "$@" >"$stage/apt.log" 2>&1 ||
		sed 's/^/# /' "$stage/apt.log"
}

doctor_status()
{
	hooksync doctor >/dev/null 2>&1
	echo $?
}

n_workers()
{
	hooksync workers --json | grep -c '"name"'
}

# What a newcomer does not have: a machine named by its bed. Nobody answers apt here.
hostname debian
echo debian >/etc/hostname
echo '127.0.1.1 debian' >>/etc/hosts
cat >/etc/apt/apt.conf.d/99story <<-'END'
	APT::Get::Assume-Yes "true";
	Apt::Cmd::Disable-Script-Warning "true";
END
# what every installed Debian has; the bed is smaller
install_quietly adduser passwd
mkdir /tmp/first && cp "$this_deb" /tmp/first || exit 1
echo /tmp/first >"$stage/cwd"
: >"$stage/variables"
echo "$webhook_secret" >"$stage/secret"

# ---- five steps ----

# shellcheck disable=SC1091
. /etc/os-release
cat >"$transcript" <<-END
	The first webhook, on a freshly installed $PRETTY_NAME
	as root: the five steps of README.Debian. In the place of the system that
	the webhooks are for, a stand-in listens on port 8080.

END
type_section 'Five steps'
check 'the doctor said that all is well' grep -q '^all is well$' "$transcript"
becomes 'the webhook has arrived' 10 '{"id":"42","name":"Ada Lovelace"}' contact 42
typed 'curl -s http://localhost:8080/erp/contacts/42'
check 'no word of the bed in the transcript' \
	fails grep -E '/srv/bed|/work|story' "$transcript"

# ---- what comes with it; the transcript ends here ----

transcript=$stage/more

is 'a webhook nobody signed is refused' \
	"$(web /webhooks/contact --data '{"id":"1"}' --output /dev/null \
		--header 'Content-Type: application/json' \
		--write-out '%{http_code}')" 401
typed 'hooksync check'
said 'good: 1 endpoint, 1 route, 1 service'
typed 'runuser -u nobody -- hooksync check'
is 'anybody may check' "$typed_status" 0
said 'it was not looked at: sudo hooksync check'
typed 'runuser -u nobody -- hooksync doctor'
is 'and ask the doctor' "$typed_status" 0
said 'for root and the group www-data; not for you'

# a file that root alone can read
chmod 600 /etc/hooksync/conf.d/crm.conf
typed 'hooksync check'
is 'a file closed to the programs is told' "$typed_status" 78
said 'cannot read it: chmod 644 /etc/hooksync/conf.d/crm.conf'
chmod 644 /etc/hooksync/conf.d/crm.conf

# a secret that everybody can read
chmod 644 /etc/hooksync/secrets/crm-webhook
typed 'hooksync check'
is 'an open secret is refused' "$typed_status" 78
said ': chmod 640 /etc/hooksync/secrets/crm-webhook'
typed 'systemctl restart hooksync-fcgi.service'
becomes 'by the responder, too' 10 78 unit hooksync-fcgi.service ExecMainStatus
check 'which says so' journal_says 'can be read by everybody (mode 0644)'
chmod 640 /etc/hooksync/secrets/crm-webhook
systemctl reset-failed hooksync-fcgi.service hooksync-fcgi.socket 2>/dev/null
typed 'systemctl restart hooksync-fcgi.socket hooksync-fcgi.service'
is 'mended it starts' "$typed_status" 0

# the doctor's way, as things fail
systemctl stop redis-server
typed 'hooksync doctor'
is 'without Redis' "$typed_status" 69
said 'nobody listens there: systemctl start redis-server'
systemctl start redis-server
systemctl stop hooksync-worker.service
typed 'hooksync doctor'
said 'systemctl restart hooksync-worker'
systemctl start hooksync-worker.service
systemctl stop hooksync-fcgi.socket hooksync-fcgi.service
typed 'hooksync doctor'
is 'without the socket' "$typed_status" 1
said 'systemctl restart hooksync-fcgi.socket hooksync-fcgi.service'
rm -f /run/hooksync/fcgi.sock
typed 'hooksync doctor'
said 'systemctl enable --now hooksync-fcgi.socket'
typed 'systemctl enable --now hooksync-fcgi.socket'
is 'which helps' "$typed_status" 0
systemctl start hooksync-fcgi.service
becomes 'that was all' 20 0 doctor_status

# ---- the other sections ----

type_section 'More workers'
becomes 'three work' 20 3 n_workers
type_section 'A new secret without a gap'
typed 'hooksync send --url http://localhost contact /tmp/contact.json'
is 'the new secret is the only one' "$typed_status" 0

systemctl stop nginx
install_quietly apache2 libapache2-mod-fcgid
type_section 'Apache' 'a2enmod proxy_fcgi' 'systemctl restart apache2'
typed 'hooksync send --url http://localhost contact /tmp/contact.json'
is 'through mod_proxy_fcgi' "$typed_status" 0
a2disconf -q hooksync
type_section 'Apache' 'adduser'
typed 'hooksync send --url http://localhost contact /tmp/contact.json'
is 'through mod_fcgid' "$typed_status" 0
typed 'hooksync doctor'
is 'the doctor is content without the socket' "$typed_status" 0
said 'hooksync-fcgi.socket is not enabled on this host'
systemctl stop apache2
systemctl enable -q --now hooksync-fcgi.socket hooksync-fcgi.service
systemctl start nginx

commands_of 'Redis' | grep 'hooksync-fcgi.service.d' | while IFS= read -r line; do
	eval "$line"
done
systemctl daemon-reload
is 'the address of another Redis is allowed' \
	"$(unit hooksync-fcgi.service IPAddressAllow | grep -o '192.0.2.7')" 192.0.2.7
type_section 'Upgrading, removing'
is 'nothing is left' "$(find /etc/hooksync /run/hooksync /var/lib/hooksync \
	/usr/share/doc/hooksync 2>&1 | grep -v 'No such file')" ''
is 'nginx runs on' "$(unit_state nginx)" active
the_end
