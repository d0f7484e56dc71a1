/* Healing the kernel: what is written to /dev/urandom, and when nothing is. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

enum { RNDRESEEDCRNG = 0x5207, HARDWARE = 32, CYCLES = 8, ID = 16 };

#define RANDOM_PATH "/dev/urandom"

static const uint8_t CYCLE_COUNT[CYCLES] = { 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01 };

static void set_up(void)
{
	fake.device_minor = 9;
	write_text(RANDOM_PATH, "");
}

/* The page of the id, which is found in a device with another number */
static void set_up_with_id(void)
{
	map_id();
	set_up();
}

static void check_written(const uint8_t *expected, size_t size)
{
	uint8_t bytes[128];
	int fd = open_root(RANDOM_PATH, O_RDONLY);

	check_equal(read(fd, bytes, sizeof(bytes)), size);
	check(!memcmp(bytes, expected, size));
	close(fd);
}

/* As the words of fake_sys.c go on after those of the test of the hardware */
static void put_hardware(uint8_t *into, int first)
{
	for (int i = 0; i < HARDWARE / 8; i++)
		memset(into + 8 * i, first + i, 8);
}

static void id_hardware_and_cycles_are_written_and_the_kernel_reseeds(void)
{
	const int before = count_descriptors();
	uint8_t expected[ID + HARDWARE + CYCLES];

	set_up_with_id();
	check_equal(vmfork_heal_kernel(), sizeof(expected));
	check_equal(fake.opened_flags, O_WRONLY | O_CLOEXEC);
	check_equal(fake.requested, RNDRESEEDCRNG);
	check_equal(fake.made[CALL_IOCTL], 1);
	memcpy(expected, "0123456789abcdef", ID);
	put_hardware(expected + ID, 9);
	memcpy(expected + ID + HARDWARE, CYCLE_COUNT, CYCLES);
	check_written(expected, sizeof(expected));
	check_equal(count_descriptors(), before);
	check_equal(vmfork_generation(), 2);
}

static void without_an_id_hardware_will_do(void)
{
	uint8_t expected[HARDWARE + CYCLES];

	set_up();
	check_equal(vmfork_heal_kernel(), sizeof(expected));
	put_hardware(expected, 9);
	memcpy(expected + HARDWARE, CYCLE_COUNT, CYCLES);
	check_written(expected, sizeof(expected));
	check_equal(fake.made[CALL_IOCTL], 1);
}

static void without_hardware_the_id_will_do(void)
{
	uint8_t expected[ID + CYCLES];

	fake.hardware = 0;
	set_up_with_id();
	check_equal(vmfork_heal_kernel(), sizeof(expected));
	memcpy(expected, "0123456789abcdef", ID);
	memcpy(expected + ID, CYCLE_COUNT, CYCLES);
	check_written(expected, sizeof(expected));
}

static void check_nothing_written(int error)
{
	check_equal(vmfork_heal_kernel(), -error);
	check_written((const uint8_t *)"", 0);
	check_equal(fake.made[CALL_IOCTL], 0);
}

static void without_either_nothing_is_written(void)
{
	fake.hardware = 0;
	set_up();
	check_nothing_written(ENODATA);
}

