/*
 * schedule: job schedulers from C's side.
 *
 * The time of a pattern is computed here (base/cron), that of an interval in
 * the script, where the last one is known. Options are JSON of others, kept as
 * they are but for what is a job's own: its id, its delay, its time and count.
 * The script ends the object, for it knows those two that depend on the time;
 * so it gets the text without the last brace.
 */
#include "queue/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/cron.h"
#include "base/doc.h"
#include "base/num.h"
#include "base/zone.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define OPTS_BYTES BOUNDS_BODY_BYTES
#define N_HEAD 3 /* of an entry of schedule_list: id, time, hash */

/* ---- the next time ---- */

/* When a pattern matches next, looked for from the later one of now and the job
 * before. HS_NOT_FOUND: never, or not before the end. */
static enum hs_err
next_of_pattern(const struct schedule_repeat *repeat, int64_t now_ms,
		int64_t before_ms, int64_t *next_ms, const char **why)
{
	struct cron cron;
	struct zone *zone;
	int64_t from_ms = before_ms > now_ms ? before_ms : now_ms;
	int64_t least_ms = from_ms;
	enum hs_err err = cron_parse(repeat->pattern, repeat->seed, &cron, why);
	if (err != HS_OK)
		return HS_INVALID;
	if (zone_open(repeat->zone, &zone) != HS_OK) {
		*why = "its time zone is unknown here";
		return HS_DENIED;
	}
	if (repeat->is_immediate) {
		*next_ms = least_ms;
	} else {
		if (repeat->start_at_ms > from_ms)
			from_ms = repeat->start_at_ms;
		if (repeat->end_at_ms != 0 && from_ms > repeat->end_at_ms)
			from_ms = repeat->end_at_ms;
		err = cron_next(&cron, zone, from_ms, repeat->end_at_ms,
				next_ms);
		if (*next_ms < least_ms)
			*next_ms = least_ms;
	}
	zone_free(zone);
	return err;
}

/* Is there one more? *next_ms is 0 where the script decides. */
static enum hs_err
next_of(const struct schedule_repeat *repeat, int64_t now_ms, int64_t before_ms,
	int64_t *next_ms, const char **why)
{
	*next_ms = 0;
	*why = "it is over";
	if ((repeat->every_ms != 0) == (repeat->pattern.len > 0)) {
		*why = "it needs an interval or a pattern, and not both";
		return HS_INVALID;
	}
	if (repeat->limit != 0 && repeat->count + 1 > repeat->limit)
		return HS_NOT_FOUND;
	if (repeat->end_at_ms != 0 && now_ms > repeat->end_at_ms)
		return HS_NOT_FOUND;
	if (repeat->every_ms != 0)
		return HS_OK;
	enum hs_err err =
		next_of_pattern(repeat, now_ms, before_ms, next_ms, why);
	if (err == HS_OK && *next_ms >= JOB_DUE_END_MS)
		err = HS_NOT_FOUND;
	return err;
}

/* ---- options ---- */

struct copy {
	struct doc *to;
	const char *const *skip; /* names, NULL-ended */
	struct buf text;
	enum hs_err err;
};

static void
copy_member(void *ctx, const char *name, const struct doc *value)
{
	struct copy *copy = ctx;
	/* what is null is not there to BullMQ's scripts */
	if (doc_type_of(value) == DOC_NULL || copy->err != HS_OK)
		return;
	for (const char *const *skip = copy->skip; *skip; skip++) {
		if (strcmp(name, *skip) == 0)
			return;
	}
	buf_reset(&copy->text);
	copy->err = doc_print(value, false, &copy->text);
	if (copy->err == HS_OK)
		copy->err = doc_set_json(copy->to, name, buf_span(&copy->text));
}

static enum hs_err
copy_members(const struct doc *from, struct doc *to, const char *const *skip)
{
	struct copy copy = { .to = to, .skip = skip };
	buf_init(&copy.text, OPTS_BYTES);
	doc_each(from, copy_member, &copy);
	buf_fini(&copy.text);
	return copy.err;
}

static void
set_some_i64(struct doc *doc, const char *name, int64_t value)
{
	if (value != 0)
		doc_set_i64(doc, name, value);
}

static void
set_some_text(struct doc *doc, const char *name, struct span value)
{
	if (value.len > 0)
		doc_set_text(doc, name, value);
}

