/*
 * attempt: one run of a job: fetch, map, push, outcome.
 *
 * Each step is a function that starts something and returns, and a function
 * that hears what became of it. move_to() is the only place that changes the
 * state. What ends an attempt goes through end_with(), so that each attempt
 * ends once, with one reason.
 *
 * A ticket is held for one request, not for the whole attempt: a slow map must
 * not keep a service's slot. The push's gate is looked at before the fetch, so
 * that a closed target does not make us ask the source for nothing.
 *
 * Whoever was stopped, or cut off from Redis, for longer than a lock lasts may
 * hold an object that another worker has fetched and pushed anew since then.
 * Nobody has told him yet, so he looks at the clock before each request.
 */
#include "worker/attempt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/log.h"
#include "worker/source.h"
#include "worker/target.h"

#define RETURN_VALUE_BYTES 128
#define ANSWER_QUOTE_BYTES 512 /* of a refusal's body, for the stacktrace */

const char *
attempt_state_text(enum attempt_state state)
{
	static const char *const texts[] = {
		[ATTEMPT_NEW] = "new",
		[ATTEMPT_WAITS_FETCH] = "waits to fetch",
		[ATTEMPT_FETCHING] = "fetching",
		[ATTEMPT_MAPPING] = "mapping",
		[ATTEMPT_WAITS_PUSH] = "waits to push",
		[ATTEMPT_PUSHING] = "pushing",
		[ATTEMPT_ENDED] = "ended",
		[ATTEMPT_CANCELLED] = "cancelled",
	};
	return texts[state];
}

static void
move_to(struct attempt *attempt, enum attempt_state state)
{
	log_assert(attempt->state != ATTEMPT_ENDED &&
		   attempt->state != ATTEMPT_CANCELLED);
	if (log_is_on(LOG_LEVEL_DEBUG))
		log_debug("job %s job=%s", attempt_state_text(state),
			  attempt->job->id);
	attempt->state = state;
	attempt->moved_ms = clock_mono_ms();
}

struct attempt *
attempt_new(const struct attempt_env *env, struct job *job)
{
	struct attempt *attempt = xcalloc(1, sizeof(*attempt));

	list_init(&attempt->node);
	list_init(&attempt->bucket_node);
	gate_ticket_init(&attempt->ticket);
	attempt->env = env;
	attempt->job = job;
	attempt->taken_us = clock_mono_us();
	attempt->moved_ms = attempt->taken_us / 1000;
	attempt->lock_due_ms = INT64_MAX;
	buf_init(&attempt->end.value, BOUNDS_REASON_BYTES);
	buf_init(&attempt->end.stack, BOUNDS_STACKTRACE_BYTES);
	buf_init(&attempt->source, BOUNDS_HTTP_BODY_BYTES);
	buf_init(&attempt->body, BOUNDS_MAPPED_BYTES);
	return attempt;
}

static void
stop_running(struct attempt *attempt)
{
	if (attempt->transfer)
		http_cancel(attempt->transfer);
	attempt->transfer = NULL;
	map_cancel(attempt->work);
	attempt->work = NULL;
	gate_leave(&attempt->ticket);
	buf_fini(&attempt->source);
	buf_fini(&attempt->body);
}

void
attempt_free(struct attempt *attempt)
{
	if (!attempt)
		return;
	log_assert(list_is_empty(&attempt->node));
	stop_running(attempt);
	buf_fini(&attempt->end.value);
	buf_fini(&attempt->end.stack);
	job_free(attempt->job);
	plan_unref(attempt->plan);
	free(attempt);
}

void
attempt_cancel(struct attempt *attempt)
{
	stop_running(attempt);
	attempt->state = ATTEMPT_CANCELLED;
}

void
attempt_give_back(struct attempt *attempt)
{
	stop_running(attempt);
	attempt->state = ATTEMPT_ENDED;
	attempt->moved_ms = clock_mono_ms();
	attempt->end.kind = FINISH_GIVE_BACK;
	buf_reset(&attempt->end.value);
}

void
attempt_postpone(struct attempt *attempt, int64_t delay_ms, const char *why)
{
	log_assert(attempt->state == ATTEMPT_NEW);
	attempt->state = ATTEMPT_ENDED;
	attempt->moved_ms = clock_mono_ms();
	attempt->end.kind = FINISH_POSTPONE;
	attempt->end.delay_ms = delay_ms;
	buf_notef(&attempt->end.value, "%s", why);
}

/* ---- ends ---- */

/* A reason is cut between characters: it goes out as text. */
static void
cut_reason(struct buf *reason)
{
	if (reason->len < reason->max)
		return;
	while (reason->len > 0 &&
	       !doc_is_utf8(span_of(reason->data, reason->len)) &&
	       reason->max - reason->len < 4)
		reason->data[--reason->len] = '\0';
}

