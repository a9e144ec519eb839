/*
 * fcgi_client: one FastCGI request to the responder's socket.
 *
 * A record is eight bytes (version, type, request id, content length, padding
 * length, reserved) and its content: FastCGI 1.0, section 3.3. We send request
 * id 1 and ask for the connection to be closed. The other side is trusted no
 * more than the network: lengths are checked before they are believed, and
 * the answer has a ceiling.
 */
#include "ctl/fcgi_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/num.h"

enum { /* FastCGI 1.0, section 8 */
       FCGI_VERSION = 1,
       FCGI_BEGIN_REQUEST = 1,
       FCGI_END_REQUEST = 3,
       FCGI_PARAMS = 4,
       FCGI_STDIN = 5,
       FCGI_STDOUT = 6,
       FCGI_STDERR = 7,
       FCGI_RESPONDER = 1,
       HEADER_BYTES = 8,
       MAX_CONTENT = 65528, /* of a record: the largest multiple of 8 */
};

/* ---- writing ---- */

static enum hs_err
put_record(struct buf *out, int type, struct span content)
{
	const unsigned char header[HEADER_BYTES] = {
		FCGI_VERSION,
		(unsigned char)type,
		0,
		1,
		(unsigned char)(content.len >> 8),
		(unsigned char)content.len,
		0,
		0,
	};
	enum hs_err err = buf_add(out, header, sizeof header);
	return err == HS_OK ? buf_add_span(out, content) : err;
}

/* A stream is any number of records and an empty one. */
static enum hs_err
put_stream(struct buf *out, int type, struct span bytes)
{
	while (bytes.len > 0) {
		size_t len = bytes.len < MAX_CONTENT ? bytes.len : MAX_CONTENT;
		enum hs_err err =
			put_record(out, type, span_of(bytes.ptr, len));
		if (err != HS_OK)
			return err;
		bytes.ptr += len;
		bytes.len -= len;
	}
	return put_record(out, type, span_of("", 0));
}

static enum hs_err
put_length(struct buf *out, size_t len)
{
	if (len < 128)
		return buf_add_byte(out, (unsigned char)len);
	const unsigned char bytes[4] = {
		(unsigned char)(0x80 | len >> 24),
		(unsigned char)(len >> 16),
		(unsigned char)(len >> 8),
		(unsigned char)len,
	};
	return buf_add(out, bytes, sizeof bytes);
}

static enum hs_err
put_param(struct buf *out, const struct fcgi_param *param)
{
	size_t name_len = strlen(param->name);
	size_t value_len = strlen(param->value);

	if (name_len > BOUNDS_PARAMS_BYTES || value_len > BOUNDS_PARAMS_BYTES)
		return HS_TOO_BIG;
	enum hs_err err = put_length(out, name_len);
	if (err == HS_OK)
		err = put_length(out, value_len);
	if (err == HS_OK)
		err = buf_add(out, param->name, name_len);
	if (err == HS_OK)
		err = buf_add(out, param->value, value_len);
	return err;
}

enum hs_err
fcgi_client_write(const struct fcgi_param *params, size_t n_params,
		  struct span body, struct buf *out)
{
	/* role, no flag: the responder closes the connection */
	static const unsigned char begin[8] = { 0, FCGI_RESPONDER };
	struct buf pairs;

	buf_init(&pairs, BOUNDS_PARAMS_BYTES);
	enum hs_err err = put_record(out, FCGI_BEGIN_REQUEST,
				     span_of(begin, sizeof begin));
	for (size_t i = 0; err == HS_OK && i < n_params; i++)
		err = put_param(&pairs, &params[i]);
	if (err == HS_OK)
		err = put_stream(out, FCGI_PARAMS, buf_span(&pairs));
	if (err == HS_OK)
		err = put_stream(out, FCGI_STDIN, body);
	buf_fini(&pairs);
	return err;
}

/* ---- reading ---- */

static enum hs_err
take_record(int type, struct span content, struct buf *out, struct buf *err_out)
{
	switch (type) {
	case FCGI_STDOUT:
		return buf_add_span(out, content);
	case FCGI_STDERR:
		buf_notef(err_out, "%.*s", (int)content.len,
			  (const char *)content.ptr);
		return HS_AGAIN;
	case FCGI_END_REQUEST:
		/* content: application status (4), protocol status (1) */
		if (content.len < 5 || content.ptr[4] != 0)
			return HS_PROTOCOL;
		return HS_OK;
	default:
		return HS_PROTOCOL;
	}
}