/* What of the options the script is told, beside the text. */
struct job_part {
	struct buf text; /* the object, without its last brace */
	struct buf dedup_id;
	int64_t priority;
	bool is_lifo;
};

static void
part_init(struct job_part *part)
{
	*part = (struct job_part){ 0 };
	buf_init(&part->text, OPTS_BYTES);
	buf_init(&part->dedup_id, OPTS_BYTES);
}

static void
part_fini(struct job_part *part)
{
	buf_fini(&part->text);
	buf_fini(&part->dedup_id);
}

/* The options of the next job. `repeat` is its object, kept. is_next: as a
 * worker that has read them writes them, with attempts and the backoff as an
 * object. */
static enum hs_err
part_fill(struct job_part *part, const struct doc *opts, struct doc *repeat,
	  struct span id, int64_t now_ms, int64_t next_ms, bool is_next)
{
	static const char *const own[] = { "repeat",     "jobId",
					   "delay",      "timestamp",
					   "prevMillis", "repeatJobKey",
					   NULL };
	struct span text;
	int64_t backoff_ms;
	struct doc *doc = doc_new_object();
	if (is_next && doc_type_of(doc_get(opts, "attempts")) == DOC_NULL)
		doc_set_i64(doc, "attempts", 0);
	enum hs_err err = copy_members(opts, doc, own);
	if (is_next &&
	    doc_i64(doc_get(opts, "backoff"), &backoff_ms) == HS_OK) {
		struct doc *backoff = doc_new_object();
		doc_set_text(backoff, "type", span_text("fixed"));
		doc_set_i64(backoff, "delay", backoff_ms);
		doc_set(doc, "backoff", backoff);
	}
	doc_set(doc, "repeat", repeat);
	doc_set_i64(doc, "timestamp", now_ms);
	doc_set_text(doc, "repeatJobKey", id);
	set_some_i64(doc, "prevMillis", next_ms);
	if (doc_i64(doc_get(opts, "priority"), &part->priority) != HS_OK)
		part->priority = 0;
	if (part->priority < 0 || part->priority > JOB_PRIORITY_MAX)
		err = HS_INVALID;
	part->is_lifo = doc_is_true(doc_get(opts, "lifo"));
	if (err == HS_OK &&
	    doc_text(doc_get(doc_get(opts, "de"), "id"), &text) == HS_OK)
		err = buf_add_span(&part->dedup_id, text);
	if (err == HS_OK)
		err = doc_print(doc, false, &part->text);
	doc_free(doc);
	if (err == HS_OK)
		buf_cut(&part->text, part->text.len - 1);
	return err;
}

/* From the options of the next job as another has made them. */
static enum hs_err
part_read(struct job_part *part, struct span job_opts)
{
	static const char *const late[] = { "jobId", "delay", NULL };
	struct span text;
	struct doc *opts = NULL;
	struct doc *doc = doc_new_object();
	enum hs_err err = doc_parse(job_opts, &opts);
	if (err == HS_OK && doc_type_of(opts) != DOC_OBJECT)
		err = HS_INVALID;
	if (err == HS_OK)
		err = copy_members(opts, doc, late);
	if (err == HS_OK && doc_len(doc) == 0)
		err = HS_INVALID;
	if (doc_i64(doc_get(opts, "priority"), &part->priority) != HS_OK)
		part->priority = 0;
	part->is_lifo = doc_is_true(doc_get(opts, "lifo"));
	if (err == HS_OK &&
	    doc_text(doc_get(doc_get(opts, "de"), "id"), &text) == HS_OK)
		err = buf_add_span(&part->dedup_id, text);
	if (err == HS_OK)
		err = doc_print(doc, false, &part->text);
	if (err == HS_OK)
		buf_cut(&part->text, part->text.len - 1);
	doc_free(doc);
	doc_free(opts);
	return err;
}

static void
put_part(struct call *call, const struct job_part *part)
{
	call_span(call, buf_span(&part->text));
	call_i64(call, part->priority);
	call_i64(call, part->is_lifo);
	call_span(call, buf_span(&part->dedup_id));
}

static void
put_some_i64(struct call *call, int64_t value)
{
	if (value != 0)
		call_i64(call, value);
	else
		call_text(call, "");
}

/* ---- answers ---- */

struct schedule_call {
	schedule_fn fn;
	void *ctx;
};

