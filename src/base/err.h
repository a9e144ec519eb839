/*
 * err: what can go wrong, by name.
 *
 * Every fallible function returns enum hs_err; HS_OK is zero. The detail, as
 * text, stays with the object that failed (rconn_error(), struct buf *why);
 * the function that handles an error logs it, once.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#define HS_MUST_CHECK __attribute__((warn_unused_result))
#define HS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define HS_NORETURN __attribute__((noreturn))

enum hs_err {
	HS_OK = 0,
	HS_AGAIN,   /* not now: would block, or come back later */
	HS_INVALID, /* the input is wrong */
	HS_TOO_BIG, /* the input is over a ceiling of bounds.h or of a setting */
	HS_DENIED,  /* a signature, a lock or a permission says no */
	HS_NOT_FOUND, /* no such thing */
	HS_EXISTS,    /* it is there already */
	HS_UNAVAILABLE, /* the other side is away; what was sent may have arrived */
	HS_TIMEOUT,     /* a deadline passed; what was sent may have arrived */
	HS_PROTOCOL,  /* the other side answered what it must not answer */
	HS_IO,        /* the system refused: see errno or the text */
	HS_NO_MEMORY, /* an allocation sized by the outside failed */
};

/* A short lower-case text: "not found". Never NULL. */
const char *hs_err_text(enum hs_err err);

/* Small allocations of fixed size: they stop the process on failure (locks
 * expire, jobs come back as stalled, systemd restarts us). The caller frees. */
void *xcalloc(size_t n, size_t size) __attribute__((malloc));
char *xstrdup(const char *text) __attribute__((malloc));
char *xstrndup(const char *text, size_t len) __attribute__((malloc));
char *xasprintf(const char *fmt, ...) HS_PRINTF(1, 2) __attribute__((malloc));
void *xreallocarray(void *ptr, size_t n, size_t size);

#endif
