/*
 * queue_stage: see queue_stage.h. The names are short because the stories are
 * made of them.
 */
#include "tests/lib/queue_stage.h"

#define TEXT_MAX (1024 * 1024)

struct redis_server *server;
struct event_base *base;
struct rconn *conn;
struct queue *queue;
int64_t now;
struct answer got;
static struct event *tick;
static struct topo *topo;

/* ---- the loop ---- */

static void
on_state(void *ctx, struct rconn *which, bool is_up)
{
	(void)ctx;
	(void)which;
	(void)is_up;
}

static void
forget_jobs(void)
{
	for (size_t i = 0; i < MAX_JOBS; i++) {
		job_free(got.jobs[i]);
		got.jobs[i] = NULL;
	}
}

static void
answered(enum hs_err err, const char *text)
{
	assert_false(got.is_done);
	got.is_done = true;
	got.err = err;
	snprintf(got.text, sizeof(got.text), "%s", text ? text : "");
}

void
start_call(void)
{
	got.is_done = false;
	got.n = 0;
}

void
end_call(enum hs_err sent)
{
	assert_int_equal(sent, HS_OK);
	WAIT_FOR(base, got.is_done);
}

static void
keep_ids(const struct span *ids, size_t n)
{
	assert_in_range(n, 0, MAX_JOBS);
	got.n = n;
	for (size_t i = 0; i < n; i++)
		snprintf(got.ids[i], sizeof(got.ids[i]), "%.*s",
			 (int)ids[i].len, (const char *)ids[i].ptr);
}

/* ---- Redis, as text ---- */

char redis_text[TEXT_MAX];

static void
print_reply(struct buf *out, const struct reply *reply)
{
	if (out->len > 0)
		assert_int_equal(buf_add_text(out, " "), HS_OK);
	if (reply->type == REPLY_ARRAY) {
		buf_notef(out, "[");
		for (size_t i = 0; i < reply->n_items; i++)
			print_reply(out, reply->items[i]);
		assert_int_equal(buf_add_text(out, " ]"), HS_OK);
	} else if (reply->type == REPLY_INTEGER) {
		assert_int_equal(buf_addf(out, "%lld", reply->integer), HS_OK);
	} else if (reply->type == REPLY_NIL) {
		assert_int_equal(buf_add_text(out, "nil"), HS_OK);
	} else {
		assert_int_equal(buf_add_span(out, reply->text), HS_OK);
	}
}

void
on_reply(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct buf out;
	(void)ctx;
	assert_int_equal(err, HS_OK);
	buf_init(&out, TEXT_MAX - 1);
	print_reply(&out, reply);
	snprintf(redis_text, sizeof(redis_text), "%s", buf_text(&out));
	buf_fini(&out);
	answered(HS_OK, NULL);
}

/* The events since the last call of this, without their stream ids:
 * "added jobId=1 name=n; waiting jobId=1". */
static void
on_events(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct buf out;
	(void)ctx;
	assert_int_equal(err, HS_OK);
	assert_int_equal(reply->type, REPLY_ARRAY);
	buf_init(&out, TEXT_MAX - 1);
	for (size_t i = 0; i < reply->n_items; i++) {
		const struct reply *fields = reply->items[i]->items[1];
		buf_notef(&out, i > 0 ? "; " : "");
		for (size_t k = 0; k < fields->n_items; k += 2) {
			const char *name =
				(const char *)fields->items[k]->text.ptr;
			const char *value =
				(const char *)fields->items[k + 1]->text.ptr;
			if (k == 0)
				assert_string_equal(name, "event");
			buf_notef(&out, k == 0 ? "" : " %s=", name);
			buf_notef(&out, "%s", value);
		}
	}
	snprintf(redis_text, sizeof(redis_text), "%s", buf_text(&out));
	buf_fini(&out);
	answered(HS_OK, NULL);
}

void
check_events_of(const char *key, const char *expected)
{
	start_call();
	end_call(rconn_send_texts(conn, NO_DEADLINE, on_events, NULL, "XRANGE",
				  key, "-", "+", NULL));
	assert_string_equal(redis_text, expected);
	REDIS("DEL", key);
}

void
check_events(const char *expected)
{
	check_events_of("bull:sync:events", expected);
}

