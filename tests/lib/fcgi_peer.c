/*
 * fcgi_peer: blocking sockets, poll() with a deadline.
 */
#include "tests/lib/fcgi_peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_CONTENT 65535
#define ANSWER_BYTES (1024 * 1024)

static void
die(const char *what)
{
	printf("Bail out! fcgi_peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
add(struct buf *out, const void *bytes, size_t len)
{
	if (buf_add(out, bytes, len) != HS_OK)
		die("a buf is too small");
}

void
fcgi_peer_record(struct buf *out, int type, int id, struct span content,
		 size_t padding)
{
	static const unsigned char zeros[256];
	const unsigned char header[8] = {
		1,
		(unsigned char)type,
		(unsigned char)(id >> 8),
		(unsigned char)id,
		(unsigned char)(content.len >> 8),
		(unsigned char)content.len,
		(unsigned char)padding,
	};
	add(out, header, sizeof(header));
	add(out, content.ptr, content.len);
	add(out, zeros, padding);
}

void
fcgi_peer_stream(struct buf *out, int type, int id, struct span content)
{
	while (content.len > 0) {
		size_t n =
			content.len < MAX_CONTENT ? content.len : MAX_CONTENT;
		fcgi_peer_record(out, type, id, span_of(content.ptr, n),
				 (8 - n % 8) % 8);
		content.ptr += n;
		content.len -= n;
	}
}

void
fcgi_peer_begin(struct buf *out, int id, int role, int flags)
{
	const unsigned char body[8] = { (unsigned char)(role >> 8),
					(unsigned char)role,
					(unsigned char)flags };
	fcgi_peer_record(out, FCGI_PEER_BEGIN, id, span_of(body, sizeof(body)),
			 0);
}

static void
add_length(struct buf *out, size_t len)
{
	const unsigned char four[4] = { (unsigned char)(0x80 | len >> 24),
					(unsigned char)(len >> 16),
					(unsigned char)(len >> 8),
					(unsigned char)len };
	if (len < 128)
		add(out, &four[3], 1);
	else
		add(out, four, 4);
}

void
fcgi_peer_pair(struct buf *out, struct span name, struct span value)
{
	add_length(out, name.len);
	add_length(out, value.len);
	add(out, name.ptr, name.len);
	add(out, value.ptr, value.len);
}

void
fcgi_peer_request(struct buf *out, int id, int flags, const char *const *params,
		  struct span body)
{
	struct buf pairs;
	buf_init(&pairs, 16 * 1024 * 1024);
	for (size_t i = 0; params[i] != NULL; i++) {
		const char *sign = strchr(params[i], '=');
		if (sign == NULL)
			die("a parameter without '='");
		fcgi_peer_pair(&pairs,
			       span_of(params[i], (size_t)(sign - params[i])),
			       span_text(sign + 1));
	}
	fcgi_peer_begin(out, id, FCGI_PEER_RESPONDER, flags);
	fcgi_peer_stream(out, FCGI_PEER_PARAMS, id, buf_span(&pairs));
	fcgi_peer_record(out, FCGI_PEER_PARAMS, id, span_of("", 0), 0);
	fcgi_peer_stream(out, FCGI_PEER_STDIN, id, body);
	fcgi_peer_record(out, FCGI_PEER_STDIN, id, span_of("", 0), 0);
	buf_fini(&pairs);
}

int
fcgi_peer_connect(const char *unix_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || strlen(unix_path) >= sizeof(address.sun_path))
		die("socket");
	memcpy(address.sun_path, unix_path, strlen(unix_path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

bool
fcgi_peer_send(int fd, struct span bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes.ptr += n;
		bytes.len -= (size_t)n;
	}
	return true;
}

/* More bytes at the end of `in`: 1; closed: 0; too late: -1. */
static int
read_more(int fd, int64_t due_ms, struct buf *in)
{
	unsigned char chunk[16384];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left_ms = due_ms - clock_mono_ms();
	if (left_ms < 0)
		left_ms = 0;
	int rc = poll(&pfd, 1, (int)left_ms);
	if (rc == 0)
		return -1;
	ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
	if (n <= 0)
		return 0;
	add(in, chunk, (size_t)n);
	return 1;
}

/* Takes the whole records out of `in`; true at END_REQUEST. */
static bool
take_records(struct buf *in, struct buf *out)
{
	for (;;) {
		const unsigned char *h = in->data;
		if (in->len < 8)
			return false;
		size_t content = (size_t)h[4] << 8 | h[5];
		if (in->len < 8 + content + h[6])
			return false;
		int type = h[1];
		if (type == 6)
			add(out, h + 8, content);
		buf_consume(in, 8 + content + h[6]);
		if (type == 3)
			return true;
	}
}

void
fcgi_peer_read(int fd, int timeout_ms, struct fcgi_answer *answer)
{
	int64_t due_ms = clock_mono_ms() + timeout_ms;
	struct buf in;
	int rc = 1;
	*answer = (struct fcgi_answer){ .status = 0 };
	buf_init(&in, ANSWER_BYTES);
	buf_init(&answer->out, ANSWER_BYTES);
	while (!answer->is_open) {
		rc = read_more(fd, due_ms, &in);
		if (rc <= 0)
			break;
		answer->is_open = take_records(&in, &answer->out);
	}
	answer->is_timeout = rc < 0;
	buf_fini(&in);
	const char *text = buf_text(&answer->out);
	const char *end = strstr(text, "\r\n\r\n");
	if (!answer->is_open || strncmp(text, "Status: ", 8) != 0 ||
	    end == NULL)
		return;
	answer->status = (int)strtol(text + 8, NULL, 10);
	answer->body = span_text(end + 4);
}

void
fcgi_answer_fini(struct fcgi_answer *answer)
{
	buf_fini(&answer->out);
}

char *
fcgi_answer_header(const struct fcgi_answer *answer, const char *name)
{
	size_t len = strlen(name);
	const char *line = buf_text(&answer->out);
	while (*line != '\0' && *line != '\r') {
		const char *end = strstr(line, "\r\n");
		if (end == NULL)
			return NULL;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			line += len + 1;
			line += strspn(line, " ");
			return xstrndup(line, (size_t)(end - line));
		}
		line = end + 2;
	}
	return NULL;
}

bool
fcgi_peer_is_closed(int fd, int timeout_ms)
{
	int64_t due_ms = clock_mono_ms() + timeout_ms;
	struct buf in;
	int rc;
	buf_init(&in, ANSWER_BYTES);
	while ((rc = read_more(fd, due_ms, &in)) > 0)
		buf_reset(&in);
	buf_fini(&in);
	return rc == 0;
}
