/*
 * signature_fuzz: a stranger's headers and body, and secrets that are no good.
 *
 * Input: header lines "name: value" up to an empty line, then a body. A header
 * "clock: N" sets our time in milliseconds and "secret: S" brings a second
 * secret. Whatever comes, all schemes answer yes or no; yes only where a
 * secret could be used for the scheme at all. What we sign ourselves verifies,
 * and does not when one bit of the body is another.
 */
#include "base/signature.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/num.h"

#define N_HEADERS 16
#define TOLERANCE_MS 300000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct header {
	struct span name;
	struct span value;
};

struct request {
	struct header headers[N_HEADERS];
	size_t n_headers;
	struct span body;
};

static void
read_request(struct span input, struct request *request)
{
	size_t at = 0;

	*request = (struct request){ .body = span_of(input.ptr, 0) };
	while (at < input.len && input.ptr[at] != '\n') {
		size_t start = at;
		size_t colon = SIZE_MAX;
		for (; at < input.len && input.ptr[at] != '\n'; at++) {
			if (input.ptr[at] == ':' && colon == SIZE_MAX)
				colon = at;
		}
		size_t end = at;
		if (at < input.len)
			at++; /* the line's end */
		if (colon == SIZE_MAX || request->n_headers == N_HEADERS)
			continue;
		size_t value = colon + 1;
		if (value < end && input.ptr[value] == ' ')
			value++;
		request->headers[request->n_headers++] = (struct header){
			span_of(input.ptr + start, colon - start),
			span_of(input.ptr + value, end - value)
		};
	}
	if (at < input.len)
		request->body = span_of(input.ptr + at + 1, input.len - at - 1);
}

static struct span
find_header(void *ctx, const char *name, int *n)
{
	const struct request *request = ctx;
	struct span value = span_of(NULL, 0);

	*n = 0;
	for (size_t i = 0; i < request->n_headers; i++) {
		if (!span_is_nocase(request->headers[i].name, name))
			continue;
		value = request->headers[i].value;
		if (++*n == 2)
			return span_of(NULL, 0);
	}
	return value;
}

static struct span
header_or(struct request *request, const char *name, const char *otherwise)
{
	int n;
	struct span value = find_header(request, name, &n);

	return value.ptr != NULL ? value : span_text(otherwise);
}

/* What a scheme signs must be what it verifies, and nothing else. */
static void
check_own(struct signature_rules *rules, const char *delivery_id,
	  struct span body, int64_t now_ms)
{
	struct buf signed_request;
	struct request request;
	const char *why = NULL;
	size_t which = 99;

	buf_init(&signed_request, 65536);
	enum hs_err err = signature_sign(rules, delivery_id, body, now_ms,
					 &signed_request);
	if (err != HS_OK) {
		log_assert(signed_request.len == 0);
		buf_fini(&signed_request);
		return;
	}
	read_request(buf_span(&signed_request), &request);
	err = signature_verify(rules, find_header, &request, body, now_ms,
			       &which, &why);
	log_assert(err == HS_OK);
	log_assert(which == 0 || rules->scheme == SIGNATURE_NONE);
	if (rules->scheme == SIGNATURE_GITHUB ||
	    rules->scheme == SIGNATURE_STANDARD_WEBHOOKS) {
		struct span id = signature_delivery_id(rules->scheme,
						       find_header, &request);
		log_assert(span_is(id, delivery_id));
		struct buf other;
		buf_init(&other, body.len + 1);
		log_assert(buf_add_span(&other, body) == HS_OK);
		if (body.len > 0)
			other.data[now_ms % (int64_t)body.len] ^=
				(unsigned char)(1 << (now_ms & 7));
		else
			log_assert(buf_add_byte(&other, 'x') == HS_OK);
		err = signature_verify(rules, find_header, &request,
				       buf_span(&other), now_ms, &which, &why);
		log_assert(err == HS_DENIED);
		buf_fini(&other);
	}
	buf_fini(&signed_request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const fixed[SIGNATURE_N_SCHEMES] = {
		[SIGNATURE_NONE] = "",
		[SIGNATURE_TOKEN] = "open sesame",
		[SIGNATURE_GITHUB] = "It's a Secret to Everybody",
		[SIGNATURE_STANDARD_WEBHOOKS] =
			"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	};
	struct request request;
	uint64_t clock_ms = 1614265330000; /* that of the published vector */

	read_request(span_of(data, size), &request);
	(void)!num_u64(header_or(&request, "clock", ""), INT64_MAX, &clock_ms);
	struct span own = header_or(&request, "secret", "");

	for (int i = 0; i < SIGNATURE_N_SCHEMES; i++) {
		enum signature_scheme scheme = (enum signature_scheme)i;
		struct span secrets[2] = { own, span_text(fixed[i]) };
		struct signature_rules rules = {
			.scheme = scheme,
			.token_header = "X-Hook-Token",
			.secrets = secrets,
			.n_secrets = 2,
			.tolerance_past_ms = TOLERANCE_MS,
			.tolerance_future_ms = TOLERANCE_MS,
		};
		const char *why = NULL;
		size_t which = 99;
		enum hs_err usable = signature_secret_check(scheme, own, &why);
		log_assert((usable == HS_OK) == (why == NULL));

		why = NULL;
		enum hs_err err = signature_verify(
			&rules, find_header, &request, request.body,
			(int64_t)clock_ms, &which, &why);
		log_assert(err == HS_OK || (err == HS_DENIED && why != NULL));
		if (err == HS_OK && scheme != SIGNATURE_NONE) {
			log_assert(which < 2);
			log_assert(which == 1 || own.len > 0);
		}
		(void)signature_delivery_id(scheme, find_header, &request);

		char *id = span_dup(header_or(&request, "webhook-id", "d-1"));
		if (id == NULL)
			return 0;
		check_own(&rules, id, request.body, (int64_t)clock_ms);
		free(id);
	}
	return 0;
}
