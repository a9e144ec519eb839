/*
 * keys: the names of one queue's keys.
 *
 * All suffixes are joined to the base once, when the queue is made: a script
 * call then only borrows them. What may be a job's id is decided here too,
 * because BullMQ keeps jobs and its own keys in one name space: a job called
 * `marker` would replace the marker and stop the queue for good.
 */
#include "queue/keys.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/codec.h"

/* The order is that of the scripts' KEYS (lua/include/queue.lua). */
static const char *const suffixes[KEYS_N] = {
	"wait",   "active",    "prioritized", "delayed",
	"paused", "completed", "failed",      "waiting-children",
	"meta",   "events",    "marker",      "pc",
	"id",     "limiter",   "stalled",     "stalled-check",
	"repeat",
};

/* Not among the keys of scripts, yet no ids: old majors' and other tables'. */
static const char *const reserved[] = { "de",      "dn",    "priority",
					"metrics", "added", "delay" };

struct keys {
	char *queue;
	char *base;
	char *names[KEYS_N];
};

static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e)
			return false;
	}
	return true;
}

static bool
has_byte(struct span text, unsigned char byte)
{
	return text.len > 0 && memchr(text.ptr, byte, text.len);
}

static bool
is_only_digits(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	}
	return true;
}

struct keys *
keys_new(const char *prefix, const char *queue)
{
	struct keys *keys = xcalloc(1, sizeof(*keys));
	keys->queue = xstrdup(queue);
	keys->base = xasprintf("%s:%s", prefix, queue);
	for (size_t i = 0; i < KEYS_N; i++)
		keys->names[i] = xasprintf("%s:%s", keys->base, suffixes[i]);
	return keys;
}

void
keys_free(struct keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < KEYS_N; i++)
		free(keys->names[i]);
	free(keys->base);
	free(keys->queue);
	free(keys);
}

const char *
keys_queue(const struct keys *keys)
{
	return keys->queue;
}

const char *
keys_base(const struct keys *keys)
{
	return keys->base;
}

const char *
keys_of(const struct keys *keys, const char *suffix)
{
	for (size_t i = 0; i < KEYS_N; i++) {
		if (strcmp(suffixes[i], suffix) == 0)
			return keys->names[i];
	}
	return NULL;
}

const char *
keys_at(const struct keys *keys, size_t index)
{
	return index < KEYS_N ? keys->names[index] : NULL;
}

bool
keys_job_id_is_valid(struct span id)
{
	if (id.len == 0 || id.len > BOUNDS_JOB_ID_BYTES || !is_printable(id) ||
	    has_byte(id, ':') || is_only_digits(id))
		return false;
	for (size_t i = 0; i < KEYS_N; i++) {
		if (span_is(id, suffixes[i]))
			return false;
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (span_is(id, reserved[i]))
			return false;
	}
	return true;
}

bool
keys_queue_name_is_valid(struct span name)
{
	return name.len > 0 && name.len <= BOUNDS_NAME_BYTES &&
	       is_printable(name) && !has_byte(name, ':');
}

enum hs_err
keys_worker_client_name(const struct keys *keys, const char *worker,
			struct buf *out)
{
	/* base is "<prefix>:<queue>"; the prefix may hold ':' itself */
	size_t prefix_len = strlen(keys->base) - strlen(keys->queue) - 1;
	enum hs_err err = buf_add(out, keys->base, prefix_len);
	if (err == HS_OK)
		err = buf_add_text(out, ":");
	if (err == HS_OK)
		err = codec_base64_encode(span_text(keys->queue), out);
	if (err == HS_OK && worker && worker[0] != '\0')
		err = buf_addf(out, ":w:%s", worker);
	return err;
}
