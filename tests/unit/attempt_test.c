/*
 * attempt: jobs run against a small server inside this process, on the same
 * loop: what is asked for, in which order, and how the job ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/bounds.h"
#include "base/log.h"
#include "conf/conf.h"
#include "worker/attempt.h"
#include "worker/source.h"
#include "worker/target.h"

/* libconfig 1.5 keeps a little at errors; not ours to free */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

#define MAX_SEEN 64
#define MAX_ATTEMPTS 16

struct seen { /* one request the server got */
	char line[256];
	char key[64];
	char auth[64];
	char body[256];
};

static struct {
	struct event_base *base;
	struct evhttp *server;
	int port;
	struct conf *conf;
	struct plan *plan;
	struct http *http;
	struct map *map;
	struct attempt_env env;
	/* what the server does */
	int crm_status;
	int erp_status;
	const char *crm_body;
	const char *retry_after;
	bool is_silent; /* it answers nothing at all */
	struct seen seen[MAX_SEEN];
	unsigned n_seen;
	unsigned n_inside, max_inside;
	/* what the attempts did */
	struct attempt *attempts[MAX_ATTEMPTS];
	unsigned n_attempts;
	unsigned n_ended;
	unsigned n_wanted;
} w;

/* ---- the server ---- */

static void
answer_later(evutil_socket_t fd, short what, void *ctx)
{
	struct evhttp_request *request = ctx;
	const char *uri = evhttp_request_get_uri(request);
	const bool is_crm = strncmp(uri, "/crm", 4) == 0;
	struct evbuffer *body = evbuffer_new();

	(void)fd;
	(void)what;
	w.n_inside--;
	if (is_crm)
		evbuffer_add_printf(body, "%s", w.crm_body);
	if (w.retry_after)
		evhttp_add_header(evhttp_request_get_output_headers(request),
				  "Retry-After", w.retry_after);
	evhttp_send_reply(request, is_crm ? w.crm_status : w.erp_status, NULL,
			  body);
	evbuffer_free(body);
}

static const char *
method_of(struct evhttp_request *request)
{
	switch (evhttp_request_get_command(request)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	default:
		return "?";
	}
}

static void
copy_header(struct evhttp_request *request, const char *name, char *out,
	    size_t size)
{
	const char *value = evhttp_find_header(
		evhttp_request_get_input_headers(request), name);

	snprintf(out, size, "%s", value ? value : "");
}

static void
on_request(struct evhttp_request *request, void *ctx)
{
	const struct timeval soon = { .tv_usec = 5000 };
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	struct seen *seen = &w.seen[w.n_seen++ % MAX_SEEN];

	(void)ctx;
	memset(seen, 0, sizeof(*seen));
	snprintf(seen->line, sizeof(seen->line), "%s %s", method_of(request),
		 evhttp_request_get_uri(request));
	copy_header(request, "Idempotency-Key", seen->key, sizeof(seen->key));
	copy_header(request, "Authorization", seen->auth, sizeof(seen->auth));
	evbuffer_copyout(body, seen->body, sizeof(seen->body) - 1);
	if (w.is_silent)
		return;
	if (++w.n_inside > w.max_inside)
		w.max_inside = w.n_inside;
	event_base_once(w.base, -1, EV_TIMEOUT, answer_later, request, &soon);
}

/* ---- the worker's rooms around an attempt ---- */

static const char *
environment(const char *name)
{
	if (strcmp(name, "HOOKSYNC_SECRET_CRM_TOKEN") == 0)
		return "token";
	if (strcmp(name, "HOOKSYNC_SECRET_ERP_LOGIN") == 0)
		return "user:word";
	return NULL;
}

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	(void)ctx;
	if (severity == CONF_ERROR)
		fprintf(stderr, "# %s\n", text);
}

static void
no_map_finding(void *ctx, const struct route *route, const char *text)
{
	(void)ctx;
	fail_msg("%s: %s", route->name, text);
}

