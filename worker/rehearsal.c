/*
 * rehearsal: a route tried on a file.
 *
 * The file is a job's data, or a webhook's raw body: it is taken for a body
 * when an endpoint leads to the route, all of its pointers find something, and
 * there is no rawPayload yet. Then the ids are taken out of it, as the responder
 * would. The same rooms build the requests as in a real attempt
 * (source, map_jq, target); only the way between them is written twice, because
 * here it is straight: no gates, no retries, no Redis.
 */
#include "worker/rehearsal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/file.h"
#include "worker/attempt.h"
#include "worker/map.h"
#include "worker/outcome.h"
#include "worker/plan.h"
#include "worker/source.h"
#include "worker/target.h"

#define EX_OK 0
#define EX_DATAERR 65
#define EX_NOINPUT 66
#define EX_UNAVAILABLE 69
#define EX_OSERR 71
#define EX_CONFIG 78
#define EX_USAGE 64

#define TRY_JOB_ID "try"

struct stage { /* of one try */
	struct conf *conf;
	struct plan *plan;
	struct plan_route *route;
	struct buf data;   /* of the job */
	struct buf source; /* what was fetched */
	struct buf body;   /* what would be pushed */
	struct buf why;    /* why it ends here */
	bool is_gone;
	bool is_empty;      /* the map yields nothing */
	struct doc *report; /* for --json */
	struct doc *requests;
	bool is_json;
};

/* ---- --check ---- */

static void
on_map_finding(void *ctx, const struct route *route, const char *text)
{
	size_t *n_findings = ctx;
	struct buf line;

	(*n_findings)++;
	buf_init(&line, BOUNDS_LOG_LINE_BYTES);
	plan_note_finding(&line, route, text);
	fprintf(stderr, "%s\n", buf_text(&line));
	buf_fini(&line);
}

int
rehearsal_check(struct conf *conf)
{
	struct plan *plan = NULL;
	size_t n_findings = 0;
	size_t n_maps = 0;

	if (plan_new(conf, on_map_finding, &n_findings, &plan))
		return EX_CONFIG;
	for (size_t i = 0; i < plan->n_routes; i++)
		n_maps += plan->routes[i].map != NULL;
	printf("%s: good for a worker: %zu routes, %zu maps compiled\n",
	       conf->path, plan->n_routes, n_maps);
	plan_unref(plan);
	return EX_OK;
}

/* ---- --try: the job's data ---- */

static const struct endpoint *
endpoint_to(const struct conf *conf, const struct route *route)
{
	for (size_t i = 0; conf->endpoints && conf->endpoints[i]; i++)
		if (strcmp(conf->endpoints[i]->job, route->job) == 0)
			return conf->endpoints[i];
	return NULL;
}

static enum hs_err
add_field(struct buf *data, const struct endpoint_field *field,
	  struct span body)
{
	struct span value;
	enum doc_type type;
	enum hs_err err;

	err = doc_find(body, span_text(field->pointer), &value, &type);
	if (err == HS_NOT_FOUND && field->is_optional)
		return HS_OK;
	if (!err && (type == DOC_NULL) && field->is_optional)
		return HS_OK;
	if (err)
		return err;
	err = doc_string_encode(span_text(field->name), data);
	if (!err)
		err = buf_add_byte(data, ':');
	if (!err)
		err = buf_add_span(data, value);
	if (!err)
		err = buf_add_byte(data, ',');
	return err;
}

/* {<the fields>,"rawPayload":<body>}, as the responder makes it. */
static enum hs_err
data_of_body(struct stage *stage, const struct endpoint *endpoint,
	     struct span body)
{
	enum hs_err err = buf_add_byte(&stage->data, '{');

	for (size_t i = 0; !err && i < endpoint->n_fields; i++)
		err = add_field(&stage->data, &endpoint->fields[i], body);
	if (!err)
		err = buf_add_text(&stage->data, "\"rawPayload\":");
	if (!err)
		err = buf_add_span(&stage->data, body);
	if (!err)
		err = buf_add_byte(&stage->data, '}');
	return err;
}

/* A file, or standard input for "-". */
static enum hs_err
read_input(const char *path, struct buf *out)
{
	unsigned char chunk[16384];
	size_t n;

	if (strcmp(path, "-") != 0)
		return file_read(path, out);
	errno = 0;
	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
		enum hs_err err = buf_add(out, chunk, n);
		if (err)
			return err;
	}
	return ferror(stdin) ? HS_IO : HS_OK;
}

