/*
 * finish: how jobs leave our hands, N in one script call.
 *
 * The stacktrace of a failing job is the one array of its hash. Lua's JSON
 * cannot tell an empty array from an empty object, so the new array is made
 * here, from the one the job had when it was taken (our lock keeps others from
 * changing it) and the new entry.
 */
#include "queue/finish.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define N_FIELDS 12 /* arguments for each job, as in lua/finish.lua */
#define N_OWN 4 /* now, token, metrics points, if done; then those of a take */
#define DELAY_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)
/* beyond it only the newest entry stays; those of a batch fit one command */
#define STACKTRACE_MAX (BOUNDS_OUTPUT_BYTES / BOUNDS_TAKE_BATCH / 2)

struct finish_call {
	finish_fn fn;
	void *ctx;
	size_t n;
	struct finish_result
		*results;   /* of the items that were not sent, at first */
	size_t n_taken_max; /* 0: no take was asked for */
};

static const char *
kind_text(enum finish_kind kind)
{
	switch (kind) {
	case FINISH_COMPLETED:
		return "completed";
	case FINISH_FAILED:
		return "failed";
	case FINISH_RETRY:
		return "retry";
	case FINISH_POSTPONE:
		return "postpone";
	case FINISH_GIVE_BACK:
		return "release";
	case FINISH_WAIT_CHILDREN:
		return "children";
	}
	return "";
}

/* The old entries that stay, as raw JSON, then the new one. */
static enum hs_err
print_stacktrace(const struct doc *old, size_t n_old_kept, struct span stack,
		 bool keeps_new, struct buf *out)
{
	size_t n_old = doc_len(old);
	enum hs_err err = buf_add_text(out, "[");
	for (size_t i = n_old - n_old_kept; err == HS_OK && i < n_old; i++) {
		err = doc_print(doc_at(old, i), false, out);
		if (err == HS_OK && (i + 1 < n_old || keeps_new))
			err = buf_add_text(out, ",");
	}
	if (err == HS_OK && keeps_new)
		err = doc_string_encode(stack, out);
	return err == HS_OK ? buf_add_text(out, "]") : err;
}

static enum hs_err
make_stacktrace(const struct job *job, struct span stack, struct buf *out)
{
	int64_t limit = job->stacktrace_limit;
	size_t room = limit < 0 ? SIZE_MAX : (size_t)limit;
	struct doc *old = NULL;
	if (stack.len > BOUNDS_STACKTRACE_BYTES)
		stack.len = BOUNDS_STACKTRACE_BYTES;
	if (room > 1 && (doc_parse(job->stacktrace, &old) != HS_OK ||
			 doc_type_of(old) != DOC_ARRAY)) {
		doc_free(old); /* none yet, or nothing of ours */
		old = NULL;
	}
	size_t n_old = doc_len(old);
	if (room < 1)
		n_old = 0;
	else if (n_old > room - 1)
		n_old = room - 1;
	enum hs_err err = print_stacktrace(old, n_old, stack, room > 0, out);
	doc_free(old);
	if (err == HS_TOO_BIG) {
		buf_reset(out);
		err = print_stacktrace(NULL, 0, stack, true, out);
	}
	return err;
}

static bool
item_is_valid(const struct finish_item *item)
{
	if (item->delay_ms < 0 || item->delay_ms > DELAY_MAX_MS)
		return false;
	if (item->kind == FINISH_COMPLETED)
		/* one event that is no JSON stops every consumer for good */
		return doc_scan(item->value, NULL, NULL) == HS_OK;
	return *kind_text(item->kind) != '\0';
}

static void
put_item(struct call *call, const struct finish_item *item,
	 struct span stacktrace)
{
	call_text(call, kind_text(item->kind));
	call_span(call, item->job->id_bytes);
	call_span(call, item->value);
	call_span(call, stacktrace);
	call_i64(call, item->trace.ptr != NULL);
	call_span(call, item->trace.ptr ? item->trace : span_text(""));
	call_i64(call, item->delay_ms);
	call_i64(call, item->job->attempts);
	call_i64(call, item->job->is_lifo);
	call_i64(call, item->keep.count);
	call_i64(call, item->keep.age_s);
	call_i64(call, item->keep.limit);
}

/* One item's answer: a code, the text of a refusal, or, for a job given back,
 * the ms for which the queue is limited. */
static bool
read_result(const struct reply *reply, struct finish_result *result)
{
	if (reply->type == REPLY_INTEGER) {
		result->code = (enum code)reply->integer;
		return true;
	}
	if (reply->type == REPLY_TEXT) {
		result->code = CODE_REFUSED;
		return true;
	}
	if (reply->type != REPLY_ARRAY || reply->n_items != 1 ||
	    reply->items[0]->type != REPLY_INTEGER)
		return false;
	result->code = CODE_DONE;
	result->limited_ms = reply->items[0]->integer;
	return true;
}

