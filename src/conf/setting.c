/*
 * setting: the values of a configuration by full name.
 *
 * One list in order of appearance and a hash over the names: a file of a
 * thousand endpoints has ten thousand settings. Messages never hold the value
 * of something that is, or was meant to be, a secret.
 */
#include "conf/setting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "base/log.h"
#include "base/num.h"

#include "conf/nearest.h"

enum {
	FIRST_BUCKETS = 256,
	SHOWN_BYTES = 80, /* of a wrong value in a message */
};

/* ---- the list and its index ---- */

static size_t
hash(const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return (size_t)h;
}

static void
index_add(struct settings *settings, size_t place)
{
	struct setting *setting = settings->all[place - 1];
	size_t bucket = hash(setting->name) % settings->n_buckets;
	setting->hash_next = settings->buckets[bucket];
	settings->buckets[bucket] = place;
}

static void
index_grow(struct settings *settings)
{
	free(settings->buckets);
	settings->n_buckets *= 2;
	settings->buckets =
		xcalloc(settings->n_buckets, sizeof(*settings->buckets));
	for (size_t i = 1; i <= settings->n; i++)
		index_add(settings, i);
}

void
settings_init(struct settings *settings)
{
	*settings = (struct settings){ .n_buckets = FIRST_BUCKETS };
	settings->buckets =
		xcalloc(settings->n_buckets, sizeof(*settings->buckets));
}

static void
drop_texts(struct setting *setting)
{
	for (size_t i = 0; i < setting->n_texts; i++) {
		/* Redis's URL and REDIS_PASSWORD may be among them */
		explicit_bzero(setting->texts[i], strlen(setting->texts[i]));
		free(setting->texts[i]);
	}
	free(setting->texts);
	setting->texts = NULL;
	setting->n_texts = 0;
}

void
settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < settings->n; i++) {
		struct setting *setting = settings->all[i];
		drop_texts(setting);
		free(setting->name);
		free(setting->origin);
		free(setting);
	}
	free(settings->all);
	free(settings->buckets);
	*settings = (struct settings){ 0 };
}

struct setting *
settings_find(const struct settings *settings, const char *name)
{
	size_t place = settings->buckets[hash(name) % settings->n_buckets];
	while (place > 0) {
		struct setting *setting = settings->all[place - 1];
		if (strcmp(setting->name, name) == 0)
			return setting;
		place = setting->hash_next;
	}
	return NULL;
}

static struct setting *
find_or_add(struct settings *settings, const char *name,
	    const struct option *option)
{
	struct setting *setting = settings_find(settings, name);
	if (setting)
		return setting;
	setting = xcalloc(1, sizeof(*setting));
	setting->name = xstrdup(name);
	setting->option = option;
	settings->all = xreallocarray(settings->all, settings->n + 1,
				      sizeof(struct setting *));
	setting->place = settings->n;
	settings->all[settings->n++] = setting;
	if (settings->n > settings->n_buckets)
		index_grow(settings);
	else
		index_add(settings, settings->n);
	return setting;
}

static void
set_origin(struct setting *setting, enum setting_level level,
	   const char *origin)
{
	free(setting->origin);
	setting->origin = xstrdup(origin);
	setting->level = level;
}

/* "a" and "a.b" for "a.b.c": a flag may name what no file opened. */
static void
put_parents(struct settings *settings, const char *name,
	    enum setting_level level, const char *origin)
{
	for (const char *dot = strchr(name, '.'); dot;
	     dot = strchr(dot + 1, '.')) {
		char *parent = xstrndup(name, (size_t)(dot - name));
		if (!settings_find(settings, parent))
			set_origin(find_or_add(settings, parent, NULL), level,
				   origin);
		free(parent);
	}
}

/* ---- checks ---- */

static bool
is_secret(const struct option *option)
{
	return option->type == OPTION_SECRET || option->type == OPTION_SECRETS;
}

