/*
 * job: a hash of Redis read with distrust.
 *
 * Any producer may have written it: numbers may be text, fractions or absent,
 * options may be anything. What only makes a job odd is read as BullMQ reads
 * it; what makes it impossible to run becomes `poison`. All texts of a job lie
 * in one allocation, made for the hash they came from.
 */
#include "queue/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/num.h"

/* A year: upstream has no cap, but 2^n soon leaves the scores of `delayed`. */
#define BACKOFF_MAX_MS (INT64_C(365) * 24 * 3600 * 1000)
#define EXACT_MAX 9007199254740992.0 /* 2^53: Node's numbers end here */

static const char *const state_texts[] = {
	[JOB_WAIT] = "wait",
	[JOB_PRIORITIZED] = "prioritized",
	[JOB_DELAYED] = "delayed",
	[JOB_ACTIVE] = "active",
	[JOB_COMPLETED] = "completed",
	[JOB_FAILED] = "failed",
	[JOB_WAITING_CHILDREN] = "waiting-children",
	[JOB_PAUSED] = "paused",
	[JOB_UNKNOWN] = "unknown",
};

struct field {
	const char *name;
	struct span *out;
};

static int64_t
whole(double value)
{
	if (isnan(value))
		return 0;
	if (value >= EXACT_MAX)
		return (int64_t)EXACT_MAX;
	if (value <= -EXACT_MAX)
		return -(int64_t)EXACT_MAX;
	return (int64_t)value;
}

/* Text as a number, cut to a whole one; 0 for what is none. */
static int64_t
field_number(struct span text)
{
	int64_t value;
	if (num_i64(text, INT64_MIN, INT64_MAX, &value) == HS_OK)
		return value;
	double real;
	return num_double(text, &real) == HS_OK ? whole(real) : 0;
}

/* A member that is a number; `absent` for all else. */
static double
option_number(const struct doc *opts, const char *name, double absent)
{
	double value;
	return doc_double(doc_get(opts, name), &value) == HS_OK ? value
								: absent;
}

static void
read_backoff(struct job *job, const struct doc *opts)
{
	const struct doc *backoff = doc_get(opts, "backoff");
	double delay;
	if (doc_double(backoff, &delay) == HS_OK) {
		job->backoff = JOB_BACKOFF_FIXED;
	} else if (doc_type_of(backoff) == DOC_OBJECT) {
		struct span type;
		job->backoff = JOB_BACKOFF_UNKNOWN;
		if (doc_text(doc_get(backoff, "type"), &type) == HS_OK) {
			if (span_is(type, "fixed"))
				job->backoff = JOB_BACKOFF_FIXED;
			else if (span_is(type, "exponential"))
				job->backoff = JOB_BACKOFF_EXPONENTIAL;
		}
		delay = option_number(backoff, "delay", 0);
		job->backoff_jitter = option_number(backoff, "jitter", 0);
	} else {
		job->backoff = doc_type_of(backoff) == DOC_STRING
				       ? JOB_BACKOFF_UNKNOWN
				       : JOB_BACKOFF_NONE;
		return;
	}
	job->backoff_delay_ms = delay > 0 ? whole(delay) : 0;
	if (!(job->backoff_jitter > 0))
		job->backoff_jitter = 0;
	else if (job->backoff_jitter > 1)
		job->backoff_jitter = 1;
}

static int64_t
not_below(double value, int64_t least)
{
	return value > (double)least ? whole(value) : least;
}

/* true, false, a count, or {"age", "count", "limit"}. */
static struct job_keep
read_keep(const struct doc *rule)
{
	struct job_keep keep = { .is_set = true, .count = -1 };
	double count;
	switch (doc_type_of(rule)) {
	case DOC_TRUE:
		keep.count = 0;
		break;
	case DOC_FALSE:
		break;
	case DOC_NUMBER:
		if (doc_double(rule, &count) == HS_OK)
			keep.count = not_below(count, -1);
		break;
	case DOC_OBJECT:
		keep.count = not_below(option_number(rule, "count", -1), -1);
		/* half a second is not "no limit" */
		keep.age_s = not_below(ceil(option_number(rule, "age", 0)), 0);
		keep.limit = not_below(option_number(rule, "limit", 0), 0);
		break;
	default:
		keep.is_set = false;
		break;
	}
	return keep;
}

