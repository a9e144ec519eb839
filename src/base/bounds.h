/*
 * bounds: every ceiling of the house, by name, with its reason.
 *
 * What an operator may want to change is a setting (conf/table.c) and only has
 * its hard limit here.
 */
#ifndef BASE_BOUNDS_H
#define BASE_BOUNDS_H

/* Text */
#define BOUNDS_LOG_LINE_BYTES \
	2048                    /* journald takes far more; a human does not */
#define BOUNDS_REASON_BYTES 512 /* failedReason: one line a person reads */
#define BOUNDS_STACKTRACE_BYTES 2048 /* one entry of a job's stacktrace */

/* Configuration */
#define BOUNDS_CONF_FILE_BYTES (1024 * 1024)
#define BOUNDS_SECRET_BYTES 4096
#define BOUNDS_MAP_FILE_BYTES (256 * 1024)
#define BOUNDS_FOLDER_NAMES 1024 /* files in conf.d; more is a mistake */

/* Ids and names: printable; a job's id is part of a key in Redis */
#define BOUNDS_NAME_BYTES 128 /* endpoint, route, service, queue, job name */
#define BOUNDS_DELIVERY_ID_BYTES 128 /* longer ones are hashed */
#define BOUNDS_JOB_ID_BYTES 512
#define BOUNDS_FIELD_BYTES 1024 /* one id taken out of a body */

/* JSON */
#define BOUNDS_JSON_DEPTH \
	128 /* V8 has no limit, user code has; bodies nest < 20 */
#define BOUNDS_JSON_VALUES \
	(256 * 1024) /* of a tree: an empty object costs json-c a kilobyte */

/* Responder */
#define BOUNDS_BODY_BYTES (16 * 1024 * 1024) /* hard limit of max_body */
#define BOUNDS_PARAMS_BYTES \
	(64 * 1024)        /* all FastCGI parameters of a request */
#define BOUNDS_PARKED 4096 /* requests waiting for Redis */
#define BOUNDS_ADD_BATCH \
	256 /* jobs per script call; gain ends at 16 (measured) */
#define BOUNDS_ADD_BATCH_BYTES (4 * 1024 * 1024)
#define BOUNDS_PARKED_BYTES (64 * 1024 * 1024) /* and all of their data */
#define BOUNDS_ADD_IN_FLIGHT \
	2 /* batches per queue: one is done by Redis, one is on its way */
#define BOUNDS_PEEK_BYTES \
	(64 * 1024) /* a request beyond it goes to the slow lane */
#define BOUNDS_SLOW_BYTES \
	(128 * 1024 * 1024) /* bodies that the slow lane holds, all together */

/* Redis */
#define BOUNDS_REPLY_BYTES \
	(512 * 1024 * 1024) /* Redis's own limit of a string */
#define BOUNDS_REPLY_DEPTH 8
#define BOUNDS_PIPELINE 4096 /* commands sent and not answered */
#define BOUNDS_OUTPUT_BYTES (64 * 1024 * 1024)

/* Worker */
#define BOUNDS_TAKE_BATCH 64 /* jobs per take (measured: batches of 64, 4x) */
#define BOUNDS_ACTIVE 5000   /* hard limit of worker.concurrency */
#define BOUNDS_HTTP_BODY_BYTES \
	(16 * 1024 * 1024) /* hard limit of a fetched object */
#define BOUNDS_HTTP_HEADER_BYTES (64 * 1024)
#define BOUNDS_MAPPED_BYTES (16 * 1024 * 1024)
#define BOUNDS_SCHEDULE_PAGE 1000                  /* schedulers in one reply */
#define BOUNDS_RETRY_AFTER_MS (24LL * 3600 * 1000) /* longer promises are cut */

#endif
