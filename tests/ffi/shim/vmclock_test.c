/* The vmclock: its page found, checked, mapped and read; its device polled. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

enum { PAGE = 4096, TRIES = 1000, INTERVAL = 1000, FOR_EVER = -1 };

static const uint64_t CLOCK_ADDRESS = 0xde000;

static struct clock_page clock_page;

static void show_clock(uint64_t flags)
{
	clock_page = make_clock();
	clock_page.flags = flags;
	write_clock(&clock_page);
}

/* As the hypervisor does it */
static void change_clock(uint64_t marker, uint64_t generation)
{
	clock_page.sequence++;
	write_clock(&clock_page);
	clock_page.marker = marker;
	clock_page.generation = generation;
	clock_page.sequence++;
	write_clock(&clock_page);
}

static void open_clock(uint64_t flags)
{
	show_clock(flags);
	check_equal(vmfork_open_clock(0), BY_DRIVER);
}

static uint32_t status_of(uint32_t bits, uint32_t confirmation)
{
	return CLOCK | bits | confirmation << 12;
}

/* Opening */

static void the_device_is_mapped_read_only_and_kept(void)
{
	const int before = count_descriptors();

	open_clock(CLOCK_GENERATIONS);
	check_equal(fake.opens, 1);
	check(!strcmp(fake.opened[0], "/dev/vmclock0"));
	check_equal(fake.opened_flags, O_RDONLY | O_CLOEXEC);
	check_equal(fake.mapped_size, PAGE);
	check_equal(fake.mapped_offset, 0);
	check_equal(fake.mapped_protection, PROT_READ);
	check_equal(fake.mapped_flags, MAP_SHARED);
	check_equal(fake.made[CALL_MUNMAP], 0);
	check_equal(vmfork_status(), status_of(0, BY_DRIVER));
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_changed_by(1, 2), SEEN_VMCLOCK);
	check_equal(count_descriptors(), before + 1);
}

static void ten_devices_are_known(void)
{
	struct clock_page other = make_clock();

	check_equal(vmfork_open_clock(10), -EINVAL);
	check_equal(vmfork_open_clock(UINT32_MAX), -EINVAL);
	check_equal(fake.opens, 0);
	for (uint32_t i = 0; i < 10; i++)
		check_equal(vmfork_open_clock(i), -ENOENT);
	for (uint32_t i = 0; i < 10; i++)
		check(!strncmp(fake.opened[i], "/dev/vmclock", 12) && fake.opened[i][12] == (char)('0' + i) &&
		      !fake.opened[i][13]);
	write_root("/dev/vmclock9", &other, sizeof(other));
	check_equal(vmfork_open_clock(9), BY_DRIVER);
}

static void check_refused(int error)
{
	const int before = count_descriptors();

	write_clock(&clock_page);
	check_equal(vmfork_open_clock(0), -error);
	check_equal(vmfork_status(), 0);
	check_equal(vmfork_generation(), 1);
	check_equal(fake.made[CALL_MMAP], fake.made[CALL_MUNMAP]);
	check_equal(count_descriptors(), before);
}

static void other_pages_are_refused_and_unmapped(void)
{
	show_clock(0);
	clock_page.magic = 0;
	check_refused(ENODATA);
	clock_page.magic = 0x564d434c;
	check_refused(EINVAL);
	show_clock(0);
	for (uint16_t version = 0; version < 5; version += 2) {
		clock_page.version = version;
		check_refused(EINVAL);
	}
	show_clock(0);
	clock_page.size = 0x6f;
	check_refused(EINVAL);
	clock_page.size = 0;
	check_refused(EINVAL);
	clock_page.size = 0x70;
	clock_page.sequence = 1;
	check_refused(EAGAIN);
	clock_page.sequence = 0;
	write_clock(&clock_page);
	check_equal(vmfork_open_clock(0), BY_DRIVER);
}

