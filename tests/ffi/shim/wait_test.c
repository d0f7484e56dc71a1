/* Waiting: handles, waking, timeouts. One thread waits at a time, others wake it. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

enum { MAX_WAITS = 32, INTERVAL = 1000, FOR_EVER = -1, MSEC = 1000 * 1000 };

static const uint64_t ADDRESS = 0xdfff0;

static int open_wait(void)
{
	int handle = vmfork_wait_open();

	check(handle >= 0);
	return handle;
}

static void map_open_page(void)
{
	write_text("/proc/iomem", "00001000-0009fbff : System RAM\n");
	write_memory(ADDRESS, "0123456789abcdef", 16);
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_map(ADDRESS, ""), BY_IOMEM);
	check_equal(vmfork_generation(), 2);
}

/* A wait on a thread of its own */
struct waiter {
	pthread_t thread;
	int handle, ret;
	uint32_t known;
	int timeout;
};

static void *run_waiter(void *argument)
{
	struct waiter *waiter = argument;

	waiter->ret = vmfork_wait(waiter->handle, waiter->known, INTERVAL, waiter->timeout);
	return NULL;
}

static void start_waiter(struct waiter *waiter, int handle)
{
	*waiter = (struct waiter){ .handle = handle, .known = vmfork_generation(), .timeout = FOR_EVER };
	check(!pthread_create(&waiter->thread, NULL, run_waiter, waiter));
}

static int join_waiter(struct waiter *waiter)
{
	check(!pthread_join(waiter->thread, NULL));
	return waiter->ret;
}

static void await_polls(int polls)
{
	while (__atomic_load_n(&fake.made[CALL_PPOLL], __ATOMIC_RELAXED) < polls)
		usleep(1000);
}

static void a_wait_times_out(void)
{
	const uint64_t start = now_ms();

	check_equal(vmfork_wait(open_wait(), 1, 10, 55), 0);
	check(now_ms() - start >= 54);
	check(fake.made[CALL_PPOLL] >= 1 && fake.made[CALL_PPOLL] <= 6);
	check_equal(fake.longest_poll, 10 * MSEC);
	check_equal(fake.eventfd_flags, O_CLOEXEC | O_NONBLOCK);
}

static void a_timeout_of_0_looks_once(void)
{
	check_equal(vmfork_wait(open_wait(), 1, 10, 0), 0);
	check_equal(fake.made[CALL_PPOLL], 0);
}

static void another_count_returns_at_once(void)
{
	check_equal(vmfork_wait(open_wait(), 2, INTERVAL, FOR_EVER), 1);
	check_equal(vmfork_wait(open_wait(), 0, INTERVAL, FOR_EVER), 1);
	check_equal(fake.made[CALL_PPOLL], 0);
}

