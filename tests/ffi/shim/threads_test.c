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

enum { READERS = 3, CHANGES = 60000, CLOCK_CHANGES = 15000, FILE_CHANGES = 3000, FEW_CHANGES = 3000, ROUNDS = 300, HOLDS = 100, WAITERS = 8, REALMS = 6, QUIESCES = 500, PATIENCE = 8000 };

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
 * The writer makes `sequence` odd, publishes a change, makes it even. A reading that ended at sequence e saw at most
 * the first (e + 1) / 2 changes; one that begins at sequence b sees at least the first b / 2. So a reader waits until
 * more were published at b than at e, reads, and must find another count.
 */
static uint32_t sequence, seen;
static uint64_t stale, readings;

/* On a busy machine fewer changes will do. */
static void change_until(uint32_t last, void (*publish)(uint32_t change))
{
	const uint64_t end = now_ms() + PATIENCE;

	for (uint32_t change = 1; change <= last && (change % 64 || now_ms() < end); change++) {
		__atomic_store_n(&sequence, 2 * change - 1, __ATOMIC_SEQ_CST);
		publish(change);
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
		__atomic_store_n(&seen, begin / 2, __ATOMIC_RELAXED);
		end = __atomic_load_n(&sequence, __ATOMIC_SEQ_CST);
		if (end == UINT32_MAX)
			break;
		/* The writer did not get any time within a change of the vmclock: that tells nothing. */
		if (!count)
			continue;
		bad += count == last;
		made++;
		written = (end + 1) / 2;
		last = count;
	}
	__atomic_fetch_add(&stale, bad, __ATOMIC_RELAXED);
	__atomic_fetch_add(&readings, made, __ATOMIC_RELAXED);
	return NULL;
}

static void check_no_count_is_stale(uint32_t changes, void (*publish)(uint32_t change))
{
	pthread_t readers[READERS];

	run_threads(readers, READERS, read_counts);
	change_until(changes, publish);
	join_threads(readers, READERS);
	printf("  %llu readings of up to %u changes, the count at %u, %llu stale\n", (unsigned long long)readings,
	       changes, vmfork_generation(), (unsigned long long)stale);
	check(readings > 100);
	check_equal(stale, 0);
}

/* Readers that do nothing else, so that all of them are there at each change */
static uint32_t spinning = 1;

static void *spin(void *look)
{
	uint32_t (*const generation)(void) = (uint32_t (*)(void))look;

	while (__atomic_load_n(&spinning, __ATOMIC_RELAXED))
		generation();
	return NULL;
}

static uint8_t *page;

static void map_writable(const char *path, uint64_t offset)
{
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open_root(path, O_RDWR), (off_t)offset);
	check(page != MAP_FAILED);
}

static void publish_id(uint32_t change)
{
	volatile uint64_t *id = (volatile uint64_t *)(page + ID_ADDRESS % 4096);

	__atomic_store_n(&id[0], change * 0x9e3779b97f4a7c15ull, __ATOMIC_SEQ_CST);
	__atomic_store_n(&id[1], ~(uint64_t)change, __ATOMIC_SEQ_CST);
}

static void no_thread_gets_a_stale_count(void)
{
	map_id();
	map_writable("/dev/mem", ID_ADDRESS & ~4095ull);
	check_no_count_is_stale(CHANGES, publish_id);
}

/*
 * Where each thread counted for itself it was one change in three. Not asserted under ThreadSanitizer: a thread that is
 * stopped between count and words is waited for no longer than a few microseconds.
 */
static void a_change_is_seldom_counted_twice(void)
{
	pthread_t readers[READERS];
	uint32_t twice = 0;

	map_id();
	map_writable("/dev/mem", ID_ADDRESS & ~4095ull);
	for (int i = 0; i < READERS; i++)
		check(!pthread_create(&readers[i], NULL, spin, (void *)vmfork_generation));
	for (uint32_t change = 1; change <= FEW_CHANGES; change++) {
		const uint32_t before = vmfork_generation();

		__atomic_store_n((uint64_t *)(page + ID_ADDRESS % 4096), change * 0x9e3779b97f4a7c15ull,
				 __ATOMIC_SEQ_CST);
		while (vmfork_generation() == before)
			;
		sched_yield();
		twice += vmfork_generation() > before + 1;
	}
	__atomic_store_n(&spinning, 0, __ATOMIC_RELAXED);
	join_threads(readers, READERS);
	printf("  %u of %u changes counted more than once\n", twice, FEW_CHANGES);
#ifndef __SANITIZE_THREAD__
	check(twice <= FEW_CHANGES / 100);
#endif
}

