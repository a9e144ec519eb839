/*
 * file_test: files that are read, and things that are not what they seem.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/file.h"

static char folder[] = "/tmp/hooksync-file-XXXXXX";

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static void
write_file(const char *name, const char *text, size_t len)
{
	char *path = path_of(name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	free(path);
}

static enum hs_err
read_name(const char *name, struct buf *out)
{
	char *path = path_of(name);
	enum hs_err err = file_read(path, out);
	free(path);
	return err;
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
	(void)state;
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", folder, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static void
a_file_is_appended_whole(void **state)
{
	(void)state;
	struct buf buf;
	write_file("whole", "a\0b\n", 4);
	buf_init(&buf, 100);
	assert_int_equal(buf_add_text(&buf, "> "), HS_OK);
	assert_int_equal(read_name("whole", &buf), HS_OK);
	assert_int_equal(buf.len, 6);
	assert_memory_equal(buf.data, "> a\0b\n", 7);
	buf_fini(&buf);
}

static void
an_empty_file_is_nothing(void **state)
{
	(void)state;
	struct buf buf;
	write_file("empty", "", 0);
	buf_init(&buf, 0);
	assert_int_equal(read_name("empty", &buf), HS_OK);
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
}

static void
a_file_of_exactly_the_ceiling_fits(void **state)
{
	(void)state;
	struct buf buf;
	char *big = xcalloc(1, 100000);
	memset(big, 'x', 100000);
	write_file("big", big, 100000);
	buf_init(&buf, 100000);
	assert_int_equal(read_name("big", &buf), HS_OK);
	assert_int_equal(buf.len, 100000);
	assert_memory_equal(buf.data, big, 100000);
	buf_fini(&buf);
	buf_init(&buf, 99999);
	assert_int_equal(read_name("big", &buf), HS_TOO_BIG);
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
	free(big);
}

static void
a_file_without_a_size_is_read_to_its_end(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 1 << 20);
	assert_int_equal(file_read("/proc/self/status", &buf), HS_OK);
	assert_non_null(strstr(buf_text(&buf), "VmRSS"));
	buf_fini(&buf);
	buf_init(&buf, 100);
	assert_int_equal(buf_add_text(&buf, "kept"), HS_OK);
	assert_int_equal(file_read("/proc/self/status", &buf), HS_TOO_BIG);
	assert_string_equal(buf_text(&buf), "kept");
	buf_fini(&buf);
}

static void
what_is_no_regular_file_is_refused(void **state)
{
	(void)state;
	struct buf buf;
	char *path = path_of("pipe");
	buf_init(&buf, 100);
	assert_int_equal(mkfifo(path, 0600), 0);
	free(path);
	assert_int_equal(read_name("pipe", &buf), HS_IO); /* and at once */
	errno = 0;
	assert_int_equal(file_read(folder, &buf), HS_IO);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(file_read("/dev/zero", &buf), HS_IO);
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
}

static void
what_is_not_there_is_not_found(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(read_name("missing", &buf), HS_NOT_FOUND);
	assert_int_equal(read_name("whole/below", &buf), HS_NOT_FOUND);
	assert_int_equal(file_read("", &buf), HS_NOT_FOUND);
	buf_fini(&buf);
}

static void
a_closed_file_is_denied(void **state)
{
	(void)state;
	struct buf buf;
	write_file("closed", "x", 1);
	char *path = path_of("closed");
	assert_int_equal(chmod(path, 0), 0);
	free(path);
	buf_init(&buf, 100);
	bool is_root = geteuid() == 0;
	if (is_root) /* nothing is closed to root */
		assert_int_equal(seteuid(65534), 0);
	enum hs_err err = read_name("closed", &buf);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(err, HS_DENIED);
	buf_fini(&buf);
}

static void
names_come_in_c_order(void **state)
{
	(void)state;
	char **names = NULL;
	char *path = path_of("conf.d");
	assert_int_equal(mkdir(path, 0700), 0);
	write_file("conf.d/20-b.conf", "", 0);
	write_file("conf.d/Z.conf", "", 0);
	write_file("conf.d/10-a.conf", "", 0);
	write_file("conf.d/a.conf", "", 0);
	write_file("conf.d/.hidden.conf", "", 0);
	write_file("conf.d/10-a.conf~", "", 0);
	write_file("conf.d/conf", "", 0);
	write_file("conf.d/a.conf.dpkg-old", "", 0);
	assert_int_equal(file_names(path, ".conf", &names), HS_OK);
	assert_string_equal(names[0], "10-a.conf");
	assert_string_equal(names[1], "20-b.conf");
	assert_string_equal(names[2], "Z.conf");
	assert_string_equal(names[3], "a.conf");
	assert_null(names[4]);
	file_names_free(names);
	assert_int_equal(file_names(path, "", &names), HS_OK);
	assert_string_equal(names[0], "10-a.conf");
	assert_string_equal(names[1], "10-a.conf~");
	file_names_free(names);
	free(path);
}

static void
a_missing_folder_has_no_names(void **state)
{
	(void)state;
	char **names = NULL;
	char *path = path_of("missing");
	assert_int_equal(file_names(path, ".conf", &names), HS_OK);
	assert_null(names[0]);
	file_names_free(names);
	free(path);
	names = NULL;
	path = path_of("whole");
	assert_int_equal(file_names(path, ".conf", &names), HS_IO);
	assert_null(names);
	file_names_free(names);
	free(path);
}

static void
too_many_names_are_refused(void **state)
{
	(void)state;
	char **names = NULL;
	char *path = path_of("crowd");
	assert_int_equal(mkdir(path, 0700), 0);
	for (int i = 0; i <= BOUNDS_FOLDER_NAMES; i++) {
		char *name = xasprintf("crowd/%d", i);
		write_file(name, "", 0);
		free(name);
	}
	assert_int_equal(file_names(path, "", &names), HS_TOO_BIG);
	assert_null(names);
	char *one = path_of("crowd/0");
	assert_int_equal(unlink(one), 0);
	assert_int_equal(file_names(path, "", &names), HS_OK);
	file_names_free(names);
	free(one);
	free(path);
}

static void
folders_of_paths(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "dir/of/x/file", "dir/of/x" },
		{ "file", "." },
		{ "/file", "/" },
		{ "a/", "a" },
		{ "", "." },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *parent = file_folder(cases[i][0]);
		assert_string_equal(parent, cases[i][1]);
		free(parent);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_appended_whole),
		cmocka_unit_test(an_empty_file_is_nothing),
		cmocka_unit_test(a_file_of_exactly_the_ceiling_fits),
		cmocka_unit_test(a_file_without_a_size_is_read_to_its_end),
		cmocka_unit_test(what_is_no_regular_file_is_refused),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_closed_file_is_denied),
		cmocka_unit_test(names_come_in_c_order),
		cmocka_unit_test(a_missing_folder_has_no_names),
		cmocka_unit_test(too_many_names_are_refused),
		cmocka_unit_test(folders_of_paths),
	};
	return cmocka_run_group_tests_name("file", tests, make_folder,
					   remove_folder);
}