static bool
is_secret_name(const char *text)
{
	static const char prefix[] = "secret:";
	size_t len = sizeof(prefix) - 1;
	return strncmp(text, prefix, len) == 0 &&
	       secret_name_is_valid(span_text(text + len));
}

/* Index of the word in "fixed exponential", or -1. */
static int
choice_index(const char *choices, const char *word)
{
	size_t len = strlen(word);
	int index = 0;
	for (const char *at = choices;; index++) {
		size_t n = strcspn(at, " ");
		if (n == len && memcmp(at, word, n) == 0)
			return index;
		if (!at[n])
			return -1;
		at += n + 1;
	}
}

enum hs_err
setting_parse_number(const struct option *option, const char *text,
		     int64_t *number)
{
	struct span span = span_text(text);
	switch (option->type) {
	case OPTION_INTEGER:
		return num_i64(span, INT64_MIN, INT64_MAX, number);
	case OPTION_DURATION:
		return num_duration_ms(span, number);
	case OPTION_SIZE:
		return num_size_bytes(span, number);
	case OPTION_BOOL:
		*number = strcmp(text, "true") == 0;
		return *number || strcmp(text, "false") == 0 ? HS_OK
							     : HS_INVALID;
	case OPTION_ENUM:
		*number = choice_index(option->choices, text);
		return *number >= 0 ? HS_OK : HS_INVALID;
	case OPTION_TEXT:
	case OPTION_SECRET:
	case OPTION_SECRETS:
	case OPTION_TEXTS:
		break;
	}
	*number = 0;
	return HS_OK;
}

static void
limit_text(const struct option *option, int64_t limit, char *out, size_t size)
{
	if (option->type == OPTION_DURATION)
		num_duration_text(limit, out, size);
	else if (option->type == OPTION_SIZE)
		num_size_text(limit, out, size);
	else
		snprintf(out, size, "%" PRId64, limit);
}

struct check { /* what the checks below pass around */
	const struct option *option;
	const char *name;
	const char *origin;
	enum setting_level level;
	struct findings *findings;
};

/* The example as a file says it, or as a word for environment and flags. */
static const char *
example(const struct check *check, char *out, size_t size)
{
	const struct option *option = check->option;
	const char *text = option->example ? option->example : "...";
	bool is_list =
		option->type == OPTION_SECRETS || option->type == OPTION_TEXTS;
	bool is_bare =
		option->type == OPTION_INTEGER || option->type == OPTION_BOOL;
	if (check->level != SETTING_FILE || is_bare)
		snprintf(out, size, "%s", text);
	else if (is_list)
		snprintf(out, size, "[ \"%s\" ]", text);
	else
		snprintf(out, size, "\"%s\"", text);
	return out;
}

static void
wrong_type(const struct check *check, const struct setting_value *value)
{
	static const char *const kinds[] = {
		[SETTING_GROUP] = "a group",
		[SETTING_TEXT] = "a text",
		[SETTING_INTEGER] = "a number",
		[SETTING_FRACTION] = "a number with a fraction",
		[SETTING_BOOL] = "true or false",
		[SETTING_LIST] = "a list",
		[SETTING_ODD] = "a list of other things",
		[SETTING_WORD] = "a word",
	};
	static const char *const wants[] = {
		[OPTION_TEXT] = "a text in quotes",
		[OPTION_INTEGER] = "a whole number without quotes",
		[OPTION_DURATION] = "a text with a unit (ms, s, m, h, d)",
		[OPTION_SIZE] = "a text with a unit (B, KiB, MiB, GiB)",
		[OPTION_BOOL] = "true or false without quotes",
		[OPTION_ENUM] = "a text in quotes",
		[OPTION_SECRET] = "the name of a secret",
		[OPTION_SECRETS] = "a list of names of secrets",
		[OPTION_TEXTS] = "a list of texts",
	};
	char show[256];
	finding_error(check->findings, check->origin, check->name,
		      "must be %s, not %s: write for example %s",
		      wants[check->option->type], kinds[value->kind],
		      example(check, show, sizeof(show)));
}

