/*
 * peer: the queue floor as a server, for tests that are not in C.
 *
 *   queue_peer unix:PATH|HOST:PORT SOCKET
 *
 * Listens on the Unix socket SOCKET, says "ready" on its output, and ends with
 * its input. A client sends JSON objects, one a line:
 *
 *   {"seq": 7, "op": "take", "queue": "hooks", "prefix": "bull", "db": 0,
 *    "level": 6, ...}
 *
 * and gets one line for each, {"seq": 7, "err": "ok", "text": "", ...}, in any
 * order: many may be under way. What "hello" named need not be said again.
 * Each client has connections to Redis of its own, made when first needed: one
 * for commands and one that may block, for each database. Requests wait for
 * them, some seconds if need be; "ready" and "readyToBlock" do nothing else.
 * Trusts its input: it is a test's own.
 *
 * The operations lie in peer_*.c: each of these files ends in a table.
 */
#ifndef TESTS_LIB_PEER_H
#define TESTS_LIB_PEER_H

#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "queue/job.h"
#include "queue/queue.h"

struct peer_client;
struct peer_link;
struct peer_op;

/* One request, until it is answered. */
struct peer_call {
	const struct doc *request;
	struct doc *answer;  /* an object, to be filled */
	struct queue *queue; /* the one it names, on its connection */
	/* private: */
	struct peer_client *client;
	struct peer_link *link;
	const struct peer_op *op;
	struct doc *parsed;
};

/* Either returns an error, or arranges for one peer_done(). HS_AGAIN, with
 * nothing sent yet: it is run again later. */
typedef enum hs_err (*peer_fn)(struct peer_call *call);

struct peer_op {
	const char *name; /* NULL ends a table */
	peer_fn run;
	bool blocks; /* call->queue is on the connection that may block */
};

extern const struct peer_op peer_add_ops[];
extern const struct peer_op peer_work_ops[];
extern const struct peer_op peer_admin_ops[];
extern const struct peer_op peer_schedule_ops[];

/* An error: the answer says so, is sent, and the call is freed. Else false: the
 * answer says "ok" and can be filled. */
bool peer_failed(struct peer_call *call, enum hs_err err, const char *text);
/* Sends the answer and frees the call. */
void peer_done(struct peer_call *call);
/* Both, for answers that are nothing else: queue_number_fn as "number",
 * queue_ids_fn as "ids". ctx is the call. */
void peer_on_number(void *ctx, enum hs_err err, const char *text, int64_t n);
void peer_on_ids(void *ctx, enum hs_err err, const char *text,
		 const struct span *ids, size_t n);

/* ---- reading a request ---- */

int64_t peer_number(const struct doc *doc, const char *name, int64_t absent);
/* len 0 when absent. Borrowed. */
struct span peer_text(const struct doc *doc, const char *name);
/* The caller frees. */
char *peer_text_dup(const struct doc *doc, const char *name);
bool peer_is_true(const struct doc *doc, const char *name);
/* An array of texts as spans; the caller frees the array. */
struct span *peer_texts(const struct doc *doc, const char *name, size_t *n);
/* "now", or the time. */
int64_t peer_now(const struct peer_call *call);

/* ---- filling an answer ---- */

/* Nothing is set for NULL. */
void peer_set_text(struct doc *doc, const char *name, const char *value);
void peer_set_span(struct doc *doc, const char *name, struct span value);
void peer_set_ids(struct doc *doc, const char *name, const struct span *ids,
		  size_t n);
struct doc *peer_job_doc(const struct job *job);

/* ---- jobs this client has taken ---- */

/* Keeps the job, instead of an earlier one of that id. */
void peer_remember(struct peer_call *call, struct job *job);
/* Borrowed; NULL when it was not taken here. */
const struct job *peer_recall(const struct peer_call *call, struct span id);

#endif
