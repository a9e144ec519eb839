/*
 * The responder, asked as a web server asks it, with a real Redis behind it: good
 * deliveries of all schemes, redeliveries, slow peers and rude ones, a table of
 * bad requests, Redis coming and going, and new settings.
 *
 * The program under test is $top_builddir/hooksync-fcgi (else ./hooksync-fcgi),
 * HOOKSYNC_WRAP in front of it ("valgrind -q"); HOOKSYNC_SLOW multiplies the
 * deadlines that are only there to end a test that hangs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/digest.h"
#include "base/signature.h"
#include "redis/resp.h"
#include "tests/lib/fcgi_peer.h"
#include "tests/lib/redis_server.h"

#define BYTES (4 * 1024 * 1024)
#define MAX_PARAMS 64
#define WEBHOOKS_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define GITHUB_SECRET "It's a Secret to Everybody"
#define TOKEN_SECRET "a-token-nobody-guesses"
#define IDENTITY_BODY "{\"identityId\":\"i-1\",\"action\":\"created\"}"
#define REQUEST_TIMEOUT_MS 2000

static char folder[] = "/tmp/hooksync-it.XXXXXX";
static char *sock;
static struct redis_server *redis;
static int redis_fd = -1;
static pid_t responder;
static int patience_ms = 10000;

/* ---- the stage ---- */

static void
nap(void)
{
	const struct timespec pause = { 0, 5000000 };
	nanosleep(&pause, NULL);
}

static void
write_file(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	free(path);
}

static void
make_folder(const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
}

static void
write_settings(void)
{
	make_folder("secrets");
	make_folder("conf.d");
	write_file("secrets/webhooks", WEBHOOKS_SECRET "\n");
	write_file("secrets/github", GITHUB_SECRET);
	write_file("secrets/token", TOKEN_SECRET);
	char *text = xasprintf(
		"redis = { url = \"unix:%s\"; };\n"
		"log = { level = \"debug\"; };\n"
		"responder = { request_timeout = \"%dms\"; max_body = "
		"\"2MiB\"; retry_after = \"7s\"; };\n"
		"endpoints = {\n"
		"  open = { path = \"/open\"; job = \"open-job\";\n"
		"    data = { identityId = \"/identityId\"; kind = \"/kind?\"; "
		"action = \"/action\"; };\n"
		"    verify = { scheme = \"none\"; };\n"
		"    delivery_header = \"X-Delivery-Id\"; };\n"
		"  plain = { path = \"/plain\"; max_body = \"64KiB\";\n"
		"    verify = { scheme = \"none\"; }; };\n"
		"  identity = { path = \"/webhooks/identity\";\n"
		"    data = { identityId = \"/identityId\"; action = "
		"\"/action\"; };\n"
		"    verify = { scheme = \"standard-webhooks\";\n"
		"      secrets = [ \"secret:github\", \"secret:webhooks\" ]; "
		"}; "
		"};\n"
		"  invoice = { path = \"/webhooks/invoice\"; queue = "
		"\"invoices\";\n"
		"    data = { identityId = \"/identityId\"; };\n"
		"    verify = { scheme = \"github\"; secrets = [ "
		"\"secret:github\" ]; };\n"
		"    delivery_header = \"X-GitHub-Delivery\"; };\n"
		"  token = { path = \"/webhooks/token\";\n"
		"    verify = { scheme = \"token\"; header = \"X-Token\"; "
		"secrets = [ \"secret:token\" ]; }; };\n"
		"};\n",
		redis_server_unix_path(redis), REQUEST_TIMEOUT_MS);
	/* standard-webhooks wants base64: no GitHub secret there */
	char *odd = strstr(text, "\"secret:github\", \"secret:webhooks\"");
	memset(odd, ' ', strlen("\"secret:github\","));
	write_file("hooksync.conf", text);
	free(text);
}

static void
start_responder(void)
{
	const char *build = getenv("top_builddir");
	char *program =
		xasprintf("%s/hooksync-fcgi", build != NULL ? build : ".");
	char *conf = xasprintf("%s/hooksync.conf", folder);
	char *listen = xasprintf("unix:%s", sock);
	char *log = xasprintf("%s/log", folder);
	fflush(stdout);
	responder = fork();
	assert_true(responder >= 0);
	if (responder == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* as if it came while the program starts */
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGHUP);
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		int null = open("/dev/null", O_RDONLY);
		dup2(null, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execl("/bin/sh", "sh", "-c",
		      "exec ${HOOKSYNC_WRAP:-} \"$0\" \"$@\"", program,
		      "--config", conf, "--listen", listen, (char *)NULL);
		_exit(127);
	}
	free(program);
	free(conf);
	free(listen);
	free(log);
}

