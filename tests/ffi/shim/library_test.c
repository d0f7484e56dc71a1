/* The library as shipped, at the path in VMFORK_LIBRARY: loaded, called, unloaded under a pending wait, loaded again. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static void *library;

static void *find(const char *name)
{
	void *symbol = dlsym(library, name);

	check(symbol);
	return symbol;
}

/* Calls the library's function of that name, with the prototype of harness.h */
#define call(function, ...) (((__typeof__(&function))find(#function))(__VA_ARGS__))

static void load(void)
{
	library = dlopen(getenv("VMFORK_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
	if (!library)
		check_failed(__FILE__, __LINE__, "%s", dlerror());
}

static bool is_loaded(void)
{
	void *again = dlopen(getenv("VMFORK_LIBRARY"), RTLD_NOW | RTLD_NOLOAD);

	if (again)
		dlclose(again);
	return again;
}

static void it_starts_at_1_unmapped_and_unsealed(void)
{
	uint8_t id[16];

	load();
	check_equal(call(vmfork_abi), 2);
	check_equal(call(vmfork_generation), 1);
	check_equal(call(vmfork_status), 0);
	check_equal(call(vmfork_unique_id, id), 0);
}

/* False alarm: 2^-90 at most */
static void it_draws(void)
{
	uint8_t seeds[2][104], nonces[4][12];
	uint32_t hardware;
	int drawn;

	load();
	hardware = call(vmfork_hardware);
	drawn = hardware & DRAW ? 12 : 0;
	for (int i = 0; i < 2; i++) {
		check_equal(call(vmfork_seed, seeds[i]), 104);
		check_equal(call(vmfork_nonce, nonces[i]), drawn);
		check_equal(call(vmfork_hedged_nonce, nonces[2 + i]), 12);
	}
	check(memcmp(seeds[0], seeds[1], 32));
	check(!memcmp(seeds[0] + 32, seeds[1] + 32, 32) == !hardware);
	check(memcmp(seeds[0] + 64, seeds[1] + 64, 8));
	check(memcmp(seeds[0] + 72, seeds[1] + 72, 32));
	check(!memcmp(nonces[0], nonces[1], 12) == !drawn);
	check(memcmp(nonces[2], nonces[3], 12));
}

static void it_refuses_and_seals(void)
{
	uint8_t into[16];
	int fd;

	load();
	check_equal(call(vmfork_read_table, "FACP", into, 16), -EINVAL);
	check_equal(call(vmfork_read_table, "SSDT99999999999", into, 16), -ENOENT);
	fd = open("/dev/null", O_RDONLY);
	check_equal(call(vmfork_adopt_memory, fd), -EINVAL);
	check_equal(call(vmfork_map, 0xdfff0, ""), -EBADF);
	check_equal(call(vmfork_read_physical, 0xdfff0, 8, into), -EBADF);
	check_equal(call(vmfork_seal), 0);
	check_equal(call(vmfork_status), SEALED);
	check_equal(call(vmfork_open_memory), -EPERM);
	check_equal(call(vmfork_adopt_memory, fd), -EPERM);
	check_equal(call(vmfork_map, 0xdfff0, ""), -EPERM);
}

static void it_waits(void)
{
	const uint64_t start = now_ms();
	int handle;

	load();
	check_equal(call(vmfork_wait, call(vmfork_wait_open), 1, 10, 50), 0);
	check(now_ms() - start >= 49);
	handle = call(vmfork_wait_open);
	check_equal(call(vmfork_wake, handle), 0);
	check_equal(call(vmfork_wait, handle, 1, 1000, -1), -ECANCELED);
	check_equal(call(vmfork_wake, handle), -EBADF);
	handle = call(vmfork_wait_open);
	check_equal(call(vmfork_close), 0);
	check_equal(call(vmfork_wait, handle, 1, 1000, -1), -ECANCELED);
}

struct waiter {
	__typeof__(&vmfork_wait) wait;
	int handle, ret;
};

static void *run_waiter(void *argument)
{
	struct waiter *waiter = argument;

	waiter->ret = waiter->wait(waiter->handle, 1, 1000, -1);
	return NULL;
}

static void it_survives_dlclose_under_a_pending_wait(void)
{
	struct waiter waiter;
	pthread_t thread;

	load();
	call(vmfork_seal);
	waiter.wait = (__typeof__(&vmfork_wait))find("vmfork_wait");
	waiter.handle = call(vmfork_wait_open);
	check(!pthread_create(&thread, NULL, run_waiter, &waiter));
	usleep(100 * 1000);
	check_equal(dlclose(library), 0);
	check(is_loaded());
	usleep(1200 * 1000);
	load();
	check_equal(call(vmfork_status), SEALED);
	check_equal(call(vmfork_generation), 1);
	check_equal(call(vmfork_wake, waiter.handle), 0);
	check(!pthread_join(thread, NULL));
	check_equal(waiter.ret, -ECANCELED);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(it_starts_at_1_unmapped_and_unsealed),
		TEST(it_draws),
		TEST(it_refuses_and_seals),
		TEST(it_waits),
		TEST(it_survives_dlclose_under_a_pending_wait),
	};

	if (!getenv("VMFORK_LIBRARY")) {
		fprintf(stderr, "VMFORK_LIBRARY is not set\n");
		return 2;
	}
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