static void
on_end(void *ctx, struct attempt *attempt)
{
	(void)ctx;
	assert_int_equal(attempt->state, ATTEMPT_ENDED);
	if (++w.n_ended == w.n_wanted)
		event_base_loopbreak(w.base);
}

static const char conf_text[] =
	"services = {\n"
	"  crm = { url = \"http://127.0.0.1:%d/crm\"; timeout = \"1s\";\n"
	"          bearer = \"secret:crm-token\"; gone_limit = 3; };\n"
	"  erp = { url = \"http://127.0.0.1:%d/erp\"; concurrency = 2;\n"
	"          timeout = \"1s\"; basic = \"secret:erp-login\"; }; };\n"
	"routes = {\n"
	"  full = { fetch = { service = \"crm\"; path = \"/i/{id}\"; };\n"
	"           map = \"if .source.bad then error(\\\"private\\\") elif "
	".source.none then empty else { n: .source.n, j: .job } end\";\n"
	"           push = { service = \"erp\"; path = \"/c/{id}?v={v}\"; };\n"
	"           gone = { service = \"erp\"; path = \"/c/{id}\"; }; };\n"
	"  raw  = { fetch = { service = \"crm\"; path = \"/i/{id}\"; };\n"
	"           push = { service = \"erp\"; path = \"/c/{id}\"; }; };\n"
	"  only = { push = { service = \"erp\"; path = \"/p/{id}\"; }; };\n"
	"  look = { fetch = { service = \"crm\"; path = \"/i/{id}\"; };\n"
	"           map = \".\"; }; };\n";

static int
open_world(void **state)
{
	char path[] = "/tmp/attempt_test.XXXXXX";
	const int fd = mkstemp(path);
	const struct conf_source source = { .path = path,
					    .role = CONF_ROLE_WORKER,
					    .env = environment };
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	(void)state;
	memset(&w, 0, sizeof(w));
	log_open("attempt_test", LOG_LEVEL_ERROR);
	w.crm_status = w.erp_status = 200;
	w.crm_body = "{\"n\": 12345678901234567890}";
	w.base = event_base_new();
	w.server = evhttp_new(w.base);
	evhttp_set_gencb(w.server, on_request, NULL);
	bound = evhttp_bind_socket_with_handle(w.server, "127.0.0.1", 0);
	assert_non_null(bound);
	getsockname(evhttp_bound_socket_get_fd(bound),
		    (struct sockaddr *)&address, &len);
	w.port = ntohs(address.sin_port);

	assert_true(fd >= 0);
	dprintf(fd, conf_text, w.port, w.port);
	close(fd);
	assert_int_equal(conf_load(&source, on_finding, NULL, &w.conf), HS_OK);
	unlink(path);
	assert_int_equal(plan_new(w.conf, no_map_finding, NULL, &w.plan),
			 HS_OK);
	w.http = http_new(w.base, 10);
	w.map = map_new(w.base, 1000);
	w.env = (struct attempt_env){
		.plan = w.plan, .http = w.http, .map = w.map, .on_end = on_end
	};
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	for (unsigned i = 0; i < w.n_attempts; i++)
		attempt_free(w.attempts[i]);
	map_free(w.map);
	http_free(w.http);
	plan_unref(w.plan);
	conf_unref(w.conf);
	evhttp_free(w.server);
	event_base_free(w.base);
	return 0;
}

static struct job *
job(const char *name, const char *data, const char *made)
{
	const char *fields[] = {
		"name",
		name,
		"data",
		data,
		"opts",
		"{\"attempts\":3,\"backoff\":{\"type\":"
		"\"exponential\",\"delay\":2000}}",
		"timestamp",
		"1",
		"delay",
		"0",
		"priority",
		"0",
		"atm",
		made,
	};
	enum { N = sizeof(fields) / sizeof(fields[0]) };
	struct reply replies[N];
	struct reply *items[N];
	struct reply hash = { .type = REPLY_ARRAY,
			      .items = items,
			      .n_items = N };
	struct job *made_job = NULL;

	memset(replies, 0, sizeof(replies));
	for (size_t i = 0; i < N; i++) {
		replies[i].type = REPLY_TEXT;
		replies[i].text = span_text(fields[i]);
		items[i] = &replies[i];
	}
	assert_int_equal(job_from_hash(span_text("job-1"), &hash, &made_job),
			 HS_OK);
	return made_job;
}

