/*
 * build_redis: where Redis is and how to log in.
 *
 * The URL comes first; host, port, username, password and db then replace
 * their part of it, but only when they are said at least as firmly as the URL:
 * a URL from the environment names another server than the file's, and the
 * file's password is not for it.
 */
#include "conf/build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/url.h"

struct place { /* the URL's setting, and what is made of it */
	struct setting *url;
	struct url_redis redis;
	const char *origin; /* of the URL; kept while settings are replaced */
	enum setting_level level;
};

/* The part, when it was said and counts. */
static struct setting *
part(struct build *build, const struct place *place, const char *key)
{
	struct setting *setting = build_get(build, "redis", key);
	if (!setting)
		return NULL;
	if (setting->level >= place->level)
		return setting;
	build_warn(build, "redis", key,
		   "is not used, for redis.url (%s) names the whole server",
		   place->origin);
	return NULL;
}

static void
show(struct build *build, const char *name, const char *text,
     const struct place *place)
{
	settings_put_made(build->settings, name, text, place->level,
			  place->origin, false);
}

static void
take_host(struct build *build, struct place *place)
{
	struct setting *host = part(build, place, "host");
	struct url_redis *redis = &place->redis;
	if (host) {
		struct span text = span_text(host->texts[0]);
		if (text.len > 2 && text.ptr[0] == '[' &&
		    text.ptr[text.len - 1] == ']')
			text = span_of(text.ptr + 1, text.len - 2);
		if (text.len > 0 && text.ptr[0] == '/')
			build_error(build, "redis", "host",
				    "is a path: a socket is written "
				    "redis.url = \"unix:/path\" (REDIS_URL)");
		else if (!url_host_is_valid(text))
			build_error(build, "redis", "host",
				    "is neither a host's name nor an address: "
				    "write for example redis.example.com");
		free(redis->unix_path);
		redis->unix_path = NULL;
		free(redis->host);
		redis->host = xstrndup((const char *)text.ptr, text.len);
	} else if (redis->host) {
		show(build, "redis.host", redis->host, place);
	}
}

static void
take_port(struct build *build, struct place *place)
{
	struct setting *port = part(build, place, "port");
	if (port && place->redis.unix_path) {
		build_error(build, "redis", "port",
			    "the URL (%s) names a Unix socket, which has no "
			    "port: leave it out or say the host too",
			    place->origin);
	} else if (port) {
		place->redis.port = port->number;
	} else if (!place->redis.unix_path) {
		char text[32];
		snprintf(text, sizeof(text), "%" PRId64, place->redis.port);
		show(build, "redis.port", text, place);
	}
}

static void
take_login(struct build *build, struct place *place)
{
	struct url_redis *redis = &place->redis;
	struct setting *username = part(build, place, "username");
	if (username) {
		free(redis->username);
		redis->username = xstrdup(username->texts[0]);
	} else if (redis->username) {
		show(build, "redis.username", redis->username, place);
	}

	struct setting *password = part(build, place, "password");
	if (password && password->is_masked) {
		build->conf->redis.password = build_secret_made(
			build, "(redis.password)", password->origin,
			span_text(password->texts[0]));
	} else if (password) {
		build->conf->redis.password =
			build_secret(build, password, 0, BUILD_NEEDED);
	} else if (redis->has_password) {
		build->conf->redis.password =
			build_secret_made(build, "(redis.url)", place->origin,
					  buf_span(&redis->password));
		settings_put_made(build->settings, "redis.password", "********",
				  place->level, place->origin, true);
	}
	if (redis->username && !build->conf->redis.password &&
	    !build_is_said(build, "redis", "password"))
		build_error(build, "redis", "username",
			    "a user needs a password: write redis.password = "
			    "\"secret:redis-password\" (or REDIS_PASSWORD)");
}

static void
take_db(struct build *build, struct place *place)
{
	struct setting *db = part(build, place, "db");
	if (db) {
		place->redis.db = db->number;
		return;
	}
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64, place->redis.db);
	show(build, "redis.db", text, place);
}

void
build_redis(struct build *build)
{
	struct conf_redis *conf = &build->conf->redis;
	conf->connect_timeout_ms =
		build_number(build, "redis", "connect_timeout");
	conf->command_timeout_ms =
		build_number(build, "redis", "command_timeout");
	conf->enqueue_timeout_ms =
		build_number(build, "redis", "enqueue_timeout");

	struct place place = { .url = build_get(build, "redis", "url") };
	const char *why;
	if (url_redis_parse(span_text(place.url->texts[0]), &place.redis,
			    &why) != HS_OK) {
		build_error(build, "redis", "url",
			    "%s; write for example redis://localhost:6379/0",
			    why);
		return;
	}
	char *origin = xstrdup(place.url->origin);
	place.origin = origin;
	place.level = place.url->level;
	if (place.redis.has_password && place.level != SETTING_ENV)
		build_warn(build, "redis", "url",
			   "holds a password: better write redis.password = "
			   "\"secret:redis-password\" and put it into the file "
			   "secrets/redis-password");

	take_host(build, &place);
	take_port(build, &place);
	take_login(build, &place);
	take_db(build, &place);
	char *masked = url_mask(place.url->texts[0]);
	show(build, "redis.url", masked, &place);
	free(masked);
	free(origin);

	struct url_redis *redis = &place.redis;
	conf->unix_path = redis->unix_path;
	conf->host = redis->host;
	conf->port = redis->port;
	conf->username = redis->username;
	conf->db = redis->db;
	redis->unix_path = NULL;
	redis->host = NULL;
	redis->username = NULL;
	url_redis_fini(redis);
}
