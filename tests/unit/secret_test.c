/*
 * secret: three places, in order, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "conf/secret.h"

static char folder[64];
static char credentials[96];
static const char *env_credentials;
static const char *env_secret;

static const char *
fake_env(const char *name)
{
	if (strcmp(name, "CREDENTIALS_DIRECTORY") == 0)
		return env_credentials;
	if (strcmp(name, "HOOKSYNC_SECRET_CRM_WEB_HOOK") == 0)
		return env_secret;
	return NULL;
}

static void
put(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static int
set_up(void **state)
{
	(void)state;
	env_credentials = NULL;
	env_secret = NULL;
	snprintf(folder, sizeof(folder), "/tmp/hs-secret-XXXXXX");
	assert_non_null(mkdtemp(folder));
	char *secrets = xasprintf("%s/secrets", folder);
	assert_int_equal(mkdir(secrets, 0700), 0);
	free(secrets);
	snprintf(credentials, sizeof(credentials), "%s/cred", folder);
	assert_int_equal(mkdir(credentials, 0700), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", folder, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return 0;
}

static void
assert_is(const char *value, const char *origin)
{
	struct secret *secret;
	struct buf why;
	buf_init(&why, 512);
	if (secret_load("crm-web.hook", folder, fake_env, &secret, &why) !=
	    HS_OK)
		fail_msg("%s", buf_text(&why));
	assert_string_equal(secret->name, "crm-web.hook");
	assert_string_equal(buf_text(&secret->value), value);
	assert_non_null(strstr(secret->origin, origin));
	secret_free(secret);
	buf_fini(&why);
}

static void
assert_fails(const char *name, enum hs_err err, const char *text)
{
	struct secret *secret;
	struct buf why;
	buf_init(&why, 512);
	assert_int_equal(secret_load(name, folder, fake_env, &secret, &why),
			 err);
	assert_null(secret);
	if (!strstr(buf_text(&why), text))
		fail_msg("%s", buf_text(&why));
	buf_fini(&why);
}

static void
places_in_order(void **state)
{
	(void)state;
	assert_fails("crm-web.hook", HS_NOT_FOUND,
		     "secret crm-web.hook is nowhere. Type: install -m 600 ");
	env_secret = "";
	assert_fails("crm-web.hook", HS_NOT_FOUND, "nowhere");
	env_secret = "three";
	assert_is("three", "environment HOOKSYNC_SECRET_CRM_WEB_HOOK");
	put("secrets/crm-web.hook", "two\n", 0640);
	assert_is("two", "/secrets/crm-web.hook");
	env_credentials = credentials;
	assert_is("two", "/secrets/crm-web.hook");
	put("cred/secrets_crm-web.hook", "one", 0400);
	assert_is("one", "credential");
}

static void
drops_one_newline(void **state)
{
	(void)state;
	put("secrets/crm-web.hook", "a\n\n", 0600);
	assert_is("a\n", "/secrets/");
	put("secrets/crm-web.hook", "a\r\n", 0600);
	assert_is("a", "/secrets/");
	put("secrets/crm-web.hook", " a ", 0600);
	assert_is(" a ", "/secrets/");
}

/* Nobody but the owner writes it, and only his group reads it besides. */
static void
modes(void **state)
{
	(void)state;
	static const struct {
		mode_t mode;
		const char *text; /* NULL: it is good */
	} rows[] = {
		{ 0600, NULL },
		{ 0400, NULL },
		{ 0640, NULL },
		{ 0440, NULL },
		{ 0644, "can be read by everybody (mode 0644)" },
		{ 0604, "can be read by everybody (mode 0604)" },
		{ 0660, "can be written by its group (mode 0660)" },
		{ 0664, "can be written by its group (mode 0664)" },
		{ 0602, "can be written by everybody (mode 0602)" },
		{ 0641, "is open to everybody (mode 0641)" },
	};
	for (size_t k = 0; k < 2; k++) {
		/* the second time the credential is what is read */
		env_credentials = k == 0 ? NULL : credentials;
		if (k > 0)
			put("cred/secrets_crm-web.hook", "hush", 0400);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			put("secrets/crm-web.hook", "hush", rows[i].mode);
			if (!rows[i].text) {
				assert_is("hush",
					  k > 0 ? "credential" : "/secrets/");
				continue;
			}
			assert_fails("crm-web.hook", HS_INVALID, rows[i].text);
			char *cure = xasprintf(
				": chmod 640 %s/secrets/crm-web.hook", folder);
			assert_fails("crm-web.hook", HS_INVALID, cure);
			free(cure);
		}
	}
}