static struct attempt *
start(struct job *of)
{
	struct attempt *attempt = attempt_new(&w.env, of);

	w.attempts[w.n_attempts++] = attempt;
	w.n_wanted++;
	attempt_start(attempt);
	return attempt;
}

static void
open_gates(void)
{
	struct gate_ticket *ticket;
	enum gate_answer answer;

	for (size_t i = 0; i < w.plan->n_gates; i++)
		while ((ticket = gate_next(w.plan->gates[i], 0, &answer)))
			attempt_admit(attempt_of_ticket(ticket), answer);
}

static void
finish(void)
{
	while (w.n_ended < w.n_wanted) {
		assert_true(event_base_loop(w.base, EVLOOP_ONCE) >= 0);
		open_gates();
	}
}

static struct attempt *
run(const char *name, const char *data)
{
	struct attempt *attempt = start(job(name, data, "0"));

	finish();
	return attempt;
}

static void
ends(const struct attempt *attempt, enum finish_kind kind, const char *value)
{
	assert_int_equal(attempt->end.kind, kind);
	if (!strstr(buf_text(&attempt->end.value), value))
		fail_msg("\"%s\" lacks \"%s\"", buf_text(&attempt->end.value),
			 value);
}

/* ---- stories ---- */

static void
fetch_map_push(void **state)
{
	(void)state;
	ends(run("full", "{\"id\":\"4 2\",\"v\":12345678901234567890}"),
	     FINISH_COMPLETED, "{\"outcome\":\"pushed\",\"status\":200}");
	assert_int_equal(w.n_seen, 2);
	assert_string_equal(w.seen[0].line, "GET /crm/i/4%202");
	assert_string_equal(w.seen[0].auth, "Bearer token");
	assert_string_equal(w.seen[0].key, "");
	assert_string_equal(w.seen[1].line,
			    "PUT /erp/c/4%202?v=12345678901234567890");
	assert_string_equal(w.seen[1].auth, "Basic dXNlcjp3b3Jk");
	assert_string_equal(w.seen[1].key, "job-1");
	assert_string_equal(w.seen[1].body,
			    "{\"n\":\"12345678901234567890\",\"j\":{\"id\":"
			    "\"job-1\",\"name\":\"full\",\"attempt\":1}}");
}

static void
without_a_map_bytes_are_pushed_as_they_are(void **state)
{
	(void)state;
	ends(run("raw", "{\"id\":7}"), FINISH_COMPLETED, "pushed");
	assert_string_equal(w.seen[1].body, w.crm_body);
	ends(run("only", "{\"id\":7,\"rawPayload\": { \"x\" : 1.50 } }"),
	     FINISH_COMPLETED, "pushed");
	assert_string_equal(w.seen[2].line, "PUT /erp/p/7");
	assert_string_equal(w.seen[2].body, "{ \"x\" : 1.50 }");
	ends(run("only", "{\"id\":7}"), FINISH_FAILED, "no rawPayload");
}

static void
nothing_to_push(void **state)
{
	(void)state;
	w.crm_body = "{\"none\":true}";
	ends(run("full", "{\"id\":7,\"v\":1}"), FINISH_COMPLETED,
	     "{\"outcome\":\"empty\"}");
	ends(run("look", "{\"id\":7}"), FINISH_COMPLETED,
	     "{\"outcome\":\"skipped\"}");
	assert_int_equal(w.n_seen, 2);
}

