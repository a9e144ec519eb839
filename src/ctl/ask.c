/*
 * ask: one question to a queue, and its answer waited for.
 */
#include "ctl/ask.h"

struct counts_question {
	struct session *session;
	struct admin_counts *counts;
};

struct settings_question {
	struct session *session;
	struct control_settings *settings;
};

struct job_question {
	struct session *session;
	struct job *job;
	enum job_state state;
};

/* Around a call: what it sent, and until it is answered. */
static int
wait_for(struct session *session, enum hs_err sent)
{
	if (sent != HS_OK)
		session_end(session, sent, NULL);
	return session_wait(session);
}

static void
on_counts(void *ctx, enum hs_err err, const char *text,
	  const struct admin_counts *counts)
{
	struct counts_question *question = ctx;
	if (err == HS_OK)
		*question->counts = *counts;
	session_end(question->session, err, text);
}

int
ask_counts(struct session *session, struct queue *queue,
	   struct admin_counts *counts)
{
	struct counts_question question = { session, counts };

	*counts = (struct admin_counts){ 0 };
	session_begin(session);
	return wait_for(session, admin_count(queue, on_counts, &question));
}

static void
on_settings(void *ctx, enum hs_err err, const char *text,
	    const struct control_settings *settings)
{
	struct settings_question *question = ctx;
	if (err == HS_OK)
		*question->settings = *settings;
	session_end(question->session, err, text);
}

int
ask_settings(struct session *session, struct queue *queue,
	     struct control_settings *settings)
{
	struct settings_question question = { session, settings };

	*settings = (struct control_settings){ 0 };
	session_begin(session);
	return wait_for(session, control_read(queue, on_settings, &question));
}

static void
on_job(void *ctx, enum hs_err err, const char *text, struct job *job,
       enum job_state state)
{
	struct job_question *question = ctx;
	if (err == HS_OK) {
		question->job = job;
		question->state = state;
	}
	session_end(question->session, err == HS_NOT_FOUND ? HS_OK : err, text);
}

int
ask_job(struct session *session, struct queue *queue, const char *id,
	struct job **job, enum job_state *state)
{
	struct job_question question = { .session = session,
					 .state = JOB_UNKNOWN };

	session_begin(session);
	int code = wait_for(session,
			    admin_get(queue, span_text(id), on_job, &question));
	*job = question.job;
	*state = question.state;
	return code;
}

struct ask
ask_begin(struct session *session)
{
	session_begin(session);
	return (struct ask){ .session = session };
}

void
ask_number(void *ctx, enum hs_err err, const char *text, int64_t n)
{
	struct ask *ask = ctx;
	ask->n = n;
	session_end(ask->session, err, text);
}

int
ask_end(struct ask *ask, enum hs_err sent)
{
	return wait_for(ask->session, sent);
}

int64_t
ask_n_waiting(const struct admin_counts *counts)
{
	return counts->n[JOB_WAIT] + counts->n[JOB_PAUSED] +
	       counts->n[JOB_PRIORITIZED];
}

bool
ask_is_unused(const struct control_settings *settings,
	      const struct admin_counts *counts)
{
	bool is_empty = settings->max_events == 0 && !*settings->version &&
			!settings->is_paused;
	for (int k = 0; k < JOB_N_STATES; k++)
		is_empty = is_empty && counts->n[k] == 0;
	return is_empty;
}