/* ---- the calls of the floor, made to wait ---- */

void
on_added(void *ctx, enum hs_err err, const char *text,
	 const enum add_result *results, const struct span *ids, size_t n)
{
	(void)ctx;
	keep_ids(ids, n);
	for (size_t i = 0; i < n; i++)
		got.added[i] = results[i];
	answered(err, text);
}

void
add_many(const struct add_item *items, size_t n)
{
	start_call();
	end_call(add_jobs(queue, items, n, now, on_added, NULL));
}

struct add_item
item(const char *id)
{
	return (struct add_item){
		.id = span_text(id),
		.name = span_text("n"),
		.data = span_text("{}"),
	};
}

void
add(struct add_item one)
{
	add_many(&one, 1);
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.n, 1);
}

enum hs_err
try_add(struct add_item one)
{
	return add_jobs(queue, &one, 1, now, on_added, NULL);
}

static void
keep_taken(const struct take_result *result)
{
	assert_in_range(result->n, 0, MAX_JOBS);
	forget_jobs();
	got.n = result->n;
	for (size_t i = 0; i < result->n; i++)
		got.jobs[i] = result->jobs[i];
	got.limited_ms = result->limited_ms;
	got.due_ms = result->next_due_ms;
	got.is_busy = result->is_busy;
}

static void
on_taken(void *ctx, enum hs_err err, const char *text,
	 struct take_result *result)
{
	(void)ctx;
	keep_taken(result);
	answered(err, text);
}

enum hs_err
try_take(size_t n)
{
	const struct take_options options = {
		.token = TOKEN,
		.worker_name = "w1",
		.lock_duration_ms = 30000,
		.n = n,
		.now_ms = now,
	};
	start_call();
	end_call(take_jobs(queue, &options, on_taken, NULL));
	return got.err;
}

size_t
take(size_t n)
{
	assert_int_equal(try_take(n), HS_OK);
	return got.n;
}

void
take_one(const char *id)
{
	assert_int_equal(take(1), 1);
	assert_string_equal(got.jobs[0]->id, id);
}

void
on_finished(void *ctx, enum hs_err err, const char *text,
	    const struct finish_result *results, size_t n,
	    struct take_result *taken)
{
	(void)ctx;
	assert_in_range(n, 0, MAX_JOBS);
	if (taken)
		keep_taken(taken);
	got.n = taken ? taken->n : n;
	for (size_t i = 0; i < n; i++) {
		got.finished[i] = results[i].code;
		got.finish_limited_ms = results[i].limited_ms;
	}
	answered(err, text);
}

enum hs_err
try_finish(const struct finish_options *options,
	   const struct finish_item *items, size_t n)
{
	start_call();
	end_call(finish_jobs(queue, options, items, n, on_finished, NULL));
	return got.err;
}

void
finish_many(const char *token, const struct finish_item *items, size_t n)
{
	const struct finish_options options = { .token = token, .now_ms = now };

	(void)try_finish(&options, items, n);
}

/* Ends the first job of the last take. */
enum code
finish(struct finish_item one)
{
	one.job = one.job ? one.job : got.jobs[0];
	finish_many(TOKEN, &one, 1);
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.n, 1);
	return got.finished[0];
}

const struct job_keep keep_all = { .count = -1 };

struct finish_item
completed(const char *value)
{
	return (struct finish_item){ .kind = FINISH_COMPLETED,
				     .value = span_text(value),
				     .keep = keep_all };
}

struct finish_item
failed(const char *reason)
{
	return (struct finish_item){ .kind = FINISH_FAILED,
				     .value = span_text(reason),
				     .stack = span_text(reason),
				     .keep = keep_all };
}

struct finish_item
retry(int64_t delay_ms)
{
	return (struct finish_item){ .kind = FINISH_RETRY,
				     .value = span_text("no"),
				     .stack = span_text("no"),
				     .delay_ms = delay_ms };
}

void
on_stalled(void *ctx, enum hs_err err, const char *text, const struct span *ids,
	   size_t n)
{
	(void)ctx;
	keep_ids(ids, n);
	answered(err, text);
}

