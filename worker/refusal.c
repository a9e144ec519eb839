/*
 * refusal: see refusal.h. Redis before 7 puts its word for what was refused in
 * a script behind a sentence of its own, so it is looked for anywhere.
 */
#include "worker/refusal.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	const char *remedy;
} remedies[] = {
	{ "NOPERM", "the ACL of the worker's user lacks something; "
		    "/usr/share/doc/hooksync/examples/redis.acl has users that "
		    "suffice" },
	{ "OOM ", "Redis is full: let it have more memory (maxmemory), or "
		  "remove what is old (hooksync clean)" },
	{ "MISCONF", "Redis cannot save to its disk: is that full, or may it "
		     "not write there? Its log says why" },
	{ "READONLY", "that Redis is a replica: name the master in redis.url" },
	{ "NOREPLICAS", "that Redis wants replicas (min-replicas-to-write) "
			"and has too few" },
};

const char *
refusal_remedy(const char *text)
{
	for (size_t i = 0; text && i < sizeof(remedies) / sizeof(remedies[0]);
	     i++)
		if (strstr(text, remedies[i].word))
			return remedies[i].remedy;
	return NULL;
}

static const char *
number(char out[24], size_t n)
{
	if (n == 0)
		return NULL; /* its pair is left out */
	snprintf(out, 24, "%zu", n);
	return out;
}

void
refusal_log(enum log_level level, struct log_storm *storm, const char *what,
	    const char *queue, size_t n, enum hs_err err, const char *text)
{
	unsigned n_suppressed;
	char jobs[24], suppressed[24];

	if (!log_storm_ok(storm, REFUSAL_STORM_MS, &n_suppressed))
		return;
	log_event(level, MESSAGE_REDIS_REFUSES,
		  "%s queue=%s n=%s reason=\"%s\" remedy=\"%s\" suppressed=%s",
		  what, queue, number(jobs, n),
		  text && *text ? text : hs_err_text(err), refusal_remedy(text),
		  number(suppressed, n_suppressed));
}
