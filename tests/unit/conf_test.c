/*
 * conf: whole configurations, from files in a temporary folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "conf/conf.h"
#include "conf/table.h"

/* libconfig 1.5 leaks a text at a syntax error; that is not ours to free. Read
 * by the leak checker, if there is one. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

/* ---- a folder with a configuration, an environment, what was found ---- */

enum { N_ENV = 8 };
static struct {
	char folder[64];
	const char *env_name[N_ENV];
	const char *env_value[N_ENV];
	size_t n_env;
	struct buf errors;
	struct buf warnings;
} world;

static const char *
fake_env(const char *name)
{
	for (size_t i = 0; i < world.n_env; i++)
		if (strcmp(world.env_name[i], name) == 0)
			return world.env_value[i];
	return NULL;
}

static void
set_env(const char *name, const char *value)
{
	assert_true(world.n_env < N_ENV);
	world.env_name[world.n_env] = name;
	world.env_value[world.n_env++] = value;
}

static char *
in_folder(const char *name)
{
	return xasprintf("%s/%s", world.folder, name);
}

static void
put_file(const char *name, const char *text, mode_t mode)
{
	char *path = in_folder(name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static void
put_conf(const char *text)
{
	put_file("hooksync.conf", text, 0644);
}

static void
put_folder(const char *name)
{
	char *path = in_folder(name);
	assert_int_equal(mkdir(path, 0755), 0);
	free(path);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	snprintf(world.folder, sizeof(world.folder), "/tmp/hs-conf-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	buf_init(&world.errors, 1 << 20);
	buf_init(&world.warnings, 1 << 20);
	put_folder("conf.d");
	put_folder("secrets");
	put_file("secrets/crm-token", "t0ken\n", 0640);
	put_file("secrets/erp-login", "hook:pass\n", 0640);
	put_file("secrets/crm-webhook",
		 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0640);
	put_file("secrets/plain", "hush\n", 0640);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", world.folder, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	buf_fini(&world.errors);
	buf_fini(&world.warnings);
	return 0;
}

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	(void)ctx;
	/* without the folder, which differs each time */
	size_t len = strlen(world.folder);
	struct buf *to =
		severity == CONF_ERROR ? &world.errors : &world.warnings;
	while (*text) {
		if (strncmp(text, world.folder, len) == 0 && text[len] == '/') {
			text += len + 1;
			continue;
		}
		assert_int_equal(buf_add_byte(to, (unsigned char)*text), HS_OK);
		text++;
	}
	assert_int_equal(buf_add_byte(to, '\n'), HS_OK);
}

static enum hs_err
load_as(enum conf_role role, const struct conf_flag *flags, size_t n_flags,
	struct conf **conf)
{
	char *path = in_folder("hooksync.conf");
	struct conf_source source = {
		.path = path,
		.role = role,
		.flags = flags,
		.n_flags = n_flags,
		.env = fake_env,
	};
	buf_reset(&world.errors);
	buf_reset(&world.warnings);
	enum hs_err err = conf_load(&source, on_finding, NULL, conf);
	free(path);
	/* an error is told exactly when there is no configuration */
	assert_true((err == HS_OK) == (*conf != NULL));
	assert_true((err == HS_OK) == (world.errors.len == 0));
	return err;
}

static struct conf *
load(void)
{
	struct conf *conf;
	if (load_as(CONF_ROLE_CHECK, NULL, 0, &conf) != HS_OK)
		fail_msg("%s", buf_text(&world.errors));
	return conf;
}

static void
assert_error(const char *text)
{
	struct conf *conf;
	if (load_as(CONF_ROLE_CHECK, NULL, 0, &conf) == HS_OK)
		fail_msg("loaded, but should say: %s", text);
	if (!strstr(buf_text(&world.errors), text))
		fail_msg("should say:\n%s\nsaid:\n%s", text,
			 buf_text(&world.errors));
}

static void
assert_warning(const char *text)
{
	conf_unref(load());
	if (!strstr(buf_text(&world.warnings), text))
		fail_msg("should warn:\n%s\nwarned:\n%s", text,
			 buf_text(&world.warnings));
}

struct lookup {
	const char *name;
	char *value;
	char *origin;
};

static void
on_value(void *ctx, const char *name, const char *value, const char *origin,
	 bool is_reloadable)
{
	(void)is_reloadable;
	struct lookup *lookup = ctx;
	if (strcmp(name, lookup->name) != 0)
		return;
	assert_null(lookup->value); /* each once */
	lookup->value = xstrdup(value);
	lookup->origin = xstrdup(origin);
}

static void
assert_value(const struct conf *conf, const char *name, const char *value,
	     const char *origin)
{
	struct lookup lookup = { .name = name };
	conf_each(conf, on_value, &lookup);
	if (!value) {
		assert_null(lookup.value);
		return;
	}
	assert_non_null(lookup.value);
	assert_string_equal(lookup.value, value);
	const char *shown = lookup.origin;
	size_t len = strlen(world.folder);
	if (strncmp(shown, world.folder, len) == 0)
		shown += len + 1;
	assert_string_equal(shown, origin);
	free(lookup.value);
	free(lookup.origin);
}

/* the issue's own example, with a little of everything */
static const char example[] =
	"redis = { url = \"redis://localhost:6379/0\"; };\n"
	"queue = { name = \"sync\"; prefix = \"bull\"; attempts = 3;\n"
	"  backoff = { type = \"exponential\"; delay = \"2s\"; };\n"
	"  keep_completed = { age = \"24h\"; count = 10000; };\n"
	"  keep_failed = { age = \"14d\"; }; };\n"
	"services = {\n"
	"  crm = { url = \"https://crm.example.com/api/v1/\";\n"
	"    bearer = \"secret:crm-token\"; timeout = \"30s\";\n"
	"    concurrency = 20; };\n"
	"  erp = { url = \"https://erp.example.com/api\";\n"
	"    basic = \"secret:erp-login\"; }; };\n"
	"endpoints = {\n"
	"  identity = { path = \"/webhooks/identity\";\n"
	"    job = \"crm-identity-webhook\";\n"
	"    data = { identityId = \"/identityId\";\n"
	"      identityType = \"/identityType?\"; action = \"/action\"; };\n"
	"    verify = { scheme = \"standard-webhooks\";\n"
	"      secrets = [ \"secret:crm-webhook\" ]; }; }; };\n"
	"routes = { crm-identity-webhook = {\n"
	"  fetch = { service = \"crm\"; path = \"/identities/{identityId}\"; "
	"};\n"
	"  map = \"{ name: .source.fullName }\";\n"
	"  push = { service = \"erp\"; method = \"PUT\";\n"
	"    path = \"/customers/{identityId}\"; };\n"
	"  gone = { service = \"erp\";\n"
	"    path = \"/customers/{identityId}\"; }; }; };\n"
	"worker = { concurrency = 100; stats_interval = \"60s\"; };\n";

static void
loads_example(void **state)
{
	(void)state;
	put_conf(example);
	struct conf *conf = load();
	assert_int_equal(world.warnings.len, 0);

	assert_null(conf->redis.unix_path);
	assert_string_equal(conf->redis.host, "localhost");
	assert_int_equal(conf->redis.port, 6379);
	assert_null(conf->redis.username);
	assert_null(conf->redis.password);
	assert_int_equal(conf->redis.db, 0);
	assert_int_equal(conf->redis.enqueue_timeout_ms, 800);
	assert_int_equal(conf->queue.attempts, 3);
	assert_int_equal(conf->queue.backoff_type, CONF_BACKOFF_EXPONENTIAL);
	assert_int_equal(conf->queue.backoff_delay_ms, 2000);
	assert_int_equal(conf->queue.keep_completed.age_s, 86400);
	assert_int_equal(conf->queue.keep_completed.count, 10000);
	assert_int_equal(conf->queue.keep_failed.age_s, 14 * 86400);
	assert_int_equal(conf->queue.keep_failed.count, -1);
	assert_int_equal(conf->queue.max_events, 10000);
	assert_int_equal(conf->queue.bullmq_level, 0);
	assert_int_equal(conf->queue.limit_max, 0);
	assert_int_equal(conf->queue.limit_ms, 1000);
	assert_int_equal(conf->queue.metrics_points, 0);
	assert_false(conf->worker.force_pro);

	const struct conf_service *crm = conf_service_find(conf, "crm");
	assert_string_equal(crm->url, "https://crm.example.com/api/v1");
	assert_true(span_is(buf_span(&crm->bearer->value), "t0ken"));
	assert_null(crm->basic);
	assert_int_equal(crm->timeout_ms, 30000);
	assert_int_equal(crm->gone_limit, 20);
	assert_null(conf_service_find(conf, "cr"));

	const struct endpoint *identity = conf_endpoint_find(conf, "identity");
	assert_string_equal(identity->path, "/webhooks/identity");
	assert_string_equal(identity->job, "crm-identity-webhook");
	assert_string_equal(identity->queue, "sync");
	assert_int_equal(identity->n_fields, 3);
	assert_string_equal(identity->fields[1].name, "identityType");
	assert_string_equal(identity->fields[1].pointer, "/identityType");
	assert_true(identity->fields[1].is_optional);
	assert_false(identity->fields[2].is_optional);
	assert_int_equal(identity->scheme, SIGNATURE_STANDARD_WEBHOOKS);
	assert_int_equal(identity->n_secrets, 1);
	assert_int_equal(identity->tolerance_past_ms, 300000);
	assert_int_equal(identity->tolerance_future_ms, 300000);
	assert_int_equal(identity->max_body_bytes, 1024 * 1024);

	const struct route *route =
		conf_route_find_job(conf, span_text("crm-identity-webhook"));
	assert_ptr_equal(route->fetch->service, crm);
	assert_string_equal(route->fetch->method, "GET");
	assert_string_equal(route->gone->method, "DELETE");
	assert_string_equal(route->map, "{ name: .source.fullName }");
	assert_null(conf_route_find_job(conf, span_text("crm-identity")));

	assert_int_equal(conf->worker.concurrency, 100);
	assert_int_equal(conf->worker.stats_interval_ms, 60000);
	assert_string_equal(conf->worker.queues[0], "sync");
	assert_null(conf->worker.queues[1]);
	assert_string_equal(conf->log_level, "info");

	assert_ptr_equal(conf_ref(conf), conf);
	conf_unref(conf);
	assert_int_equal(conf->worker.concurrency, 100);
	conf_unref(conf);
}

static void
loads_how_the_queue_is_shared(void **state)
{
	(void)state;
	put_conf("queue = { bullmq_level = \"5\"; metrics = 60;\n"
		 "  limit = { max = 30; duration = \"1m\"; }; };\n"
		 "worker = { force_pro = true; };\n");
	struct conf *conf = load();
	assert_int_equal(conf->queue.bullmq_level, 5);
	assert_int_equal(conf->queue.metrics_points, 60);
	assert_int_equal(conf->queue.limit_max, 30);
	assert_int_equal(conf->queue.limit_ms, 60000);
	assert_true(conf->worker.force_pro);
	conf_unref(conf);
	put_conf("queue = { bullmq_level = \"6\"; };\n");
	conf = load();
	assert_int_equal(conf->queue.bullmq_level, 6);
	conf_unref(conf);
	put_conf("queue = { bullmq_level = \"4\"; };\n");
	assert_error("hooksync.conf:1: queue.bullmq_level: ");
}

static void
loads_nothing(void **state)
{
	(void)state;
	put_conf("");
	struct conf *conf = load();
	assert_int_equal(conf->worker.concurrency, 100);
	assert_null(conf->services[0]);
	assert_null(conf->endpoints[0]);
	assert_null(conf->routes[0]);
	assert_string_equal(conf->worker.queues[0], "sync");
	assert_value(conf, "worker.concurrency", "100", "default");
	assert_value(conf, "worker.name", NULL, NULL);
	conf_unref(conf);
}

static void
needs_the_main_file(void **state)
{
	(void)state;
	struct conf *conf;
	assert_int_equal(load_as(CONF_ROLE_CHECK, NULL, 0, &conf), HS_IO);
	assert_string_equal(buf_text(&world.errors),
			    "hooksync.conf: cannot be read: not found\n");
}

/* Under a umask of 077 an editor's file is closed to the programs. */
static void
a_closed_file_is_opened_with_chmod(void **state)
{
	(void)state;
	struct conf *conf;
	put_conf("");
	put_file("conf.d/closed.conf", "", 0000);
	assert_int_equal(chmod(world.folder, 0755), 0);
	bool is_root = geteuid() == 0;
	if (is_root)
		assert_int_equal(seteuid(65534), 0);
	assert_int_not_equal(load_as(CONF_ROLE_RESPONDER, NULL, 0, &conf),
			     HS_OK);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_non_null(strstr(buf_text(&world.errors),
			       "conf.d/closed.conf: cannot be read by this "
			       "user: chmod 644 "));
}

static void
a_byte_order_mark_is_no_error(void **state)
{
	(void)state;
	struct conf *conf;
	put_conf("\xef\xbb\xbfworker = { concurrency = 7; };\n");
	assert_int_equal(load_as(CONF_ROLE_CHECK, NULL, 0, &conf), HS_OK);
	assert_int_equal(conf->worker.concurrency, 7);
	conf_unref(conf);
	put_conf("\xef\xbb"); /* half of one is */
	assert_int_not_equal(load_as(CONF_ROLE_CHECK, NULL, 0, &conf), HS_OK);
}

/* ---- precedence and merging ---- */

static void
later_wins(void **state)
{
	(void)state;
	struct conf_flag flag = { "worker.concurrency", "5" };
	struct conf *conf;
	put_conf("worker = { concurrency = 2; };\n");
	conf = load();
	assert_value(conf, "worker.concurrency", "2", "hooksync.conf:1");
	conf_unref(conf);

	put_file("conf.d/20-b.conf", "worker = {\n  concurrency = 3;\n};\n",
		 0644);
	put_file("conf.d/10-a.conf", "worker = { concurrency = 9; };\n", 0644);
	put_file("conf.d/30-not.txt", "worker = { concurrency = 8; };\n", 0644);
	conf = load();
	assert_value(conf, "worker.concurrency", "3", "conf.d/20-b.conf:2");
	conf_unref(conf);

	set_env("HOOKSYNC_WORKER_CONCURRENCY", "4");
	conf = load();
	assert_value(conf, "worker.concurrency", "4",
		     "environment HOOKSYNC_WORKER_CONCURRENCY");
	conf_unref(conf);

	assert_int_equal(load_as(CONF_ROLE_CHECK, &flag, 1, &conf), HS_OK);
	assert_value(conf, "worker.concurrency", "5", "flag");
	assert_int_equal(conf->worker.concurrency, 5);
	conf_unref(conf);
}

static void
merges_key_by_key(void **state)
{
	(void)state;
	put_conf(example);
	put_file("conf.d/a.conf",
		 "endpoints = { identity = { max_body = \"2KiB\";\n"
		 "    data = { more = \"/more\"; };\n"
		 "    verify = { secrets = [ \"secret:plain\" ];\n"
		 "      scheme = \"github\"; }; };\n"
		 "  second = { path = \"/second\"; queue = \"other\";\n"
		 "    verify = { scheme = \"none\"; }; }; };\n",
		 0644);
	struct conf *conf = load();
	const struct endpoint *identity = conf->endpoints[0];
	assert_string_equal(identity->path, "/webhooks/identity");
	assert_int_equal(identity->max_body_bytes, 2048);
	assert_int_equal(identity->n_fields, 4);
	/* a list replaces the earlier one whole */
	assert_int_equal(identity->n_secrets, 1);
	assert_string_equal(identity->secrets[0]->name, "plain");
	assert_int_equal(identity->scheme, SIGNATURE_GITHUB);
	assert_value(conf, "endpoints.identity.path", "\"/webhooks/identity\"",
		     "hooksync.conf:13");
	assert_value(conf, "endpoints.identity.verify.secrets",
		     "[ \"secret:plain\" ]", "conf.d/a.conf:3");

	const struct endpoint *second = conf->endpoints[1];
	assert_string_equal(second->job, "second");
	assert_string_equal(second->queue, "other");
	assert_value(conf, "endpoints.second.job", "\"second\"", "default");
	assert_string_equal(conf->worker.queues[0], "sync");
	assert_string_equal(conf->worker.queues[1], "other");
	assert_null(conf->worker.queues[2]);
	assert_value(conf, "worker.queues", "[ \"sync\", \"other\" ]",
		     "default");
	conf_unref(conf);
}

static void
reads_includes(void **state)
{
	(void)state;
	put_conf("worker = {\n  @include \"more.conf\"\n};\n");
	put_file("more.conf", "\nconcurrency = 7;\n", 0644);
	struct conf *conf = load();
	assert_int_equal(conf->worker.concurrency, 7);
	assert_value(conf, "worker.concurrency", "7", "more.conf:2");
	conf_unref(conf);

	put_file("more.conf", "\nconcurrency = 70000000000;\n", 0644);
	assert_error("more.conf:2: worker.concurrency: the number 70000000000 "
		     "has more than 9 digits");
	put_file("more.conf", "\n2fast = 1;\n", 0644);
	assert_error("more.conf:2: syntax error here or just before: "
		     "2fast = 1; (a name starts with a letter)");
	/* libconfig would call it a syntax error */
	put_file("more.conf", "concurrency = 5;\n# the end", 0644);
	assert_error("more.conf:2: worker: the last line is a comment without "
		     "a line end");
	put_conf("@include \"none.conf\"\n");
	assert_error("hooksync.conf:1: @include \"none.conf\": cannot read "
		     "none.conf: not found");
	put_conf("@include \"hooksync.conf\"\n");
	assert_error("more than 9 files deep");
}

/* A map's file is found beside the main file, whoever names it. */
static void
reads_map_files(void **state)
{
	(void)state;
	put_conf("");
	put_file("conf.d/a.conf",
		 "services = { s = { url = \"http://s\"; }; };\n"
		 "routes = { r = { map_file = \"r.jq\";\n"
		 "  push = { service = \"s\"; path = \"/\"; }; }; };\n",
		 0644);
	put_file("r.jq", "{ name: .source.name }\n# by hand\n", 0644);
	struct conf *conf = load();
	assert_string_equal(conf->routes[0]->map,
			    "{ name: .source.name }\n# by hand\n");
	assert_non_null(strstr(conf->routes[0]->map_file, "r.jq"));
	conf_unref(conf);
}

/* Not every editor ends the last line. */
static void
needs_no_last_line_end(void **state)
{
	static const char *const texts[] = {
		"# nothing", "// nothing", "queue = { attempts = 5; }; # five",
		"queue = { attempts = 5; };"
	};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		put_conf(texts[i]);
		struct conf *conf = load();
		assert_int_equal(conf->queue.attempts, i < 2 ? 3 : 5);
		conf_unref(conf);
	}
}

static void
env_names_follow_the_table(void **state)
{
	(void)state;
	put_conf("log = { level = \"warn\"; };\n");
	set_env("HOOKSYNC_LOG_LEVEL", "debug");
	set_env("HOOKSYNC_QUEUE_BACKOFF_DELAY", "250ms");
	set_env("HOOKSYNC_WORKER_QUEUES", "a,b");
	set_env("HOOKSYNC_WORKER_CONCURRENCY", ""); /* empty is unset */
	struct conf *conf = load();
	assert_string_equal(conf->log_level, "debug");
	assert_int_equal(conf->queue.backoff_delay_ms, 250);
	assert_string_equal(conf->worker.queues[1], "b");
	assert_int_equal(conf->worker.concurrency, 100);
	conf_unref(conf);
}

static void
env_is_checked(void **state)
{
	(void)state;
	put_conf("");
	set_env("HOOKSYNC_WORKER_CONCURRENCY", "many");
	assert_error("environment HOOKSYNC_WORKER_CONCURRENCY: "
		     "worker.concurrency: \"many\" is not a whole number: "
		     "write for example 100\n");
	world.env_value[0] = "99999999999999999999999";
	assert_error("is too large");
	world.env_value[0] = "-5";
	assert_error("must be from 1 to 5000, not -5");
	world.env_name[0] = "REDIS_PORT";
	world.env_value[0] = "tcp://10.0.0.1:6379";
	assert_error("environment REDIS_PORT: redis.port: ");
}

static void
flags_are_checked(void **state)
{
	(void)state;
	struct conf_flag flag = { "worker.concurrncy", "5" };
	struct conf *conf;
	put_conf("");
	assert_int_equal(load_as(CONF_ROLE_CHECK, &flag, 1, &conf), HS_INVALID);
	assert_string_equal(buf_text(&world.errors),
			    "flag: worker.concurrncy: no such setting; did you "
			    "mean worker.concurrency?\n");
	flag = (struct conf_flag){ "worker", "5" };
	assert_int_equal(load_as(CONF_ROLE_CHECK, &flag, 1, &conf), HS_INVALID);
	flag = (struct conf_flag){ "endpoints.12.path", "/a" };
	assert_int_equal(load_as(CONF_ROLE_CHECK, &flag, 1, &conf), HS_INVALID);
	flag = (struct conf_flag){ "services.a b.url", "http://a" };
	assert_int_equal(load_as(CONF_ROLE_CHECK, &flag, 1, &conf), HS_INVALID);
	flag = (struct conf_flag){ "services.crm.url", "http://localhost/x" };
	assert_int_equal(load_as(CONF_ROLE_CHECK, &flag, 1, &conf), HS_OK);
	assert_string_equal(conf->services[0]->url, "http://localhost/x");
	conf_unref(conf);
}

/* ---- refusals ---- */

static void
says_what_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		/* names */
		{ "\nworker = { concurrncy = 5; };",
		  "hooksync.conf:2: worker.concurrncy: no such setting; did "
		  "you mean worker.concurrency?" },
		{ "concurrency = 5;", "hooksync.conf:1: concurrency: no such "
				      "setting; did you mean "
				      "worker.concurrency?" },
		{ "endpoint = { };", "did you mean endpoints?" },
		{ "xyzzyxyzzy = 1;", "xyzzyxyzzy: no such setting: see" },
		{ "services = { crm = { uri = \"\"; }; };",
		  "services.crm.uri: no such setting; did you mean "
		  "services.crm.url?" },
		{ "worker = 5;", "worker: is a group of settings: write { ... "
				 "}" },
		{ "queue = { name = { }; };",
		  "queue.name: must be a text in quotes, not a group: write "
		  "for example \"sync\"" },
		{ "services = { a* = { url = \"http://a\"; }; };",
		  "services.a*: a name has letters" },
		/* types */
		{ "worker = { concurrency = \"5\"; };",
		  "worker.concurrency: must be a whole number without quotes, "
		  "not a text: write for example 100" },
		{ "worker = { concurrency = 5.5; };",
		  "not a number with a fraction" },
		{ "worker = { concurrency = true; };", "not true or false" },
		{ "queue = { name = 5; };",
		  "queue.name: must be a text in quotes, not a number" },
		{ "worker = { stats_interval = 60; };",
		  "worker.stats_interval: must be a text with a unit (ms, s, "
		  "m, h, d), not a number: write for example \"60s\"" },
		{ "worker = { queues = \"a\"; };",
		  "worker.queues: must be a list of texts, not a text: write "
		  "for example [ \"sync\" ]" },
		{ "worker = { queues = [ 1, 2 ]; };", "not a list of other "
						      "things" },
		{ "worker = { queues = ( \"a\", { } ); };",
		  "not a list of other things" },
		/* values */
		{ "worker = { concurrency = 0; };",
		  "worker.concurrency: must be from 1 to 5000, not 0" },
		{ "worker = { concurrency = -1; };", "not -1" },
		{ "worker = { concurrency = 5001; };", "not 5001" },
		{ "queue = { attempts = 1001; };", "from 1 to 1000" },
		{ "queue = { backoff = { delay = \"25h\"; }; };",
		  "queue.backoff.delay: must be from 0" },
		{ "queue = { backoff = { delay = \"2 s\"; }; };",
		  "queue.backoff.delay: \"2 s\" is not a whole number and one "
		  "unit of ms, s, m, h, d: write for example \"2s\"" },
		{ "queue = { backoff = { type = \"exponental\"; }; };",
		  "\"exponental\" is none of \"fixed\", \"exponential\": did "
		  "you mean \"exponential\"?" },
		{ "responder = { max_body = \"1MB\"; };",
		  "responder.max_body: \"1MB\" is not a whole number and one "
		  "unit of B, KiB, MiB, GiB" },
		{ "responder = { max_body = \"17MiB\"; };",
		  "from 1B to 16MiB, not 17MiB" },
		{ "responder = { max_body = \"99999999999999999999GiB\"; };",
		  "responder.max_body: 99999999999999999999GiB is too large" },
		{ "worker = { stats_interval = \"10ms\"; };",
		  "\"0\" (no statistics) or at least 1s" },
		{ "worker = { name = \"\"; };", "worker.name: is empty" },
		{ "worker = { name = \"a\\nb\"; };", "control character" },
		{ "worker = { name = \"\xff\"; };", "not valid UTF-8" },
		{ "worker = { queues = [ ]; };", "worker.queues: is empty" },
		{ "worker = { queues = [ \"a\", \"a\" ]; };",
		  "names \"a\" twice" },
		/* what libconfig would take wrongly */
		{ "queue = {\n keep_failed = { count = 3000000000; }; };",
		  "hooksync.conf:2: queue.keep_failed.count: the number "
		  "3000000000 has more than 9 digits" },
		{ "queue = { attempts = 4294967299L; };",
		  "queue.attempts: the number 4294967299 has" },
		{ "queue = { attempts = 0xFFFFFFFF; };", "0xFFFFFFFF has" },
		{ "queue = { name = \"a\\x00b\"; };",
		  "queue.name: a text cannot hold \\x00" },
		{ "a = 1; /* worker = { };", "a comment that begins here" },
		/* syntax */
		{ "a = 1;\n2fa = { };",
		  "hooksync.conf:2: syntax error here or just before: 2fa = { "
		  "}; (a name starts with a letter)" },
		{ "log = { level = info; };",
		  "(a text stands in quotes (\"))" },
		{ "log = { level = 'info'; };",
		  "(a text stands in quotes (\"))" },
		{ "services = { s = { bearer = secret:x; }; };",
		  "services = ... (a text stands in quotes (\"))" },
		{ "log { level = \"info\"; };",
		  "(a group is written name = { ... };)" },
		{ "crm.contact = { };", "(a name has no dot: write a group" },
		{ "a = 1; a = 2;", "duplicate setting name here or just "
				   "before: a = 1; a = 2;" },
		{ "a = \"x\n",
		  "(is a quote, a brace or a semicolon missing?)" },
		/* Redis */
		{ "redis = { url = \"rediss://h/0\"; };",
		  "hooksync.conf:1: redis.url: rediss:// (TLS) is not "
		  "supported yet" },
		{ "redis = { url = \"http://h\"; };",
		  "the scheme must be redis:// or unix:" },
		{ "redis = { username = \"u\"; };",
		  "redis.username: a user needs a password" },
		{ "redis = { url = \"unix:/s\"; port = 5; };",
		  "redis.port: the URL (" },
		{ "redis = { host = \"/run/redis.sock\"; };",
		  "redis.host: is a path" },
		{ "redis = { host = \"a b\"; };", "redis.host: is neither" },
		/* queue */
		{ "queue = { name = \"a:b\"; };",
		  "queue.name: a queue's name has no ':'" },
		{ "queue = { prefix = \"bull:\"; };", "queue.prefix: a ':'" },
		/* responder */
		{ "responder = { listen = \"9000\"; };",
		  "responder.listen: write \"unix:PATH\" or \"HOST:PORT\"" },
		{ "responder = { listen = "
		  "\"unix:/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "a"
		  "aaaa\"; };",
		  "at most 99 bytes" },
		{ "responder = { listen = \"unix:x\"; };",
		  "after \"unix:\" comes a path from the root" },
		{ "responder = { listen = \"::1:9000\"; };", "in brackets" },
		{ "responder = { public_url = \"hooks.example.com\"; };",
		  "responder.public_url: a URL starts with" },
		/* services */
		{ "services = { crm = { }; };",
		  "hooksync.conf:1: services.crm.url: is missing: write url = "
		  "\"https://crm.example.com/api\"" },
		{ "services = { crm = { url = \"ftp://a\"; }; };",
		  "the scheme must be http or https" },
		{ "services = { crm = { url = \"http://a/?x\"; }; };",
		  "a base URL has no '?'" },
		{ "services = { crm = { url = \"http://a\";\n bearer = "
		  "\"secret:crm-token\";\n basic = \"secret:erp-login\"; }; };",
		  "hooksync.conf:3: services.crm.basic: a service has bearer "
		  "or basic, not both" },
		{ "services = { crm = { url = \"http://a\"; basic = "
		  "\"secret:crm-token\"; }; };",
		  "services.crm.basic: secret crm-token (secrets/crm-token) "
		  "must be one line user:password" },
		/* endpoints */
		{ "endpoints = { a = {\n}; };",
		  "hooksync.conf:1: endpoints.a.path: is missing" },
		{ "endpoints = { a = { path = \"/a\"; }; };",
		  "hooksync.conf:1: endpoints.a.verify.scheme: is missing: "
		  "write scheme = " },
		{ "endpoints = { a = { path = \"a\"; verify = { scheme = "
		  "\"none\"; }; }; };",
		  "endpoints.a.path: a path starts with '/'" },
		{ "endpoints = { a = { path = \"/healthz\"; verify = { scheme "
		  "= \"none\"; }; }; };",
		  "/healthz and /readyz are the responder's own" },
		{ "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		  "\"none\"; }; };\n b = { path = \"/a\"; verify = { scheme = "
		  "\"none\"; }; }; };",
		  "hooksync.conf:2: endpoints.b.path: is the path of "
		  "endpoints.a too" },
		{ "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		  "\"github\"; }; }; };",
		  "endpoints.a.verify.secrets: is missing: write secrets = [ "
		  "\"secret:a\" ]" },
		{ "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		  "\"github\"; secrets = [ ]; }; }; };",
		  "endpoints.a.verify.secrets: is missing" },
		{ "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		  "\"token\"; secrets = [ \"secret:plain\" ]; }; }; };",
		  "endpoints.a.verify.header: is missing: write header = "
		  "\"X-Webhook-Token\"" },
		{ "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		  "\"token\"; header = \"X Y\"; secrets = [ \"secret:plain\" "
		  "]; }; }; };",
		  "endpoints.a.verify.header: a header's name" },
		{ "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		  "\"standard-webhooks\"; secrets = [ \"secret:plain\" ]; }; "
		  "}; };",
		  "secret plain (secrets/plain) does not fit scheme "
		  "\"standard-webhooks\": " },
		{ "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		  "\"github\"; secrets = [ \"secret:nowhere\" ]; }; }; };",
		  "secret nowhere is nowhere. Type: install -m 600 /dev/stdin "
		  "secrets/nowhere   then the secret, Enter, Ctrl-D (or set "
		  "the variable HOOKSYNC_SECRET_NOWHERE)" },
		{ "endpoints = { a = { data = { rawPayload = \"/a\"; }; }; };",
		  "endpoints.a.data.rawPayload: a field's name" },
		{ "endpoints = { a = { data = { a-b = \"/a\"; }; }; };",
		  "endpoints.a.data.a-b: a field's name" },
		{ "endpoints = { a = { data = { x = \"a\"; }; }; };",
		  "endpoints.a.data.x: is no JSON Pointer" },
		{ "endpoints = { a = { data = { x = \"?\"; }; }; };",
		  "endpoints.a.data.x: is no JSON Pointer" },
		{ "endpoints = { a = { data = { x = \"/a~2\"; }; }; };",
		  "endpoints.a.data.x: is no JSON Pointer" },
		{ "endpoints = { a = { queue = \"x:y\"; }; };",
		  "endpoints.a.queue: a queue's name has no ':'" },
		{ "endpoints = { a = { delivery_header = \"a b\"; }; };",
		  "endpoints.a.delivery_header: a header's name" },
		{ "endpoints = { a = { max_body = \"17MiB\"; }; };",
		  "endpoints.a.max_body: must be from 1B" },
		/* routes */
		{ "services = { crm = { url = \"http://a\"; }; };\nroutes = { "
		  "r = { push = { service = \"crn\"; path = \"/\"; }; }; };",
		  "hooksync.conf:2: routes.r.push.service: there is no service "
		  "\"crn\"; did you mean \"crm\"?" },
		{ "routes = { r = { push = { service = \"crn\"; path = \"/\"; "
		  "}; }; };",
		  "there is no service \"crn\": services = { crn = " },
		{ "routes = { r = { push = { }; }; };",
		  "routes.r.push.service: is missing" },
		{ "routes = { r = { fetch = { }; }; };",
		  "routes.r.fetch.path: is missing" },
		{ "routes = { r = { fetch = { path = \"/{a\"; }; }; };",
		  "routes.r.fetch.path: a '{' without its '}'" },
		{ "routes = { r = { fetch = { method = \"PUT\"; }; }; };",
		  "routes.r.fetch.method: \"PUT\" is none of" },
		{ "routes = { r = { }; s = { job = \"r\"; }; };",
		  "routes.s.job: \"r\" leads to routes.r already" },
		{ "routes = { r = { map = \".\"; map_file = \"x\"; }; };",
		  "routes.r.map_file: a route has map or map_file, not both" },
		{ "routes = { r = { map_file = \"x.jq\"; }; };",
		  "routes.r.map_file: cannot read x.jq: not found" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_conf(cases[i].text);
		assert_error(cases[i].error);
	}
}

