/*
 * workers: the clients of Redis that carry a queue's name.
 *
 * Redis escapes nothing in its list: it refuses names with spaces instead. What
 * looks odd is passed over.
 */
#include "queue/workers.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/num.h"
#include "queue/call.h"

struct list_call {
	const struct queue *queue;
	workers_fn fn;
	void *ctx;
};

/* The value of "name=value " in a client's line; ptr NULL: it has none. */
static struct span
field_of(struct span line, const char *name)
{
	size_t name_len = strlen(name);

	while (line.len > 0) {
		const unsigned char *space = memchr(line.ptr, ' ', line.len);
		size_t len = space ? (size_t)(space - line.ptr) : line.len;
		if (len > name_len && line.ptr[name_len] == '=' &&
		    memcmp(line.ptr, name, name_len) == 0)
			return span_of(line.ptr + name_len + 1,
				       len - name_len - 1);
		len += space != NULL;
		line = span_of(line.ptr + len, line.len - len);
	}
	return (struct span){ 0 };
}

static int64_t
seconds_of(struct span line, const char *name)
{
	int64_t value;
	struct span text = field_of(line, name);
	return text.ptr && num_i64(text, 0, INT64_MAX, &value) == HS_OK ? value
									: -1;
}

/* Is it the queue's name, or that and a worker's own behind it? */
static bool
name_matches(struct span name, struct span wanted, struct span *own)
{
	static const char mark[] = ":w:";
	const size_t mark_len = sizeof(mark) - 1;

	if (name.len < wanted.len ||
	    memcmp(name.ptr, wanted.ptr, wanted.len) != 0)
		return false;
	*own = span_of(name.ptr + wanted.len, name.len - wanted.len);
	if (own->len == 0)
		return true;
	if (own->len < mark_len || memcmp(own->ptr, mark, mark_len) != 0)
		return false;
	*own = span_of(own->ptr + mark_len, own->len - mark_len);
	return true;
}

static bool
read_worker(struct span line, struct span wanted, struct worker *worker)
{
	struct span name = field_of(line, "name");

	if (!name.ptr || !name_matches(name, wanted, &worker->name))
		return false;
	worker->addr = field_of(line, "addr");
	worker->age_s = seconds_of(line, "age");
	worker->idle_s = seconds_of(line, "idle");
	return true;
}

struct worker *
workers_parse(const struct keys *keys, struct span text, size_t *n)
{
	struct worker *workers = NULL;
	size_t n_alloc = 0;
	struct buf wanted;

	*n = 0;
	buf_init(&wanted, 4 * BOUNDS_FIELD_BYTES);
	if (keys_worker_client_name(keys, NULL, &wanted) != HS_OK)
		text.len = 0;
	while (text.len > 0) {
		const unsigned char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		struct span line = span_of(text.ptr, len);
		struct worker worker = { 0 };
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (read_worker(line, buf_span(&wanted), &worker)) {
			if (*n == n_alloc) {
				n_alloc = n_alloc > 0 ? 2 * n_alloc : 16;
				workers = xreallocarray(workers, n_alloc,
							sizeof(*workers));
			}
			workers[(*n)++] = worker;
		}
		len += end != NULL;
		text = span_of(text.ptr + len, text.len - len);
	}
	buf_fini(&wanted);
	return workers;
}

static void
on_listed(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct list_call *list = ctx;
	struct worker *workers = NULL;
	size_t n = 0;
	const char *text;

	err = call_check(err, reply, REPLY_TEXT, &text);
	if (err == HS_OK)
		workers = workers_parse(list->queue->keys, reply->text, &n);
	list->fn(list->ctx, err, text, workers, n);
	free(workers);
	free(list);
}

enum hs_err
workers_list(struct queue *queue, workers_fn fn, void *ctx)
{
	struct list_call *list = xcalloc(1, sizeof(*list));

	*list = (struct list_call){ queue, fn, ctx };
	enum hs_err err =
		rconn_send_texts(queue->conn, queue->timeout_ms, on_listed,
				 list, "CLIENT", "LIST", NULL);
	if (err != HS_OK)
		free(list);
	return err;
}
