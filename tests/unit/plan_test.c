/*
 * plan_test: what the plan of a new configuration takes over from the one
 * before, and what it does not; and load, which reads both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "worker/load.h"
#include "worker/plan.h"

static char folder[64];
static char path[128];
static struct buf found;

static void
put(const char *name, const char *text)
{
	char file_path[160];
	FILE *file;

	snprintf(file_path, sizeof(file_path), "%s/%s", folder, name);
	file = fopen(file_path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(file_path, 0600), 0);
}

static struct conf *
read_conf(const char *text)
{
	const struct load load = { .path = path, .hides_warnings = true };
	struct conf *conf = NULL;

	put("hooksync.conf", text);
	assert_int_equal(load_conf(&load, &conf, NULL), HS_OK);
	return conf;
}

static void
on_map(void *ctx, const struct route *route, const char *text)
{
	(void)ctx;
	buf_notef(&found, "%s: %s\n", route->name, text);
}

/* The plan of a text, after another; how often it had to be called. */
static enum hs_err
plan_of(const char *text, const struct plan *before, struct plan **out,
	int *n_steps)
{
	struct conf *conf = read_conf(text);
	enum hs_err err;

	*out = plan_begin(conf, before);
	conf_unref(conf);
	*n_steps = 1;
	while ((err = plan_step(*out, on_map, NULL)) == HS_AGAIN)
		(*n_steps)++;
	return err;
}

static struct plan *
good_plan(const char *text, const struct plan *before)
{
	struct plan *plan;
	int n_steps;

	assert_int_equal(plan_of(text, before, &plan, &n_steps), HS_OK);
	plan_enter(plan);
	return plan;
}

#define ROUTES(a, b)                                                    \
	"routes = { a = { map = \"" a "\"; push = { service = \"s\"; "  \
	"path = \"/a\"; }; }; b = { map = \"" b "\"; push = { service " \
	"= \"t\"; path = \"/b\"; }; }; };\n"
#define SERVICES(s, t)                                                     \
	"services = { s = { " s " }; t = { url = \"http://t.example\"; " t \
	" }; };\n"
#define URL "url = \"http://s.example\"; "

static void
maps_that_are_the_same_are_not_compiled_again(void **state)
{
	struct plan *first =
		good_plan(SERVICES(URL, "") ROUTES("{ x: 1 }", ".data"), NULL);
	struct plan *second;
	int n_steps;

	(void)state;
	assert_int_equal(first->n_compiled, 2);
	assert_int_equal(plan_of(SERVICES(URL, "") ROUTES(".data", "{ y: 2 }"),
				 first, &second, &n_steps),
			 HS_OK);
	assert_int_equal(second->n_compiled, 1);
	assert_int_equal(n_steps, 2);
	assert_ptr_equal(second->routes[0].map, first->routes[1].map);
	/* the first goes, what was taken over stays */
	plan_unref(first);
	first = good_plan(SERVICES(URL, "") ROUTES(".data", "{ y: 2 }"),
			  second);
	assert_int_equal(first->n_compiled, 0);
	plan_unref(second);
	plan_unref(first);
}

static void
a_bad_map_is_told_and_others_are_tried(void **state)
{
	struct plan *first = good_plan(
		SERVICES(URL, "concurrency = 7;") ROUTES(".", "."), NULL);
	struct plan *second;
	struct gate_ticket ticket;
	int n_steps;

	(void)state;
	assert_int_equal(plan_of(SERVICES(URL, "concurrency = 1;")
					 ROUTES("nope(1)", "{"),
				 first, &second, &n_steps),
			 HS_INVALID);
	assert_int_equal(n_steps, 3);
	assert_non_null(strstr(buf_text(&found), "a: nope/1"));
	assert_non_null(strstr(buf_text(&found), "b: "));
	/* nothing has changed of what it shares */
	plan_unref(second);
	for (int i = 0; i < 2; i++) {
		gate_ticket_init(&ticket);
		assert_int_equal(gate_enter(first->gates[1], &ticket, false, 0),
				 GATE_GO);
		gate_leave(&ticket);
	}
	plan_unref(first);
}

static void
a_finding_says_where_to_look(void **state)
{
	char map[] = "nope", file[] = "maps/a.jq", name[] = "a";
	char origin[] = "x.conf:3";
	struct route route = { .name = name, .map = map, .map_origin = origin };

	(void)state;
	plan_note_finding(&found, &route, "no");
	assert_string_equal(buf_text(&found), "x.conf:3: routes.a.map: no");
	buf_reset(&found);
	route.map_file = file;
	plan_note_finding(&found, &route, "no");
	assert_string_equal(buf_text(&found),
			    "x.conf:3: routes.a.map_file: maps/a.jq: no");
}