/* A code, or the job and its delay, or nothing. */
static void
on_scheduled(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct schedule_call *schedule = ctx;
	struct span job_id = span_text("");
	enum code code = CODE_DONE;
	int64_t delay_ms = 0;
	const char *text;
	if (err == HS_OK && reply->type == REPLY_INTEGER) {
		code = (enum code)reply->integer;
		text = code_text(code);
	} else {
		err = call_check(err, reply, REPLY_ARRAY, &text);
	}
	if (err == HS_OK && reply->type == REPLY_ARRAY && reply->n_items == 2) {
		job_id = reply->items[0]->text;
		if (num_i64(reply->items[1]->text, 0, INT64_MAX, &delay_ms) !=
		    HS_OK)
			err = HS_PROTOCOL;
	}
	schedule->fn(schedule->ctx, err, text, code, job_id, delay_ms);
	free(schedule);
}

static enum hs_err
send_scheduled(struct call *call, const struct script *script, schedule_fn fn,
	       void *ctx)
{
	struct schedule_call *schedule = xcalloc(1, sizeof(*schedule));
	*schedule = (struct schedule_call){ fn, ctx };
	enum hs_err err = call_send(call, script, on_scheduled, schedule);
	if (err != HS_OK)
		free(schedule);
	return err;
}

/* ---- upsert ---- */

static bool
item_is_valid(const struct schedule_item *item, const char **why)
{
	const struct schedule_repeat *repeat = &item->repeat;
	*why = NULL;
	if (item->id.len == 0 || item->id.len > BOUNDS_JOB_ID_BYTES ||
	    !doc_is_utf8(item->id) || memchr(item->id.ptr, 0, item->id.len))
		*why = "its id is empty, too long or no text";
	else if (item->name.len > BOUNDS_JOB_ID_BYTES ||
		 !doc_is_utf8(item->name) ||
		 (item->name.len > 0 &&
		  memchr(item->name.ptr, 0, item->name.len)))
		*why = "its name is too long or no text";
	else if (item->data.len > 0 &&
		 doc_scan(item->data, NULL, NULL) != HS_OK)
		*why = "its data is no JSON";
	else if (repeat->every_ms < 0 || repeat->every_ms >= JOB_DUE_END_MS ||
		 repeat->offset_ms < 0 || repeat->offset_ms >= JOB_DUE_END_MS)
		*why = "its interval is out of range";
	else if (repeat->limit < 0 || repeat->count < 0)
		*why = "its limit is below 0";
	else if (repeat->start_at_ms < 0 ||
		 repeat->start_at_ms >= JOB_DUE_END_MS || repeat->end_at_ms < 0)
		*why = "its start or end is out of range";
	else if (repeat->is_immediate && repeat->start_at_ms != 0)
		*why = "it cannot begin now and later";
	return *why == NULL;
}

static struct doc *
repeat_doc(const struct schedule_repeat *repeat)
{
	struct doc *doc = doc_new_object();
	set_some_i64(doc, "every", repeat->every_ms);
	set_some_text(doc, "pattern", repeat->pattern);
	set_some_text(doc, "tz", repeat->zone);
	set_some_text(doc, "hashSeed", repeat->seed);
	set_some_i64(doc, "limit", repeat->limit);
	set_some_i64(doc, "startDate", repeat->start_at_ms);
	set_some_i64(doc, "endDate", repeat->end_at_ms);
	if (repeat->every_ms != 0)
		set_some_i64(doc, "offset", repeat->offset_ms);
	doc_set_i64(doc, "count", repeat->count + 1);
	return doc;
}

static enum hs_err
send_upsert(struct queue *queue, const struct schedule_item *item,
	    int64_t now_ms, int64_t next_ms, struct job_part *part,
	    schedule_fn fn, void *ctx)
{
	const struct schedule_repeat *repeat = &item->repeat;
	bool has_opts = item->opts.len > 0 && !span_is(item->opts, "{}");
	struct call *call = call_new(queue, 17);
	call_span(call, item->id);
	call_i64(call, now_ms);
	if (repeat->every_ms != 0)
		call_text(call, "");
	else
		call_i64(call, next_ms);
	call_span(call, item->name);
	call_span(call, item->data.len > 0 ? item->data : span_text("{}"));
	put_part(call, part);
	call_span(call, has_opts ? item->opts : span_text(""));
	put_some_i64(call, repeat->every_ms);
	put_some_i64(call, repeat->every_ms != 0 ? repeat->offset_ms : 0);
	call_span(call, repeat->pattern);
	call_span(call, repeat->zone);
	put_some_i64(call, repeat->limit);
	put_some_i64(call, repeat->start_at_ms);
	put_some_i64(call, repeat->end_at_ms);
	return send_scheduled(call, &queue_script_schedule_upsert, fn, ctx);
}

