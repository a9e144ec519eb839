/*
 * rehearsal: what the routes would do, without doing it: --check and --try.
 */
#ifndef WORKER_REHEARSAL_H
#define WORKER_REHEARSAL_H

#include <stdbool.h>

#include "conf/conf.h"

/* Compiles every map; findings go to standard error. An exit code. */
int rehearsal_check(struct conf *conf);
/* Prints the requests a route would send for the job's data (or the webhook's
 * body) in a file; sends none but the fetch. An exit code. */
int rehearsal_try(struct conf *conf, const char *route_name, const char *path,
		  bool is_json);

#endif
