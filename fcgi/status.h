/*
 * status: the line that `systemctl status` shows: where we listen, what came
 * of the requests, how Redis is, and whether a reload has failed.
 *
 * It is composed as often as one likes and sent when it has changed.
 * Thread: the loop's.
 */
#ifndef FCGI_STATUS_H
#define FCGI_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define STATUS_BYTES 240 /* what notify_status() passes on */

struct status_facts {
	const char *listening; /* "unix:/run/hooksync/fcgi.sock" */
	bool has_endpoints;
	uint64_t n_accepted;
	uint64_t n_refused;
	bool is_redis_up;
	const char *redis_error;
	int64_t redis_away_since_at_ms;
	const char *reload_error; /* NULL: the last one was good, or none was */
	int64_t reload_failed_at_ms;
	bool is_stopping;
	size_t n_inside;
};

struct status { /* zero-initialise */
	char sent[STATUS_BYTES + 1];
};

/* Pure; local time. out has a ceiling of STATUS_BYTES and takes what fits. */
void status_compose(const struct status_facts *facts, int64_t now_at_ms,
		    struct buf *out);
void status_tell(struct status *status, const struct status_facts *facts);

#endif
