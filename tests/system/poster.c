/*
 * poster: a sender of many signed webhooks, for the stories of tests/system.
 *
 *   poster --url URL --count N [--concurrency N] [--rate N] [--prefix TEXT]
 *          [--secret whsec_BASE64] [--body TEXT] [--timeout-ms N]
 *          [--socket PATH] [--new-connections] --ledger FILE
 *
 * Posts N deliveries, each exactly once: a sender that tried again would hide
 * what we look for. Their ids are PREFIX-1 to PREFIX-N; in the body each "%"
 * becomes the number. Signed as standard-webhooks, by OpenSSL and not by our
 * own code. So many are under way at once; with --rate no more begin in a
 * second. The ledger gets a line when a delivery has its answer,
 *
 *   ID CODE BEGUN_MS TOOK_MS TEXT
 *
 * where CODE is the HTTP status, or 0 and TEXT says what curl had to say, and
 * is flushed at once, so that a story can watch it. Exit status: 0 when all
 * were answered 200, 1 when not, 64 usage.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	POSTER_MAX = 1000,        /* at once */
	POSTER_BODY_BYTES = 4096, /* with its number in */
	POSTER_KEY_BYTES = 256,
};

struct delivery {
	CURL *easy; /* kept, and with it the connection */
	struct curl_slist *headers;
	char id[128];
	char body[POSTER_BODY_BYTES];
	char error[CURL_ERROR_SIZE];
	int64_t begun_ms;
};

struct poster {
	const char *url;
	const char *prefix;
	const char *secret;
	const char *body;
	const char *socket;
	int64_t count;
	int64_t concurrency;
	int64_t rate;
	int64_t timeout_ms;
	bool is_new_connection;
	FILE *ledger;
	CURLM *multi;
	unsigned char key[POSTER_KEY_BYTES];
	int key_len;
	int64_t n_begun;
	int64_t n_good;
	struct delivery deliveries[POSTER_MAX];
};

static struct poster poster;

static int64_t
now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
fail(const char *what)
{
	fprintf(stderr, "poster: %s\n", what);
	exit(EX_USAGE);
}

static int64_t
number(const char *text, int64_t max)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (*end != '\0' || end == text || n < 1 || n > max)
		fail("a number is wrong");
	return n;
}

static int
base64_decode(const char *text, unsigned char *out, int size)
{
	size_t len = strlen(text);
	int n;

	if (len % 4 != 0 || len / 4 * 3 > (size_t)size)
		return -1;
	n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
	while (n > 0 && len > 0 && text[len - 1] == '=') {
		n--;
		len--;
	}
	return n;
}

static size_t
discard(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static void
header(struct delivery *d, const char *name, const char *value)
{
	char line[512];

	snprintf(line, sizeof(line), "%s: %s", name, value);
	d->headers = curl_slist_append(d->headers, line);
	if (d->headers == NULL)
		fail("no memory");
}

static void
sign(struct delivery *d)
{
	char text[POSTER_BODY_BYTES + 256];
	char stamp[32];
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len;
	char code[2 * EVP_MAX_MD_SIZE];
	char value[sizeof(code) + 8];

	snprintf(stamp, sizeof(stamp), "%lld", (long long)time(NULL));
	int n = snprintf(text, sizeof(text), "%s.%s.%s", d->id, stamp, d->body);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    HMAC(EVP_sha256(), poster.key, poster.key_len,
		 (unsigned char *)text, (size_t)n, mac, &mac_len) == NULL)
		fail("cannot sign");
	EVP_EncodeBlock((unsigned char *)code, mac, (int)mac_len);
	snprintf(value, sizeof(value), "v1,%s", code);
	header(d, "webhook-id", d->id);
	header(d, "webhook-timestamp", stamp);
	header(d, "webhook-signature", value);
}

static void
fill_body(struct delivery *d, int64_t n)
{
	size_t len = 0;

	for (const char *p = poster.body; *p != '\0'; p++) {
		int more;

		if (*p == '%')
			more = snprintf(d->body + len, sizeof(d->body) - len,
					"%" PRId64, n);
		else
			more = snprintf(d->body + len, sizeof(d->body) - len,
					"%c", *p);
		if (more < 0 || (size_t)more >= sizeof(d->body) - len)
			fail("the body is too long");
		len += (size_t)more;
	}
}

