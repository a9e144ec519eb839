/*
 * load: the configuration of a worker, read at its start and again whenever it
 * is told to: files, environment, command line, in the same order and with the
 * same judgement.
 *
 * The first reading takes the secrets out of the environment, where maps, curl
 * and whoever looks into /proc need not see them; load keeps them for the next.
 */
#ifndef WORKER_LOAD_H
#define WORKER_LOAD_H

#include "base/log.h"
#include "conf/conf.h"

#define LOAD_PROGRAM "hooksync-worker"

struct load {             /* the caller's; all borrowed for its life */
	const char *path; /* NULL: the default one */
	const struct conf_flag *flags;
	size_t n_flags;
	const char *log_level; /* of the command line, above the files'; NULL */
	bool is_bare;          /* a person reads: findings as bare lines */
	bool hides_warnings;
};

/* As conf_load(); findings are told. first: appended to, the text of the first
 * error; NULL: not wanted. */
enum hs_err load_conf(const struct load *load, struct conf **out,
		      struct buf *first) HS_MUST_CHECK;
/* HS_INVALID: the command line's is none. */
enum hs_err load_level(const struct load *load, const struct conf *conf,
		       enum log_level *out) HS_MUST_CHECK;

#endif
