/* Many threads at once; built with ThreadSanitizer, and without it for speed. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

enum { READERS = 3, CHANGES = 60000, ROUNDS = 300, WAITERS = 8 };

static const uint64_t ADDRESS = 0xdfff0;

static void set_up(void)
{
	write_text("/proc/iomem", "00001000-0009fbff : System RAM\n");
	write_memory(ADDRESS, "0123456789abcdef", 16);
}

static void run_threads(pthread_t *threads, size_t count, void *(*run)(void *))
{
	for (size_t i = 0; i < count; i++)
		check(!pthread_create(&threads[i], NULL, run, (void *)i));
}

static void join_threads(pthread_t *threads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(!pthread_join(threads[i], NULL));
}

/*
 * The writer makes `sequence` odd, writes an id, makes it even. A reading that ended at sequence e saw at most
 * the first (e + 1) / 2 ids; one that begins at sequence b sees at least the first b / 2. So a reader waits until
 * more were written at b than at e, reads, and must find another count.
 */
static uint32_t sequence, seen;
static uint64_t stale, readings;

static void *write_ids(void *page)
{
	volatile uint64_t *id = page;

	for (uint32_t change = 1; change <= CHANGES; change++) {
		__atomic_store_n(&sequence, 2 * change - 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&id[0], change * 0x9e3779b97f4a7c15ull, __ATOMIC_SEQ_CST);
		__atomic_store_n(&id[1], ~(uint64_t)change, __ATOMIC_SEQ_CST);
		__atomic_store_n(&sequence, 2 * change, __ATOMIC_SEQ_CST);
		/* Notices the change itself, a little before, with or after the readers. */
		for (int pause = change % 128; pause > 0; pause--)
			__atomic_load_n(&sequence, __ATOMIC_SEQ_CST);
		vmfork_generation();
		for (int pause = 1; __atomic_load_n(&seen, __ATOMIC_RELAXED) < change && pause < 20000; pause++)
			if (pause % 1024 == 0)
				sched_yield();
	}
	__atomic_store_n(&sequence, UINT32_MAX, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *read_counts(void *argument)
{
	uint32_t begin, end, count, last = 0, written = 0;
	uint64_t bad = 0, made = 0;

	(void)argument;
	while ((begin = __atomic_load_n(&sequence, __ATOMIC_SEQ_CST)) != UINT32_MAX) {
		if (begin / 2 <= written)
			continue;
		count = vmfork_generation();
		bad += count == last;
		made++;
		__atomic_store_n(&seen, begin / 2, __ATOMIC_RELAXED);
		end = __atomic_load_n(&sequence, __ATOMIC_SEQ_CST);
		if (end == UINT32_MAX)
			break;
		written = (end + 1) / 2;
		last = count;
	}
	__atomic_fetch_add(&stale, bad, __ATOMIC_RELAXED);
	__atomic_fetch_add(&readings, made, __ATOMIC_RELAXED);
	return NULL;
}

static void no_thread_gets_a_stale_count(void)
{
	pthread_t readers[READERS];
	uint8_t *page;
	int fd;

	set_up();
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_map(ADDRESS, ""), BY_IOMEM);
	fd = open_root("/dev/mem", O_RDWR);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0xdf000);
	check(page != MAP_FAILED);
	run_threads(readers, READERS, read_counts);
	write_ids(page + ADDRESS % 4096);
	join_threads(readers, READERS);
	printf("  %llu readings of %d changes, the count at %u, %llu stale\n", (unsigned long long)readings, CHANGES,
	       vmfork_generation(), (unsigned long long)stale);
	check(readings > 100);
	check_equal(stale, 0);
}

static void *map_page(void *argument)
{
	int opened = vmfork_open_memory();

	(void)argument;
	return (void *)(long)(opened ? opened : vmfork_map(ADDRESS, ""));
}

/* Whoever comes late finds the shim sealed, or the descriptor already used up. */
static void one_of_many_maps_wins(void)
{
	const int before = count_descriptors();
	pthread_t threads[16];
	int won = 0;

	set_up();
	fake.slow = true;
	run_threads(threads, 16, map_page);
	for (int i = 0; i < 16; i++) {
		void *ret;

		check(!pthread_join(threads[i], &ret));
		check((long)ret == BY_IOMEM || (long)ret == -EPERM || (long)ret == -EBADF);
		won += (long)ret == BY_IOMEM;
	}
	check_equal(won, 1);
	check_equal(fake.made[CALL_MMAP], 1);
	check_equal(count_descriptors(), before);
}

static void *open_and_seal(void *number)
{
	return (void *)(long)((size_t)number % 4 ? vmfork_open_memory() : vmfork_seal());
}

static void seal_leaves_no_descriptor(void)
{
	const int before = count_descriptors();
	pthread_t threads[16];

	set_up();
	fake.slow = true;
	run_threads(threads, 16, open_and_seal);
	join_threads(threads, 16);
	check_equal(vmfork_status(), SEALED);
	check_equal(count_descriptors(), before);
}

static void *find_hardware(void *argument)
{
	(void)argument;
	return (void *)(long)vmfork_hardware();
}

static void threads_agree_on_the_hardware(void)
{
	/* One thread draws the zero and distrusts the CPU: by themselves the threads would not agree. */
	static const uint64_t draws[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0 };
	pthread_t threads[8];
	void *first, *ret;

	fake.gather = 8;
	fake.draws = draws;
	fake.draw_count = sizeof(draws) / sizeof(draws[0]);
	run_threads(threads, 8, find_hardware);
	check(!pthread_join(threads[0], &first));
	for (int i = 1; i < 8; i++) {
		check(!pthread_join(threads[i], &ret));
		check(ret == first);
	}
	check_equal(vmfork_hardware(), (long)first);
}

static int32_t handles[WAITERS];

static void *wait_rounds(void *number)
{
	const size_t at = (size_t)number;

	for (int round = 0; round < ROUNDS; round++) {
		const bool brief = round % 8 == 0;
		int32_t handle = vmfork_wait_open(), ret;

		check(handle >= 0);
		__atomic_store_n(&handles[at], handle, __ATOMIC_RELEASE);
		ret = vmfork_wait(handle, 1, 1000, brief ? 0 : -1);
		check(ret == -ECANCELED || (brief && !ret));
	}
	__atomic_store_n(&handles[at], -1, __ATOMIC_RELEASE);
	return NULL;
}

/* A wake that got 0 must end that wait by its bell, and one that comes late must end no other. */
static void every_wake_reaches_its_wait_alone(void)
{
	pthread_t threads[WAITERS];
	int32_t woken[WAITERS];
	size_t done = 0;

	fake.endless = true;
	memset(woken, -1, sizeof(woken));
	run_threads(threads, WAITERS, wait_rounds);
	while (done < WAITERS) {
		done = 0;
		for (int i = 0; i < WAITERS; i++) {
			const int32_t handle = __atomic_load_n(&handles[i], __ATOMIC_ACQUIRE);
			int ret = handle < 0 ? 0 : vmfork_wake(handle);

			check(!ret || ret == -EBADF);
			if (woken[i] >= 0 && woken[i] != handle)
				check_equal(vmfork_wake(woken[i]), -EBADF);
			woken[i] = handle;
			done += handle < 0;
		}
		sched_yield();
	}
	join_threads(threads, WAITERS);
	check(fake.made[CALL_EVENTFD2] <= WAITERS);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(no_thread_gets_a_stale_count),
		TEST(one_of_many_maps_wins),
		TEST(seal_leaves_no_descriptor),
		TEST(threads_agree_on_the_hardware),
		TEST(every_wake_reaches_its_wait_alone),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
