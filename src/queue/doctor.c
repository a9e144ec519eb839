/*
 * doctor: one look is a chain of calls, each sent from the answer of the one
 * before:
 *
 *   vitals -> pages of each state -> pages of schedulers -> SCAN ... -> vitals
 *               |      ^                                    |  ^
 *               v      |                                    v  |
 *              suspects judged                      suspects judged
 *
 * The pages fill a set of ids (idset.h); a key of the scan whose id is not in
 * it is a suspect, and so is an id that comes twice. States are read in the order
 * in which jobs move, so that one that moves meanwhile is rather seen twice
 * than missed.
 */
#include "queue/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/num.h"
#include "queue/call.h"
#include "queue/idset.h"
#include "queue/scripts.h"

#define PAGE 200
#define PAGE_PARENTS 20 /* each with its children */
#define SCAN_COUNT "1000"
#define BATCH_SUSPECTS 5000
#define KEPT_MAX 200000 /* troubles */
/* ids that count: beyond 14 digits scripts write numbers as 1e+14 */
#define NUMBER_MAX UINT64_C(99999999999999)
#define N_VITALS 18
#define N_VITALS_HEAD 3
#define TROUBLE_FIELDS 4

static const struct kind_row {
	const char *text; /* the scripts' */
	bool is_repairable;
} kinds[DOCTOR_N_KINDS] = {
	[DOCTOR_WRONGTYPE] = { "wrongtype", true },
	[DOCTOR_COUNTER] = { "counter", true },
	[DOCTOR_GHOST] = { "ghost", true },
	[DOCTOR_DOUBLE] = { "double", true },
	[DOCTOR_LOCKLESS] = { "lockless", true },
	[DOCTOR_PROTO] = { "proto", true },
	[DOCTOR_DEDUP] = { "dedup", true },
	[DOCTOR_PARENT] = { "parent", true },
	[DOCTOR_ORPHAN] = { "orphan", true },
	[DOCTOR_LOCK] = { "lock", true },
	[DOCTOR_MARKER] = { "marker", true },
	[DOCTOR_FADING_LOCK] = { "fading_lock", false },
	[DOCTOR_SCHEDULER] = { "scheduler", false },
	[DOCTOR_FRAGMENT] = { "fragment", false },
};

/* As jobs move; the place of an id in the set is its index and one. */
static const enum job_state walk[] = {
	JOB_DELAYED, JOB_WAITING_CHILDREN, JOB_PRIORITIZED, JOB_WAIT,
	JOB_PAUSED,  JOB_ACTIVE,           JOB_FAILED,      JOB_COMPLETED,
};
#define N_WALK (sizeof(walk) / sizeof(walk[0]))
#define PLACE_ACTIVE 6

enum phase {
	PHASE_VITALS,
	PHASE_PAGES, /* `at` below N_WALK: that state; N_WALK: schedulers */
	PHASE_SCAN,
	PHASE_END,
};

struct suspect {
	const char *what; /* "orphan", "double", "lock", "de", "dn" */
	char *id;
	size_t id_len;
};

struct doctor {
	struct queue *queue;
	enum phase phase;
	size_t at;
	int64_t offset;
	char cursor[DOCTOR_TEXT_BYTES];
	struct idset *seen;
	struct suspect *suspects; /* n_judged of them are judged */
	size_t n_suspects;
	size_t max_suspects;
	size_t n_judged;
	size_t max_troubles;
	struct doctor_report report;
	int64_t n_done;
	doctor_progress_fn progress_fn;
	doctor_look_fn fn;
	void *ctx;
};

const char *
doctor_kind_text(enum doctor_kind kind)
{
	return kinds[kind].text;
}

bool
doctor_is_repairable(enum doctor_kind kind)
{
	return kinds[kind].is_repairable;
}

static bool
kind_parse(struct span text, enum doctor_kind *out)
{
	for (int i = 0; i < DOCTOR_N_KINDS; i++) {
		if (span_is(text, kinds[i].text)) {
			*out = (enum doctor_kind)i;
			return true;
		}
	}
	return false;
}

