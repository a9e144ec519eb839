/*
 * reload: a new configuration for a responder that runs: read whole, judged as
 * at the start, and compared with the one of the start and the one in force.
 *
 * What comes of it is logged here; to put it in force is the caller's part.
 * Thread: the loop's.
 */
#ifndef FCGI_RELOAD_H
#define FCGI_RELOAD_H

#include "conf/conf.h"

/* HS_OK: *fresh has one reference. Else the settings are not usable; all that
 * is wrong is logged, and *why (bounded, never empty) has the first of it.
 * boot: the settings of the process's start, which are in force where only a
 * restart changes them; started_at_ms: its wall time. */
enum hs_err reload_conf(const struct conf_source *source,
			const struct conf *boot, int64_t started_at_ms,
			struct conf **fresh, struct buf *why) HS_MUST_CHECK;

/* Logs the endpoints of fresh that running (NULL: nothing ran) has not got or
 * has otherwise, and those that are gone; or that there is none at all. */
void reload_tell_endpoints(const struct conf *running,
			   const struct conf *fresh);

#endif
