/*
 * fcgi_client: what a web server would send, byte by byte; and answers, from
 * good ones cut anywhere to ones that lie about their lengths.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/fcgi_client.h"

#define SPAN(literal) span_of((literal), sizeof(literal) - 1)

static void
test_write(void **state)
{
	static const char expected[] =
		"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0"
		"\1\4\0\1\0\x06\0\0\1\3Axyz\1\4\0\1\0\0\0\0"
		"\1\5\0\1\0\2\0\0{}\1\5\0\1\0\0\0\0";
	const struct fcgi_param param = { "A", "xyz" };
	struct buf out;
	(void)state;

	buf_init(&out, 4096);
	assert_int_equal(fcgi_client_write(&param, 1, SPAN("{}"), &out), HS_OK);
	assert_int_equal(out.len, sizeof expected - 1);
	assert_memory_equal(out.data, expected, out.len);
	buf_fini(&out);
}

static void
test_write_long(void **state)
{
	char value[201];
	const struct fcgi_param param = { "A", value };
	char *body = calloc(1, 100000);
	struct buf out;
	(void)state;

	memset(value, 'v', 200);
	value[200] = '\0';
	buf_init(&out, 200000);
	assert_int_equal(
		fcgi_client_write(&param, 1, span_of(body, 100000), &out),
		HS_OK);
	/* a length above 127 takes four bytes, most significant first */
	assert_memory_equal(out.data + 16 + 8,
			    "\1\x80\0\0\xc8"
			    "Av",
			    7);
	/* begin, params, end, two parts of the body, end */
	assert_int_equal(out.len, 16 + 8 + 206 + 8 + 2 * 8 + 100000 + 8);
	buf_fini(&out);

	buf_init(&out, 1000); /* it does not fit */
	assert_int_equal(
		fcgi_client_write(&param, 1, span_of(body, 100000), &out),
		HS_TOO_BIG);
	buf_fini(&out);
	free(body);
}

static const char answer_text[] =
	"Status: 200 OK\r\nX-Request-Id:  r-1 \r\n"
	"Content-Type: application/json\r\n\r\n{\"success\":true}";

/* stderr, stdout in two records (one padded), both ends, end of request */
static size_t
make_answer(unsigned char *out)
{
	size_t half = 20;
	size_t rest = sizeof answer_text - 1 - half;
	size_t n = 0;

	memcpy(out + n, "\1\7\0\1\0\4\0\0oops", 12);
	n += 12;
	memcpy(out + n, "\1\6\0\1\0\x14\4\0", 8);
	n += 8;
	memcpy(out + n, answer_text, half);
	n += half;
	memcpy(out + n, "\0\0\0\0", 4);
	n += 4;
	memcpy(out + n, "\1\6\0\1\0", 5);
	out[n + 5] = (unsigned char)rest;
	out[n + 6] = 0;
	out[n + 7] = 0;
	n += 8;
	memcpy(out + n, answer_text + half, rest);
	n += rest;
	memcpy(out + n,
	       "\1\6\0\1\0\0\0\0"
	       "\1\3\0\1\0\x08\0\0\0\0\0\0\0\0\0\0",
	       24);
	return n + 24;
}

/* However the bytes come in, the answer is the same. */
static void
test_read_in_pieces(void **state)
{
	unsigned char bytes[512];
	size_t len = make_answer(bytes);
	(void)state;

	for (size_t piece = 1; piece <= len; piece++) {
		struct buf in, out, err_out;
		struct fcgi_answer answer;
		enum hs_err err = HS_AGAIN;
		buf_init(&in, 1024);
		buf_init(&out, 1024);
		buf_init(&err_out, 64);
		for (size_t at = 0; at < len; at += piece) {
			size_t n = len - at < piece ? len - at : piece;
			assert_int_equal(err, HS_AGAIN);
			assert_int_equal(buf_add(&in, bytes + at, n), HS_OK);
			err = fcgi_client_read(&in, &out, &err_out);
		}
		assert_int_equal(err, HS_OK);
		assert_string_equal(buf_text(&err_out), "oops");
		assert_int_equal(fcgi_client_head(buf_span(&out), &answer),
				 HS_OK);
		assert_int_equal(answer.status, 200);
		assert_true(span_is(answer.body, "{\"success\":true}"));
		assert_true(span_is(fcgi_client_header(&answer, "x-request-id"),
				    "r-1"));
		assert_int_equal(fcgi_client_header(&answer, "X-Request").len,
				 0);
		buf_fini(&in);
		buf_fini(&out);
		buf_fini(&err_out);
	}
}