static void
tells_all_mistakes_at_once(void **state)
{
	(void)state;
	put_conf("worker = { concurrency = 0; };\n"
		 "queue = { attempts = 0; };\n"
		 "services = { crm = { }; };\n");
	assert_error("hooksync.conf:1: ");
	assert_non_null(strstr(buf_text(&world.errors), "hooksync.conf:2: "));
	assert_non_null(strstr(buf_text(&world.errors), "hooksync.conf:3: "));

	/* but nobody reads thousands */
	struct buf many;
	buf_init(&many, 1 << 20);
	for (int i = 0; i < 300; i++)
		assert_int_equal(buf_addf(&many, "x%d = 1;\n", i), HS_OK);
	put_conf(buf_text(&many));
	buf_fini(&many);
	assert_error("and 200 more mistakes\n");
	assert_null(strstr(buf_text(&world.errors), "x200:"));
}

static void
a_wrong_value_is_not_called_missing(void **state)
{
	(void)state;
	put_conf("services = { crm = { url = 5; }; };\n"
		 "endpoints = { a = { path = 7; verify = { scheme = \"x\"; }; "
		 "}; };\n");
	assert_error("services.crm.url: must be a text");
	assert_null(strstr(buf_text(&world.errors), "missing"));
}

static void
bounds_the_file(void **state)
{
	(void)state;
	char *big = xcalloc(1, BOUNDS_CONF_FILE_BYTES + 2);
	memset(big, ' ', BOUNDS_CONF_FILE_BYTES + 1);
	put_conf(big);
	free(big);
	assert_error("hooksync.conf: is over 1 MiB");

	char *path = in_folder("hooksync.conf");
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite("a = 1;\0b", 1, 8, file), 8);
	assert_int_equal(fclose(file), 0);
	free(path);
	assert_error("hooksync.conf: byte 7 is a NUL");
}