static const char *
read_options(struct job *job)
{
	struct doc *opts = NULL;
	enum hs_err err = doc_parse(job->opts, &opts);
	if (err == HS_TOO_BIG)
		return "the job's opts are too large or too deep";
	if (err != HS_OK)
		return "the job's opts are not JSON";
	if (doc_type_of(opts) != DOC_OBJECT) {
		doc_free(opts);
		return "the job's opts are no JSON object";
	}
	job->attempts = not_below(option_number(opts, "attempts", 0), 0);
	job->stacktrace_limit =
		not_below(option_number(opts, "stackTraceLimit", -1), -1);
	job->is_lifo = doc_is_true(doc_get(opts, "lifo"));
	job->keep_completed = read_keep(doc_get(opts, "removeOnComplete"));
	job->keep_failed = read_keep(doc_get(opts, "removeOnFail"));
	read_backoff(job, opts);
	doc_free(opts);
	return NULL;
}

static const char *
find_poison(struct job *job, struct span name)
{
	const char *poison = read_options(job);
	if (!name.ptr)
		return "the job has no name";
	if (memchr(job->id, 0, job->id_bytes.len))
		return "the job's id holds a NUL byte";
	if (name.len > 0 && memchr(name.ptr, 0, name.len))
		return "the job's name holds a NUL byte";
	enum hs_err err = doc_scan(job->data, NULL, NULL);
	if (err == HS_TOO_BIG)
		return "the job's data nests too deep";
	if (err != HS_OK)
		return "the job's data is not JSON";
	return poison;
}

/* Points *field->out at each value of the reply. */
static enum hs_err
find_fields(const struct reply *hash, const struct field *fields, size_t n)
{
	for (size_t i = 0; i + 1 < hash->n_items; i += 2) {
		const struct reply *name = hash->items[i];
		const struct reply *value = hash->items[i + 1];
		if (name->type != REPLY_TEXT || value->type != REPLY_TEXT)
			return HS_PROTOCOL;
		for (size_t k = 0; k < n; k++) {
			if (span_is(name->text, fields[k].name)) {
				*fields[k].out = value->text;
				break;
			}
		}
	}
	return HS_OK;
}

/* Copies a text into the storage, with a NUL behind it, and moves on. */
static struct span
put(unsigned char **at, struct span text)
{
	if (!text.ptr)
		return text;
	struct span copy = { *at, text.len };
	if (text.len > 0)
		memcpy(*at, text.ptr, text.len);
	(*at)[text.len] = '\0';
	*at += text.len + 1;
	return copy;
}

static char *
put_text(unsigned char **at, struct span text)
{
	return (char *)put(at, text).ptr;
}

const char *
job_state_text(enum job_state state)
{
	return state_texts[state];
}

enum hs_err
job_state_parse(const char *text, enum job_state *out)
{
	if (strcmp(text, "waiting") == 0)
		text = "wait";
	for (int i = 0; i < JOB_N_STATES; i++) {
		if (strcmp(state_texts[i], text) == 0) {
			*out = (enum job_state)i;
			return HS_OK;
		}
	}
	return HS_INVALID;
}