static void
end_with(struct attempt *attempt, enum finish_kind kind)
{
	cut_reason(&attempt->end.value);
	stop_running(attempt);
	attempt->end.kind = kind;
	move_to(attempt, ATTEMPT_ENDED);
	attempt->env->on_end(attempt->env->ctx, attempt);
}

/* The reason is in end.value. */
static void
end_failed(struct attempt *attempt)
{
	end_with(attempt, FINISH_FAILED);
}

/* As above; another attempt if the job has one left. */
static void
end_retry(struct attempt *attempt, int64_t retry_after_ms)
{
	int64_t delay_ms = job_backoff_delay(attempt->job);

	if (delay_ms < 0) {
		end_failed(attempt);
		return;
	}
	if (retry_after_ms > BOUNDS_RETRY_AFTER_MS)
		retry_after_ms = BOUNDS_RETRY_AFTER_MS;
	if (delay_ms < retry_after_ms)
		delay_ms = retry_after_ms;
	attempt->end.delay_ms = delay_ms;
	end_with(attempt, FINISH_RETRY);
}

static void
end_postponed(struct attempt *attempt, const struct gate *gate)
{
	attempt->end.delay_ms = gate_wait_ms(gate, clock_mono_ms());
	buf_notef(&attempt->end.value, "service %s: %s", gate_name(gate),
		  gate_cause_text(gate_cause(gate)));
	end_with(attempt, FINISH_POSTPONE);
}

/* status 0: no request tells */
static void
end_done(struct attempt *attempt, const char *what, int status)
{
	buf_notef(&attempt->end.value, "{\"outcome\":\"%s\"", what);
	if (status)
		buf_notef(&attempt->end.value, ",\"status\":%d", status);
	buf_notef(&attempt->end.value, "}");
	attempt->end.outcome = what;
	attempt->end.status = status;
	end_with(attempt, FINISH_COMPLETED);
}

/* ---- requests ---- */

static void on_answer(void *ctx, const struct http_answer *answer);

static const struct route_call *
call_of(const struct attempt *attempt)
{
	const struct route *route = attempt->route->route;

	switch (attempt->step) {
	case OUTCOME_FETCH:
		return route->fetch;
	case OUTCOME_PUSH:
		return route->push;
	case OUTCOME_GONE_CALL:
		break;
	}
	return route->gone;
}

static enum hs_err
build_request(struct attempt *attempt, struct request *request)
{
	const struct route_call *call = call_of(attempt);
	struct buf *why = &attempt->end.value;

	switch (attempt->step) {
	case OUTCOME_FETCH:
		return source_request(request, call, attempt->job->data, why);
	case OUTCOME_PUSH:
		return target_push(request, call, attempt->job->data,
				   attempt->job->id, buf_span(&attempt->body),
				   why);
	case OUTCOME_GONE_CALL:
		break;
	}
	return target_gone(request, call, attempt->job->data, attempt->job->id,
			   why);
}

/* The ticket is inside. */
static void
send_request(struct attempt *attempt)
{
	struct request request;
	enum hs_err err;

	if (clock_mono_ms() >= attempt->lock_due_ms) {
		buf_notef(&attempt->end.value, "its lock has run out");
		end_with(attempt, FINISH_GIVE_BACK);
		return;
	}
	request_init(&request);
	err = build_request(attempt, &request);
	if (!err) {
		move_to(attempt, attempt->step == OUTCOME_FETCH
					 ? ATTEMPT_FETCHING
					 : ATTEMPT_PUSHING);
		err = http_start(attempt->env->http, &request.http, on_answer,
				 attempt, &attempt->transfer);
		if (err) {
			const struct http_answer none = {
				.result = HTTP_INVALID,
				.text = hs_err_text(err),
			};

			attempt->transfer = NULL;
			outcome_reason(
				attempt->step, call_of(attempt)->service_name,
				request.http.method, buf_span(&request.url),
				request.http.timeout_ms, &none,
				&attempt->end.value);
		}
	}
	request_fini(&request);
	if (err)
		end_failed(attempt);
}

static struct gate *
gate_of(const struct attempt *attempt)
{
	switch (attempt->step) {
	case OUTCOME_FETCH:
		return attempt->route->fetch_gate;
	case OUTCOME_PUSH:
		return attempt->route->push_gate;
	case OUTCOME_GONE_CALL:
		break;
	}
	return attempt->route->gone_gate;
}

static void
ask_gate(struct attempt *attempt, enum outcome_step step)
{
	struct gate *gate;

	attempt->step = step;
	gate = gate_of(attempt);
	switch (gate_enter(gate, &attempt->ticket, step == OUTCOME_FETCH,
			   clock_mono_ms())) {
	case GATE_GO:
		send_request(attempt);
		break;
	case GATE_WAIT:
		move_to(attempt, step == OUTCOME_FETCH ? ATTEMPT_WAITS_FETCH
						       : ATTEMPT_WAITS_PUSH);
		break;
	case GATE_SHUT:
		end_postponed(attempt, gate);
		break;
	}
}