/* ---- vitals ---- */

static void
text_copy(char *out, struct span text)
{
	size_t len = text.len < DOCTOR_TEXT_BYTES - 1 ? text.len
						      : DOCTOR_TEXT_BYTES - 1;
	if (len > 0)
		memcpy(out, text.ptr, len);
	out[len] = '\0';
}

static int64_t
number(const struct reply *reply)
{
	int64_t n;
	return reply_i64(reply, &n) == HS_OK ? n : 0;
}

static bool
vitals_read(const struct reply *reply, struct doctor_vitals *vitals)
{
	static const enum job_state order[] = {
		JOB_WAIT,        JOB_PAUSED,  JOB_ACTIVE,
		JOB_PRIORITIZED, JOB_DELAYED, JOB_WAITING_CHILDREN,
		JOB_COMPLETED,   JOB_FAILED,
	};
	memset(vitals, 0, sizeof(*vitals));
	if (reply->n_items < N_VITALS_HEAD)
		return false;
	vitals->redis_at_ms = number(reply->items[0]);
	text_copy(vitals->version, reply->items[1]->text);
	int64_t n_wrong = number(reply->items[2]);
	if (n_wrong < 0 || (size_t)n_wrong > reply->n_items ||
	    reply->n_items != N_VITALS_HEAD + 2 * (size_t)n_wrong + N_VITALS)
		return false;
	struct reply **items = reply->items + N_VITALS_HEAD + 2 * n_wrong;
	vitals->is_whole =
		items[0]->type == REPLY_INTEGER || items[0]->text.len > 0;
	if (!vitals->is_whole)
		return true;
	for (size_t i = 0; i < JOB_N_STATES; i++)
		vitals->n[order[i]] = number(*items++);
	vitals->n_schedulers = number(*items++);
	vitals->is_paused = number(*items++) != 0;
	vitals->is_maxed = number(*items++) != 0;
	vitals->limited_ms = number(*items++);
	vitals->has_marker = number(*items++) != 0;
	text_copy(vitals->next_id, (*items++)->text);
	vitals->next_timestamp_ms = number(*items++);
	vitals->next_due_ms = number(*items++);
	vitals->paused_at_ms = number(*items++);
	vitals->counter = number(*items++);
	return true;
}

static enum hs_err
vitals_send(struct queue *queue, bool with_since, rconn_reply_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_text(call, with_since ? "since" : "");
	return call_send(call, &queue_script_doctor_vitals, fn, ctx);
}

struct vitals_call {
	doctor_vitals_fn fn;
	void *ctx;
};

static void
on_vitals(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct vitals_call *call = ctx;
	struct doctor_vitals vitals;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && !vitals_read(reply, &vitals)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of a script";
	}
	call->fn(call->ctx, err, text, err == HS_OK ? &vitals : NULL);
	free(call);
}

enum hs_err
doctor_read_vitals(struct queue *queue, doctor_vitals_fn fn, void *ctx)
{
	struct vitals_call *call = xcalloc(1, sizeof(*call));
	*call = (struct vitals_call){ fn, ctx };
	enum hs_err err = vitals_send(queue, false, on_vitals, call);
	if (err != HS_OK)
		free(call);
	return err;
}

static bool
vitals_are_asleep(const struct doctor_vitals *vitals)
{
	return vitals->is_whole &&
	       vitals->n[JOB_WAIT] + vitals->n[JOB_PRIORITIZED] > 0 &&
	       vitals->n[JOB_ACTIVE] == 0 && !vitals->is_paused &&
	       !vitals->is_maxed && vitals->limited_ms <= 0 &&
	       !vitals->has_marker;
}

bool
doctor_is_asleep(const struct doctor_vitals *before,
		 const struct doctor_vitals *after)
{
	return vitals_are_asleep(before) && vitals_are_asleep(after) &&
	       strcmp(before->next_id, after->next_id) == 0;
}

