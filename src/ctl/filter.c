/*
 * filter: which jobs are meant.
 *
 * The entity of a job is what its data names: the members that an endpoint
 * took out of a webhook (doc/protocol.md), or what Node put there. Its value is
 * compared as it is written, so ids of 20 digits are safe. rawPayload is the
 * body of the webhook and not looked into: too much in there looks like an id.
 *
 * Most jobs are of another entity, and most data does not even contain the
 * bytes of the one that is wanted: that is looked at before any tree is built.
 */
#include "config.h"

#include "ctl/filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/num.h"
#include "ctl/view.h"

/* What runs and waits first: it is what one can still change. */
static const enum job_state all_states[JOB_N_STATES] = {
	JOB_ACTIVE,      JOB_WAIT,      JOB_PAUSED,
	JOB_PRIORITIZED, JOB_DELAYED,   JOB_WAITING_CHILDREN,
	JOB_FAILED,      JOB_COMPLETED,
};

/* An id in the data is called like its object, or so. */
static const char *const id_suffixes[] = { "", "Id", "ID", "_id" };
enum { N_ID_SUFFIXES = sizeof id_suffixes / sizeof id_suffixes[0] };

/* ---- reading ---- */

static void
add_state(struct filter *filter, enum job_state state)
{
	for (size_t i = 0; i < filter->n_states; i++)
		if (filter->states[i] == state)
			return;
	filter->states[filter->n_states++] = state;
}

/* "failed" or "failed,delayed". */
static enum hs_err
read_states(struct filter *filter, const char *text, char *why, size_t why_size)
{
	char word[32];

	for (;;) {
		size_t len = strcspn(text, ",");
		enum job_state state;
		snprintf(word, sizeof word, "%.*s", (int)(len < 31 ? len : 31),
			 text);
		if (job_state_parse(word, &state) != HS_OK) {
			snprintf(why, why_size,
				 "\"%.*s\" is no state of a job: wait, "
				 "prioritized, delayed, active, completed, "
				 "failed, waiting-children, paused",
				 (int)(len < 64 ? len : 64), text);
			return HS_INVALID;
		}
		add_state(filter, state);
		if (text[len] == '\0')
			return HS_OK;
		text += len + 1;
	}
}

static enum hs_err
read_age(const char *option, const char *text, int64_t *out, char *why,
	 size_t why_size)
{
	*out = -1;
	if (!text || num_duration_ms(span_text(text), out) == HS_OK)
		return HS_OK;
	snprintf(why, why_size,
		 "--%s takes an age: a number and a unit, as in 30s, 5m, 2h, "
		 "3d",
		 option);
	return HS_INVALID;
}

static enum hs_err
read_entity(struct filter *filter, const char *text, char *why, size_t why_size)
{
	if (!text)
		return HS_OK;
	const char *equals = strchr(text, '=');
	filter->entity = equals ? equals + 1 : text;
	if (equals)
		filter->entity_field = span_of(text, (size_t)(equals - text));
	if (*filter->entity && equals != text)
		return HS_OK;
	snprintf(why, why_size,
		 "--entity takes an id, or FIELD=ID: 42, identity=42");
	return HS_INVALID;
}

/* All but the states. */
static enum hs_err
read_conditions(const struct cmd_line *line, struct filter *filter, char *why,
		size_t why_size)
{
	filter->name = line->name;
	filter->error = line->error;
	filter->now_ms = clock_wall_ms();
	filter->limit = line->number > 0 ? line->number : SIZE_MAX;
	enum hs_err err = read_entity(filter, line->entity, why, why_size);
	if (err == HS_OK)
		err = read_age("older", line->older, &filter->older_ms, why,
			       why_size);
	if (err == HS_OK)
		err = read_age("newer", line->newer, &filter->newer_ms, why,
			       why_size);
	if (err != HS_OK)
		return err;
	if (filter->newer_ms >= 0 && filter->older_ms >= filter->newer_ms) {
		snprintf(why, why_size,
			 "no job is both older than %s and newer than %s",
			 line->older, line->newer);
		return HS_INVALID;
	}
	return HS_OK;
}

enum hs_err
filter_read(const struct cmd_line *line, char *const *states, int n_states,
	    struct filter *filter, char *why, size_t why_size)
{
	*filter = (struct filter){ 0 };
	for (int i = 0; i < n_states; i++) {
		enum hs_err err = read_states(filter, states[i], why, why_size);
		if (err != HS_OK)
			return err;
	}
	if (line->state) {
		enum hs_err err =
			read_states(filter, line->state, why, why_size);
		if (err != HS_OK)
			return err;
	}
	if (filter->n_states == 0)
		for (size_t i = 0; i < JOB_N_STATES; i++)
			add_state(filter, all_states[i]);
	return read_conditions(line, filter, why, why_size);
}

