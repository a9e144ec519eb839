/*
 * ctl_check: the configuration, judged and shown.
 *
 * What is wrong with the settings, conf knows; whether a jq map compiles, only
 * the worker's program can say, so it is asked too. Where it is not installed
 * (a host that only takes webhooks) the rest is still checked. Where nothing
 * is configured yet the answer is what to write first.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "conf/table.h"
#include "ctl/ctl.h"
#include "ctl/grid.h"
#include "ctl/guide.h"
#include "ctl/show.h"
#include "ctl/sibling.h"
#include "ctl/vault.h"

enum maps {
	MAPS_OK,
	MAPS_WRONG,   /* the worker said so */
	MAPS_UNKNOWN, /* there is no worker here */
	MAPS_SKIPPED, /* the settings were wrong already */
	MAPS_CLOSED,  /* the worker would miss secrets that we may not see */
};

static const char *const maps_texts[] = {
	[MAPS_OK] = "compiled",         [MAPS_WRONG] = "wrong",
	[MAPS_UNKNOWN] = "not checked", [MAPS_SKIPPED] = "not checked",
	[MAPS_CLOSED] = "not checked",
};

struct check {
	bool is_json;
	size_t n_errors;
	size_t n_warnings;
};

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	struct check *check = ctx;
	const bool is_warning = severity == CONF_WARNING;
	const bool is_first = check->n_errors + check->n_warnings == 0;

	if (is_warning)
		check->n_warnings++;
	else
		check->n_errors++;
	if (!check->is_json) {
		/* a reload asks us; journalctl -p err shall find the answer */
		if (log_is_in_journal())
			fputs(is_warning ? "<4>" : "<3>", stderr);
		fprintf(stderr, "%s: ", is_warning ? "warning" : "error");
		show_text(stderr, span_text(text));
		fputc('\n', stderr);
		return;
	}
	printf("%s{\"severity\":\"%s\",\"text\":", is_first ? "" : ",\n  ",
	       is_warning ? "warning" : "error");
	show_json_text(stdout, span_text(text));
	putchar('}');
}

/* The worker's own words, line by line, as errors. */
static void
tell_output(struct check *check, struct span text)
{
	const char *end;

	while (text.len > 0) {
		end = memchr(text.ptr, '\n', text.len);
		size_t len =
			end ? (size_t)(end - (const char *)text.ptr) : text.len;
		char *line = span_dup(span_of(text.ptr, len));
		if (line && *line)
			on_finding(check, CONF_ERROR, line);
		free(line);
		text.ptr += end ? len + 1 : len;
		text.len -= end ? len + 1 : len;
	}
}

static bool
is_closed(const struct secret *secret)
{
	return secret && secret->value.len == 0;
}

static bool
has_closed_secrets(const struct conf *conf)
{
	for (size_t i = 0; conf->services[i]; i++)
		if (is_closed(conf->services[i]->bearer) ||
		    is_closed(conf->services[i]->basic))
			return true;
	return is_closed(conf->redis.password);
}

/* The worker's command line: PROGRAM --check -c FILE -o OPTION=VALUE ... */
static enum maps
check_maps(const struct cmd_line *line, const struct conf *conf,
	   struct check *check)
{
	static const char *const more[] = { "--check", NULL };
	char **words = sibling_words("hooksync-worker", line, more);
	struct buf output;
	int code = 0;
	enum maps maps = MAPS_OK;

	if (!words)
		return MAPS_UNKNOWN;
	if (has_closed_secrets(conf)) {
		sibling_words_free(words);
		return MAPS_CLOSED;
	}
	buf_init(&output, BOUNDS_PARAMS_BYTES);
	if (sibling_run(words, &output, &code) != HS_OK) {
		ctl_complain("%s: %s", words[0], strerror(errno));
		maps = MAPS_UNKNOWN;
	} else if (code != 0) {
		maps = MAPS_WRONG;
		tell_output(check, buf_span(&output));
		if (output.len == 0) {
			char *text = xasprintf("%s --check ended with %d",
					       words[0], code);
			on_finding(check, CONF_ERROR, text);
			free(text);
		}
	}
	buf_fini(&output);
	sibling_words_free(words);
	return maps;
}

/* ---- can the programs read it, too? ---- */

/* Root can read everything; the programs run as a user of their own. */
static void
check_reader(const char *path, const struct passwd *user, struct check *check)
{
	struct stat st;
	if (stat(path, &st) != 0 || (st.st_mode & S_IROTH) ||
	    (st.st_gid == user->pw_gid && (st.st_mode & S_IRGRP)) ||
	    (st.st_uid == user->pw_uid && (st.st_mode & S_IRUSR)))
		return;
	char *text = xasprintf("%s: the programs, which run as hooksync, "
			       "cannot read it: chmod 644 %s",
			       path, path);
	on_finding(check, CONF_ERROR, text);
	free(text);
}

