/*
 * map_jq: one jq program, compiled once, run on one document after another. The
 * only file on libjq.
 *
 * Numbers: libjq 1.6 keeps them as doubles and would turn
 * 12345678901234567890 into ...567000. An integer beyond +-2^53
 * (9007199254740992) is therefore handed to the program as a string, with any
 * libjq, and comes out as one unless the program says `tonumber`.
 *
 * Fences: a program sees its input and nothing else. `env`, `$ENV`, `input`,
 * `debug`, `stderr`, `halt`, `import` and `include` are harmless or refused; no
 * file is read. A run that lasts too long is halted.
 *
 * Thread: a program is compiled, counted and freed by the loop's thread and runs
 * on one at a time.
 */
#ifndef WORKER_MAP_JQ_H
#define WORKER_MAP_JQ_H

#include <stdint.h>

#include "base/buf.h"

struct map_jq;

enum map_result {
	MAP_BODY,   /* one output */
	MAP_EMPTY,  /* none: done without a push */
	MAP_FAILED, /* *why says how; it may quote data: not for logs */
};

/* Takes HOME out of the process's environment and makes the halting signal
 * harmless. Before other threads start; map_jq_new() does it where that was
 * not done, in a program without threads. */
void map_jq_prepare(void);

/* HS_INVALID: *why has jq's message with the program's own line numbers. */
enum hs_err map_jq_new(const char *program, struct map_jq **out,
		       struct buf *why) HS_MUST_CHECK;
/* Counted: a run under way and a plan hold one each. map_jq_new() returns the
 * first. */
struct map_jq *map_jq_ref(struct map_jq *map);
void map_jq_unref(struct map_jq *map);

/* input is scanned JSON. body is appended to (its ceiling is the map's). A run
 * longer than limit_ms fails. */
enum map_result map_jq_run(struct map_jq *map, struct span input,
			   int64_t limit_ms, struct buf *body,
			   struct buf *why) HS_MUST_CHECK;

/* The signal that halts the program running on the thread that gets it; any
 * other thread ignores it. */
int map_jq_halt_signal(void);

#endif