static enum hs_err
read_bytes(struct span bytes, size_t max)
{
	struct buf in, out, err_out;

	buf_init(&in, 70000);
	buf_init(&out, max);
	buf_init(&err_out, 64);
	assert_int_equal(buf_add_span(&in, bytes), HS_OK);
	enum hs_err err = fcgi_client_read(&in, &out, &err_out);
	buf_fini(&in);
	buf_fini(&out);
	buf_fini(&err_out);
	return err;
}

static void
test_read_hostile(void **state)
{
	(void)state;
	assert_int_equal(read_bytes(SPAN("HTTP/1.1 400 Bad Request\r\n"), 99),
			 HS_PROTOCOL);
	assert_int_equal(read_bytes(SPAN("\2\6\0\1\0\0\0\0"), 99), HS_PROTOCOL);
	/* somebody else's request */
	assert_int_equal(read_bytes(SPAN("\1\6\0\2\0\0\0\0"), 99), HS_PROTOCOL);
	assert_int_equal(read_bytes(SPAN("\1\6\1\1\0\0\0\0"), 99), HS_PROTOCOL);
	/* a type that no responder sends */
	assert_int_equal(read_bytes(SPAN("\1\5\0\1\0\0\0\0"), 99), HS_PROTOCOL);
	assert_int_equal(read_bytes(SPAN("\1\x63\0\1\0\0\0\0"), 99),
			 HS_PROTOCOL);
	/* an end that is too short, or that says "overloaded" */
	assert_int_equal(read_bytes(SPAN("\1\3\0\1\0\4\0\0\0\0\0\0"), 99),
			 HS_PROTOCOL);
	assert_int_equal(
		read_bytes(SPAN("\1\3\0\1\0\x08\0\0\0\0\0\0\2\0\0\0"), 99),
		HS_PROTOCOL);
	/* lengths that promise more than there is */
	assert_int_equal(read_bytes(SPAN("\1\6\0\1\xff\xff\xff\0abc"), 99),
			 HS_AGAIN);
	assert_int_equal(read_bytes(SPAN(""), 99), HS_AGAIN);
	/* more than we want */
	assert_int_equal(read_bytes(SPAN("\1\6\0\1\0\4\0\0abcd"), 3),
			 HS_TOO_BIG);
}

static enum hs_err
head_of(const char *text, struct fcgi_answer *answer)
{
	return fcgi_client_head(span_text(text), answer);
}

static void
test_head(void **state)
{
	struct fcgi_answer answer;
	(void)state;

	assert_int_equal(head_of("Status: 503\n\nx", &answer), HS_OK);
	assert_int_equal(answer.status, 503);
	assert_true(span_is(answer.body, "x"));
	assert_int_equal(head_of("A: b\r\n\r\n", &answer), HS_OK);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body.len, 0);
	/* what looks like a header in the body is none */
	assert_int_equal(head_of("A: b\r\n\r\nStatus: 500\r\n", &answer),
			 HS_OK);
	assert_int_equal(answer.status, 200);

	assert_int_equal(head_of("", &answer), HS_PROTOCOL);
	assert_int_equal(head_of("Status: 200 OK\r\n", &answer), HS_PROTOCOL);
	assert_int_equal(head_of("Status: 20\r\n\r\n", &answer), HS_PROTOCOL);
	assert_int_equal(head_of("Status: 2000\r\n\r\n", &answer), HS_PROTOCOL);
	assert_int_equal(head_of("Status: 099 x\r\n\r\n", &answer),
			 HS_PROTOCOL);
	assert_int_equal(head_of("Status: abc\r\n\r\n", &answer), HS_PROTOCOL);
	assert_int_equal(head_of("Status: -20\r\n\r\n", &answer), HS_PROTOCOL);
}

/* ---- the socket: a peer on a thread that plays one script ---- */

struct peer {
	int fd;
	struct span answer;
	bool reads_all;
	char path[108];
};

static void *
play(void *ctx)
{
	struct peer *peer = ctx;
	unsigned char bytes[4096];
	int fd = accept(peer->fd, NULL, NULL);
	static const unsigned char end[] = "\1\5\0\1\0\0\0\0";
	size_t len = 0;

	while (peer->reads_all && len < sizeof bytes) {
		ssize_t n = read(fd, bytes + len, sizeof bytes - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len >= 8 && memcmp(bytes + len - 8, end, 8) == 0)
			break;
	}
	if (write(fd, peer->answer.ptr, peer->answer.len) < 0)
		perror("write");
	close(fd);
	return NULL;
}

