/*
 * sibling: finding the worker's program, and running it.
 *
 * The place of our own executable tells which one belongs to us: a command
 * that was just built runs the worker that was just built.
 */
#include "config.h"

#include "ctl/sibling.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

extern char **environ;

static char *
own_folder(void)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
	if (len < 0)
		return NULL;
	path[len] = '\0';
	return file_folder(path);
}

char *
sibling_find(const char *name)
{
	static const char *const beside[] = { "", "/../sbin" };
	char *folder = own_folder();
	char *path;

	for (size_t i = 0; folder && i < 2; i++) {
		path = xasprintf("%s%s/%s", folder, beside[i], name);
		if (access(path, X_OK) == 0) {
			free(folder);
			return path;
		}
		free(path);
	}
	free(folder);
	path = xasprintf("%s/%s", SBINDIR, name);
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

char **
sibling_words(const char *name, const struct cmd_line *line,
	      const char *const *more)
{
	char *program = sibling_find(name);
	size_t n = 0;

	if (!program)
		return NULL;
	char **words =
		xcalloc(2 * CMD_MAX_FLAGS + SIBLING_MORE + 4, sizeof(*words));
	words[n++] = program;
	if (line->conf_path) {
		words[n++] = xstrdup("-c");
		words[n++] = xstrdup(line->conf_path);
	}
	for (size_t i = 0; i < line->n_flags; i++) {
		words[n++] = xstrdup("-o");
		words[n++] = xasprintf("%s=%s", line->flags[i].option,
				       line->flags[i].value);
	}
	for (size_t i = 0; i < SIBLING_MORE && more[i]; i++)
		words[n++] = xstrdup(more[i]);
	return words;
}

void
sibling_words_free(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

void
sibling_exec(char *const argv[])
{
	signal(SIGPIPE, SIG_DFL);
	execv(argv[0], argv);
	int saved = errno;
	signal(SIGPIPE, SIG_IGN);
	errno = saved;
}

static int
spawn(char *const argv[], int output_fd, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t defaults;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	int err = posix_spawn_file_actions_init(&files);
	if (err)
		return err;
	err = posix_spawnattr_init(&attr);
	if (err) {
		posix_spawn_file_actions_destroy(&files);
		return err;
	}
	if (!err)
		err = posix_spawnattr_setsigdefault(&attr, &defaults);
	if (!err)
		err = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	if (!err)
		err = posix_spawn_file_actions_addopen(&files, 0, "/dev/null",
						       O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&files, output_fd, 1);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&files, output_fd, 2);
	if (!err)
		err = posix_spawn(pid, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return err;
}

static void
collect(int fd, struct buf *output)
{
	char chunk[4096];

	for (;;) {
		ssize_t len = read(fd, chunk, sizeof chunk);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return;
		size_t room = output->max - output->len;
		size_t take = (size_t)len < room ? (size_t)len : room;
		if (buf_add(output, chunk, take) != HS_OK)
			continue; /* read on: the writer must not block */
	}
}

enum hs_err
sibling_run(char *const argv[], struct buf *output, int *exit_code)
{
	int ends[2];
	pid_t pid;
	int status = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return HS_IO;
	int err = spawn(argv, ends[1], &pid);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		errno = err;
		return HS_IO;
	}
	collect(ends[0], output);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return HS_IO;
	*exit_code = WIFEXITED(status) ? WEXITSTATUS(status)
				       : 128 + WTERMSIG(status);
	return HS_OK;
}
