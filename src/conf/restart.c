/*
 * restart: conf finds what it is, here it gets its words.
 */
#include "conf/restart.h"

#include "base/log.h"

static void
on_fixed_change(void *ctx, const char *name, const char *value,
		const char *origin, bool is_reloadable)
{
	(void)ctx;
	(void)is_reloadable;
	if (*value)
		log_event(
			LOG_LEVEL_WARN, MESSAGE_RESTART_NEEDED,
			"needs a restart option=%s value=\"%s\" origin=\"%s\"",
			name, value, origin);
	else
		log_event(LOG_LEVEL_WARN, MESSAGE_RESTART_NEEDED,
			  "needs a restart option=%s reason=\"it has no value "
			  "any more\"",
			  name);
}

static void
on_stale_secret(void *ctx, const struct secret *secret, const char *path)
{
	(void)ctx;
	log_event(LOG_LEVEL_WARN, MESSAGE_RESTART_NEEDED,
		  "needs a restart secret=%s reason=\"%s was changed, but a "
		  "unit's credentials are those of its start\"",
		  secret->name, path);
}

void
restart_tell(const struct conf *boot, const struct conf *fresh,
	     int64_t started_at_ms)
{
	conf_each_fixed_change(boot, fresh, on_fixed_change, NULL);
	conf_each_stale_secret(fresh, started_at_ms, on_stale_secret, NULL);
}
