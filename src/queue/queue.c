/*
 * queue: a name, a connection and the limits of each call. What is in the
 * queue lives in Redis alone; nothing is cached here.
 */
#include "queue/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "queue/scripts.h"

/* What BullMQ's own producers write; the level this floor is tested against. */
#define COMPAT_VERSION "bullmq:6.7.0"

const struct script *const queue_add_scripts[] = {
	&queue_script_add,
	NULL,
};

const struct script *const queue_work_scripts[] = {
	&queue_script_count,    &queue_script_extend,
	&queue_script_finish,   &queue_script_schedule_advance,
	&queue_script_settings, &queue_script_stalled,
	&queue_script_take,     NULL,
};

const struct script *const queue_command_scripts[] = {
	&queue_script_amend_delay,   &queue_script_amend_priority,
	&queue_script_clean,         &queue_script_count,
	&queue_script_doctor_page,   &queue_script_doctor_repair,
	&queue_script_doctor_verify, &queue_script_doctor_vitals,
	&queue_script_drain,         &queue_script_get,
	&queue_script_limit_ttl,     &queue_script_metrics,
	&queue_script_obliterate,    &queue_script_page,
	&queue_script_pause,         &queue_script_promote,
	&queue_script_read_log,      &queue_script_remove,
	&queue_script_resume,        &queue_script_retry,
	&queue_script_schedule_list, &queue_script_schedule_remove,
	&queue_script_settings,      NULL,
};

static void
on_announced(void *ctx, enum hs_err err, const struct reply *reply)
{
	/* advice to dashboards; whoever finds it missing writes it too */
	(void)ctx;
	(void)err;
	(void)reply;
}

static void
announce(struct queue *queue, const char *field, const char *value)
{
	enum hs_err err = rconn_send_texts(
		queue->conn, queue->timeout_ms, on_announced, NULL, "HSETNX",
		keys_of(queue->keys, "meta"), field, value, NULL);
	(void)err; /* refused: the connection is down, the next one announces */
}

struct queue *
queue_new(struct rconn *conn, const char *prefix, const char *name,
	  int64_t timeout_ms, int64_t max_events)
{
	struct queue *queue = xcalloc(1, sizeof(*queue));
	queue->keys = keys_new(prefix, name);
	queue->conn = conn;
	queue->timeout_ms = timeout_ms;
	queue->max_events = max_events;
	return queue;
}

void
queue_free(struct queue *queue)
{
	if (!queue)
		return;
	keys_free(queue->keys);
	free(queue);
}

void
queue_announce(struct queue *queue)
{
	char max_events[24];
	snprintf(max_events, sizeof(max_events), "%" PRId64, queue->max_events);
	announce(queue, "opts.maxLenEvents", max_events);
	announce(queue, "version", COMPAT_VERSION);
}