static void
a_service_that_is_the_same_keeps_its_gate(void **state)
{
	struct plan *first = good_plan(
		SERVICES(URL "concurrency = 2;", "") ROUTES(".", "."), NULL);
	struct plan *second = good_plan(
		SERVICES(URL "concurrency = 3;", "") ROUTES(".", "."), first);
	struct gate_ticket tickets[4];

	(void)state;
	assert_ptr_equal(first->gates[0], second->gates[0]);
	assert_ptr_equal(second->routes[0].push_gate, second->gates[0]);
	for (int i = 0; i < 4; i++) {
		gate_ticket_init(&tickets[i]);
		assert_int_equal(
			gate_enter(second->gates[0], &tickets[i], false, 0),
			i < 3 ? GATE_GO : GATE_WAIT);
	}
	for (int i = 0; i < 4; i++)
		gate_leave(&tickets[i]);
	plan_unref(first);
	assert_string_equal(gate_name(second->gates[0]), "s");
	plan_unref(second);
}

static void
another_address_or_secret_is_another_gate(void **state)
{
	struct plan *first, *second, *third, *fourth;

	(void)state;
	put("secrets/one", "1");
	first = good_plan(SERVICES(URL, "") ROUTES(".", "."), NULL);
	second = good_plan(SERVICES("url = \"http://u.example\";", "")
				   ROUTES(".", "."),
			   first);
	assert_ptr_not_equal(first->gates[0], second->gates[0]);
	assert_ptr_equal(first->gates[1], second->gates[1]);
	third = good_plan(SERVICES(URL "bearer = \"secret:one\";", "")
				  ROUTES(".", "."),
			  first);
	assert_ptr_not_equal(first->gates[0], third->gates[0]);
	/* the same name, another value */
	put("secrets/one", "2");
	fourth = good_plan(SERVICES(URL "bearer = \"secret:one\";", "")
				   ROUTES(".", "."),
			   third);
	assert_ptr_not_equal(third->gates[0], fourth->gates[0]);
	plan_unref(first);
	plan_unref(second);
	plan_unref(third);
	plan_unref(fourth);
}

/* ---- load ---- */

static void
secrets_leave_the_environment_and_are_still_known(void **state)
{
	static const char text[] =
		SERVICES(URL "bearer = \"secret:env\";", "") ROUTES(".", ".");
	struct conf *conf;

	(void)state;
	setenv("HOOKSYNC_SECRET_ENV", "hush", 1);
	setenv("REDIS_PASSWORD", "hushhush", 1);
	for (int i = 0; i < 2; i++) {
		conf = read_conf(text);
		assert_string_equal(buf_text(&conf->services[0]->bearer->value),
				    "hush");
		assert_string_equal(buf_text(&conf->redis.password->value),
				    "hushhush");
		assert_null(getenv("HOOKSYNC_SECRET_ENV"));
		assert_null(getenv("REDIS_PASSWORD"));
		conf_unref(conf);
	}
}

static void
the_first_error_is_kept(void **state)
{
	const struct load load = { .path = path };
	struct conf *conf = NULL;
	struct buf first;

	(void)state;
	buf_init(&first, BOUNDS_LOG_LINE_BYTES);
	put("hooksync.conf", "worker = {\n  concurrency = 0;\n  nope = 1; };");
	assert_int_equal(load_conf(&load, &conf, &first), HS_INVALID);
	assert_null(conf);
	assert_non_null(strstr(buf_text(&first), "hooksync.conf:"));
	assert_null(strchr(buf_text(&first), '\n'));
	buf_fini(&first);
}

static void
the_command_line_chooses_the_level(void **state)
{
	struct load load = { .path = path };
	struct conf *conf = read_conf("log = { level = \"warn\"; };");
	enum log_level level;

	(void)state;
	assert_int_equal(load_level(&load, conf, &level), HS_OK);
	assert_int_equal(level, LOG_LEVEL_WARN);
	load.log_level = "debug";
	assert_int_equal(load_level(&load, conf, &level), HS_OK);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	load.log_level = "loud";
	assert_int_equal(load_level(&load, conf, &level), HS_INVALID);
	conf_unref(conf);
}

static void
swallow(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static int
open_folder(void **state)
{
	char secrets[80];

	(void)state;
	log_set_sink(swallow);
	snprintf(folder, sizeof(folder), "/tmp/plan_test.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/hooksync.conf", folder);
	snprintf(secrets, sizeof(secrets), "%s/secrets", folder);
	buf_init(&found, 10000);
	return mkdir(secrets, 0700);
}

static int
close_folder(void **state)
{
	static const char *const names[] = { "hooksync.conf", "secrets/one",
					     "secrets" };
	char name[160];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
		(void)remove(name);
	}
	rmdir(folder);
	buf_fini(&found);
	log_set_sink(NULL);
	return 0;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_folder, close_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(maps_that_are_the_same_are_not_compiled_again),
		TEST(a_bad_map_is_told_and_others_are_tried),
		TEST(a_finding_says_where_to_look),
		TEST(a_service_that_is_the_same_keeps_its_gate),
		TEST(another_address_or_secret_is_another_gate),
		TEST(secrets_leave_the_environment_and_are_still_known),
		TEST(the_first_error_is_kept),
		TEST(the_command_line_chooses_the_level),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
