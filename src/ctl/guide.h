/*
 * guide: what to type next: a person who has just installed this meets the same
 * few obstacles in the same order, and each is answered by a command, or by
 * lines to paste.
 *
 * Pure: texts from texts. Names of units, packages and paths are Debian's.
 */
#ifndef CTL_GUIDE_H
#define CTL_GUIDE_H

#include "conf/conf.h"

/* Appends what to do about a Redis that cannot be used; why: what the
 * connection, or Redis, said. Appends nothing when it does not know. */
void guide_redis(const struct conf_redis *redis, const char *why,
		 struct buf *out);

/* Appends how to write the first endpoint: several lines, with the file to
 * write them into; conf_path: that of the main file. */
void guide_first_endpoint(const char *conf_path, struct buf *out);

/* Is it this host? NULL (a Unix socket) is. */
bool guide_is_local(const char *host);

#endif