static void
a_map_that_fails(void **state)
{
	struct attempt *attempt;

	(void)state;
	w.crm_body = "{\"bad\":true}";
	attempt = run("full", "{\"id\":7,\"v\":1}");
	ends(attempt, FINISH_FAILED, "map of route full: private");
	assert_true(attempt->end.is_private);
	assert_int_equal(w.n_seen, 1);
}

static void
jobs_that_cannot_run(void **state)
{
	struct job *deferred = job("full", "{}", "0");

	(void)state;
	ends(run("nobody", "{}"), FINISH_FAILED,
	     "no route for job name \"nobody\"");
	ends(run("full", "{}"), FINISH_FAILED, "\"id\"");
	ends(run("full", "{\"id\":null}"), FINISH_FAILED, "neither a text");
	ends(run("full", "{\"id\":1.5}"), FINISH_FAILED, "neither a text");
	ends(run("full", "{\"id\":[\"x\"]}"), FINISH_FAILED, "neither a text");
	ends(run("full", "{\"id\":\"\"}"), FINISH_FAILED, "is empty");
	ends(run("full", "{\"id\":\"..\"}"), FINISH_FAILED, "\"..\"");
	ends(run("full", "[1]"), FINISH_FAILED, "is missing");
	ends(run("full", "{\"id\":"), FINISH_FAILED, "JSON");
	deferred->deferred = xstrdup("job stalled more than allowable limit");
	ends(start(deferred), FINISH_FAILED,
	     "job stalled more than allowable limit");
	free(deferred->deferred);
	deferred->deferred = NULL;
	assert_int_equal(w.n_seen, 0);
	assert_int_equal(w.n_ended, 10);
}

static void
slashes_stay_in_their_segment(void **state)
{
	(void)state;
	ends(run("only", "{\"id\":\"../a?b#c\",\"rawPayload\":1}"),
	     FINISH_COMPLETED, "pushed");
	assert_string_equal(w.seen[0].line, "PUT /erp/p/..%2Fa%3Fb%23c");
}

static void
trouble_is_retried_by_the_jobs_backoff(void **state)
{
	struct attempt *attempt;

	(void)state;
	w.erp_status = 503;
	attempt = run("only", "{\"id\":7,\"rawPayload\":1}");
	ends(attempt, FINISH_RETRY,
	     "push to erp: 503 Service Unavailable from PUT http://127.0.0.1:");
	assert_int_equal(attempt->end.delay_ms, 2000);
	attempt = start(job("only", "{\"id\":7,\"rawPayload\":1}", "1"));
	finish();
	assert_int_equal(attempt->end.kind, FINISH_RETRY);
	assert_int_equal(attempt->end.delay_ms, 4000);
	attempt = start(job("only", "{\"id\":7,\"rawPayload\":1}", "2"));
	finish();
	ends(attempt, FINISH_FAILED, "503");
}

static void
retry_after_is_believed_and_pauses_the_gate(void **state)
{
	struct attempt *attempt;

	(void)state;
	w.erp_status = 429;
	w.retry_after = "7";
	attempt = run("only", "{\"id\":7,\"rawPayload\":1}");
	ends(attempt, FINISH_RETRY, "429 Too Many Requests");
	assert_int_equal(attempt->end.delay_ms, 7000);
	attempt = run("only", "{\"id\":7,\"rawPayload\":1}");
	ends(attempt, FINISH_POSTPONE, "Retry-After");
	assert_true(attempt->end.delay_ms > 5000);
	/* nor is the source asked for what could not be pushed */
	attempt = run("full", "{\"id\":7,\"v\":1}");
	ends(attempt, FINISH_POSTPONE, "Retry-After");
	assert_int_equal(w.n_seen, 1);
}

static void
a_shorter_retry_after_does_not_shorten_the_backoff(void **state)
{
	(void)state;
	w.erp_status = 503;
	w.retry_after = "1";
	assert_int_equal(
		run("only", "{\"id\":7,\"rawPayload\":1}")->end.delay_ms, 2000);
}

