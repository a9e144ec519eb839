/*
 * health: two answers. Without Redis there is no durable place, so the host is
 * not ready.
 */
#include "fcgi/health.h"

#include "fcgi/reply.h"

void
health_alive(bool is_head, const char *request_id, struct buf *out)
{
	reply_json(out, 200, "{\"status\":\"ok\"}", is_head, request_id);
}

void
health_ready(bool is_redis_up, bool is_head, int64_t retry_after_s,
	     const char *request_id, struct buf *out)
{
	if (is_redis_up)
		reply_json(out, 200, "{\"status\":\"ok\",\"redis\":\"up\"}",
			   is_head, request_id);
	else
		reply_problem(out, 503, "Redis is away.", NULL, retry_after_s,
			      is_head, request_id);
}