/* ---- what is found ---- */

static void
note_number(struct doctor *doctor, struct span id)
{
	uint64_t n;
	if (num_u64(id, NUMBER_MAX, &n) == HS_OK &&
	    (int64_t)n > doctor->report.max_number)
		doctor->report.max_number = (int64_t)n;
}

/* Keeps the trouble, or only counts it; a kind that this program does not know
 * is none. */
static void
note_trouble(struct doctor *doctor, struct span kind_text, struct span id,
	     struct span detail, int64_t order)
{
	struct doctor_report *report = &doctor->report;
	enum doctor_kind kind;
	if (!kind_parse(kind_text, &kind))
		return;
	report->n_of[kind]++;
	if (report->n_troubles == KEPT_MAX)
		return;
	struct doctor_trouble trouble = {
		.kind = kind,
		.id = span_dup(id),
		.id_len = id.len,
		.detail = span_dup(detail),
		.order = order,
	};
	if (!trouble.id || !trouble.detail) {
		free(trouble.id);
		free(trouble.detail);
		return;
	}
	if (report->n_troubles == doctor->max_troubles) {
		doctor->max_troubles = doctor->max_troubles * 2 + 64;
		report->troubles =
			xreallocarray(report->troubles, doctor->max_troubles,
				      sizeof(*report->troubles));
	}
	report->troubles[report->n_troubles++] = trouble;
}

static int
trouble_compare(const void *a, const void *b)
{
	const struct doctor_trouble *left = a;
	const struct doctor_trouble *right = b;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->order != right->order)
		return left->order < right->order ? -1 : 1;
	return strcmp(left->id, right->id);
}

/* Pages shift under a walk, so that one trouble may be met twice. */
static void
troubles_sort(struct doctor_report *report)
{
	struct doctor_trouble *troubles = report->troubles;
	size_t n = 0;
	if (report->n_troubles == 0)
		return;
	qsort(troubles, report->n_troubles, sizeof(*troubles), trouble_compare);
	for (size_t i = 1; i < report->n_troubles; i++) {
		if (troubles[n].kind == troubles[i].kind &&
		    span_equal(span_of(troubles[n].id, troubles[n].id_len),
			       span_of(troubles[i].id, troubles[i].id_len))) {
			report->n_of[troubles[i].kind]--;
			free(troubles[i].id);
			free(troubles[i].detail);
		} else {
			troubles[++n] = troubles[i];
		}
	}
	report->n_troubles = n + 1;
}

static void
suspect_add(struct doctor *doctor, const char *what, struct span id)
{
	char *copy = span_dup(id);
	if (!copy)
		return; /* the next look will see it */
	if (doctor->n_suspects == doctor->max_suspects) {
		doctor->max_suspects = doctor->max_suspects * 2 + 64;
		doctor->suspects =
			xreallocarray(doctor->suspects, doctor->max_suspects,
				      sizeof(*doctor->suspects));
	}
	doctor->suspects[doctor->n_suspects++] =
		(struct suspect){ what, copy, id.len };
}

static void
suspects_drop(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n_suspects; i++)
		free(doctor->suspects[i].id);
	doctor->n_suspects = 0;
	doctor->n_judged = 0;
}

/* ---- the chain ---- */

static void step(struct doctor *doctor);

static void
finish(struct doctor *doctor, enum hs_err err, const char *text)
{
	struct doctor_report *report = &doctor->report;
	suspects_drop(doctor);
	idset_free(doctor->seen);
	doctor->seen = NULL;
	troubles_sort(report);
	doctor->fn(doctor->ctx, err, text, err == HS_OK ? report : NULL);
}

/* The answer of any step: false when the chain has ended with it. */
static bool
is_answered(struct doctor *doctor, enum hs_err err, const struct reply *reply)
{
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK)
		return true;
	finish(doctor, err, text);
	return false;
}

static void
misread(struct doctor *doctor)
{
	finish(doctor, HS_PROTOCOL, "unexpected reply of a script");
}

