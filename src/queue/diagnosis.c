/*
 * diagnosis: one function for each thing that may be said. What is no trouble
 * by itself (no worker, a full memory) is judged by what it means for the jobs.
 */
#include "queue/diagnosis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OFFSET_WARNING_MS 1000 /* delayed jobs may be early or late by it */
#define OFFSET_ERROR_MS 60000
#define MEMORY_WARNING_PCT 80
#define MEMORY_ERROR_PCT 95
#define OVERDUE_MS 60000 /* an idle worker looks every 5 s */
#define TEXT_BYTES 512

struct speaker {
	diagnosis_fn fn;
	void *ctx;
};

struct what {
	enum diagnosis_severity severity;
	const char *kind;
	int64_t n;
	const char *remedy;
	bool is_repairable;
	const struct doctor_trouble *examples;
	size_t n_examples;
};

const char *
diagnosis_severity_text(enum diagnosis_severity severity)
{
	static const char *const texts[] = { "info", "warning", "error" };
	return texts[severity];
}

const char *
diagnosis_age(int64_t ms, char out[DIAGNOSIS_AGE_BYTES])
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {
		{ 1000, "s" },
		{ 60000, "m" },
		{ 3600000, "h" },
		{ 86400000, "d" },
	};
	size_t i = 0;
	if (ms < 0)
		ms = 0;
	while (i < 3 && ms / units[i].ms >= (i == 2 ? 48 : 120))
		i++;
	snprintf(out, DIAGNOSIS_AGE_BYTES, "%" PRId64 "%s", ms / units[i].ms,
		 units[i].unit);
	return out;
}

static void say(const struct speaker *speaker, struct what what,
		const char *fmt, ...) HS_PRINTF(3, 4);

static void
say(const struct speaker *speaker, struct what what, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	const struct diagnosis diagnosis = {
		.severity = what.severity,
		.kind = what.kind,
		.n = what.n,
		.text = text,
		.remedy = what.remedy ? what.remedy : "",
		.is_repairable = what.is_repairable,
		.examples = what.examples,
		.n_examples = what.n_examples,
	};
	speaker->fn(speaker->ctx, &diagnosis);
}

static struct what
info(const char *kind, const char *remedy)
{
	return (struct what){ DIAGNOSIS_INFO, kind, 0, remedy, false, NULL, 0 };
}

static struct what
warning(const char *kind, const char *remedy)
{
	return (struct what){
		DIAGNOSIS_WARNING, kind, 0, remedy, false, NULL, 0
	};
}

static struct what
error(const char *kind, const char *remedy)
{
	return (struct what){
		DIAGNOSIS_ERROR, kind, 0, remedy, false, NULL, 0
	};
}

/* ---- the server ---- */

static void
say_version(const struct speaker *speaker, const struct server *server)
{
	if (!server->version[0]) {
		say(speaker, info("version", ""),
		    "the server does not tell its version");
		return;
	}
	if (strcmp(server->software, "Dragonfly") == 0)
		say(speaker,
		    warning("version",
			    "give it --cluster_mode=emulated and "
			    "--lock_on_hashtags, and queues or the prefix a "
			    "{tag}"),
		    "Dragonfly %s: its scripts may only use keys that were "
		    "named",
		    server->version);
	else if (strcmp(server->software, "Valkey") == 0)
		say(speaker, info("version", ""), "Valkey %s", server->version);
	else if (server_is_below(server, 5, 0, 0))
		say(speaker, error("version", "install Redis 6.2 or newer"),
		    "Redis %s: BullMQ refuses what is older than 5.0",
		    server->version);
	else if (server_is_below(server, 6, 2, 0))
		say(speaker, warning("version", "install Redis 6.2 or newer"),
		    "Redis %s: BullMQ warns of what is older than 6.2",
		    server->version);
	else
		say(speaker, info("version", ""), "Redis %s", server->version);
}