enum hs_err
schedule_put(struct queue *queue, const struct schedule_item *item,
	     struct span job_opts, int64_t next_ms, int64_t now_ms,
	     schedule_fn fn, void *ctx)
{
	struct job_part part;
	part_init(&part);
	enum hs_err err = part_read(&part, job_opts);
	if (err == HS_OK)
		err = send_upsert(queue, item, now_ms, next_ms, &part, fn, ctx);
	part_fini(&part);
	return err;
}

enum hs_err
schedule_upsert(struct queue *queue, const struct schedule_item *item,
		int64_t now_ms, schedule_fn fn, void *ctx, const char **why)
{
	int64_t next_ms;
	struct job_part part;
	struct doc *opts = NULL;
	if (!item_is_valid(item, why))
		return HS_INVALID;
	enum hs_err err = next_of(&item->repeat, now_ms, 0, &next_ms, why);
	if (err != HS_OK)
		return err;
	part_init(&part);
	err = doc_parse(item->opts.len > 0 ? item->opts : span_text("{}"),
			&opts);
	if (err == HS_OK && doc_type_of(opts) != DOC_OBJECT)
		err = HS_INVALID;
	if (err == HS_OK)
		err = part_fill(&part, opts, repeat_doc(&item->repeat),
				item->id, now_ms, next_ms, false);
	if (err == HS_OK)
		err = send_upsert(queue, item, now_ms, next_ms, &part, fn, ctx);
	else
		*why = "its options are no job's";
	doc_free(opts);
	part_fini(&part);
	return err;
}

/* ---- advance ---- */

/* A number that may be missing. */
static bool
read_some_i64(const struct doc *object, const char *name, int64_t *out)
{
	const struct doc *value = doc_get(object, name);
	*out = 0;
	return doc_type_of(value) == DOC_NULL ||
	       (doc_i64(value, out) == HS_OK && *out >= 0);
}

static bool
read_some_text(const struct doc *object, const char *name, struct span *out)
{
	const struct doc *value = doc_get(object, name);
	*out = span_text("");
	return doc_type_of(value) == DOC_NULL || doc_text(value, out) == HS_OK;
}

static bool
repeat_read(const struct doc *doc, struct schedule_repeat *repeat)
{
	*repeat = (struct schedule_repeat){ 0 };
	bool is_fine = read_some_i64(doc, "every", &repeat->every_ms) &&
		       read_some_i64(doc, "offset", &repeat->offset_ms) &&
		       read_some_i64(doc, "limit", &repeat->limit) &&
		       read_some_i64(doc, "count", &repeat->count) &&
		       read_some_i64(doc, "startDate", &repeat->start_at_ms) &&
		       read_some_i64(doc, "endDate", &repeat->end_at_ms) &&
		       read_some_text(doc, "pattern", &repeat->pattern) &&
		       read_some_text(doc, "tz", &repeat->zone) &&
		       read_some_text(doc, "hashSeed", &repeat->seed);
	return is_fine && repeat->every_ms < JOB_DUE_END_MS &&
	       repeat->count < INT64_MAX;
}

/* name:id:end:zone:rule, the end a number or nothing, the rule an interval or a
 * pattern: what version 5 called its repeatable jobs. A scheduler may be called
 * so, too. */
static bool
is_legacy_shaped(struct span id)
{
	size_t n_colons = 0;
	size_t start = 0;
	for (size_t i = 0; i < id.len && n_colons < 4; i++) {
		if (n_colons == 2 && id.ptr[i] != ':' &&
		    (id.ptr[i] < '0' || id.ptr[i] > '9'))
			return false;
		if (id.ptr[i] == ':') {
			n_colons++;
			start = i + 1;
		}
	}
	if (n_colons < 4 || start == id.len)
		return false;
	if (memchr(id.ptr + start, ' ', id.len - start))
		return true;
	for (size_t i = start; i < id.len; i++) {
		if (id.ptr[i] < '0' || id.ptr[i] > '9')
			return false;
	}
	return true;
}