static void
sent(struct doctor *doctor, enum hs_err err)
{
	if (err != HS_OK)
		finish(doctor, err, hs_err_text(err));
}

static void
tell_progress(struct doctor *doctor)
{
	const struct doctor_vitals *vitals = &doctor->report.first;
	int64_t total = vitals->n_schedulers;
	for (int i = 0; i < JOB_N_STATES; i++)
		total += 2 * vitals->n[i]; /* listed, and its hash scanned */
	if (total < doctor->n_done)
		total = doctor->n_done;
	if (doctor->progress_fn)
		doctor->progress_fn(doctor->ctx, doctor->n_done, total);
}

static void
on_judged(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct doctor *doctor = ctx;
	if (!is_answered(doctor, err, reply))
		return;
	int64_t n_judged = reply->n_items > 0 ? number(reply->items[0]) : 0;
	if (n_judged < 1 ||
	    (uint64_t)n_judged > doctor->n_suspects - doctor->n_judged) {
		misread(doctor);
		return;
	}
	doctor->n_judged += (size_t)n_judged;
	for (size_t i = 1; i + TROUBLE_FIELDS <= reply->n_items;
	     i += TROUBLE_FIELDS) {
		struct span kind = reply->items[i]->text;
		struct span id = reply->items[i + 1]->text;
		if (span_is(kind, kinds[DOCTOR_ORPHAN].text))
			note_number(doctor, id);
		note_trouble(doctor, kind, id, reply->items[i + 2]->text,
			     number(reply->items[i + 3]));
	}
	if (doctor->n_judged == doctor->n_suspects)
		suspects_drop(doctor);
	step(doctor);
}

static void
judge(struct doctor *doctor)
{
	size_t n = doctor->n_suspects - doctor->n_judged;
	if (n > BATCH_SUSPECTS)
		n = BATCH_SUSPECTS;
	struct call *call = call_new(doctor->queue, 2 + 2 * n);
	call_i64(call, doctor->report.first.redis_at_ms);
	call_i64(call, DOCTOR_VISITS);
	for (size_t i = 0; i < n; i++) {
		const struct suspect *suspect =
			&doctor->suspects[doctor->n_judged + i];
		call_text(call, suspect->what);
		call_span(call, span_of(suspect->id, suspect->id_len));
	}
	sent(doctor,
	     call_send(call, &queue_script_doctor_verify, on_judged, doctor));
}

/* ---- pages ---- */

static int64_t
page_size(const struct doctor *doctor)
{
	return doctor->at < N_WALK && walk[doctor->at] == JOB_WAITING_CHILDREN
		       ? PAGE_PARENTS
		       : PAGE;
}

static bool
is_list(enum job_state state)
{
	return state == JOB_WAIT || state == JOB_PAUSED || state == JOB_ACTIVE;
}

static enum hs_err
page_id(struct doctor *doctor, struct span id)
{
	unsigned place = (unsigned)doctor->at + 1;
	unsigned before;
	if (doctor->at == N_WALK)
		return HS_OK;
	note_number(doctor, id);
	enum hs_err err = idset_add(doctor->seen, id, place, &before);
	/* twice in a sorted set is how it looks when ranks shift meanwhile */
	if (err == HS_OK && before != 0 &&
	    (before != place || is_list(walk[doctor->at])))
		suspect_add(doctor, "double", id);
	return err;
}

static void
on_page(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct doctor *doctor = ctx;
	if (!is_answered(doctor, err, reply))
		return;
	if (reply->n_items != 2) {
		misread(doctor);
		return;
	}
	const struct reply *ids = reply->items[0];
	const struct reply *troubles = reply->items[1];
	for (size_t i = 0; i < ids->n_items && err == HS_OK; i++)
		err = page_id(doctor, ids->items[i]->text);
	if (err != HS_OK) {
		finish(doctor, err, hs_err_text(err));
		return;
	}
	for (size_t i = 0; i + 3 <= troubles->n_items; i += 3)
		note_trouble(doctor, troubles->items[i]->text,
			     troubles->items[i + 1]->text,
			     troubles->items[i + 2]->text, 0);
	doctor->n_done += (int64_t)ids->n_items;
	doctor->offset += (int64_t)ids->n_items;
	if (doctor->at < N_WALK)
		doctor->report.n_jobs += (int64_t)ids->n_items;
	if ((int64_t)ids->n_items < page_size(doctor)) {
		doctor->offset = 0;
		doctor->at++;
	}
	step(doctor);
}

