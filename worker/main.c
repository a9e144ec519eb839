/*
 * hooksync-worker: turns jobs into changes in the target.
 *
 * The boot, aloud: flags; configuration, whole or not at all, and the secrets
 * out of the environment (load.c); every map compiled; then the shift (shift.c)
 * until a signal ends it. --check stops before the shift, --try plays one route
 * on a file (rehearsal.c).
 */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/hangup.h"
#include "base/log.h"
#include "conf/conf.h"
#include "worker/load.h"
#include "worker/plan.h"
#include "worker/rehearsal.h"
#include "worker/shift.h"

#define MAX_FLAGS 64
#define PROGRAM LOAD_PROGRAM

enum mode { MODE_WORK, MODE_CHECK, MODE_TRY };

struct options {
	enum mode mode;
	const char *conf_path;
	const char *log_level;
	struct conf_flag flags[MAX_FLAGS];
	size_t n_flags;
	bool is_json;
	const char *route;
	const char *file;
};

static const char usage_text[] =
	"Usage: " PROGRAM " [OPTION...]\n"
	"Takes jobs from the queues and syncs them as the routes say.\n"
	"\n"
	"  -c, --config FILE        configuration (" CONF_DEFAULT_PATH ")\n"
	"  -o, --option NAME=VALUE  one setting, over those of the file\n"
	"      --log-level LEVEL    debug, info, notice, warn or error\n"
	"      --check              check configuration and maps, then exit\n"
	"      --try ROUTE FILE     show the requests a route would send for\n"
	"                           a job's data or a webhook's body; only "
	"the\n"
	"                           fetch is really sent\n"
	"      --json               --try as JSON\n"
	"  -h, --help               this text\n"
	"  -V, --version            the version\n";

static void
usage_error(const char *text)
{
	fprintf(stderr, PROGRAM ": %s; see " PROGRAM " --help\n", text);
	exit(EX_USAGE);
}

static void
add_flag(struct options *options, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text)
		usage_error("-o wants NAME=VALUE");
	if (options->n_flags == MAX_FLAGS)
		usage_error("too many -o");
	*equals = '\0';
	options->flags[options->n_flags].option = text;
	options->flags[options->n_flags++].value = equals + 1;
}

static void
read_options(int argc, char **argv, struct options *options)
{
	enum { OPT_LEVEL = 256, OPT_CHECK, OPT_TRY, OPT_JSON };
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "option", required_argument, NULL, 'o' },
		{ "log-level", required_argument, NULL, OPT_LEVEL },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "try", required_argument, NULL, OPT_TRY },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:o:hV", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->conf_path = optarg;
			break;
		case 'o':
			add_flag(options, optarg);
			break;
		case OPT_LEVEL:
			options->log_level = optarg;
			break;
		case OPT_CHECK:
			options->mode = MODE_CHECK;
			break;
		case OPT_TRY:
			options->mode = MODE_TRY;
			options->route = optarg;
			break;
		case OPT_JSON:
			options->is_json = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(EX_OK);
		case 'V':
			puts(PROGRAM " " PACKAGE_VERSION);
			exit(EX_OK);
		default:
			exit(EX_USAGE);
		}
	}
	if (options->mode == MODE_TRY && optind < argc)
		options->file = argv[optind++];
	if (options->mode == MODE_TRY && !options->file)
		usage_error("--try wants a route and a file");
	if (optind < argc)
		usage_error("too many arguments");
}

static struct conf *
read_conf(const struct options *options, const struct load *load)
{
	enum log_level level = LOG_LEVEL_INFO;
	struct conf *conf = NULL;

	if (load_conf(load, &conf, NULL))
		exit(EX_CONFIG);
	if (load_level(load, conf, &level))
		usage_error("--log-level wants debug, info, notice, warn or "
			    "error");
	log_open(PROGRAM, options->mode == MODE_WORK || options->log_level
				  ? level
				  : LOG_LEVEL_WARN);
	return conf;
}

static void
on_bad_map(void *ctx, const struct route *route, const char *text)
{
	struct buf line;

	(void)ctx;
	buf_init(&line, BOUNDS_LOG_LINE_BYTES);
	plan_note_finding(&line, route, text);
	log_error("%s", buf_text(&line));
	buf_fini(&line);
}

int
main(int argc, char **argv)
{
	struct options options = { .mode = MODE_WORK };
	struct load load = { .path = NULL };
	struct plan *plan = NULL;
	struct conf *conf;
	int code;

	log_open(PROGRAM, LOG_LEVEL_INFO);
	read_options(argc, argv, &options);
	load = (struct load){
		.path = options.conf_path,
		.flags = options.flags,
		.n_flags = options.n_flags,
		.log_level = options.log_level,
		.is_bare = options.mode != MODE_WORK,
		.hides_warnings = options.mode == MODE_CHECK,
	};
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		log_fatal(EX_OSERR, "cannot ignore SIGPIPE");
	if (options.mode == MODE_WORK)
		hangup_hold();
	conf = read_conf(&options, &load);
	switch (options.mode) {
	case MODE_CHECK:
		code = rehearsal_check(conf);
		break;
	case MODE_TRY:
		code = rehearsal_try(conf, options.route, options.file,
				     options.is_json);
		break;
	case MODE_WORK:
	default:
		if (plan_new(conf, on_bad_map, NULL, &plan))
			log_fatal(EX_CONFIG, "a map does not compile; "
					     "hooksync check tells more");
		code = shift_run(plan, &load);
		break;
	}
	conf_unref(conf);
	return code;
}
