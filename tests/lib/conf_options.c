/*
 * conf_options: the table of options, and the settings of a file, for
 * tests/options.sh.
 *
 *	conf_options table	NAME <tab> DEFAULT or "-" <tab> restart or reload
 *				<tab> VARIABLE or "-"
 *	conf_options file PATH	PATTERN <tab> VALUE, of each setting that the
 *				file itself says
 *
 * Secrets are taken from the folder and the environment, as always.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/table.h"

static void
print_table(void)
{
	for (size_t i = 0; i < option_table_len; i++) {
		const struct option *option = &option_table[i];
		char *variable = option_env_name(option);
		printf("%s\t%s\t%s\t%s\n", option->name,
		       option->fallback ? option->fallback : "-",
		       option->is_reloadable ? "reload" : "restart",
		       variable ? variable : "-");
		free(variable);
	}
}

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	int *n = ctx;
	(*n)++;
	fprintf(stderr, "%s: %s\n",
		severity == CONF_ERROR ? "error" : "warning", text);
}

static void
on_value(void *ctx, const char *name, const char *value, const char *origin,
	 bool is_reloadable)
{
	const char *path = ctx;
	size_t len = strlen(path);
	(void)is_reloadable;
	if (strncmp(origin, path, len) == 0 && origin[len] == ':')
		printf("%s\t%s\n", option_find(name)->name, value);
}

/* A warning is a failure here: what we ship and show has none. */
static int
print_file(char *path)
{
	int n_findings = 0;
	struct conf_source source = { .path = path, .role = CONF_ROLE_CHECK };
	struct conf *conf;
	if (conf_load(&source, on_finding, &n_findings, &conf) != HS_OK)
		return 1;
	conf_each(conf, on_value, path);
	conf_unref(conf);
	return n_findings > 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "table") == 0) {
		print_table();
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "file") == 0)
		return print_file(argv[2]);
	fprintf(stderr, "usage: conf_options table | file PATH\n");
	return 64;
}