static void errors_are_passed_and_nothing_is_kept(void)
{
	const int before = count_descriptors();

	show_clock(0);
	fail_call(CALL_OPENAT, 1, 1, EACCES);
	check_equal(vmfork_open_clock(0), -EACCES);
	fail_call(CALL_STATX, 1, 1, ENOSYS);
	check_equal(vmfork_open_clock(0), -ENOSYS);
	fail_call(CALL_FCNTL, 1, 1, EPERM);
	check_equal(vmfork_open_clock(0), -EPERM);
	fail_call(CALL_FCNTL, 2, 1, EBADF);
	check_equal(vmfork_open_clock(0), -EBADF);
	fail_call(CALL_MMAP, 1, 1, ENODEV);
	check_equal(vmfork_open_clock(0), -ENODEV);
	fake.is_device = false;
	check_equal(vmfork_open_clock(0), -EINVAL);
	check_equal(count_descriptors(), before);
	fake.is_device = true;
	check_equal(vmfork_open_clock(0), BY_DRIVER);
}

static void it_is_mapped_once(void)
{
	int fd;

	open_clock(0);
	fd = open_root(CLOCK_PATH, O_RDONLY);
	check_equal(vmfork_open_clock(0), -EEXIST);
	check_equal(vmfork_adopt_clock(fd), -EEXIST);
	check_equal(fcntl(fd, F_GETFD), 0);
	set_up_memory();
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), -EEXIST);
	check_equal(fake.made[CALL_MMAP], 1);
	check_equal(vmfork_generation(), 2);
}

static void check_sealed(void)
{
	int fd = open_root(CLOCK_PATH, O_RDONLY);

	fake.opens = 0;
	check_equal(vmfork_open_clock(0), -EPERM);
	check_equal(vmfork_adopt_clock(fd), -EPERM);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), -EPERM);
	check_equal(fake.opens, 0);
	check_equal(close(fd), 0);
}

static void sealing_ends_it(void)
{
	show_clock(0);
	check_equal(vmfork_seal(), 0);
	check_sealed();
}

static void the_page_of_the_id_seals_it_too(void)
{
	show_clock(0);
	map_id();
	check_sealed();
	check_equal(vmfork_status(), SEALED | MAPPED | BY_IOMEM << 8);
}

static void a_held_lock_makes_it_give_up(void)
{
	show_clock(0);
	test_hold_lock(true);
	check_equal(vmfork_open_clock(0), -EBUSY);
	check_equal(vmfork_adopt_clock(0), -EBUSY);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), -EBUSY);
}

static void it_stays_beside_the_page_of_the_id(void)
{
	open_clock(0);
	map_id();
	check_equal(vmfork_status(), status_of(SEALED | MAPPED | BY_IOMEM << 8, BY_DRIVER));
	check_equal(vmfork_generation(), 3);
}

/* Adopting */

static void a_parents_device_is_taken_over(void)
{
	int fd;

	show_clock(0);
	fd = open_root(CLOCK_PATH, O_RDONLY);
	check_equal(vmfork_adopt_clock(fd), BY_PARENT);
	check_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	check_equal(fake.opens, 0);
	check_equal(vmfork_status(), status_of(0, BY_PARENT));
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_seal(), 0);
	check_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void check_not_adopted(int fd, int error)
{
	check(fd >= 0);
	check_equal(vmfork_adopt_clock(fd), -error);
	check_equal(close(fd), 0);
	check_equal(vmfork_status(), 0);
}

static void descriptors_of_another_kind_are_not_adopted(void)
{
	int pipes[2];

	show_clock(0);
	check_not_adopted(open_root(CLOCK_PATH, O_RDWR), EINVAL);
	check_not_adopted(open_root(CLOCK_PATH, O_WRONLY), EINVAL);
	check_not_adopted(open_root(CLOCK_PATH, O_PATH), EBADF);
	check(!pipe(pipes));
	check_not_adopted(pipes[0], EINVAL);
	check_not_adopted(pipes[1], EINVAL);
	check_equal(vmfork_adopt_clock(-1), -EBADF);
	check_equal(vmfork_adopt_clock(1000), -EBADF);
	clock_page.magic = 1;
	write_clock(&clock_page);
	check_not_adopted(open_root(CLOCK_PATH, O_RDONLY), EINVAL);
	check_equal(fake.made[CALL_MMAP], fake.made[CALL_MUNMAP]);
}

