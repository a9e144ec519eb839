/*
 * guide: see guide.h.
 */
#include "ctl/guide.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define EXAMPLES "/usr/share/doc/hooksync/examples"

bool
guide_is_local(const char *host)
{
	return !host || strcmp(host, "localhost") == 0 ||
	       strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* ---- Redis ---- */

static void
say_refused(const struct conf_redis *redis, struct buf *out)
{
	if (guide_is_local(redis->host))
		buf_notef(out, "nobody listens there: systemctl start "
			       "redis-server (not installed yet? apt install "
			       "redis-server), or is redis.url another?");
	else
		buf_notef(out,
			  "nobody listens on port %lld of %s: are redis.host "
			  "and redis.port right, and does \"bind\" in that "
			  "Redis's redis.conf name an address of its own?",
			  (long long)redis->port, redis->host);
}

static void
say_no_socket(const struct conf_redis *redis, struct buf *out)
{
	buf_notef(out,
		  "there is no such socket: systemctl start redis-server, and "
		  "/etc/redis/redis.conf must say unixsocket %s",
		  redis->unix_path ? redis->unix_path : "PATH");
}

static void
say_no_password(struct buf *out)
{
	buf_notef(out, "it wants a password. Write redis = { password = "
		       "\"secret:redis-password\"; }; into "
		       "/etc/hooksync/conf.d/redis.conf, then type: install -m "
		       "640 -g hooksync /dev/stdin "
		       "/etc/hooksync/secrets/redis-password   then the "
		       "password, Enter, Ctrl-D");
}

static void
say_wrong_password(const struct conf_redis *redis, struct buf *out)
{
	const char *from =
		redis->password ? redis->password->origin : "nowhere";
	if (redis->username)
		buf_notef(out,
			  "the user %s or the password (from %s) is wrong: "
			  "compare them with redis-cli ACL LIST",
			  redis->username, from);
	else
		buf_notef(out,
			  "the password (from %s) is wrong: compare it with "
			  "requirepass in that Redis's redis.conf; a user of "
			  "an ACL is named in redis.username",
			  from);
}

static void
say_not_allowed(const struct conf_redis *redis, struct buf *out)
{
	buf_notef(out,
		  "the ACL of the user %s does not allow what is needed: %s "
		  "has users that suffice, to paste into Redis",
		  redis->username ? redis->username : "default",
		  EXAMPLES "/redis.acl");
}

void
guide_redis(const struct conf_redis *redis, const char *why, struct buf *out)
{
	if (strstr(why, "Connection refused"))
		say_refused(redis, out);
	else if (strstr(why, "No such file"))
		say_no_socket(redis, out);
	else if (strstr(why, "Permission denied"))
		buf_notef(out, "the socket belongs to another group: usermod "
			       "-aG redis hooksync, and restart the programs");
	else if (begins(why, "NOAUTH"))
		say_no_password(out);
	else if (begins(why, "WRONGPASS"))
		say_wrong_password(redis, out);
	else if (begins(why, "NOPERM"))
		say_not_allowed(redis, out);
	else if (begins(why, "DENIED"))
		buf_notef(out, "that Redis lets only its own host in until it "
			       "has a password: requirepass in its redis.conf");
	else if (begins(why, "LOADING"))
		buf_notef(out, "it is still reading what it has saved: wait "
			       "a little");
	else if (strstr(why, "not known"))
		buf_notef(out, "no host has that name: is redis.url or "
			       "redis.host (REDIS_HOST) right?");
	else if (strstr(why, "emporary failure in name"))
		buf_notef(out, "no name server answers: is the network up, and "
			       "redis.url or redis.host (REDIS_HOST) right?");
	else if (begins(why, "Protocol error"))
		buf_notef(out, "what answers there is no Redis, or one that "
			       "wants TLS: is the port right?");
	else if (strstr(why, "in time") || strstr(why, "timed out"))
		buf_notef(out, "is the address right, and does no firewall "
			       "stand between?");
}

/* ---- the first endpoint ---- */

static const char first_endpoint[] =
	"    endpoints = {\n"
	"      crm = {\n"
	"        path = \"/webhooks/crm\";\n"
	"        verify = { scheme = \"standard-webhooks\";\n"
	"                   secrets = [ \"secret:crm-webhook\" ]; };\n"
	"      };\n"
	"    };\n";

void
guide_first_endpoint(const char *conf_path, struct buf *out)
{
	char *folder = file_folder(conf_path);
	buf_notef(out,
		  "No endpoint yet, so no webhook is accepted. The smallest "
		  "one, for the file\n%s/conf.d/crm.conf:\n\n%s\nThen again: "
		  "hooksync check\n",
		  folder, first_endpoint);
	free(folder);
}
