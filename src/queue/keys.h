/*
 * keys: the names of one queue's keys, and what may be a name or an id.
 */
#ifndef QUEUE_KEYS_H
#define QUEUE_KEYS_H

#include "base/buf.h"

struct keys; /* the queue's base and all its suffixed keys */

struct keys *keys_new(const char *prefix, const char *queue);
void keys_free(struct keys *keys);
const char *keys_queue(const struct keys *keys);
const char *keys_base(const struct keys *keys); /* "bull:sync" */
/* "bull:sync:wait"; suffix must be one of BullMQ's. Borrowed. */
const char *keys_of(const struct keys *keys, const char *suffix);
/* The static keys in the order in which every script of this floor gets them:
 * index below KEYS_N. Borrowed. */
#define KEYS_N 17
const char *keys_at(const struct keys *keys, size_t index);

/* May a producer use it as a job id (no ':', not only digits, none of the
 * queue's own suffixes, printable ASCII, at most BOUNDS_JOB_ID_BYTES)? */
bool keys_job_id_is_valid(struct span id);
bool keys_queue_name_is_valid(struct span name);

/* The connection name under which getWorkers() finds a worker:
 * "bull:<base64 of queue>:w:<worker name>". Appended. */
enum hs_err keys_worker_client_name(const struct keys *keys, const char *worker,
				    struct buf *out) HS_MUST_CHECK;

#endif