/* From memory */

static void set_up_physical(void)
{
	clock_page = make_clock();
	clock_page.flags = CLOCK_NOTIFICATIONS;
	set_up_memory();
	write_memory(CLOCK_ADDRESS, &clock_page, sizeof(clock_page));
}

static void the_page_is_mapped_from_memory(void)
{
	set_up_physical();
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), BY_IOMEM);
	check_equal(fake.mapped_offset, CLOCK_ADDRESS);
	check_equal(fake.mapped_size, PAGE);
	check_equal(fake.mapped_protection, PROT_READ);
	check_equal(fake.made[CALL_MUNMAP], 0);
	/* There is nothing to poll, whatever the page promises. */
	check_equal(vmfork_status(), status_of(0, BY_IOMEM));
	check_equal(vmfork_map(ID_ADDRESS, ""), BY_IOMEM);
	check_equal(vmfork_generation(), 3);
	clock_page.marker++;
	write_memory(CLOCK_ADDRESS, &clock_page, sizeof(clock_page));
	check_equal(vmfork_generation(), 4);
	check_equal(vmfork_changed_by(3, 4), SEEN_VMCLOCK);
}

static void an_iomem_that_does_not_tell_is_refused(void)
{
	set_up_physical();
	write_text("/proc/iomem", "00000000-00000000 : System RAM\n");
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), -EACCES);
	check_equal(vmfork_seal(), 0);
}

static void a_parents_memory_vouches(void)
{
	set_up_physical();
	write_text("/proc/iomem", "00000000-00000000 : System RAM\n");
	check_equal(vmfork_adopt_memory(open_root("/dev/mem", O_RDONLY)), 0);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), BY_PARENT);
	check_equal(vmfork_status(), status_of(0, BY_PARENT));
}

static void addresses_are_checked(void)
{
	static const uint64_t addresses[] = { 0, 1, 8, CLOCK_ADDRESS + 8, CLOCK_ADDRESS + 2048, 1ull << 52, ~0xfffull };

	set_up_physical();
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), -EBADF);
	check_equal(vmfork_open_memory(), 0);
	for (int i = 0; i < 7; i++)
		check_equal(vmfork_map_clock(addresses[i]), -EINVAL);
	check_equal(vmfork_map_clock(0x1000), -EADDRNOTAVAIL);
	check_equal(vmfork_map_clock(0x9f000), -EADDRNOTAVAIL);
	check_equal(fake.made[CALL_MMAP], 0);
	check_equal(vmfork_map_clock(0xdf000), -ENODATA);
	check_equal(fake.made[CALL_MUNMAP], 1);
	fail_call(CALL_MMAP, 1, 1, EPERM);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), -EPERM);
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), BY_IOMEM);
}

/* Nobody looks for the magic through all of the memory. */
static void tries_count_as_physical_reads(void)
{
	uint8_t into[8];

	set_up_physical();
	check_equal(vmfork_open_memory(), 0);
	for (int i = 0; i < 8; i++) {
		check_equal(vmfork_map_clock(0xdf000), -ENODATA);
		check_equal(vmfork_read_physical(0xdf000, 8, into), 8);
	}
	check_equal(vmfork_map_clock(CLOCK_ADDRESS), -EDQUOT);
	check_equal(vmfork_read_physical(0xdf000, 8, into), -EDQUOT);
}

/* Reading */

static void the_generation_counts_where_its_flag_is_set(void)
{
	open_clock(CLOCK_GENERATIONS);
	change_clock(8, 3);
	check_equal(vmfork_generation(), 2);
	change_clock(8, 4);
	check_equal(vmfork_generation(), 3);
	check_equal(vmfork_generation(), 3);
	check_equal(vmfork_look(), 3);
	change_clock(9, 3);
	check_equal(vmfork_generation(), 4);
}

