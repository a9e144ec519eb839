/*
 * scan: a look at a settings file before libconfig reads it.
 *
 * libconfig 1.5 turns 3000000000 into -1294967296, cuts a text at "\x00", takes
 * a comment without end for the rest of the file, and prints a backslash in an
 * include's name to standard output. None of it can be seen afterwards. So a small scanner goes through the text first: it knows
 * strings, comments, names, braces and @include, just enough to name the
 * setting and the line. It accepts more than libconfig does; grammar is
 * libconfig's business.
 */
#include "conf/scan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bounds.h"
#include "base/file.h"

enum {
	DIGITS = 9,       /* every number of nine digits fits 32 bits */
	HEX_DIGITS = 7,   /* and every hexadecimal one of seven */
	INCLUDES = 9,     /* libconfig's own limit is ten files deep */
	GROUPS = 64,      /* deeper ones than any option lies */
	SHOWN_BYTES = 72, /* of a line with a syntax error */
};

struct scan {
	struct findings *findings;
	const char *folder;
	bool is_usable;
	char *groups[GROUPS]; /* names of the open groups; NULL: none */
	unsigned depth;       /* may pass GROUPS; those are not named */
	char *name;           /* the last name seen, NULL: none */
};

struct place { /* in one file */
	const unsigned char *at;
	const unsigned char *end;
	const char *path;
	unsigned line;
};

static bool
is_name_start(unsigned char c)
{
	return isalpha(c) || c == '*';
}

static bool
is_name_byte(unsigned char c)
{
	return isalnum(c) || c == '*' || c == '_' || c == '-';
}

/* "queue.backoff.delay", as far as names are known. The caller frees. */
static char *
full_name(const struct scan *scan)
{
	char *full = NULL;
	unsigned n = scan->depth < GROUPS ? scan->depth : GROUPS;
	for (unsigned i = 0; i <= n; i++) {
		const char *part = i < n ? scan->groups[i] : scan->name;
		if (!part)
			continue;
		char *longer =
			full ? xasprintf("%s.%s", full, part) : xstrdup(part);
		free(full);
		full = longer;
	}
	return full;
}

__attribute__((format(printf, 3, 4))) static void
refuse(struct scan *scan, const struct place *place, const char *fmt, ...)
{
	char what[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);

	char *origin = xasprintf("%s:%u", place->path, place->line);
	char *name = full_name(scan);
	finding_error(scan->findings, origin, name, "%s", what);
	free(name);
	free(origin);
	scan->is_usable = false;
}

static void
skip_comment(struct scan *scan, struct place *place)
{
	while (place->at < place->end && *place->at != '\n')
		place->at++;
	if (place->at < place->end)
		return;
	free(scan->name);
	scan->name = NULL;
	refuse(scan, place,
	       "the last line is a comment without a line end, which "
	       "libconfig cannot read: put a new line behind it");
}

static void
skip_block_comment(struct scan *scan, struct place *place)
{
	struct place start = *place;
	place->at += 2;
	for (; place->at < place->end; place->at++) {
		if (*place->at == '\n')
			place->line++;
		if (*place->at == '*' && place->end - place->at > 1 &&
		    place->at[1] == '/') {
			place->at += 2;
			return;
		}
	}
	free(scan->name);
	scan->name = NULL;
	refuse(scan, &start,
	       "a comment that begins here never ends: the rest of the file "
	       "would be left out; write */ behind it");
}

static void
skip_string(struct scan *scan, struct place *place)
{
	place->at++;
	while (place->at < place->end && *place->at != '"') {
		if (*place->at == '\n')
			place->line++;
		if (*place->at == '\\' && place->end - place->at > 1) {
			if (place->end - place->at > 3 &&
			    memcmp(place->at, "\\x00", 4) == 0)
				refuse(scan, place,
				       "a text cannot hold \\x00: leave it "
				       "out");
			place->at++;
			if (*place->at == '\n')
				place->line++;
		}
		place->at++;
	}
	if (place->at < place->end)
		place->at++;
}

static void
take_name(struct scan *scan, struct place *place)
{
	const unsigned char *start = place->at;
	while (place->at < place->end && is_name_byte(*place->at))
		place->at++;
	free(scan->name);
	scan->name = xstrndup((const char *)start, (size_t)(place->at - start));
}

