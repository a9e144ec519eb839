/*
 * conf: the configuration, as one immutable tree of values.
 *
 * Built-in defaults < /etc/hooksync/hooksync.conf < conf.d/ *.conf beside it, in
 * C order, merged key by key < environment < flags. conf_load() reads all of
 * it, checks all of it, and returns either a whole configuration or a list of
 * findings, each with file, line, the setting and what to write instead. The
 * only file on libconfig. What a value means is the business of the room that
 * uses it; conf knows types, units and what refers to what.
 *
 * A configuration is counted by references: work under way keeps the one it
 * began with. Thread: the loop's, reading is free everywhere.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "conf/endpoint.h"
#include "conf/route.h"
#include "conf/secret.h"

#define CONF_DEFAULT_PATH SYSCONFDIR "/hooksync/hooksync.conf"

struct conf_redis {
	/* where: a Unix socket, or host and port */
	char *unix_path; /* NULL for TCP */
	char *host;
	int64_t port;
	char *username; /* NULL: none */
	const struct secret *
		password; /* NULL: none; from the URL, REDIS_PASSWORD or redis.password */
	int64_t db;
	int64_t connect_timeout_ms; /* 5s: connect and log in */
	int64_t command_timeout_ms; /* 5s: a worker's or the command's call */
	int64_t enqueue_timeout_ms; /* 800ms: the responder's; senders wait 1 s at least */
};

struct conf_keep {     /* retention of finished jobs, as BullMQ's keepJobs */
	int64_t count; /* -1: no limit by count; 0: remove at once */
	int64_t age_s; /* 0: no limit by age */
};

enum conf_backoff_type {
	CONF_BACKOFF_FIXED,
	CONF_BACKOFF_EXPONENTIAL,
};

struct conf_queue {
	char *name;   /* "sync" */
	char *prefix; /* "bull" */
	int64_t attempts;
	enum conf_backoff_type backoff_type;
	int64_t backoff_delay_ms;
	struct conf_keep keep_completed;
	struct conf_keep keep_failed;
	int64_t max_events; /* 10000: BullMQ's own default for the events stream */
	int64_t bullmq_level; /* 0: auto, 5, 6 (queue/queue.h) */
	int64_t limit_max;    /* jobs of this worker in limit_ms; 0: no limit */
	int64_t limit_ms;
	int64_t metrics_points; /* 0: finished jobs are not counted */
};

struct conf_service {
	char *name;
	char *url; /* base, http(s), no trailing slash, no query, no userinfo */
	const struct secret *bearer; /* at most one of the two */
	const struct secret *basic;  /* "user:password" */
	int64_t timeout_ms;          /* one request, whole */
	int64_t connect_timeout_ms;
	int64_t concurrency;    /* requests at once, per worker */
	int64_t gone_limit;     /* 20: 404s in a row that close the gate */
	int64_t max_body_bytes; /* of a fetched object */
};

struct conf_responder {
	char *listen; /* "unix:PATH" or "HOST:PORT"; NULL: inherited socket */
	char *public_url;           /* NULL; for `hooksync send` */
	int64_t max_body_bytes;     /* default of endpoints */
	int64_t request_timeout_ms; /* a request must be whole by then */
	int64_t retry_after_s;      /* in 503 answers */
};

struct conf_worker {
	int64_t concurrency;
	int64_t stats_interval_ms;   /* 0: no statistics line */
	int64_t lock_duration_ms;    /* 30s: BullMQ's default */
	int64_t stalled_interval_ms; /* 30s */
	int64_t max_stalled_count;   /* 1 */
	int64_t drain_delay_ms;      /* 5s: longest wait on the marker */
	int64_t shutdown_grace_ms;   /* work under way may end within */
	bool force_pro; /* also queues of BullMQ's closed edition */
	char *name;     /* NULL: hooksync-<host>-<pid> */
	char **queues;  /* to work on; NULL-terminated, never empty */
};

struct conf {
	char *path; /* of the main file */
	struct conf_redis redis;
	struct conf_queue queue;
	struct conf_responder responder;
	struct conf_worker worker;
	char *log_level;
	struct conf_service *
		*services; /* NULL-terminated lists, in file order */
	struct endpoint **endpoints;
	struct route **routes;
};

/* Whose secrets are needed: a responder must not fail for want of a service's
 * token, nor a worker for want of a webhook's secret. What is not needed is
 * looked up by name only and left without value. */
enum conf_role {
	CONF_ROLE_RESPONDER, /* redis, endpoints */
	CONF_ROLE_WORKER,    /* redis, services, routes */
	CONF_ROLE_COMMAND,   /* redis; others are loaded where readable */
	CONF_ROLE_CHECK,     /* all; each missing one is a finding */
};

struct conf_flag {          /* "-o worker.concurrency=5" of a command line */
	const char *option; /* name as in the table */
	const char *value;
};

struct conf_source {
	const char *path; /* main file; NULL: CONF_DEFAULT_PATH */
	enum conf_role role;
	const struct conf_flag *flags;
	size_t n_flags;
	const char *(*env)(const char *name); /* NULL: getenv */
};

enum conf_severity { CONF_WARNING, CONF_ERROR };
typedef void (*conf_finding_fn)(void *ctx, enum conf_severity severity,
				const char *text);

/* HS_OK and a configuration with one reference, or HS_INVALID / HS_IO after at
 * least one CONF_ERROR was told to fn ("FILE:LINE: worker.concurrency: ...").
 * Warnings may come either way. */
enum hs_err conf_load(const struct conf_source *source, conf_finding_fn fn,
		      void *ctx, struct conf **out) HS_MUST_CHECK;
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf *conf);

/* NULL when there is no such thing. Borrowed from conf. */
const struct conf_service *conf_service_find(const struct conf *conf,
					     const char *name);
const struct endpoint *conf_endpoint_find(const struct conf *conf,
					  const char *name);
const struct route *conf_route_find_job(const struct conf *conf,
					struct span job_name);

/* Each effective value, in the table's order: name ("endpoints.identity.path"),
 * value as the file would say it (secrets as their name, never their value),
 * origin ("default", "FILE:LINE", "environment REDIS_HOST", "flag"), and
 * whether SIGHUP can change it. What has no value is left out. For
 * `hooksync config`. */
typedef void (*conf_value_fn)(void *ctx, const char *name, const char *value,
			      const char *origin, bool is_reloadable);
void conf_each(const struct conf *conf, conf_value_fn fn, void *ctx);
/* After a reload: the values that differ from those of the running
 * configuration but need a restart, a text without quotes; an empty value: it
 * has none any more. Only such as the running one's role reads. */
void conf_each_fixed_change(const struct conf *running,
			    const struct conf *fresh, conf_value_fn fn,
			    void *ctx);

/* After a reload: each secret that is systemd's credential and whose file was
 * changed since (wall time), as far as we may look: a credential is what it was
 * when the unit started. */
typedef void (*conf_secret_fn)(void *ctx, const struct secret *secret,
			       const char *path);
void conf_each_stale_secret(const struct conf *conf, int64_t since_at_ms,
			    conf_secret_fn fn, void *ctx);

#endif