/* The repeat of the next job: the same, counted on. */
static struct doc *
repeat_next(const struct doc *before, const struct schedule_repeat *repeat,
	    enum hs_err *err)
{
	static const char *const own[] = { "offset",      "count",
					   "startDate",   "endDate",
					   "immediately", NULL };
	struct doc *doc = doc_new_object();
	*err = copy_members(before, doc, own);
	if (repeat->every_ms != 0)
		set_some_i64(doc, "offset", repeat->offset_ms);
	set_some_i64(doc, "startDate", repeat->start_at_ms);
	set_some_i64(doc, "endDate", repeat->end_at_ms);
	doc_set_i64(doc, "count", repeat->count + 1);
	return doc;
}

static enum hs_err
send_advance(struct queue *queue, struct span id, struct span taken,
	     struct span data, int64_t now_ms, int64_t next_ms,
	     int64_t every_ms, const struct job_part *part, schedule_fn fn,
	     void *ctx)
{
	struct call *call = call_new(queue, 11);
	call_span(call, id);
	call_i64(call, now_ms);
	put_some_i64(call, next_ms);
	call_span(call, taken);
	call_span(call, data);
	put_some_i64(call, every_ms);
	put_part(call, part);
	call_i64(call, is_legacy_shaped(id));
	return send_scheduled(call, &queue_script_schedule_advance, fn, ctx);
}

enum hs_err
schedule_advance(struct queue *queue, const struct job *job, int64_t now_ms,
		 schedule_fn fn, void *ctx, const char **why)
{
	struct doc *opts = NULL;
	struct schedule_repeat repeat = { 0 };
	struct job_part part;
	int64_t before_ms = 0;
	int64_t next_ms = 0;
	*why = "its options do not say when it is due";
	if (!job->scheduler || doc_parse(job->opts, &opts) != HS_OK)
		return HS_INVALID;
	part_init(&part);
	const struct doc *before = doc_get(opts, "repeat");
	enum hs_err err = HS_INVALID;
	if (doc_type_of(before) == DOC_OBJECT && repeat_read(before, &repeat) &&
	    read_some_i64(opts, "prevMillis", &before_ms))
		err = next_of(&repeat, now_ms, before_ms, &next_ms, why);
	if (err == HS_OK) {
		*why = "its options are no job's";
		struct doc *next = repeat_next(before, &repeat, &err);
		enum hs_err filled =
			part_fill(&part, opts, next, span_text(job->scheduler),
				  now_ms, next_ms, true);
		if (err == HS_OK)
			err = filled;
	}
	if (err == HS_OK)
		err = send_advance(queue, span_text(job->scheduler),
				   job->id_bytes, job->data, now_ms, next_ms,
				   repeat.every_ms, &part, fn, ctx);
	doc_free(opts);
	part_fini(&part);
	return err;
}

enum hs_err
schedule_follow(struct queue *queue, struct span id, struct span taken,
		struct span data, struct span job_opts, int64_t every_ms,
		int64_t next_ms, int64_t now_ms, schedule_fn fn, void *ctx)
{
	struct job_part part;
	part_init(&part);
	enum hs_err err = part_read(&part, job_opts);
	if (err == HS_OK)
		err = send_advance(queue, id, taken, data, now_ms, next_ms,
				   every_ms, &part, fn, ctx);
	part_fini(&part);
	return err;
}

enum hs_err
schedule_remove(struct queue *queue, struct span id, queue_number_fn fn,
		void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_span(call, id);
	return call_send_number(call, &queue_script_schedule_remove, fn, ctx);
}

/* ---- looking ---- */

struct list_call {
	schedule_list_fn fn;
	void *ctx;
	bool is_one; /* asked for by id */
};

static int64_t
number_or_0(struct span text)
{
	double value;
	if (num_double(text, &value) != HS_OK || !(value > 0 && value < 9e15))
		return 0;
	return (int64_t)value;
}

static bool
entry_field(struct schedule_entry *entry, struct span name, struct span value)
{
	static const struct {
		const char *name;
		size_t at;
		bool is_number;
	} fields[] = {
#define TEXT(name, member) \
	{ name, offsetof(struct schedule_entry, member), false }
#define NUMBER(name, member)                                        \
	{                                                           \
		name, offsetof(struct schedule_entry, member), true \
	}
		TEXT("name", name),
		TEXT("data", data),
		TEXT("opts", opts),
		TEXT("pattern", repeat.pattern),
		TEXT("tz", repeat.zone),
		NUMBER("ic", iterations),
		NUMBER("every", repeat.every_ms),
		NUMBER("offset", repeat.offset_ms),
		NUMBER("limit", repeat.limit),
		NUMBER("startDate", repeat.start_at_ms),
		NUMBER("endDate", repeat.end_at_ms),
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!span_is(name, fields[i].name))
			continue;
		char *at = (char *)entry + fields[i].at;
		if (fields[i].is_number) {
			int64_t number = number_or_0(value);
			memcpy(at, &number, sizeof(number));
		} else {
			memcpy(at, &value, sizeof(value));
		}
		return true;
	}
	return false;
}

