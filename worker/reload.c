/*
 * reload: see reload.h. Maps are compiled one per turn, because libjq 1.6 takes
 * some 50 ms for each: locks are renewed and answers read in between. Those that
 * did not change are taken over and cost nothing.
 */
#include "worker/reload.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/notify.h"
#include "conf/restart.h"
#include "worker/bell.h"

struct reload {
	const struct load *load;
	const struct conf *boot;
	int64_t boot_at_ms; /* wall time */
	reload_fn fn;
	void *ctx;
	struct event *step;
	struct plan *fresh; /* NULL: none is being compiled */
	struct buf failed;
};

static void
end(struct reload *reload)
{
	notify_ready();
	if (reload->failed.len > 0)
		log_event(LOG_LEVEL_ERROR, MESSAGE_RELOAD_FAILED,
			  "reload failed, nothing was changed reason=\"%s\"",
			  buf_text(&reload->failed));
}

static void
on_bad_map(void *ctx, const struct route *route, const char *text)
{
	struct reload *reload = ctx;
	struct buf line;

	buf_init(&line, BOUNDS_LOG_LINE_BYTES);
	plan_note_finding(&line, route, text);
	if (reload->failed.len == 0)
		buf_notef(&reload->failed, "%s", buf_text(&line));
	log_error("%s", buf_text(&line));
	buf_fini(&line);
}

static void
on_step(evutil_socket_t fd, short what, void *ctx)
{
	struct reload *reload = ctx;
	struct plan *fresh = reload->fresh;
	const enum hs_err err = plan_step(fresh, on_bad_map, reload);

	(void)fd;
	(void)what;
	if (err == HS_AGAIN) {
		bell_set(reload->step, 0);
		return;
	}
	reload->fresh = NULL;
	if (err) {
		plan_unref(fresh);
	} else {
		restart_tell(reload->boot, fresh->conf, reload->boot_at_ms);
		reload->fn(reload->ctx, fresh);
	}
	end(reload);
}

struct reload *
reload_new(struct event_base *base, const struct load *load,
	   const struct conf *boot, reload_fn fn, void *ctx)
{
	struct reload *reload = xcalloc(1, sizeof(*reload));

	reload->load = load;
	reload->boot = boot;
	reload->boot_at_ms = clock_wall_ms();
	reload->fn = fn;
	reload->ctx = ctx;
	reload->step = bell_new(base, on_step, reload);
	buf_init(&reload->failed, BOUNDS_LOG_LINE_BYTES);
	return reload;
}

void
reload_free(struct reload *reload)
{
	if (!reload)
		return;
	event_free(reload->step);
	plan_unref(reload->fresh);
	buf_fini(&reload->failed);
	free(reload);
}

void
reload_stop(struct reload *reload)
{
	plan_unref(reload->fresh);
	reload->fresh = NULL;
	event_del(reload->step);
}

void
reload_start(struct reload *reload, const struct plan *now)
{
	struct conf *conf = NULL;

	notify_reloading();
	reload_stop(reload);
	buf_reset(&reload->failed);
	if (load_conf(reload->load, &conf, &reload->failed)) {
		end(reload);
		return;
	}
	reload->fresh = plan_begin(conf, now);
	conf_unref(conf);
	bell_set(reload->step, 0);
}

const char *
reload_failed(const struct reload *reload)
{
	return buf_text(&reload->failed);
}