enum hs_err
filter_read_in(const struct cmd_line *line, enum job_state state,
	       struct filter *filter, char *why, size_t why_size)
{
	*filter = (struct filter){ .states = { state }, .n_states = 1 };
	return read_conditions(line, filter, why, why_size);
}

/* ---- matching ---- */

static bool
raw_is(struct span raw, enum doc_type type, const char *wanted)
{
	struct buf text;
	bool is_equal = false;

	if (type == DOC_NUMBER)
		return span_is(raw, wanted);
	if (type != DOC_STRING || raw.len > BOUNDS_FIELD_BYTES)
		return false;
	buf_init(&text, BOUNDS_FIELD_BYTES);
	if (doc_string_decode(raw, &text) == HS_OK)
		is_equal = span_is(buf_span(&text), wanted);
	buf_fini(&text);
	return is_equal;
}

/* Is the member of this name the entity? */
static bool
member_is(struct span data, struct span name, const char *suffix,
	  const char *wanted)
{
	struct buf pointer;
	struct span raw;
	enum doc_type type;
	bool is_good = true;

	buf_init(&pointer, 2 * BOUNDS_FIELD_BYTES + 2);
	is_good = buf_add_byte(&pointer, '/') == HS_OK;
	for (size_t i = 0; is_good && i < name.len; i++) {
		const char *escape = name.ptr[i] == '~'   ? "~0"
				     : name.ptr[i] == '/' ? "~1"
							  : NULL;
		is_good =
			(escape ? buf_add_text(&pointer, escape)
				: buf_add_byte(&pointer, name.ptr[i])) == HS_OK;
	}
	is_good = is_good && buf_add_text(&pointer, suffix) == HS_OK &&
		  doc_find(data, buf_span(&pointer), &raw, &type) == HS_OK &&
		  raw_is(raw, type, wanted);
	buf_fini(&pointer);
	return is_good;
}

struct search {
	struct span data;
	const char *wanted;
	bool is_found;
};

static void
on_member(void *ctx, const char *name, const struct doc *value)
{
	struct search *search = ctx;
	(void)value; /* json-c's idea of a number is not its bytes */
	if (!search->is_found && strcmp(name, "rawPayload") != 0)
		search->is_found = member_is(search->data, span_text(name), "",
					     search->wanted);
}

static bool
entity_matches(const struct filter *filter, struct span data)
{
	const char *wanted = filter->entity;
	struct doc *tree = NULL;

	/* an escape may hide what is there */
	if (!memchr(data.ptr, '\\', data.len) &&
	    !memmem(data.ptr, data.len, wanted, strlen(wanted)))
		return false;
	if (doc_scan(data, NULL, NULL) != HS_OK)
		return false;
	if (filter->entity_field.len > 0) {
		for (size_t i = 0; i < N_ID_SUFFIXES; i++)
			if (member_is(data, filter->entity_field,
				      id_suffixes[i], wanted))
				return true;
		return false;
	}
	struct search search = { .data = data, .wanted = wanted };
	if (doc_parse(data, &tree) != HS_OK)
		return false;
	if (doc_type_of(tree) == DOC_OBJECT)
		doc_each(tree, on_member, &search);
	doc_free(tree);
	return search.is_found;
}

bool
filter_matches(const struct filter *filter, const struct job *job,
	       enum job_state state)
{
	int64_t age_ms = filter->now_ms - view_since_ms(job, state);

	if (filter->is_closed && age_ms < 0)
		return false;
	if (filter->older_ms >= 0 && age_ms < filter->older_ms)
		return false;
	if (filter->newer_ms >= 0 && age_ms >= filter->newer_ms)
		return false;
	if (filter->name && fnmatch(filter->name, job->name, 0) != 0)
		return false;
	if (filter->error) {
		const char *reason = view_reason(job, state);
		if (!reason || !strcasestr(reason, filter->error))
			return false;
	}
	return !filter->entity || entity_matches(filter, job->data);
}

bool
filter_asks_job(const struct filter *filter)
{
	return filter->name || filter->entity || filter->error ||
	       filter->newer_ms >= 0;
}

void
filter_states_text(const struct filter *filter, char *out, size_t out_size)
{
	struct buf text;

	buf_init(&text, out_size - 1);
	for (size_t i = 0;
	     filter->n_states < JOB_N_STATES && i < filter->n_states; i++)
		buf_notef(&text, "%s%s",
			  i == 0                      ? ""
			  : i + 1 == filter->n_states ? " or "
						      : ", ",
			  job_state_text(filter->states[i]));
	snprintf(out, out_size, "%s", buf_text(&text));
	buf_fini(&text);
}