static void else_the_marker_does(void)
{
	open_clock(0);
	change_clock(7, 4);
	check_equal(vmfork_generation(), 2);
	change_clock(8, 4);
	check_equal(vmfork_generation(), 3);
	clock_page.time[3] = 12345;
	change_clock(8, 5);
	check_equal(vmfork_generation(), 3);
}

/* Also when the counter happens to stand where the marker stood */
static void a_flag_that_flips_is_a_change(void)
{
	clock_page = make_clock();
	clock_page.marker = clock_page.generation = 5;
	write_clock(&clock_page);
	check_equal(vmfork_open_clock(0), BY_DRIVER);
	for (uint32_t count = 3; count < 7; count++) {
		clock_page.flags ^= CLOCK_GENERATIONS;
		change_clock(5, 5);
		check_equal(vmfork_generation(), count);
		check_equal(vmfork_generation(), count);
	}
	clock_page.flags ^= 0xff;
	change_clock(5, 5);
	check_equal(vmfork_generation(), 6);
}

static void a_wedged_page_has_no_generation(void)
{
	open_clock(CLOCK_GENERATIONS);
	clock_page.sequence++;
	write_clock(&clock_page);
	check_equal(vmfork_generation(), 0);
	check_equal(fake.pauses, TRIES);
	check_equal(vmfork_look(), 0);
	check_equal(fake.pauses, 2 * TRIES);
	clock_page.generation++;
	clock_page.sequence++;
	write_clock(&clock_page);
	check_equal(vmfork_generation(), 3);
	check_equal(fake.pauses, 2 * TRIES);
}

static void finish_change(void)
{
	clock_page.generation++;
	clock_page.sequence++;
	write_clock(&clock_page);
}

static void a_change_under_way_is_waited_for(void)
{
	open_clock(CLOCK_GENERATIONS);
	clock_page.sequence++;
	write_clock(&clock_page);
	fake.on_pause = finish_change;
	fake.pauses_until = TRIES - 1;
	check_equal(vmfork_generation(), 3);
	check_equal(fake.pauses, TRIES - 1);
}

static void a_wedged_clock_stops_the_id_too(void)
{
	open_clock(0);
	map_id();
	check_equal(vmfork_generation(), 3);
	write_memory(ID_ADDRESS, "x", 1);
	clock_page.sequence++;
	write_clock(&clock_page);
	check_equal(vmfork_generation(), 0);
	clock_page.sequence++;
	write_clock(&clock_page);
	check_equal(vmfork_generation(), 4);
	check_equal(vmfork_changed_by(3, 4), SEEN_VMGENID);
}