static void
begin(struct delivery *d)
{
	int64_t n = ++poster.n_begun;

	curl_slist_free_all(d->headers);
	d->headers = NULL;
	snprintf(d->id, sizeof(d->id), "%s-%" PRId64, poster.prefix, n);
	fill_body(d, n);
	header(d, "Content-Type", "application/json");
	header(d, "Expect", "");
	if (poster.key_len > 0)
		sign(d);
	d->error[0] = '\0';
	curl_easy_setopt(d->easy, CURLOPT_URL, poster.url);
	curl_easy_setopt(d->easy, CURLOPT_HTTPHEADER, d->headers);
	curl_easy_setopt(d->easy, CURLOPT_POSTFIELDS, d->body);
	curl_easy_setopt(d->easy, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(d->easy, CURLOPT_ERRORBUFFER, d->error);
	curl_easy_setopt(d->easy, CURLOPT_TIMEOUT_MS, (long)poster.timeout_ms);
	curl_easy_setopt(d->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(d->easy, CURLOPT_PRIVATE, d);
	curl_easy_setopt(d->easy, CURLOPT_FRESH_CONNECT,
			 poster.is_new_connection ? 1L : 0L);
	if (poster.socket != NULL)
		curl_easy_setopt(d->easy, CURLOPT_UNIX_SOCKET_PATH,
				 poster.socket);
	d->begun_ms = now_ms(CLOCK_REALTIME);
	if (curl_multi_add_handle(poster.multi, d->easy) != CURLM_OK)
		fail("curl does not take it");
}

static void
end(struct delivery *d, CURLcode result)
{
	long code = 0;
	const char *text = "-";

	if (result == CURLE_OK)
		curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &code);
	else
		text = d->error[0] != '\0' ? d->error
					   : curl_easy_strerror(result);
	if (code == 200)
		poster.n_good++;
	fprintf(poster.ledger, "%s %ld %" PRId64 " %" PRId64 " %s\n", d->id,
		code, d->begun_ms, now_ms(CLOCK_REALTIME) - d->begun_ms, text);
	fflush(poster.ledger);
	curl_multi_remove_handle(poster.multi, d->easy);
}

/* May one more begin now? */
static bool
is_due(int64_t began_ms)
{
	if (poster.n_begun == poster.count)
		return false;
	if (poster.rate == 0)
		return true;
	return poster.n_begun <
	       (now_ms(CLOCK_MONOTONIC) - began_ms) * poster.rate / 1000;
}

static void
run(void)
{
	struct delivery *idle[POSTER_MAX];
	int64_t n_idle = 0;
	int64_t n_ended = 0;
	int64_t began_ms = now_ms(CLOCK_MONOTONIC);

	for (int64_t i = 0; i < poster.concurrency; i++) {
		struct delivery *d = &poster.deliveries[i];

		d->easy = curl_easy_init();
		if (d->easy == NULL)
			fail("no memory");
		idle[n_idle++] = d;
	}
	while (n_ended < poster.count) {
		int n;
		CURLMsg *msg;

		while (n_idle > 0 && is_due(began_ms))
			begin(idle[--n_idle]);
		curl_multi_perform(poster.multi, &n);
		while ((msg = curl_multi_info_read(poster.multi, &n)) != NULL) {
			struct delivery *d;
			CURLcode result = msg->data.result;

			if (msg->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
					  &d);
			end(d, result);
			idle[n_idle++] = d;
			n_ended++;
		}
		if (n_ended < poster.count)
			curl_multi_poll(poster.multi, NULL, 0,
					poster.rate > 0 ? 5 : 100, NULL);
	}
	for (int64_t i = 0; i < poster.concurrency; i++) {
		curl_slist_free_all(poster.deliveries[i].headers);
		curl_easy_cleanup(poster.deliveries[i].easy);
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "url", required_argument, NULL, 'u' },
		{ "count", required_argument, NULL, 'n' },
		{ "concurrency", required_argument, NULL, 'c' },
		{ "rate", required_argument, NULL, 'r' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "secret", required_argument, NULL, 's' },
		{ "body", required_argument, NULL, 'b' },
		{ "timeout-ms", required_argument, NULL, 't' },
		{ "socket", required_argument, NULL, 'S' },
		{ "new-connections", no_argument, NULL, 'N' },
		{ "ledger", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	const char *ledger = NULL;
	int c;

	poster.concurrency = 1;
	poster.timeout_ms = 30000;
	poster.prefix = "load";
	poster.body = "{\"identityId\":\"%\",\"action\":\"updated\"}";
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			poster.url = optarg;
			break;
		case 'n':
			poster.count = number(optarg, 100000000);
			break;
		case 'c':
			poster.concurrency = number(optarg, POSTER_MAX);
			break;
		case 'r':
			poster.rate = number(optarg, 1000000);
			break;
		case 'p':
			poster.prefix = optarg;
			break;
		case 's':
			poster.secret = optarg;
			break;
		case 'b':
			poster.body = optarg;
			break;
		case 't':
			poster.timeout_ms = number(optarg, 3600000);
			break;
		case 'S':
			poster.socket = optarg;
			break;
		case 'N':
			poster.is_new_connection = true;
			break;
		case 'l':
			ledger = optarg;
			break;
		default:
			return EX_USAGE;
		}
	}
	if (poster.url == NULL || poster.count == 0 || ledger == NULL ||
	    optind != argc)
		fail("--url, --count and --ledger are needed");
	if (poster.secret != NULL) {
		if (strncmp(poster.secret, "whsec_", 6) == 0)
			poster.secret += 6;
		poster.key_len = base64_decode(poster.secret, poster.key,
					       sizeof(poster.key));
		if (poster.key_len <= 0)
			fail("the secret is not base64");
	}
	poster.ledger = fopen(ledger, "w");
	if (poster.ledger == NULL)
		fail("cannot write the ledger");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	poster.multi = curl_multi_init();
	if (poster.multi == NULL)
		fail("no memory");
	run();
	curl_multi_cleanup(poster.multi);
	fclose(poster.ledger);
	return poster.n_good == poster.count ? 0 : 1;
}
