/*
 * file: settings, secrets and maps are small files; they are read whole or not
 * at all.
 *
 * What is opened may not be what was meant: a folder, a pipe nobody writes to,
 * a terminal. It is opened without waiting and looked at before it is read.
 * Room for the whole is made at once, so that a secret is not left behind in
 * the smaller blocks a growing buffer came from.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bounds.h"

/* One read() beyond what the file said its size is finds its true end. */
#define READ_BYTES 4096

static enum hs_err
err_of_errno(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return HS_NOT_FOUND;
	case EACCES:
	case EPERM:
		return HS_DENIED;
	case ENOMEM:
		return HS_NO_MEMORY;
	default:
		return HS_IO;
	}
}

/* Reads to the end of fd. On failure the buf may have grown. */
static enum hs_err
read_all(int fd, size_t size_hint, struct buf *out)
{
	unsigned char *to;
	size_t room = out->max - out->len;

	if (size_hint > room)
		return HS_TOO_BIG;
	if (size_hint < room)
		size_hint++; /* the read that finds the end */
	enum hs_err err = buf_reserve(out, size_hint, &to);
	if (err != HS_OK)
		return err;

	for (;;) {
		unsigned char beyond;
		room = out->max - out->len;
		size_t want = size_hint > 0 ? size_hint : READ_BYTES;
		if (want > room)
			want = room;
		err = buf_reserve(out, want, &to);
		if (err != HS_OK)
			return err;
		ssize_t n =
			want > 0 ? read(fd, to, want) : read(fd, &beyond, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_of_errno();
		if (n == 0)
			return HS_OK;
		if (want == 0)
			return HS_TOO_BIG;
		buf_commit(out, (size_t)n);
		size_hint -= (size_t)n < size_hint ? (size_t)n : size_hint;
	}
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t name_len = strlen(name);
	size_t suffix_len = strlen(suffix);

	return name_len >= suffix_len &&
	       memcmp(name + name_len - suffix_len, suffix, suffix_len) == 0;
}

enum hs_err
file_read(const char *path, struct buf *out)
{
	size_t old_len = out->len;
	struct stat st;
	enum hs_err err;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_of_errno();
	if (fstat(fd, &st) != 0) {
		err = err_of_errno();
	} else if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		err = HS_IO;
	} else {
		err = read_all(fd, (size_t)st.st_size, out);
	}
	if (err != HS_OK && out->len > old_len) {
		/* Half a file is no file; it may have been half a secret. */
		explicit_bzero(out->data + old_len, out->len - old_len);
		buf_cut(out, old_len);
	}
	int saved_errno = errno;
	(void)close(fd);
	errno = saved_errno;
	return err;
}

enum hs_err
file_names(const char *folder, const char *suffix, char ***names)
{
	char **found = xcalloc(1, sizeof(*found));
	size_t n_found = 0;
	enum hs_err err = HS_OK;

	DIR *dir = opendir(folder);
	if (dir == NULL) {
		if (errno == ENOENT) {
			*names = found;
			return HS_OK;
		}
		err = errno == ENOTDIR ? HS_IO : err_of_errno();
		free(found);
		return err;
	}
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(dir);
		if (entry == NULL) {
			if (errno != 0)
				err = HS_IO;
			break;
		}
		if (entry->d_name[0] == '.' ||
		    !has_suffix(entry->d_name, suffix))
			continue;
		if (n_found >= BOUNDS_FOLDER_NAMES) {
			err = HS_TOO_BIG;
			break;
		}
		found = xreallocarray(found, n_found + 2, sizeof(*found));
		found[n_found++] = xstrdup(entry->d_name);
		found[n_found] = NULL;
	}
	int saved_errno = errno;
	(void)closedir(dir);
	if (err != HS_OK) {
		file_names_free(found);
		errno = saved_errno;
		return err;
	}
	qsort(found, n_found, sizeof(*found), compare_names);
	*names = found;
	return HS_OK;
}

void
file_names_free(char **names)
{
	if (names == NULL)
		return;
	for (size_t i = 0; names[i] != NULL; i++)
		free(names[i]);
	free(names);
}

char *
file_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	if (slash == path)
		return xstrdup("/");
	return xstrndup(path, (size_t)(slash - path));
}