static void a_zero_id_stops_the_clock_too(void)
{
	open_clock(0);
	map_id();
	write_memory(ID_ADDRESS, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	check_equal(vmfork_generation(), 0);
	check_equal(vmfork_look(), 0);
}

static void several_changes_in_one_look_grow_the_count_once(void)
{
	open_clock(0);
	map_id();
	check_equal(vmfork_generation(), 3);
	check_equal(vmfork_changed_by(2, 3), SEEN_VMGENID);
	write_memory(ID_ADDRESS, "x", 1);
	change_clock(8, 8);
	check_equal(vmfork_generation(), 4);
	check_equal(vmfork_changed_by(3, 4), SEEN_VMGENID | SEEN_VMCLOCK);
	change_clock(9, 9);
	check_equal(vmfork_generation(), 5);
	check_equal(vmfork_changed_by(4, 5), SEEN_VMCLOCK);
	write_memory(ID_ADDRESS + 8, "x", 1);
	check_equal(vmfork_generation(), 6);
	check_equal(vmfork_changed_by(5, 6), SEEN_VMGENID);
}

/* Polling */

struct waiter {
	pthread_t thread;
	int handle, ret;
	uint32_t known;
	uint64_t ended;
};

static void *run_waiter(void *argument)
{
	struct waiter *waiter = argument;

	waiter->ret = vmfork_wait(waiter->handle, waiter->known, INTERVAL, FOR_EVER);
	waiter->ended = now_ms();
	return NULL;
}

static void start_waiter(struct waiter *waiter)
{
	*waiter = (struct waiter){ .handle = vmfork_wait_open(), .known = vmfork_generation() };
	check(!pthread_create(&waiter->thread, NULL, run_waiter, waiter));
}

static int count_polls(void)
{
	return __atomic_load_n(&fake.clock_polls, __ATOMIC_RELAXED);
}

static void await_polls(int polls)
{
	while (count_polls() < polls)
		usleep(1000);
}

static void a_clock_that_notifies_is_said_to(void)
{
	open_clock(CLOCK_NOTIFICATIONS);
	check_equal(vmfork_status(), status_of(CLOCK_NOTIFIES, BY_DRIVER));
}

static void one_that_is_adopted_notifies_too(void)
{
	show_clock(CLOCK_NOTIFICATIONS);
	check_equal(vmfork_adopt_clock(open_root(CLOCK_PATH, O_RDONLY)), BY_PARENT);
	check_equal(vmfork_status(), status_of(CLOCK_NOTIFIES, BY_PARENT));
}

static void without_the_flag_it_is_not_polled(void)
{
	open_clock(CLOCK_GENERATIONS);
	check_equal(vmfork_status(), status_of(0, BY_DRIVER));
	check_equal(vmfork_wait(vmfork_wait_open(), 2, 1, 5), 0);
	check_equal(count_polls(), 0);
	check_equal(fake.made[CALL_PREAD], 0);
}

/* Before Linux 7.0: always readable */
static void a_driver_without_poll_is_not_polled(void)
{
	fake.clock_has_no_poll = true;
	open_clock(CLOCK_NOTIFICATIONS);
	check_equal(vmfork_status(), status_of(0, BY_DRIVER));
	check_equal(count_polls(), 3);
	check_equal(vmfork_wait(vmfork_wait_open(), 2, 1, 5), 0);
	check_equal(count_polls(), 3);
}

static void a_driver_that_cannot_be_read_is_not_polled(void)
{
	show_clock(CLOCK_NOTIFICATIONS);
	fail_call(CALL_PREAD, 1, 1, ETIMEDOUT);
	check_equal(vmfork_open_clock(0), BY_DRIVER);
	check_equal(vmfork_status(), status_of(0, BY_DRIVER));
}

static void a_driver_that_hangs_up_is_not_polled(void)
{
	fake.clock_revents = POLLHUP;
	open_clock(CLOCK_NOTIFICATIONS);
	check_equal(vmfork_status(), status_of(0, BY_DRIVER));
}

static void a_notification_ends_the_wait(void)
{
	struct waiter waiter;
	uint64_t changed;
	int polls;

	open_clock(CLOCK_NOTIFICATIONS);
	fake.endless = true;
	start_waiter(&waiter);
	await_polls(2);
	changed = now_ms();
	change_clock(8, 8);
	check(!pthread_join(waiter.thread, NULL));
	check_equal(waiter.ret, 1);
	check(waiter.ended - changed < INTERVAL);
	check_equal(vmfork_generation(), 3);
	/* It is armed again. */
	polls = count_polls();
	start_waiter(&waiter);
	await_polls(polls + 1);
	change_clock(9, 9);
	check(!pthread_join(waiter.thread, NULL));
	check_equal(waiter.ret, 1);
}

/* The time of the clock is set: nothing that a wait ends for, nor that makes it spin. */
static void a_notification_of_something_else_does_not(void)
{
	struct waiter waiter;
	int polls;

	open_clock(CLOCK_NOTIFICATIONS);
	fake.endless = true;
	start_waiter(&waiter);
	await_polls(2);
	change_clock(7, 8);
	await_polls(3);
	polls = count_polls();
	usleep(50 * 1000);
	check(count_polls() - polls < 3);
	check_equal(vmfork_wake(waiter.handle), 0);
	check(!pthread_join(waiter.thread, NULL));
	check_equal(waiter.ret, -ECANCELED);
}

/* Only one of them reads the notification; nothing but a bell ends the others' polls. */
static void a_notification_ends_every_wait(void)
{
	struct waiter waiters[8];

	open_clock(CLOCK_NOTIFICATIONS);
	fake.endless = true;
	for (int i = 0; i < 8; i++)
		start_waiter(&waiters[i]);
	await_polls(9);
	change_clock(8, 8);
	for (int i = 0; i < 8; i++) {
		check(!pthread_join(waiters[i].thread, NULL));
		check_equal(waiters[i].ret, 1);
	}
}

static void check_polled_no_more(void)
{
	struct waiter waiter;
	int polls;

	start_waiter(&waiter);
	while (vmfork_status() & CLOCK_NOTIFIES)
		usleep(1000);
	check_equal(vmfork_status(), status_of(0, BY_DRIVER));
	polls = count_polls();
	usleep(20 * 1000);
	check_equal(vmfork_wake(waiter.handle), 0);
	check(!pthread_join(waiter.thread, NULL));
	check_equal(waiter.ret, -ECANCELED);
	check_equal(vmfork_wait(vmfork_wait_open(), 2, 1, 10), 0);
	check_equal(count_polls(), polls);
	/* The page is looked at as ever. */
	change_clock(8, 8);
	check_equal(vmfork_wait(vmfork_wait_open(), 2, 1, FOR_EVER), 1);
}

static void a_clock_that_hangs_up_later_is_polled_no_more(void)
{
	open_clock(CLOCK_NOTIFICATIONS);
	fake.clock_revents = POLLHUP;
	check_polled_no_more();
}

static void one_that_fails_later_is_polled_no_more(void)
{
	open_clock(CLOCK_NOTIFICATIONS);
	fake.clock_revents = POLLIN | POLLERR;
	check_polled_no_more();
}

static void one_that_cannot_be_read_later_is_polled_no_more(void)
{
	open_clock(CLOCK_NOTIFICATIONS);
	fail_call(CALL_PREAD, 1, 1000, ETIMEDOUT);
	change_clock(7, 9);
	check_polled_no_more();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_device_is_mapped_read_only_and_kept),
		TEST(ten_devices_are_known),
		TEST(other_pages_are_refused_and_unmapped),
		TEST(errors_are_passed_and_nothing_is_kept),
		TEST(it_is_mapped_once),
		TEST(sealing_ends_it),
		TEST(the_page_of_the_id_seals_it_too),
		TEST(a_held_lock_makes_it_give_up),
		TEST(it_stays_beside_the_page_of_the_id),
		TEST(a_parents_device_is_taken_over),
		TEST(descriptors_of_another_kind_are_not_adopted),
		TEST(the_page_is_mapped_from_memory),
		TEST(an_iomem_that_does_not_tell_is_refused),
		TEST(a_parents_memory_vouches),
		TEST(addresses_are_checked),
		TEST(tries_count_as_physical_reads),
		TEST(the_generation_counts_where_its_flag_is_set),
		TEST(else_the_marker_does),
		TEST(a_flag_that_flips_is_a_change),
		TEST(a_wedged_page_has_no_generation),
		TEST(a_change_under_way_is_waited_for),
		TEST(a_wedged_clock_stops_the_id_too),
		TEST(a_zero_id_stops_the_clock_too),
		TEST(several_changes_in_one_look_grow_the_count_once),
		TEST(a_clock_that_notifies_is_said_to),
		TEST(one_that_is_adopted_notifies_too),
		TEST(without_the_flag_it_is_not_polled),
		TEST(a_driver_without_poll_is_not_polled),
		TEST(a_driver_that_cannot_be_read_is_not_polled),
		TEST(a_driver_that_hangs_up_is_not_polled),
		TEST(a_notification_ends_the_wait),
		TEST(a_notification_of_something_else_does_not),
		TEST(a_notification_ends_every_wait),
		TEST(a_clock_that_hangs_up_later_is_polled_no_more),
		TEST(one_that_fails_later_is_polled_no_more),
		TEST(one_that_cannot_be_read_later_is_polled_no_more),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
