/*
 * queue_stage: what the stories of the queue floor play on: a real redis-server,
 * a queue "bull:sync" on it that is empty at the start of each, and the floor's
 * calls made to wait for their answer, which is then in `got`.
 */
#ifndef TESTS_LIB_QUEUE_STAGE_H
#define TESTS_LIB_QUEUE_STAGE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "redis/topo.h"
#include "queue/add.h"
#include "queue/admin.h"
#include "queue/finish.h"
#include "queue/queue.h"
#include "queue/requeue.h"
#include "queue/take.h"
#include "tests/lib/patience.h"
#include "tests/lib/redis_server.h"

#define NOW INT64_C(1900000000000) /* at the start of each story */
#define TOKEN "ours"
#define MAX_JOBS 8
/* Of calls: it is the stage that loses patience, and on a busy host a script
 * that makes much data takes as long as it takes. */
#define NO_DEADLINE 0

extern struct redis_server *server;
extern struct event_base *base;
extern struct rconn *conn;
extern struct queue *queue;
extern int64_t now;
extern const struct job_keep keep_all;
extern char redis_text[];

/* What the last call answered. */
struct answer {
	bool is_done;
	enum hs_err err;
	char text[256];
	size_t n;
	enum add_result added[MAX_JOBS];
	enum code finished[MAX_JOBS];
	int64_t finish_limited_ms; /* of the last of them */
	char ids[MAX_JOBS][64];
	struct job *jobs[MAX_JOBS];
	int64_t limited_ms;
	int64_t due_ms;
	bool is_busy;
	struct admin_counts counts;
	size_t n_seen;
	int64_t number;
	enum job_state state;
};
extern struct answer got;

void on_reply(void *ctx, enum hs_err err, const struct reply *reply);
/* A command's reply as text: "[ a b ]", "nil"; and its check. */
#define REDIS(...)                                                    \
	(start_call(),                                                \
	 end_call(rconn_send_texts(conn, NO_DEADLINE, on_reply, NULL, \
				   __VA_ARGS__, NULL)),               \
	 redis_text)
#define CHECK(expected, ...) assert_string_equal(REDIS(__VA_ARGS__), expected)

/* Around a call of the floor that gets one of the on_...() below. */
void start_call(void);
void end_call(enum hs_err sent);
/* The events, without their ids, which are then deleted:
 * "added jobId=1 name=n; waiting jobId=1". */
void check_events_of(const char *key, const char *expected);
void check_events(const char *expected);

/* ---- add ---- */

void on_added(void *ctx, enum hs_err err, const char *text,
	      const enum add_result *results, const struct span *ids, size_t n);
void add_many(const struct add_item *items, size_t n);
struct add_item item(const char *id);
void add(struct add_item one);
enum hs_err try_add(struct add_item one);

/* ---- take: the jobs are got.jobs until the next take, list or get ---- */

size_t take(size_t n);
enum hs_err try_take(size_t n);
void take_one(const char *id);

/* ---- finish ---- */

void on_finished(void *ctx, enum hs_err err, const char *text,
		 const struct finish_result *results, size_t n,
		 struct take_result *taken);
enum hs_err try_finish(const struct finish_options *options,
		       const struct finish_item *items, size_t n);
void finish_many(const char *token, const struct finish_item *items, size_t n);
/* Without a job: the first of the last take. */
enum code finish(struct finish_item one);
struct finish_item completed(const char *value);
struct finish_item failed(const char *reason);
struct finish_item retry(int64_t delay_ms);
void on_stalled(void *ctx, enum hs_err err, const char *text,
		const struct span *ids, size_t n);
/* A stalled check, as if the last one were long ago; how many stalled. */
size_t stalled(void);
/* How many locks are lost. */
size_t extend(const char *token, const char *const *ids, size_t n);

/* ---- admin ---- */

void on_counted(void *ctx, enum hs_err err, const char *text,
		const struct admin_counts *counts);
void count(void);
void on_listed(void *ctx, enum hs_err err, const char *text, struct job **jobs,
	       size_t n, size_t n_seen);
void check_list(enum job_state state, size_t offset, size_t n,
		const char *expected);
enum hs_err get(const char *id);
enum hs_err get_refused(const char *id);
/* Of all calls that answer a number: got.number. */
void on_number(void *ctx, enum hs_err err, const char *text, int64_t n);
int64_t retry_by_hand(const char *id, enum job_state from);
/* Of take_wait(): got.due_ms. */
void on_waited(void *ctx, enum hs_err err, int64_t due_ms);

/* ---- set up, tear down ---- */

/* A further one, up. */
struct rconn *connection(void);
int group_setup(void **state);
int group_teardown(void **state);
int setup(void **state);
int teardown(void **state);

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