/* ---- warnings ---- */

static void
warns(void **state)
{
	(void)state;
	static const char endpoint_a[] =
		"endpoints = { a = { path = \"/a\"; data = { id = \"/id\"; "
		"opt = \"/opt?\"; };\n"
		"  verify = { scheme = \"github\"; secrets = [ "
		"\"secret:plain\" ]; }; }; };\n"
		"services = { s = { url = \"https://s\"; }; };\n";
	static const struct {
		const char *text;
		const char *warning;
	} cases[] = {
		{ "", "endpoints.a: no route takes its job \"a\"" },
		{ "routes = { b = { push = { service = \"s\"; path = \"/\"; "
		  "}; }; };",
		  "routes.b: no endpoint makes jobs named \"b\"" },
		{ "routes = { a = { push = { service = \"s\"; path = "
		  "\"/{it}\"; }; }; };",
		  "routes.a.push.path: {it} is not in the data of "
		  "endpoints.a" },
		{ "routes = { a = { push = { service = \"s\"; path = "
		  "\"/{opt}\"; }; }; };",
		  "routes.a.push.path: {opt} is optional in the data of "
		  "endpoints.a" },
		{ "routes = { a = { }; };", "routes.a: does nothing" },
		{ "routes = { a = { gone = { service = \"s\"; path = \"/\"; "
		  "}; }; };",
		  "routes.a.gone: is never used" },
		{ "worker = { queues = [ \"other\" ]; };",
		  "endpoints.a.queue: \"sync\" is not among worker.queues" },
		{ "queue = { keep_failed = { age = \"0\"; }; };",
		  "queue.keep_failed: no limit by age and none by count" },
		{ "redis = { url = \"redis://:hunter2@h\"; };",
		  "redis.url: holds a password" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = xasprintf("%s%s", endpoint_a, cases[i].text);
		put_conf(text);
		free(text);
		assert_warning(cases[i].warning);
	}
	put_conf("endpoints = { a = { path = \"/a\"; verify = { scheme = "
		 "\"none\"; secrets = [ \"secret:x\" ]; header = \"X\"; "
		 "tolerance = \"1m\"; }; }; };");
	assert_warning("hooksync.conf:1: endpoints.a.verify.scheme: \"none\": "
		       "whoever finds /a can add jobs");
	assert_warning("endpoints.a.verify.secrets: is not used");
	assert_warning("endpoints.a.verify.header: is not used");
	assert_warning("endpoints.a.verify.tolerance: is not used");
	put_conf("services = { s = { url = \"http://crm.example.com\"; bearer "
		 "= \"secret:crm-token\"; }; };");
	assert_warning("services.s.url: http:// shows the login");
	put_conf("services = { s = { url = \"http://127.0.0.1:8080\"; bearer "
		 "= \"secret:crm-token\"; }; };");
	conf_unref(load());
	assert_int_equal(world.warnings.len, 0);
}

/* Each program warns of what is its own business. */
/* Who leaves a queue to Node needs no route for it. */
static void
a_queue_of_others_needs_no_route(void **state)
{
	(void)state;
	struct conf *conf;
	put_conf(
		"worker = { queues = [ \"sync\" ]; };\n"
		"endpoints = { a = { path = \"/a\"; queue = \"node\"; verify = "
		"{ scheme = \"none\"; }; }; };\n");
	assert_int_equal(load_as(CONF_ROLE_CHECK, NULL, 0, &conf), HS_OK);
	const char *said = buf_text(&world.warnings);
	assert_non_null(strstr(said, "\"node\" is not among worker.queues"));
	assert_null(strstr(said, "no route takes its job"));
	conf_unref(conf);
}

static void
roles_warn_of_their_own(void **state)
{
	(void)state;
	static const struct {
		enum conf_role role;
		bool is_endpoint_named, is_route_named;
	} cases[] = {
		{ CONF_ROLE_CHECK, true, true },
		{ CONF_ROLE_WORKER, true, false },
		{ CONF_ROLE_RESPONDER, false, false },
	};
	put_conf("services = { s = { url = \"https://s\"; }; };\n"
		 "endpoints = { a = { path = \"/a\"; verify = { scheme = "
		 "\"none\"; }; }; };\n"
		 "routes = { b = { push = { service = \"s\"; path = \"/\"; "
		 "}; }; };\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *conf;
		assert_int_equal(load_as(cases[i].role, NULL, 0, &conf), HS_OK);
		const char *said = buf_text(&world.warnings);
		assert_int_equal(strstr(said, "no route takes its job") != NULL,
				 cases[i].is_endpoint_named);
		assert_int_equal(strstr(said, "no endpoint makes") != NULL,
				 cases[i].is_route_named);
		conf_unref(conf);
	}
}

/* ---- Redis ---- */

static void
redis_parts_replace_the_url(void **state)
{
	(void)state;
	put_conf("redis = { url = \"redis://a:6380/1\"; };\n");
	set_env("REDIS_URL", "redis://user:p%40ss@b/2");
	struct conf *conf = load();
	assert_string_equal(conf->redis.host, "b");
	assert_int_equal(conf->redis.port, 6379);
	assert_string_equal(conf->redis.username, "user");
	assert_true(span_is(buf_span(&conf->redis.password->value), "p@ss"));
	assert_int_equal(conf->redis.db, 2);
	assert_value(conf, "redis.url", "\"redis://user:********@b/2\"",
		     "environment REDIS_URL");
	assert_value(conf, "redis.password", "\"********\"",
		     "environment REDIS_URL");
	assert_int_equal(world.warnings.len, 0);
	conf_unref(conf);

	set_env("REDIS_HOST", "::1");
	set_env("REDIS_PORT", "7000");
	set_env("REDIS_USERNAME", "other");
	set_env("REDIS_PASSWORD", "secret");
	set_env("REDIS_DB", "3");
	conf = load();
	assert_string_equal(conf->redis.host, "::1");
	assert_int_equal(conf->redis.port, 7000);
	assert_string_equal(conf->redis.username, "other");
	assert_true(span_is(buf_span(&conf->redis.password->value), "secret"));
	assert_int_equal(conf->redis.db, 3);
	assert_value(conf, "redis.password", "\"********\"",
		     "environment REDIS_PASSWORD");
	assert_value(conf, "redis.port", "7000", "environment REDIS_PORT");
	conf_unref(conf);
}

static void
redis_host_replaces_a_socket(void **state)
{
	(void)state;
	put_conf("redis = { url = \"unix:/run/redis.sock?db=2\";\n"
		 "  password = \"secret:plain\"; };\n");
	struct conf *conf = load();
	assert_string_equal(conf->redis.unix_path, "/run/redis.sock");
	assert_null(conf->redis.host);
	assert_int_equal(conf->redis.db, 2);
	assert_true(span_is(buf_span(&conf->redis.password->value), "hush"));
	assert_value(conf, "redis.host", NULL, NULL);
	assert_value(conf, "redis.password", "\"secret:plain\"",
		     "hooksync.conf:2");
	conf_unref(conf);

	set_env("REDIS_HOST", "redis");
	conf = load();
	assert_null(conf->redis.unix_path);
	assert_string_equal(conf->redis.host, "redis");
	assert_int_equal(conf->redis.port, 6379);
	conf_unref(conf);
}

/* A password meant for one server is not sent to another. */
static void
redis_url_of_env_is_whole(void **state)
{
	(void)state;
	put_conf("redis = { host = \"a\"; port = 6380; username = \"u\";\n"
		 "  password = \"secret:plain\"; };\n");
	struct conf *conf = load();
	assert_string_equal(conf->redis.host, "a");
	assert_int_equal(conf->redis.port, 6380);
	conf_unref(conf);

	set_env("REDIS_URL", "redis://b");
	conf = load();
	assert_string_equal(conf->redis.host, "b");
	assert_int_equal(conf->redis.port, 6379);
	assert_null(conf->redis.username);
	assert_null(conf->redis.password);
	assert_non_null(strstr(buf_text(&world.warnings),
			       "redis.password: is not used, for redis.url "
			       "(environment REDIS_URL) names the whole "
			       "server"));
	assert_value(conf, "redis.port", "6379", "environment REDIS_URL");
	conf_unref(conf);
}

/* ---- secrets ---- */

/* The password of Redis has no name by which a service could be given it. */
static void
redis_password_is_no_secret_by_name(void **state)
{
	(void)state;
	set_env("REDIS_URL", "redis://:hunter2@h");
	set_env("REDIS_PASSWORD", "hunter3");
	put_conf("services = { s = { url = \"https://s\"; bearer = "
		 "\"secret:redis.password\"; }; };");
	assert_error("secret redis.password is nowhere");
	world.env_value[1] = "";
	put_conf("services = { s = { url = \"https://s\"; bearer = "
		 "\"secret:redis.url\"; }; };");
	assert_error("secret redis.url is nowhere");
}

static void
bounds_secrets_and_fields(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, 1 << 16);
	assert_int_equal(buf_add_text(&text,
				      "endpoints = { a = { path = \"/a\"; "
				      "verify = { scheme = \"github\"; "
				      "secrets = [ \"secret:plain\""),
			 HS_OK);
	for (int i = 0; i < ENDPOINT_SECRETS_MAX; i++)
		assert_int_equal(buf_add_text(&text, ", \"secret:plain\""),
				 HS_OK);
	assert_int_equal(buf_add_text(&text, " ]; }; data = { "), HS_OK);
	for (int i = 0; i <= ENDPOINT_FIELDS_MAX; i++)
		assert_int_equal(buf_addf(&text, "f%d = \"/f\"; ", i), HS_OK);
	assert_int_equal(buf_add_text(&text, "}; }; };"), HS_OK);
	put_conf(buf_text(&text));
	buf_fini(&text);
	assert_error("endpoints.a.verify.secrets: has 17 secrets");
	assert_error("endpoints.a.data: has 65 fields, at most 64");
}

