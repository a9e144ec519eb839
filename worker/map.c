/*
 * map: one thread, two lists, one eventfd.
 *
 * The mutex guards the two lists, the stop flag and whether a work has left the
 * first list; work that is on no list belongs to the map thread while it runs.
 * A work that is cancelled before it runs goes at once: others wait behind it.
 * One that runs is only marked, by the loop for the loop: the thread never looks
 * at the mark.
 *
 * A program is shared with the plan it belongs to, by references that only the
 * loop counts. One thread, not a pool: maps are short, programs are compiled
 * once each, and libjq's state may not be entered twice.
 */
#include "worker/map.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"

#define OVERTIME_MS 20000 /* a builtin that cannot be cut short: a long sort */
#define MAP_NICE 5 /* behind the loop where a host has no core to spare */

struct map {
	struct event *wakeup; /* the loop's side of the eventfd */
	int wakeup_fd;
	int64_t limit_ms;
	pthread_t thread;
	pthread_mutex_t lists_mutex;
	pthread_cond_t todo_cond;
	struct list todo;
	struct list done;
	bool is_stopping;
	int64_t moved_ms; /* monotonic: a run began or ended, or was heard of */
	size_t n_works;   /* the loop's alone: started and not yet freed */
};

struct map_work {
	struct list node;
	struct map *map;
	struct map_jq *program;
	struct buf input;
	struct buf body;
	struct buf why;
	enum map_result result;
	bool is_begun; /* guarded by the mutex */
	/* the loop's alone */
	map_fn fn;
	void *ctx;
	bool is_cancelled;
};

static void
work_free(struct map_work *work)
{
	work->map->n_works--;
	map_jq_unref(work->program);
	buf_fini(&work->input);
	buf_fini(&work->body);
	buf_fini(&work->why);
	free(work);
}

/* ---- the map thread ---- */

