/*
 * Replies are built by hiredis's reader through our own constructors, so that
 * what the rest of the house sees is struct reply and nothing of hiredis.
 *
 * A node holds its text behind itself (one allocation). An array grows as its
 * items arrive and not by the announced count: "*1000000" costs eleven bytes
 * to send and must not cost eight megabytes to receive. All memory of a tree is
 * charged against BOUNDS_REPLY_BYTES; a constructor that says no becomes an
 * error of the reader, and errors of the reader are final.
 *
 * hiredis 0.14 knows RESP2 only and nests eight deep. 1.x also parses RESP3 and
 * nests without end: what we never asked for is refused by its type, depth is
 * counted here for both.
 *
 * Known limit: a status or error line without an end is searched again with
 * each feed until BOUNDS_REPLY_BYTES stop it.
 */
#include "redis/resp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/bounds.h"
#include "base/num.h"

#define FIRST_ITEMS 16 /* most of our arrays are shorter */

/* hiredis 1.0 counts array items as size_t, and has new kinds of replies */
#if HIREDIS_MAJOR >= 1
typedef size_t item_count;
#else
typedef int item_count;
#endif

struct node { /* a reply and what only this file needs to know */
	struct reply reply;
	size_t cap;
	char text[];
};

struct resp_reader {
	redisReader *hiredis;
	size_t charged_bytes; /* memory of the tree being built */
	bool is_broken;
	char why[160];
};

/* ---- building the tree ---- */

static bool
charge(const redisReadTask *task, size_t bytes)
{
	struct resp_reader *reader = task->privdata;

	if (bytes > BOUNDS_REPLY_BYTES ||
	    reader->charged_bytes > BOUNDS_REPLY_BYTES - bytes)
		return false;
	reader->charged_bytes += bytes;
	return true;
}

static bool
add_item(const redisReadTask *task, struct node *parent, struct node *child)
{
	if (parent->reply.n_items == parent->cap) {
		size_t announced = (size_t)task->parent->elements;
		size_t cap = parent->cap == 0 ? FIRST_ITEMS : parent->cap * 2;
		if (cap > announced)
			cap = announced;
		if (!charge(task, (cap - parent->cap) * sizeof(void *)))
			return false;
		struct reply **items = realloc(parent->reply.items,
					       cap * sizeof(struct reply *));
		if (items == NULL)
			return false;
		parent->reply.items = items;
		parent->cap = cap;
	}
	parent->reply.items[parent->reply.n_items++] = &child->reply;
	return true;
}

static void *
new_node(const redisReadTask *task, enum reply_type type, const char *text,
	 size_t len)
{
	if (len > BOUNDS_REPLY_BYTES)
		return NULL;
	size_t size = sizeof(struct node) + len + 1;
	if (!charge(task, size))
		return NULL;
	struct node *node = malloc(size);
	if (node == NULL)
		return NULL;
	*node = (struct node){ .reply = { .type = type } };
	if (len > 0)
		memcpy(node->text, text, len);
	node->text[len] = '\0';
	node->reply.text = span_of(node->text, len);
	if (task->parent != NULL && !add_item(task, task->parent->obj, node)) {
		free(node);
		return NULL;
	}
	return node;
}

static void *
on_string(const redisReadTask *task, char *text, size_t len)
{
	switch (task->type) {
	case REDIS_REPLY_STRING:
		return new_node(task, REPLY_TEXT, text, len);
	case REDIS_REPLY_STATUS:
		return new_node(task, REPLY_STATUS, text, len);
	case REDIS_REPLY_ERROR:
		return new_node(task, REPLY_ERROR, text, len);
	default:
		return NULL; /* RESP3 */
	}
}

static void *
on_array(const redisReadTask *task, item_count n_items)
{
	int depth = 1;

	(void)n_items; /* task->elements says it for each child */
	if (task->type != REDIS_REPLY_ARRAY)
		return NULL; /* RESP3 */
	for (const redisReadTask *up = task->parent; up != NULL;
	     up = up->parent)
		depth++;
	if (depth > BOUNDS_REPLY_DEPTH)
		return NULL;
	return new_node(task, REPLY_ARRAY, NULL, 0);
}

static void *
on_integer(const redisReadTask *task, long long value)
{
	struct node *node = new_node(task, REPLY_INTEGER, NULL, 0);

	if (node != NULL)
		node->reply.integer = value;
	return node;
}

static void *
on_nil(const redisReadTask *task)
{
	return new_node(task, REPLY_NIL, NULL, 0);
}

static void
on_free(void *reply)
{
	reply_free(reply);
}

#if HIREDIS_MAJOR >= 1
static void *
on_double(const redisReadTask *task, double value, char *text, size_t len)
{
	(void)task;
	(void)value;
	(void)text;
	(void)len;
	return NULL; /* RESP3 */
}

static void *
on_bool(const redisReadTask *task, int value)
{
	(void)task;
	(void)value;
	return NULL; /* RESP3 */
}
#endif

static redisReplyObjectFunctions constructors = {
	.createString = on_string,
	.createArray = on_array,
	.createInteger = on_integer,
	.createNil = on_nil,
	.freeObject = on_free,
#if HIREDIS_MAJOR >= 1
	.createDouble = on_double,
	.createBool = on_bool,
#endif
};

