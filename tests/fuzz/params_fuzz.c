/*
 * params_fuzz: whatever a web server could hand us as CGI variables. The input is
 * "NAME=value" texts, each ending in a NUL (or at the end).
 *
 * Looked for, apart from memory errors: a request without a method, a
 * length over its limit, a request id or a job id that is not harmless, a
 * status that reply knows nothing of, and answers that change when asked again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/log.h"
#include "fcgi/ident.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/router.h"
#include "fcgi/verify.h"
#include "queue/keys.h"

#define MAX_VARIABLES 64
#define MAX_LENGTH 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_status(int status, const char *id)
{
	struct buf out;
	if (status == 0)
		return;
	buf_init(&out, REPLY_BYTES);
	reply_problem(&out, status, "x", NULL, 0, false, id); /* or bug */
	log_assert(out.len > 0 && out.data[out.len - 1] == '}');
	buf_fini(&out);
}

static void
check_id(const char *const *env)
{
	char id[REQUEST_ID_BYTES + 1];
	request_id(env, id);
	size_t len = strlen(id);
	log_assert(len > 0 && len <= REQUEST_ID_BYTES);
	for (size_t i = 0; i < len; i++)
		log_assert(id[i] > ' ' && id[i] != '"' && id[i] != '\\' &&
			   id[i] < 0x7f);
}

static void
check_job_id(const struct endpoint *endpoint, const struct request *request)
{
	static char name[] = "waiting-a";
	static struct endpoint neighbour = { .name = name };
	static struct endpoint *const all[] = { &neighbour, NULL };
	struct span delivery;
	struct buf id;
	if (ident_delivery(endpoint, request, &delivery) != HS_OK)
		return;
	buf_init(&id, IDENT_BYTES);
	log_assert(ident_job_id(endpoint->name, all, delivery, &id) == HS_OK);
	log_assert(keys_job_id_is_valid(buf_span(&id)));
	buf_fini(&id);
}

static void
check_request(const struct request *request)
{
	static char name[] = "waiting";
	static char path[] = "/a";
	static char header[] = "X-Id";
	static char token_header[] = "X-Token";
	static struct secret secret = { .name = NULL };
	static const struct secret *secrets[] = { &secret };
	struct endpoint endpoint = { .name = name,
				     .path = path,
				     .delivery_header = header,
				     .token_header = token_header,
				     .secrets = secrets,
				     .n_secrets = 1,
				     .tolerance_past_ms = 1000,
				     .tolerance_future_ms = 1000 };
	struct endpoint *list[] = { &endpoint, NULL };
	const struct conf conf = { .endpoints = list };
	const struct endpoint *found;
	const char *why = NULL;
	int64_t length = -1;
	if (secret.value.len == 0) {
		buf_init(&secret.value, 64);
		log_assert(buf_add_text(&secret.value,
					"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ==
			   HS_OK);
	}
	log_assert(request->method.len > 0);
	log_assert(request->path.ptr != NULL || request->path_rest.len > 0);
	enum router_kind kind = router_find(&conf, request, &found);
	log_assert((kind == ROUTER_ENDPOINT) == (found == &endpoint));
	if (kind != ROUTER_NONE)
		(void)router_method_is_allowed(kind, request->method);
	int status = request_check_length(request, MAX_LENGTH, &length);
	log_assert(status != 0 || (length >= 0 && length <= MAX_LENGTH));
	check_status(status, "x");
	status = request_check_type(request);
	log_assert(status == request_check_type(request));
	check_status(status, "x");
	check_status(request_check_encoding(request), "x");
	for (int scheme = 0; scheme < SIGNATURE_N_SCHEMES; scheme++) {
		endpoint.scheme = (enum signature_scheme)scheme;
		endpoint.delivery_header = scheme % 2 == 0 ? header : NULL;
		check_job_id(&endpoint, request);
		enum hs_err err = verify_request(&endpoint, request,
						 span_text("{}"), 0, &why);
		log_assert(err == HS_OK || (err == HS_DENIED && why != NULL));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xcalloc(1, size + 1);
	const char *env[MAX_VARIABLES + 1] = { NULL };
	size_t n = 0;
	struct request request;
	const char *why = NULL;
	memcpy(text, data, size);
	for (size_t at = 0; at < size && n < MAX_VARIABLES;
	     at += strlen(text + at) + 1)
		env[n++] = text + at;
	env[n] = NULL;
	check_id(env);
	if (request_parse(env, &request, &why) == HS_OK)
		check_request(&request);
	else
		log_assert(why != NULL);
	free(text);
	return 0;
}