/* Neither findings nor values ever hold what is, or was meant to be, secret. */
static void
on_any_value(void *ctx, const char *name, const char *value, const char *origin,
	     bool is_reloadable)
{
	(void)ctx;
	(void)name;
	(void)is_reloadable;
	assert_null(strstr(value, "hunter2"));
	assert_null(strstr(origin, "hunter2"));
}

static void
never_shows_a_secret(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"redis = { url = \"redis://u:hunter2@h:1/0\"; };",
		"redis = { url = \"redis://u:hunter2@h:x/0\"; };",
		"redis = { url = \"redis://u:hunter2/x@h:1/0\"; };",
		"redis = { url = \"rediss://u:hunter2@h:1/0\"; };",
		"redis = { url = \"unix://u:hunter2@/s?db=x\"; };",
		"redis = { url = \"unix:/s?password=hunter2\"; };",
		"redis = { password = \"hunter2\"; };",
		"redis = { password = [ \"hunter2\" ]; };",
		"redis = { password = hunter2; };",
		"redis = { password = \"hunter2; };\n",
		"redis = { password = \"secret:hunter2 x\"; };",
		"services = { a = { url = \"http://u:hunter2@a/\"; }; };",
		"services = { a = { bearer = \"hunter2\"; }; };",
		"services = { a = { basic = \"u:hunter2\"; }; };",
		"services = { a = { basic = 'u:hunter2'; }; };",
		"services = { a = { bearer = ( \"hunter2\", 5 ); }; };",
		"endpoints = { a = { verify = { secrets = [ \"hunter2\" ]; }; "
		"}; };",
		"endpoints = { a = { verify = { secrets = \"hunter2\"; }; }; "
		"};",
		"endpoints = { a = { verify = { secrets = [ hunter2 ]; }; }; "
		"};",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct conf *conf;
		put_conf(texts[i]);
		if (load_as(CONF_ROLE_CHECK, NULL, 0, &conf) == HS_OK)
			conf_each(conf, on_any_value, NULL);
		conf_unref(conf);
		if (strstr(buf_text(&world.errors), "hunter2") ||
		    strstr(buf_text(&world.warnings), "hunter2"))
			fail_msg("%s\n%s", texts[i], buf_text(&world.errors));
	}
	put_conf("");
	set_env("REDIS_PASSWORD", "hunter2");
	struct conf *conf = load();
	conf_each(conf, on_any_value, NULL);
	conf_unref(conf);
}