static enum hs_err
broken(struct resp_reader *reader, const char *why)
{
	if (!reader->is_broken) {
		snprintf(reader->why, sizeof(reader->why), "%s", why);
		reader->is_broken = true;
	}
	return HS_PROTOCOL;
}

/* ---- formatting ---- */

static size_t
n_digits(size_t value)
{
	size_t n = 1;

	for (; value >= 10; value /= 10)
		n++;
	return n;
}

/* "*12\r\n" or "$12\r\n" */
static unsigned char *
put_count(unsigned char *out, char kind, size_t value)
{
	size_t n = n_digits(value);

	*out = (unsigned char)kind;
	for (size_t i = n; i > 0; i--, value /= 10)
		out[i] = (unsigned char)('0' + value % 10);
	out[n + 1] = '\r';
	out[n + 2] = '\n';
	return out + n + 3;
}

static bool
add_size(size_t *total, const struct span *args, size_t n_args)
{
	for (size_t i = 0; i < n_args; i++) {
		size_t more = n_digits(args[i].len) + 5;
		if (args[i].len > SIZE_MAX - more ||
		    *total > SIZE_MAX - more - args[i].len)
			return false;
		*total += more + args[i].len;
	}
	return true;
}

static unsigned char *
put_args(unsigned char *out, const struct span *args, size_t n_args)
{
	for (size_t i = 0; i < n_args; i++) {
		out = put_count(out, '$', args[i].len);
		if (args[i].len > 0)
			memcpy(out, args[i].ptr, args[i].len);
		out += args[i].len;
		*out++ = '\r';
		*out++ = '\n';
	}
	return out;
}

/* ---- public ---- */

bool
reply_is_error(const struct reply *reply, const char *code)
{
	size_t len = strlen(code);

	if (reply == NULL || reply->type != REPLY_ERROR ||
	    reply->text.len < len || memcmp(reply->text.ptr, code, len) != 0)
		return false;
	return reply->text.len == len || reply->text.ptr[len] == ' ';
}

enum hs_err
reply_i64(const struct reply *reply, int64_t *out)
{
	if (reply != NULL && reply->type == REPLY_INTEGER) {
		*out = reply->integer;
		return HS_OK;
	}
	if (reply == NULL || reply->type != REPLY_TEXT)
		return HS_INVALID;
	return num_i64(reply->text, INT64_MIN, INT64_MAX, out);
}

enum hs_err
resp_command_2(struct buf *out, const struct span *first, size_t n_first,
	       const struct span *args, size_t n_args)
{
	size_t n = n_first + n_args;
	size_t total = n_digits(n) + 3;
	unsigned char *place;

	if (!add_size(&total, first, n_first) ||
	    !add_size(&total, args, n_args))
		return HS_TOO_BIG;
	enum hs_err err = buf_reserve(out, total, &place);
	if (err != HS_OK)
		return err;
	place = put_count(place, '*', n);
	place = put_args(place, first, n_first);
	(void)put_args(place, args, n_args);
	buf_commit(out, total);
	return HS_OK;
}

enum hs_err
resp_command(struct buf *out, const struct span *args, size_t n_args)
{
	return resp_command_2(out, args, n_args, NULL, 0);
}

struct resp_reader *
resp_reader_new(void)
{
	struct resp_reader *reader = xcalloc(1, sizeof(*reader));

	reader->hiredis = redisReaderCreateWithFunctions(&constructors);
	if (reader->hiredis == NULL) {
		(void)broken(reader, "out of memory");
		return reader;
	}
	reader->hiredis->privdata = reader;
	return reader;
}

void
resp_reader_free(struct resp_reader *reader)
{
	if (reader == NULL)
		return;
	if (reader->hiredis != NULL)
		redisReaderFree(reader->hiredis);
	free(reader);
}

enum hs_err
resp_reader_feed(struct resp_reader *reader, const void *bytes, size_t len)
{
	if (reader->is_broken)
		return HS_PROTOCOL;
	if (len == 0)
		return HS_OK;
	size_t unread = reader->hiredis->len - reader->hiredis->pos;
	if (len > BOUNDS_REPLY_BYTES || unread > BOUNDS_REPLY_BYTES - len)
		return broken(reader, "reply too big");
	if (redisReaderFeed(reader->hiredis, bytes, len) != REDIS_OK)
		return broken(reader, reader->hiredis->errstr);
	return HS_OK;
}

enum hs_err
resp_reader_next(struct resp_reader *reader, struct reply **out)
{
	void *reply = NULL;

	*out = NULL;
	if (reader->is_broken)
		return HS_PROTOCOL;
	if (redisReaderGetReply(reader->hiredis, &reply) != REDIS_OK) {
		/* a constructor's "no" is called out of memory by hiredis */
		return broken(reader, reader->hiredis->err == REDIS_ERR_OOM
					      ? "reply too big or not RESP2"
					      : reader->hiredis->errstr);
	}
	if (reply == NULL)
		return HS_AGAIN;
	reader->charged_bytes = 0;
	*out = reply;
	return HS_OK;
}

const char *
resp_reader_error(const struct resp_reader *reader)
{
	return reader->why;
}

void
reply_free(struct reply *reply)
{
	if (reply == NULL)
		return;
	for (size_t i = 0; i < reply->n_items; i++)
		reply_free(reply->items[i]); /* BOUNDS_REPLY_DEPTH deep */
	free(reply->items);
	free(reply);
}