/* Its exit code; -1 when it had to be killed. */
static int
stop_responder(int signal_number)
{
	int64_t due_ms = clock_mono_ms() + patience_ms;
	int status = 0;
	kill(responder, signal_number);
	while (waitpid(responder, &status, WNOHANG) == 0) {
		if (clock_mono_ms() > due_ms) {
			kill(responder, SIGKILL);
			waitpid(responder, &status, 0);
		}
		nap();
	}
	responder = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
log_has(const char *text)
{
	char *path = xasprintf("%s/log", folder);
	FILE *f = fopen(path, "r");
	char line[4096];
	bool found = false;
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strstr(line, text) != NULL;
	if (f != NULL)
		fclose(f);
	free(path);
	return found;
}

static size_t
n_in_log(const char *text)
{
	char *path = xasprintf("%s/log", folder);
	FILE *f = fopen(path, "r");
	char line[4096];
	size_t n = 0;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	if (f != NULL)
		fclose(f);
	free(path);
	return n;
}

/* Until the log has more lines with the text than n. */
static void
wait_log(const char *text, size_t n)
{
	int64_t due_ms = clock_mono_ms() + patience_ms;
	while (n_in_log(text) <= n) {
		assert_true(clock_mono_ms() < due_ms);
		nap();
	}
}

/* ---- Redis, asked directly ---- */

static int
redis_connect(void)
{
	return fcgi_peer_connect(redis_server_unix_path(redis));
}

static struct reply *
redis_call(const char *command)
{
	struct span args[16];
	size_t n = 0;
	struct buf out;
	struct reply *reply = NULL;
	struct resp_reader *reader = resp_reader_new();
	buf_init(&out, 65536);
	for (const char *at = command; *at != '\0';) {
		size_t len = strcspn(at, " ");
		args[n++] = span_of(at, len);
		at += len;
		at += strspn(at, " ");
	}
	assert_int_equal(resp_command(&out, args, n), HS_OK);
	assert_true(fcgi_peer_send(redis_fd, buf_span(&out)));
	while (resp_reader_next(reader, &reply) == HS_AGAIN) {
		char chunk[65536];
		ssize_t got = recv(redis_fd, chunk, sizeof(chunk), 0);
		assert_true(got > 0);
		assert_int_equal(resp_reader_feed(reader, chunk, (size_t)got),
				 HS_OK);
	}
	assert_non_null(reply);
	buf_fini(&out);
	resp_reader_free(reader);
	return reply;
}

static int64_t
redis_number(const char *command)
{
	struct reply *reply = redis_call(command);
	assert_int_equal(reply->type, REPLY_INTEGER);
	int64_t n = reply->integer;
	reply_free(reply);
	return n;
}

static void
assert_redis(const char *command, const char *expected)
{
	struct reply *reply = redis_call(command);
	if (expected == NULL) {
		assert_int_equal(reply->type, REPLY_NIL);
	} else {
		assert_true(reply->type == REPLY_TEXT ||
			    reply->type == REPLY_STATUS);
		assert_string_equal((const char *)reply->text.ptr, expected);
	}
	reply_free(reply);
}

static void
flush(void)
{
	reply_free(redis_call("FLUSHALL"));
}

/* ---- requests ---- */

struct shape {              /* of one request; NULL and 0 mean the good case */
	const char *uri;    /* "/open" */
	const char *method; /* "POST" */
	const char *type;   /* "application/json" */
	const char *length; /* that of the body */
	const char *headers[6]; /* "HTTP_X=y"; more parameters */
	struct span body;       /* ptr NULL: IDENTITY_BODY */
};
#define NONE "(none)" /* for type, method, length, uri: leave it out */

static void
add_param(char **params, size_t *n, const char *name, const char *value,
	  const char *fallback)
{
	if (value == NULL)
		value = fallback;
	if (strcmp(value, NONE) == 0)
		return;
	assert_true(*n < MAX_PARAMS);
	params[(*n)++] = xasprintf("%s=%s", name, value);
	params[*n] = NULL;
}

static struct span
shape_body(const struct shape *shape)
{
	return shape->body.ptr != NULL ? shape->body : span_text(IDENTITY_BODY);
}

static void
build(const struct shape *shape, char *const *more, int id, int flags,
      struct buf *out)
{
	char *params[MAX_PARAMS + 1] = { NULL };
	size_t n = 0;
	struct span body = shape_body(shape);
	char length[32];
	snprintf(length, sizeof(length), "%zu", body.len);
	add_param(params, &n, "REQUEST_METHOD", shape->method, "POST");
	add_param(params, &n, "REQUEST_URI", shape->uri, "/open");
	add_param(params, &n, "CONTENT_TYPE", shape->type, "application/json");
	add_param(params, &n, "CONTENT_LENGTH", shape->length, length);
	add_param(params, &n, "SERVER_PROTOCOL", NULL, "HTTP/1.1");
	for (size_t i = 0; i < 6 && shape->headers[i] != NULL; i++)
		params[n++] = xstrdup(shape->headers[i]);
	for (size_t i = 0; more != NULL && more[i] != NULL; i++)
		params[n++] = xstrdup(more[i]);
	params[n] = NULL;
	fcgi_peer_request(out, id, flags, (const char *const *)params, body);
	for (size_t i = 0; i < n; i++)
		free(params[i]);
}

static int
open_peer(void)
{
	int fd = fcgi_peer_connect(sock);
	assert_true(fd >= 0);
	return fd;
}

static void
ask_on(int fd, const struct shape *shape, char *const *more, int flags,
       struct fcgi_answer *answer)
{
	struct buf bytes;
	buf_init(&bytes, BYTES);
	build(shape, more, 1, flags, &bytes);
	(void)fcgi_peer_send(fd, buf_span(&bytes));
	buf_fini(&bytes);
	fcgi_peer_read(fd, patience_ms, answer);
}

/* One request on a connection of its own; its status. */
static int
ask_with(const struct shape *shape, char *const *more)
{
	struct fcgi_answer answer;
	int fd = open_peer();
	ask_on(fd, shape, more, 0, &answer);
	int status = answer.status;
	assert_false(answer.is_timeout);
	if (status != 0)
		assert_true(fcgi_peer_is_closed(fd, patience_ms));
	fcgi_answer_fini(&answer);
	close(fd);
	return status;
}

static int
ask(const struct shape *shape)
{
	return ask_with(shape, NULL);
}

/* "webhook-id: x\n..." as CGI variables; the caller frees. */
static char **
sign(enum signature_scheme scheme, const char *secret, const char *id,
     struct span body, int64_t at_ms)
{
	struct span secrets[] = { span_text(secret) };
	const struct signature_rules rules = {
		.scheme = scheme,
		.token_header = "X-Token",
		.secrets = secrets,
		.n_secrets = 1,
		.tolerance_past_ms = 300000,
		.tolerance_future_ms = 300000,
	};
	struct buf text;
	char **params = xcalloc(16, sizeof(*params));
	size_t n = 0;
	buf_init(&text, 65536);
	assert_int_equal(signature_sign(&rules, id, body, at_ms, &text), HS_OK);
	for (char *line = (char *)text.data; line != NULL && *line != '\0';) {
		char *end = strchr(line, '\n');
		char *colon = strstr(line, ": ");
		*end = '\0';
		*colon = '\0';
		for (char *c = line; *c != '\0'; c++)
			*c = (char)(*c == '-'                ? '_'
				    : *c >= 'a' && *c <= 'z' ? *c - 32
							     : *c);
		params[n++] = xasprintf("HTTP_%s=%s", line, colon + 2);
		line = end + 1;
	}
	buf_fini(&text);
	return params;
}

static void
free_params(char **params)
{
	for (size_t i = 0; params[i] != NULL; i++)
		free(params[i]);
	free(params);
}

static void
wait_ready(void)
{
	const struct shape ready = { .uri = "/readyz",
				     .method = "GET",
				     .length = NONE,
				     .type = NONE,
				     .body = span_of("", 0) };
	int64_t due_ms = clock_mono_ms() + patience_ms;
	for (;;) {
		int fd = fcgi_peer_connect(sock);
		if (fd >= 0) {
			close(fd);
			if (ask(&ready) == 200)
				return;
		}
		assert_true(clock_mono_ms() < due_ms);
		nap();
	}
}

/* ---- good deliveries ---- */

static void
test_open(void **state)
{
	const struct shape shape = {
		.headers = { "HTTP_X_DELIVERY_ID=d-1",
			     "HTTP_X_REQUEST_ID=req.1" },
		.body = span_text("{ \"identityId\" : 12345678901234567890, "
				  "\"action\":\"cr\\u0065ated\" }\n"),
	};
	struct fcgi_answer answer;
	(void)state;
	flush();
	int fd = open_peer();
	ask_on(fd, &shape, NULL, 0, &answer);
	assert_int_equal(answer.status, 200);
	assert_true(span_is(answer.body, "{\"success\":true}"));
	char *id = fcgi_answer_header(&answer, "X-Request-Id");
	assert_non_null(id);
	assert_string_equal(id, "req.1");
	free(id);
	fcgi_answer_fini(&answer);
	close(fd);
	assert_redis("HGET bull:sync:open-d-1 name", "open-job");
	assert_redis("HGET bull:sync:open-d-1 data",
		     "{\"identityId\":12345678901234567890,"
		     "\"action\":\"cr\\u0065ated\",\"rawPayload\":"
		     "{ \"identityId\" : 12345678901234567890, "
		     "\"action\":\"cr\\u0065ated\" }\n}");
	assert_redis("HGET bull:sync:open-d-1 opts",
		     "{\"attempts\":3,\"backoff\":{\"type\":\"exponential\","
		     "\"delay\":2000},\"jobId\":\"open-d-1\"}");
	assert_redis("LINDEX bull:sync:wait 0", "open-d-1");
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 1);
	assert_true(log_has("job added queue=sync job=open-d-1 endpoint=open "
			    "request=req.1"));
	/* the sender's repeat is the same job */
	assert_int_equal(ask(&shape), 200);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 1);
	assert_true(log_has("redelivery: the job is there already queue=sync "
			    "job=open-d-1"));
	/* without an id one is drawn; an optional field is taken */
	const struct shape other = {
		.uri = "/open?a=b",
		.body = span_text("{\"identityId\":\"x\",\"action\":\"a\","
				  "\"kind\":\"k\"}"),
	};
	assert_int_equal(ask(&other), 200);
	assert_int_equal(ask(&other), 200);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 3);
}

static void
test_schemes(void **state)
{
	struct span body = span_text(IDENTITY_BODY);
	struct shape shape = { .uri = "/webhooks/identity" };
	(void)state;
	flush();
	char **params = sign(SIGNATURE_STANDARD_WEBHOOKS, WEBHOOKS_SECRET,
			     "msg_1", body, clock_wall_ms());
	assert_int_equal(ask_with(&shape, params), 200);
	free_params(params);
	assert_redis("HGET bull:sync:identity-msg_1 name", "identity");
	assert_redis("HGET bull:sync:identity-msg_1 data",
		     "{\"identityId\":\"i-1\",\"action\":\"created\","
		     "\"rawPayload\":" IDENTITY_BODY "}");

	shape.uri = "/webhooks/invoice";
	shape.headers[0] = "HTTP_X_GITHUB_DELIVERY=72d3162e-cc78";
	params = sign(SIGNATURE_GITHUB, GITHUB_SECRET, "x", body, 0);
	for (size_t i = 0; params[i] != NULL; i++) {
		/* the delivery id is the one above */
		if (strncmp(params[i], "HTTP_X_GITHUB", 13) == 0)
			params[i][12] = 'X';
	}
	assert_int_equal(ask_with(&shape, params), 200);
	free_params(params);
	assert_redis("HGET bull:invoices:invoice-72d3162e-cc78 name",
		     "invoice");
	assert_int_equal(redis_number("LLEN bull:invoices:wait"), 1);

	shape.uri = "/webhooks/token";
	shape.headers[0] = "HTTP_X_TOKEN=" TOKEN_SECRET;
	assert_int_equal(ask(&shape), 200);
	shape.uri = "/plain";
	shape.headers[0] = NULL;
	assert_int_equal(ask(&shape), 200);
	shape.type = NONE;
	assert_int_equal(ask(&shape), 200);
	shape.type = "application/cloudevents+json; charset=UTF-8";
	assert_int_equal(ask(&shape), 200);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 5);
}

/* Whatever a sender calls its delivery, the id is harmless. */
static void
test_odd_delivery_ids(void **state)
{
	const char *const ids[] = {
		"HTTP_X_DELIVERY_ID=marker",   "HTTP_X_DELIVERY_ID=a:b",
		"HTTP_X_DELIVERY_ID=..",       "HTTP_X_DELIVERY_ID=../../x",
		"HTTP_X_DELIVERY_ID=\xff\xfe", "HTTP_X_DELIVERY_ID=0"
	};
	char *long_id = xcalloc(1, 20 + 1000);
	(void)state;
	flush();
	for (size_t i = 0; i < 6; i++) {
		const struct shape shape = { .headers = { ids[i] } };
		assert_int_equal(ask(&shape), 200);
		assert_int_equal(ask(&shape), 200);
	}
	memcpy(long_id, "HTTP_X_DELIVERY_ID=", 19);
	memset(long_id + 19, 'x', 1000);
	const struct shape shape = { .headers = { long_id } };
	assert_int_equal(ask(&shape), 200);
	free(long_id);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 7);
	assert_int_equal(redis_number("EXISTS bull:sync:open-marker"), 1);
	assert_int_equal(redis_number("EXISTS bull:sync:open-6783a31eabf68ccc"
				      "0660f935c0826282bdd2241f3a80a9f2d10d59"
				      "aea9ebb5d8"),
			 1);
	assert_redis("TYPE bull:sync:marker", "zset");
}