static void
roles_need_their_own_secrets(void **state)
{
	(void)state;
	struct conf *conf;
	put_conf("services = { s = { url = \"https://s\"; bearer = "
		 "\"secret:no-token\"; }; };\n"
		 "endpoints = { e = { path = \"/e\"; verify = { scheme = "
		 "\"github\"; secrets = [ \"secret:no-hook\" ]; }; }; };\n"
		 "routes = { e = { map_file = \"none.jq\"; push = { service = "
		 "\"s\"; path = \"/\"; }; }; };\n");
	assert_int_equal(load_as(CONF_ROLE_RESPONDER, NULL, 0, &conf),
			 HS_INVALID);
	assert_non_null(strstr(buf_text(&world.errors), "no-hook"));
	assert_null(strstr(buf_text(&world.errors), "no-token"));
	assert_null(strstr(buf_text(&world.errors), "none.jq"));

	assert_int_equal(load_as(CONF_ROLE_WORKER, NULL, 0, &conf), HS_INVALID);
	assert_null(strstr(buf_text(&world.errors), "no-hook"));
	assert_non_null(strstr(buf_text(&world.errors), "no-token"));
	assert_non_null(strstr(buf_text(&world.errors), "none.jq"));

	assert_int_equal(load_as(CONF_ROLE_CHECK, NULL, 0, &conf), HS_INVALID);
	assert_non_null(strstr(buf_text(&world.errors), "no-hook"));
	assert_non_null(strstr(buf_text(&world.errors), "no-token"));

	assert_int_equal(load_as(CONF_ROLE_COMMAND, NULL, 0, &conf), HS_OK);
	assert_string_equal(conf->services[0]->bearer->name, "no-token");
	assert_int_equal(conf->services[0]->bearer->value.len, 0);
	assert_int_equal(conf->endpoints[0]->secrets[0]->value.len, 0);
	conf_unref(conf);

	put_file("secrets/no-token", "x", 0600);
	put_file("none.jq", ".data", 0600);
	assert_int_equal(load_as(CONF_ROLE_WORKER, NULL, 0, &conf), HS_OK);
	assert_int_equal(conf->endpoints[0]->secrets[0]->value.len, 0);
	assert_int_equal(conf->services[0]->bearer->value.len, 1);
	assert_string_equal(conf->routes[0]->map, ".data");
	conf_unref(conf);
}