void
attempt_admit(struct attempt *attempt, enum gate_answer answer)
{
	log_assert(attempt->state == ATTEMPT_WAITS_FETCH ||
		   attempt->state == ATTEMPT_WAITS_PUSH);
	if (answer == GATE_GO)
		send_request(attempt);
	else
		end_postponed(attempt, gate_of(attempt));
}

/* ---- map, then push ---- */

static void
go_push(struct attempt *attempt)
{
	if (attempt->route->route->push)
		ask_gate(attempt, OUTCOME_PUSH);
	else
		end_done(attempt, "skipped", 0);
}

static void
on_mapped(void *ctx, enum map_result result, struct buf *body, const char *why)
{
	struct attempt *attempt = ctx;

	attempt->work = NULL;
	switch (result) {
	case MAP_BODY:
		buf_fini(&attempt->body);
		attempt->body = *body;
		buf_init(body, body->max);
		go_push(attempt);
		return;
	case MAP_EMPTY:
		end_done(attempt, "empty", 0);
		return;
	case MAP_FAILED:
		break;
	}
	buf_notef(&attempt->end.value, "map of route %s: %s",
		  attempt->route->route->name, why);
	attempt->end.is_private = true;
	end_failed(attempt);
}

static void
start_map(struct attempt *attempt)
{
	const struct job *job = attempt->job;
	struct buf input;

	move_to(attempt, ATTEMPT_MAPPING);
	buf_init(&input, attempt->source.len + job->data.len +
				 6 * (strlen(job->id) + strlen(job->name)) +
				 256);
	if (map_input(buf_span(&attempt->source), job->data, job->id, job->name,
		      job->made + 1, &input)) {
		buf_fini(&input);
		buf_notef(&attempt->end.value,
			  "map of route %s: no memory for its input",
			  attempt->route->route->name);
		end_failed(attempt);
		return;
	}
	buf_fini(&attempt->source);
	attempt->work = map_start(attempt->env->map, attempt->route->map,
				  &input, on_mapped, attempt);
}

int64_t
attempt_due_ms(const struct attempt *attempt)
{
	if (attempt->state != ATTEMPT_FETCHING &&
	    attempt->state != ATTEMPT_PUSHING)
		return INT64_MAX;
	return attempt->moved_ms + call_of(attempt)->service->timeout_ms;
}

enum hs_err
attempt_raw_payload(struct span data, struct span *out)
{
	static const char pointer[] = "/rawPayload";
	enum doc_type type;

	return doc_find(data, span_text(pointer), out, &type);
}

/* A route without a map pushes what it has, byte for byte. */
static void
take_as_is(struct attempt *attempt)
{
	struct span raw;

	move_to(attempt, ATTEMPT_MAPPING);
	if (attempt->route->route->fetch) {
		buf_fini(&attempt->body);
		attempt->body = attempt->source;
		buf_init(&attempt->source, BOUNDS_HTTP_BODY_BYTES);
		go_push(attempt);
		return;
	}
	if (!attempt->route->route->push) {
		go_push(attempt);
		return;
	}
	if (attempt_raw_payload(attempt->job->data, &raw)) {
		buf_notef(&attempt->end.value,
			  "route %s has neither fetch nor map, and the job's "
			  "data has no rawPayload to push",
			  attempt->route->route->name);
		end_failed(attempt);
		return;
	}
	if (buf_add_span(&attempt->body, raw)) {
		buf_notef(&attempt->end.value, "rawPayload is over %d bytes",
			  BOUNDS_MAPPED_BYTES);
		end_failed(attempt);
		return;
	}
	go_push(attempt);
}

static void
go_map(struct attempt *attempt)
{
	if (attempt->route->map)
		start_map(attempt);
	else
		take_as_is(attempt);
}

/* ---- answers ---- */

static enum gate_verdict
verdict_of(enum outcome_step step, struct outcome outcome)
{
	switch (outcome.effect) {
	case OUTCOME_FINE:
		break;
	case OUTCOME_BROKEN:
		return GATE_SAYS_BROKEN;
	case OUTCOME_TROUBLE:
	case OUTCOME_PAUSE:
		return GATE_SAYS_TROUBLE;
	case OUTCOME_DENIED:
		return GATE_SAYS_DENIED;
	}
	if (step != OUTCOME_FETCH)
		return GATE_SAYS_FINE;
	if (outcome.kind == OUTCOME_GONE)
		return GATE_SAYS_GONE;
	return outcome.kind == OUTCOME_DONE ? GATE_SAYS_FOUND : GATE_SAYS_FINE;
}

