/*
 * outcome: one table from what came back over HTTP to what becomes of the job.
 *
 * The first row that fits counts. A row fits by the kind of result, by a range
 * of status codes where there was an answer, and by the step: 404 on a fetch is
 * news (the object is gone), 404 on telling a target so is success (it has no
 * such object either), 404 on a push is a mistake in the route. Redirects are
 * failures: following one would carry credentials to whoever the answer names.
 *
 * Known limit: 403 is taken as "our credentials are refused" and shuts the
 * gate, though a service may mean one object only; the probe opens it again.
 */
#include "worker/outcome.h"

#include <stddef.h>

#include "base/num.h"

#define ON_FETCH (1u << OUTCOME_FETCH)
#define ON_PUSH (1u << OUTCOME_PUSH)
#define ON_GONE (1u << OUTCOME_GONE_CALL)
#define ON_ALL (ON_FETCH | ON_PUSH | ON_GONE)

struct rule {
	enum http_result result;
	int from, to; /* status, inclusive; to 0: any, or none */
	unsigned steps;
	struct outcome outcome;
};

static const struct rule rules[] = {
	{ HTTP_ANSWERED,
	  200,
	  299,
	  ON_ALL,
	  { OUTCOME_DONE, OUTCOME_FINE, NULL } },
	{ HTTP_ANSWERED,
	  304,
	  304,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_FINE,
	    "an answer to a condition that was not asked: look for a cache in "
	    "front of the service" } },
	{ HTTP_ANSWERED,
	  300,
	  399,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_FINE,
	    "redirects are not followed (Location is ignored): write the "
	    "final address into the service's url" } },
	{ HTTP_ANSWERED,
	  401,
	  401,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_DENIED,
	    "check the service's bearer or basic secret" } },
	{ HTTP_ANSWERED,
	  403,
	  403,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_DENIED,
	    "check what the service's credentials may do" } },
	{ HTTP_ANSWERED,
	  404,
	  404,
	  ON_FETCH,
	  { OUTCOME_GONE, OUTCOME_FINE, NULL } },
	{ HTTP_ANSWERED,
	  410,
	  410,
	  ON_FETCH,
	  { OUTCOME_GONE, OUTCOME_FINE, NULL } },
	{ HTTP_ANSWERED,
	  404,
	  404,
	  ON_GONE,
	  { OUTCOME_DONE, OUTCOME_FINE, NULL } },
	{ HTTP_ANSWERED,
	  410,
	  410,
	  ON_GONE,
	  { OUTCOME_DONE, OUTCOME_FINE, NULL } },
	{ HTTP_ANSWERED,
	  408,
	  408,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_TROUBLE, NULL } },
	{ HTTP_ANSWERED,
	  425,
	  425,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_TROUBLE, NULL } },
	{ HTTP_ANSWERED,
	  429,
	  429,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_PAUSE, NULL } },
	{ HTTP_ANSWERED,
	  503,
	  503,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_PAUSE, NULL } },
	{ HTTP_ANSWERED,
	  502,
	  504,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_TROUBLE, NULL } },
	/* a well-known gateway's own words for "your server is down" */
	{ HTTP_ANSWERED,
	  520,
	  530,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_TROUBLE, NULL } },
	{ HTTP_ANSWERED,
	  500,
	  599,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_BROKEN, NULL } },
	{ HTTP_ANSWERED,
	  400,
	  499,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_FINE, NULL } },
	{ HTTP_TIMEOUT,
	  0,
	  0,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_TROUBLE, NULL } },
	{ HTTP_UNREACHABLE,
	  0,
	  0,
	  ON_ALL,
	  { OUTCOME_RETRY, OUTCOME_TROUBLE, NULL } },
	{ HTTP_CUT, 0, 0, ON_ALL, { OUTCOME_RETRY, OUTCOME_TROUBLE, NULL } },
	/* what a target says after "yes" is not read anyway */
	{ HTTP_TOO_BIG,
	  200,
	  299,
	  ON_PUSH | ON_GONE,
	  { OUTCOME_DONE, OUTCOME_FINE, NULL } },
	{ HTTP_TOO_BIG,
	  0,
	  0,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_FINE,
	    "raise the service's max_body if this is what it should say" } },
	{ HTTP_TLS,
	  0,
	  0,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_DENIED,
	    "its certificate is not trusted here" } },
	{ HTTP_INVALID,
	  0,
	  0,
	  ON_ALL,
	  { OUTCOME_FAIL, OUTCOME_FINE,
	    "check the service's url and the route's path" } },
};

struct outcome
outcome_of(enum outcome_step step, enum http_result result, int status)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];

		if (rule->result != result || !(rule->steps & (1u << step)))
			continue;
		if (rule->to && (status < rule->from || status > rule->to))
			continue;
		return rule->outcome;
	}
	/* a status that HTTP does not know */
	return (struct outcome){ OUTCOME_FAIL, OUTCOME_FINE,
				 "this is no final HTTP status" };
}

/* RFC 9110 15, RFC 6585, RFC 8470: those a service is likely to answer. */
static const char *
status_words(int status)
{
	static const struct {
		int status;
		const char *words;
	} known[] = {
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" },
		{ 423, "Locked" },
		{ 425, "Too Early" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].words;
	return NULL;
}

static void
note_what(const struct http_answer *answer, int64_t timeout_ms, struct buf *out)
{
	const char *words;
	char duration[32];

	switch (answer->result) {
	case HTTP_ANSWERED:
		words = status_words(answer->status);
		buf_notef(out, "%d%s%s from", answer->status, words ? " " : "",
			  words ? words : "");
		return;
	case HTTP_TIMEOUT:
		num_duration_text(timeout_ms, duration, sizeof(duration));
		buf_notef(out, "no whole answer within %s from", duration);
		return;
	case HTTP_UNREACHABLE:
		buf_notef(out, "cannot reach");
		break;
	case HTTP_CUT:
		buf_notef(out, "the connection was cut during");
		break;
	case HTTP_TOO_BIG:
		buf_notef(out, "the answer is too big from");
		return;
	case HTTP_TLS:
		buf_notef(out, "TLS failed with");
		break;
	case HTTP_INVALID:
		buf_notef(out, "cannot send");
		break;
	}
}

void
outcome_reason(enum outcome_step step, const char *service, const char *method,
	       struct span url, int64_t timeout_ms,
	       const struct http_answer *answer, struct buf *out)
{
	static const char *const steps[] = {
		[OUTCOME_FETCH] = "fetch from",
		[OUTCOME_PUSH] = "push to",
		[OUTCOME_GONE_CALL] = "gone call to",
	};
	const struct outcome outcome =
		outcome_of(step, answer->result, answer->status);
	size_t len = 0;

	while (len < url.len && url.ptr[len] != '?' && url.ptr[len] != '#')
		len++;
	buf_notef(out, "%s %s: ", steps[step], service);
	note_what(answer, timeout_ms, out);
	buf_notef(out, " %s %.*s", method, (int)len, (const char *)url.ptr);
	if (answer->result != HTTP_ANSWERED && answer->result != HTTP_TIMEOUT &&
	    answer->result != HTTP_TOO_BIG && answer->text &&
	    answer->text[0] != '\0')
		buf_notef(out, " (%s)", answer->text);
	if (outcome.advice)
		buf_notef(out, ": %s", outcome.advice);
}
