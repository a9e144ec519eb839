/*
 * map_jq: jq behind a fence.
 *
 * The fence is a prelude: definitions in front of the program that shadow the
 * builtins which would reach outside (`env` shows the process's secrets,
 * `stderr` writes data into our log). It stands on a line of its own, which is
 * subtracted again in messages. Directives must be the first thing of a jq
 * program, so behind the prelude `import` is a syntax error; we refuse it with
 * better words. `$ENV` is bound by the prelude before jq can bind it to the
 * environment. ~/.jq is not read because there is no HOME: a worker needs none,
 * and to hide the environment only while compiling would hide it from other
 * threads, too.
 *
 * jq has no time limit, but its interpreter looks at "halted" before every
 * instruction. A timer of the running thread raises a signal on that thread,
 * whose handler calls jq_halt(): same thread, no lock, no allocation. One long
 * builtin (a sort) is not cut short.
 *
 * Known limits: memory is not bounded but by the time limit and the unit's
 * MemoryMax; libjq aborts the process when it gets none. A fraction keeps the
 * 17 digits of a double.
 */
#include "config.h" /* gettid() is GNU's */

#include "worker/map_jq.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jq.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/log.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* error(null) would look like `empty` to jq 1.6: a job done without a push */
#define PRELUDE                                                                \
	"def env: {}; def stderr: .; def debug: .; def input_filename: null; " \
	"def _hooksync_error: error; "                                         \
	"def error: if . == null then \"error without a text\" "               \
	"| _hooksync_error else _hooksync_error end; "                         \
	"def error(m): m | error; "                                            \
	"def halt: \"halt has no meaning in a map\" | _hooksync_error; "       \
	"def halt_error: \"halt_error has no meaning in a map: use error\" "   \
	"| _hooksync_error; "                                                  \
	"def halt_error(c): halt_error; {} as $ENV |\n"
#define SAFE_DIGITS "9007199254740992" /* 2^53 */

struct map_jq {
	size_t n_refs;
	jq_state *jq;
};

/* The program that runs on this thread, for the signal's handler. */
static _Thread_local jq_state *volatile running;
static _Thread_local volatile sig_atomic_t was_halted;

/* ---- halting ---- */

static void
on_halt_signal(int number)
{
	jq_state *jq = running;

	(void)number;
	if (!jq)
		return;
	running = NULL; /* jq_halt() is for once */
	was_halted = 1;
	jq_halt(jq, jv_invalid(), jv_invalid());
}

#define HALT_SIGNAL (SIGRTMIN + 3) /* not a constant: the C library decides */

static void
catch_halt_signal(void)
{
	struct sigaction action = { .sa_handler = on_halt_signal,
				    .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	if (sigaction(HALT_SIGNAL, &action, NULL))
		log_bug("sigaction: %s", strerror(errno));
}

int
map_jq_halt_signal(void)
{
	return HALT_SIGNAL;
}

void
map_jq_prepare(void)
{
	catch_halt_signal(); /* its default would end the process */
	if (getenv("HOME") && unsetenv("HOME"))
		log_bug("unsetenv: %s", strerror(errno));
}

/* ---- compiling ---- */

/* jq's messages, one by one: "jq: error: ... at <top-level>, line 2:\n..." */
static void
on_compile_message(void *ctx, jv message)
{
	static const char line_mark[] = "<top-level>, line ";
	struct buf *why = ctx;
	const char *text;
	const char *mark;
	char *end;
	long line;

	if (jv_get_kind(message) != JV_KIND_STRING)
		goto out;
	text = jv_string_value(message);
	if (strncmp(text, "jq: error: ", 11) == 0)
		text += 11;
	else if (strncmp(text, "jq: ", 4) == 0)
		goto out; /* "jq: 1 compile error" */
	if (why->len > 0)
		buf_notef(why, "; ");
	mark = strstr(text, line_mark);
	if (!mark) {
		buf_notef(why, "%s", text);
		goto out;
	}
	/* not a parser: the number is jq's own, and one line is our prelude */
	line = strtol(mark + strlen(line_mark), &end, 10);
	mark = strstr(text, " (Unix shell quoting issues?)");
	if (!mark || mark > end)
		mark = strstr(text, " at <top-level>");
	buf_notef(why, "%.*s at line %ld%s", (int)(mark - text), text,
		  line > 1 ? line - 1 : 1, end);
	/* jq shows the place on lines of their own; a finding is one line */
	for (size_t i = 0; i < why->len; i++)
		if (iscntrl(why->data[i]))
			why->data[i] = ' ';
	while (why->len > 0 && why->data[why->len - 1] == ' ')
		why->data[--why->len] = '\0';
out:
	jv_free(message);
}

/* The first thing in the program, after white space and comments. */
static const char *
first_token(const char *program)
{
	for (;;) {
		while (isspace((unsigned char)*program))
			program++;
		if (*program != '#')
			return program;
		while (*program && *program != '\n')
			program++;
	}
}

static bool
starts_with_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	return strncmp(text, word, len) == 0 &&
	       !isalnum((unsigned char)text[len]) && text[len] != '_';
}

