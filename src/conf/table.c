/*
 * table: every option, once.
 *
 * The order is the order in which `hooksync config` and the manual page show
 * them. Options of one section stand together. A default is text and is read
 * by the same code as a value from the environment, so a wrong one fails the
 * tests. Each number has its reason beside it.
 *
 * An option that only the start of a program can take over is not reloadable:
 * where Redis is, which queues, the listening socket, what a queue is called.
 */
#include "conf/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/err.h"

#include "conf/nearest.h"

#define SECONDS(n) ((n)*INT64_C(1000))
#define MINUTES(n) ((n)*INT64_C(60000))
#define HOURS(n) ((n)*INT64_C(3600000))
#define DAYS(n) ((n)*INT64_C(86400000))
#define MIB(n) ((n)*INT64_C(1048576))
#define COUNT_MAX INT64_C(999999999) /* nine digits: see scan */

#define RELOADABLE .is_reloadable = true

/* clang-format off: a table is read in columns */
const struct option option_table[] = {
	/* --- redis: BullMQ's own default place --- */
	{ "redis.url", OPTION_TEXT, "redis://localhost:6379/0",
	  .env = "REDIS_URL", .example = "redis://localhost:6379/0" },
	{ "redis.host", OPTION_TEXT, NULL, .env = "REDIS_HOST",
	  .example = "redis.example.com" },
	{ "redis.port", OPTION_INTEGER, NULL, 1, 65535, .env = "REDIS_PORT",
	  .example = "6379" },
	{ "redis.username", OPTION_TEXT, NULL, .env = "REDIS_USERNAME",
	  .example = "hooksync" },
	{ "redis.password", OPTION_SECRET, NULL, .env = "REDIS_PASSWORD",
	  .example = "secret:redis-password" },
	{ "redis.db", OPTION_INTEGER, NULL, 0,
	  999999, /* as many as Redis is told to have */
	  .env = "REDIS_DB", .example = "0" },
	/* 5s: a healthy Redis answers in milliseconds, a failover takes seconds */
	{ "redis.connect_timeout", OPTION_DURATION, "5s", 100, MINUTES(5),
	  .example = "5s" },
	{ "redis.command_timeout", OPTION_DURATION, "5s", 100, MINUTES(5),
	  .example = "5s" },
	/* 800ms: the least patient sender waits 1 s and then forgets the event */
	{ "redis.enqueue_timeout", OPTION_DURATION, "800ms", 50, MINUTES(1),
	  RELOADABLE, .example = "800ms" },

	/* --- queue --- */
	{ "queue.name", OPTION_TEXT, "sync", .example = "sync" },
	{ "queue.prefix", OPTION_TEXT, "bull", .example = "bull" },
	/* 3 runs, 2 s and 4 s apart: most errors of a web API are over by then */
	{ "queue.attempts", OPTION_INTEGER, "3", 1, 1000, RELOADABLE,
	  .example = "3" },
	{ "queue.backoff.type", OPTION_ENUM, "exponential", RELOADABLE,
	  .choices = "fixed exponential", .example = "exponential" },
	{ "queue.backoff.delay", OPTION_DURATION, "2s", 0, HOURS(24),
	  RELOADABLE, .example = "2s" },
	/* a day of successes is for looking at; 10000 of them are some 20 MB */
	{ "queue.keep_completed.age", OPTION_DURATION, "24h", 0, DAYS(3650),
	  RELOADABLE, .example = "24h" },
	{ "queue.keep_completed.count", OPTION_INTEGER, "10000", -1, COUNT_MAX,
	  RELOADABLE, .example = "10000" },
	/* two weeks: a failure of the holidays is still there afterwards */
	{ "queue.keep_failed.age", OPTION_DURATION, "14d", 0, DAYS(3650),
	  RELOADABLE, .example = "14d" },
	{ "queue.keep_failed.count", OPTION_INTEGER, "-1", -1, COUNT_MAX,
	  RELOADABLE, .example = "100000" },
	/* 10000: BullMQ's own; all programs of a queue should say the same */
	{ "queue.max_events", OPTION_INTEGER, "10000", 0, COUNT_MAX,
	  .example = "10000" },
	{ "queue.bullmq_level", OPTION_ENUM, "auto", .choices = "auto 5 6",
	  .example = "auto" },
	/* 0: none; a limit of one worker of a fleet would bind nobody else */
	{ "queue.limit.max", OPTION_INTEGER, "0", 0, COUNT_MAX, RELOADABLE,
	  .example = "10" },
	{ "queue.limit.duration", OPTION_DURATION, "1s", 1, HOURS(24),
	  RELOADABLE, .example = "1s" },
	/* at most two weeks of minutes: BullMQ's own longest */
	{ "queue.metrics", OPTION_INTEGER, "0", 0, 20160, RELOADABLE,
	  .example = "20160" },

	/* --- services --- */
	{ "services.*.url", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "https://crm.example.com/api/v1" },
	{ "services.*.bearer", OPTION_SECRET, NULL, RELOADABLE,
	  .example = "secret:crm-token" },
	{ "services.*.basic", OPTION_SECRET, NULL, RELOADABLE,
	  .example = "secret:crm-login" },
	/* 30s: the slowest answers of CRMs under load */
	{ "services.*.timeout", OPTION_DURATION, "30s", 100, MINUTES(10),
	  RELOADABLE, .example = "30s" },
	/* 10s: two lost SYNs and their repeats (1 s, 3 s), and TLS */
	{ "services.*.connect_timeout", OPTION_DURATION, "10s", 100, MINUTES(5),
	  RELOADABLE, .example = "10s" },
	/* 20: what common API limits (10 to 20 a second) bear */
	{ "services.*.concurrency", OPTION_INTEGER, "20", 1, BOUNDS_ACTIVE,
	  RELOADABLE, .example = "20" },
	/* 20: twenty objects gone in a row is a wrong URL, not a busy day */
	{ "services.*.gone_limit", OPTION_INTEGER, "20", 1, 1000000, RELOADABLE,
	  .example = "20" },
	/* 4MiB: an object of a CRM has some KiB */
	{ "services.*.max_body", OPTION_SIZE, "4MiB", 1, BOUNDS_HTTP_BODY_BYTES,
	  RELOADABLE, .example = "4MiB" },

	/* --- endpoints --- */
	{ "endpoints.*.path", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "/webhooks/identity" },
	{ "endpoints.*.job", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "crm-identity-webhook" },
	{ "endpoints.*.queue", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "sync" },
	{ "endpoints.*.data.*", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "/identityId" },
	{ "endpoints.*.verify.scheme", OPTION_ENUM, NULL, RELOADABLE,
	  .choices = "none token github standard-webhooks",
	  .example = "standard-webhooks" },
	{ "endpoints.*.verify.secrets", OPTION_SECRETS, NULL, RELOADABLE,
	  .example = "secret:crm-webhook" },
	{ "endpoints.*.verify.header", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "X-Webhook-Token" },
	/* 5m: the custom of the senders' libraries */
	{ "endpoints.*.verify.tolerance", OPTION_DURATION, "5m", SECONDS(1),
	  HOURS(24), RELOADABLE, .example = "5m" },
	{ "endpoints.*.verify.tolerance_past", OPTION_DURATION, NULL,
	  SECONDS(1), DAYS(7), RELOADABLE, .example = "15m" },
	{ "endpoints.*.verify.tolerance_future", OPTION_DURATION, NULL,
	  SECONDS(1), DAYS(7), RELOADABLE, .example = "1m" },
	{ "endpoints.*.delivery_header", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "X-Delivery-Id" },
	{ "endpoints.*.max_body", OPTION_SIZE, NULL, 1, BOUNDS_BODY_BYTES,
	  RELOADABLE, .example = "1MiB" },

	/* --- routes --- */
	{ "routes.*.job", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "crm-identity-webhook" },
	{ "routes.*.fetch.service", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "crm" },
	{ "routes.*.fetch.method", OPTION_ENUM, "GET", RELOADABLE,
	  .choices = "GET POST", .example = "GET" },
	{ "routes.*.fetch.path", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "/identities/{identityId}" },
	{ "routes.*.map", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "{ name: .source.fullName }" },
	{ "routes.*.map_file", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "maps/identity.jq" },
	{ "routes.*.push.service", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "erp" },
	/* PUT with the source's id is an upsert: twice does no harm */
	{ "routes.*.push.method", OPTION_ENUM, "PUT", RELOADABLE,
	  .choices = "PUT POST PATCH DELETE", .example = "PUT" },
	{ "routes.*.push.path", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "/customers/{identityId}" },
	{ "routes.*.gone.service", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "erp" },
	{ "routes.*.gone.method", OPTION_ENUM, "DELETE", RELOADABLE,
	  .choices = "DELETE PUT POST PATCH", .example = "DELETE" },
	{ "routes.*.gone.path", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "/customers/{identityId}" },

	/* --- responder --- */
	{ "responder.listen", OPTION_TEXT, NULL,
	  .example = "unix:/run/hooksync/fcgi.sock" },
	{ "responder.public_url", OPTION_TEXT, NULL, RELOADABLE,
	  .example = "https://hooks.example.com" },
	/* 1MiB: nginx's own default; webhooks are some KiB */
	{ "responder.max_body", OPTION_SIZE, "1MiB", 1, BOUNDS_BODY_BYTES,
	  RELOADABLE, .example = "1MiB" },
	/* 10s: a web server that buffers hands a request over at once */
	{ "responder.request_timeout", OPTION_DURATION, "10s", 100, MINUTES(5),
	  RELOADABLE, .example = "10s" },
	/* 10s: a restart of Redis */
	{ "responder.retry_after", OPTION_DURATION, "10s", SECONDS(1),
	  HOURS(24), RELOADABLE, .example = "10s" },

	/* --- worker --- */
	{ "worker.concurrency", OPTION_INTEGER, "100", 1, BOUNDS_ACTIVE,
	  RELOADABLE, .example = "100" },
	{ "worker.stats_interval", OPTION_DURATION, "60s", 0, HOURS(24),
	  RELOADABLE, .example = "60s" },
	/* 30s, 30s, 1, 5s: BullMQ's own, so that a Node worker beside agrees */
	{ "worker.lock_duration", OPTION_DURATION, "30s", SECONDS(1), HOURS(1),
	  RELOADABLE, .example = "30s" },
	{ "worker.stalled_interval", OPTION_DURATION, "30s", 100, HOURS(1),
	  RELOADABLE, .example = "30s" },
	{ "worker.max_stalled_count", OPTION_INTEGER, "1", 0, 1000, RELOADABLE,
	  .example = "1" },
	{ "worker.drain_delay", OPTION_DURATION, "5s", 100, MINUTES(1),
	  RELOADABLE, .example = "5s" },
	/* 30s: one request's whole timeout; systemd kills after 90 s */
	{ "worker.shutdown_grace", OPTION_DURATION, "30s", 0, MINUTES(10),
	  RELOADABLE, .example = "30s" },
	{ "worker.force_pro", OPTION_BOOL, "false", RELOADABLE,
	  .example = "false" },
	{ "worker.name", OPTION_TEXT, NULL, .example = "hooksync-eu-1" },
	{ "worker.queues", OPTION_TEXTS, NULL, .example = "sync" },

	/* --- log --- */
	{ "log.level", OPTION_ENUM, "info", RELOADABLE,
	  .choices = "debug info notice warn error", .example = "info" },
};
/* clang-format on */
const size_t option_table_len = sizeof(option_table) / sizeof(option_table[0]);