/* Run as root this tries it as nobody. */
static void
denied(void **state)
{
	(void)state;
	put("secrets/crm-web.hook", "hush", 0000);
	assert_int_equal(chmod(folder, 0755), 0);
	char *secrets = xasprintf("%s/secrets", folder);
	assert_int_equal(chmod(secrets, 0755), 0);
	bool is_root = geteuid() == 0;
	if (is_root)
		assert_int_equal(seteuid(65534), 0);
	assert_fails("crm-web.hook", HS_DENIED,
		     "cannot be read by this user: "
		     "chgrp hooksync");
	env_credentials = credentials;
	if (!is_root) /* nobody may not look into that folder either */
		assert_fails("crm-web.hook", HS_DENIED,
			     "when a unit is restarted");
	env_credentials = NULL;
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(secrets, is_root ? 0700 : 0000), 0);
	if (is_root)
		assert_int_equal(seteuid(65534), 0);
	assert_fails("crm-web.hook", HS_DENIED,
		     is_root ? "is in a folder that this user may not enter: "
			       "adduser nobody hooksync"
			     : "is in a folder that this user may not enter: ");
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(secrets, 0700), 0);
	free(secrets);
}

static void
refuses(void **state)
{
	(void)state;
	put("secrets/crm-web.hook", "hush", 0644);
	assert_fails("crm-web.hook", HS_INVALID, "can be read by everybody");
	put("secrets/crm-web.hook", "\n", 0600);
	assert_fails("crm-web.hook", HS_INVALID, "is empty");
	assert_fails("crm-web.hook", HS_INVALID, "Type: install -m 600 ");
	char *big = xcalloc(1, BOUNDS_SECRET_BYTES + 2);
	memset(big, 'x', BOUNDS_SECRET_BYTES + 1);
	put("secrets/crm-web.hook", big, 0600);
	assert_fails("crm-web.hook", HS_TOO_BIG, "this is no secret");
	env_secret = big;
	put("secrets/other", "x", 0600);
	char *path = xasprintf("%s/secrets/crm-web.hook", folder);
	assert_int_equal(unlink(path), 0);
	assert_fails("crm-web.hook", HS_TOO_BIG, "this is no secret");
	/* a folder in its place is told, not passed over */
	assert_int_equal(mkdir(path, 0700), 0);
	assert_fails("crm-web.hook", HS_IO, "cannot be read");
	free(path);
	free(big);

	assert_fails("../hooksync.conf", HS_INVALID, "a secret's name");
	assert_fails("", HS_INVALID, "a secret's name");
}

static void
names(void **state)
{
	(void)state;
	static const char *const bad[] = { "",    ".a",  "-a", "_a",
					   "a/b", "a b", "a:", "\xc3\xa9" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(secret_name_is_valid(span_text(bad[i])));
	assert_true(secret_name_is_valid(span_text("1")));
	assert_true(secret_name_is_valid(span_text("crm-web_hook.2")));
	assert_false(secret_name_is_valid(span_of("a\0b", 3)));
	char longest[65];
	memset(longest, 'a', 65);
	assert_true(secret_name_is_valid(span_of(longest, 64)));
	assert_false(secret_name_is_valid(span_of(longest, 65)));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(places_in_order), CASE(drops_one_newline),
		CASE(modes),           CASE(denied),
		CASE(refuses),         cmocka_unit_test(names),
	};
	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