/* What names a key of the queue, or would split one, is an id like any other
 * as long as it stays in the data; a worker encodes it for its path. */
static void
test_odd_data_ids(void **state)
{
	const struct shape shapes[] = {
		{ .body = span_text("{\"identityId\":\"marker\",\"action\":"
				    "\"a\"}") },
		{ .body = span_text(
			  "{\"identityId\":\"a:b\",\"action\":\"a\"}") },
		{ .body = span_text("{\"identityId\":\"wait\",\"action\":"
				    "\"../..\"}") },
	};
	(void)state;
	flush();
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ask(&shapes[i]), 200);
	assert_redis("TYPE bull:sync:marker", "zset");
	assert_redis("TYPE bull:sync:wait", "list");
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 3);
}

static void
test_failed_is_retried(void **state)
{
	const struct shape shape = { .headers = { "HTTP_X_DELIVERY_ID=f-1" } };
	(void)state;
	flush();
	assert_int_equal(ask(&shape), 200);
	/* as a worker leaves it */
	assert_int_equal(redis_number("LREM bull:sync:wait 1 open-f-1"), 1);
	assert_int_equal(redis_number("ZADD bull:sync:failed 1 open-f-1"), 1);
	(void)redis_number("HSET bull:sync:open-f-1 failedReason gone atm 3 "
			   "ats 3 finishedOn 1 processedOn 1");
	assert_int_equal(ask(&shape), 200);
	assert_redis("LINDEX bull:sync:wait 0", "open-f-1");
	assert_int_equal(redis_number("ZCARD bull:sync:failed"), 0);
	assert_redis("HGET bull:sync:open-f-1 failedReason", NULL);
	assert_true(log_has("redelivery: its failed job is retried queue=sync "
			    "job=open-f-1"));
}

static void
test_health(void **state)
{
	struct shape shape = { .uri = "/healthz",
			       .method = "GET",
			       .length = "",
			       .type = "",
			       .body = span_of("", 0) };
	struct fcgi_answer answer;
	(void)state;
	assert_int_equal(ask(&shape), 200);
	shape.uri = "/readyz?x";
	assert_int_equal(ask(&shape), 200);
	shape.method = "HEAD";
	int fd = open_peer();
	ask_on(fd, &shape, NULL, 0, &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body.len, 0);
	fcgi_answer_fini(&answer);
	close(fd);
	shape.method = "POST";
	fd = open_peer();
	ask_on(fd, &shape, NULL, 0, &answer);
	assert_int_equal(answer.status, 405);
	char *allow = fcgi_answer_header(&answer, "Allow");
	assert_non_null(allow);
	assert_string_equal(allow, "GET, HEAD");
	free(allow);
	fcgi_answer_fini(&answer);
	close(fd);
}

/* ---- connections ---- */

static void
test_kept(void **state)
{
	const struct shape good = { .uri = "/plain" };
	const struct shape bad = { .uri = "/plain", .type = "text/plain" };
	struct fcgi_answer answer;
	(void)state;
	flush();
	int fd = open_peer();
	for (int i = 0; i < 50; i++) {
		ask_on(fd, i % 5 == 4 ? &bad : &good, NULL, FCGI_PEER_KEEP,
		       &answer);
		assert_int_equal(answer.status, i % 5 == 4 ? 415 : 200);
		fcgi_answer_fini(&answer);
	}
	assert_false(fcgi_peer_is_closed(fd, 50));
	/* and it may be the last one */
	ask_on(fd, &good, NULL, 0, &answer);
	assert_int_equal(answer.status, 200);
	fcgi_answer_fini(&answer);
	assert_true(fcgi_peer_is_closed(fd, patience_ms));
	close(fd);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 41);
}

/* Two requests in one packet: nobody does it, both are answered. */
static void
test_behind_each_other(void **state)
{
	const struct shape shape = { .uri = "/plain" };
	struct fcgi_answer answer;
	struct buf bytes;
	(void)state;
	flush();
	buf_init(&bytes, BYTES);
	for (int i = 0; i < 3; i++)
		build(&shape, NULL, 1, FCGI_PEER_KEEP, &bytes);
	int fd = open_peer();
	assert_true(fcgi_peer_send(fd, buf_span(&bytes)));
	int64_t due_ms = clock_mono_ms() + patience_ms;
	while (redis_number("LLEN bull:sync:wait") != 3) {
		assert_true(clock_mono_ms() < due_ms);
		nap();
	}
	/* one that waits its turn as all others do */
	fcgi_peer_read(fd, patience_ms, &answer);
	assert_int_equal(answer.status, 200);
	fcgi_answer_fini(&answer);
	close(fd);
	buf_fini(&bytes);
}

/* The last request, and the end of the stream, in one go. */
static void
test_half_closed(void **state)
{
	const struct shape shape = { .uri = "/plain" };
	struct fcgi_answer answer;
	struct buf bytes;
	(void)state;
	buf_init(&bytes, BYTES);
	build(&shape, NULL, 1, FCGI_PEER_KEEP, &bytes);
	int fd = open_peer();
	assert_true(fcgi_peer_send(fd, buf_span(&bytes)));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	fcgi_peer_read(fd, patience_ms, &answer);
	assert_int_equal(answer.status, 200);
	fcgi_answer_fini(&answer);
	assert_true(fcgi_peer_is_closed(fd, patience_ms));
	close(fd);
	buf_fini(&bytes);
}

static void
test_burst(void **state)
{
	enum { N = 200 };
	const struct shape shape = { .uri = "/plain" };
	struct buf bytes;
	int fds[N];
	(void)state;
	flush();
	buf_init(&bytes, BYTES);
	build(&shape, NULL, 1, 0, &bytes);
	for (int i = 0; i < N; i++)
		fds[i] = open_peer();
	for (int i = 0; i < N; i++)
		assert_true(fcgi_peer_send(fds[i], buf_span(&bytes)));
	for (int i = 0; i < N; i++) {
		struct fcgi_answer answer;
		fcgi_peer_read(fds[i], patience_ms, &answer);
		assert_int_equal(answer.status, 200);
		fcgi_answer_fini(&answer);
		close(fds[i]);
	}
	assert_int_equal(redis_number("LLEN bull:sync:wait"), N);
	buf_fini(&bytes);
}

/* A parameter, and a body, in single bytes, on a kept connection. */
static void
test_byte_by_byte(void **state)
{
	const struct shape shape = { .uri = "/plain" };
	struct fcgi_answer answer;
	struct buf bytes;
	(void)state;
	flush();
	buf_init(&bytes, BYTES);
	build(&shape, NULL, 3, FCGI_PEER_KEEP, &bytes);
	int fd = open_peer();
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < bytes.len; i++) {
			assert_true(
				fcgi_peer_send(fd, span_of(bytes.data + i, 1)));
			if (i % 16 == 0)
				nap();
		}
		fcgi_peer_read(fd, patience_ms, &answer);
		assert_int_equal(answer.status, 200);
		fcgi_answer_fini(&answer);
	}
	ask_on(fd, &shape, NULL, FCGI_PEER_KEEP, &answer);
	assert_int_equal(answer.status, 200);
	fcgi_answer_fini(&answer);
	close(fd);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 3);
	buf_fini(&bytes);
}

/* Larger than a socket's buffer; then the same connection goes on. */
static void
test_large(void **state)
{
	enum { LEN = 1500000 };
	struct buf body;
	unsigned char *room;
	struct fcgi_answer answer;
	(void)state;
	flush();
	buf_init(&body, BYTES);
	assert_int_equal(buf_add_text(&body,
				      "{\"identityId\":7,\"action\":\"a\","
				      "\"text\":\""),
			 HS_OK);
	assert_int_equal(buf_reserve(&body, LEN, &room), HS_OK);
	memset(room, 'x', LEN);
	buf_commit(&body, LEN);
	assert_int_equal(buf_add_text(&body, "\"}"), HS_OK);
	struct shape shape = { .headers = { "HTTP_X_DELIVERY_ID=big" },
			       .body = buf_span(&body) };
	int fd = open_peer();
	ask_on(fd, &shape, NULL, FCGI_PEER_KEEP, &answer);
	assert_int_equal(answer.status, 200);
	fcgi_answer_fini(&answer);
	assert_int_equal(redis_number("HSTRLEN bull:sync:open-big data"),
			 (int64_t)body.len +
				 (int64_t)strlen("{\"identityId\":7,\"action\":"
						 "\"a\",\"rawPayload\":}"));
	const struct shape small = { .uri = "/plain" };
	ask_on(fd, &small, NULL, FCGI_PEER_KEEP, &answer);
	assert_int_equal(answer.status, 200);
	fcgi_answer_fini(&answer);
	close(fd);
	/* its signature is checked over all of it */
	char **params = sign(SIGNATURE_STANDARD_WEBHOOKS, WEBHOOKS_SECRET,
			     "msg_big", buf_span(&body), clock_wall_ms());
	shape.uri = "/webhooks/identity";
	assert_int_equal(ask_with(&shape, params), 200);
	body.data[body.len - 3] = 'y';
	assert_int_equal(ask_with(&shape, params), 401);
	free_params(params);
	buf_fini(&body);
}