static size_t
part_len(const char *name)
{
	return strcspn(name, ".");
}

/* Goes through both, part by part; *rest is what is left of the pattern when
 * the name has ended. False where they differ or the pattern ends first. */
static bool
fits_so_far(const char *pattern, const char *name, const char **rest)
{
	for (;;) {
		size_t p = part_len(pattern);
		size_t n = part_len(name);
		bool is_any = p == 1 && pattern[0] == '*' && n > 0;
		if (!is_any && (p != n || memcmp(pattern, name, p) != 0))
			return false;
		pattern += p;
		name += n;
		if (!*name) {
			*rest = pattern;
			return true;
		}
		if (!*pattern)
			return false;
		pattern++;
		name++;
	}
}

bool
option_name_fits(const char *pattern, const char *name)
{
	const char *rest;
	return fits_so_far(pattern, name, &rest) && !*rest;
}

const struct option *
option_find(const char *name)
{
	for (size_t i = 0; i < option_table_len; i++)
		if (option_name_fits(option_table[i].name, name))
			return &option_table[i];
	return NULL;
}

bool
option_is_group(const char *name)
{
	const char *rest;
	for (size_t i = 0; i < option_table_len; i++)
		if (fits_so_far(option_table[i].name, name, &rest) && *rest)
			return true;
	return false;
}