static void
found(struct attempt *attempt, const struct http_answer *answer)
{
	if (source_check(call_of(attempt), answer, &attempt->end.value)) {
		end_failed(attempt);
		return;
	}
	if (buf_add_span(&attempt->source, answer->body)) {
		buf_notef(&attempt->end.value, "no memory for the object");
		end_failed(attempt);
		return;
	}
	go_map(attempt);
}

static void
gone(struct attempt *attempt, const struct gate *gate, bool is_believed,
     int status)
{
	if (!is_believed)
		end_postponed(attempt, gate);
	else if (attempt->route->route->gone)
		ask_gate(attempt, OUTCOME_GONE_CALL);
	else
		end_done(attempt, "gone", status);
}

/* What a target said when it refused: for the job's stacktrace only. */
static void
quote_answer(struct attempt *attempt, const struct http_answer *answer)
{
	size_t len = answer->body.len;

	if (answer->result != HTTP_ANSWERED || len == 0)
		return;
	if (len > ANSWER_QUOTE_BYTES)
		len = ANSWER_QUOTE_BYTES;
	buf_notef(&attempt->end.stack, "%s\nanswer: %.*s",
		  buf_text(&attempt->end.value), (int)len,
		  (const char *)answer->body.ptr);
}

static void
note_reason(struct attempt *attempt, const struct http_answer *answer)
{
	const struct route_call *call = call_of(attempt);
	struct request request;
	struct buf ignored;

	/* the URL is built again: only failures pay for it */
	request_init(&request);
	buf_init(&ignored, BOUNDS_REASON_BYTES);
	if (request_build(&request, call, attempt->job->data, &ignored))
		buf_reset(&request.url);
	outcome_reason(attempt->step, call->service_name, call->method,
		       buf_span(&request.url), call->service->timeout_ms,
		       answer, &attempt->end.value);
	buf_fini(&ignored);
	request_fini(&request);
	quote_answer(attempt, answer);
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
	struct attempt *attempt = ctx;
	struct gate *gate = gate_of(attempt);
	const enum outcome_step step = attempt->step;
	const struct outcome outcome =
		outcome_of(step, answer->result, answer->status);
	const int64_t now_ms = clock_mono_ms();
	int64_t retry_after_ms = 0;
	bool is_believed;

	attempt->transfer = NULL;
	if (outcome.effect == OUTCOME_PAUSE && answer->retry_after_ms > 0) {
		retry_after_ms = answer->retry_after_ms;
		gate_pause(gate, retry_after_ms, now_ms);
	}
	is_believed = gate_report(&attempt->ticket, verdict_of(step, outcome),
				  attempt->job->id_bytes, now_ms);
	gate_leave(&attempt->ticket);

	switch (outcome.kind) {
	case OUTCOME_DONE:
		if (step == OUTCOME_FETCH)
			found(attempt, answer);
		else
			end_done(attempt,
				 step == OUTCOME_PUSH ? "pushed" : "gone",
				 answer->status);
		return;
	case OUTCOME_GONE:
		gone(attempt, gate, is_believed, answer->status);
		return;
	case OUTCOME_RETRY:
	case OUTCOME_FAIL:
		break;
	}
	note_reason(attempt, answer);
	if (!is_believed) { /* the service's trouble costs no attempt */
		buf_notef(&attempt->end.value, "; ");
		end_postponed(attempt, gate);
	} else if (outcome.kind == OUTCOME_RETRY) {
		end_retry(attempt, retry_after_ms);
	} else {
		end_failed(attempt);
	}
}

/* ---- the beginning ---- */

/* true: it may run */
static bool
checks(struct attempt *attempt)
{
	const struct job *job = attempt->job;
	struct buf *reason = &attempt->end.value;

	if (job->deferred) { /* stalled too often, or a child failed */
		buf_notef(reason, "%s", job->deferred);
		return false;
	}
	if (job->poison) {
		buf_notef(reason, "%s", job->poison);
		return false;
	}
	attempt->plan = plan_ref(attempt->env->plan);
	attempt->route = plan_find(attempt->plan, job->name);
	if (!attempt->route) {
		buf_notef(reason, "no route for job name \"%.*s\"",
			  BOUNDS_NAME_BYTES, job->name);
		return false;
	}
	return true;
}

void
attempt_start(struct attempt *attempt)
{
	const int64_t now_ms = clock_mono_ms();
	const struct plan_route *route;

	if (!checks(attempt)) {
		end_failed(attempt);
		return;
	}
	route = attempt->route;
	if (route->push_gate && route->push_gate != route->fetch_gate &&
	    gate_is_shut(route->push_gate, false, now_ms)) {
		end_postponed(attempt, route->push_gate);
		return;
	}
	if (route->fetch_gate)
		ask_gate(attempt, OUTCOME_FETCH);
	else
		go_map(attempt);
}
