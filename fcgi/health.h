/*
 * health: /healthz, the process is alive; /readyz, what it accepts has a durable
 * place to go.
 */
#ifndef FCGI_HEALTH_H
#define FCGI_HEALTH_H

#include <stdint.h>

#include "base/buf.h"

void health_alive(bool is_head, const char *request_id, struct buf *out);
void health_ready(bool is_redis_up, bool is_head, int64_t retry_after_s,
		  const char *request_id, struct buf *out);

#endif
