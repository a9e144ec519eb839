/*
 * vigil_test: a worker that seems to live and does nothing is not alive.
 *
 * For each story a whole worker runs as a child, with a Redis of ours. Then one
 * of the calls it depends on becomes a hole: it is swallowed, and nobody is ever
 * called back. The loop turns, timers fire, Redis is there; the pings must end,
 * and the log must say what is overdue. Two children are left in peace, and ping
 * on: one with little to do, and one that is told all the time of jobs that are
 * not due for long.
 *
 * The calls are wrapped by the linker (--wrap).
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/http.h"
#include "queue/finish.h"
#include "queue/schedule.h"
#include "queue/take.h"
#include "tests/lib/patience.h"
#include "tests/lib/queue_stage.h"
#include "worker/gate.h"
#include "worker/shift.h"

#define PING_MS 200 /* between pings: a quarter of WATCHDOG_USEC */
#define ALIVE_PINGS 5
#define SILENCE_MS 2000

enum hole { NO_HOLE, TAKE, WAIT, REQUEST, FINISH, EXTEND, ADVANCE, GATE };

struct child {
	const char *name;
	enum hole hole;
	const char *overdue; /* as the log says it; NULL: nothing is */
	pid_t pid;
	int fd; /* the manager's socket */
	char dir[64];
	char queue[32];
	size_t n_pings;
	int64_t last_ping_ms;
};

static struct child children[] = {
	{ .name = "peace", .hole = NO_HOLE },
	{ .name = "later", .hole = NO_HOLE },
	{ .name = "take", .hole = TAKE, .overdue = "a take" },
	{ .name = "wait", .hole = WAIT, .overdue = "a take" },
	{ .name = "request", .hole = REQUEST, .overdue = "an attempt's end" },
	{ .name = "finish",
	  .hole = FINISH,
	  .overdue = "telling Redis of ended jobs" },
	{ .name = "extend", .hole = EXTEND, .overdue = "the renewal of locks" },
	{ .name = "advance", .hole = ADVANCE, .overdue = "an attempt's end" },
	{ .name = "gate", .hole = GATE, .overdue = "a gate's line" },
};
#define N_CHILDREN (sizeof(children) / sizeof(children[0]))

/* ---- the holes: in a child ---- */

static enum hole hole;
static volatile sig_atomic_t is_open; /* since SIGUSR1 */

static bool
swallows(enum hole call)
{
	return is_open && hole == call;
}

#define WRAP(type, name, ...)            \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

WRAP(enum hs_err, take_jobs, struct queue *q, const struct take_options *o,
     take_fn fn, void *ctx)
{
	return swallows(TAKE) ? HS_OK : __real_take_jobs(q, o, fn, ctx);
}

WRAP(enum hs_err, take_wait, struct rconn *c, const struct keys *k, int64_t ms,
     take_wait_fn fn, void *ctx)
{
	return swallows(WAIT) ? HS_OK : __real_take_wait(c, k, ms, fn, ctx);
}

WRAP(enum hs_err, http_start, struct http *h, const struct http_request *r,
     http_fn fn, void *ctx, struct http_transfer **out)
{
	/* EXTEND wants a job whose locks there are to renew */
	if (!swallows(REQUEST) && !swallows(EXTEND) && !swallows(GATE))
		return __real_http_start(h, r, fn, ctx, out);
	if (swallows(GATE)) /* it ends at once, but for the gate */
		return HS_INVALID;
	*out = NULL;
	return HS_OK;
}

WRAP(enum hs_err, finish_jobs, struct queue *q, const struct finish_options *o,
     const struct finish_item *items, size_t n, finish_fn fn, void *ctx)
{
	return swallows(FINISH) ? HS_OK
				: __real_finish_jobs(q, o, items, n, fn, ctx);
}

WRAP(enum hs_err, finish_extend, struct queue *q, const char *token,
     const char *const *ids, size_t n, int64_t ms, queue_ids_fn fn, void *ctx)
{
	return swallows(EXTEND)
		       ? HS_OK
		       : __real_finish_extend(q, token, ids, n, ms, fn, ctx);
}