static void
tell_loop(struct map *map)
{
	const uint64_t one = 1;

	/* EAGAIN: it has been told 2^64 - 2 times already */
	if (write(map->wakeup_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_bug("eventfd: %s", strerror(errno));
}

static void *
map_thread(void *arg)
{
	struct map *map = arg;

#ifdef __linux__
	/* of this thread alone there: the loop renews locks meanwhile */
	(void)setpriority(PRIO_PROCESS, 0, MAP_NICE);
#endif
	pthread_mutex_lock(&map->lists_mutex);
	for (;;) {
		struct list *node = list_pop_front(&map->todo);
		struct map_work *work;

		if (map->is_stopping && !node)
			break;
		if (!node) {
			pthread_cond_wait(&map->todo_cond, &map->lists_mutex);
			continue;
		}
		work = list_owner(node, struct map_work, node);
		work->is_begun = true;
		map->moved_ms = clock_mono_ms();
		pthread_mutex_unlock(&map->lists_mutex);
		work->result =
			map_jq_run(work->program, buf_span(&work->input),
				   map->limit_ms, &work->body, &work->why);
		buf_fini(&work->input);
		pthread_mutex_lock(&map->lists_mutex);
		map->moved_ms = clock_mono_ms();
		list_push_back(&map->done, &work->node);
		tell_loop(map);
	}
	pthread_mutex_unlock(&map->lists_mutex);
	return NULL;
}

/* ---- the loop ---- */

static void
on_wakeup(evutil_socket_t fd, short what, void *ctx)
{
	struct map *map = ctx;
	struct list done;
	struct list *node;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_bug("eventfd: %s", strerror(errno));
	list_init(&done);
	pthread_mutex_lock(&map->lists_mutex);
	while ((node = list_pop_front(&map->done)))
		list_push_back(&done, node);
	pthread_mutex_unlock(&map->lists_mutex);

	while ((node = list_pop_front(&done))) {
		struct map_work *work = list_owner(node, struct map_work, node);

		if (!work->is_cancelled)
			work->fn(work->ctx, work->result, &work->body,
				 buf_text(&work->why));
		work_free(work);
	}
}

struct map *
map_new(struct event_base *base, int64_t limit_ms)
{
	struct map *map = xcalloc(1, sizeof(*map));
	sigset_t all, saved;

	map->limit_ms = limit_ms;
	list_init(&map->todo);
	list_init(&map->done);
	map->wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (map->wakeup_fd < 0)
		log_fatal(71, "eventfd: %s", strerror(errno)); /* EX_OSERR */
	map->wakeup = event_new(base, map->wakeup_fd, EV_READ | EV_PERSIST,
				on_wakeup, map);
	if (!map->wakeup || event_add(map->wakeup, NULL))
		log_fatal(71, "cannot watch an eventfd");
	pthread_mutex_init(&map->lists_mutex, NULL);
	pthread_cond_init(&map->todo_cond, NULL);

	map_jq_prepare();
	/* the process's signals are the loop's; only the halt is this one's */
	sigfillset(&all);
	sigdelset(&all, map_jq_halt_signal());
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	if (pthread_create(&map->thread, NULL, map_thread, map))
		log_fatal(71, "cannot start the map thread");
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return map;
}

void
map_free(struct map *map)
{
	struct list *node;

	if (!map)
		return;
	pthread_mutex_lock(&map->lists_mutex);
	map->is_stopping = true;
	while ((node = list_pop_front(&map->todo)))
		work_free(list_owner(node, struct map_work, node));
	pthread_cond_signal(&map->todo_cond);
	pthread_mutex_unlock(&map->lists_mutex);
	pthread_kill(map->thread, map_jq_halt_signal());
	pthread_join(map->thread, NULL);
	while ((node = list_pop_front(&map->done)))
		work_free(list_owner(node, struct map_work, node));
	event_free(map->wakeup);
	close(map->wakeup_fd);
	pthread_mutex_destroy(&map->lists_mutex);
	pthread_cond_destroy(&map->todo_cond);
	free(map);
}

enum hs_err
map_input(struct span source, struct span data, const char *job_id,
	  const char *job_name, int64_t attempt, struct buf *out)
{
	enum hs_err err = buf_add_text(out, "{\"source\":");

	if (!err)
		err = source.len ? buf_add_span(out, source)
				 : buf_add_text(out, "null");
	if (!err)
		err = buf_add_text(out, ",\"data\":");
	if (!err)
		err = data.len ? buf_add_span(out, data)
			       : buf_add_text(out, "{}");
	if (!err)
		err = buf_add_text(out, ",\"job\":{\"id\":");
	if (!err)
		err = doc_string_encode(span_text(job_id), out);
	if (!err)
		err = buf_add_text(out, ",\"name\":");
	if (!err)
		err = doc_string_encode(span_text(job_name), out);
	if (!err)
		err = buf_addf(out, ",\"attempt\":%lld}}", (long long)attempt);
	return err;
}

struct map_work *
map_start(struct map *map, struct map_jq *program, struct buf *input, map_fn fn,
	  void *ctx)
{
	struct map_work *work = xcalloc(1, sizeof(*work));

	work->map = map;
	work->program = map_jq_ref(program);
	work->input = *input;
	buf_init(input, input->max);
	buf_init(&work->body, BOUNDS_MAPPED_BYTES);
	buf_init(&work->why, BOUNDS_REASON_BYTES);
	work->fn = fn;
	work->ctx = ctx;
	pthread_mutex_lock(&map->lists_mutex);
	if (map->n_works++ == 0)
		map->moved_ms = clock_mono_ms();
	list_push_back(&map->todo, &work->node);
	pthread_cond_signal(&map->todo_cond);
	pthread_mutex_unlock(&map->lists_mutex);
	return work;
}

void
map_cancel(struct map_work *work)
{
	struct map *map;
	bool is_begun;

	if (!work)
		return;
	map = work->map;
	pthread_mutex_lock(&map->lists_mutex);
	is_begun = work->is_begun;
	if (!is_begun)
		list_remove(&work->node);
	pthread_mutex_unlock(&map->lists_mutex);
	if (is_begun)
		work->is_cancelled = true;
	else
		work_free(work);
}

int64_t
map_due_ms(struct map *map)
{
	int64_t moved_ms;

	if (map->n_works == 0)
		return INT64_MAX;
	pthread_mutex_lock(&map->lists_mutex);
	moved_ms = map->moved_ms;
	pthread_mutex_unlock(&map->lists_mutex);
	return moved_ms + map->limit_ms + OVERTIME_MS;
}