enum hs_err
fcgi_client_read(struct buf *in, struct buf *out, struct buf *err_out)
{
	while (in->len >= HEADER_BYTES) {
		const unsigned char *header = in->data;
		int type = header[1];
		size_t content_len = (size_t)header[4] << 8 | header[5];
		size_t record_len = HEADER_BYTES + content_len + header[6];
		if (header[0] != FCGI_VERSION || header[2] != 0 ||
		    header[3] != 1)
			return HS_PROTOCOL;
		if (in->len < record_len)
			return HS_AGAIN;
		enum hs_err err = take_record(
			type, span_of(header + HEADER_BYTES, content_len), out,
			err_out);
		buf_consume(in, record_len);
		if (type == FCGI_END_REQUEST)
			return err;
		if (err != HS_OK && err != HS_AGAIN)
			return err;
	}
	return HS_AGAIN;
}

/* One line from the front, without its end. False when there is no whole one. */
static bool
take_line(struct span *text, struct span *line)
{
	const unsigned char *end =
		text->len > 0 ? memchr(text->ptr, '\n', text->len) : NULL;
	if (!end)
		return false;
	size_t len = (size_t)(end - text->ptr);
	*line = span_of(text->ptr, len);
	text->ptr += len + 1;
	text->len -= len + 1;
	if (line->len > 0 && line->ptr[line->len - 1] == '\r')
		line->len--;
	return true;
}

static struct span
trim(struct span text)
{
	while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
		text.ptr++;
		text.len--;
	}
	while (text.len > 0 && (text.ptr[text.len - 1] == ' ' ||
				text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

enum hs_err
fcgi_client_head(struct span out, struct fcgi_answer *answer)
{
	struct span rest = out;
	struct span line;

	memset(answer, 0, sizeof *answer);
	while (take_line(&rest, &line)) {
		if (line.len > 0)
			continue;
		answer->head = span_of(out.ptr, (size_t)(rest.ptr - out.ptr));
		answer->body = rest;
		struct span status = fcgi_client_header(answer, "Status");
		uint64_t code = 200; /* RFC 3875 6.3.3: the default */
		if (status.len > 0 &&
		    (status.len < 3 ||
		     (status.len > 3 && status.ptr[3] != ' ') ||
		     num_u64(span_of(status.ptr, 3), 599, &code) != HS_OK ||
		     code < 100))
			return HS_PROTOCOL;
		answer->status = (int)code;
		return HS_OK;
	}
	return HS_PROTOCOL;
}

struct span
fcgi_client_header(const struct fcgi_answer *answer, const char *name)
{
	struct span rest = answer->head;
	struct span line;
	size_t len = strlen(name);

	while (take_line(&rest, &line))
		if (line.len > len && line.ptr[len] == ':' &&
		    span_is_nocase(span_of(line.ptr, len), name))
			return trim(span_of(line.ptr + len + 1,
					    line.len - len - 1));
	return span_of("", 0);
}

/* ---- the socket ---- */

/* Waits until fd is ready for `events` or the deadline has passed. */
static enum hs_err
wait_for(int fd, short events, int64_t due_ms)
{
	for (;;) {
		int64_t left_ms = due_ms - clock_mono_ms();
		if (left_ms <= 0)
			return HS_TIMEOUT;
		struct pollfd poll_fd = { .fd = fd, .events = events };
		int n = poll(&poll_fd, 1,
			     (int)(left_ms < 60000 ? left_ms : 60000));
		if (n > 0)
			return HS_OK;
		if (n < 0 && errno != EINTR)
			return HS_IO;
	}
}

static enum hs_err
connect_to(int fd, const struct sockaddr *address, socklen_t len,
	   int64_t due_ms)
{
	if (connect(fd, address, len) == 0)
		return HS_OK;
	/* EAGAIN: a Unix socket whose queue of connections is full */
	if (errno != EINPROGRESS)
		return HS_UNAVAILABLE;
	enum hs_err err = wait_for(fd, POLLOUT, due_ms);
	if (err != HS_OK)
		return err;
	int code = 0;
	socklen_t code_len = sizeof code;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_len) < 0 ||
	    code) {
		errno = code;
		return HS_UNAVAILABLE;
	}
	return HS_OK;
}

static enum hs_err
open_unix(const char *path, int64_t due_ms, int *out, struct buf *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof address.sun_path) {
		buf_notef(why, "the path %s is too long for a socket", path);
		return HS_INVALID;
	}
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return HS_IO;
	enum hs_err err = connect_to(fd, (struct sockaddr *)&address,
				     sizeof address, due_ms);
	if (err != HS_OK) {
		buf_notef(why, "%s: %s", path,
			  err == HS_TIMEOUT ? hs_err_text(err)
					    : strerror(errno));
		close(fd);
		return err;
	}
	*out = fd;
	return HS_OK;
}

