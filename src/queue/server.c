/*
 * server: TIME first and alone, so that the way there and back is short and
 * known; then INFO, CONFIG GET save and CLIENT LIST in one go.
 */
#include "queue/server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "queue/workers.h"

struct server_call {
	struct rconn *conn;
	int64_t timeout_ms;
	int64_t sent_at_ms;
	int64_t sent_mono_ms;
	struct server server;
	int n_pending;
	enum hs_err err; /* the first */
	server_fn fn;
	void *ctx;
};

void
server_fini(struct server *server)
{
	free(server->clients);
	server->clients = NULL;
}

/* ---- INFO ---- */

static void
take_text(char *out, struct span value)
{
	size_t len = value.len < SERVER_TEXT_BYTES - 1 ? value.len
						       : SERVER_TEXT_BYTES - 1;
	memcpy(out, value.ptr, len);
	out[len] = '\0';
}

static void
take_number(int64_t *out, struct span value)
{
	int64_t n;
	if (num_i64(value, INT64_MIN, INT64_MAX, &n) == HS_OK)
		*out = n;
}

static void
take_version(struct server *server, const char *software, struct span value)
{
	take_text(server->software, span_text(software));
	take_text(server->version, value);
}

static void
take_field(struct server *server, struct span name, struct span value)
{
	/* others tell redis_version, too: the one they are compatible with */
	if (span_is(name, "redis_version") && !server->software[0])
		take_version(server, "Redis", value);
	else if (span_is(name, "valkey_version"))
		take_version(server, "Valkey", value);
	else if (span_is(name, "dragonfly_version"))
		take_version(server, "Dragonfly", value);
	else if (span_is(name, "maxmemory_policy"))
		take_text(server->policy, value);
	else if (span_is(name, "role"))
		server->is_replica =
			span_is(value, "slave") || span_is(value, "replica");
	else if (span_is(name, "master_link_status"))
		server->is_link_down = span_is(value, "down");
	else if (span_is(name, "aof_enabled"))
		server->has_aof = span_is(value, "1");
	else if (span_is(name, "rdb_last_bgsave_status"))
		server->is_save_failed = span_is(value, "err");
	else if (span_is(name, "aof_last_write_status") ||
		 span_is(name, "aof_last_bgrewrite_status"))
		server->is_aof_failed =
			server->is_aof_failed || span_is(value, "err");
	else if (span_is(name, "loading"))
		server->is_loading = span_is(value, "1");
	else if (span_is(name, "used_memory"))
		take_number(&server->memory_bytes, value);
	else if (span_is(name, "maxmemory"))
		take_number(&server->max_memory_bytes, value);
	else if (span_is(name, "evicted_keys"))
		take_number(&server->n_evicted, value);
}

void
server_parse_info(struct span info, struct server *server)
{
	while (info.len > 0) {
		const unsigned char *end = memchr(info.ptr, '\n', info.len);
		size_t len = end ? (size_t)(end - info.ptr) : info.len;
		struct span line = span_of(info.ptr, len);
		info.ptr += end ? len + 1 : len;
		info.len -= end ? len + 1 : len;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		const unsigned char *colon =
			line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
		if (!colon || line.ptr[0] == '#')
			continue;
		size_t name_len = (size_t)(colon - line.ptr);
		take_field(server, span_of(line.ptr, name_len),
			   span_of(colon + 1, line.len - name_len - 1));
	}
}

bool
server_is_below(const struct server *server, int major, int minor, int patch)
{
	const int wanted[] = { major, minor, patch };
	const char *text = server->version;
	if (!*text)
		return false;
	for (size_t i = 0; i < 3; i++) {
		size_t len = strcspn(text, ".");
		uint64_t n;
		if (num_u64(span_of(text, len), 1000000, &n) != HS_OK)
			return false; /* "7.2.rc1": close enough */
		if ((int64_t)n != wanted[i])
			return (int64_t)n < wanted[i];
		text += len;
		text += *text == '.';
	}
	return false;
}

int64_t
server_n_workers(const struct server *server, const struct keys *keys)
{
	size_t n;
	if (!server->clients)
		return -1;
	free(workers_parse(keys, span_text(server->clients), &n));
	return (int64_t)n;
}

/* ---- asking ---- */

static void
answered(struct server_call *call, enum hs_err err)
{
	if (call->err == HS_OK)
		call->err = err;
	if (--call->n_pending > 0)
		return;
	if (call->err == HS_OK) {
		call->fn(call->ctx, HS_OK, "", &call->server);
	} else {
		call->fn(call->ctx, call->err, hs_err_text(call->err), NULL);
		server_fini(&call->server);
	}
	free(call);
}

static void
on_info(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct server_call *call = ctx;
	if (err == HS_OK && reply->type == REPLY_TEXT)
		server_parse_info(reply->text, &call->server);
	answered(call, err);
}

static void
on_config(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct server_call *call = ctx;
	if (err == HS_OK && reply->type == REPLY_ARRAY && reply->n_items == 2) {
		call->server.is_rdb_known = true;
		call->server.has_rdb = reply->items[1]->text.len > 0;
	}
	answered(call, err);
}

static void
on_clients(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct server_call *call = ctx;
	if (err == HS_OK && reply->type == REPLY_TEXT)
		call->server.clients = span_dup(reply->text);
	answered(call, err);
}

static void
on_time(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct server_call *call = ctx;
	struct server *server = &call->server;
	int64_t round_trip_ms = clock_mono_ms() - call->sent_mono_ms;
	int64_t s;
	int64_t us;
	if (err == HS_OK && reply->type == REPLY_ARRAY && reply->n_items == 2 &&
	    reply_i64(reply->items[0], &s) == HS_OK &&
	    reply_i64(reply->items[1], &us) == HS_OK) {
		server->is_clock_known = true;
		server->round_trip_ms = round_trip_ms;
		server->offset_ms = s * 1000 + us / 1000 - call->sent_at_ms -
				    round_trip_ms / 2;
	}
	if (err == HS_OK) {
		call->n_pending += 3;
		enum hs_err sent =
			rconn_send_texts(call->conn, call->timeout_ms, on_info,
					 call, "INFO", NULL);
		if (sent != HS_OK)
			answered(call, sent);
		sent = rconn_send_texts(call->conn, call->timeout_ms, on_config,
					call, "CONFIG", "GET", "save", NULL);
		if (sent != HS_OK)
			answered(call, sent);
		sent = rconn_send_texts(call->conn, call->timeout_ms,
					on_clients, call, "CLIENT", "LIST",
					NULL);
		if (sent != HS_OK)
			answered(call, sent);
	}
	answered(call, err);
}

enum hs_err
server_read(struct rconn *conn, int64_t timeout_ms, server_fn fn, void *ctx)
{
	struct server_call *call = xcalloc(1, sizeof(*call));
	*call = (struct server_call){
		.conn = conn,
		.timeout_ms = timeout_ms,
		.sent_at_ms = clock_wall_ms(),
		.sent_mono_ms = clock_mono_ms(),
		.n_pending = 1,
		.fn = fn,
		.ctx = ctx,
	};
	enum hs_err err =
		rconn_send_texts(conn, timeout_ms, on_time, call, "TIME", NULL);
	if (err != HS_OK)
		free(call);
	return err;
}