/* A body that nobody wants is answered without waiting for it. */
static void
test_unwanted_body(void **state)
{
	const struct {
		struct shape shape;
		int status;
	} cases[] = {
		{ { .length = "99999999" }, 413 },
		{ { .length = NONE }, 411 },
		{ { .length = "12x" }, 400 },
		{ { .uri = "/nowhere", .length = "99999999" }, 404 },
		{ { .method = "PUT", .length = "99999999" }, 405 },
		{ { .type = "text/plain", .length = "99999999" }, 415 },
		{ { .length = "5" }, 400 },
	};
	struct buf bytes;
	unsigned char *big = xcalloc(1, 1024 * 1024);
	(void)state;
	buf_init(&bytes, BYTES);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fcgi_answer answer;
		struct shape shape = cases[i].shape;
		shape.body = span_of(big, 128 * 1024);
		buf_reset(&bytes);
		build(&shape, NULL, 1, FCGI_PEER_KEEP, &bytes);
		int fd = open_peer();
		/* all but the end, which never comes */
		assert_true(fcgi_peer_send(
			fd, span_of(bytes.data, bytes.len - 100)));
		fcgi_peer_read(fd, patience_ms, &answer);
		assert_int_equal(answer.status, cases[i].status);
		fcgi_answer_fini(&answer);
		/* who goes on sending is not cut off at once */
		assert_true(fcgi_peer_send(fd, span_of(big, 100000)));
		assert_true(fcgi_peer_is_closed(fd, patience_ms));
		close(fd);
	}
	free(big);
	buf_fini(&bytes);
}

/* FCGI_GET_VALUES before a request, whole and in pieces. */
static void
test_management(void **state)
{
	struct buf pair;
	struct buf bytes;
	const struct shape shape = { .uri = "/plain" };
	(void)state;
	buf_init(&pair, BYTES);
	buf_init(&bytes, BYTES);
	fcgi_peer_pair(&pair, span_text("FCGI_MPXS_CONNS"), span_text(""));
	fcgi_peer_record(&bytes, FCGI_PEER_GET_VALUES, 0, buf_span(&pair), 7);
	for (size_t cut = 0; cut <= bytes.len; cut += bytes.len / 4) {
		unsigned char answer[64];
		struct fcgi_answer after;
		int fd = open_peer();
		assert_true(fcgi_peer_send(fd, span_of(bytes.data, cut)));
		nap();
		assert_true(fcgi_peer_send(
			fd, span_of(bytes.data + cut, bytes.len - cut)));
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		assert_true(n >= 26);
		assert_int_equal(answer[1], 10); /* FCGI_GET_VALUES_RESULT */
		assert_memory_equal(answer + 8,
				    "\x0f\x01"
				    "FCGI_MPXS_CONNS0",
				    18);
		ask_on(fd, &shape, NULL, FCGI_PEER_KEEP, &after);
		assert_int_equal(after.status, 200);
		fcgi_answer_fini(&after);
		close(fd);
	}
	buf_fini(&pair);
	buf_fini(&bytes);
}

/* Peers that ask and never read their answers. */
static void
test_peer_that_does_not_read(void **state)
{
	const struct shape shape = { .uri = "/nowhere" };
	struct buf bytes;
	(void)state;
	buf_init(&bytes, BYTES);
	build(&shape, NULL, 1, FCGI_PEER_KEEP, &bytes);
	int fd = open_peer();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	size_t n = 0;
	/* until its answers fill the socket and it is closed */
	for (int64_t due_ms = clock_mono_ms() + patience_ms;
	     clock_mono_ms() < due_ms;) {
		ssize_t sent =
			send(fd, bytes.data + n, bytes.len - n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			nap();
			continue;
		}
		if (sent < 0)
			break;
		n = (n + (size_t)sent) % bytes.len;
	}
	assert_true(errno == EPIPE || errno == ECONNRESET);
	close(fd);
	const struct shape good = { .uri = "/plain" };
	assert_int_equal(ask(&good), 200);
	buf_fini(&bytes);
}

/* ---- bad requests ---- */

struct bad {
	const char *name;
	int status;
	struct shape shape;
};

#define JSON(text) .body = { (const unsigned char *)(text), sizeof(text) - 1 }
#define ID(text) JSON("{\"identityId\":" text ",\"action\":\"a\"}")