/* "HOST:PORT", "[::1]:PORT": splits in place. */
static bool
split_address(char *address, const char **host, const char **port)
{
	char *colon = strrchr(address, ':');
	uint64_t number;

	if (!colon || colon == address)
		return false;
	*colon = '\0';
	*port = colon + 1;
	*host = address;
	if (address[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		*host = address + 1;
	}
	return num_u64(span_text(*port), 65535, &number) == HS_OK && number > 0;
}

static enum hs_err
open_tcp(const char *address, int64_t due_ms, int *out, struct buf *why)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const char *host;
	const char *port;
	char *copy = xstrdup(address);
	enum hs_err err = HS_UNAVAILABLE;
	int code = 0;

	if (!split_address(copy, &host, &port)) {
		buf_notef(why, "%s is neither unix:PATH nor HOST:PORT",
			  address);
		free(copy);
		return HS_INVALID;
	}
	code = getaddrinfo(host, port, &hints, &found);
	if (code)
		buf_notef(why, "%s: %s", host, gai_strerror(code));
	for (struct addrinfo *at = found; at; at = at->ai_next) {
		int fd = socket(at->ai_family,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		err = connect_to(fd, at->ai_addr, at->ai_addrlen, due_ms);
		if (err == HS_OK) {
			*out = fd;
			break;
		}
		buf_reset(why);
		buf_notef(why, "%s: %s", address,
			  err == HS_TIMEOUT ? hs_err_text(err)
					    : strerror(errno));
		close(fd);
	}
	if (found)
		freeaddrinfo(found);
	free(copy);
	return err;
}

static enum hs_err
write_all(int fd, struct span bytes, int64_t due_ms)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n > 0) {
			bytes.ptr += n;
			bytes.len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		/* An early answer (413) may close before all is sent: read it. */
		if (n < 0 && errno != EAGAIN)
			return HS_OK;
		enum hs_err err = wait_for(fd, POLLOUT, due_ms);
		if (err != HS_OK)
			return err;
	}
	return HS_OK;
}

static enum hs_err
read_answer(int fd, struct buf *out, struct buf *err_out, int64_t due_ms)
{
	struct buf in;
	enum hs_err err = HS_AGAIN;

	/* a record, and a chunk that was read behind it */
	buf_init(&in, 2 * (MAX_CONTENT + HEADER_BYTES + 256));
	while (err == HS_AGAIN) {
		unsigned char chunk[16384];
		ssize_t n = recv(fd, chunk, sizeof chunk, 0);
		if (n > 0) {
			err = buf_add(&in, chunk, (size_t)n);
			if (err == HS_OK)
				err = fcgi_client_read(&in, out, err_out);
		} else if (n == 0) {
			err = HS_UNAVAILABLE;
		} else if (errno == EAGAIN) {
			err = wait_for(fd, POLLIN, due_ms);
			err = err == HS_OK ? HS_AGAIN : err;
		} else if (errno != EINTR) {
			err = HS_UNAVAILABLE;
		}
	}
	buf_fini(&in);
	return err;
}

enum hs_err
fcgi_client_post(const char *address, const struct fcgi_param *params,
		 size_t n_params, struct span body, int64_t timeout_ms,
		 struct buf *out, struct buf *why)
{
	const int64_t due_ms = clock_mono_ms() + timeout_ms;
	struct buf request;
	struct buf err_out;
	int fd = -1;
	enum hs_err err;

	buf_init(&request, BOUNDS_OUTPUT_BYTES);
	buf_init(&err_out, BOUNDS_REASON_BYTES);
	if (strncmp(address, "unix:", 5) == 0)
		err = open_unix(address + 5, due_ms, &fd, why);
	else
		err = open_tcp(address, due_ms, &fd, why);
	if (err != HS_OK)
		goto out;
	err = fcgi_client_write(params, n_params, body, &request);
	if (err == HS_OK)
		err = write_all(fd, buf_span(&request), due_ms);
	if (err == HS_OK)
		err = read_answer(fd, out, &err_out, due_ms);
	if (err == HS_UNAVAILABLE)
		buf_notef(why,
			  "%s: the connection was closed without an answer",
			  address);
	else if (err == HS_PROTOCOL)
		buf_notef(why, "%s: what answers there speaks no FastCGI",
			  address);
	else if (err != HS_OK)
		buf_notef(why, "%s: %s", address, hs_err_text(err));
out:
	if (fd >= 0)
		close(fd);
	buf_fini(&err_out);
	buf_fini(&request);
	return err;
}