static void
say_memory(const struct speaker *speaker, const struct server *server)
{
	if (server->policy[0] && strcmp(server->policy, "noeviction") != 0)
		say(speaker,
		    error("eviction",
			  "redis-cli config set maxmemory-policy noeviction && "
			  "redis-cli config rewrite"),
		    "maxmemory-policy is %s: when memory is short Redis "
		    "throws jobs away%s",
		    server->policy,
		    server->n_evicted > 0 ? ", and it has" : "");
	if (server->max_memory_bytes <= 0)
		return;
	int64_t pct =
		server->memory_bytes / (server->max_memory_bytes / 100 + 1);
	if (pct < MEMORY_WARNING_PCT)
		return;
	say(speaker,
	    (pct < MEMORY_ERROR_PCT ? warning : error)(
		    "memory", "raise maxmemory, or keep fewer finished jobs"),
	    "%" PRId64 "%% of maxmemory is used; when it is full no job can "
	    "come in",
	    pct);
}

static void
say_persistence(const struct speaker *speaker, const struct server *server)
{
	if (server->is_save_failed)
		say(speaker,
		    error("save", "see Redis's log: no space, no permission?"),
		    "the last save to disk failed%s",
		    server->has_rdb ? ", so Redis may refuse all writes" : "");
	if (server->is_aof_failed)
		say(speaker,
		    error("save", "see Redis's log: no space, no permission?"),
		    "the last write to the append-only file failed");
	if (server->has_aof || server->is_replica)
		return;
	if (server->is_rdb_known && !server->has_rdb)
		say(speaker,
		    warning("persistence",
			    "redis-cli config set appendonly yes && redis-cli "
			    "config rewrite"),
		    "nothing is written to disk: a restart of Redis loses all "
		    "jobs");
	else
		say(speaker,
		    warning("persistence",
			    "redis-cli config set appendonly yes && redis-cli "
			    "config rewrite"),
		    "no append-only file: a crash of Redis loses the jobs "
		    "since its last save");
}

static void
say_clock(const struct speaker *speaker, const struct server *server)
{
	if (!server->is_clock_known)
		return;
	int64_t offset_ms = llabs(server->offset_ms);
	int64_t slack_ms = server->round_trip_ms / 2;
	const char *side = server->offset_ms < 0 ? "ahead of" : "behind";
	if (offset_ms <= OFFSET_WARNING_MS + slack_ms)
		say(speaker, info("clock", ""),
		    "this host's clock is %" PRId64
		    " ms %s Redis's (within %" PRId64
		    " ms); it matters from %d ms on",
		    offset_ms, side, slack_ms, OFFSET_WARNING_MS);
	else
		say(speaker,
		    (offset_ms < OFFSET_ERROR_MS ? warning : error)(
			    "clock",
			    "let NTP set the clocks of all hosts; what is "
			    "above 1 s matters"),
		    "this host's clock is %" PRId64
		    " ms %s Redis's: delayed jobs run that much too %s, "
		    "times in dashboards are wrong",
		    offset_ms, side, server->offset_ms < 0 ? "early" : "late");
}

void
diagnosis_of_server(const struct server *server, diagnosis_fn fn, void *ctx)
{
	const struct speaker speaker = { fn, ctx };
	say_version(&speaker, server);
	if (server->is_loading)
		say(&speaker, error("loading", "wait"),
		    "Redis is still reading its data");
	if (server->is_replica)
		say(&speaker, error("replica", "let redis.url name the master"),
		    "this Redis is a replica and takes no jobs%s",
		    server->is_link_down ? "; it has lost its master" : "");
	say_memory(&speaker, server);
	say_persistence(&speaker, server);
	say_clock(&speaker, server);
	if (!server->clients)
		say(&speaker,
		    info("clients", "allow CLIENT LIST to see the workers"),
		    "Redis does not tell who is connected");
}

/* ---- the queue: troubles ---- */