static const struct bad bads[] = {
	/* methods */
	{ "GET", 405, { .method = "GET" } },
	{ "HEAD", 405, { .method = "HEAD" } },
	{ "PUT", 405, { .method = "PUT" } },
	{ "DELETE", 405, { .method = "DELETE" } },
	{ "PATCH", 405, { .method = "PATCH" } },
	{ "OPTIONS", 405, { .method = "OPTIONS" } },
	{ "post", 405, { .method = "post" } },
	{ "POSTX", 405, { .method = "POSTX" } },
	{ "PO", 405, { .method = "PO" } },
	{ "empty method", 400, { .method = "" } },
	{ "no method", 400, { .method = NONE } },
	/* paths */
	{ "/", 404, { .uri = "/" } },
	{ "longer", 404, { .uri = "/opens" } },
	{ "shorter", 404, { .uri = "/ope" } },
	{ "slash behind", 404, { .uri = "/open/" } },
	{ "two slashes", 404, { .uri = "//open" } },
	{ "capitals", 404, { .uri = "/OPEN" } },
	{ "percent", 404, { .uri = "/op%65n" } },
	{ "percent NUL", 404, { .uri = "/open%00" } },
	{ "dots", 404, { .uri = "/x/../open" } },
	{ "a dot", 404, { .uri = "/./open" } },
	{ "semicolon", 404, { .uri = "/open;x" } },
	{ "fragment", 404, { .uri = "/open#x" } },
	{ "whole URL", 404, { .uri = "http://host/open" } },
	{ "no slash", 404, { .uri = "open" } },
	{ "asterisk", 404, { .uri = "*" } },
	{ "query only", 404, { .uri = "?/open" } },
	{ "space", 404, { .uri = "/open " } },
	{ "no path", 400, { .uri = NONE } },
	{ "empty path", 400, { .uri = "" } },
	/* types and encodings */
	{ "text/plain", 415, { .type = "text/plain" } },
	{ "text/json", 415, { .type = "text/json" } },
	{ "form", 415, { .type = "application/x-www-form-urlencoded" } },
	{ "multipart", 415, { .type = "multipart/form-data; boundary=x" } },
	{ "jsonx", 415, { .type = "application/jsonx" } },
	{ "+json alone", 415, { .type = "application/+json" } },
	{ "two types", 415, { .type = "application/json, application/json" } },
	{ "latin1", 415, { .type = "application/json; charset=iso-8859-1" } },
	{ "utf-16", 415, { .type = "application/json;charset=utf-16" } },
	{ "open quote", 415, { .type = "application/json;charset=\"utf-8" } },
	{ "two charsets",
	  415,
	  { .type = "application/json;charset=utf-8;charset=utf-8" } },
	{ "gzip", 415, { .headers = { "HTTP_CONTENT_ENCODING=gzip" } } },
	{ "br", 415, { .headers = { "HTTP_CONTENT_ENCODING=br" } } },
	{ "identity, gzip",
	  415,
	  { .headers = { "HTTP_CONTENT_ENCODING=identity, gzip" } } },
	/* lengths */
	{ "no length", 411, { .length = NONE } },
	{ "empty length", 411, { .length = "" } },
	{ "letters", 400, { .length = "abc" } },
	{ "minus", 400, { .length = "-1" } },
	{ "plus", 400, { .length = "+5" } },
	{ "hex", 400, { .length = "0x10" } },
	{ "exponent", 400, { .length = "1e2" } },
	{ "blank", 400, { .length = " 5" } },
	{ "rubbish behind", 400, { .length = "5x" } },
	{ "two in one", 400, { .length = "5, 5" } },
	{ "beyond 64 bits", 413, { .length = "18446744073709551617" } },
	{ "too large", 413, { .length = "99999999" } },
	{ "longer than it is", 400, { .length = "999" } },
	{ "shorter than it is", 400, { .length = "5" } },
	{ "zero", 400, { .length = "0" } },
	/* JSON */
	{ "nothing", 400, { JSON("") } },
	{ "blanks", 400, { JSON(" \n\t") } },
	{ "open object", 400, { JSON("{") } },
	{ "close object", 400, { JSON("}") } },
	{ "comma behind", 400, { JSON("{\"identityId\":1,}") } },
	{ "comma in list", 400, { JSON("[1,]") } },
	{ "NaN", 400, { ID("1,\"x\":NaN") } },
	{ "Infinity", 400, { ID("1,\"x\":Infinity") } },
	{ "-Infinity", 400, { ID("1,\"x\":-Infinity") } },
	{ "1.", 400, { ID("1,\"x\":1.") } },
	{ ".5", 400, { ID("1,\"x\":.5") } },
	{ "00", 400, { ID("00") } },
	{ "01", 400, { ID("01") } },
	{ "-", 400, { ID("-") } },
	{ "+1", 400, { ID("+1") } },
	{ "1e", 400, { ID("1,\"x\":1e") } },
	{ "0x1", 400, { ID("0x1") } },
	{ "single quotes", 400, { ID("'a'") } },
	{ "bare name", 400, { JSON("{identityId:1}") } },
	{ "raw control", 400, { ID("\"a\001\"") } },
	{ "raw tab", 400, { ID("\"a\t\"") } },
	{ "raw newline", 400, { ID("\"a\n\"") } },
	{ "NUL in a string", 400, { ID("\"a\0b\"") } },
	{ "NUL behind", 400, { JSON(IDENTITY_BODY "\0") } },
	{ "overlong 2", 400, { ID("\"\xc0\x80\"") } },
	{ "overlong 3", 400, { ID("\"\xe0\x80\xaf\"") } },
	{ "overlong 4", 400, { ID("\"\xf0\x80\x80\xaf\"") } },
	{ "surrogate in UTF-8", 400, { ID("\"\xed\xa0\x80\"") } },
	{ "beyond U+10FFFF", 400, { ID("\"\xf4\x90\x80\x80\"") } },
	{ "lone continuation", 400, { ID("\"\x80\"") } },
	{ "cut UTF-8", 400, { ID("\"\xe2\x82\"") } },
	{ "0xFF", 400, { ID("\"\xff\"") } },
	{ "odd escape", 400, { ID("\"\\x41\"") } },
	{ "short escape", 400, { ID("\"\\u12\"") } },
	{ "byte order mark", 400, { JSON("\xef\xbb\xbf" IDENTITY_BODY) } },
	{ "two values", 400, { JSON(IDENTITY_BODY IDENTITY_BODY) } },
	{ "rubbish behind it", 400, { JSON(IDENTITY_BODY "x") } },
	{ "nul", 400, { ID("nul") } },
	{ "True", 400, { ID("1,\"x\":True") } },
	{ "comment", 400, { JSON("/*c*/" IDENTITY_BODY) } },
	{ "no colon", 400, { JSON("{\"identityId\" 1}") } },
	{ "no comma", 400, { JSON("{\"identityId\":1 \"action\":2}") } },
	{ "open string", 400, { JSON("{\"identityId\":\"a") } },
	{ "UTF-16", 400, { JSON("{\0\"\0a\0\"\0:\0001\0}\0") } },
	/* ids */
	{ "no id", 400, { JSON("{\"action\":\"a\"}") } },
	{ "no action", 400, { JSON("{\"identityId\":\"a\"}") } },
	{ "a list", 400, { JSON("[" IDENTITY_BODY "]") } },
	{ "a string", 400, { JSON("\"identityId\"") } },
	{ "a number", 400, { JSON("7") } },
	{ "null", 400, { JSON("null") } },
	{ "id null", 400, { ID("null") } },
	{ "id true", 400, { ID("true") } },
	{ "id object", 400, { ID("{}") } },
	{ "id list", 400, { ID("[1]") } },
	{ "id fraction", 400, { ID("1.5") } },
	{ "id exponent", 400, { ID("1e3") } },
	{ "id empty", 400, { ID("\"\"") } },
	{ "id .", 400, { ID("\".\"") } },
	{ "id ..", 400, { ID("\"..\"") } },
	{ "id .. in escapes", 400, { ID("\"\\u002e.\"") } },
	{ "id newline", 400, { ID("\"a\\nb\"") } },
	{ "id NUL", 400, { ID("\"a\\u0000\"") } },
	{ "id DEL", 400, { ID("\"\\u007f\"") } },
	{ "id lone surrogate", 400, { ID("\"\\ud800\"") } },
	{ "kind empty", 400, { ID("1,\"kind\":\"\"") } },
	{ "kind true", 400, { ID("1,\"kind\":true") } },
	/* things that came twice */
	{ "two methods", 400, { .headers = { "REQUEST_METHOD=POST" } } },
	{ "two paths", 400, { .headers = { "REQUEST_URI=/open" } } },
	{ "two lengths", 400, { .headers = { "CONTENT_LENGTH=5" } } },
	{ "two types", 400, { .headers = { "CONTENT_TYPE=text/plain" } } },
	{ "two encodings",
	  400,
	  { .headers = { "HTTP_CONTENT_ENCODING=identity",
			 "HTTP_CONTENT_ENCODING=identity" } } },
	{ "two delivery ids",
	  400,
	  { .headers = { "HTTP_X_DELIVERY_ID=a", "HTTP_X_DELIVERY_ID=a" } } },
	/* tokens */
	{ "no token", 401, { .uri = "/webhooks/token" } },
	{ "empty token",
	  401,
	  { .uri = "/webhooks/token", .headers = { "HTTP_X_TOKEN=" } } },
	{ "wrong token",
	  401,
	  { .uri = "/webhooks/token",
	    .headers = { "HTTP_X_TOKEN=a-token-somebody-guesse" } } },
	{ "part of the token",
	  401,
	  { .uri = "/webhooks/token", .headers = { "HTTP_X_TOKEN=a-token" } } },
	{ "more than the token",
	  401,
	  { .uri = "/webhooks/token",
	    .headers = { "HTTP_X_TOKEN=" TOKEN_SECRET "x" } } },
	{ "two tokens",
	  401,
	  { .uri = "/webhooks/token",
	    .headers = { "HTTP_X_TOKEN=" TOKEN_SECRET,
			 "HTTP_X_TOKEN=" TOKEN_SECRET } } },
	{ "joined tokens",
	  401,
	  { .uri = "/webhooks/token",
	    .headers = { "HTTP_X_TOKEN=" TOKEN_SECRET ", " TOKEN_SECRET } } },
	/* signatures: GitHub's */
	{ "no signature", 401, { .uri = "/webhooks/invoice" } },
	{ "empty signature",
	  401,
	  { .uri = "/webhooks/invoice",
	    .headers = { "HTTP_X_HUB_SIGNATURE_256=" } } },
	{ "sha1 only",
	  401,
	  { .uri = "/webhooks/invoice",
	    .headers = { "HTTP_X_HUB_SIGNATURE=sha1=1234" } } },
	{ "short signature",
	  401,
	  { .uri = "/webhooks/invoice",
	    .headers = { "HTTP_X_HUB_SIGNATURE_256=sha256=757107" } } },
	{ "another's signature",
	  401,
	  { .uri = "/webhooks/invoice",
	    .headers = { "HTTP_X_HUB_SIGNATURE_256=sha256="
			 "757107ea0eb2509fc211221cce984b8a"
			 "37570b6d7586c22c46f4379c8b043e17" } } },
	{ "no hex",
	  401,
	  { .uri = "/webhooks/invoice",
	    .headers = { "HTTP_X_HUB_SIGNATURE_256=sha256="
			 "zz7107ea0eb2509fc211221cce984b8a"
			 "37570b6d7586c22c46f4379c8b043e17" } } },
	{ "NaN behind a wrong signature",
	  401,
	  { .uri = "/webhooks/invoice", JSON("NaN") } },
	/* Standard Webhooks */
	{ "nothing signed", 401, { .uri = "/webhooks/identity" } },
	{ "no timestamp",
	  401,
	  { .uri = "/webhooks/identity",
	    .headers = { "HTTP_WEBHOOK_ID=m",
			 "HTTP_WEBHOOK_SIGNATURE=v1,x" } } },
	{ "the spec's own, long ago",
	  401,
	  { .uri = "/webhooks/identity",
	    .headers = { "HTTP_WEBHOOK_ID=msg_p5jXN8AQM9LWM0D4loKWxJek",
			 "HTTP_WEBHOOK_TIMESTAMP=1614265330",
			 "HTTP_WEBHOOK_SIGNATURE=v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE"
			 "3uFJELVlNIOLJ1OE=" },
	    JSON("{\"test\": 2432232314}") } },
};

static void
expect(const char *name, int status, int expected)
{
	if (status == expected)
		return;
	print_error("%s: %d, not %d\n", name, status, expected);
	fail();
}

static size_t n_logged; /* ids of refused requests that are in the log */

static void
ask_bad(const struct bad *bad)
{
	struct fcgi_answer answer;
	int fd = open_peer();
	ask_on(fd, &bad->shape, NULL, 0, &answer);
	expect(bad->name, answer.status, bad->status);
	char *id = fcgi_answer_header(&answer, "X-Request-Id");
	char *type = fcgi_answer_header(&answer, "Content-Type");
	assert_non_null(id);
	assert_string_equal(type, "application/problem+json");
	if (bad->status == 405) {
		char *allow = fcgi_answer_header(&answer, "Allow");
		assert_non_null(allow);
		assert_string_equal(allow, "POST");
		free(allow);
	}
	char *line = xasprintf("request=%s ", id);
	n_logged += log_has(line);
	free(line);
	free(id);
	free(type);
	fcgi_answer_fini(&answer);
	close(fd);
}