/* jq_init() of 1.6 leaves this callback unset, not NULL. */
static jv
on_input(jq_state *jq, void *ctx)
{
	(void)jq;
	(void)ctx;
	return jv_invalid(); /* "no more inputs" */
}

enum hs_err
map_jq_new(const char *program, struct map_jq **out, struct buf *why)
{
	const char *first = first_token(program);
	char *text = NULL;
	jq_state *jq = NULL;
	enum hs_err err = HS_INVALID;

	*out = NULL;
	if (*first == '\0') {
		buf_notef(why, "the program is empty");
		return HS_INVALID;
	}
	if (starts_with_word(first, "import") ||
	    starts_with_word(first, "include") ||
	    starts_with_word(first, "module")) {
		buf_notef(why, "a map is one program: import, include and "
			       "module are not available");
		return HS_INVALID;
	}
	map_jq_prepare();
	jq = jq_init();
	if (!jq)
		return HS_NO_MEMORY;
	text = xasprintf("%s%s", PRELUDE, program);
	jq_set_error_cb(jq, on_compile_message, why);
	jq_set_input_cb(jq, on_input, NULL);
	jq_set_debug_cb(jq, NULL, NULL);
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	if (!jq_compile(jq, text)) {
		if (why->len == 0)
			buf_notef(why, "jq cannot compile it");
		goto out;
	}
	jq_set_error_cb(jq, NULL, NULL);
	*out = xcalloc(1, sizeof(**out));
	(*out)->n_refs = 1;
	(*out)->jq = jq;
	jq = NULL;
	err = HS_OK;
out:
	if (jq)
		jq_teardown(&jq);
	free(text);
	return err;
}

struct map_jq *
map_jq_ref(struct map_jq *map)
{
	map->n_refs++;
	return map;
}

void
map_jq_unref(struct map_jq *map)
{
	if (!map || --map->n_refs > 0)
		return;
	jq_teardown(&map->jq);
	free(map);
}

/* ---- input ---- */

static bool
is_number_byte(unsigned char c)
{
	return isdigit(c) || c == '-' || c == '+' || c == '.' || c == 'e' ||
	       c == 'E';
}

static bool
is_unsafe_integer(struct span number)
{
	const size_t safe_len = strlen(SAFE_DIGITS);
	const unsigned char *digits = number.ptr;
	size_t len = number.len;

	if (len > 0 && digits[0] == '-') {
		digits++;
		len--;
	}
	if (len < safe_len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isdigit(digits[i]))
			return false;
	return len > safe_len || memcmp(digits, SAFE_DIGITS, safe_len) > 0;
}

