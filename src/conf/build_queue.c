/*
 * build_queue: the queue's rules, and the two programs around it.
 */
#include "conf/build.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/num.h"

#include "conf/url.h"

enum {
	/* sun_path without its NUL, and ".4194304": it is made under a name
	 * with the pid */
	SOCKET_PATH_BYTES = 107 - 8,
	STATS_LEAST_MS = 1000,
};

static int64_t
whole_seconds(int64_t ms)
{
	return ms / 1000 + (ms % 1000 > 0);
}

static void
take_keep(struct build *build, const char *group, struct conf_keep *keep)
{
	keep->age_s = whole_seconds(build_number(build, group, "age"));
	keep->count = build_number(build, group, "count");
	if (keep->age_s == 0 && keep->count < 0)
		build_warn(build, group, NULL,
			   "no limit by age and none by count: finished jobs "
			   "stay in Redis for ever");
}

void
build_queue(struct build *build)
{
	static const int levels[] = { 0, 5, 6 }; /* of the table's choices */
	struct conf_queue *queue = &build->conf->queue;
	queue->name = build_text(build, "queue", "name");
	queue->prefix = build_text(build, "queue", "prefix");
	queue->attempts = build_number(build, "queue", "attempts");
	queue->backoff_type = build_number(build, "queue.backoff", "type") == 0
				      ? CONF_BACKOFF_FIXED
				      : CONF_BACKOFF_EXPONENTIAL;
	queue->backoff_delay_ms = build_number(build, "queue.backoff", "delay");
	queue->max_events = build_number(build, "queue", "max_events");
	queue->bullmq_level =
		levels[build_number(build, "queue", "bullmq_level")];
	queue->limit_max = build_number(build, "queue.limit", "max");
	queue->limit_ms = build_number(build, "queue.limit", "duration");
	queue->metrics_points = build_number(build, "queue", "metrics");
	take_keep(build, "queue.keep_completed", &queue->keep_completed);
	take_keep(build, "queue.keep_failed", &queue->keep_failed);

	build_check_queue_name(build, "queue", "name", queue->name);
	size_t len = strlen(queue->prefix);
	if (queue->prefix[0] == ':' || queue->prefix[len - 1] == ':')
		build_error(build, "queue", "prefix",
			    "a ':' is put behind it by itself: write for "
			    "example \"bull\"");
	else
		build_check_name(build, "queue", "prefix", queue->prefix);
}

/* "unix:PATH" or "HOST:PORT" */
static const char *
listen_fault(const char *listen)
{
	static const char unix_prefix[] = "unix:";
	size_t prefix_len = sizeof(unix_prefix) - 1;
	if (strncmp(listen, unix_prefix, prefix_len) == 0) {
		const char *path = listen + prefix_len;
		if (path[0] != '/')
			return "after \"unix:\" comes a path from the root";
		if (strlen(path) > SOCKET_PATH_BYTES)
			return "a socket's path has at most 99 bytes";
		return NULL;
	}
	const char *colon = strrchr(listen, ':');
	uint64_t port;
	if (!colon || num_u64(span_text(colon + 1), 65535, &port) != HS_OK ||
	    port == 0)
		return "write \"unix:PATH\" or \"HOST:PORT\"";
	struct span host = span_of(listen, (size_t)(colon - listen));
	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = span_of(host.ptr + 1, host.len - 2);
	else if (host.len > 0 && memchr(host.ptr, ':', host.len))
		return "an IPv6 address stands in brackets: \"[::1]:9000\"";
	if (!url_host_is_valid(host))
		return "write \"unix:PATH\" or \"HOST:PORT\"";
	return NULL;
}

void
build_responder(struct build *build)
{
	struct conf_responder *responder = &build->conf->responder;
	const char *why = NULL;
	responder->listen = build_text(build, "responder", "listen");
	responder->public_url = build_text(build, "responder", "public_url");
	responder->max_body_bytes =
		build_number(build, "responder", "max_body");
	responder->request_timeout_ms =
		build_number(build, "responder", "request_timeout");
	responder->retry_after_s =
		whole_seconds(build_number(build, "responder", "retry_after"));

	if (responder->listen && (why = listen_fault(responder->listen)))
		build_error(build, "responder", "listen", "%s", why);
	if (!responder->public_url)
		return;
	if (url_base_check(span_text(responder->public_url), &why) != HS_OK)
		build_error(build, "responder", "public_url", "%s", why);
	size_t len = strlen(responder->public_url);
	while (len > 0 && responder->public_url[len - 1] == '/')
		responder->public_url[--len] = '\0';
}

/* ---- the worker ---- */

static bool
has_queue(char *const *queues, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(queues[i], name) == 0)
			return true;
	return false;
}

static void
add_queue(struct conf_worker *worker, size_t *n, const char *name)
{
	if (has_queue(worker->queues, *n, name))
		return;
	worker->queues = xreallocarray(worker->queues, *n + 2, sizeof(char *));
	worker->queues[(*n)++] = xstrdup(name);
	worker->queues[*n] = NULL;
}

static void
take_queues(struct build *build, const struct setting *said)
{
	struct conf_worker *worker = &build->conf->worker;
	size_t n = 0;
	for (size_t i = 0; said && i < said->n_texts; i++) {
		if (has_queue(worker->queues, n, said->texts[i]))
			build_error(build, "worker", "queues",
				    "names \"%s\" twice", said->texts[i]);
		build_check_queue_name(build, "worker", "queues",
				       said->texts[i]);
		add_queue(worker, &n, said->texts[i]);
	}
	if (said && n == 0)
		build_error(build, "worker", "queues",
			    "is empty: name a queue, or leave it out for the "
			    "queues of queue.name and of all endpoints");
	if (n > 0)
		return;
	add_queue(worker, &n, build->conf->queue.name);
	struct endpoint **endpoints = build->conf->endpoints;
	for (size_t i = 0; endpoints[i]; i++)
		if (endpoints[i]->queue)
			add_queue(worker, &n, endpoints[i]->queue);
	if (said)
		return;
	struct setting_value value = {
		.kind = SETTING_LIST,
		.texts = (const char *const *)worker->queues,
		.n_texts = n,
	};
	settings_put(build->settings, "worker.queues", &value, SETTING_DEFAULT,
		     "default", build->findings);
}

void
build_worker(struct build *build)
{
	struct conf_worker *worker = &build->conf->worker;
	worker->concurrency = build_number(build, "worker", "concurrency");
	worker->stats_interval_ms =
		build_number(build, "worker", "stats_interval");
	worker->lock_duration_ms =
		build_number(build, "worker", "lock_duration");
	worker->stalled_interval_ms =
		build_number(build, "worker", "stalled_interval");
	worker->max_stalled_count =
		build_number(build, "worker", "max_stalled_count");
	worker->drain_delay_ms = build_number(build, "worker", "drain_delay");
	worker->shutdown_grace_ms =
		build_number(build, "worker", "shutdown_grace");
	worker->force_pro = build_number(build, "worker", "force_pro") != 0;
	worker->name = build_text(build, "worker", "name");

	if (worker->stats_interval_ms > 0 &&
	    worker->stats_interval_ms < STATS_LEAST_MS)
		build_error(build, "worker", "stats_interval",
			    "must be \"0\" (no statistics) or at least 1s");
	if (worker->name)
		build_check_name(build, "worker", "name", worker->name);
	take_queues(build, build_get(build, "worker", "queues"));
	build->conf->log_level = build_text(build, "log", "level");
}
