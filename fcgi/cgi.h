/*
 * cgi: one request after the other as libfcgi parses and answers it, kept from
 * waiting. The only room on libfcgi.
 *
 * It is given a descriptor only when all it will read lies ready there, and
 * takes one that does not block; so none of its calls waits. Which request is
 * whole, and what becomes of a connection, is front's business.
 *
 * Thread: the owner's.
 */
#ifndef FCGI_CGI_H
#define FCGI_CGI_H

#include <stdbool.h>

#include "base/buf.h"

struct cgi; /* of a connection; holds one request at a time, or none */

/* Once per process, before all else. */
void cgi_start(void);
struct cgi *cgi_new(void);
/* Its descriptor stays open. */
void cgi_free(struct cgi *cgi);

/* The parameters of the request that lies ready at fd, where it is answered,
 * too. On failure libfcgi has closed fd. */
bool cgi_parse(struct cgi *cgi, int fd) HS_MUST_CHECK;
/* The body, whose len bytes lie ready; out has room for one more. */
bool cgi_read(struct cgi *cgi, unsigned char *out, size_t len) HS_MUST_CHECK;
/* The answer goes to fd instead; is_kept: which the peer wants to use again. */
void cgi_move(struct cgi *cgi, int fd, bool is_kept);
/* "NAME=value", ending in NULL; valid until the answer. */
const char *const *cgi_env(const struct cgi *cgi);
/* The request is over. stays: the descriptor is not closed though the peer
 * wants that. False: it was closed, as the peer wants it or has left. */
bool cgi_answer(struct cgi *cgi, struct span bytes, bool stays) HS_MUST_CHECK;
/* Gives up a request that is not answered; its descriptor stays open. */
void cgi_forget(struct cgi *cgi);

/* Answers a management record (FCGI_GET_VALUES) of len bytes, with room behind
 * it for one more, on fd. */
bool cgi_manage(int fd, unsigned char *record, size_t len) HS_MUST_CHECK;

#endif
