/*
 * intake: one function per step, in the order they are taken. What needs only
 * the head comes first, so that a body that will be refused is never read; the
 * signature comes before anything of the body is parsed.
 *
 * One line per request in the log, with the id that the sender got: how a job
 * came, or why a delivery was refused (refusals.h holds back equal ones).
 * Payloads and header values stay out.
 */
#include "fcgi/intake.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi/extract.h"
#include "fcgi/health.h"
#include "fcgi/ident.h"
#include "fcgi/refusals.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/router.h"
#include "fcgi/verify.h"

/* The field names and quotes around the body of a job's data. */
#define DATA_EXTRA_BYTES (64 * 1024)

/* Of a path that no endpoint has, in the log. */
#define SHOWN_PATH_BYTES 200

struct intake {
	struct conf *conf;
	struct enqueuer *enqueuer;
	struct refusals *refusals;
	struct intake_counts counts;
};

struct delivery { /* from its parameters to its answer */
	struct intake *intake;
	struct conf *conf; /* endpoint is its; parked, a reference of our own */
	struct front_call *call;
	struct request request;
	enum router_kind kind;
	const struct endpoint *endpoint; /* NULL: none has this path */
	int64_t length;
	struct buf job_id;
	char id[REQUEST_ID_BYTES + 1];
};

struct refusal {
	int status;         /* 0: none */
	const char *detail; /* for the sender */
	const char *why;    /* for our log */
};

static void
delivery_init(struct delivery *delivery, struct intake *intake,
	      struct front_call *call)
{
	*delivery = (struct delivery){ .intake = intake,
				       .conf = intake->conf,
				       .call = call };
	buf_init(&delivery->job_id, IDENT_BYTES);
}

static const char *
endpoint_name(const struct delivery *delivery)
{
	return delivery->endpoint != NULL ? delivery->endpoint->name : "none";
}

/* Who looks for a webhook that is answered 404 wants to know where it went. */
static const char *
lost_path(const struct delivery *delivery, int status, char *out, size_t size)
{
	const struct request *request = &delivery->request;
	if (status != 404)
		return NULL;
	const struct span rest = request->path_rest;
	(void)snprintf(out, size, "%.*s%.*s", (int)request->path.len,
		       (const char *)request->path.ptr, (int)rest.len,
		       rest.len > 0 ? (const char *)rest.ptr : "");
	return out;
}

static void
refuse(struct delivery *delivery, const struct refusal *refusal)
{
	char path[SHOWN_PATH_BYTES + 1];
	struct buf out;
	const char *allow = NULL;
	int64_t retry_after_s = 0;
	if (refusal->status == 405)
		allow = router_allow(delivery->kind);
	if (refusal->status == 503)
		retry_after_s = delivery->conf->responder.retry_after_s;
	delivery->intake->counts.n_refused++;
	refusals_log(delivery->intake->refusals, endpoint_name(delivery),
		     refusal->status, delivery->id,
		     lost_path(delivery, refusal->status, path, sizeof(path)),
		     refusal->why);
	buf_init(&out, REPLY_BYTES);
	reply_problem(&out, refusal->status, refusal->detail, allow,
		      retry_after_s, span_is(delivery->request.method, "HEAD"),
		      delivery->id);
	front_answer(delivery->call, buf_span(&out));
	buf_fini(&out);
}

/* ---- the head ---- */

static struct refusal
refusal(int status, const char *detail, const char *why)
{
	return (struct refusal){ status, detail, why };
}

/* Path, method, encoding, type, length: all that can be known without the
 * body. */