enum hs_err
job_from_hash(struct span id, const struct reply *hash, struct job **out)
{
	struct span name = { 0 }, data = { 0 }, opts = { 0 }, timestamp = { 0 },
		    delay = { 0 }, priority = { 0 }, made = { 0 },
		    made_old = { 0 }, started = { 0 }, n_stalled = { 0 },
		    processed_on = { 0 }, finished_on = { 0 }, worker = { 0 },
		    deferred = { 0 }, scheduler = { 0 }, reason = { 0 },
		    value = { 0 }, progress = { 0 }, stacktrace = { 0 },
		    parent = { 0 }, parent_key = { 0 }, dedup = { 0 };
	const struct field fields[] = {
		{ "name", &name },
		{ "data", &data },
		{ "opts", &opts },
		{ "timestamp", &timestamp },
		{ "delay", &delay },
		{ "priority", &priority },
		{ "atm", &made },
		{ "attemptsMade", &made_old },
		{ "ats", &started },
		{ "stc", &n_stalled },
		{ "processedOn", &processed_on },
		{ "finishedOn", &finished_on },
		{ "pb", &worker },
		{ "defa", &deferred },
		{ "rjk", &scheduler },
		{ "failedReason", &reason },
		{ "returnvalue", &value },
		{ "progress", &progress },
		{ "stacktrace", &stacktrace },
		{ "parent", &parent },
		{ "parentKey", &parent_key },
		{ "deid", &dedup },
	};
	size_t n_fields = sizeof(fields) / sizeof(fields[0]);

	if (!hash || hash->type != REPLY_ARRAY || hash->n_items % 2 != 0)
		return HS_PROTOCOL;
	if (hash->n_items == 0)
		return HS_NOT_FOUND;
	enum hs_err err = find_fields(hash, fields, n_fields);
	if (err != HS_OK)
		return err;

	/* Node reads absent and empty as an empty object */
	if (data.len == 0)
		data = span_text("{}");
	if (opts.len == 0)
		opts = span_text("{}");
	size_t size = id.len + 1 + 1;
	for (size_t i = 0; i < n_fields; i++)
		size += fields[i].out->len + 1;
	unsigned char *at = malloc(size);
	if (!at)
		return HS_NO_MEMORY;

	struct job *job = xcalloc(1, sizeof(*job));
	job->storage = at;
	job->id_bytes = put(&at, id.ptr ? id : span_text(""));
	job->id = (char *)job->id_bytes.ptr;
	job->name = put_text(&at, name.ptr ? name : span_text(""));
	job->data = put(&at, data);
	job->opts = put(&at, opts);
	job->worker = put_text(&at, worker);
	job->deferred = put_text(&at, deferred);
	job->scheduler = put_text(&at, scheduler);
	job->failed_reason = put_text(&at, reason);
	job->return_value = put(&at, value);
	job->progress = put(&at, progress);
	job->stacktrace = put(&at, stacktrace);
	job->parent = put(&at, parent);
	job->parent_key = put_text(&at, parent_key);
	job->dedup_id = put_text(&at, dedup);
	job->timestamp_ms = field_number(timestamp);
	job->delay_ms = field_number(delay);
	job->priority = field_number(priority);
	job->made = field_number(made.ptr ? made : made_old);
	job->started = field_number(started);
	job->n_stalled = field_number(n_stalled);
	job->processed_on_ms = field_number(processed_on);
	job->finished_on_ms = field_number(finished_on);
	job->stacktrace_limit = -1;
	job->keep_completed.count = -1;
	job->keep_failed.count = -1;
	const char *poison = find_poison(job, name);
	if (poison)
		job->poison = xstrdup(poison);
	*out = job;
	return HS_OK;
}

void
job_free(struct job *job)
{
	if (!job)
		return;
	free(job->poison);
	free(job->storage);
	free(job);
}

/* Between 1 - jitter and 1 times the delay, evenly. */
static double
jittered(double delay, double jitter)
{
	if (jitter <= 0)
		return delay;
	uint64_t below = UINT64_C(1) << 53;
	double random = (double)digest_random_below(below) / (double)below;
	return floor(random * delay * jitter + delay * (1 - jitter));
}