/* Signed ones, each with one thing wrong. */
static int
ask_forged(int kind)
{
	struct span body = span_text(IDENTITY_BODY);
	struct shape shape = { .uri = "/webhooks/identity" };
	int64_t now_ms = clock_wall_ms();
	const char *id = "msg_1";
	const char *secret = WEBHOOKS_SECRET;
	if (kind == 0)
		secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	if (kind == 1)
		now_ms -= 400000;
	if (kind == 2)
		now_ms += 400000;
	if (kind == 3)
		body = span_text("{\"identityId\":\"i-2\",\"action\":\"x\"}");
	char **params =
		sign(SIGNATURE_STANDARD_WEBHOOKS, secret, id, body, now_ms);
	for (size_t i = 0; params[i] != NULL; i++) {
		char *value = strchr(params[i], '=') + 1;
		bool is_id = strncmp(params[i], "HTTP_WEBHOOK_ID", 15) == 0;
		bool is_time = strncmp(params[i], "HTTP_WEBHOOK_T", 14) == 0;
		bool is_sign = strncmp(params[i], "HTTP_WEBHOOK_S", 14) == 0;
		if (kind == 4 && is_id)
			value[0] = 'n';
		if (kind == 5 && is_id)
			value[0] = '\0';
		if (kind == 6 && is_time)
			value[strlen(value) - 1] ^= 1;
		if (kind == 7 && is_time)
			value[1] = 'x';
		if (kind == 8 && is_sign)
			value[1] = '2'; /* v2 */
		if (kind == 9 && is_sign)
			value[10] = value[10] == 'A' ? 'B' : 'A';
		if (kind == 10 && is_sign)
			value[strlen(value) - 1] = '\0';
		if (kind == 11 && is_sign)
			shape.headers[0] = params[i];
		if (kind == 12 && is_id)
			shape.headers[0] = params[i];
		if (kind == 13 && is_time)
			shape.headers[0] = params[i];
	}
	int status = ask_with(&shape, params);
	free_params(params);
	return status;
}

/* Whole FastCGI streams that are no request we serve. */
static void
build_rude(int kind, struct buf *b)
{
	static unsigned char zeros[70000];
	const struct shape shape = { .uri = "/open" };
	struct buf pairs;
	buf_init(&pairs, BYTES);
	switch (kind) {
	case 0:
		assert_int_equal(buf_add_text(b, "POST /open HTTP/1.1\r\n\r\n"),
				 HS_OK);
		break;
	case 1: /* version 2 */
		build(&shape, NULL, 1, 0, b);
		b->data[0] = 2;
		break;
	case 2: /* authorizer */
		fcgi_peer_begin(b, 1, 2, 0);
		break;
	case 3: /* filter */
		fcgi_peer_begin(b, 1, 3, 0);
		break;
	case 4:
		fcgi_peer_begin(b, 1, 0, 0);
		break;
	case 5: /* a begin record of 7 bytes */
		fcgi_peer_record(b, FCGI_PEER_BEGIN, 1, span_of(zeros, 7), 0);
		break;
	case 6: /* the body comes before the parameters */
		fcgi_peer_begin(b, 1, 1, 0);
		fcgi_peer_record(b, FCGI_PEER_STDIN, 1, span_text("{}"), 6);
		break;
	case 7: /* multiplexed */
		fcgi_peer_begin(b, 1, 1, 1);
		fcgi_peer_begin(b, 2, 1, 1);
		break;
	case 8: /* aborted */
		fcgi_peer_begin(b, 1, 1, 1);
		fcgi_peer_record(b, FCGI_PEER_ABORT, 1, span_of("", 0), 0);
		break;
	case 9: /* a management record inside */
		fcgi_peer_begin(b, 1, 1, 1);
		fcgi_peer_record(b, FCGI_PEER_GET_VALUES, 0, span_of("", 0), 0);
		break;
	case 10: /* a management record without measure */
		fcgi_peer_record(b, FCGI_PEER_GET_VALUES, 0,
				 span_of(zeros, 60000), 0);
		break;
	case 11: /* lengths of 2 GiB */
		fcgi_peer_begin(b, 1, 1, 1);
		fcgi_peer_record(b, FCGI_PEER_PARAMS, 1,
				 span_of("\xff\xff\xff\xff\xff\xff\xff\xff", 8),
				 0);
		fcgi_peer_record(b, FCGI_PEER_PARAMS, 1, span_of("", 0), 0);
		fcgi_peer_record(b, FCGI_PEER_STDIN, 1, span_of("", 0), 0);
		break;
	case 12: /* a value cut by the end of the parameters */
		fcgi_peer_begin(b, 1, 1, 1);
		fcgi_peer_record(b, FCGI_PEER_PARAMS, 1, span_text("\1\5Aab"),
				 0);
		fcgi_peer_record(b, FCGI_PEER_PARAMS, 1, span_of("", 0), 0);
		fcgi_peer_record(b, FCGI_PEER_STDIN, 1, span_of("", 0), 0);
		break;
	case 13: /* too many parameters */
		fcgi_peer_begin(b, 1, 1, 1);
		fcgi_peer_stream(b, FCGI_PEER_PARAMS, 1,
				 span_of(zeros, sizeof(zeros)));
		break;
	case 14: /* another stream */
		fcgi_peer_begin(b, 1, 1, 1);
		fcgi_peer_record(b, FCGI_PEER_PARAMS, 1, span_of("", 0), 0);
		fcgi_peer_record(b, FCGI_PEER_DATA, 1, span_text("x"), 0);
		break;
	case 15: /* records of nobody, for ever */
		for (int i = 0; i < 100; i++)
			fcgi_peer_record(b, FCGI_PEER_STDIN, 9, span_of("", 0),
					 0);
		break;
	default:
		fail();
	}
	buf_fini(&pairs);
}
#define N_RUDE 16

/* Odd parameters that are told so. */
static void
ask_odd(struct span name, struct span value)
{
	struct buf b;
	struct buf pairs;
	struct fcgi_answer answer;
	buf_init(&b, BYTES);
	buf_init(&pairs, BYTES);
	fcgi_peer_pair(&pairs, span_text("REQUEST_METHOD"), span_text("POST"));
	fcgi_peer_pair(&pairs, span_text("REQUEST_URI"), span_text("/plain"));
	fcgi_peer_pair(&pairs, span_text("CONTENT_LENGTH"), span_text("2"));
	fcgi_peer_pair(&pairs, name, value);
	fcgi_peer_begin(&b, 1, 1, 0);
	fcgi_peer_stream(&b, FCGI_PEER_PARAMS, 1, buf_span(&pairs));
	fcgi_peer_record(&b, FCGI_PEER_PARAMS, 1, span_of("", 0), 0);
	fcgi_peer_stream(&b, FCGI_PEER_STDIN, 1, span_text("{}"));
	fcgi_peer_record(&b, FCGI_PEER_STDIN, 1, span_of("", 0), 0);
	int fd = open_peer();
	assert_true(fcgi_peer_send(fd, buf_span(&b)));
	fcgi_peer_read(fd, patience_ms, &answer);
	expect("odd parameter", answer.status, 400);
	fcgi_answer_fini(&answer);
	close(fd);
	buf_fini(&b);
	buf_fini(&pairs);
}

static void
ask_large_bad(const char *name, const char *before, char filler, size_t n,
	      const char *behind, int expected)
{
	struct buf body;
	unsigned char *room;
	buf_init(&body, BYTES);
	assert_int_equal(buf_add_text(&body, before), HS_OK);
	assert_int_equal(buf_reserve(&body, n, &room), HS_OK);
	memset(room, filler, n);
	buf_commit(&body, n);
	assert_int_equal(buf_add_text(&body, behind), HS_OK);
	const struct shape shape = { .body = buf_span(&body) };
	expect(name, ask(&shape), expected);
	buf_fini(&body);
}

/* Stops sending at each of a request's parts, and waits. */
static void
open_stalled(int *fds, size_t n)
{
	const struct shape shape = { .uri = "/open" };
	struct buf bytes;
	buf_init(&bytes, BYTES);
	build(&shape, NULL, 1, FCGI_PEER_KEEP, &bytes);
	for (size_t i = 0; i < n; i++) {
		size_t cut = 1 + i * (bytes.len - 2) / (n - 1);
		fds[i] = open_peer();
		assert_true(fcgi_peer_send(fds[i], span_of(bytes.data, cut)));
	}
	buf_fini(&bytes);
}