static struct refusal
check_head(struct delivery *delivery, const char *const *env)
{
	const char *why = NULL;
	struct request *request = &delivery->request;
	if (request_parse(env, request, &why) != HS_OK)
		return refusal(400, "The request is malformed.", why);
	delivery->kind =
		router_find(delivery->conf, request, &delivery->endpoint);
	if (delivery->kind == ROUTER_NONE)
		return refusal(404, "There is nothing at this path.",
			       delivery->conf->endpoints[0] != NULL
				       ? "no endpoint has this path"
				       : "no endpoint is configured yet");
	if (!router_method_is_allowed(delivery->kind, request->method))
		return refusal(405, "This path takes other methods.",
			       "method not allowed");
	if (delivery->kind != ROUTER_ENDPOINT)
		return refusal(0, NULL, NULL);
	if (request_check_encoding(request) != 0)
		return refusal(415, "The body must not be encoded.",
			       "content encoding");
	if (request_check_type(request) != 0)
		return refusal(415, "The body must be JSON in UTF-8.",
			       "content type");
	switch (request_check_length(request,
				     delivery->endpoint->max_body_bytes,
				     &delivery->length)) {
	case 0:
		return refusal(0, NULL, NULL);
	case 411:
		return refusal(411, "Content-Length is missing.",
			       "no content length");
	case 413:
		return refusal(413, "The body is too large.",
			       "content length over max_body");
	default:
		return refusal(400, "Content-Length is no number.",
			       "content length is no number");
	}
}

int64_t
intake_limit(void *ctx, const char *const *env)
{
	struct delivery delivery;
	delivery_init(&delivery, ctx, NULL);
	struct refusal verdict = check_head(&delivery, env);
	if (verdict.status != 0)
		return -1;
	return delivery.length; /* 0 for the health paths */
}

/* ---- the body ---- */

static struct refusal
check_body(struct delivery *delivery, struct span body)
{
	switch (front_body_state(delivery->call)) {
	case FRONT_BODY_WHOLE:
		break;
	case FRONT_BODY_NO_ROOM:
		return refusal(503, "Too much at once, try again.",
			       "the slow lane is full");
	case FRONT_BODY_UNWANTED:
	case FRONT_BODY_TOO_LONG:
		return refusal(400, "The body is longer than announced.",
			       "body longer than content length");
	}
	if (body.len > (uint64_t)delivery->length)
		return refusal(400, "The body is longer than announced.",
			       "body longer than content length");
	if (body.len < (uint64_t)delivery->length)
		return refusal(400, "The body is shorter than announced.",
			       "body shorter than content length");
	return refusal(0, NULL, NULL);
}

/* ---- the job ---- */

static void
on_parked(void *ctx, enum hs_err err, enum add_result result)
{
	static const char *const texts[] = {
		[ADD_NEW] = "job added",
		[ADD_DUPLICATE] = "redelivery: the job is there already",
		[ADD_RETRIED] = "redelivery: its failed job is retried",
	};
	struct delivery *delivery = ctx;
	struct buf out;
	if (err != HS_OK) {
		const struct refusal verdict = refusal(
			503, "The job could not be stored, try again.",
			err == HS_TIMEOUT    ? "Redis did not answer in time"
			: err == HS_PROTOCOL ? "Redis refused the job"
					     : "Redis was lost");
		refuse(delivery, &verdict);
	} else {
		delivery->intake->counts.n_accepted++;
		log_event(LOG_LEVEL_INFO,
			  result == ADD_NEW ? MESSAGE_JOB_ADDED
					    : MESSAGE_REDELIVERED,
			  "%s queue=%s job=%s endpoint=%s request=%s",
			  texts[result], delivery->endpoint->queue,
			  buf_text(&delivery->job_id), delivery->endpoint->name,
			  delivery->id);
		buf_init(&out, REPLY_BYTES);
		reply_success(&out, delivery->id);
		front_answer(delivery->call, buf_span(&out));
		buf_fini(&out);
	}
	buf_fini(&delivery->job_id);
	conf_unref(delivery->conf);
	free(delivery);
}

static struct refusal
park(struct delivery *delivery, struct buf *data)
{
	/* it may outlive this turn of the loop */
	struct delivery *kept = xcalloc(1, sizeof(*kept));
	*kept = *delivery;
	const struct enqueuer_job job = {
		.queue = delivery->endpoint->queue,
		.name = delivery->endpoint->job,
		.id = buf_span(&delivery->job_id),
		.data = data,
	};
	enum hs_err err = enqueuer_park(delivery->intake->enqueuer, &job,
					on_parked, kept);
	if (err == HS_OK) {
		conf_ref(kept->conf);
		buf_init(&delivery->job_id, IDENT_BYTES); /* kept has it */
		return refusal(0, NULL, NULL);
	}
	free(kept);
	if (err == HS_AGAIN)
		return refusal(503, "Too much at once, try again.",
			       "too many requests wait for Redis");
	return refusal(503, "The job could not be stored, try again.",
		       "Redis is away");
}