static void an_unreadable_generation_returns_at_once(void)
{
	map_open_page();
	write_memory(ADDRESS, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	check_equal(vmfork_wait(open_wait(), 2, INTERVAL, FOR_EVER), 1);
	check_equal(vmfork_wait(open_wait(), 0, INTERVAL, FOR_EVER), 1);
	check_equal(fake.made[CALL_PPOLL], 0);
}

static void a_change_ends_the_wait(void)
{
	struct waiter waiter;

	map_open_page();
	start_waiter(&waiter, open_wait());
	await_polls(1);
	write_memory(ADDRESS, "x", 1);
	check_equal(join_waiter(&waiter), 1);
	check_equal(vmfork_generation(), 3);
}

static void the_interval_is_clamped(void)
{
	check_equal(vmfork_wait(open_wait(), 1, 0, 20), 0);
	check_equal(fake.longest_poll, MSEC);
	check_equal(vmfork_wait(open_wait(), 1, 7, 20), 0);
	check_equal(fake.longest_poll, 7 * MSEC);
	check_equal(vmfork_wait(open_wait(), 1, UINT32_MAX, 1001), 0);
	check_equal(fake.longest_poll, 1000 * MSEC);
}

static void the_last_poll_ends_with_the_timeout(void)
{
	check_equal(vmfork_wait(open_wait(), 1, INTERVAL, 20), 0);
	check(fake.longest_poll <= 20 * MSEC);
	check_equal(fake.made[CALL_PPOLL], 1);
}

/* Only the bell ends an endless poll: without it the test would hang until its alarm. */
static void a_wake_ends_the_wait(void)
{
	struct waiter waiter;

	fake.endless = true;
	start_waiter(&waiter, open_wait());
	await_polls(1);
	check_equal(vmfork_wake(waiter.handle), 0);
	check_equal(join_waiter(&waiter), -ECANCELED);
	check_equal(fake.made[CALL_PPOLL], 1);
	check_equal(vmfork_wake(waiter.handle), -EBADF);
}

static void a_wake_before_the_wait_counts(void)
{
	int handle = open_wait();

	check_equal(vmfork_wake(handle), 0);
	check_equal(vmfork_wake(handle), 0);
	check_equal(vmfork_wait(handle, 1, INTERVAL, FOR_EVER), -ECANCELED);
	check_equal(fake.made[CALL_PPOLL], 0);
}

static void a_change_matters_more_than_a_wake(void)
{
	int handle = open_wait();

	check_equal(vmfork_wake(handle), 0);
	check_equal(vmfork_wait(handle, 2, INTERVAL, FOR_EVER), 1);
}

static void a_wait_uses_its_handle_up(void)
{
	int first = open_wait(), second;

	check_equal(vmfork_wait(first, 1, 1, 0), 0);
	check_equal(vmfork_wait(first, 1, 1, 0), -EBADF);
	check_equal(vmfork_wake(first), -EBADF);
	second = open_wait();
	check(second != first && second % MAX_WAITS == first % MAX_WAITS);
	check_equal(vmfork_wait(first, 1, 1, 0), -EBADF);
	check_equal(vmfork_wake(first), -EBADF);
	check_equal(vmfork_wait(second, 1, 1, 0), 0);
	check_equal(fake.made[CALL_EVENTFD2], 1);
}

static void two_waits_on_one_handle_are_refused(void)
{
	struct waiter waiter;

	start_waiter(&waiter, open_wait());
	await_polls(1);
	check_equal(vmfork_wait(waiter.handle, 1, 1, 0), -EBADF);
	check_equal(vmfork_wake(waiter.handle), 0);
	check_equal(join_waiter(&waiter), -ECANCELED);
}

static void invented_handles_are_refused(void)
{
	static const int handles[] = { -1, INT32_MIN, INT32_MAX, 0, 1, 31, 32, 33, 64 };

	for (int i = 0; i < 9; i++) {
		check_equal(vmfork_wait(handles[i], 1, 1, 0), -EBADF);
		check_equal(vmfork_wake(handles[i]), -EBADF);
	}
}

static void ring(int bell)
{
	const uint64_t one = 1;

	check(write(bell, &one, 8) == 8);
}

static void a_late_ring_wakes_nobody(void)
{
	const uint64_t start = now_ms();
	int handle = open_wait(), bell = test_get_bell(handle);

	check_equal(vmfork_wait(handle, 1, 1, 0), 0);
	ring(bell);
	handle = open_wait();
	check_equal(test_get_bell(handle), bell);
	check_equal(vmfork_wait(handle, 1, INTERVAL, 50), 0);
	check_equal(fake.made[CALL_PPOLL], 1);
	handle = open_wait();
	ring(bell);
	check_equal(vmfork_wait(handle, 1, INTERVAL, 50), 0);
	check(fake.made[CALL_PPOLL] <= 3);
	check(now_ms() - start >= 99);
}

static void the_33rd_wait_is_refused(void)
{
	int handles[MAX_WAITS];
	int before;

	for (int i = 0; i < MAX_WAITS; i++) {
		handles[i] = open_wait();
		for (int j = 0; j < i; j++)
			check(handles[i] != handles[j] && test_get_bell(handles[i]) != test_get_bell(handles[j]));
	}
	before = count_descriptors();
	check_equal(vmfork_wait_open(), -EMFILE);
	check_equal(vmfork_wait(handles[17], 1, 1, 0), 0);
	check_equal(open_wait() % MAX_WAITS, 17);
	check_equal(vmfork_wait_open(), -EMFILE);
	check_equal(count_descriptors(), before);
	check_equal(fake.made[CALL_EVENTFD2], MAX_WAITS);
}

static void a_failed_bell_leaves_the_slot_free(void)
{
	fail_call(CALL_EVENTFD2, 1, 2, ENFILE);
	check_equal(vmfork_wait_open(), -ENFILE);
	check_equal(vmfork_wait_open(), -ENFILE);
	check_equal(vmfork_wait(open_wait(), 1, 1, 0), 0);
}

static void the_lowest_descriptor_may_be_a_bell(void)
{
	int handle;

	close(0);
	handle = open_wait();
	check_equal(test_get_bell(handle), 0);
	check_equal(vmfork_wait(handle, 1, 1, 0), 0);
	check_equal(open_wait() % MAX_WAITS, handle % MAX_WAITS);
	check_equal(fake.made[CALL_EVENTFD2], 1);
}

static void sequences_wrap_within_positive_handles(void)
{
	int last, first;

	test_set_sequences((1 << 26) - 2);
	last = open_wait();
	check_equal(last, INT32_MAX - 31);
	check_equal(vmfork_wake(last), 0);
	check_equal(vmfork_wait(last, 1, INTERVAL, FOR_EVER), -ECANCELED);
	first = open_wait();
	check_equal(first, 0);
	check_equal(vmfork_wait(first, 1, 1, 0), 0);
}

static void interrupted_polls_and_rings_go_on(void)
{
	int handle = open_wait();

	fail_call(CALL_PPOLL, 1, 3, EINTR);
	check_equal(vmfork_wait(handle, 1, 10, 300), 0);
	check(fake.made[CALL_PPOLL] > 3);
	handle = open_wait();
	fail_call(CALL_WRITE, 1, 3, EINTR);
	check_equal(vmfork_wake(handle), 0);
	check_equal(fake.made[CALL_WRITE], 4);
	check_equal(vmfork_wait(handle, 1, INTERVAL, FOR_EVER), -ECANCELED);
}

static void errors_end_the_wait_and_free_its_slot(void)
{
	fail_call(CALL_PPOLL, 1, 1, ENOMEM);
	check_equal(vmfork_wait(open_wait(), 1, INTERVAL, FOR_EVER), -ENOMEM);
	fail_call(CALL_CLOCK_GETTIME, 1, 1, EINVAL);
	check_equal(vmfork_wait(open_wait(), 1, INTERVAL, FOR_EVER), -EINVAL);
	fail_call(CALL_CLOCK_GETTIME, 2, 1, EPERM);
	check_equal(vmfork_wait(open_wait(), 1, 1, 100), -EPERM);
	fake.revents = POLLNVAL;
	check_equal(vmfork_wait(open_wait(), 1, 1, FOR_EVER), -EIO);
	check_equal(fake.made[CALL_EVENTFD2], 1);
}

static void close_wakes_every_wait_and_no_more(void)
{
	struct waiter waiters[MAX_WAITS - 1];
	int unbegun;

	fake.endless = true;
	check_equal(vmfork_close(), 0);
	for (int i = 0; i < MAX_WAITS - 1; i++)
		start_waiter(&waiters[i], open_wait());
	unbegun = open_wait();
	await_polls(MAX_WAITS - 1);
	check_equal(vmfork_close(), 0);
	for (int i = 0; i < MAX_WAITS - 1; i++)
		check_equal(join_waiter(&waiters[i]), -ECANCELED);
	check_equal(vmfork_wait(unbegun, 1, INTERVAL, FOR_EVER), -ECANCELED);
	fake.endless = false;
	check_equal(vmfork_generation(), 1);
	check_equal(vmfork_wait(open_wait(), 1, 1, 5), 0);
	check_equal(vmfork_status(), 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_wait_times_out),
		TEST(a_timeout_of_0_looks_once),
		TEST(another_count_returns_at_once),
		TEST(an_unreadable_generation_returns_at_once),
		TEST(a_change_ends_the_wait),
		TEST(the_interval_is_clamped),
		TEST(the_last_poll_ends_with_the_timeout),
		TEST(a_wake_ends_the_wait),
		TEST(a_wake_before_the_wait_counts),
		TEST(a_change_matters_more_than_a_wake),
		TEST(a_wait_uses_its_handle_up),
		TEST(two_waits_on_one_handle_are_refused),
		TEST(invented_handles_are_refused),
		TEST(a_late_ring_wakes_nobody),
		TEST(the_33rd_wait_is_refused),
		TEST(a_failed_bell_leaves_the_slot_free),
		TEST(the_lowest_descriptor_may_be_a_bell),
		TEST(sequences_wrap_within_positive_handles),
		TEST(interrupted_polls_and_rings_go_on),
		TEST(errors_end_the_wait_and_free_its_slot),
		TEST(close_wakes_every_wait_and_no_more),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
