/*
 * login: what is sent, and what becomes of each kind of answer. The server is
 * a list of the commands; the tests answer them.
 */
#include "redis/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "redis/script.h"

#define SHA_1 "0123456789abcdef0123456789abcdef01234567"
#define SHA_2 "fedcba9876543210fedcba9876543210fedcba98"

struct sent {
	char text[200]; /* the arguments, a blank between */
	rconn_reply_fn fn;
	void *ctx;
};
static struct sent sent[16];
static size_t n_sent;
static size_t n_accepted; /* then the sender is full */
static int n_done;
static int n_no_password;

static const struct script first = { "first", 0, "return 1" };
static const struct script second = { "second", 0, "return 2" };
static const struct script stranger = { "stranger", 0, "return 3" };
static const struct script *const scripts[] = { &first, &second, NULL };

static enum hs_err
send_command(void *ctx, const struct span *args, size_t n_args,
	     rconn_reply_fn fn, void *fn_ctx)
{
	struct sent *command = &sent[n_sent];
	size_t len = 0;

	assert_ptr_equal(ctx, sent);
	if (n_sent == n_accepted)
		return HS_AGAIN;
	n_sent++;
	command->text[0] = '\0';
	for (size_t i = 0; i < n_args; i++)
		len += (size_t)snprintf(command->text + len,
					sizeof(command->text) - len, "%s%.*s",
					i > 0 ? " " : "", (int)args[i].len,
					(const char *)args[i].ptr);
	command->fn = fn;
	command->ctx = fn_ctx;
	return HS_OK;
}

static void
on_no_password(void *ctx)
{
	assert_ptr_equal(ctx, sent);
	n_no_password++;
}

static void
on_done(void *ctx)
{
	assert_ptr_equal(ctx, sent);
	n_done++;
}

static const struct login_fns fns = {
	.send = send_command,
	.on_no_password = on_no_password,
	.on_done = on_done,
};

static struct login *
begin(const struct rconn_settings *settings)
{
	struct login *login = login_new(settings, &fns, sent);

	n_sent = 0;
	n_accepted = sizeof(sent) / sizeof(sent[0]);
	n_done = 0;
	n_no_password = 0;
	assert_int_equal(login_send(login), HS_OK);
	return login;
}

/* Answers the i-th command. */
static void
answer(size_t i, enum reply_type type, const char *text)
{
	struct reply reply = { .type = type, .text = span_text(text) };

	assert_true(i < n_sent);
	sent[i].fn(sent[i].ctx, HS_OK, &reply);
}

static void
ok(size_t i)
{
	answer(i, REPLY_STATUS, "OK");
}

static void
refuse(size_t i, const char *text)
{
	answer(i, REPLY_ERROR, text);
}

static void
says_only_ping_when_nothing_is_asked(void **state)
{
	struct rconn_settings settings = { .label = "x" };
	struct login *login = begin(&settings);

	(void)state;
	assert_int_equal(n_sent, 1);
	assert_string_equal(sent[0].text, "PING");
	assert_int_equal(n_done, 0);
	answer(0, REPLY_STATUS, "PONG");
	assert_int_equal(n_done, 1);
	assert_string_equal(login_error(login), "");
	assert_null(login_script(login, &first));
	login_free(login);
	login_free(NULL);
}