static void
refusals_fail_and_are_quoted(void **state)
{
	struct attempt *attempt;

	(void)state;
	w.crm_status = 400;
	w.crm_body = "{\"why\":\"bad id\"}";
	attempt = run("full", "{\"id\":7,\"v\":1}");
	ends(attempt, FINISH_FAILED, "fetch from crm: 400 Bad Request");
	assert_null(strstr(buf_text(&attempt->end.value), "bad id"));
	assert_non_null(strstr(buf_text(&attempt->end.stack), "bad id"));
}

static void
denied_shuts_the_gate(void **state)
{
	(void)state;
	w.crm_status = 401;
	ends(run("full", "{\"id\":7,\"v\":1}"), FINISH_FAILED,
	     "401 Unauthorized");
	ends(run("full", "{\"id\":8,\"v\":1}"), FINISH_POSTPONE, "credentials");
	/* others are unharmed */
	ends(run("only", "{\"id\":7,\"rawPayload\":1}"), FINISH_COMPLETED,
	     "pushed");
	assert_int_equal(w.n_seen, 2);
}

static void
a_redirect_is_not_followed(void **state)
{
	(void)state;
	w.crm_status = 302;
	ends(run("raw", "{\"id\":7}"), FINISH_FAILED,
	     "redirects are not followed");
	assert_int_equal(w.n_seen, 1);
}

static void
silence_is_a_timeout(void **state)
{
	(void)state;
	w.is_silent = true;
	ends(run("raw", "{\"id\":7}"), FINISH_RETRY,
	     "no whole answer within 1s");
}

static void
an_answer_that_is_no_json_fails(void **state)
{
	(void)state;
	w.crm_body = "<html>log in</html>";
	ends(run("raw", "{\"id\":7}"), FINISH_FAILED, "no JSON");
	w.crm_body = "{\"n\":NaN}";
	ends(run("raw", "{\"id\":7}"), FINISH_FAILED, "no JSON");
	w.crm_body = "";
	ends(run("raw", "{\"id\":7}"), FINISH_FAILED, "empty body");
	assert_int_equal(w.n_seen, 3);
}

static void
gone_is_told_to_the_target(void **state)
{
	(void)state;
	w.crm_status = 404;
	ends(run("full", "{\"id\":7,\"v\":1}"), FINISH_COMPLETED,
	     "{\"outcome\":\"gone\",\"status\":200}");
	assert_string_equal(w.seen[1].line, "DELETE /erp/c/7");
	assert_string_equal(w.seen[1].body, "");
	assert_string_equal(w.seen[1].key, "job-1");
	ends(run("raw", "{\"id\":7}"), FINISH_COMPLETED,
	     "{\"outcome\":\"gone\",\"status\":404}");
	assert_int_equal(w.n_seen, 3);
}

static void
too_many_gone_delete_nothing_more(void **state)
{
	unsigned n_deleted = 0, n_postponed = 0;

	(void)state;
	w.crm_status = 404;
	for (int i = 0; i < 12; i++)
		start(job("full", "{\"id\":7,\"v\":1}", "0"));
	finish();
	for (unsigned i = 0; i < w.n_seen; i++)
		n_deleted += strncmp(w.seen[i].line, "DELETE", 6) == 0;
	for (unsigned i = 0; i < w.n_attempts; i++)
		n_postponed += w.attempts[i]->end.kind == FINISH_POSTPONE;
	assert_int_equal(n_deleted, 3); /* gone_limit */
	assert_int_equal(n_postponed, 9);
	assert_true(w.attempts[11]->end.delay_ms >= 60000 - 1000);
	assert_true(w.attempts[11]->end.delay_ms <= 66000);
}

