/*
 * walk: through the jobs of a queue.
 *
 * A walk over a list may be fed at its far end faster than it goes; it ends all
 * the same when it has seen twice as many as there were.
 */
#include "ctl/walk.h"

#include <stdlib.h>

#include "queue/admin.h"
#include "ctl/ask.h"
#include "ctl/ctl.h"

/* Jobs a page: each may carry kilobytes; a call each 250 is cheap enough. */
enum { PAGE = 250 };
/* What a walk may see beyond what there was when it began. */
enum { SLACK = 10000 };

struct page {
	struct session *session;
	struct job **jobs; /* those that match come first, see pick() */
	size_t n;
	size_t n_picked;
	struct buf after;
	bool is_last;
};

static void
on_page(void *ctx, enum hs_err err, const char *text, struct job **jobs,
	size_t n, struct span next)
{
	struct page *page = ctx;

	page->is_last = err != HS_OK || next.len == 0;
	if (err == HS_OK && n > 0) {
		page->jobs = xcalloc(n, sizeof *page->jobs);
		for (size_t i = 0; i < n; i++)
			page->jobs[page->n++] = jobs[i];
	}
	buf_reset(&page->after);
	if (err == HS_OK)
		err = buf_add_span(&page->after, next);
	session_end(page->session, err, text);
}

static void
page_clear(struct page *page)
{
	for (size_t i = 0; i < page->n; i++)
		job_free(page->jobs[i]);
	free(page->jobs);
	page->jobs = NULL;
	page->n = 0;
}

static int
page_read(struct page *page, struct queue *queue, enum job_state state,
	  size_t n)
{
	struct buf after; /* the callback writes the next place over it */

	page_clear(page);
	buf_init(&after, ADMIN_PLACE_BYTES);
	enum hs_err err = buf_add_span(&after, buf_span(&page->after));
	session_begin(page->session);
	if (err == HS_OK)
		err = admin_page(queue, state, buf_span(&after), n, on_page,
				 page);
	if (err != HS_OK)
		session_end(page->session, err, NULL);
	int code = session_wait(page->session);
	buf_fini(&after);
	return code;
}

/* Moves those that match to the front. */
static void
pick(struct page *page, const struct filter *filter, enum job_state state,
     size_t n_max)
{
	size_t n = 0;

	for (size_t i = 0; i < page->n && n < n_max; i++) {
		if (!filter_matches(filter, page->jobs[i], state))
			continue;
		struct job *job = page->jobs[i];
		page->jobs[i] = page->jobs[n];
		page->jobs[n++] = job;
	}
	page->n_picked = n;
}

struct tally { /* of one walk */
	struct progress *progress;
	int64_t n_seen;
	size_t n_found;
	size_t limit;
	walk_fn fn;
	void *ctx;
};

static int
hand_over(struct page *page, enum job_state state, const struct tally *tally)
{
	int code = CTL_OK;

	if (page->n_picked > 0)
		code = tally->fn(tally->ctx, page->jobs, page->n_picked, state,
				 tally->progress);
	page->n_picked = 0;
	page_clear(page);
	return code;
}

/* Who acts on what it finds gets a page when the next one has been read: that
 * begins behind jobs that must be there still. */
static void
hold(struct page *held, struct page *page)
{
	held->jobs = page->jobs;
	held->n = page->n;
	held->n_picked = page->n_picked;
	page->jobs = NULL;
	page->n = 0;
}

static int
walk_state(const struct walk *walk, struct queue *queue, enum job_state state,
	   int64_t n_there, struct tally *tally)
{
	struct page page = { .session = walk->session };
	struct page held = { 0 };
	const struct filter *filter = walk->filter;
	const int64_t seen_max = tally->n_seen + 2 * n_there + SLACK;
	int code = CTL_OK;

	buf_init(&page.after, ADMIN_PLACE_BYTES);
	while (code == CTL_OK && !page.is_last &&
	       tally->n_found < tally->limit && tally->n_seen < seen_max) {
		size_t left = tally->limit - tally->n_found;
		bool is_short = left < PAGE && !filter_asks_job(filter) &&
				filter->older_ms < 0;
		code = page_read(&page, queue, state, is_short ? left : PAGE);
		if (code == CTL_OK && session_is_interrupted(walk->session))
			code = CTL_INTERRUPTED;
		if (code != CTL_OK)
			break;
		pick(&page, filter, state, left);
		tally->n_found += page.n_picked;
		tally->n_seen += (int64_t)page.n;
		if (filter->is_closed) {
			code = hand_over(&held, state, tally);
			hold(&held, &page);
		} else {
			code = hand_over(&page, state, tally);
		}
		progress_set(tally->progress, tally->n_seen);
	}
	if (code == CTL_OK)
		code = hand_over(&held, state, tally);
	page_clear(&held);
	page_clear(&page);
	buf_fini(&page.after);
	return code;
}

int
walk_queue(const struct walk *walk, struct queue *queue, walk_fn fn, void *ctx)
{
	const struct filter *filter = walk->filter;
	struct admin_counts counts;
	struct tally tally = { .limit = filter->limit, .fn = fn, .ctx = ctx };
	int64_t total = 0;
	int code = ask_counts(walk->session, queue, &counts);

	if (code != CTL_OK)
		return code;
	for (size_t i = 0; i < filter->n_states; i++)
		total += counts.n[filter->states[i]];
	if (filter->is_closed && tally.limit > (uint64_t)total)
		tally.limit = (size_t)total;
	if (!filter_asks_job(filter) && filter->older_ms < 0 &&
	    tally.limit < (uint64_t)total)
		total = (int64_t)tally.limit;
	tally.progress = progress_new(walk->label, total);
	for (size_t i = 0; code == CTL_OK && i < filter->n_states; i++)
		code = walk_state(walk, queue, filter->states[i],
				  counts.n[filter->states[i]], &tally);
	progress_free(tally.progress);
	return code;
}