static void
test_bad(void **state)
{
	enum { N_STALLED = 20 };
	int stalled[N_STALLED];
	struct buf bytes;
	int64_t n_keys;
	size_t n_kinds = 0;
	(void)state;
	flush();
	open_stalled(stalled, N_STALLED);
	int64_t stalled_ms = clock_mono_ms();
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
		ask_bad(&bads[i]);
	n_kinds += sizeof(bads) / sizeof(bads[0]);
	/* of equal reasons the first ten have their line */
	assert_true(n_logged > n_kinds / 2);
	for (int kind = 0; kind < 14; kind++) {
		char name[32];
		snprintf(name, sizeof(name), "forged %d", kind);
		expect(name, ask_forged(kind), 401);
	}
	n_kinds += 14;
	buf_init(&bytes, BYTES);
	for (int kind = 0; kind < N_RUDE; kind++) {
		char name[32];
		snprintf(name, sizeof(name), "rude %d is dropped", kind);
		buf_reset(&bytes);
		build_rude(kind, &bytes);
		int fd = open_peer();
		(void)fcgi_peer_send(fd, buf_span(&bytes));
		expect(name, fcgi_peer_is_closed(fd, patience_ms), true);
		close(fd);
	}
	n_kinds += N_RUDE;
	ask_odd(span_text("HTTP_X"), span_of("a\0b", 3));
	ask_odd(span_of("HTTP\0X", 6), span_text("a"));
	ask_odd(span_text("A=B"), span_text("a"));
	ask_odd(span_text(""), span_text("a"));
	ask_large_bad("id of 1 MB", "{\"action\":\"a\",\"identityId\":\"", 'x',
		      1000000, "\"}", 400);
	ask_large_bad("id of 1025 bytes", "{\"action\":\"a\",\"identityId\":\"",
		      'x', 1025, "\"}", 400);
	ask_large_bad("integer of 1 MB",
		      "{\"action\":\"a\",\"identityId\":", '7', 1000000, "}",
		      400);
	ask_large_bad("depth", "{\"action\":\"a\",\"identityId\":1,\"x\":", '[',
		      1000, "}", 400);
	ask_large_bad("depth, balanced not", "", '[', 1000000, "", 400);
	ask_large_bad("over max_body", "\"", 'x', 3000000, "\"", 413);
	n_kinds += 10;
	/* cut half-way: here the peer leaves */
	buf_reset(&bytes);
	const struct shape shape = { .uri = "/open" };
	build(&shape, NULL, 1, 0, &bytes);
	for (size_t cut = 1; cut < bytes.len; cut += 7) {
		int fd = open_peer();
		assert_true(fcgi_peer_send(fd, span_of(bytes.data, cut)));
		close(fd);
	}
	n_kinds++;
	/* those that stall are still there, and nobody noticed */
	if (clock_mono_ms() - stalled_ms < REQUEST_TIMEOUT_MS - 500)
		assert_false(fcgi_peer_is_closed(stalled[0], 0));
	for (size_t i = 0; i < N_STALLED; i++) {
		assert_true(fcgi_peer_is_closed(stalled[i], patience_ms));
		close(stalled[i]);
	}
	n_kinds++;
	assert_true(n_kinds >= 100);
	/* nothing of all this is in Redis */
	n_keys = redis_number("DBSIZE");
	assert_int_equal(n_keys, 0);
	const struct shape good = { .uri = "/open" };
	assert_int_equal(ask(&good), 200);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 1);
	buf_fini(&bytes);
}

/* Stalled peers, many of them, and a large body beside them: it is not they
 * who decide when it is answered. */
static void
test_stalled_peers_hold_nobody(void **state)
{
	enum { N_STALLED = 100 };
	int stalled[N_STALLED];
	(void)state;
	flush();
	open_stalled(stalled, N_STALLED);
	/* long enough for all of them to be in the slow lane */
	int64_t until_ms = clock_mono_ms() + 1300;
	const struct shape small = { .uri = "/plain" };
	while (clock_mono_ms() < until_ms) {
		assert_int_equal(ask(&small), 200);
		nap();
	}
	int64_t start_ms = clock_mono_ms();
	ask_large_bad("a large body beside",
		      "{\"action\":\"a\",\"identityId\":1,\"x\":\"", 'x',
		      1000000, "\"}", 200);
	assert_true(clock_mono_ms() - start_ms < patience_ms / 10);
	for (size_t i = 0; i < N_STALLED; i++)
		close(stalled[i]);
}

/* ---- Redis away ---- */

static void
assert_unavailable(const struct shape *shape)
{
	struct fcgi_answer answer;
	int64_t start_ms = clock_mono_ms();
	int fd = open_peer();
	ask_on(fd, shape, NULL, 0, &answer);
	assert_int_equal(answer.status, 503);
	assert_true(clock_mono_ms() - start_ms < 2000);
	char *later = fcgi_answer_header(&answer, "Retry-After");
	assert_non_null(later);
	assert_string_equal(later, "7");
	free(later);
	fcgi_answer_fini(&answer);
	close(fd);
}

static void
test_redis_stopped(void **state)
{
	const struct shape shape = { .uri = "/plain" };
	const struct shape ready = { .uri = "/readyz",
				     .method = "GET",
				     .body = span_of("", 0) };
	const struct shape alive = { .uri = "/healthz",
				     .method = "GET",
				     .body = span_of("", 0) };
	(void)state;
	close(redis_fd);
	redis_server_kill(redis);
	for (int i = 0; i < 5; i++)
		assert_unavailable(&shape);
	assert_unavailable(&ready);
	assert_int_equal(ask(&alive), 200);
	redis_server_again(redis, NULL);
	wait_ready();
	redis_fd = redis_connect();
	assert_int_equal(ask(&shape), 200);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 1);
}

static void
test_redis_paused(void **state)
{
	enum { N = 20 };
	const struct shape shape = { .uri = "/plain" };
	struct buf bytes;
	int fds[N];
	(void)state;
	buf_init(&bytes, BYTES);
	build(&shape, NULL, 1, 0, &bytes);
	redis_server_pause(redis);
	/* many at once, each parked: in flight or waiting for its batch */
	for (int i = 0; i < N; i++) {
		fds[i] = open_peer();
		assert_true(fcgi_peer_send(fds[i], buf_span(&bytes)));
	}
	int64_t start_ms = clock_mono_ms();
	for (int i = 0; i < N; i++) {
		struct fcgi_answer answer;
		/* every other one does not wait for its answer */
		if (i % 2 == 0) {
			close(fds[i]);
			continue;
		}
		fcgi_peer_read(fds[i], patience_ms, &answer);
		assert_int_equal(answer.status, 503);
		assert_true(clock_mono_ms() - start_ms < 2000);
		fcgi_answer_fini(&answer);
		close(fds[i]);
	}
	assert_unavailable(&shape);
	redis_server_resume(redis);
	wait_ready();
	assert_int_equal(ask(&shape), 200);
	buf_fini(&bytes);
}

static void
test_redis_refuses(void **state)
{
	const struct shape shape = { .uri = "/plain" };
	(void)state;
	flush();
	reply_free(redis_call("SET bull:sync:wait wrong-type"));
	assert_unavailable(&shape);
	assert_true(log_has("Redis refuse"));
	flush();
	assert_int_equal(ask(&shape), 200);
}

/* ---- reload ---- */

#define EXTRA "conf.d/extra.conf"
#define EXTRA_ENDPOINT                                                    \
	"endpoints = { extra = { path = \"/extra\"; queue = \"extras\"; " \
	"verify = { scheme = \"none\"; }; }; };\n"

static const struct shape plain = { .uri = "/plain" };
static const struct shape extra = { .uri = "/extra" };

/* Puts the settings into conf.d and waits until that has come to an end. */
static void
reload_with(const char *settings, const char *end)
{
	size_t n = n_in_log(end);
	write_file(EXTRA, settings);
	kill(responder, SIGHUP);
	wait_log(end, n);
}

#define GOOD "reloaded: new settings are in force"
#define BAD "reload failed, the old settings stay"

static void
test_reload_at_the_start(void **state)
{
	(void)state;
	wait_log(GOOD, 0);
	assert_int_equal(ask(&plain), 200);
}

static void
test_reload(void **state)
{
	(void)state;
	flush();
	assert_int_equal(ask(&extra), 404);
	reload_with(EXTRA_ENDPOINT, GOOD);
	assert_true(log_has("accepts webhooks endpoint=extra path=/extra"));
	assert_int_equal(ask(&extra), 200);
	assert_int_equal(ask(&plain), 200);
	assert_int_equal(redis_number("LLEN bull:extras:wait"), 1);
	reload_with("", GOOD);
	assert_true(log_has("accepts no more webhooks endpoint=extra"));
	assert_int_equal(ask(&extra), 404);
	/* limits and secrets are new, too */
	const struct shape token = { .uri = "/webhooks/token",
				     .headers = { "HTTP_X_TOKEN=other" } };
	assert_int_equal(ask(&token), 401);
	write_file("secrets/token", "other");
	reload_with("endpoints = { plain = { max_body = \"10B\"; }; };\n",
		    GOOD);
	assert_int_equal(ask(&token), 200);
	assert_int_equal(ask(&plain), 413);
	write_file("secrets/token", TOKEN_SECRET);
	reload_with("", GOOD);
	assert_int_equal(ask(&token), 401);
	assert_int_equal(ask(&plain), 200);
}