static struct refusal
make_data(struct delivery *delivery, struct span body, struct buf *data,
	  struct buf *text)
{
	const char *why;
	const char *field;
	switch (extract_data(delivery->endpoint, body, data, &why, &field)) {
	case HS_OK:
		return refusal(0, NULL, NULL);
	case HS_INVALID:
		if (field != NULL)
			buf_notef(text, "%s %s", field, why);
		else
			buf_notef(text, "The body is no JSON: %s", why);
		return refusal(400, buf_text(text), buf_text(text));
	case HS_TOO_BIG:
		return refusal(413, "The body is too large.",
			       "data over the ceiling");
	default:
		return refusal(503, "Too much at once, try again.",
			       "no memory for the data");
	}
}

/* Verify, then parse, then name, then park. */
static struct refusal
accept_delivery(struct delivery *delivery, struct span body, struct buf *text)
{
	struct buf data;
	struct span sender_id;
	const char *why = NULL;
	if (verify_request(delivery->endpoint, &delivery->request, body,
			   clock_wall_ms(), &why) != HS_OK)
		return refusal(401, "The signature was not accepted.", why);
	if (ident_delivery(delivery->endpoint, &delivery->request,
			   &sender_id) != HS_OK)
		return refusal(400, "The delivery id came twice.",
			       "delivery id came twice");
	buf_init(&data, body.len + DATA_EXTRA_BYTES);
	struct refusal verdict = make_data(delivery, body, &data, text);
	if (verdict.status == 0 &&
	    ident_job_id(delivery->endpoint->name, delivery->conf->endpoints,
			 sender_id, &delivery->job_id) != HS_OK)
		verdict = refusal(400, "The delivery id is not usable.",
				  "no job id can be made");
	if (verdict.status == 0)
		verdict = park(delivery, &data);
	buf_fini(&data);
	return verdict;
}

static void
answer_health(struct delivery *delivery)
{
	struct buf out;
	bool is_head = span_is(delivery->request.method, "HEAD");
	buf_init(&out, REPLY_BYTES);
	if (delivery->kind == ROUTER_HEALTHZ)
		health_alive(is_head, delivery->id, &out);
	else
		health_ready(enqueuer_is_up(delivery->intake->enqueuer),
			     is_head, delivery->conf->responder.retry_after_s,
			     delivery->id, &out);
	front_answer(delivery->call, buf_span(&out));
	buf_fini(&out);
}

void
intake_take(void *ctx, struct front_call *call)
{
	struct delivery delivery;
	struct refusal verdict;
	struct buf text;
	struct span body = front_body(call);
	const char *const *env = front_env(call);

	delivery_init(&delivery, ctx, call);
	buf_init(&text, BOUNDS_REASON_BYTES);
	request_id(env, delivery.id);
	if (front_env_is_odd(call))
		verdict = refusal(400, "The request is malformed.",
				  "a parameter with NUL or an odd name");
	else
		verdict = check_head(&delivery, env);
	if (verdict.status == 0 && delivery.kind == ROUTER_ENDPOINT) {
		verdict = check_body(&delivery, body);
		if (verdict.status == 0)
			verdict = accept_delivery(&delivery, body, &text);
	} else if (verdict.status == 0) {
		answer_health(&delivery);
	}
	if (verdict.status != 0)
		refuse(&delivery, &verdict);
	buf_fini(&delivery.job_id);
	buf_fini(&text);
}

struct intake *
intake_new(struct conf *conf, struct enqueuer *enqueuer)
{
	struct intake *intake = xcalloc(1, sizeof(*intake));
	intake->conf = conf_ref(conf);
	intake->enqueuer = enqueuer;
	intake->refusals = refusals_new();
	return intake;
}

void
intake_free(struct intake *intake)
{
	if (intake == NULL)
		return;
	refusals_free(intake->refusals);
	conf_unref(intake->conf);
	free(intake);
}

void
intake_reload(struct intake *intake, struct conf *conf)
{
	struct conf *old = intake->conf;
	intake->conf = conf_ref(conf);
	conf_unref(old);
}

void
intake_tick(struct intake *intake)
{
	refusals_tick(intake->refusals);
}

struct intake_counts
intake_counts(const struct intake *intake)
{
	return intake->counts;
}