WRAP(enum hs_err, schedule_advance, struct queue *q, const struct job *job,
     int64_t now_ms, schedule_fn fn, void *ctx, const char **why)
{
	return swallows(ADVANCE)
		       ? HS_OK
		       : __real_schedule_advance(q, job, now_ms, fn, ctx, why);
}

WRAP(void, gate_leave, struct gate_ticket *ticket)
{
	if (swallows(GATE) && ticket->is_inside)
		gate_ticket_init(ticket); /* whoever was inside stays counted */
	else
		__real_gate_leave(ticket);
}

/* ---- a child ---- */

static void
on_usr1(int number)
{
	(void)number;
	is_open = 1;
}

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	(void)ctx;
	(void)severity;
	fprintf(stderr, "%s\n", text);
}

static void
no_map(void *ctx, const struct route *route, const char *text)
{
	(void)ctx;
	(void)route;
	(void)text;
}

static void
write_conf(const struct child *child)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/conf", child->dir);
	file = fopen(path, "w");
	if (!file)
		_exit(1);
	/* nobody listens on port 1; no job needs it before the hole is open */
	fprintf(file,
		"redis = { url = \"unix:%s\"; command_timeout = \"500ms\"; };\n"
		"worker = { drain_delay = \"200ms\"; queues = [ \"%s\" ];\n"
		"           lock_duration = \"1s\"; };\n"
		"services = { erp = { url = \"http://127.0.0.1:1\";\n"
		"                     timeout = \"%s\"; concurrency = 1; }; "
		"};\n"
		"routes = { push = { map = \"{}\"; job = \"push\";\n"
		"  push = { service = \"erp\"; path = \"/x\"; }; };\n"
		"  none = { map = \"empty\"; job = \"none\";\n"
		"  push = { service = \"erp\"; path = \"/x\"; }; }; };\n",
		redis_server_unix_path(server), child->queue,
		child->hole == EXTEND ? "10m" : "500ms");
	fclose(file);
}

static void
work(const struct child *child)
{
	char path[128];
	char socket[128];
	const struct load load = { .path = path };
	struct conf_source source = { .path = path, .role = CONF_ROLE_WORKER };
	struct conf *conf = NULL;
	struct plan *plan = NULL;
	int fd;

	snprintf(path, sizeof(path), "%s/log", child->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	snprintf(path, sizeof(path), "%s/conf", child->dir);
	snprintf(socket, sizeof(socket), "%s/notify", child->dir);
	setenv("NOTIFY_SOCKET", socket, 1);
	snprintf(socket, sizeof(socket), "%d", 4 * PING_MS * 1000);
	setenv("WATCHDOG_USEC", socket, 1);
	hole = child->hole;
	signal(SIGUSR1, on_usr1);
	signal(SIGPIPE, SIG_IGN);
	log_open("vigil_test", LOG_LEVEL_INFO);
	if (conf_load(&source, on_finding, NULL, &conf) ||
	    plan_new(conf, no_map, NULL, &plan))
		_exit(1);
	conf_unref(conf);
	_exit(shift_run(plan, &load));
}

static void
start_child(struct child *child)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(child->dir, sizeof(child->dir), "/tmp/vigil.XXXXXX");
	assert_non_null(mkdtemp(child->dir));
	snprintf(child->queue, sizeof(child->queue), "q-%s", child->name);
	write_conf(child);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify",
		 child->dir);
	child->fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(child->fd >= 0);
	assert_int_equal(
		bind(child->fd, (struct sockaddr *)&address, sizeof(address)),
		0);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (child->pid == 0)
		work(child);
}

static void
end_child(struct child *child)
{
	static const char *const files[] = { "conf", "log", "notify" };
	char path[128];

	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	close(child->fd);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", child->dir, files[i]);
		unlink(path);
	}
	rmdir(child->dir);
}

/* ---- the parent ---- */

static void
hear(struct child *child)
{
	char heard[1024];
	ssize_t n;

	while ((n = recv(child->fd, heard, sizeof(heard) - 1, 0)) > 0) {
		heard[n] = '\0';
		if (strcmp(heard, "WATCHDOG=1") != 0)
			continue;
		child->n_pings++;
		child->last_ping_ms = clock_mono_ms();
	}
}