bool
option_is_for(const char *name, enum conf_role role)
{
	/* a responder takes queue.name over with the endpoints it stands for */
	static const char *const not_responder[] = {
		"worker.",     "services.",
		"routes.",     "queue.limit.",
		"queue.keep_", "queue.metrics",
		"queue.name",  "redis.command_timeout",
	};
	static const char *const not_worker[] = { "responder.", "endpoints.",
						  "redis.enqueue_timeout" };
	const char *const *list = NULL;
	size_t n = 0;
	if (role == CONF_ROLE_RESPONDER) {
		list = not_responder;
		n = sizeof(not_responder) / sizeof(not_responder[0]);
	} else if (role == CONF_ROLE_WORKER) {
		list = not_worker;
		n = sizeof(not_worker) / sizeof(not_worker[0]);
	}
	for (size_t i = 0; i < n; i++)
		if (strncmp(name, list[i], strlen(list[i])) == 0)
			return false;
	return true;
}

char *
option_env_name(const struct option *option)
{
	if (strchr(option->name, '*'))
		return NULL;
	if (option->env)
		return xstrdup(option->env);
	char *name = xasprintf("HOOKSYNC_%s", option->name);
	for (char *c = name; *c; c++)
		*c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
	return name;
}

/* The words that may stand where the last part of `name` stands are offered;
 * best is a copy, for the words are cut out of the table. */