static void
says_all_in_order(void **state)
{
	char username[] = "joe";
	char password[] = "secret";
	char client_name[] = "hooksync";
	struct rconn_settings settings = {
		.username = username,
		.password = password,
		.client_name = client_name,
		.db = 3,
		.scripts = scripts,
	};
	struct login *login = begin(&settings);

	(void)state;
	assert_int_equal(n_sent, 4);
	assert_string_equal(sent[0].text, "AUTH joe secret");
	assert_string_equal(sent[1].text, "SELECT 3");
	assert_string_equal(sent[2].text, "CLIENT SETNAME hooksync");
	assert_string_equal(sent[3].text, "PING");
	ok(0);
	ok(1);
	refuse(2, "ERR unknown subcommand"); /* a name is not worth a login */
	answer(3, REPLY_STATUS, "PONG");
	assert_int_equal(n_sent, 7);
	assert_string_equal(sent[4].text, "SCRIPT LOAD return 1");
	assert_string_equal(sent[5].text, "SCRIPT LOAD return 2");
	assert_string_equal(sent[6].text, "PING");
	assert_true(login_script(login, &first)->is_loading);
	answer(4, REPLY_TEXT, SHA_1);
	assert_false(login_script(login, &first)->is_loading);
	assert_true(login_script(login, &second)->is_loading);
	answer(5, REPLY_TEXT, SHA_2);
	assert_int_equal(n_done, 0);
	answer(6, REPLY_STATUS, "PONG");
	assert_int_equal(n_done, 1);
	assert_string_equal(login_script(login, &first)->sha, SHA_1);
	assert_string_equal(login_script(login, &second)->sha, SHA_2);
	assert_null(login_script(login, &stranger));

	/* again: from its own copies, and the digests of the next server */
	memset(username, '#', sizeof(username) - 1);
	memset(password, '#', sizeof(password) - 1);
	memset(client_name, '#', sizeof(client_name) - 1);
	login_reset(login);
	n_sent = 0;
	assert_int_equal(login_send(login), HS_OK);
	assert_string_equal(sent[0].text, "AUTH joe secret");
	assert_string_equal(sent[2].text, "CLIENT SETNAME hooksync");
	answer(3, REPLY_STATUS, "PONG");
	answer(4, REPLY_TEXT, SHA_2);
	assert_string_equal(login_script(login, &first)->sha, SHA_2);
	login_free(login);
}

static void
takes_a_server_that_wants_no_password(void **state)
{
	static const char *const texts[] = {
		"ERR Client sent AUTH, but no password is set",
		"ERR AUTH <password> called without any password configured "
		"for the default user. Are you sure?",
	};
	struct rconn_settings settings = { .password = "secret" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct login *login = begin(&settings);
		assert_string_equal(sent[0].text, "AUTH secret");
		refuse(0, texts[i]);
		assert_int_equal(n_no_password, 1);
		assert_string_equal(login_error(login), "");
		answer(1, REPLY_STATUS, "PONG");
		assert_int_equal(n_done, 1);
		login_free(login);
	}
}

static void
keeps_the_first_refusal(void **state)
{
	struct rconn_settings settings = { .password = "wrong", .db = 1 };
	struct login *login = begin(&settings);

	(void)state;
	refuse(0, "WRONGPASS invalid username-password pair");
	refuse(1, "NOAUTH Authentication required.");
	refuse(2, "LOADING not yet");
	assert_int_equal(n_done, 0);
	assert_int_equal(n_no_password, 0);
	assert_string_equal(login_error(login),
			    "WRONGPASS invalid username-password pair");
	assert_true(login_was_refused(login));
	login_reset(login);
	assert_string_equal(login_error(login), "");
	assert_false(login_was_refused(login));
	login_free(login);
}

static void
tells_what_waiting_helps(void **state)
{
	static const struct {
		const char *text;
		bool was_refused;
	} cases[] = {
		{ "LOADING Redis is loading the dataset in memory", false },
		{ "MASTERDOWN Link with MASTER is down", false },
		{ "BUSY Redis is busy running a script", false },
		{ "NOAUTH Authentication required.", true },
		{ "NOPERM this user has no permissions", true },
		{ "LOADINGS are something else", true },
	};
	struct rconn_settings settings = { .label = "x" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct login *login = begin(&settings);
		refuse(0, cases[i].text);
		assert_string_equal(login_error(login), cases[i].text);
		assert_int_equal(login_was_refused(login),
				 cases[i].was_refused);
		assert_int_equal(n_done, 0);
		login_free(login);
	}
}

