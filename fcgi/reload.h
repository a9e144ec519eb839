/*
 * reload: a new configuration for a responder that runs: read whole, judged as
 * at the start, and compared with the one in force.
 *
 * What comes of it is logged here; to put it in force is the caller's part.
 * Thread: the loop's.
 */
#ifndef FCGI_RELOAD_H
#define FCGI_RELOAD_H

#include "conf/conf.h"

/* HS_OK: *fresh has one reference. Else the settings are not usable; all that
 * is wrong is logged, and *why (bounded) has the first of it. started_at_ms:
 * wall time of the process's start. */
enum hs_err reload_conf(const struct conf_source *source,
			const struct conf *running, int64_t started_at_ms,
			struct conf **fresh, struct buf *why) HS_MUST_CHECK;

/* Logs the endpoints of fresh that running (NULL: nothing ran) has not got or
 * has otherwise, and those that are gone; or that there is none at all. */
void reload_tell_endpoints(const struct conf *running,
			   const struct conf *fresh);

#endif