/* Somebody adds a delayed job: its marker is in the future. */
static void
hear_all(void)
{
	REDIS("ZADD", "bull:q-later:marker", "1900000000000", "1");
	usleep(20000);
	for (size_t i = 0; i < N_CHILDREN; i++)
		hear(&children[i]);
}

static bool
has_logged(const struct child *child, const char *wanted)
{
	char path[128];
	char line[2048];
	bool is_there = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/log", child->dir);
	file = fopen(path, "r");
	while (file && !is_there && fgets(line, sizeof(line), file))
		is_there = strstr(line, wanted) != NULL;
	if (file)
		fclose(file);
	return is_there;
}

/* What the story needs: jobs that come when the hole is open. */
static void
add_job(const struct child *child, const char *id, const char *name,
	const char *data)
{
	char key[64];

	snprintf(key, sizeof(key), "bull:%s:%s", child->queue, id);
	REDIS("HSET", key, "name", name, "data", data, "opts",
	      child->hole == ADVANCE ? "{\"repeat\":{\"every\":60000}}" : "{}",
	      "timestamp", "1900000000000", "delay", "0", "priority", "0");
	if (child->hole == ADVANCE)
		REDIS("HSET", key, "rjk", "tick");
	snprintf(key, sizeof(key), "bull:%s:wait", child->queue);
	REDIS("LPUSH", key, id);
	snprintf(key, sizeof(key), "bull:%s:marker", child->queue);
	REDIS("ZADD", key, "0", "0");
}

static bool
all_ping(void)
{
	for (size_t i = 0; i < N_CHILDREN; i++)
		if (children[i].n_pings < ALIVE_PINGS)
			return false;
	return true;
}

static bool
is_silent(const struct child *child)
{
	return clock_mono_ms() - child->last_ping_ms > SILENCE_MS;
}

/* No ping for a while, and the log says why; where nothing is overdue there is
 * nothing to find. */
static bool
is_found_out(const struct child *child)
{
	char wanted[64];

	if (!child->overdue)
		return true;
	snprintf(wanted, sizeof(wanted), "what=\"%s\"", child->overdue);
	return is_silent(child) && has_logged(child, wanted);
}

static bool
all_found_out(void)
{
	for (size_t i = 0; i < N_CHILDREN; i++)
		if (!is_found_out(&children[i]))
			return false;
	return true;
}

static void
check_peace(struct child *child)
{
	const int64_t due_ms = clock_mono_ms() + PATIENCE_MS;
	const size_t n_before = child->n_pings;

	while (child->n_pings < n_before + ALIVE_PINGS &&
	       clock_mono_ms() < due_ms)
		hear_all();
	assert_true(child->n_pings >= n_before + ALIVE_PINGS);
	assert_false(has_logged(child, "overdue"));
}

static void
no_work_no_pings(void **state)
{
	int64_t due_ms;

	(void)state;
	for (size_t i = 0; i < N_CHILDREN; i++)
		start_child(&children[i]);
	due_ms = clock_mono_ms() + PATIENCE_MS;
	while (!all_ping() && clock_mono_ms() < due_ms)
		hear_all();
	assert_true(all_ping());
	for (size_t i = 0; i < N_CHILDREN; i++)
		kill(children[i].pid, SIGUSR1);
	hear_all();
	for (size_t i = 0; i < N_CHILDREN; i++) {
		add_job(&children[i], "j1",
			children[i].hole == FINISH ? "none" : "push", "{}");
		add_job(&children[i], "j2", "push", "{}");
	}
	due_ms = clock_mono_ms() + 2 * PATIENCE_MS;
	while (!all_found_out() && clock_mono_ms() < due_ms)
		hear_all();
	for (size_t i = 0; i < N_CHILDREN; i++)
		if (!is_found_out(&children[i]))
			fail_msg("%s: it pings, or the log lacks \"%s\"",
				 children[i].name, children[i].overdue);
	for (size_t i = 0; i < N_CHILDREN; i++)
		if (!children[i].overdue)
			check_peace(&children[i]);
}

static int
end_children(void **state)
{
	for (size_t i = 0; i < N_CHILDREN; i++)
		if (children[i].pid > 0)
			end_child(&children[i]);
	return teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_work_no_pings, setup,
						end_children),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
