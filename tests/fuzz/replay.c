/*
 * replay: main() for a fuzz driver in `make check`, where there is no fuzzer.
 *
 * Feeds every file of the driver's corpus to LLVMFuzzerTestOneInput(), and of
 * small files every prefix, too: a parser's mistakes sit where its input
 * stops. Each input lies in a block of exactly its size, so that a sanitizer
 * or valgrind sees the first byte read behind it. A driver that finds
 * something wrong aborts, which the test harness sees as well.
 *
 * Without arguments the corpus is that of the program's own name: doc_fuzz
 * reads $top_srcdir/tests/fuzz/corpus/doc. Arguments are folders or files to
 * read instead, say what a fuzzer left behind.
 *
 * `make fuzz` compiles the same files with FUZZ_EXPLORE and links libFuzzer,
 * whose main() is used then.
 */
#ifndef FUZZ_EXPLORE

#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

/* Every prefix of a file is quadratic work. */
#define PREFIXES_UP_TO_BYTES 512
#define INPUT_BYTES (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count {
	unsigned n_files;
	unsigned long n_inputs;
};

static void
replay_bytes(struct span input, struct count *count)
{
	unsigned char *exact = malloc(input.len > 0 ? input.len : 1);

	if (exact == NULL)
		abort();
	if (input.len > 0)
		memcpy(exact, input.ptr, input.len);
	(void)LLVMFuzzerTestOneInput(exact, input.len);
	free(exact);
	count->n_inputs++;
}

static bool
replay_file(const char *path, struct count *count)
{
	struct buf file;

	buf_init(&file, INPUT_BYTES);
	if (file_read(path, &file) != HS_OK) {
		printf("# cannot read %s: %s\n", path, strerror(errno));
		buf_fini(&file);
		return false;
	}
	count->n_files++;
	replay_bytes(buf_span(&file), count);
	for (size_t len = 0; len < file.len && file.len <= PREFIXES_UP_TO_BYTES;
	     len++)
		replay_bytes(span_of(file.data, len), count);
	buf_fini(&file);
	return true;
}

static bool
replay_path(const char *path, struct count *count)
{
	struct stat st;
	char **names = NULL;
	bool is_good = true;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return replay_file(path, count);
	if (file_names(path, "", &names) != HS_OK)
		return false;
	for (size_t i = 0; names[i] != NULL; i++) {
		char *file = xasprintf("%s/%s", path, names[i]);
		is_good = replay_file(file, count) && is_good;
		free(file);
	}
	file_names_free(names);
	return is_good;
}

static bool
replay_case(int number, const char *path)
{
	struct count count = { 0 };
	bool is_good = replay_path(path, &count) && count.n_files > 0;

	printf("%s %d - %s: %u files, %lu inputs\n", is_good ? "ok" : "not ok",
	       number, path, count.n_files, count.n_inputs);
	return is_good;
}

/* The corpus of "doc_fuzz" is "corpus/doc". */
static char *
own_corpus(void)
{
	const char *srcdir = getenv("top_srcdir");
	const char *name = program_invocation_short_name;
	const char *suffix = strstr(name, "_fuzz");

	return xasprintf(
		"%s/tests/fuzz/corpus/%.*s", srcdir != NULL ? srcdir : ".",
		(int)(suffix != NULL ? (size_t)(suffix - name) : strlen(name)),
		name);
}

int
main(int argc, char **argv)
{
	bool is_good = true;

	printf("1..%d\n", argc > 1 ? argc - 1 : 1);
	(void)fflush(stdout); /* a driver may abort */
	if (argc < 2) {
		char *path = own_corpus();
		is_good = replay_case(1, path);
		free(path);
	}
	for (int i = 1; i < argc; i++)
		is_good = replay_case(i, argv[i]) && is_good;
	return is_good ? 0 : 1;
}

#endif