/* *refusal is set to the first text of Redis among the results. */
static bool
read_results(struct finish_call *finish, const struct reply *reply,
	     size_t *n_refused, const char **refusal)
{
	size_t n_read = 0;
	if (reply->type != REPLY_ARRAY)
		return false;
	for (size_t i = 0; i < finish->n; i++) {
		struct finish_result *result = &finish->results[i];
		if (result->code == CODE_INVALID)
			continue; /* was not sent */
		if (n_read == reply->n_items ||
		    !read_result(reply->items[n_read], result))
			return false;
		if (result->code == CODE_REFUSED && (*n_refused)++ == 0)
			*refusal = (const char *)reply->items[n_read]->text.ptr;
		n_read++;
	}
	return n_read == reply->n_items;
}

static void
finish_free(struct finish_call *finish)
{
	if (finish)
		free(finish->results);
	free(finish);
}

static enum hs_err
read_answer(struct finish_call *finish, const struct reply *reply,
	    struct take_result *taken, const char **text)
{
	size_t n_refused = 0;
	const char *refusal = "";
	enum hs_err err = HS_PROTOCOL;
	if (reply->n_items > 0 &&
	    read_results(finish, reply->items[0], &n_refused, &refusal))
		err = finish->n_taken_max > 0
			      ? take_read(reply, 1, finish->n_taken_max, taken)
			      : HS_OK;
	if (err != HS_OK) {
		*text = err == HS_PROTOCOL ? "unexpected reply of finish"
					   : hs_err_text(err);
		return err;
	}
	if (n_refused > 0)
		*text = refusal;
	/* READONLY, OOM: nothing was done */
	return n_refused == finish->n && taken->n == 0 ? HS_PROTOCOL : HS_OK;
}

static void
on_finished(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct finish_call *finish = ctx;
	struct take_result taken = { 0 };
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK)
		err = read_answer(finish, reply, &taken, &text);
	if (err == HS_OK)
		finish->fn(finish->ctx, err, text, finish->results, finish->n,
			   finish->n_taken_max > 0 ? &taken : NULL);
	else
		finish->fn(finish->ctx, err, text, NULL, 0, NULL);
	free(taken.jobs);
	finish_free(finish);
}

/* An item that is refused here has come to an error, too. */
static bool
takes_none(const struct finish_options *options,
	   const struct finish_item *items, size_t n)
{
	for (size_t i = 0; options->is_next_if_done && i < n; i++) {
		if (!item_is_valid(&items[i]))
			return true;
	}
	return !options->next;
}

static struct call *
call_of(struct queue *queue, const struct finish_options *options,
	const struct finish_item *items, size_t n)
{
	struct call *call = call_new(queue, N_OWN + TAKE_N_ARGS + n * N_FIELDS);
	call_i64(call, options->now_ms);
	call_text(call, options->token);
	call_i64(call, options->metrics_points);
	call_i64(call, options->is_next_if_done);
	/* n 0: nothing is taken */
	static const struct take_options none = { .token = "" };
	take_put(call, takes_none(options, items, n) ? &none : options->next);
	return call;
}

enum hs_err
finish_jobs(struct queue *queue, const struct finish_options *options,
	    const struct finish_item *items, size_t n, finish_fn fn, void *ctx)
{
	enum hs_err err =
		options->next ? take_options_check(options->next) : HS_OK;
	if (err != HS_OK)
		return err;
	if (n == 0 || options->metrics_points < 0)
		return HS_INVALID;
	if (n > BOUNDS_TAKE_BATCH)
		return HS_TOO_BIG;
	struct call *call = call_of(queue, options, items, n);
	struct finish_call *finish = xcalloc(1, sizeof(*finish));
	*finish = (struct finish_call){
		fn, ctx, n, .results = xcalloc(n, sizeof(*finish->results)),
		.n_taken_max = options->next ? options->next->n : 0
	};
	struct buf *traces = xcalloc(n, sizeof(*traces));
	for (size_t i = 0; i < n; i++)
		buf_init(&traces[i], STACKTRACE_MAX);

	for (size_t i = 0; i < n; i++) {
		const struct finish_item *item = &items[i];
		bool fails = item->kind == FINISH_FAILED ||
			     item->kind == FINISH_RETRY;
		if (!item_is_valid(item)) {
			finish->results[i].code = CODE_INVALID;
			continue;
		}
		if (fails && item->stack.len > 0)
			err = make_stacktrace(item->job, item->stack,
					      &traces[i]);
		if (err != HS_OK)
			goto out;
		put_item(call, item, buf_span(&traces[i]));
	}
	err = call_send(call, &queue_script_finish, on_finished, finish);
	call = NULL; /* call_send has freed it */
	if (err == HS_OK)
		finish = NULL; /* on_finished has it */
out:
	finish_free(finish);
	for (size_t i = 0; i < n; i++)
		buf_fini(&traces[i]);
	free(traces);
	call_free(call);
	return err;
}

enum hs_err
finish_extend(struct queue *queue, const char *token, const char *const *ids,
	      size_t n, int64_t lock_duration_ms, queue_ids_fn fn, void *ctx)
{
	if (n == 0 || lock_duration_ms <= 0)
		return HS_INVALID;
	if (n > BOUNDS_ACTIVE)
		return HS_TOO_BIG;
	struct call *call = call_new(queue, 2 + n);
	call_text(call, token);
	call_i64(call, lock_duration_ms);
	for (size_t i = 0; i < n; i++)
		call_text(call, ids[i]);
	return call_send_ids(call, &queue_script_extend, fn, ctx);
}
