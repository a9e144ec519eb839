/*
 * fcgi_peer: the web server's side of FastCGI, for tests: well-behaved, slow,
 * rude or broken, as the script wants. Records are built into a buf, cut and
 * sent as one likes, and an answer is read back.
 *
 * Everything that goes wrong on our own side ends the test program.
 */
#ifndef TESTS_LIB_FCGI_PEER_H
#define TESTS_LIB_FCGI_PEER_H

#include "base/buf.h"

enum { /* FastCGI 1.0, section 8 */
       FCGI_PEER_BEGIN = 1,
       FCGI_PEER_ABORT = 2,
       FCGI_PEER_PARAMS = 4,
       FCGI_PEER_STDIN = 5,
       FCGI_PEER_DATA = 8,
       FCGI_PEER_GET_VALUES = 9,
       FCGI_PEER_RESPONDER = 1,
       FCGI_PEER_KEEP = 1,
};

/* ---- building ---- */

/* content of any length becomes as many records as it takes; none for len 0 */
void fcgi_peer_stream(struct buf *out, int type, int id, struct span content);
/* one record as it is said, with padding */
void fcgi_peer_record(struct buf *out, int type, int id, struct span content,
		      size_t padding);
void fcgi_peer_begin(struct buf *out, int id, int role, int flags);
/* one name and value, for the content of a PARAMS record */
void fcgi_peer_pair(struct buf *out, struct span name, struct span value);
/* a whole request; params: "NAME=value" texts, NULL-terminated */
void fcgi_peer_request(struct buf *out, int id, int flags,
		       const char *const *params, struct span body);

/* ---- talking ---- */

int fcgi_peer_connect(const char *unix_path); /* -1: refused */
/* false: the other side has closed */
bool fcgi_peer_send(int fd, struct span bytes);

struct fcgi_answer {
	int status; /* 0: closed, or no whole answer in time */
	bool is_timeout;
	bool is_open;   /* the connection lives on: END_REQUEST came */
	struct buf out; /* the CGI response */
	struct span body;
};
void fcgi_peer_read(int fd, int timeout_ms, struct fcgi_answer *answer);
void fcgi_answer_fini(struct fcgi_answer *answer);
/* A header's value as text, owned; NULL: absent. */
char *fcgi_answer_header(const struct fcgi_answer *answer, const char *name);
/* Has the other side closed within the time? What it sends is thrown away. */
bool fcgi_peer_is_closed(int fd, int timeout_ms);

#endif