static int
read_data(struct stage *stage, const char *path)
{
	const struct endpoint *endpoint =
		endpoint_to(stage->conf, stage->route->route);
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	const char *wrong = NULL;
	size_t offset = 0;
	struct span payload;
	struct buf file;
	enum hs_err err;
	int code = EX_OK;

	buf_init(&file, BOUNDS_BODY_BYTES);
	err = read_input(path, &file);
	if (err) {
		buf_notef(&stage->why, "%s: %s", name,
			  err == HS_IO ? strerror(errno) : hs_err_text(err));
		code = EX_NOINPUT;
		goto out;
	}
	err = doc_scan(buf_span(&file), &offset, &wrong);
	if (err) {
		buf_notef(&stage->why, "%s is no JSON: %s at byte %zu", name,
			  wrong ? wrong : hs_err_text(err), offset);
		code = EX_DATAERR;
		goto out;
	}
	err = HS_NOT_FOUND;
	if (endpoint && attempt_raw_payload(buf_span(&file), &payload))
		err = data_of_body(stage, endpoint, buf_span(&file));
	if (err == HS_NOT_FOUND) { /* no body of that endpoint */
		buf_reset(&stage->data);
		err = buf_add_span(&stage->data, buf_span(&file));
	}
	if (err) {
		if (stage->why.len == 0)
			buf_notef(&stage->why, "%s: %s", path,
				  hs_err_text(err));
		code = EX_DATAERR;
	}
out:
	buf_fini(&file);
	return code;
}

/* ---- --try: showing ---- */

static void
show_request(struct stage *stage, const char *step,
	     const struct request *request, int status)
{
	const struct http_request *http = &request->http;
	struct doc *shown;

	if (!stage->is_json) {
		printf("%-5s %s %s\n", step, http->method, http->url);
		for (size_t i = 0; i < http->n_headers; i++)
			printf("      %s: %s\n", http->headers[i].name,
			       http->headers[i].value);
		if (http->bearer || http->basic)
			printf("      Authorization: %s (hidden)\n",
			       http->bearer ? "Bearer" : "Basic");
		if (http->has_body)
			printf("\n%.*s\n", (int)http->body.len,
			       (const char *)http->body.ptr);
		if (status)
			printf("      answered %d\n", status);
		return;
	}
	shown = doc_new_object();
	doc_set_text(shown, "step", span_text(step));
	doc_set_text(shown, "method", span_text(http->method));
	doc_set_text(shown, "url", span_text(http->url));
	doc_set_bool(shown, "sent", strcmp(step, "fetch") == 0);
	if (status)
		doc_set_i64(shown, "status", status);
	if (http->has_body && doc_set_json(shown, "body", http->body) != HS_OK)
		doc_set_null(shown, "body");
	doc_push(stage->requests, shown);
}

/* ---- --try: the three steps ---- */

static int
do_fetch(struct stage *stage)
{
	const struct route_call *fetch = stage->route->route->fetch;
	struct http_answer answer = { .result = HTTP_INVALID, .text = "" };
	struct outcome outcome;
	struct event_base *base = NULL;
	struct http *http = NULL;
	struct request request;
	int code = EX_OK;

	request_init(&request);
	if (source_request(&request, fetch, buf_span(&stage->data),
			   &stage->why)) {
		code = EX_DATAERR;
		goto out;
	}
	base = event_base_new();
	http = base ? http_new(base, 1) : NULL;
	if (!http) {
		buf_notef(&stage->why, "cannot make an event loop");
		code = EX_OSERR;
		goto out;
	}
	(void)!http_run(http, &request.http, &answer);
	outcome = outcome_of(OUTCOME_FETCH, answer.result, answer.status);
	show_request(stage, "fetch", &request,
		     answer.result == HTTP_ANSWERED ? answer.status : 0);
	if (outcome.kind == OUTCOME_GONE) {
		stage->is_gone = true;
	} else if (outcome.kind != OUTCOME_DONE) {
		outcome_reason(OUTCOME_FETCH, fetch->service_name,
			       fetch->method, buf_span(&request.url),
			       request.http.timeout_ms, &answer, &stage->why);
		code = EX_UNAVAILABLE;
	} else if (source_check(fetch, &answer, &stage->why) ||
		   buf_add_span(&stage->source, answer.body)) {
		code = EX_DATAERR;
	}
out:
	http_free(http);
	if (base)
		event_base_free(base);
	request_fini(&request);
	return code;
}

static int
do_map(struct stage *stage)
{
	const struct route *route = stage->route->route;
	struct span raw = buf_span(&stage->source);
	enum map_result result;
	struct buf input;

	if (!stage->route->map) {
		if (!route->fetch &&
		    attempt_raw_payload(buf_span(&stage->data), &raw)) {
			buf_notef(&stage->why, "the route has neither fetch "
					       "nor map, and the data has no "
					       "rawPayload to push");
			return EX_DATAERR;
		}
		return buf_add_span(&stage->body, raw) ? EX_DATAERR : EX_OK;
	}
	buf_init(&input, stage->source.len + stage->data.len + 1024);
	if (map_input(raw, buf_span(&stage->data), TRY_JOB_ID, route->job, 1,
		      &input)) {
		buf_fini(&input);
		buf_notef(&stage->why, "no memory for the map's input");
		return EX_OSERR;
	}
	result = map_jq_run(stage->route->map, buf_span(&input), MAP_LIMIT_MS,
			    &stage->body, &stage->why);
	buf_fini(&input);
	stage->is_empty = result == MAP_EMPTY;
	return result == MAP_FAILED ? EX_DATAERR : EX_OK;
}

