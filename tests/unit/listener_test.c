/*
 * listener: sockets made, found stale, found in use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fcgi/listener.h"
#include "tests/lib/fcgi_peer.h"

static char folder[] = "/tmp/hooksync-listener.XXXXXX";

static enum hs_err
try(const char *text, struct listener *out)
{
	struct buf why;
	buf_init(&why, 512);
	enum hs_err err = listener_open(text, out, &why);
	assert_true(err == HS_OK || why.len > 0);
	buf_fini(&why);
	return err;
}

static void
test_unix(void **state)
{
	struct listener a;
	struct listener b;
	struct stat st;
	char *text = xasprintf("unix:%s/s", folder);
	const char *path = text + 5;
	(void)state;
	assert_int_equal(try(text, &a), HS_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	int fd = fcgi_peer_connect(path);
	assert_true(fd >= 0);
	close(fd);
	/* in use */
	assert_int_equal(try(text, &b), HS_EXISTS);
	assert_int_equal(b.fd, -1);
	listener_close(&b);
	fd = fcgi_peer_connect(path);
	assert_true(fd >= 0);
	close(fd);
	/* stale: its owner died without a word */
	close(a.fd);
	a.fd = -1;
	assert_int_equal(try(text, &b), HS_OK);
	fd = fcgi_peer_connect(path);
	assert_true(fd >= 0);
	close(fd);
	/* the first does not take away what is the second's */
	listener_close(&a);
	assert_int_equal(stat(path, &st), 0);
	listener_close(&b);
	assert_int_equal(stat(path, &st), -1);
	/* no socket */
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(try(text, &a), HS_EXISTS);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	free(text);
}

static void
test_bad(void **state)
{
	struct listener l;
	char longest[300] = "unix:";
	(void)state;
	memset(longest + 5, 'x', 200);
	const char *const bad[] = { "unix:",
				    longest,
				    "",
				    "x",
				    ":9000",
				    "host:",
				    "127.0.0.1:http",
				    "127.0.0.1:99999999" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(try(bad[i], &l), HS_OK);
		listener_close(&l);
	}
	assert_int_equal(try("unix:/nowhere/at/all/s", &l), HS_IO);
	listener_close(&l);
}

static void
test_tcp(void **state)
{
	struct listener l;
	int is_listening = 0;
	socklen_t len = sizeof(is_listening);
	(void)state;
	assert_int_equal(try("127.0.0.1:0", &l), HS_OK);
	assert_int_equal(getsockopt(l.fd, SOL_SOCKET, SO_ACCEPTCONN,
				    &is_listening, &len),
			 0);
	assert_int_equal(is_listening, 1);
	listener_close(&l);
	assert_int_equal(l.fd, -1);
}

static void
test_inherit(void **state)
{
	struct listener l;
	struct listener made;
	int saved = dup(0);
	(void)state;
	unsetenv("LISTEN_FDS");
	assert_int_equal(listener_inherit(&l), HS_NOT_FOUND);
	assert_int_equal(try("127.0.0.1:0", &made), HS_OK);
	assert_int_equal(dup2(made.fd, 0), 0);
	assert_int_equal(listener_inherit(&l), HS_OK);
	assert_int_equal(l.fd, 0);
	assert_null(l.unix_path);
	assert_int_equal(strncmp(l.text, "127.0.0.1:", 10), 0);
	assert_non_null(strstr(l.text, " (descriptor 0)"));
	listener_close(&l);
	listener_close(&made);
	if (saved >= 0) {
		dup2(saved, 0);
		close(saved);
	}
}

/* A setting may name the socket that is handed over anyway. */
static void
test_inherited_by_name(void **state)
{
	struct listener l;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *text = xasprintf("unix:%s/s", folder);
	char *other = xasprintf("%s2", text);
	int saved = dup(0);
	(void)state;
	unsetenv("LISTEN_FDS");
	assert_false(listener_is_inherited(text));
	memcpy(address.sun_path, text + 5, strlen(text + 5));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(dup2(fd, 0), 0);
	close(fd);
	assert_true(listener_is_inherited(text));
	assert_false(listener_is_inherited(other));
	assert_false(listener_is_inherited("unix:"));
	assert_false(listener_is_inherited("127.0.0.1:9000"));
	/* asking has not taken it */
	assert_int_equal(listener_inherit(&l), HS_OK);
	char *shown = xasprintf("%s (descriptor 0)", text);
	assert_string_equal(l.text, shown);
	free(shown);
	listener_close(&l);
	unlink(address.sun_path);
	if (saved >= 0) {
		dup2(saved, 0);
		close(saved);
	}
	free(other);
	free(text);
}

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_inherited_by_name),
	};
	return cmocka_run_group_tests_name("listener", tests, setup, teardown);
}