static const struct words {
	enum diagnosis_severity severity;
	const char *one;
	const char *many; /* with the number */
	const char *remedy;
} words[DOCTOR_N_KINDS] = {
	[DOCTOR_WRONGTYPE] = { DIAGNOSIS_ERROR,
			       "key of the queue holds something else: Redis "
			       "refuses whatever needs it",
			       "keys of the queue hold something else: Redis "
			       "refuses whatever needs them",
			       "gives it another name, so that the queue lives "
			       "again; look at what it holds" },
	[DOCTOR_COUNTER] = { DIAGNOSIS_ERROR,
			     "counter of ids is behind: the next job would "
			     "overwrite one that exists",
			     "counters of ids are behind", "sets it" },
	[DOCTOR_GHOST] = { DIAGNOSIS_ERROR,
			   "id stands in the queue without its job: Node.js "
			   "runs it with no name and no data",
			   "ids stand in the queue without their jobs: Node.js "
			   "runs them with no name and no data",
			   "drops the id" },
	[DOCTOR_DOUBLE] = { DIAGNOSIS_ERROR,
			    "job is in two places and would run twice",
			    "jobs are in two places and would run twice",
			    "keeps the one that fits the job's fields" },
	[DOCTOR_PROTO] = { DIAGNOSIS_ERROR,
			   "deduplicated job waits for an owner that is gone",
			   "deduplicated jobs wait for owners that are gone",
			   "makes a job of it" },
	[DOCTOR_DEDUP] = { DIAGNOSIS_ERROR,
			   "deduplication id belongs to a job that is gone: "
			   "what is added with it vanishes",
			   "deduplication ids belong to jobs that are gone: "
			   "what is added with them vanishes",
			   "frees the id" },
	[DOCTOR_PARENT] = { DIAGNOSIS_ERROR,
			    "parent waits for children, and none is left",
			    "parents wait for children, and none is left",
			    "lets the parent run" },
	[DOCTOR_ORPHAN] = { DIAGNOSIS_ERROR,
			    "job is in no state: nobody lists it, nobody will "
			    "run it",
			    "jobs are in no state: nobody lists them, nobody "
			    "will run them",
			    "puts it back where its fields say; until then "
			    "never call removeOrphanedJobs()" },
	[DOCTOR_LOCK] = { DIAGNOSIS_WARNING,
			  "lock without end is left, and its job does not run",
			  "locks without end are left, and their jobs do not "
			  "run",
			  "deletes it" },
	[DOCTOR_FADING_LOCK] = { DIAGNOSIS_INFO,
				 "lock is left of a job that does not run; it "
				 "ends by itself",
				 "locks are left of jobs that do not run; they "
				 "end by themselves",
				 NULL },
	[DOCTOR_SCHEDULER] = { DIAGNOSIS_ERROR,
			       "scheduler has lost the job it had planned, or "
			       "that one ended without a next, and will not "
			       "run "
			       "again",
			       "schedulers have lost the jobs they had "
			       "planned, "
			       "or these ended without a next, and will not "
			       "run again",
			       NULL },
	[DOCTOR_FRAGMENT] = { DIAGNOSIS_WARNING,
			      "hash among the jobs is none (no data, no "
			      "timestamp)",
			      "hashes among the jobs are none (no data, no "
			      "timestamp)",
			      NULL },
};

static const char *
remedy_else(enum doctor_kind kind)
{
	switch (kind) {
	case DOCTOR_SCHEDULER:
		return "upsert the scheduler again, as its program does when "
		       "it starts";
	case DOCTOR_FRAGMENT:
		return "look at it with HGETALL; if nobody needs it, DEL";
	default:
		return "";
	}
}

static void
say_kind(const struct speaker *speaker, enum doctor_kind kind,
	 const struct doctor_trouble *examples, size_t n_examples, int64_t n)
{
	const struct words *w = &words[kind];
	struct what what = {
		.severity = w->severity,
		.kind = doctor_kind_text(kind),
		.n = n,
		.remedy = w->remedy ? w->remedy : remedy_else(kind),
		.is_repairable = doctor_is_repairable(kind),
		.examples = examples,
		.n_examples = n_examples < DIAGNOSIS_EXAMPLES
				      ? n_examples
				      : DIAGNOSIS_EXAMPLES,
	};
	say(speaker, what, "%" PRId64 " %s", n, n == 1 ? w->one : w->many);
}

/* Active without a lock: those that the workers' own check is about to give
 * back are no trouble while there is a worker. */