static void publish_clock(uint32_t change)
{
	struct clock_page *clock = (struct clock_page *)page;

	__atomic_fetch_add(&clock->sequence, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&clock->generation, change + 1000, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&clock->sequence, 1, __ATOMIC_SEQ_CST);
}

static void open_clock(void)
{
	struct clock_page clock = make_clock();

	clock.flags = CLOCK_GENERATIONS;
	write_clock(&clock);
	check_equal(vmfork_open_clock(0), BY_DRIVER);
	map_writable(CLOCK_PATH, 0);
}

static void nor_one_of_the_vmclock(void)
{
	open_clock();
	check_no_count_is_stale(CLOCK_CHANGES, publish_clock);
}

static void publish_number(uint32_t change)
{
	static int fd = -1;
	const uint64_t number = change;

	if (fd < 0)
		fd = open_root("/generation", O_WRONLY);
	check(pwrite(fd, &number, 8, 0) == 8);
}

static void nor_one_of_the_file(void)
{
	fake.is_device = false;
	write_root("/generation", "\0\0\0\0\0\0\0", 8);
	check_equal(vmfork_watch_file("/generation", 8), 0);
	check_no_count_is_stale(FILE_CHANGES, publish_number);
}

static uint8_t *id_page;

/* Now one, now the other */
static void publish_either(uint32_t change)
{
	uint8_t *const clock = page;

	if (change % 2)
		return publish_clock(change);
	page = id_page;
	publish_id(change);
	page = clock;
}

static void nor_one_of_several_sources(void)
{
	open_clock();
	map_id();
	map_writable("/dev/mem", ID_ADDRESS & ~4095ull);
	id_page = page;
	map_writable(CLOCK_PATH, 0);
	check_no_count_is_stale(CLOCK_CHANGES, publish_either);
}

static void *map_page(void *argument)
{
	int opened = vmfork_open_memory();

	(void)argument;
	return (void *)(long)(opened ? opened : vmfork_map(ID_ADDRESS, ""));
}