static void an_id_of_zeros_is_none(void)
{
	fake.hardware = 0;
	set_up_with_id();
	write_memory(ID_ADDRESS, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	check_nothing_written(ENODATA);
}

/* Tested and found good, it fails later. */
static void hardware_that_fails_is_none(void)
{
	static uint64_t words[1000];

	for (int i = 0; i < 1000; i++)
		words[i] = i < 8 ? (uint64_t)i + 1 : NO_WORD;
	fake.hardware = DRAW;
	fake.draws = words;
	fake.draw_count = 1000;
	set_up();
	check_nothing_written(ENODATA);
	fake.device_minor = 1;
	set_up_with_id();
	check_equal(vmfork_heal_kernel(), ID + CYCLES);
}

static void errors_of_opening_are_passed(void)
{
	const int before = count_descriptors();

	check_equal(vmfork_heal_kernel(), -ENOENT);
	set_up();
	fail_call(CALL_OPENAT, 1, 1, EACCES);
	check_nothing_written(EACCES);
	fail_call(CALL_STATX, 1, 1, ENOSYS);
	check_nothing_written(ENOSYS);
	check_equal(count_descriptors(), before);
}

static void other_files_are_not_written_to(void)
{
	static const unsigned int devices[][2] = { { 1, 8 }, { 1, 1 }, { 9, 1 }, { 8, 9 } };
	const int before = count_descriptors();

	set_up();
	for (int i = 0; i < 4; i++) {
		fake.device_major = devices[i][0];
		fake.device_minor = devices[i][1];
		check_nothing_written(EINVAL);
	}
	fake.device_major = 1;
	fake.device_minor = 9;
	fake.is_device = false;
	check_nothing_written(EINVAL);
	check_equal(count_descriptors(), before);
}

static void writes_may_be_short_or_interrupted(void)
{
	for (fake.most = 1; fake.most < 60; fake.most += 11) {
		set_up();
		fail_call(CALL_WRITE, 1, 2, EINTR);
		check_equal(vmfork_heal_kernel(), HARDWARE + CYCLES);
	}
}

static void errors_of_writing_are_passed(void)
{
	const int before = count_descriptors();

	set_up();
	fail_call(CALL_WRITE, 1, 1, EPERM);
	check_nothing_written(EPERM);
	check_equal(count_descriptors(), before);
}

/* What has no right to it has stirred the pool all the same: that needs none. */
static void the_kernels_refusal_to_reseed_is_passed(void)
{
	const int before = count_descriptors();

	set_up();
	fail_call(CALL_IOCTL, 1, 1, EPERM);
	check_equal(vmfork_heal_kernel(), -EPERM);
	check_equal(fake.made[CALL_WRITE], 1);
	check_equal(count_descriptors(), before);
	check_equal(vmfork_heal_kernel(), HARDWARE + CYCLES);
}

static void it_works_sealed_and_quiesced(void)
{
	set_up();
	check_equal(vmfork_seal(), 0);
	check_equal(vmfork_quiesce(vmfork_join()), 0);
	check_equal(vmfork_heal_kernel(), HARDWARE + CYCLES);
}

enum { INTERVAL = 1, SHORT = 5, FOR_EVER = -1 };

static void check_requested(int times)
{
	check_equal(fake.made[CALL_IOCTL], times);
}

static void a_guard_heals_for_a_fork_with_the_new_id(void)
{
	uint8_t expected[ID + HARDWARE + CYCLES];

	set_up_with_id();
	write_memory(ID_ADDRESS, "fedcba9876543210", ID);
	check_equal(vmfork_guard(vmfork_wait_open(), 2, INTERVAL, FOR_EVER), 3);
	memcpy(expected, "fedcba9876543210", ID);
	put_hardware(expected + ID, 9);
	memcpy(expected + ID + HARDWARE, CYCLE_COUNT, CYCLES);
	check_written(expected, sizeof(expected));
	check_requested(1);
}

static void a_guard_heals_for_what_it_had_not_known(void)
{
	set_up_with_id();
	check_equal(vmfork_guard(vmfork_wait_open(), 1, INTERVAL, FOR_EVER), 2);
	check_requested(1);
}

static void a_guard_tells_the_last_count_there_is(void)
{
	set_up_with_id();
	test_set_count(INT32_MAX);
	check_equal(vmfork_guard(vmfork_wait_open(), 1, INTERVAL, FOR_EVER), INT32_MAX);
	check_equal(vmfork_guard(vmfork_wait_open(), INT32_MAX, INTERVAL, SHORT), 0);
	check_requested(1);
}

static void a_guard_does_nothing_until_a_fork(void)
{
	int handle;

	set_up_with_id();
	check_equal(vmfork_guard(vmfork_wait_open(), 2, INTERVAL, SHORT), 0);
	check_equal(vmfork_guard(-1, 1, INTERVAL, FOR_EVER), -EBADF);
	handle = vmfork_wait_open();
	check_equal(vmfork_wake(handle), 0);
	check_equal(vmfork_guard(handle, 2, INTERVAL, FOR_EVER), -ECANCELED);
	check_requested(0);
}

static void a_guard_does_nothing_while_quiesced_and_heals_after_it(void)
{
	int realm;

	set_up_with_id();
	realm = vmfork_join();
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_guard(vmfork_wait_open(), 2, INTERVAL, FOR_EVER), 0);
	check_requested(0);
	check_equal(vmfork_resume(realm), 0);
	check_equal(vmfork_guard(vmfork_wait_open(), 2, INTERVAL, FOR_EVER), 3);
	check_requested(1);
}

static void a_guard_passes_the_kernels_refusal(void)
{
	set_up_with_id();
	fail_call(CALL_IOCTL, 1, 1, EPERM);
	check_equal(vmfork_guard(vmfork_wait_open(), 1, INTERVAL, FOR_EVER), -EPERM);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(id_hardware_and_cycles_are_written_and_the_kernel_reseeds),
		TEST(without_an_id_hardware_will_do),
		TEST(without_hardware_the_id_will_do),
		TEST(without_either_nothing_is_written),
		TEST(an_id_of_zeros_is_none),
		TEST(hardware_that_fails_is_none),
		TEST(errors_of_opening_are_passed),
		TEST(other_files_are_not_written_to),
		TEST(writes_may_be_short_or_interrupted),
		TEST(errors_of_writing_are_passed),
		TEST(the_kernels_refusal_to_reseed_is_passed),
		TEST(it_works_sealed_and_quiesced),
		TEST(a_guard_heals_for_a_fork_with_the_new_id),
		TEST(a_guard_heals_for_what_it_had_not_known),
		TEST(a_guard_tells_the_last_count_there_is),
		TEST(a_guard_does_nothing_until_a_fork),
		TEST(a_guard_does_nothing_while_quiesced_and_heals_after_it),
		TEST(a_guard_passes_the_kernels_refusal),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