/* Who may not look at a secret is told so; a unit that checks itself is told
 * that it cannot be reloaded. */
static void
a_closed_secret_is_for_others_to_check(void **state)
{
	(void)state;
	struct conf *conf;
	put_conf("endpoints = { e = { path = \"/e\"; verify = { scheme = "
		 "\"github\"; secrets = [ \"secret:closed\" ]; }; }; };\n");
	put_file("secrets/closed", "x", 0000);
	assert_int_equal(chmod(world.folder, 0755), 0);
	bool is_root = geteuid() == 0;
	if (is_root)
		assert_int_equal(seteuid(65534), 0);
	assert_warning("secrets/closed cannot be read by this user");
	assert_warning("it was not looked at: sudo hooksync check");
	set_env("CREDENTIALS_DIRECTORY", "/nonexistent");
	assert_error("secrets/closed cannot be read by this user");
	assert_error("systemd reads new secrets when a unit is restarted");
	assert_int_equal(load_as(CONF_ROLE_RESPONDER, NULL, 0, &conf),
			 HS_INVALID);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
}

/* ---- showing ---- */

struct shown {
	size_t n;
	size_t last; /* place in the table */
	size_t members;
};

static void
on_ordered(void *ctx, const char *name, const char *value, const char *origin,
	   bool is_reloadable)
{
	struct shown *shown = ctx;
	const struct option *option = option_find(name);
	assert_non_null(option);
	assert_int_equal(option->is_reloadable, is_reloadable);
	assert_true(*value && *origin);
	size_t place = (size_t)(option - option_table);
	if (place < shown->last)
		shown->members++; /* the next member of a section begins */
	shown->last = place;
	shown->n++;
}