static void
test_reload_bad(void **state)
{
	(void)state;
	reload_with(EXTRA_ENDPOINT, GOOD);
	reload_with("log = { level = = 3; };\n", BAD);
	assert_true(log_has(EXTRA ":1: syntax error"));
	assert_int_equal(ask(&extra), 200);
	reload_with("\n\nresponder = { max_bodi = 3; };\n", BAD);
	assert_true(log_has(EXTRA ":3: responder.max_bodi: "));
	reload_with("endpoints = { extra = { path = \"/extra\"; verify = { "
		    "scheme = \"github\"; secrets = [ \"secret:nowhere\" ]; "
		    "}; }; };\n",
		    BAD);
	assert_true(log_has("secret nowhere is nowhere"));
	assert_int_equal(ask(&extra), 200);
	assert_int_equal(ask(&plain), 200);
	/* what cannot be taken over is named, the rest is */
	reload_with("responder = { listen = \"unix:/nowhere\"; };\n"
		    "queue = { prefix = \"other\"; attempts = 7; };\n"
		    "worker = { drain_delay = \"1s\"; };\n",
		    GOOD);
	assert_true(log_has("needs a restart option=responder.listen"));
	assert_true(log_has("needs a restart option=queue.prefix"));
	assert_false(log_has("needs a restart option=worker."));
	flush();
	assert_int_equal(ask(&plain), 200);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), 1);
	/* each time while it is so, for it is the start's that is in force */
	static const char prefix[] = "needs a restart option=queue.prefix";
	size_t n_said = n_in_log(prefix);
	reload_with("queue = { prefix = \"other\"; };\n", GOOD);
	assert_int_equal(n_in_log(prefix), n_said + 1);
	reload_with("", GOOD);
	assert_int_equal(n_in_log(prefix), n_said + 1);
}

/* Parked for an endpoint that is gone when Redis answers. */
static void
test_reload_under_way(void **state)
{
	struct fcgi_answer answer;
	struct buf bytes;
	struct buf half;
	(void)state;
	flush();
	reload_with(EXTRA_ENDPOINT "redis = { enqueue_timeout = \"30s\"; };\n",
		    GOOD);
	buf_init(&bytes, BYTES);
	buf_init(&half, BYTES);
	build(&extra, NULL, 1, 0, &bytes);
	build(&extra, NULL, 1, 0, &half);
	int slow = open_peer();
	size_t n_slow = n_in_log("slow after partial");
	assert_true(fcgi_peer_send(slow, span_of(half.data, half.len - 20)));
	wait_log("slow after partial", n_slow);
	redis_server_pause(redis);
	size_t n_inside = n_in_log("inside after");
	int parked = open_peer();
	assert_true(fcgi_peer_send(parked, buf_span(&bytes)));
	wait_log("inside after", n_inside);
	reload_with("", GOOD);
	assert_int_equal(ask(&extra), 404);
	redis_server_resume(redis);
	fcgi_peer_read(parked, patience_ms, &answer);
	assert_int_equal(answer.status, 200);
	fcgi_answer_fini(&answer);
	/* one whose body was still on its way is judged when it is whole */
	assert_true(
		fcgi_peer_send(slow, span_of(half.data + half.len - 20, 20)));
	fcgi_peer_read(slow, patience_ms, &answer);
	assert_int_equal(answer.status, 404);
	fcgi_answer_fini(&answer);
	close(parked);
	close(slow);
	assert_int_equal(redis_number("LLEN bull:extras:wait"), 1);
	assert_int_equal(ask(&plain), 200);
	buf_fini(&bytes);
	buf_fini(&half);
}

/* Good and bad settings in turn, a thousand times, while requests come without
 * a pause: none is refused. */
static void
test_reload_storm(void **state)
{
#define PATIENT "redis = { enqueue_timeout = \"30s\"; };\n"
	static const char *const settings[] = {
		EXTRA_ENDPOINT PATIENT,
		"endpoints = { ",
		PATIENT,
		"endpoints = { extra = { path = \"/plain\"; }; };\n",
		"queue = { attempts = 5; };\n" EXTRA_ENDPOINT PATIENT,
	};
	enum { N = 1000, N_SETTINGS = sizeof(settings) / sizeof(settings[0]) };
	size_t n_done = n_in_log(GOOD) + n_in_log(BAD);
	struct buf bytes;
	(void)state;
	flush();
	buf_init(&bytes, BYTES);
	build(&plain, NULL, 1, FCGI_PEER_KEEP, &bytes);
	reload_with(PATIENT, GOOD); /* it is not the time that is tried */
	int fd = open_peer();
	for (int i = 0; i < N; i++) {
		struct fcgi_answer answer;
		write_file(EXTRA, settings[i % N_SETTINGS]);
		assert_true(fcgi_peer_send(fd, buf_span(&bytes)));
		kill(responder, SIGHUP);
		fcgi_peer_read(fd, patience_ms, &answer);
		assert_int_equal(answer.status, 200);
		assert_true(answer.is_open);
		fcgi_answer_fini(&answer);
	}
	close(fd);
	assert_int_equal(redis_number("LLEN bull:sync:wait"), N);
	assert_true(n_in_log(GOOD) + n_in_log(BAD) > n_done + N / 2);
	assert_int_equal(kill(responder, 0), 0);
	buf_fini(&bytes);
	reload_with("", GOOD);
	assert_int_equal(ask(&extra), 404);
}

/* ---- stopping ---- */

/* What is parked is answered, what comes half is waited for, and then it ends
 * with 0. */
static void
test_term(void **state)
{
	const struct shape shape = { .uri = "/plain" };
	struct fcgi_answer answer;
	struct buf bytes;
	(void)state;
	flush();
	buf_init(&bytes, BYTES);
	build(&shape, NULL, 1, FCGI_PEER_KEEP, &bytes);
	int half = open_peer();
	assert_true(fcgi_peer_send(half, span_of(bytes.data, 30)));
	redis_server_pause(redis);
	size_t n_inside = n_in_log("inside after");
	int parked = open_peer();
	assert_true(fcgi_peer_send(parked, buf_span(&bytes)));
	int idle = open_peer();
	wait_log("inside after", n_inside);
	kill(responder, SIGTERM);
	wait_log("stopping", 0);
	redis_server_resume(redis);
	fcgi_peer_read(parked, patience_ms, &answer);
	assert_true(answer.status == 200 || answer.status == 503);
	fcgi_answer_fini(&answer);
	assert_true(
		fcgi_peer_send(half, span_of(bytes.data + 30, bytes.len - 30)));
	fcgi_peer_read(half, patience_ms, &answer);
	assert_true(answer.status == 200 || answer.status == 503);
	fcgi_answer_fini(&answer);
	assert_int_equal(stop_responder(SIGCONT), 0);
	assert_true(fcgi_peer_is_closed(idle, patience_ms));
	close(half);
	close(parked);
	close(idle);
	assert_int_equal(access(sock, F_OK), -1);
	buf_fini(&bytes);
}

/* ---- */

static int
setup(void **state)
{
	const char *slow = getenv("HOOKSYNC_SLOW");
	(void)state;
	if (slow != NULL && strtol(slow, NULL, 10) > 0)
		patience_ms *= (int)strtol(slow, NULL, 10);
	if (mkdtemp(folder) == NULL)
		return -1;
	sock = xasprintf("%s/fcgi.sock", folder);
	redis = redis_server_start(NULL);
	redis_fd = redis_connect();
	write_settings();
	start_responder();
	wait_ready();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	int code = responder > 0 ? stop_responder(SIGTERM) : 0;
	close(redis_fd);
	redis_server_stop(redis);
	const char *const files[] = { "log",
				      "hooksync.conf",
				      EXTRA,
				      "secrets/webhooks",
				      "secrets/github",
				      "secrets/token" };
	if (code != 0 || getenv("HOOKSYNC_KEEP") != NULL)
		return code; /* leave the log to look at */
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = xasprintf("%s/%s", folder, files[i]);
		unlink(path);
		free(path);
	}
	const char *const folders[] = { "secrets", "conf.d" };
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *path = xasprintf("%s/%s", folder, folders[i]);
		rmdir(path);
		free(path);
	}
	free(sock);
	rmdir(folder);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload_at_the_start),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_odd_delivery_ids),
		cmocka_unit_test(test_odd_data_ids),
		cmocka_unit_test(test_failed_is_retried),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_behind_each_other),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_unwanted_body),
		cmocka_unit_test(test_management),
		cmocka_unit_test(test_peer_that_does_not_read),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_stalled_peers_hold_nobody),
		cmocka_unit_test(test_redis_stopped),
		cmocka_unit_test(test_redis_paused),
		cmocka_unit_test(test_redis_refuses),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_bad),
		cmocka_unit_test(test_reload_under_way),
		cmocka_unit_test(test_reload_storm),
		cmocka_unit_test(test_term),
	};
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("responder", tests, setup, teardown);
}
