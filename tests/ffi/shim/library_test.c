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
	check_equal(call(vmfork_abi), 3);
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

static char folder[] = "/tmp/vmfork-library-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_in_folder(const char *name, const void *bytes, size_t size)
{
	int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	check(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && !close(fd));
}

/* By rename, as it should be done */
static void replace_in_folder(const char *name, const void *bytes, size_t size)
{
	char next[64];

	write_in_folder("next", bytes, size);
	strcpy(next, in_folder("next"));
	check(!rename(next, in_folder(name)));
}

static void check_file(uint32_t width, const void *first, const void *second, size_t size)
{
	load();
	check(mkdtemp(folder));
	write_in_folder("generation", first, size);
	check_equal(call(vmfork_watch_file, in_folder("generation"), width), 0);
	check_equal(call(vmfork_status), WATCHED_FILE);
	check_equal(call(vmfork_generation), 2);
	write_in_folder("generation", second, size);
	check_equal(call(vmfork_generation), 3);
	replace_in_folder("generation", first, size);
	check_equal(call(vmfork_generation), 4);
	check_equal(call(vmfork_changed_by, 3, 4), SEEN_FILE);
	/* A mapping would end the process here. */
	check(!truncate(in_folder("generation"), 0));
	check_equal(call(vmfork_generation), 0);
	check_equal(call(vmfork_look), 0);
	write_in_folder("generation", first, size);
	check_equal(call(vmfork_generation), 4);
	check(!unlink(in_folder("generation")));
	check_equal(call(vmfork_generation), 0);
	check(!rmdir(folder));
}

static void it_watches_text(void)
{
	check_file(0, "7\n", "8\n", 2);
}

static void it_watches_4_bytes(void)
{
	check_file(4, "\1\2\3\4", "\1\2\3\5", 4);
}

static void it_watches_8_bytes(void)
{
	check_file(8, "\1\2\3\4\5\6\7\x88", "\1\2\3\4\5\6\7\x99", 8);
}

static void it_watches_files_of_the_kernel(void)
{
	load();
	check_equal(call(vmfork_watch_file, "/proc/sys/kernel/pid_max", 0), 0);
	check_equal(call(vmfork_generation), 2);
	check_equal(call(vmfork_generation), 2);
}

/* What has no number in it, and devices that are not of the form of /dev/sysgenid */
static void it_refuses_other_files(void)
{
	load();
	check_equal(call(vmfork_watch_file, "/proc/self/maps", 0), -EFBIG);
	check_equal(call(vmfork_watch_file, "/proc/self/comm", 0), -EINVAL);
	check_equal(call(vmfork_watch_file, "/proc", 0), -EINVAL);
	check_equal(call(vmfork_watch_file, "/dev/null", 0), -EINVAL);
	check_equal(call(vmfork_watch_file, "/dev/null", 4), -ENODEV);
	check_equal(call(vmfork_watch_file, "/nowhere", 0), -ENOENT);
	check_equal(call(vmfork_watch_events, "gpe99x"), -EINVAL);
	check_equal(call(vmfork_open_clock, 10), -EINVAL);
	check_equal(call(vmfork_adopt_clock, open("/dev/null", O_RDONLY)), -ENODEV);
	check_equal(call(vmfork_adopt_clock, open("/dev/zero", O_RDONLY)), -ENODATA);
	check_equal(call(vmfork_map_clock, 0xde000), -EBADF);
	check_equal(call(vmfork_status), 0);
}

/* Where this machine has them; that they move a fork in the lab shows. */
static void it_looks_at_events(void)
{
	int ged, gpe;

	load();
	ged = call(vmfork_watch_events, "ged");
	check(!ged || ged == -ENODATA || ged == -ENOENT);
	check_equal(call(vmfork_status), ged ? 0 : EVENTS);
	check(call(vmfork_look) >= (ged ? 1 : 2));
	gpe = call(vmfork_watch_events, "gpe00");
	check(!gpe || gpe == -ENODATA || gpe == -ENOENT || gpe == -EEXIST);
}

static void it_quiesces(void)
{
	int realm;

	load();
	realm = call(vmfork_join);
	check_equal(call(vmfork_quiesce, realm), 0);
	check_equal(call(vmfork_generation), 0);
	check_equal(call(vmfork_unwiped), 1);
	check_equal(call(vmfork_wiped, realm), 0);
	check_equal(call(vmfork_unwiped), 0);
	check_equal(call(vmfork_status), QUIESCED);
	check_equal(call(vmfork_quiesced), 1);
	check_equal(call(vmfork_resume, realm), 0);
	check_equal(call(vmfork_quiesced), 0);
	check_equal(call(vmfork_generation), 2);
	check_equal(call(vmfork_changed_by, 1, 2), SEEN_RESUME);
	check_equal(call(vmfork_leave, realm), 0);
	check_equal(call(vmfork_leave, realm), -EBADF);
}

static void *join_and_hold(void *argument)
{
	int realm = call(vmfork_join);

	(void)argument;
	check_equal(call(vmfork_quiesce, realm), 0);
	return NULL;
}

static void an_ended_thread_holds_no_more(void)
{
	pthread_t thread;

	load();
	check(!pthread_create(&thread, NULL, join_and_hold, NULL) && !pthread_join(thread, NULL));
	/* The kernel knows the thread a little longer than pthread_join. */
	while (call(vmfork_status))
		usleep(1000);
	check_equal(call(vmfork_generation), 2);
}

/* As root it does heal the kernel, which does no harm. */
static void it_heals_or_is_refused(void)
{
	int healed;

	load();
	healed = call(vmfork_heal_kernel);
	if (call(vmfork_hardware))
		check(healed == 40 || healed == -EPERM || healed == -EACCES);
	else
		check_equal(healed, -ENODATA);
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
		TEST(it_watches_text),
		TEST(it_watches_4_bytes),
		TEST(it_watches_8_bytes),
		TEST(it_watches_files_of_the_kernel),
		TEST(it_refuses_other_files),
		TEST(it_looks_at_events),
		TEST(it_quiesces),
		TEST(an_ended_thread_holds_no_more),
		TEST(it_heals_or_is_refused),
		TEST(it_survives_dlclose_under_a_pending_wait),
	};

	if (!getenv("VMFORK_LIBRARY")) {
		fprintf(stderr, "VMFORK_LIBRARY is not set\n");
		return 2;
	}
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