static void
a_services_concurrency_is_kept(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		start(job("only", "{\"id\":7,\"rawPayload\":1}", "0"));
	finish();
	assert_int_equal(w.n_seen, 10);
	assert_int_equal(w.max_inside, 2);
	for (int i = 0; i < 10; i++)
		assert_int_equal(w.attempts[i]->end.kind, FINISH_COMPLETED);
}

static void
what_runs_can_be_given_back_or_cancelled(void **state)
{
	struct attempt *given, *cancelled;

	(void)state;
	w.is_silent = true;
	given = start(job("only", "{\"id\":7,\"rawPayload\":1}", "0"));
	cancelled = start(job("only", "{\"id\":8,\"rawPayload\":1}", "0"));
	start(job("only", "{\"id\":9,\"rawPayload\":1}", "0"));
	assert_int_equal(w.attempts[2]->state, ATTEMPT_WAITS_PUSH);
	while (w.n_seen < 2)
		assert_true(event_base_loop(w.base, EVLOOP_ONCE) >= 0);
	attempt_give_back(given);
	attempt_cancel(cancelled);
	attempt_cancel(w.attempts[2]);
	assert_int_equal(given->end.kind, FINISH_GIVE_BACK);
	assert_int_equal(cancelled->state, ATTEMPT_CANCELLED);
	assert_int_equal(w.n_ended, 0);
	/* their slots are free */
	w.is_silent = false;
	w.n_wanted = 0;
	ends(run("only", "{\"id\":7,\"rawPayload\":1}"), FINISH_COMPLETED,
	     "pushed");
}

static void
nothing_is_sent_once_the_lock_ran_out(void **state)
{
	struct attempt *attempt;

	(void)state;
	attempt = attempt_new(&w.env,
			      job("only", "{\"id\":7,\"rawPayload\":1}", "0"));
	w.attempts[w.n_attempts++] = attempt;
	attempt->lock_due_ms = 1;
	attempt_start(attempt);
	ends(attempt, FINISH_GIVE_BACK, "lock");
	assert_int_equal(w.n_ended, 1);
	/* its slot is free, and a lock that lasts is no hindrance */
	w.n_wanted++;
	ends(run("only", "{\"id\":7,\"rawPayload\":1}"), FINISH_COMPLETED,
	     "pushed");
	assert_int_equal(w.n_seen, 1);
}

static void
a_map_under_way_can_be_cancelled(void **state)
{
	struct attempt *attempt = start(job("look", "{\"id\":7}", "0"));

	(void)state;
	while (attempt->state != ATTEMPT_MAPPING)
		assert_true(event_base_loop(w.base, EVLOOP_ONCE) >= 0);
	attempt_cancel(attempt);
	w.n_wanted = 0;
	ends(run("look", "{\"id\":8}"), FINISH_COMPLETED, "skipped");
	assert_int_equal(w.n_ended, 1);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_world, close_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fetch_map_push),
		TEST(without_a_map_bytes_are_pushed_as_they_are),
		TEST(nothing_to_push),
		TEST(a_map_that_fails),
		TEST(jobs_that_cannot_run),
		TEST(slashes_stay_in_their_segment),
		TEST(trouble_is_retried_by_the_jobs_backoff),
		TEST(retry_after_is_believed_and_pauses_the_gate),
		TEST(a_shorter_retry_after_does_not_shorten_the_backoff),
		TEST(refusals_fail_and_are_quoted),
		TEST(denied_shuts_the_gate),
		TEST(a_redirect_is_not_followed),
		TEST(silence_is_a_timeout),
		TEST(an_answer_that_is_no_json_fails),
		TEST(gone_is_told_to_the_target),
		TEST(too_many_gone_delete_nothing_more),
		TEST(a_services_concurrency_is_kept),
		TEST(what_runs_can_be_given_back_or_cancelled),
		TEST(nothing_is_sent_once_the_lock_ran_out),
		TEST(a_map_under_way_can_be_cancelled),
	};
	return cmocka_run_group_tests_name("attempt", tests, NULL, NULL);
}
