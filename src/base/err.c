/*
 * err: the names of what can go wrong, and the small allocations that may not.
 *
 * A process that cannot get a few hundred bytes cannot tell anybody so in an
 * orderly way either. So the x... functions say one line and end with
 * EX_OSERR: locks expire, jobs come back as stalled, systemd starts us again.
 * Whatever has its size from outside is allocated elsewhere, checked, and
 * answered with HS_NO_MEMORY.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"

static void HS_NORETURN
out_of_memory(size_t n, size_t size)
{
	log_fatal(EX_OSERR, "out of memory n=%zu bytes=%zu", n, size);
}

const char *
hs_err_text(enum hs_err err)
{
	switch (err) {
	case HS_OK:
		return "ok";
	case HS_AGAIN:
		return "not now";
	case HS_INVALID:
		return "invalid";
	case HS_TOO_BIG:
		return "too big";
	case HS_DENIED:
		return "denied";
	case HS_NOT_FOUND:
		return "not found";
	case HS_EXISTS:
		return "exists already";
	case HS_UNAVAILABLE:
		return "unavailable";
	case HS_TIMEOUT:
		return "timed out";
	case HS_PROTOCOL:
		return "unexpected answer";
	case HS_IO:
		return "input/output error";
	case HS_NO_MEMORY:
		return "out of memory";
	}
	return "unknown error";
}

void *
xcalloc(size_t n, size_t size)
{
	void *ptr = calloc(n > 0 ? n : 1, size > 0 ? size : 1);
	if (ptr == NULL)
		out_of_memory(n, size);
	return ptr;
}

char *
xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *
xstrndup(const char *text, size_t len)
{
	size_t n = strnlen(text, len);
	char *copy = xcalloc(n + 1, 1);
	if (n > 0)
		memcpy(copy, text, n);
	return copy;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		log_bug("a format that cannot be printed");

	char *text = xcalloc((size_t)len + 1, 1);
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

void *
xreallocarray(void *ptr, size_t n, size_t size)
{
	void *grown = reallocarray(ptr, n > 0 ? n : 1, size > 0 ? size : 1);
	if (grown == NULL)
		out_of_memory(n, size);
	return grown;
}
