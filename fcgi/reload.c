/*
 * reload: load, compare, tell.
 */
#include "fcgi/reload.h"

#include <string.h>

#include "base/log.h"
#include "conf/restart.h"

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	struct buf *why = ctx;
	log_at(severity == CONF_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s",
	       text);
	if (severity == CONF_ERROR && why->len == 0)
		buf_notef(why, "%s", text);
}

enum hs_err
reload_conf(const struct conf_source *source, const struct conf *boot,
	    int64_t started_at_ms, struct conf **fresh, struct buf *why)
{
	enum hs_err err = conf_load(source, on_finding, why, fresh);
	if (err != HS_OK) {
		if (why->len == 0)
			buf_notef(why, "%s", hs_err_text(err));
		log_event(LOG_LEVEL_ERROR, MESSAGE_RELOAD_FAILED,
			  "reload failed, the old settings stay reason=\"%s\"",
			  buf_text(why));
		return err;
	}
	restart_tell(boot, *fresh, started_at_ms);
	return HS_OK;
}

static bool
is_same(const struct endpoint *a, const struct endpoint *b)
{
	return strcmp(a->path, b->path) == 0 && a->scheme == b->scheme &&
	       strcmp(a->queue, b->queue) == 0 && strcmp(a->job, b->job) == 0;
}

void
reload_tell_endpoints(const struct conf *running, const struct conf *fresh)
{
	if (fresh->endpoints[0] == NULL)
		log_event(LOG_LEVEL_WARN, MESSAGE_NO_ENDPOINT,
			  "no endpoint is configured yet: every webhook is "
			  "answered 404; write one into %s or a file in conf.d "
			  "beside it (hooksync.conf(5)), then reload",
			  fresh->path);
	for (size_t i = 0; fresh->endpoints[i] != NULL; i++) {
		const struct endpoint *endpoint = fresh->endpoints[i];
		const struct endpoint *old =
			running != NULL
				? conf_endpoint_find(running, endpoint->name)
				: NULL;
		if (old != NULL && is_same(old, endpoint))
			continue;
		log_notice("accepts webhooks endpoint=%s path=%s scheme=%s "
			   "queue=%s name=\"%s\"",
			   endpoint->name, endpoint->path,
			   signature_scheme_name(endpoint->scheme),
			   endpoint->queue, endpoint->job);
	}
	for (size_t i = 0; running != NULL && running->endpoints[i] != NULL;
	     i++) {
		const struct endpoint *old = running->endpoints[i];
		if (conf_endpoint_find(fresh, old->name) == NULL)
			log_notice("accepts no more webhooks endpoint=%s "
				   "path=%s",
				   old->name, old->path);
	}
}