static void
each_is_in_order(void **state)
{
	(void)state;
	struct shown shown = { 0 };
	put_conf(example);
	struct conf *conf = load();
	conf_each(conf, on_ordered, &shown);
	conf_unref(conf);
	assert_true(shown.n > 40);
	assert_int_equal(shown.members, 1); /* two services */
}

static void
on_change(void *ctx, const char *name, const char *value, const char *origin,
	  bool is_reloadable)
{
	(void)origin;
	(void)is_reloadable;
	assert_int_equal(buf_addf(ctx, "%s=%s ", name, value), HS_OK);
}

static void
names_what_needs_a_restart(void **state)
{
	(void)state;
	struct buf changes;
	buf_init(&changes, 1024);
	put_conf("worker = { concurrency = 5; };\n");
	struct conf *running = load();
	put_conf("worker = { concurrency = 6; name = \"n\"; };\n"
		 "queue = { prefix = \"other\"; };\n");
	struct conf *fresh = load();
	conf_each_fixed_change(running, fresh, on_change, &changes);
	assert_string_equal(buf_text(&changes), "queue.prefix=other "
						"worker.name=n ");
	conf_unref(running);
	conf_unref(fresh);
	buf_fini(&changes);
}

/* What fresh says against running, as one role or the other. */
static void
assert_changes(enum conf_role role, const char *running_text,
	       const char *fresh_text, const char *expected)
{
	struct conf *running;
	struct conf *fresh;
	struct buf changes;
	buf_init(&changes, 1024);
	put_conf(running_text);
	assert_int_equal(load_as(role, NULL, 0, &running), HS_OK);
	if (fresh_text == NULL) /* the same, with another secret */
		put_file("secrets/plain", "other", 0640);
	else
		put_conf(fresh_text);
	assert_int_equal(load_as(role, NULL, 0, &fresh), HS_OK);
	conf_each_fixed_change(running, fresh, on_change, &changes);
	assert_string_equal(buf_text(&changes), expected);
	conf_unref(running);
	conf_unref(fresh);
	buf_fini(&changes);
}

