#!/bin/sh
# Remove stops all and keeps the settings, purge leaves nothing behind, but for
# a spool with webhooks in it: that stays, and apt's output says where.
# wants: redis-server apache2
# limit: 240
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

# Every file but those that others write all the time, with mode and owner; the
# user stays, and with it what adduser's relatives leave in /etc.
files()
{
	find / -xdev \( -path /srv/bed -o -path /tmp -o -path /var/tmp -o \
		-path /var/cache -o -path /var/log -o -path /var/lib/dpkg -o \
		-path /var/lib/apt -o -path /var/lib/redis -o \
		-path '/etc/*passwd-' -o -path '/etc/*shadow-' -o \
		-path '/etc/*group-' -o -path /etc/.pwd.lock \) -prune -o \
		-printf '%p %y %m %u:%g\n' | LC_ALL=C sort
}

ours() # what is left of us, outside of /etc
{
	find /run /var/lib /usr -xdev -path '*hooksync*' ! -path '*/dpkg/*' \
		! -path "$stage*" ! -path '/run/systemd/*' ! -path '/run/log/*'
}

apt_says() # ARGUMENT...
{
	apt-get -q -y "$@" >"$stage/apt.log" 2>&1
}

n_processes()
{
	pgrep -c -u hooksync
}

depends=$(dpkg-deb -f "$this_deb" Depends)
check 'what it needs is there' apt_says satisfy "$depends"
# Apache's own, once and for all
a2enmod -q proxy_fcgi >/dev/null
mkdir -p /var/lib/apache2/conf/enabled_by_admin
files >"$stage/before"

# ---- as much as an administrator may do with it ----

check 'apt installs it' install "$this_deb"
mock_start
hooksync_settings
echo '# by hand' >>/etc/hooksync/hooksync.conf
a2enconf -q hooksync >/dev/null
systemctl restart apache2
check 'a second worker is a line' systemctl enable --now hooksync-worker@2
check 'all take the settings' hooksync_restart
is 'a webhook is accepted' "$(deliver item d-1 '{"identityId":"1"}')" 200
becomes 'and arrives' 10 1 n_arrived items

# ---- remove ----

check 'apt removes it' apt_says remove hooksync
is 'nothing of it runs' "$(n_processes)" 0
is 'not even the second worker' "$(unit_state hooksync-worker@2)" inactive
is 'nobody listens' "$(unit_state hooksync-fcgi.socket)" inactive
check 'its socket is gone' test ! -e /run/hooksync
check 'the settings are kept' \
	grep -q '^# by hand' /etc/hooksync/hooksync.conf
check 'so are what was added' test -s /etc/hooksync/conf.d/story.conf
check 'and the secrets' test -s /etc/hooksync/secrets/crm-webhook
check 'Apache goes on' apache2ctl -t

# ---- and back ----

check 'apt installs it again' install "$this_deb"
becomes 'the responder runs' 10 active unit_state hooksync-fcgi.service
becomes 'the worker runs' 10 active unit_state hooksync-worker.service
is 'a webhook is accepted as before' \
	"$(deliver item d-2 '{"identityId":"2"}')" 200
becomes 'and arrives' 10 2 n_arrived items

# ---- purge ----

spool=/var/lib/hooksync/spool
is 'the spool is for the group' "$(stat -c '%a %U:%G' $spool)" \
	'2770 hooksync:hooksync'
is 'the secrets are for few' "$(stat -c '%a %U:%G' /etc/hooksync/secrets)" \
	'750 root:hooksync'
check 'apt purges it' apt_says purge hooksync
check 'and does not speak of a spool' fails grep -q spool "$stage/apt.log"
files >"$stage/after"
diff "$stage/before" "$stage/after" >"$stage/left"
is 'not a file is left, none is changed' "$(cat "$stage/left")" ''
is 'nor anything in /run' "$(ours)" ''
check 'the user stays' getent passwd hooksync
check 'Apache goes on without us' apache2ctl -t
is 'systemd complains of nothing' \
	"$(systemctl --no-legend --plain list-units --failed 'hooksync*')" ''

# ---- purge with webhooks in the spool ----

check 'once more, from nothing' install "$this_deb"
printf 'eighteen bytes here' | head -c 18 >"$stage/record"
install_record()
{
	setpriv --reuid hooksync --regid hooksync --clear-groups \
		sh -c "umask 027; cat >$spool/1.seg" <"$stage/record"
}
check 'the spool has a webhook' install_record
check 'apt purges it' apt_says purge hooksync
check 'and says where the spool is' grep -q "$spool" "$stage/apt.log"
check 'how many files' grep -q 'files: 1' "$stage/apt.log"
check 'how many bytes' grep -q 'bytes: 18' "$stage/apt.log"
grep hooksync: "$stage/apt.log" | sed 's/^/# /'
check 'it is as it was' cmp -s $spool/1.seg "$stage/record"
is 'the rest is gone' "$(ours | LC_ALL=C sort)" "/var/lib/hooksync
$spool
$spool/1.seg"
check 'and in /etc all' test ! -e /etc/hooksync
check 'it is taken over by the next' install "$this_deb"
is 'as it was' "$(stat -c '%a %U:%G' $spool/1.seg)" '640 hooksync:hooksync'
rm $spool/1.seg
check 'an empty one is purged' apt_says purge hooksync
files >"$stage/after"
is 'and nothing is left' "$(diff "$stage/before" "$stage/after")" ''
the_end
