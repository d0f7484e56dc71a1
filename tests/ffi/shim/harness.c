#define _GNU_SOURCE
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

void check_failed(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	exit(1);
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
	(void)stat, (void)kind, (void)walk;
	return remove(path);
}

static bool run_test(const struct test *test)
{
	int status = 0;
	pid_t child;

	strcpy(fake.root, "/tmp/vmfork-test-XXXXXX");
	check(mkdtemp(fake.root));
	fflush(NULL);
	child = fork();
	if (!child) {
		alarm(180);
		test->run();
		exit(0);
	}
	check(child > 0 && waitpid(child, &status, 0) == child);
	nftw(fake.root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	if (status)
		printf("FAILED %s (wait status 0x%x)\n", test->name, status);
	return !status;
}

int run_tests(const struct test *tests, size_t count)
{
	size_t failed = 0;

	for (size_t i = 0; i < count; i++)
		failed += !run_test(&tests[i]);
	printf("%zu passed, %zu failed\n", count - failed, failed);
	return failed || !count;
}