static bool
check_secrets(const struct check *check, const struct setting_value *value)
{
	char show[256];
	for (size_t i = 0; i < value->n_texts; i++) {
		if (is_secret_name(value->texts[i]))
			continue;
		finding_error(check->findings, check->origin, check->name,
			      "a secret never stands here, only its name does: "
			      "put the value into the file secrets/NAME and "
			      "write %s (letters, digits, '.', '_', '-')",
			      example(check, show, sizeof(show)));
		return false;
	}
	return true;
}

static bool
check_choice(const struct check *check, const char *text)
{
	struct nearest nearest = { .word = text };
	char *words = xstrdup(check->option->choices);
	char listed[128] = "";
	size_t used = 0;
	for (char *word = words; word;) {
		char *space = strchr(word, ' ');
		if (space)
			*space++ = '\0';
		nearest_offer(&nearest, word);
		used += (size_t)snprintf(listed + used, sizeof(listed) - used,
					 "%s\"%s\"", used > 0 ? ", " : "",
					 word);
		log_assert(used < sizeof(listed));
		word = space;
	}
	finding_error(check->findings, check->origin, check->name,
		      "\"%.*s\" is none of %s%s%s%s", SHOWN_BYTES, text, listed,
		      nearest.best ? ": did you mean \"" : "",
		      nearest.best ? nearest.best : "",
		      nearest.best ? "\"?" : "");
	free(words);
	return false;
}

static bool
check_limits(const struct check *check, const char *text, int64_t number)
{
	char least[32];
	char most[32];
	const struct option *option = check->option;
	if (number >= option->min && number <= option->max)
		return true;
	limit_text(option, option->min, least, sizeof(least));
	limit_text(option, option->max, most, sizeof(most));
	finding_error(check->findings, check->origin, check->name,
		      "must be from %s to %s, not %.*s", least, most,
		      SHOWN_BYTES, text);
	return false;
}

static bool
check_number(const struct check *check, const char *text, int64_t *number)
{
	char show[256];
	enum option_type type = check->option->type;
	enum hs_err err = setting_parse_number(check->option, text, number);
	if (err == HS_OK) {
		if (type == OPTION_INTEGER || type == OPTION_DURATION ||
		    type == OPTION_SIZE)
			return check_limits(check, text, *number);
		return true;
	}
	if (type == OPTION_ENUM)
		return check_choice(check, text);
	if (err == HS_TOO_BIG) {
		finding_error(check->findings, check->origin, check->name,
			      "%.*s is too large: write for example %s",
			      SHOWN_BYTES, text,
			      example(check, show, sizeof(show)));
		return false;
	}
	const char *rule = "is not a whole number";
	if (type == OPTION_DURATION)
		rule = "is not a whole number and one unit of ms, s, m, h, d";
	else if (type == OPTION_SIZE)
		rule = "is not a whole number and one unit of B, KiB, MiB, GiB";
	else if (type == OPTION_BOOL)
		rule = "is neither true nor false";
	finding_error(check->findings, check->origin, check->name,
		      "\"%.*s\" %s: write for example %s", SHOWN_BYTES, text,
		      rule, example(check, show, sizeof(show)));
	return false;
}

/* Texts for people and machines alike: UTF-8 and, programs apart, one line. */
static bool
check_text(const struct check *check, const char *text)
{
	bool is_program = option_name_fits("routes.*.map", check->name);
	if (!doc_is_utf8(span_text(text))) {
		finding_error(check->findings, check->origin, check->name,
			      "is not valid UTF-8");
		return false;
	}
	for (const char *c = text; *c && !is_program; c++) {
		if ((unsigned char)*c >= 0x20 && *c != 0x7f)
			continue;
		finding_error(check->findings, check->origin, check->name,
			      "has a control character: write it on one line");
		return false;
	}
	return true;
}

