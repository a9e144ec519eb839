/*
 * file: whole files, bounded.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"

/* Appends the file's content. HS_NOT_FOUND, HS_DENIED, HS_TOO_BIG (over the
 * buf's ceiling), HS_IO (also for what is no regular file) with errno set. */
enum hs_err file_read(const char *path, struct buf *out) HS_MUST_CHECK;
/* The names in a folder that end in `suffix` and do not start with a dot, in C
 * order. *names is NULL-terminated; free with file_names_free(). A folder that
 * does not exist has none. */
enum hs_err file_names(const char *folder, const char *suffix,
		       char ***names) HS_MUST_CHECK;
void file_names_free(char **names);
/* "dir/of/x" for "dir/of/x/file", "." for "file". The caller frees. */
char *file_folder(const char *path);

#endif