static void
names_what_is_gone_and_what_is_behind_a_name(void **state)
{
	(void)state;
	assert_changes(CONF_ROLE_RESPONDER,
		       "responder = { listen = \"unix:/run/x\"; };\n", "",
		       "responder.listen= ");
	assert_changes(CONF_ROLE_RESPONDER, "",
		       "responder = { listen = \"unix:/run/x\"; };\n",
		       "responder.listen=unix:/run/x ");
	assert_changes(CONF_ROLE_WORKER,
		       "redis = { password = \"secret:plain\"; };\n", NULL,
		       "redis.password=secret:plain ");
}

/* What the other program reads is no business of this one. */
static void
names_what_is_its_own(void **state)
{
	static const char text[] =
		"worker = { drain_delay = \"1s\"; name = \"n\"; };\n"
		"responder = { listen = \"unix:/run/x\"; };\n"
		"redis = { enqueue_timeout = \"1s\"; command_timeout = "
		"\"9s\"; connect_timeout = \"9s\"; };\n"
		"queue = { name = \"other\"; prefix = \"hooks\"; metrics = "
		"10; };\n";
	(void)state;
	assert_changes(CONF_ROLE_RESPONDER, "", text,
		       "redis.connect_timeout=9s "
		       "queue.prefix=hooks "
		       "responder.listen=unix:/run/x ");
	assert_changes(CONF_ROLE_WORKER, "", text,
		       "redis.connect_timeout=9s "
		       "redis.command_timeout=9s queue.name=other "
		       "queue.prefix=hooks worker.name=n "
		       "worker.queues=[ \"other\" ] ");
}

static void
on_stale(void *ctx, const struct secret *secret, const char *path)
{
	assert_non_null(strstr(path, "/secrets/plain"));
	assert_int_equal(buf_addf(ctx, "%s ", secret->name), HS_OK);
}

/* systemd's copy is as old as the unit's start. */
static void
names_secrets_newer_than_their_copy(void **state)
{
	struct conf *conf;
	struct buf names;
	struct stat st;
	(void)state;
	put_folder("credentials");
	put_file("credentials/secrets_plain", "hush\n", 0640);
	put_conf("endpoints = { e = { path = \"/e\"; verify = { scheme = "
		 "\"github\"; secrets = [ \"secret:plain\", "
		 "\"secret:crm-token\" ]; }; }; };\n");
	char *folder = in_folder("credentials");
	char *path = in_folder("secrets/plain");
	set_env("CREDENTIALS_DIRECTORY", folder);
	assert_int_equal(stat(path, &st), 0);
	int64_t changed_ms = (int64_t)st.st_ctim.tv_sec * 1000 +
			     st.st_ctim.tv_nsec / 1000000;
	assert_int_equal(load_as(CONF_ROLE_RESPONDER, NULL, 0, &conf), HS_OK);
	buf_init(&names, 1024);
	conf_each_stale_secret(conf, changed_ms, on_stale, &names);
	assert_string_equal(buf_text(&names), "");
	conf_each_stale_secret(conf, changed_ms - 1, on_stale, &names);
	assert_string_equal(buf_text(&names), "plain ");
	buf_reset(&names);
	assert_int_equal(unlink(path), 0); /* or we may not look */
	conf_each_stale_secret(conf, 0, on_stale, &names);
	assert_string_equal(buf_text(&names), "");
	buf_fini(&names);
	conf_unref(conf);
	free(folder);
	free(path);
}

static void
tolerances(void **state)
{
	(void)state;
	put_conf("endpoints = { a = { path = \"/a\"; verify = { scheme = "
		 "\"standard-webhooks\"; secrets = [ \"secret:crm-webhook\" "
		 "]; tolerance = \"2m\"; tolerance_future = \"10s\"; }; }; "
		 "};");
	struct conf *conf = load();
	assert_int_equal(conf->endpoints[0]->tolerance_past_ms, 120000);
	assert_int_equal(conf->endpoints[0]->tolerance_future_ms, 10000);
	conf_unref(conf);
}

/* ten thousand settings load at once, not in an afternoon */
static void
holds_many_endpoints(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, BOUNDS_CONF_FILE_BYTES);
	assert_int_equal(buf_add_text(&text, "endpoints = {\n"), HS_OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			buf_addf(&text,
				 "e%d = { path = \"/e%d\"; data = { id = "
				 "\"/id\"; }; verify = { scheme = \"github\"; "
				 "secrets = [ \"secret:plain\" ]; }; };\n",
				 i, i),
			HS_OK);
	assert_int_equal(buf_add_text(&text, "};\n"), HS_OK);
	put_conf(buf_text(&text));
	buf_fini(&text);
	struct conf *conf = load();
	assert_string_equal(conf->endpoints[999]->path, "/e999");
	assert_int_equal(conf->endpoints[999]->n_fields, 1);
	assert_null(conf->endpoints[1000]);
	conf_unref(conf);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(loads_example),
		CASE(loads_how_the_queue_is_shared),
		CASE(loads_nothing),
		CASE(needs_the_main_file),
		CASE(a_closed_file_is_opened_with_chmod),
		CASE(a_byte_order_mark_is_no_error),
		CASE(later_wins),
		CASE(merges_key_by_key),
		CASE(reads_includes),
		CASE(reads_map_files),
		CASE(needs_no_last_line_end),
		CASE(env_names_follow_the_table),
		CASE(env_is_checked),
		CASE(flags_are_checked),
		CASE(says_what_is_wrong),
		CASE(tells_all_mistakes_at_once),
		CASE(a_wrong_value_is_not_called_missing),
		CASE(bounds_the_file),
		CASE(warns),
		CASE(roles_warn_of_their_own),
		CASE(a_queue_of_others_needs_no_route),
		CASE(redis_parts_replace_the_url),
		CASE(redis_host_replaces_a_socket),
		CASE(redis_url_of_env_is_whole),
		CASE(redis_password_is_no_secret_by_name),
		CASE(bounds_secrets_and_fields),
		CASE(never_shows_a_secret),
		CASE(roles_need_their_own_secrets),
		CASE(a_closed_secret_is_for_others_to_check),
		CASE(each_is_in_order),
		CASE(names_what_needs_a_restart),
		CASE(names_what_is_gone_and_what_is_behind_a_name),
		CASE(names_what_is_its_own),
		CASE(names_secrets_newer_than_their_copy),
		CASE(tolerances),
		CASE(holds_many_endpoints),
	};
	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
