/*
 * show: how values look to a person.
 *
 * One decoder of UTF-8 stands under all of it; what it cannot decode is shown
 * as bytes. "Harmless" is a short list of what a terminal acts on: C0 and C1
 * controls, DEL, and the characters that turn the direction of writing.
 */
#include "ctl/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "base/log.h"
#include "base/num.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* One character at the front of the bytes: its length, 0 when it is no UTF-8.
 * base/doc decides what UTF-8 is; this only finds where it ends. */
static size_t
decode(struct span text, uint32_t *out)
{
	unsigned char c = text.ptr[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (len > text.len || !doc_is_utf8(span_of(text.ptr, len)))
		return 0;
	uint32_t code = len == 1 ? c : c & (0x7fU >> len);
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (text.ptr[i] & 0x3fU);
	*out = code;
	return len;
}

static bool
is_harmless(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	if (code == 0x200e || code == 0x200f || code == 0x61c)
		return false;
	if (code >= 0x2028 && code <= 0x202e)
		return false;
	return code < 0x2066 || code > 0x2069;
}

static void
put_escaped(FILE *out, uint32_t code)
{
	if (code == '\n')
		fputs("\\n", out);
	else if (code == '\r')
		fputs("\\r", out);
	else if (code == '\t')
		fputs("\\t", out);
	else if (code < 0x100)
		fprintf(out, "\\x%02x", code);
	else
		fprintf(out, "\\u%04x", code);
}

void
show_text(FILE *out, struct span text)
{
	while (text.len > 0) {
		uint32_t code = 0;
		size_t len = decode(text, &code);
		if (len == 0) {
			fprintf(out, "\\x%02x", text.ptr[0]);
			len = 1;
		} else if (is_harmless(code)) {
			fwrite(text.ptr, 1, len, out);
		} else {
			put_escaped(out, code);
		}
		text.ptr += len;
		text.len -= len;
	}
}

/* A string that is written like a file. */
static FILE *
memory_open(char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);
	if (!out)
		log_fatal(71, "out of memory");
	return out;
}

static char *
memory_close(FILE *out, char **text)
{
	if (fclose(out) != 0 || !*text)
		log_fatal(71, "out of memory");
	return *text;
}

char *
show_text_dup(struct span text, size_t max_bytes)
{
	char *copy = NULL;
	size_t copy_len = 0;
	FILE *out = memory_open(&copy, &copy_len);

	bool is_cut = text.len > max_bytes;
	if (is_cut) {
		text.len = max_bytes;
		/* not in the middle of a character */
		while (text.len > 0 && (text.ptr[text.len] & 0xc0) == 0x80)
			text.len--;
	}
	show_text(out, text);
	if (is_cut)
		fputs(ELLIPSIS, out);
	return memory_close(out, &copy);
}

void
show_json_text(FILE *out, struct span text)
{
	struct buf json;

	buf_init(&json, 6 * text.len + 2); /* \uXXXX for each byte */
	if (doc_string_encode(text, &json) == HS_OK)
		show_json_raw(out, buf_span(&json));
	else
		fputs("null", out);
	buf_fini(&json);
}

/* Inside a JSON string everything may be written as \uXXXX. */
static void
put_json_char(FILE *out, struct span *json)
{
	uint32_t code = 0;
	size_t len = decode(*json, &code);
	if (len == 0) {
		len = 1; /* not after doc_scan() */
		fputs("\\ufffd", out);
	} else if (is_harmless(code)) {
		fwrite(json->ptr, 1, len, out);
	} else {
		fprintf(out, "\\u%04x", code);
	}
	json->ptr += len;
	json->len -= len;
}

static void
put_json_string(FILE *out, struct span *json)
{
	bool is_escaped = false;

	for (bool is_first = true; json->len > 0; is_first = false) {
		unsigned char c = json->ptr[0];
		put_json_char(out, json);
		if (is_escaped)
			is_escaped = false;
		else if (c == '\\')
			is_escaped = true;
		else if (c == '"' && !is_first)
			return;
	}
}