static void
check_readers(const struct conf *conf, struct check *check)
{
	const struct passwd *user = getpwnam("hooksync");
	char **names = NULL;
	if (geteuid() != 0 || !user ||
	    strncmp(conf->path, SYSCONFDIR "/", strlen(SYSCONFDIR "/")) != 0)
		return;
	char *folder = file_folder(conf->path);
	char *more = xasprintf("%s/conf.d", folder);
	check_reader(conf->path, user, check);
	if (file_names(more, ".conf", &names) != HS_OK)
		names = NULL;
	for (size_t i = 0; names && names[i]; i++) {
		char *path = xasprintf("%s/%s", more, names[i]);
		check_reader(path, user, check);
		free(path);
	}
	for (size_t i = 0; conf->routes[i]; i++) {
		const char *file = conf->routes[i]->map_file;
		if (!file)
			continue;
		char *path = file[0] == '/' ? xstrdup(file)
					    : xasprintf("%s/%s", folder, file);
		check_reader(path, user, check);
		free(path);
	}
	file_names_free(names);
	free(more);
	free(folder);
}

/* ---- do the units start? ---- */

static void
on_vault(void *ctx, const char *text)
{
	on_finding(ctx, CONF_ERROR, text);
}

/* ---- the answer ---- */

static size_t
count(void *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

static void
put_count(const char *name, size_t n, bool is_last)
{
	printf("%zu %s%s%s", n, name, n == 1 ? "" : "s", is_last ? "" : ", ");
}

static void
tell_success(const struct conf *conf, const struct check *check, enum maps maps)
{
	show_text(stdout, span_text(conf->path));
	fputs(": good: ", stdout);
	put_count("endpoint", count((void *const *)conf->endpoints), false);
	put_count("route", count((void *const *)conf->routes), false);
	put_count("service", count((void *const *)conf->services),
		  check->n_warnings == 0);
	if (check->n_warnings > 0)
		put_count("warning", check->n_warnings, true);
	putchar('\n');
	if (maps == MAPS_UNKNOWN)
		ctl_complain("hooksync-worker is not installed here, so the jq "
			     "maps were not compiled");
	if (maps == MAPS_CLOSED)
		ctl_complain("the jq maps were not compiled, for the worker "
			     "needs its secrets for that: sudo hooksync check");
}

static void
tell_json(const struct conf *conf, bool is_good, enum maps maps,
	  struct span next)
{
	printf("],\n \"is_valid\":%s,\"maps\":\"%s\"",
	       is_good ? "true" : "false", maps_texts[maps]);
	if (conf)
		printf(",\"n_endpoints\":%zu,\"n_routes\":%zu,"
		       "\"n_services\":%zu",
		       count((void *const *)conf->endpoints),
		       count((void *const *)conf->routes),
		       count((void *const *)conf->services));
	fputs(",\"next\":", stdout);
	if (next.len > 0)
		show_json_text(stdout, next);
	else
		fputs("null", stdout);
	fputs("}\n", stdout);
}

int
ctl_check(const struct cmd_line *line)
{
	struct conf_source source = {
		.path = line->conf_path,
		.role = CONF_ROLE_CHECK,
		.flags = line->flags,
		.n_flags = line->n_flags,
	};
	struct check check = { .is_json = line->is_json };
	struct conf *conf = NULL;
	enum maps maps = MAPS_SKIPPED;
	struct buf next;

	buf_init(&next, BOUNDS_LOG_LINE_BYTES);
	if (check.is_json)
		fputs("{\"findings\":[", stdout);
	bool is_good = conf_load(&source, on_finding, &check, &conf) == HS_OK;
	vault_judge_ours(line->conf_path, on_vault, &check);
	if (is_good) {
		maps = check_maps(line, conf, &check);
		check_readers(conf, &check);
		if (count((void *const *)conf->endpoints) +
			    count((void *const *)conf->routes) ==
		    0)
			guide_first_endpoint(conf->path, &next);
	}
	is_good = is_good && check.n_errors == 0;
	if (check.is_json)
		tell_json(conf, is_good, maps, buf_span(&next));
	else if (is_good)
		tell_success(conf, &check, maps);
	if (!check.is_json && is_good && next.len > 0)
		printf("%s", buf_text(&next));
	buf_fini(&next);
	conf_unref(conf);
	return is_good ? CTL_OK : CTL_CONFIG;
}

/* ---- config ---- */

struct values {
	struct grid *table; /* NULL with --json */
	size_t n;
};

/* Texts stand in quotes as in the file; a script wants what is inside. */
static void
print_plain(const char *value)
{
	struct span text = span_text(value);
	struct buf plain;

	buf_init(&plain, text.len);
	if (text.len > 0 && text.ptr[0] == '"' &&
	    doc_scan(text, NULL, NULL) == HS_OK &&
	    doc_string_decode(text, &plain) == HS_OK)
		show_json_text(stdout, buf_span(&plain));
	else
		show_json_text(stdout, text);
	buf_fini(&plain);
}

static void
on_value(void *ctx, const char *name, const char *value, const char *origin,
	 bool is_reloadable)
{
	struct values *values = ctx;

	if (values->table) {
		char *cells[] = {
			show_text_dup(span_text(name), BOUNDS_REASON_BYTES),
			show_text_dup(span_text(value ? value : "-"),
				      BOUNDS_LOG_LINE_BYTES),
			show_text_dup(span_text(origin), BOUNDS_REASON_BYTES),
		};
		grid_add(values->table, cells);
		return;
	}
	fputs(values->n++ > 0 ? ",\n {\"name\":" : "{\"name\":", stdout);
	show_json_text(stdout, span_text(name));
	fputs(",\"value\":", stdout);
	if (value)
		print_plain(value);
	else
		fputs("null", stdout);
	fputs(",\"origin\":", stdout);
	show_json_text(stdout, span_text(origin));
	printf(",\"is_reloadable\":%s}", is_reloadable ? "true" : "false");
}

static int
config_values(const struct cmd_line *line)
{
	static const struct grid_column columns[] = {
		{ .head = "OPTION" },
		{ .head = "VALUE", .may_shrink = true },
		{ .head = "ORIGIN" },
	};
	struct values values = { 0 };
	struct conf *conf = NULL;
	int code = ctl_load(line, CONF_ROLE_COMMAND, &conf);

	if (code != CTL_OK)
		return code;
	if (line->is_json)
		fputs("[", stdout);
	else
		values.table = grid_new(columns, 3);
	conf_each(conf, on_value, &values);
	if (line->is_json)
		fputs("]\n", stdout);
	else
		grid_print(values.table, stdout, show_terminal_width());
	grid_free(values.table);
	conf_unref(conf);
	return CTL_OK;
}

static const char *
type_text(enum option_type type)
{
	switch (type) {
	case OPTION_TEXT:
		return "text";
	case OPTION_INTEGER:
		return "integer";
	case OPTION_DURATION:
		return "duration";
	case OPTION_SIZE:
		return "size";
	case OPTION_BOOL:
		return "boolean";
	case OPTION_ENUM:
		return "choice";
	case OPTION_SECRET:
		return "secret";
	case OPTION_SECRETS:
		return "list of secrets";
	case OPTION_TEXTS:
		return "list of texts";
	}
	return "text";
}

static void
put_nullable(const char *text)
{
	if (text)
		show_json_text(stdout, span_text(text));
	else
		fputs("null", stdout);
}

static void
option_print_json(const struct option *option, bool is_first)
{
	printf("%s{\"name\":", is_first ? "" : ",\n ");
	show_json_text(stdout, span_text(option->name));
	printf(",\"type\":\"%s\",\"default\":", type_text(option->type));
	put_nullable(option->fallback);
	fputs(",\"choices\":", stdout);
	put_nullable(option->choices);
	printf(",\"is_reloadable\":%s}",
	       option->is_reloadable ? "true" : "false");
}

static void
option_add_row(struct grid *table, const struct option *option)
{
	char *cells[] = {
		xstrdup(option->name),
		option->choices ? xasprintf("one of: %s", option->choices)
				: xstrdup(type_text(option->type)),
		option->fallback ? xstrdup(option->fallback) : NULL,
		xstrdup(option->is_reloadable ? "yes" : "no"),
	};
	grid_add(table, cells);
}

static int
config_table(bool is_json)
{
	static const struct grid_column columns[] = {
		{ .head = "OPTION" },
		{ .head = "TYPE", .may_shrink = true },
		{ .head = "DEFAULT" },
		{ .head = "RELOADABLE" },
	};

	if (is_json) {
		fputs("[", stdout);
		for (size_t i = 0; i < option_table_len; i++)
			option_print_json(&option_table[i], i == 0);
		fputs("]\n", stdout);
		return CTL_OK;
	}
	struct grid *table = grid_new(columns, 4);
	for (size_t i = 0; i < option_table_len; i++)
		option_add_row(table, &option_table[i]);
	grid_print(table, stdout, show_terminal_width());
	grid_free(table);
	return CTL_OK;
}

int
ctl_config(const struct cmd_line *line)
{
	return line->is_table ? config_table(line->is_json)
			      : config_values(line);
}
