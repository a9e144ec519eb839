/*
 * vault: see vault.h.
 *
 * What systemd does with a folder of LoadCredential= (252 to 257): regular files
 * and sockets in it and below are read, in all other things (links, pipes) and
 * in names that begin with a dot it takes no interest. The path below becomes
 * the name, "secrets_a_b". A name with a colon or with bytes beyond printable
 * ASCII is refused, a socket cannot be read, and names and contents may be
 * 1 MiB together.
 */
#include "config.h"

#include "ctl/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/conf.h"

enum {
	TOTAL_BYTES = 1024 * 1024,
	NAME_BYTES = 255,
	DEPTH_MAX = 32, /* deeper ones are not ours to judge */
	TOLD_MAX = 5,   /* of names that are refused */
};

/* in front of each name; beside them stands the unit's own "secrets:none" */
static const char prefix[] = "secrets_";
static const char fallback[] = "secretsnone";

struct look {
	vault_fn fn;
	void *ctx;
	uint64_t n_bytes;
	uint64_t largest_bytes;
	char *largest; /* path; NULL: there is no file */
	unsigned n_told;
};

static void
tell(struct look *look, char *text)
{
	look->fn(look->ctx, text);
	free(text);
}

static bool
is_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (*c < ' ' || *c > '~' || *c == ':')
			return false;
	return true;
}

/* below: the path from the folder on, which becomes the name */
static void
judge_file(struct look *look, const char *path, const char *below,
	   const struct stat *st)
{
	const size_t name_len = strlen(prefix) + strlen(below);
	const bool is_bad = !is_name(below) || name_len > NAME_BYTES;
	const uint64_t size = (uint64_t)st->st_size;

	if (S_ISSOCK(st->st_mode) || is_bad) {
		if (look->n_told++ < TOLD_MAX)
			tell(look,
			     xasprintf(
				     "%s: %s, so systemd starts no unit with "
				     "this folder (243/CREDENTIALS): %s",
				     path,
				     is_bad ? "no secret can have that name"
					    : "that is a socket",
				     is_bad ? "rename it, or move it elsewhere"
					    : "remove it"));
		return;
	}
	look->n_bytes += name_len + size;
	if (look->largest && size <= look->largest_bytes)
		return;
	free(look->largest);
	look->largest = xstrdup(path);
	look->largest_bytes = size;
}

static void
walk(struct look *look, const char *folder, size_t n_top, int depth)
{
	DIR *dir = depth > 0 ? opendir(folder) : NULL;
	const struct dirent *entry;
	struct stat st;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(dir), entry->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		char *path = xasprintf("%s/%s", folder, entry->d_name);
		if (S_ISDIR(st.st_mode))
			walk(look, path, n_top, depth - 1);
		else if (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode))
			judge_file(look, path, path + n_top + 1, &st);
		free(path);
	}
	closedir(dir);
}

void
vault_judge(const char *folder, vault_fn fn, void *ctx)
{
	struct look look = {
		.fn = fn,
		.ctx = ctx,
		.n_bytes = strlen(fallback),
	};

	walk(&look, folder, strlen(folder), DEPTH_MAX);
	if (look.n_bytes > TOTAL_BYTES && look.largest)
		tell(&look,
		     xasprintf(
			     "%s: %" PRIu64 " bytes in all (names count, "
			     "too), and above %d systemd starts no unit with "
			     "it (243/CREDENTIALS); the largest is %s, %" PRIu64
			     " bytes: move elsewhere what is no secret",
			     folder, look.n_bytes, (int)TOTAL_BYTES,
			     look.largest, look.largest_bytes));
	free(look.largest);
}

void
vault_judge_ours(const char *conf_path, vault_fn fn, void *ctx)
{
	if (!conf_path || strcmp(conf_path, CONF_DEFAULT_PATH) == 0)
		vault_judge(VAULT_FOLDER, fn, ctx);
}