static void
peer_listen(struct peer *peer, char address[128])
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const char *folder = getenv("TMPDIR");

	snprintf(peer->path, sizeof peer->path, "%s/fcgi-%d.sock",
		 folder && strlen(folder) < 60 ? folder : "/tmp",
		 (int)getpid());
	snprintf(address, 128, "unix:%s", peer->path);
	memcpy(name.sun_path, peer->path, sizeof peer->path);
	unlink(peer->path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(bind(peer->fd, (struct sockaddr *)&name, sizeof name),
			 0);
	assert_int_equal(listen(peer->fd, 4), 0);
}

static enum hs_err
post_to(const char *address, int64_t timeout_ms, struct buf *out,
	struct buf *why)
{
	const struct fcgi_param param = { "REQUEST_METHOD", "POST" };

	buf_init(out, 4096);
	buf_init(why, 256);
	return fcgi_client_post(address, &param, 1, SPAN("{}"), timeout_ms, out,
				why);
}

static enum hs_err
play_post(struct span answer, struct buf *out, struct buf *why)
{
	struct peer peer = { .answer = answer, .reads_all = true };
	char address[128];
	pthread_t thread;

	peer_listen(&peer, address);
	assert_int_equal(pthread_create(&thread, NULL, play, &peer), 0);
	enum hs_err err = post_to(address, 10000, out, why);
	pthread_join(thread, NULL);
	close(peer.fd);
	unlink(peer.path);
	return err;
}

static void
test_post(void **state)
{
	unsigned char bytes[512];
	size_t len = make_answer(bytes);
	struct fcgi_answer answer;
	struct buf out, why;
	(void)state;

	assert_int_equal(play_post(span_of(bytes, len), &out, &why), HS_OK);
	assert_int_equal(fcgi_client_head(buf_span(&out), &answer), HS_OK);
	assert_int_equal(answer.status, 200);
	buf_fini(&out);
	buf_fini(&why);

	/* cut in the middle */
	assert_int_equal(play_post(span_of(bytes, len / 2), &out, &why),
			 HS_UNAVAILABLE);
	assert_true(why.len > 0);
	buf_fini(&out);
	buf_fini(&why);

	assert_int_equal(
		play_post(SPAN("-ERR unknown command\r\n"), &out, &why),
		HS_PROTOCOL);
	assert_true(why.len > 0);
	buf_fini(&out);
	buf_fini(&why);
}

/* Nobody there, nobody who answers, no address at all. */
static void
test_post_nobody(void **state)
{
	static const char *const no_address[] = {
		"",
		"localhost",
		":80",
		"localhost:",
		"localhost:0",
		"localhost:65536",
		"localhost:x",
	};
	struct peer peer = { 0 };
	char address[128];
	char long_path[200];
	struct buf out, why;
	(void)state;

	assert_int_equal(
		post_to("unix:/nonexistent/fcgi.sock", 1000, &out, &why),
		HS_UNAVAILABLE);
	assert_non_null(strstr(buf_text(&why), "/nonexistent/fcgi.sock"));
	buf_fini(&out);
	buf_fini(&why);

	peer_listen(&peer, address); /* and never accepts */
	assert_int_equal(post_to(address, 100, &out, &why), HS_TIMEOUT);
	assert_true(why.len > 0);
	close(peer.fd);
	unlink(peer.path);
	buf_fini(&out);
	buf_fini(&why);

	for (size_t i = 0; i < sizeof no_address / sizeof no_address[0]; i++) {
		assert_int_equal(post_to(no_address[i], 1000, &out, &why),
				 HS_INVALID);
		buf_fini(&out);
		buf_fini(&why);
	}
	memset(long_path, 'x', sizeof long_path - 1);
	memcpy(long_path, "unix:/", 6);
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(post_to(long_path, 1000, &out, &why), HS_INVALID);
	buf_fini(&out);
	buf_fini(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_long),
		cmocka_unit_test(test_read_in_pieces),
		cmocka_unit_test(test_read_hostile),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_post_nobody),
	};
	return cmocka_run_group_tests_name("fcgi_client", tests, NULL, NULL);
}