/* Copies scanned JSON, unsafe integers in quotes. */
static enum hs_err
quote_integers(struct span in, struct buf *out)
{
	const unsigned char *end = in.ptr + in.len;
	const unsigned char *from = in.ptr; /* not yet copied */
	const unsigned char *at = in.ptr;
	enum hs_err err = HS_OK;

	while (!err && at < end) {
		const unsigned char *start = at;

		if (*at == '"') {
			for (at++; at < end && *at != '"'; at++)
				if (*at == '\\')
					at++;
			at++;
			continue;
		}
		if (!is_number_byte(*at) || isalpha(*at)) {
			at++; /* also the e of true and false */
			continue;
		}
		while (at < end && is_number_byte(*at))
			at++;
		if (!is_unsafe_integer(span_of(start, (size_t)(at - start))))
			continue;
		err = buf_add(out, from, (size_t)(start - from));
		if (!err)
			err = buf_add_byte(out, '"');
		if (!err)
			err = buf_add(out, start, (size_t)(at - start));
		if (!err)
			err = buf_add_byte(out, '"');
		from = at;
	}
	if (!err && from < end)
		err = buf_add(out, from, (size_t)(end - from));
	return err;
}

/* ---- running ---- */

static bool
timer_arm(timer_t *timer, int64_t limit_ms)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(limit_ms / 1000),
			      .tv_nsec = (long)(limit_ms % 1000) * 1000000L }
	};
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = HALT_SIGNAL };

	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, timer))
		return false;
	return timer_settime(*timer, 0, &when, NULL) == 0;
}

static void
note_error(jv invalid, struct buf *why)
{
	jv message = jv_invalid_get_msg(invalid);

	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	buf_notef(why, "%s", jv_string_value(message));
	jv_free(message);
}

static enum map_result
collect(struct map_jq *map, struct buf *body, struct buf *why)
{
	enum map_result result = MAP_EMPTY;
	jv output;

	for (;;) {
		output = jq_next(map->jq);
		if (!jv_is_valid(output))
			break;
		if (result == MAP_BODY) {
			jv_free(output);
			buf_notef(why, "the map has more than one output: "
				       "wrap them in [ ... ]");
			return MAP_FAILED;
		}
		output = jv_dump_string(output, 0);
		if (buf_add(body, jv_string_value(output),
			    (size_t)jv_string_length_bytes(jv_copy(output)))) {
			jv_free(output);
			buf_notef(why, "the map's output is over %zu bytes",
				  body->max);
			return MAP_FAILED;
		}
		jv_free(output);
		result = MAP_BODY;
	}
	if (jq_halted(map->jq)) {
		jv_free(output);
		result = MAP_FAILED;
		if (!was_halted)
			buf_notef(why, "the program halted");
	} else if (jv_invalid_has_msg(jv_copy(output))) {
		note_error(output, why);
		result = MAP_FAILED;
	} else {
		jv_free(output);
	}
	return result;
}

enum map_result
map_jq_run(struct map_jq *map, struct span input, int64_t limit_ms,
	   struct buf *body, struct buf *why)
{
	const size_t body_len = body->len;
	enum map_result result = MAP_FAILED;
	struct buf quoted;
	timer_t timer;
	jv value;

	/* at most one integer in seventeen bytes gains two */
	buf_init(&quoted, input.len + input.len / 8 + 16);
	if (input.len > INT_MAX / 2 || quote_integers(input, &quoted)) {
		buf_notef(why, "no memory for the map's input");
		goto out;
	}
	value = jv_parse_sized((const char *)quoted.data, (int)quoted.len);
	if (!jv_is_valid(value)) {
		note_error(value, why);
		goto out;
	}
	if (!timer_arm(&timer, limit_ms)) {
		jv_free(value);
		buf_notef(why, "no timer for the map: %s", strerror(errno));
		goto out;
	}
	was_halted = 0;
	jq_start(map->jq, value, 0);
	running = map->jq;
	result = collect(map, body, why);
	running = NULL;
	timer_delete(timer);
	if (was_halted) {
		buf_reset(why);
		buf_notef(why, "the map ran longer than %lld ms",
			  (long long)limit_ms);
		result = MAP_FAILED;
	}
	/* let go of what the run still holds: the input may be large */
	jq_start(map->jq, jv_null(), 0);
out:
	if (result != MAP_BODY)
		body->len = body_len;
	buf_fini(&quoted);
	return result;
}