static bool
check_texts(const struct check *check, const struct setting_value *value)
{
	char show[256];
	for (size_t i = 0; i < value->n_texts; i++) {
		if (!check_text(check, value->texts[i]))
			return false;
		if (*value->texts[i])
			continue;
		finding_error(check->findings, check->origin, check->name,
			      "is empty: write for example %s, or leave the "
			      "setting out",
			      example(check, show, sizeof(show)));
		return false;
	}
	return true;
}

static bool
is_right_kind(const struct option *option, enum setting_kind kind)
{
	if (kind == SETTING_WORD)
		return true;
	switch (option->type) {
	case OPTION_INTEGER:
		return kind == SETTING_INTEGER;
	case OPTION_BOOL:
		return kind == SETTING_BOOL;
	case OPTION_SECRETS:
	case OPTION_TEXTS:
		return kind == SETTING_LIST;
	case OPTION_TEXT:
	case OPTION_DURATION:
	case OPTION_SIZE:
	case OPTION_ENUM:
	case OPTION_SECRET:
		break;
	}
	return kind == SETTING_TEXT;
}

/* ---- putting ---- */

static void
keep(struct settings *settings, const struct check *check,
     const struct setting_value *value, int64_t number)
{
	put_parents(settings, check->name, check->level, check->origin);
	struct setting *setting =
		find_or_add(settings, check->name, check->option);
	drop_texts(setting);
	/* an empty list is a value too: its texts are not NULL */
	setting->texts = xcalloc(value->n_texts + 1, sizeof(char *));
	for (size_t i = 0; i < value->n_texts; i++)
		setting->texts[i] = xstrdup(value->texts[i]);
	setting->n_texts = value->n_texts;
	setting->number = number;
	setting->is_masked = false;
	set_origin(setting, check->level, check->origin);
}

/* Something was said, though wrongly: nobody shall call it missing. */
static void
keep_wrong(struct settings *settings, const struct check *check)
{
	put_parents(settings, check->name, check->level, check->origin);
	struct setting *setting =
		find_or_add(settings, check->name, check->option);
	if (!setting->origin)
		set_origin(setting, check->level, check->origin);
}

static bool
put_option(struct settings *settings, const struct check *check,
	   const struct setting_value *value)
{
	int64_t number = value->number;
	bool is_text = value->kind == SETTING_TEXT ||
		       value->kind == SETTING_LIST ||
		       value->kind == SETTING_WORD;
	if (!is_right_kind(check->option, value->kind)) {
		wrong_type(check, value);
		return false;
	}
	if (is_text && !check_texts(check, value))
		return false;
	if (is_secret(check->option)) {
		if (!check_secrets(check, value))
			return false;
	} else if (is_text && value->n_texts == 1) {
		if (!check_number(check, value->texts[0], &number))
			return false;
	}
	char digits[32];
	const char *text = digits;
	struct setting_value made = *value;
	if (value->kind == SETTING_INTEGER || value->kind == SETTING_BOOL) {
		if (value->kind == SETTING_BOOL)
			snprintf(digits, sizeof(digits), "%s",
				 number ? "true" : "false");
		else
			snprintf(digits, sizeof(digits), "%" PRId64, number);
		if (value->kind == SETTING_INTEGER &&
		    !check_limits(check, digits, number))
			return false;
		made.texts = &text;
		made.n_texts = 1;
	}
	keep(settings, check, &made, number);
	return true;
}

static void
unknown(const char *name, const char *origin, struct findings *findings)
{
	char *meant = option_suggest(name);
	if (meant)
		finding_error(findings, origin, name,
			      "no such setting; did you mean %s?", meant);
	else
		finding_error(findings, origin, name,
			      "no such setting: see hooksync.conf(5)");
	free(meant);
}