static void
read_page(struct doctor *doctor)
{
	struct call *call = call_new(doctor->queue, 4);
	call_i64(call, doctor->report.first.redis_at_ms);
	call_text(call, doctor->at < N_WALK ? job_state_text(walk[doctor->at])
					    : "repeat");
	call_i64(call, doctor->offset);
	call_i64(call, page_size(doctor));
	sent(doctor,
	     call_send(call, &queue_script_doctor_page, on_page, doctor));
}

/* ---- scan ---- */

static bool
starts_with(struct span text, const char *start)
{
	size_t len = strlen(start);
	return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

/* Cuts the end off. */
static bool
ends_with(struct span *text, const char *end)
{
	size_t len = strlen(end);
	if (text->len <= len ||
	    memcmp(text->ptr + text->len - len, end, len) != 0)
		return false;
	text->len -= len;
	return true;
}

static bool
is_own_key(const struct doctor *doctor, struct span key)
{
	for (size_t i = 0; i < KEYS_N; i++) {
		if (span_is(key, keys_at(doctor->queue->keys, i)))
			return true;
	}
	return false;
}

static void
scan_key(struct doctor *doctor, struct span key)
{
	static const char *const parts[] = { ":logs", ":dependencies",
					     ":processed", ":failed",
					     ":unsuccessful" };
	size_t base_len = strlen(keys_base(doctor->queue->keys)) + 1;
	if (key.len <= base_len || is_own_key(doctor, key))
		return;
	struct span id = span_of(key.ptr + base_len, key.len - base_len);
	if (starts_with(id, "metrics:"))
		return;
	if (starts_with(id, "de:") || starts_with(id, "dn:")) {
		suspect_add(doctor, id.ptr[1] == 'e' ? "de" : "dn",
			    span_of(id.ptr + 3, id.len - 3));
		return;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct span cut = id;
		if (ends_with(&cut, parts[i]))
			return;
	}
	if (ends_with(&id, ":lock")) {
		if (idset_find(doctor->seen, id) != PLACE_ACTIVE)
			suspect_add(doctor, "lock", id);
		return;
	}
	if (idset_find(doctor->seen, id) == 0)
		suspect_add(doctor, "orphan", id);
	doctor->n_done++;
}

static void
on_scanned(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct doctor *doctor = ctx;
	if (!is_answered(doctor, err, reply))
		return;
	if (reply->n_items != 2) {
		misread(doctor);
		return;
	}
	text_copy(doctor->cursor, reply->items[0]->text);
	const struct reply *keys = reply->items[1];
	for (size_t i = 0; i < keys->n_items; i++)
		scan_key(doctor, keys->items[i]->text);
	doctor->report.n_keys += (int64_t)keys->n_items;
	if (strcmp(doctor->cursor, "0") == 0)
		doctor->phase = PHASE_END;
	step(doctor);
}

static void
scan(struct doctor *doctor)
{
	/* a name may hold what means something in a pattern */
	const char *base = keys_base(doctor->queue->keys);
	char *pattern = xcalloc(2 * strlen(base) + 3, 1);
	char *end = pattern;
	for (; *base; base++) {
		if (strchr("*?[]^\\", *base))
			*end++ = '\\';
		*end++ = *base;
	}
	*end++ = ':';
	*end = '*';
	sent(doctor,
	     rconn_send_texts(doctor->queue->conn, doctor->queue->timeout_ms,
			      on_scanned, doctor, "SCAN", doctor->cursor,
			      "MATCH", pattern, "COUNT", SCAN_COUNT, NULL));
	free(pattern);
}

/* ---- begin and end ---- */

static void
on_first(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct doctor *doctor = ctx;
	if (!is_answered(doctor, err, reply))
		return;
	if (!vitals_read(reply, &doctor->report.first)) {
		misread(doctor);
		return;
	}
	size_t n_wrong = (size_t)number(reply->items[2]);
	for (size_t i = 0; i < n_wrong; i++)
		note_trouble(doctor, span_text("wrongtype"),
			     reply->items[N_VITALS_HEAD + 2 * i]->text,
			     reply->items[N_VITALS_HEAD + 2 * i + 1]->text, 0);
	/* where a state cannot be read, everything would look lost */
	doctor->phase = doctor->report.first.is_whole ? PHASE_PAGES : PHASE_END;
	step(doctor);
}

static void
on_last(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct doctor *doctor = ctx;
	struct doctor_report *report = &doctor->report;
	if (!is_answered(doctor, err, reply))
		return;
	if (!vitals_read(reply, &report->last)) {
		misread(doctor);
		return;
	}
	if (report->last.is_whole &&
	    report->max_number > report->last.counter) {
		char text[48];
		snprintf(text, sizeof(text), "%" PRId64 " %" PRId64,
			 report->last.counter, report->max_number);
		note_trouble(doctor, span_text("counter"), span_text(""),
			     span_text(text), 0);
	}
	finish(doctor, HS_OK, "");
}

/* Many at once, for a script may have to walk along the lists. */
static bool
is_to_judge(const struct doctor *doctor)
{
	return doctor->n_judged > 0 || doctor->n_suspects >= BATCH_SUSPECTS ||
	       (doctor->n_suspects > 0 && doctor->phase == PHASE_END);
}

static void
step(struct doctor *doctor)
{
	tell_progress(doctor);
	if (is_to_judge(doctor)) {
		judge(doctor);
		return;
	}
	if (doctor->phase == PHASE_PAGES && doctor->at > N_WALK)
		doctor->phase = PHASE_SCAN;
	switch (doctor->phase) {
	case PHASE_VITALS:
		sent(doctor,
		     vitals_send(doctor->queue, true, on_first, doctor));
		return;
	case PHASE_PAGES:
		read_page(doctor);
		return;
	case PHASE_SCAN:
		scan(doctor);
		return;
	case PHASE_END:
		sent(doctor,
		     vitals_send(doctor->queue, false, on_last, doctor));
		return;
	}
}

struct doctor *
doctor_new(struct queue *queue)
{
	struct doctor *doctor = xcalloc(1, sizeof(*doctor));
	doctor->queue = queue;
	return doctor;
}

static void
report_reset(struct doctor *doctor)
{
	struct doctor_report *report = &doctor->report;
	for (size_t i = 0; i < report->n_troubles; i++) {
		free(report->troubles[i].id);
		free(report->troubles[i].detail);
	}
	free(report->troubles);
	memset(report, 0, sizeof(*report));
	doctor->max_troubles = 0;
}

void
doctor_free(struct doctor *doctor)
{
	if (!doctor)
		return;
	report_reset(doctor);
	suspects_drop(doctor);
	free(doctor->suspects);
	idset_free(doctor->seen);
	free(doctor);
}

enum hs_err
doctor_look(struct doctor *doctor, doctor_progress_fn progress_fn,
	    doctor_look_fn fn, void *ctx)
{
	log_assert(!doctor->seen);
	report_reset(doctor);
	doctor->phase = PHASE_VITALS;
	doctor->at = 0;
	doctor->offset = 0;
	doctor->n_done = 0;
	text_copy(doctor->cursor, span_text("0"));
	doctor->progress_fn = progress_fn;
	doctor->fn = fn;
	doctor->ctx = ctx;
	enum hs_err err = vitals_send(doctor->queue, true, on_first, doctor);
	if (err == HS_OK)
		doctor->seen = idset_new();
	return err;
}