static void
wants_a_digest_of_each_script(void **state)
{
	static const struct {
		enum reply_type type;
		const char *text;
	} cases[] = {
		{ REPLY_STATUS, SHA_1 },
		{ REPLY_TEXT, "" },
		{ REPLY_TEXT, "0123456789abcdef0123456789abcdef0123456" },
		{ REPLY_TEXT, SHA_1 "8" },
		{ REPLY_TEXT, "0123456789abcdef0123456789abcdef0123456g" },
		{ REPLY_NIL, "" },
	};
	struct rconn_settings settings = { .scripts = scripts };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct login *login = begin(&settings);
		answer(0, REPLY_STATUS, "PONG");
		answer(1, cases[i].type, cases[i].text);
		assert_string_equal(login_error(login),
				    "SCRIPT LOAD did not answer a SHA1");
		assert_string_equal(login_script(login, &first)->sha, "");
		answer(2, REPLY_TEXT, SHA_2);
		answer(3, REPLY_STATUS, "PONG");
		assert_int_equal(n_done, 0);
		assert_false(login_was_refused(login));
		login_free(login);
	}
	struct login *login = begin(&settings);
	answer(0, REPLY_STATUS, "PONG");
	refuse(1, "ERR Error compiling script");
	assert_string_equal(login_error(login), "ERR Error compiling script");
	assert_true(login_was_refused(login));
	login_free(login);
}

/* The text is as long as the server likes. */
static void
cuts_a_long_refusal(void **state)
{
	static char text[5000];
	struct rconn_settings settings = { .label = "x" };
	struct login *login = begin(&settings);

	(void)state;
	memset(text, 'E', sizeof(text) - 1);
	refuse(0, text);
	assert_int_equal(strlen(login_error(login)), 199);
	login_free(login);
}

static void
ignores_what_was_lost_on_the_way(void **state)
{
	struct rconn_settings settings = {
		.password = "secret",
		.db = 1,
		.client_name = "x",
		.scripts = scripts,
	};
	struct login *login = begin(&settings);

	(void)state;
	for (size_t i = 0; i < n_sent; i++)
		sent[i].fn(sent[i].ctx, HS_UNAVAILABLE, NULL);
	assert_string_equal(login_error(login), "");
	assert_int_equal(n_done, 0);
	login_free(login);
}

static void
stops_when_it_cannot_send(void **state)
{
	struct rconn_settings settings = {
		.password = "secret",
		.db = 1,
		.client_name = "x",
		.scripts = scripts,
	};

	(void)state;
	for (size_t n = 0; n < 4; n++) {
		struct login *login = begin(&settings);
		login_reset(login);
		n_sent = 0;
		n_accepted = n;
		assert_int_equal(login_send(login), HS_AGAIN);
		assert_int_equal(n_sent, n);
		login_free(login);
	}
	for (size_t n = 4; n < 7; n++) {
		struct login *login = begin(&settings);
		n_accepted = n;
		answer(3, REPLY_STATUS, "PONG");
		assert_int_equal(n_sent, n);
		assert_int_not_equal(login_error(login)[0], '\0');
		assert_false(login_was_refused(login));
		login_free(login);
	}
}

/* Redis hangs up on strangers that send much, before its refusal is read. */
static void
shows_no_script_to_who_refuses(void **state)
{
	struct rconn_settings settings = { .scripts = scripts };
	struct login *login = begin(&settings);

	(void)state;
	refuse(0, "NOAUTH Authentication required.");
	assert_int_equal(n_sent, 1);
	assert_string_equal(login_error(login),
			    "NOAUTH Authentication required.");
	login_free(login);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_only_ping_when_nothing_is_asked),
		cmocka_unit_test(says_all_in_order),
		cmocka_unit_test(takes_a_server_that_wants_no_password),
		cmocka_unit_test(keeps_the_first_refusal),
		cmocka_unit_test(tells_what_waiting_helps),
		cmocka_unit_test(wants_a_digest_of_each_script),
		cmocka_unit_test(cuts_a_long_refusal),
		cmocka_unit_test(ignores_what_was_lost_on_the_way),
		cmocka_unit_test(stops_when_it_cannot_send),
		cmocka_unit_test(shows_no_script_to_who_refuses),
	};

	return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
