/*
 * vault_test: folders of secrets that systemd would not hand over, and those
 * that it would.
 */
#include <fcntl.h>
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

#include "ctl/vault.h"

enum { MIB = 1024 * 1024, FALLBACK = 11, PREFIX = 8 };

static char folder[] = "/tmp/vault_test.XXXXXX";
static char said[8192];
static int n_said;

static void
on_text(void *ctx, const char *text)
{
	size_t len = strlen(said);
	(void)ctx;
	n_said++;
	snprintf(said + len, sizeof(said) - len, "%s\n", text);
}

static int
judge(void)
{
	n_said = 0;
	said[0] = '\0';
	vault_judge(folder, on_text, NULL);
	return n_said;
}

static const char *
in(const char *name)
{
	static char path[600];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* Without its bytes: only the size is looked at. */
static void
put(const char *name, off_t size)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void
assert_says(const char *text)
{
	if (!strstr(said, text))
		fail_msg("\"%s\" is not in: %s", text, said);
}

static void
sizes(void **state)
{
	(void)state;
	assert_int_equal(judge(), 0); /* empty */
	put("crm", 40);
	assert_int_equal(judge(), 0);
	/* to the byte: the two names, too */
	off_t left = MIB - FALLBACK - (PREFIX + 3 + 40) - (PREFIX + 4);
	put("dump", left);
	assert_int_equal(judge(), 0);
	put("dump", left + 1);
	assert_int_equal(judge(), 1);
	assert_says(folder);
	assert_says("1048577 bytes in all");
	assert_says("243/CREDENTIALS");
	assert_says("/dump, 1048503 bytes");
	/* what systemd does not look at */
	assert_int_equal(rename(in("dump"), "/tmp/vault_test.dump"), 0);
	assert_int_equal(symlink("/tmp/vault_test.dump", in("link")), 0);
	put(".dump", MIB);
	assert_int_equal(mkfifo(in("fi:fo"), 0600), 0);
	assert_int_equal(judge(), 0);
	unlink("/tmp/vault_test.dump");
	unlink(in("link"));
	unlink(in(".dump"));
	unlink(in("fi:fo"));
	unlink(in("crm"));
}

static void
folders(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in("old"), 0700), 0);
	put("old/crm", 40);
	assert_int_equal(judge(), 0);
	put("old/dump", MIB);
	assert_int_equal(judge(), 1);
	assert_says("/old/dump, 1048576 bytes");
	unlink(in("old/crm"));
	unlink(in("old/dump"));
	rmdir(in("old"));
}

static void
odd_ones(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[256];

	(void)state;
	put("a:b", 1);
	assert_int_equal(judge(), 1);
	assert_says("/a:b: no secret can have that name");
	unlink(in("a:b"));
	put("schl\303\274ssel", 1);
	assert_int_equal(judge(), 1);
	unlink(in("schl\303\274ssel"));
	put("with space", 1);
	assert_int_equal(judge(), 0);
	unlink(in("with space"));
	memset(name, 'x', sizeof(name));
	name[255 - PREFIX] = '\0';
	put(name, 1);
	assert_int_equal(judge(), 0);
	unlink(in(name));
	memset(name, 'x', sizeof(name));
	name[255 - PREFIX + 1] = '\0';
	put(name, 1);
	assert_int_equal(judge(), 1);
	unlink(in(name));

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(judge(), 1);
	assert_says("/s: that is a socket");
	close(fd);
	unlink(address.sun_path);

	for (char c = 'a'; c < 'k'; c++) {
		snprintf(name, sizeof(name), ":%c", c);
		put(name, 1);
	}
	assert_int_equal(judge(), 5);
	for (char c = 'a'; c < 'k'; c++) {
		snprintf(name, sizeof(name), ":%c", c);
		unlink(in(name));
	}
}

static void
no_folder(void **state)
{
	(void)state;
	vault_judge("/nowhere/at/all", on_text, NULL);
	vault_judge("/dev/null", on_text, NULL);
	n_said = 0;
	vault_judge_ours("/nowhere/hooksync.conf", on_text, NULL);
	assert_int_equal(n_said, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(folders),
		cmocka_unit_test(odd_ones),
		cmocka_unit_test(no_folder),
	};

	if (!mkdtemp(folder))
		return 99;
	int n_failed = cmocka_run_group_tests_name("vault", tests, NULL, NULL);
	rmdir(folder);
	return n_failed;
}