static void
say_lockless(const struct speaker *speaker, const struct diagnosis_facts *facts,
	     const struct doctor_trouble *troubles, size_t n_kept, int64_t n)
{
	/* the lock ends, one check notes the job, the next gives it back */
	int64_t patience_ms =
		facts->lock_duration_ms + 3 * facts->stalled_interval_ms;
	int64_t now_ms = facts->report->last.redis_at_ms;
	int64_t oldest_ms = 0;
	size_t oldest = 0;
	char age[DIAGNOSIS_AGE_BYTES];
	for (size_t i = 0; i < n_kept; i++) {
		/* "<processedOn> <worker>" */
		int64_t age_ms = now_ms - strtoll(troubles[i].detail, NULL, 10);
		if (age_ms > oldest_ms) {
			oldest_ms = age_ms;
			oldest = i;
		}
	}
	bool is_late = oldest_ms > patience_ms;
	const char *worker =
		n_kept > 0 ? strchr(troubles[oldest].detail, ' ') : NULL;
	struct what what = {
		.severity = is_late || facts->n_workers == 0 ? DIAGNOSIS_ERROR
							     : DIAGNOSIS_INFO,
		.kind = "lockless",
		.n = n,
		.remedy = "gives the job back at once, as a stalled one",
		.is_repairable = true,
		.examples = troubles + oldest,
		.n_examples = n_kept > 0 ? 1 : 0,
	};
	const char *named = worker && worker[1] ? worker + 1 : "unnamed";
	diagnosis_age(oldest_ms, age);
	if (what.severity == DIAGNOSIS_INFO)
		say(speaker, what,
		    "%" PRId64 " active %s lost the lock (worker %s, started "
		    "%s ago); the workers' stalled check gives back what has",
		    n, n == 1 ? "job has" : "jobs have", named, age);
	else
		say(speaker, what,
		    "%" PRId64 " active %s no lock, and no stalled check gave "
		    "it back (worker %s, started %s ago)",
		    n, n == 1 ? "job has" : "jobs have", named, age);
}

static void
say_troubles(const struct speaker *speaker, const struct diagnosis_facts *facts)
{
	const struct doctor_report *report = facts->report;
	size_t at = 0;
	for (int k = 0; k < DOCTOR_N_KINDS; k++) {
		enum doctor_kind kind = (enum doctor_kind)k;
		size_t first = at;
		while (at < report->n_troubles &&
		       report->troubles[at].kind == kind)
			at++;
		if (report->n_of[k] == 0)
			continue;
		if (kind == DOCTOR_LOCKLESS)
			say_lockless(speaker, facts, report->troubles + first,
				     at - first, report->n_of[k]);
		else if (kind != DOCTOR_MARKER)
			say_kind(speaker, kind, report->troubles + first,
				 at - first, report->n_of[k]);
	}
}

/* ---- the queue: the whole ---- */

static void
say_pro(const struct speaker *speaker, const struct doctor_vitals *vitals)
{
	if (strncmp(vitals->version, "bullmq-pro", 10) == 0)
		say(speaker, error("pro", "leave it to BullMQ Pro's own tools"),
		    "the queue belongs to %s, whose keys nobody else knows",
		    vitals->version);
}

static void
say_version_of_queue(const struct speaker *speaker,
		     const struct doctor_vitals *vitals)
{
	bool is_v5 = strncmp(vitals->version, "bullmq:5", 8) == 0;
	if (vitals->is_paused && vitals->n[JOB_WAIT] > 0 &&
	    (is_v5 || vitals->n[JOB_PAUSED] > 0))
		say(speaker,
		    error("pause",
			  "resume it with hooksync resume, or with BullMQ 6"),
		    "the queue is paused, and BullMQ 5 and 6 have both written "
		    "to it: if BullMQ 5 resumes it, %" PRId64
		    " waiting %s lost",
		    vitals->n[JOB_WAIT],
		    vitals->n[JOB_WAIT] == 1 ? "job is" : "jobs are");
	else if (is_v5)
		say(speaker,
		    info("version5",
			 "pause and resume with hooksync, or with BullMQ 5 "
			 "alone"),
		    "the last Node.js program to open the queue has %s",
		    vitals->version);
	if (!vitals->is_paused && vitals->n[JOB_PAUSED] > 0)
		say(speaker,
		    error("leftover",
			  "hooksync resume puts them among the others"),
		    "%" PRId64 " %s in the list of a pause that is over",
		    vitals->n[JOB_PAUSED],
		    vitals->n[JOB_PAUSED] == 1 ? "job is" : "jobs are");
}

static void
say_paused(const struct speaker *speaker, const struct doctor_vitals *vitals,
	   int64_t paused_at_ms)
{
	char age[DIAGNOSIS_AGE_BYTES];
	if (!vitals->is_paused)
		return;
	if (paused_at_ms > 0)
		say(speaker, warning("paused", "hooksync resume"),
		    "the queue has been paused for %s",
		    diagnosis_age(vitals->redis_at_ms - paused_at_ms, age));
	else
		say(speaker, warning("paused", "hooksync resume"),
		    "the queue is paused, nobody remembers for how long");
}