/* "a,b" of the environment and of flags: a list's members. */
static size_t
split_words(char *text, const char **words, size_t max)
{
	size_t n = 0;
	for (char *word = text; word && n < max;) {
		char *comma = strchr(word, ',');
		if (comma)
			*comma++ = '\0';
		words[n++] = word;
		word = comma;
	}
	return n;
}

static void
put_word(struct settings *settings, const struct check *check,
	 const struct setting_value *value)
{
	bool is_list = check->option->type == OPTION_SECRETS ||
		       check->option->type == OPTION_TEXTS;
	const char *words[64];
	struct setting_value list = *value;
	char *copy = NULL;
	if (is_list && value->n_texts == 1) {
		copy = xstrdup(value->texts[0]);
		list.n_texts = split_words(copy, words, 64);
		list.texts = words;
	}
	if (!put_option(settings, check, &list))
		keep_wrong(settings, check);
	free(copy);
}

bool
settings_put(struct settings *settings, const char *name,
	     const struct setting_value *value, enum setting_level level,
	     const char *origin, struct findings *findings)
{
	const struct option *option = option_find(name);
	if (!option && !option_is_group(name)) {
		unknown(name, origin, findings);
		return false;
	}
	if (!option) {
		if (value->kind != SETTING_GROUP) {
			finding_error(findings, origin, name,
				      "is a group of settings: write { ... }");
			return false;
		}
		put_parents(settings, name, level, origin);
		set_origin(find_or_add(settings, name, NULL), level, origin);
		return true;
	}
	struct check check = { option, name, origin, level, findings };
	if (value->kind == SETTING_WORD)
		put_word(settings, &check, value);
	else if (!put_option(settings, &check, value))
		keep_wrong(settings, &check);
	return false;
}

void
settings_put_made(struct settings *settings, const char *name, const char *text,
		  enum setting_level level, const char *origin, bool is_masked)
{
	struct check check = { option_find(name), name, origin, level, NULL };
	struct setting_value value = { .texts = &text, .n_texts = 1 };
	int64_t number = 0;
	if (setting_parse_number(check.option, text, &number) != HS_OK)
		number = 0;
	keep(settings, &check, &value, number);
	settings_find(settings, name)->is_masked = is_masked;
}

void
settings_put_defaults(struct settings *settings, struct findings *findings)
{
	for (size_t i = 0; i < option_table_len; i++) {
		const struct option *option = &option_table[i];
		if (!option->fallback || strchr(option->name, '*'))
			continue;
		struct setting_value value = {
			.kind = SETTING_WORD,
			.texts = &option->fallback,
			.n_texts = 1,
		};
		settings_put(settings, option->name, &value, SETTING_DEFAULT,
			     "default", findings);
	}
}

/* ---- showing ---- */

static void
show_text(const char *text, struct buf *out)
{
	buf_notef(out, "\"");
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_notef(out, "\\%c", *c);
		else if (*c == '\n')
			buf_notef(out, "\\n");
		else if (*c == '\t')
			buf_notef(out, "\\t");
		else if ((unsigned char)*c < 0x20 || *c == 0x7f)
			buf_notef(out, "\\x%02x", (unsigned char)*c);
		else
			buf_notef(out, "%c", *c);
	}
	buf_notef(out, "\"");
}

void
setting_show(const struct setting *setting, struct buf *out)
{
	if (setting->is_masked) {
		buf_notef(out, "\"********\"");
		return;
	}
	enum option_type type = setting->option->type;
	if (type == OPTION_INTEGER || type == OPTION_BOOL) {
		buf_notef(out, "%s", setting->texts[0]);
		return;
	}
	if (type != OPTION_SECRETS && type != OPTION_TEXTS) {
		show_text(setting->texts[0], out);
		return;
	}
	buf_notef(out, "[ ");
	for (size_t i = 0; i < setting->n_texts; i++) {
		if (i > 0)
			buf_notef(out, ", ");
		show_text(setting->texts[i], out);
	}
	buf_notef(out, setting->n_texts > 0 ? " ]" : "]");
}