static bool
entry_read(struct schedule_entry *entry, struct reply *const *items)
{
	const struct reply *hash = items[2];
	bool has_count = false;
	if (items[0]->type != REPLY_TEXT || items[1]->type != REPLY_TEXT ||
	    hash->type != REPLY_ARRAY || hash->n_items % 2 != 0)
		return false;
	*entry = (struct schedule_entry){ .id = items[0]->text, .hash = hash };
	entry->next_ms = number_or_0(items[1]->text);
	for (size_t i = 0; i < hash->n_items; i += 2) {
		(void)entry_field(entry, hash->items[i]->text,
				  hash->items[i + 1]->text);
		has_count = has_count || span_is(hash->items[i]->text, "ic");
	}
	entry->is_legacy = !has_count;
	return true;
}

static void
on_listed(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct list_call *list = ctx;
	struct schedule_entry *entries = NULL;
	size_t n = 0;
	int64_t n_seen = 0;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && (reply->n_items % N_HEAD != 1 ||
			     reply_i64(reply->items[0], &n_seen) != HS_OK)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of schedule_list";
	}
	if (err == HS_OK)
		entries = xcalloc(reply->n_items, sizeof(*entries));
	for (size_t i = 1; err == HS_OK && i < reply->n_items; i += N_HEAD) {
		if (!entry_read(&entries[n], &reply->items[i])) {
			err = HS_PROTOCOL;
			text = "unexpected reply of schedule_list";
		} else if (entries[n].hash->n_items > 0) {
			n++;
		}
	}
	if (err == HS_OK && list->is_one && n == 0) {
		err = HS_NOT_FOUND;
		text = "there is no such scheduler";
	}
	list->fn(list->ctx, err, text, err == HS_OK ? entries : NULL,
		 err == HS_OK ? n : 0, err == HS_OK ? (size_t)n_seen : 0);
	free(entries);
	free(list);
}

static enum hs_err
send_list(struct call *call, bool is_one, schedule_list_fn fn, void *ctx)
{
	struct list_call *list = xcalloc(1, sizeof(*list));
	*list = (struct list_call){ fn, ctx, is_one };
	enum hs_err err =
		call_send(call, &queue_script_schedule_list, on_listed, list);
	if (err != HS_OK)
		free(list);
	return err;
}

enum hs_err
schedule_list(struct queue *queue, size_t offset, size_t n, bool is_reverse,
	      schedule_list_fn fn, void *ctx)
{
	if (n == 0 || n > BOUNDS_SCHEDULE_PAGE || offset > INT32_MAX)
		return n == 0 ? HS_INVALID : HS_TOO_BIG;
	struct call *call = call_new(queue, 3);
	call_i64(call, (int64_t)offset);
	call_i64(call, (int64_t)n);
	call_i64(call, is_reverse);
	return send_list(call, false, fn, ctx);
}

enum hs_err
schedule_get(struct queue *queue, struct span id, schedule_list_fn fn,
	     void *ctx)
{
	struct call *call = call_new(queue, 4);
	call_text(call, "");
	call_text(call, "1");
	call_text(call, "");
	call_span(call, id);
	return send_list(call, true, fn, ctx);
}

struct count_call {
	queue_number_fn fn;
	void *ctx;
};

static void
on_counted(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct count_call *count = ctx;
	const char *text;
	err = call_check(err, reply, REPLY_INTEGER, &text);
	count->fn(count->ctx, err, text, err == HS_OK ? reply->integer : 0);
	free(count);
}

enum hs_err
schedule_count(struct queue *queue, queue_number_fn fn, void *ctx)
{
	struct count_call *count = xcalloc(1, sizeof(*count));
	*count = (struct count_call){ fn, ctx };
	enum hs_err err = rconn_send_texts(
		queue->conn, queue->timeout_ms, on_counted, count, "ZCARD",
		keys_of(queue->keys, "repeat"), NULL);
	if (err != HS_OK)
		free(count);
	return err;
}