static char *
nearest_sibling(const char *name, size_t parent_len)
{
	char *parent = xstrndup(name, parent_len);
	struct nearest nearest = { .word = name + parent_len +
					   (parent_len > 0) };
	char *best = NULL;

	for (size_t i = 0; i < option_table_len; i++) {
		const char *rest = option_table[i].name;
		if (parent_len > 0) {
			if (!fits_so_far(option_table[i].name, parent, &rest) ||
			    !*rest)
				continue;
			rest++;
		}
		char *word = xstrndup(rest, part_len(rest));
		const char *before = nearest.best;
		if (strcmp(word, "*") != 0)
			nearest_offer(&nearest, word);
		if (nearest.best != before) {
			free(best);
			best = word;
		} else {
			free(word);
		}
	}
	char *full = NULL;
	if (best)
		full = parent_len > 0 ? xasprintf("%s.%s", parent, best)
				      : xstrdup(best);
	free(best);
	free(parent);
	return full;
}

char *
option_suggest(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t parent_len = dot ? (size_t)(dot - name) : 0;
	char *found = nearest_sibling(name, parent_len);
	if (found)
		return found;

	/* the right word in the wrong place: "concurrency" at the top; an
	 * option that there is once is meant rather than one of many */
	const char *last = dot ? dot + 1 : name;
	const char *meant = NULL;
	for (size_t i = 0; i < option_table_len; i++) {
		const char *option = option_table[i].name;
		const char *option_dot = strrchr(option, '.');
		if (!option_dot || strcmp(option_dot + 1, last) != 0)
			continue;
		if (!meant || (strchr(meant, '*') && !strchr(option, '*')))
			meant = option;
	}
	return meant ? xstrdup(meant) : NULL;
}