size_t
stalled(void)
{
	REDIS("DEL", "bull:sync:stalled-check");
	start_call();
	end_call(take_stalled(queue, 30000, 1, now, on_stalled, NULL));
	assert_int_equal(got.err, HS_OK);
	return got.n;
}

size_t
extend(const char *token, const char *const *ids, size_t n)
{
	start_call();
	end_call(finish_extend(queue, token, ids, n, 60000, on_stalled, NULL));
	assert_int_equal(got.err, HS_OK);
	return got.n;
}

void
on_counted(void *ctx, enum hs_err err, const char *text,
	   const struct admin_counts *counts)
{
	(void)ctx;
	got.counts = *counts;
	answered(err, text);
}

void
count(void)
{
	start_call();
	end_call(admin_count(queue, on_counted, NULL));
	assert_int_equal(got.err, HS_OK);
}

void
on_listed(void *ctx, enum hs_err err, const char *text, struct job **jobs,
	  size_t n, size_t n_seen)
{
	(void)ctx;
	assert_in_range(n, 0, MAX_JOBS);
	forget_jobs();
	got.n = n;
	got.n_seen = n_seen;
	for (size_t i = 0; i < n; i++)
		got.jobs[i] = jobs[i];
	answered(err, text);
}

void
check_list(enum job_state state, size_t offset, size_t n, const char *expected)
{
	char ids[512] = "";
	start_call();
	end_call(admin_list(queue, state, offset, n, on_listed, NULL));
	assert_int_equal(got.err, HS_OK);
	for (size_t i = 0; i < got.n; i++) {
		size_t len = strlen(ids);
		snprintf(ids + len, sizeof(ids) - len, "%s%s", i > 0 ? " " : "",
			 got.jobs[i]->id);
	}
	assert_string_equal(ids, expected);
}

static void
on_got(void *ctx, enum hs_err err, const char *text, struct job *job,
       enum job_state state)
{
	(void)ctx;
	forget_jobs();
	got.jobs[0] = job;
	got.state = state;
	answered(err, text);
}

enum hs_err
get(const char *id)
{
	start_call();
	end_call(admin_get(queue, span_text(id), on_got, NULL));
	return got.err;
}

enum hs_err
get_refused(const char *id)
{
	return admin_get(queue, span_text(id), on_got, NULL);
}

void
on_number(void *ctx, enum hs_err err, const char *text, int64_t n)
{
	(void)ctx;
	got.number = n;
	answered(err, text);
}

int64_t
retry_by_hand(const char *id, enum job_state from)
{
	const struct requeue_options options = {
		.from = from,
		.resets_attempts = true,
		.resets_starts = true,
	};
	start_call();
	end_call(
		requeue_retry(queue, span_text(id), &options, on_number, NULL));
	assert_int_equal(got.err, HS_OK);
	return got.number;
}

void
on_waited(void *ctx, enum hs_err err, int64_t due_ms)
{
	(void)ctx;
	got.due_ms = due_ms;
	answered(err, NULL);
}

/* ---- set up, tear down ---- */

struct rconn *
connection(void)
{
	const struct rconn_settings settings = {
		.label = "redis",
		.connect_timeout_ms = 5000,
		.is_quiet = true,
		.scripts = queue_scripts,
	};
	struct rconn *up = rconn_new(base, topo, &settings, on_state, NULL);
	rconn_start(up);
	WAIT_FOR(base, rconn_is_up(up));
	return up;
}

int
group_setup(void **state)
{
	struct timeval often = { 0, 10000 };
	(void)state;
	server = redis_server_start(NULL);
	base = event_base_new();
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	event_add(tick, &often);
	const struct topo_address address = {
		.unix_path = redis_server_unix_path(server),
	};
	topo = topo_static_new(&address);
	conn = connection();
	return 0;
}

int
group_teardown(void **state)
{
	(void)state;
	rconn_free(conn);
	topo_free(topo);
	event_free(tick);
	event_base_free(base);
	redis_server_stop(server);
	return 0;
}

int
setup(void **state)
{
	(void)state;
	now = NOW;
	/* the story before may have lost it */
	WAIT_FOR(base, rconn_is_up(conn));
	REDIS("FLUSHALL");
	queue = queue_new(conn, "bull", "sync", NO_DEADLINE, 10000);
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	forget_jobs();
	queue_free(queue);
	return 0;
}