static void
take_number(struct scan *scan, struct place *place)
{
	const unsigned char *start = place->at;
	bool is_hex = place->end - start > 1 && start[0] == '0' &&
		      (start[1] == 'x' || start[1] == 'X');
	size_t n_digits = 0;
	if (is_hex)
		place->at += 2;
	while (place->at < place->end &&
	       (is_hex ? isxdigit(*place->at) : isdigit(*place->at))) {
		if (n_digits > 0 || *place->at != '0')
			n_digits++;
		place->at++;
	}
	if (n_digits > (is_hex ? HEX_DIGITS : DIGITS))
		refuse(scan, place,
		       "the number %.*s%s has more than %d digits: numbers go "
		       "up to 999999999; sizes and durations are texts with a "
		       "unit, such as \"64MiB\" or \"14d\"",
		       place->at - start > 40 ? 40 : (int)(place->at - start),
		       start, place->at - start > 40 ? "..." : "",
		       is_hex ? HEX_DIGITS : DIGITS);
	/* what hangs on to it ("2fa", "5L", "1e10") is no number of its own */
	while (place->at < place->end &&
	       (isalnum(*place->at) || *place->at == '_'))
		place->at++;
}

static void
open_group(struct scan *scan)
{
	if (scan->depth < GROUPS) {
		scan->groups[scan->depth] = scan->name;
		scan->name = NULL;
	}
	scan->depth++;
}

static void
close_group(struct scan *scan)
{
	if (scan->depth == 0)
		return;
	if (--scan->depth < GROUPS) {
		free(scan->groups[scan->depth]);
		scan->groups[scan->depth] = NULL;
	}
	free(scan->name);
	scan->name = NULL;
}

static void scan_file(struct scan *scan, struct span text, const char *path,
		      unsigned depth);

/* `@include "name"`, from the folder of the main file. */
static void
take_include(struct scan *scan, struct place *place, unsigned depth)
{
	place->at += strlen("@include");
	while (place->at < place->end &&
	       (*place->at == ' ' || *place->at == '\t'))
		place->at++;
	if (place->at == place->end || *place->at != '"')
		return; /* libconfig calls it a syntax error */
	const unsigned char *start = ++place->at;
	while (place->at < place->end && *place->at != '"' &&
	       *place->at != '\n')
		place->at++;
	size_t len = (size_t)(place->at - start);
	if (place->at < place->end && *place->at == '"')
		place->at++;

	if (len == 0 || len > BOUNDS_NAME_BYTES || memchr(start, '\\', len) ||
	    memchr(start, '\0', len)) {
		refuse(scan, place,
		       "@include: write a name of at most %d bytes without a "
		       "backslash",
		       BOUNDS_NAME_BYTES);
		return;
	}
	if (depth >= INCLUDES) {
		refuse(scan, place,
		       "@include \"%.*s\": more than %d files deep", (int)len,
		       start, INCLUDES);
		return;
	}
	char *path = xasprintf("%s/%.*s", scan->folder, (int)len,
			       (const char *)start);
	struct buf text;
	buf_init(&text, BOUNDS_CONF_FILE_BYTES);
	enum hs_err err = file_read(path, &text);
	if (err != HS_OK)
		refuse(scan, place,
		       "@include \"%.*s\": cannot read %s: %s (names are "
		       "relative to the folder of the main file)",
		       (int)len, start, path, hs_err_text(err));
	else
		scan_file(scan, buf_span(&text), path, depth + 1);
	buf_fini(&text);
	free(path);
}

static bool
is_include(const struct place *place)
{
	static const char word[] = "@include";
	size_t len = sizeof(word) - 1;
	return (size_t)(place->end - place->at) > len &&
	       memcmp(place->at, word, len) == 0;
}

static void
scan_file(struct scan *scan, struct span text, const char *path, unsigned depth)
{
	struct place place = {
		.at = text.ptr,
		.end = text.ptr + text.len,
		.path = path,
		.line = 1,
	};
	while (place.at < place.end) {
		unsigned char c = *place.at;
		unsigned char next =
			place.end - place.at > 1 ? place.at[1] : '\0';
		if (c == '#' || (c == '/' && next == '/')) {
			skip_comment(scan, &place);
		} else if (c == '/' && next == '*') {
			skip_block_comment(scan, &place);
		} else if (c == '"') {
			skip_string(scan, &place);
		} else if (is_name_start(c)) {
			take_name(scan, &place);
		} else if (isdigit(c)) {
			take_number(scan, &place);
		} else if (c == '@' && is_include(&place)) {
			take_include(scan, &place, depth);
		} else {
			if (c == '\n')
				place.line++;
			else if (c == '{')
				open_group(scan);
			else if (c == '}')
				close_group(scan);
			place.at++;
		}
	}
}