static int
show_push(struct stage *stage)
{
	const struct route *route = stage->route->route;
	struct request request;
	enum hs_err err;

	request_init(&request);
	if (stage->is_gone)
		err = target_gone(&request, route->gone, buf_span(&stage->data),
				  TRY_JOB_ID, &stage->why);
	else
		err = target_push(&request, route->push, buf_span(&stage->data),
				  TRY_JOB_ID, buf_span(&stage->body),
				  &stage->why);
	if (!err)
		show_request(stage, stage->is_gone ? "gone" : "push", &request,
			     0);
	request_fini(&request);
	return err ? EX_DATAERR : EX_OK;
}

/* *outcome is what the job would end with. */
static int
play(struct stage *stage, const char **outcome)
{
	const struct route *route = stage->route->route;
	int code = EX_OK;

	*outcome = "failed";
	if (route->fetch)
		code = do_fetch(stage);
	if (code)
		return code;
	if (stage->is_gone) {
		*outcome = "gone";
		return route->gone ? show_push(stage) : EX_OK;
	}
	code = do_map(stage);
	if (code)
		return code;
	*outcome = stage->is_empty ? "empty" : "skipped";
	if (stage->is_empty || !route->push)
		return EX_OK;
	code = show_push(stage);
	*outcome = code ? "failed" : "pushed";
	return code;
}

static void
finish_report(struct stage *stage, const char *outcome)
{
	struct buf text;

	if (!stage->is_json) {
		if (strcmp(outcome, "empty") == 0)
			puts("the map yields nothing: done without a push");
		else if (strcmp(outcome, "skipped") == 0)
			puts("the route has no push: done");
		else if (strcmp(outcome, "gone") == 0 &&
			 !stage->route->route->gone)
			puts("the object is gone, and the route has no gone "
			     "call: done");
		return;
	}
	doc_set_text(stage->report, "outcome", span_text(outcome));
	if (stage->why.len > 0)
		doc_set_text(stage->report, "reason", buf_span(&stage->why));
	doc_set(stage->report, "requests", stage->requests);
	stage->requests = NULL;
	buf_init(&text, 2 * (size_t)BOUNDS_MAPPED_BYTES);
	if (doc_print(stage->report, true, &text) == HS_OK)
		puts(buf_text(&text));
	buf_fini(&text);
}

static int
find_route(struct stage *stage, const char *route_name)
{
	size_t n_findings = 0;

	if (plan_new(stage->conf, on_map_finding, &n_findings, &stage->plan))
		return EX_CONFIG;
	for (size_t i = 0; i < stage->plan->n_routes; i++)
		if (strcmp(stage->plan->routes[i].route->name, route_name) == 0)
			stage->route = &stage->plan->routes[i];
	if (!stage->route)
		stage->route = plan_find(stage->plan, route_name);
	if (stage->route)
		return EX_OK;
	buf_notef(&stage->why, "there is no route \"%s\" in %s", route_name,
		  stage->conf->path);
	return EX_USAGE;
}

int
rehearsal_try(struct conf *conf, const char *route_name, const char *path,
	      bool is_json)
{
	struct stage stage = { .conf = conf, .is_json = is_json };
	const char *outcome = "failed";
	int code;

	buf_init(&stage.data, 2 * (size_t)BOUNDS_BODY_BYTES);
	buf_init(&stage.source, BOUNDS_HTTP_BODY_BYTES);
	buf_init(&stage.body, BOUNDS_MAPPED_BYTES);
	buf_init(&stage.why, BOUNDS_LOG_LINE_BYTES);
	code = find_route(&stage, route_name);
	if (code)
		goto out;
	stage.report = doc_new_object();
	stage.requests = doc_new_array();
	doc_set_text(stage.report, "route",
		     span_text(stage.route->route->name));
	code = read_data(&stage, path);
	if (!code)
		code = play(&stage, &outcome);
	fflush(stdout);
	finish_report(&stage, outcome);
out:
	if (stage.why.len > 0 && (!is_json || !stage.report))
		fprintf(stderr, "hooksync-worker: %s\n", buf_text(&stage.why));
	doc_free(stage.requests);
	doc_free(stage.report);
	plan_unref(stage.plan);
	buf_fini(&stage.data);
	buf_fini(&stage.source);
	buf_fini(&stage.body);
	buf_fini(&stage.why);
	return code;
}