int64_t
job_backoff_delay(const struct job *job)
{
	double delay = 0;
	if (job->made < 0 || job->made >= job->attempts - 1)
		return -1;
	switch (job->backoff) {
	case JOB_BACKOFF_NONE:
		return 0;
	case JOB_BACKOFF_FIXED:
		delay = (double)job->backoff_delay_ms;
		break;
	case JOB_BACKOFF_EXPONENTIAL:
		/* a double has room for any power we cut afterwards */
		delay = (double)job->backoff_delay_ms;
		if (delay > 0)
			delay *= job->made < 1000 ? pow(2, (double)job->made)
						  : INFINITY;
		delay = round(delay);
		break;
	case JOB_BACKOFF_UNKNOWN:
		return -1;
	}
	if (delay > (double)BACKOFF_MAX_MS)
		delay = (double)BACKOFF_MAX_MS;
	return (int64_t)jittered(delay, job->backoff_jitter);
}

/* In the shortest form that reads back as the same. */
static struct doc *
keep_doc(const struct job_keep *keep)
{
	struct doc *rule = doc_new_object();
	if (keep->age_s > 0)
		doc_set_i64(rule, "age", keep->age_s);
	if (keep->count >= 0)
		doc_set_i64(rule, "count", keep->count);
	if (keep->limit > 0)
		doc_set_i64(rule, "limit", keep->limit);
	return rule;
}

static void
set_keep(struct doc *opts, const char *name, const struct job_keep *keep)
{
	if (!keep->is_set)
		return;
	if (keep->age_s > 0 || keep->limit > 0)
		doc_set(opts, name, keep_doc(keep));
	else if (keep->count > 0)
		doc_set_i64(opts, name, keep->count);
	else
		doc_set_bool(opts, name, keep->count == 0);
}

static struct doc *
backoff_doc(const struct job_options *options)
{
	struct doc *backoff = doc_new_object();
	bool is_fixed = options->backoff == JOB_BACKOFF_FIXED;
	doc_set_text(backoff, "type",
		     span_text(is_fixed ? "fixed" : "exponential"));
	doc_set_i64(backoff, "delay", options->backoff_delay_ms);
	if (options->backoff_jitter > 0 && options->backoff_jitter <= 1) {
		char number[32];
		int len = snprintf(number, sizeof(number), "%.15g",
				   options->backoff_jitter);
		enum hs_err err = doc_set_json(backoff, "jitter",
					       span_of(number, (size_t)len));
		log_assert(err == HS_OK);
	}
	return backoff;
}

struct doc *
job_options_doc(const struct job_options *options)
{
	struct doc *opts = doc_new_object();
	doc_set_i64(opts, "attempts", options->attempts);
	if (options->backoff == JOB_BACKOFF_FIXED ||
	    options->backoff == JOB_BACKOFF_EXPONENTIAL)
		doc_set(opts, "backoff", backoff_doc(options));
	if (options->delay_ms > 0)
		doc_set_i64(opts, "delay", options->delay_ms);
	if (options->priority > 0)
		doc_set_i64(opts, "priority", options->priority);
	if (options->is_lifo)
		doc_set_bool(opts, "lifo", true);
	if (options->timestamp_ms != 0)
		doc_set_i64(opts, "timestamp", options->timestamp_ms);
	if (options->id.len > 0)
		doc_set_text(opts, "jobId", options->id);
	set_keep(opts, "removeOnComplete", &options->keep_completed);
	set_keep(opts, "removeOnFail", &options->keep_failed);
	if (options->keep_logs > 0)
		doc_set_i64(opts, "kl", options->keep_logs);
	if (options->has_stacktrace_limit)
		doc_set_i64(opts, "stackTraceLimit", options->stacktrace_limit);
	if (options->size_limit > 0)
		doc_set_i64(opts, "sizeLimit", options->size_limit);
	return opts;
}

enum hs_err
job_options_print(const struct job_options *options, struct buf *out)
{
	struct doc *opts = job_options_doc(options);
	enum hs_err err = doc_print(opts, false, out);
	doc_free(opts);
	return err;
}