static void
skip_space(struct span *json)
{
	while (json->len > 0 && strchr(" \t\r\n", json->ptr[0]) &&
	       json->ptr[0]) {
		json->ptr++;
		json->len--;
	}
}

static void
put_line(FILE *out, int indent)
{
	fprintf(out, "\n%*s", indent, "");
}

/* Lays out scanned JSON; indent < 0: on one line. */
static void
put_json(FILE *out, struct span json, int indent)
{
	const bool is_pretty = indent >= 0;

	skip_space(&json);
	while (json.len > 0) {
		unsigned char c = json.ptr[0];
		if (c == '"') {
			put_json_string(out, &json);
			skip_space(&json);
			continue;
		}
		json.ptr++;
		json.len--;
		skip_space(&json);
		if (c == '{' || c == '[') {
			fputc(c, out);
			bool is_empty = json.len > 0 && (json.ptr[0] == '}' ||
							 json.ptr[0] == ']');
			if (is_empty) {
				fputc(json.ptr[0], out);
				json.ptr++;
				json.len--;
				skip_space(&json);
			} else if (is_pretty) {
				indent += 2;
				put_line(out, indent);
			}
		} else if (c == '}' || c == ']') {
			if (is_pretty) {
				indent -= 2;
				put_line(out, indent);
			}
			fputc(c, out);
		} else if (c == ',') {
			fputc(c, out);
			if (is_pretty)
				put_line(out, indent);
		} else if (c == ':') {
			fputs(is_pretty ? ": " : ":", out);
		} else {
			fputc(c, out);
		}
	}
}

void
show_json(FILE *out, struct span json, int indent)
{
	if (doc_scan(json, NULL, NULL) == HS_OK)
		put_json(out, json, indent);
	else
		show_json_text(out, json);
}

void
show_json_raw(FILE *out, struct span json)
{
	if (doc_scan(json, NULL, NULL) == HS_OK)
		put_json(out, json, -1);
	else
		fputs("null", out);
}

const char *
show_age(int64_t ms, char out[SHOW_AGE_SIZE])
{
	int64_t seconds = ms > 0 ? ms / 1000 : 0;
	if (seconds < 120)
		snprintf(out, SHOW_AGE_SIZE, "%" PRId64 "s", seconds);
	else if (seconds < 120 * 60)
		snprintf(out, SHOW_AGE_SIZE, "%" PRId64 "m", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(out, SHOW_AGE_SIZE, "%" PRId64 "h", seconds / 3600);
	else
		snprintf(out, SHOW_AGE_SIZE, "%" PRId64 "d", seconds / 86400);
	return out;
}

const char *
show_count(int64_t n, char out[SHOW_COUNT_SIZE])
{
	char digits[SHOW_COUNT_SIZE];
	size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRId64,
				      n > 0 ? n : 0);
	size_t at = 0;

	/* 19 digits and 6 commas at most */
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

const char *
show_time(int64_t wall_ms, char out[SHOW_TIME_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	char day[SHOW_TIME_SIZE - 8];

	/* 8.64e15 ms: the last date of JavaScript */
	if (wall_ms <= 0 || wall_ms > 8640000000000000 ||
	    !gmtime_r(&seconds, &parts) ||
	    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
		snprintf(out, SHOW_TIME_SIZE, "-");
	else
		snprintf(out, SHOW_TIME_SIZE, "%s.%03dZ", day,
			 (int)(wall_ms % 1000));
	return out;
}

size_t
show_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t width;

	if (columns && num_u64(span_text(columns), 10000, &width) == HS_OK)
		return (size_t)width;
	if (isatty(STDOUT_FILENO) &&
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	return 0;
}

size_t
show_width(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void
show_cut(FILE *out, const char *text, size_t width)
{
	if (width == 0 || show_width(text) <= width) {
		fputs(text, out);
		return;
	}
	for (size_t n = 0; *text; text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
		if (n == width)
			break;
		fputc(*text, out);
	}
	fputs(ELLIPSIS, out);
}
