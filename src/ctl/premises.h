/*
 * premises: what stands around the queues on this host: the settings, the
 * socket that the web server knocks at, the responder behind it. The doctor
 * looks there first, because most of what ails a young installation is there.
 *
 * Findings have the form of those of a queue; `where` is "settings", "socket",
 * "responder" or "worker". Nothing is changed; the responder is asked for /readyz.
 */
#ifndef CTL_PREMISES_H
#define CTL_PREMISES_H

#include "conf/conf.h"
#include "queue/diagnosis.h"
#include "ctl/cmd.h"

struct premises;

struct premises *premises_new(void);
void premises_free(struct premises *premises);

/* The settings, every secret included, as the programs read them. */
void premises_look_at_settings(struct premises *premises,
			       const struct cmd_line *line);
/* A Redis that cannot be reached: why, as the session said. */
void premises_add_lost_redis(struct premises *premises, const struct conf *conf,
			     const char *why);
/* The socket and the responder; is_redis_up: by our own experience. */
void premises_look_at_door(struct premises *premises, const struct conf *conf,
			   bool is_redis_up);

/* What the units of workers say of themselves; nothing where systemd does not
 * run, or when line names other settings than theirs. */
void premises_look_at_workers(struct premises *premises,
			      const struct cmd_line *line);
/* Its other half: their status lines, one a line. */
void premises_add_worker_status(struct premises *premises, struct span lines);

/* In the order in which they were found. */
typedef void (*premises_fn)(void *ctx, const char *where,
			    const struct diagnosis *diagnosis);
void premises_tell(const struct premises *premises, premises_fn fn, void *ctx);

#endif