static void
say_workers(const struct speaker *speaker, const struct diagnosis_facts *facts)
{
	const struct doctor_vitals *vitals = &facts->report->last;
	int64_t n_ready = vitals->n[JOB_WAIT] + vitals->n[JOB_PRIORITIZED] +
			  vitals->n[JOB_PAUSED] + vitals->n[JOB_ACTIVE];
	int64_t late_ms = vitals->next_due_ms > 0
				  ? vitals->redis_at_ms - vitals->next_due_ms
				  : 0;
	/* one that runs since before its first route is restarted, too */
	const char *start = facts->has_no_route
				    ? "there is no route, so hooksync-worker "
				      "takes no job: hooksync.conf(5)"
				    : "systemctl restart hooksync-worker";
	const char *compare = facts->has_no_route
				      ? "if your programs use it, compare "
					"redis.url, queue.prefix and the name "
					"with theirs; there is no route, so "
					"hooksync-worker takes no job"
				      : "systemctl restart hooksync-worker; "
					"if your programs use it, compare "
					"redis.url, queue.prefix and the name "
					"with theirs";
	char age[DIAGNOSIS_AGE_BYTES];
	if (facts->n_workers > 0)
		say(speaker, info("workers", ""), "%" PRId64 " %s connected",
		    facts->n_workers,
		    facts->n_workers == 1 ? "worker is" : "workers are");
	else if (facts->n_workers == 0 && n_ready + vitals->n[JOB_DELAYED] > 0)
		say(speaker, warning("workers", start),
		    "no worker is connected, and there are jobs");
	else if (facts->n_workers == 0 && facts->report->n_jobs == 0 &&
		 vitals->counter == 0)
		say(speaker, info("unused", compare),
		    "no worker is connected, and there never was a job");
	else if (facts->n_workers == 0)
		say(speaker, info("workers", start), "no worker is connected");
	if (late_ms > OVERDUE_MS && facts->n_workers != 0)
		say(speaker,
		    (vitals->n[JOB_ACTIVE] == 0 && !vitals->is_paused
			     ? warning
			     : info)("overdue",
				     "look at the workers' logs; hooksync jobs "
				     "delayed shows the jobs"),
		    "the first delayed job has been due for %s%s",
		    diagnosis_age(late_ms, age),
		    vitals->n[JOB_ACTIVE] > 0 ? "; all workers may be busy"
					      : "");
}

static void
say_backlog(const struct speaker *speaker, const struct doctor_vitals *vitals)
{
	char age[DIAGNOSIS_AGE_BYTES];
	int64_t n = vitals->n[JOB_WAIT] + vitals->n[JOB_PRIORITIZED] +
		    vitals->n[JOB_PAUSED];
	if (n > 0 && vitals->next_timestamp_ms > 0)
		say(speaker, info("waiting", ""),
		    "%" PRId64 " %s, the next one for %s", n,
		    n == 1 ? "job waits" : "jobs wait",
		    diagnosis_age(vitals->redis_at_ms -
					  vitals->next_timestamp_ms,
				  age));
	if (vitals->n[JOB_FAILED] > 0)
		say(speaker, info("failed", "hooksync jobs failed"),
		    "%" PRId64 " %s failed", vitals->n[JOB_FAILED],
		    vitals->n[JOB_FAILED] == 1 ? "job has" : "jobs have");
}

void
diagnosis_of_queue(const struct diagnosis_facts *facts, diagnosis_fn fn,
		   void *ctx)
{
	const struct speaker speaker = { fn, ctx };
	const struct doctor_vitals *vitals = &facts->report->last;
	say_troubles(&speaker, facts);
	say_pro(&speaker, vitals);
	if (!vitals->is_whole) {
		say(&speaker, info("unread", "repair that first"),
		    "the jobs were not looked at, because keys of the queue "
		    "cannot be read");
		return;
	}
	if (facts->is_asleep) {
		struct what what = warning("marker", "sets it");
		what.is_repairable = true;
		say(&speaker, what,
		    "jobs wait, nobody is busy, and the marker that wakes "
		    "workers is missing");
	}
	say_version_of_queue(&speaker, vitals);
	say_paused(&speaker, vitals, facts->report->first.paused_at_ms);
	say_workers(&speaker, facts);
	say_backlog(&speaker, vitals);
}