bool
scan_text(struct span text, const char *path, const char *folder,
	  struct findings *findings)
{
	struct scan scan = {
		.findings = findings,
		.folder = folder,
		.is_usable = true,
	};
	const unsigned char *nul =
		text.len ? memchr(text.ptr, '\0', text.len) : NULL;
	if (nul) {
		finding_error(findings, path, NULL,
			      "byte %zu is a NUL: this is no settings file",
			      (size_t)(nul - text.ptr) + 1);
		return false;
	}
	if (text.len > 0)
		scan_file(&scan, text, path, 0);
	while (scan.depth > 0)
		close_group(&scan);
	free(scan.name);
	return scan.is_usable;
}

/* ---- syntax errors ---- */

static bool
has_word(const char *line, const char *word)
{
	size_t len = strlen(word);
	for (; *line; line++)
		if (strncasecmp(line, word, len) == 0)
			return true;
	return false;
}

/* A value that was not quoted rightly may be the secret itself. */
static bool
may_be_secret(const char *line)
{
	static const char *const words[] = { "secret", "passw", "token",
					     "bearer", "basic", "url",
					     "key",    "://" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (has_word(line, words[i]))
			return true;
	return false;
}

/* A value that begins with a letter, "true" and "false" apart, lacks its
 * quotes. */
static bool
has_bare_text(const char *line)
{
	bool is_quoted = false;
	for (const char *c = line; *c; c++) {
		if (*c == '"')
			is_quoted = !is_quoted;
		if (is_quoted || *c != '=')
			continue;
		const char *value = c + 1 + strspn(c + 1, " \t");
		if (*value == '\'' || (isalpha((unsigned char)*value) &&
				       strncasecmp(value, "true", 4) != 0 &&
				       strncasecmp(value, "false", 5) != 0))
			return true;
	}
	return false;
}

static const char *
guess(const char *line)
{
	size_t name = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				   "nopqrstuvwxyz0123456789_*.-");
	const char *after = line + name;
	after += strspn(after, " \t");
	bool is_assigned = *after == '=' || *after == ':';
	if (isdigit((unsigned char)line[0]) && is_assigned)
		return "a name starts with a letter";
	if (is_assigned && memchr(line, '.', name))
		return "a name has no dot: write a group { ... }, and where a "
		       "job's name has dots job = \"...\"";
	if (has_bare_text(line))
		return "a text stands in quotes (\")";
	if (name > 0 && *after == '{')
		return "a group is written name = { ... };";
	if (name > 0 && *after == '\0')
		return "a setting is written name = value;";
	return NULL;
}

void
scan_show_line(struct span text, unsigned line, struct buf *out,
	       const char **hint)
{
	const unsigned char *at = text.ptr;
	const unsigned char *end = text.ptr + text.len;
	*hint = NULL;
	for (unsigned i = 1; i < line && at && at < end; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : end;
	}
	while (at && at < end && (*at == ' ' || *at == '\t'))
		at++;

	char shown[SHOWN_BYTES + 1];
	size_t len = 0;
	while (at && at < end && *at != '\n' && len < SHOWN_BYTES) {
		shown[len++] = iscntrl(*at) ? ' ' : (char)*at;
		at++;
	}
	while (len > 0 && shown[len - 1] == ' ')
		len--;
	shown[len] = '\0';

	*hint = guess(shown);
	if (len == 0) {
		buf_notef(out, "an empty line or the end of the file");
		*hint = "is a quote, a brace or a semicolon missing?";
		return;
	}
	char *equals = strpbrk(shown, "=:");
	if (may_be_secret(shown)) {
		/* no sign, or a value that runs on from a line above: nothing
		 * of it is shown */
		if (!equals || memchr(shown, '"', (size_t)(equals - shown))) {
			buf_notef(out, "a line that may hold a secret");
			return;
		}
		equals[1] = '\0';
		buf_notef(out, "%s ...", shown);
		return;
	}
	buf_notef(out, "%s", shown);
}
