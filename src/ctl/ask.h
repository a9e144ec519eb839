/*
 * ask: one question to a queue, and its answer waited for. Trouble is told by
 * the session; the exit code says so.
 */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include "queue/admin.h"
#include "queue/control.h"
#include "ctl/session.h"

int ask_counts(struct session *session, struct queue *queue,
	       struct admin_counts *counts) HS_MUST_CHECK;
int ask_settings(struct session *session, struct queue *queue,
		 struct control_settings *settings) HS_MUST_CHECK;
/* *job is NULL when there is none; else the caller frees it. */
int ask_job(struct session *session, struct queue *queue, const char *id,
	    struct job **job, enum job_state *state) HS_MUST_CHECK;

/* For calls that answer a number:
 *
 *	struct ask ask = ask_begin(session);
 *	int code = ask_end(&ask, control_pause(queue, ask_number, &ask));
 *
 * ask.n is the number then. */
struct ask {
	struct session *session;
	int64_t n;
};
struct ask ask_begin(struct session *session);
void ask_number(void *ctx, enum hs_err err, const char *text, int64_t n);
int ask_end(struct ask *ask, enum hs_err sent) HS_MUST_CHECK;

/* Jobs that wait for a worker only: wait, paused, prioritized. */
int64_t ask_n_waiting(const struct admin_counts *counts);
/* No settings, no job: nobody has ever used a queue of that name, it seems. */
bool ask_is_unused(const struct control_settings *settings,
		   const struct admin_counts *counts);

#endif
