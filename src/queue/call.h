/*
 * call: one call of a script of this floor being put together: the keys, what
 * every script is told of its queue (lua/include/queue.lua), then the script's
 * own arguments. Numbers become text in the call's own memory; all else
 * is borrowed until call_send() or call_free().
 */
#ifndef QUEUE_CALL_H
#define QUEUE_CALL_H

#include "queue/queue.h"

struct call;

/* Room for max_args arguments of the script's own; one more is a bug. */
struct call *call_new(const struct queue *queue, size_t max_args);
void call_free(struct call *call);
void call_span(struct call *call, struct span span);
void call_text(struct call *call, const char *text);
void call_i64(struct call *call, int64_t value);

/* Sends and frees the call. An error: fn is never called. */
enum hs_err call_send(struct call *call, const struct script *script,
		      rconn_reply_fn fn, void *ctx) HS_MUST_CHECK;

/* The same for a script that answers one number, or ids, or a number and then
 * ids. */
enum hs_err call_send_number(struct call *call, const struct script *script,
			     queue_number_fn fn, void *ctx) HS_MUST_CHECK;
enum hs_err call_send_ids(struct call *call, const struct script *script,
			  queue_ids_fn fn, void *ctx) HS_MUST_CHECK;
enum hs_err call_send_list(struct call *call, const struct script *script,
			   queue_list_fn fn, void *ctx) HS_MUST_CHECK;

/* What a reply means to the caller of this floor: HS_OK for one of the type,
 * HS_PROTOCOL for an error (*text is Redis's) or another type, else err. */
enum hs_err call_check(enum hs_err err, const struct reply *reply,
		       enum reply_type type, const char **text) HS_MUST_CHECK;

#endif