/* Whoever comes late finds the shim sealed, or the descriptor already used up. */
static void one_of_many_maps_wins(void)
{
	const int before = count_descriptors();
	pthread_t threads[16];
	int won = 0;

	set_up_memory();
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

	set_up_memory();
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

/*
 * The phases of quiesce number n: 4n, running; 4n + 1, about to quiesce; 4n + 2, quiesced; 4n + 3, about to resume. The
 * count is n + 1 before it and n + 2 after it. FIRST the count, THEN the flag: once quiesced nobody gets the old one.
 */
static uint32_t phase;

static void check_count(uint32_t before, uint32_t count, uint32_t after)
{
	const uint32_t old = before / 4 + 1;

	check(!count || count >= (before % 4 < 2 ? old : old + 1));
	if (before == after && before % 4 == 0)
		check_equal(count, old);
	if (before == after && before % 4 == 2)
		check_equal(count, 0);
}

static void check_number(uint32_t before, uint32_t number, uint32_t after)
{
	check(!number || number >= (before + 1) / 4);
	if (before == after && before % 4 == 0)
		check_equal(number, 0);
	if (before == after && before % 4 == 2)
		check_equal(number, before / 4 + 1);
}

static void *draw_and_wipe(void *argument)
{
	const int realm = vmfork_join();
	uint32_t before, number;

	check(realm >= 0);
	while ((before = __atomic_load_n(&phase, __ATOMIC_SEQ_CST)) != UINT32_MAX) {
		const uint32_t count = vmfork_generation();

		check_count(before, count, __atomic_load_n(&phase, __ATOMIC_SEQ_CST));
		/* Every third one does nothing but draw, so that it does at the moment of the resume. */
		if ((size_t)argument % 3 == 0)
			continue;
		number = vmfork_quiesced();
		check_number(before, number, __atomic_load_n(&phase, __ATOMIC_SEQ_CST));
		if (!(vmfork_status() & QUIESCED))
			continue;
		check_equal(vmfork_wiped(realm), 0);
		usleep(100);
	}
	/* Every other one ends as a Worker does that is terminated. */
	if ((size_t)argument % 2)
		check_equal(vmfork_leave(realm), 0);
	return NULL;
}

/* The kernel knows a thread a little longer than pthread_join. */
#define await_ends(condition) \
	while (!(condition)) \
		usleep(1000)

static void next_phase(void)
{
	__atomic_fetch_add(&phase, 1, __ATOMIC_SEQ_CST);
}

static void quiesce_once(int realm)
{
	next_phase();
	check_equal(vmfork_quiesce(realm), 0);
	next_phase();
	check_equal(vmfork_wiped(realm), 0);
	for (int tries = 0; vmfork_unwiped() && tries < 10; tries++)
		sched_yield();
	next_phase();
	check_equal(vmfork_resume(realm), 0);
	next_phase();
}

static void nobody_draws_under_the_count_of_before_a_quiesce(void)
{
	pthread_t threads[REALMS];
	const uint64_t end = now_ms() + PATIENCE;
	int realm = vmfork_join(), quiesces = 0;

	run_threads(threads, REALMS, draw_and_wipe);
	while (quiesces < QUIESCES && (quiesces % 8 || now_ms() < end)) {
		quiesce_once(realm);
		quiesces++;
	}
	__atomic_store_n(&phase, UINT32_MAX, __ATOMIC_SEQ_CST);
	join_threads(threads, REALMS);
	check_equal(vmfork_generation(), quiesces + 1);
	check_equal(vmfork_quiesce(realm), 0);
	await_ends(vmfork_unwiped() == 1);
}

/* The count of before the quiesce that is on, or was last. */
static uint32_t left;

static void *draw_at_the_resume(void *argument)
{
	uint64_t bad = 0, made = 0;
	uint32_t before;

	(void)argument;
	while ((before = __atomic_load_n(&left, __ATOMIC_SEQ_CST)) != UINT32_MAX) {
		const uint32_t count = vmfork_generation();

		bad += count && count <= before;
		made += before && count > before;
	}
	__atomic_fetch_add(&stale, bad, __ATOMIC_RELAXED);
	__atomic_fetch_add(&readings, made, __ATOMIC_RELAXED);
	return NULL;
}

/* With the flag down before the count has grown, thousands of readings are stale. */
static void nor_in_the_moment_of_the_resume(void)
{
	pthread_t threads[READERS];
	const uint64_t end = now_ms() + PATIENCE;
	int realm = vmfork_join(), quiesces = 0;

	run_threads(threads, READERS, draw_at_the_resume);
	while (quiesces < CHANGES && (quiesces % 64 || now_ms() < end)) {
		const uint32_t count = vmfork_generation();

		check_equal(vmfork_quiesce(realm), 0);
		__atomic_store_n(&left, count, __ATOMIC_SEQ_CST);
		check_equal(vmfork_resume(realm), 0);
		quiesces++;
	}
	__atomic_store_n(&left, UINT32_MAX, __ATOMIC_SEQ_CST);
	join_threads(threads, READERS);
	printf("  %llu readings after one of %d quiesces, %llu stale\n", (unsigned long long)readings, quiesces,
	       (unsigned long long)stale);
	check(readings > 100);
	check_equal(stale, 0);
}

static void *hold_and_let_go(void *number)
{
	for (size_t round = 0; round < HOLDS; round++) {
		const int realm = vmfork_join();

		check(realm >= 0);
		check_equal(vmfork_quiesce(realm), 0);
		check_equal(vmfork_generation(), 0);
		check_equal(vmfork_wiped(realm), 0);
		check_equal(vmfork_generation(), 0);
		check_equal(round % 2 ? vmfork_resume(realm) : vmfork_leave(realm), 0);
		check_equal(vmfork_leave(realm), round % 2 ? 0 : -EBADF);
	}
	/* And ends as a holder. */
	check_equal(vmfork_quiesce(vmfork_join()), 0);
	return number;
}

static void many_holders_never_see_a_count(void)
{
	pthread_t threads[REALMS];

	run_threads(threads, REALMS, hold_and_let_go);
	join_threads(threads, REALMS);
	await_ends(!vmfork_status());
	check(vmfork_generation() > 1);
	check_equal(vmfork_join() & 255, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(no_thread_gets_a_stale_count),
		TEST(nor_one_of_the_vmclock),
		TEST(a_change_is_seldom_counted_twice),
		TEST(nor_one_of_the_file),
		TEST(nor_one_of_several_sources),
		TEST(one_of_many_maps_wins),
		TEST(seal_leaves_no_descriptor),
		TEST(threads_agree_on_the_hardware),
		TEST(every_wake_reaches_its_wait_alone),
		TEST(nobody_draws_under_the_count_of_before_a_quiesce),
		TEST(nor_in_the_moment_of_the_resume),
		TEST(many_holders_never_see_a_count),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
