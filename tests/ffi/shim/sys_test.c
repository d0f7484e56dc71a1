/* The raw system calls and CPU instructions of ffi/shim/sys.h, on the machine as it is. */

#include "harness.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/time_types.h>

enum { HARDWARE_DRAW = DRAW, HARDWARE_SEED = SEED, PAGE = 4096, EXISTS = 0 };

#include "../../../ffi/shim/sys.h"

static int open_self(int flags)
{
	long fd = sys_openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | flags);

	check(fd >= 0);
	return (int)fd;
}

static bool has_magic(const volatile uint8_t *bytes)
{
	return bytes[0] == 0x7f && bytes[1] == 'E' && bytes[2] == 'L' && bytes[3] == 'F';
}

static void files_are_opened_read_and_closed(void)
{
	uint8_t bytes[8] = { 0 };
	int fd = open_self(0);

	check_equal(sys_read(fd, bytes, 4), 4);
	check(has_magic(bytes));
	check_equal(bytes[4], 0);
	check_equal(sys_close(fd), 0);
	check_equal(sys_close(fd), -EBADF);
	check_equal(sys_read(fd, bytes, 4), -EBADF);
	check_equal(sys_openat(AT_FDCWD, "/nowhere/at/all", O_RDONLY), -ENOENT);
}

static void files_are_read_from_an_offset(void)
{
	uint8_t bytes[4] = { 0 };
	int fd = open_self(0);

	check_equal(sys_pread(fd, bytes, 3, 1), 3);
	check(bytes[0] == 'E' && bytes[1] == 'L' && bytes[2] == 'F' && !bytes[3]);
	check_equal(sys_read(fd, bytes, 4), 4);
	check(has_magic(bytes));
	check_equal(sys_pread(fd, bytes, 4, 1ull << 40), 0);
	check_equal(sys_pread(-1, bytes, 4, 0), -EBADF);
}

static void files_are_looked_at(void)
{
	struct statx stat;
	long fd;

	check_equal(sys_faccessat(AT_FDCWD, "/proc/self/exe", EXISTS), 0);
	check_equal(sys_faccessat(AT_FDCWD, "/nowhere/at/all", EXISTS), -ENOENT);
	fd = sys_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
	check_equal(sys_statx((int)fd, "", AT_EMPTY_PATH, STATX_TYPE, &stat), 0);
	check_equal(stat.stx_mode & 0170000, 0020000);
	check_equal(stat.stx_rdev_major, 1);
	check_equal(stat.stx_rdev_minor, 3);
	check_equal(sys_statx(-1, "", AT_EMPTY_PATH, STATX_TYPE, &stat), -EBADF);
}

static void descriptors_have_flags(void)
{
	int plain = open_self(0), closing = open_self(O_CLOEXEC);

	check_equal(sys_fcntl(plain, F_GETFD, 0), 0);
	check_equal(sys_fcntl(closing, F_GETFD, 0), FD_CLOEXEC);
	check_equal(sys_fcntl(plain, F_SETFD, FD_CLOEXEC), 0);
	check_equal(sys_fcntl(plain, F_GETFD, 0), FD_CLOEXEC);
	check_equal(sys_fcntl(plain, F_GETFL, 0) & (O_ACCMODE | O_SYNC), O_RDONLY);
	check_equal(sys_fcntl(-1, F_GETFL, 0), -EBADF);
}

/* Of open file descriptions: two of one process see each other. */
static void a_lock_shows_whether_another_holds_it(void)
{
	struct flock shared = { .l_type = F_RDLCK }, alone = { .l_type = F_WRLCK };
	long first = sys_openat(AT_FDCWD, "/proc/self/ns", O_RDONLY | O_CLOEXEC);
	long second = sys_openat(AT_FDCWD, "/proc/self/ns", O_RDONLY | O_CLOEXEC);

	check(first >= 0 && second >= 0);
	check_equal(sys_fcntl((int)first, F_OFD_SETLK, (long)&shared), 0);
	check_equal(sys_fcntl((int)first, F_OFD_GETLK, (long)&alone), 0);
	check_equal(alone.l_type, F_UNLCK);
	check_equal(sys_fcntl((int)second, F_OFD_SETLK, (long)&shared), 0);
	alone.l_type = F_WRLCK;
	check_equal(sys_fcntl((int)first, F_OFD_GETLK, (long)&alone), 0);
	check_equal(alone.l_type, F_RDLCK);
}

static void pages_are_mapped_at_an_offset(void)
{
	static const volatile uint8_t zeros[PAGE];
	uint8_t bytes[PAGE + 4];
	int fd = open_self(0);
	long map;

	check_equal(sys_read(fd, bytes, sizeof(bytes)), sizeof(bytes));
	map = sys_mmap(2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	check(map > 0 && has_magic((const volatile uint8_t *)map));
	check_equal(((const volatile uint8_t *)map)[PAGE + 3], bytes[PAGE + 3]);
	check_equal(sys_munmap(map, 2 * PAGE), 0);
	map = sys_mmap(PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	for (int i = 0; i < 4; i++)
		check_equal(((const volatile uint8_t *)map)[i], bytes[PAGE + i]);
	check_equal(sys_munmap(map, PAGE), 0);
	check_equal(sys_munmap(map + 1, PAGE), -EINVAL);
	check_equal(sys_mmap(PAGE, PROT_READ, MAP_SHARED, -1, 0), -EBADF);
	check_equal(sys_mmap(PAGE, PROT_READ, MAP_SHARED, fd, 1), -EINVAL);
	check_equal(zeros[0], 0);
}

static void bells_ring(void)
{
	uint64_t rings = 3;
	long fd = sys_eventfd2(0, O_CLOEXEC | O_NONBLOCK);
	struct pollfd bell = { .fd = (int)fd, .events = POLLIN };
	struct __kernel_timespec timeout = { .tv_nsec = 1000 * 1000 };

	check(fd >= 0);
	check_equal(sys_fcntl((int)fd, F_GETFD, 0), FD_CLOEXEC);
	check_equal(sys_read((int)fd, &rings, 8), -EAGAIN);
	check_equal(sys_ppoll(&bell, 1, &timeout), 0);
	check_equal(sys_write((int)fd, &rings, 8), 8);
	timeout.tv_nsec = 1000 * 1000;
	check_equal(sys_ppoll(&bell, 1, &timeout), 1);
	check_equal(bell.revents, POLLIN);
	rings = 0;
	check_equal(sys_read((int)fd, &rings, 8), 8);
	check_equal(rings, 3);
}

static void the_clock_goes_on_while_polling(void)
{
	struct __kernel_timespec before, after, pause = { .tv_nsec = 20 * 1000 * 1000 };

	check_equal(sys_clock_gettime(CLOCK_MONOTONIC, &before), 0);
	check_equal(sys_ppoll(NULL, 0, &pause), 0);
	check_equal(sys_clock_gettime(CLOCK_MONOTONIC, &after), 0);
	check((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 20 * 1000 * 1000);
	check_equal(sys_clock_gettime(1000, &after), -EINVAL);
}

static void threads_are_told_apart(void)
{
	const int process = (int)sys_getpid();

	check(process > 0);
	check_equal(sys_gettid(), process);
	check_equal(sys_tgkill(process, process, 0), 0);
	/* PID_MAX_LIMIT is 2^22. */
	check_equal(sys_tgkill(process, 1 << 23, 0), -ESRCH);
	check_equal(sys_tgkill(process, -1, 0), -EINVAL);
}

/* Of what needs no right, and changes nothing */
static void devices_are_controlled(void)
{
	int bits = -1;
	long fd = sys_openat(AT_FDCWD, "/dev/urandom", O_WRONLY | O_CLOEXEC);

	check(fd >= 0);
	check_equal(sys_ioctl((int)fd, RNDGETENTCNT, (long)&bits), 0);
	check(bits >= 0 && bits <= 4096);
	check_equal(sys_ioctl(open_self(0), RNDGETENTCNT, (long)&bits), -ENOTTY);
	check_equal(sys_ioctl(-1, RNDRESEEDCRNG, 0), -EBADF);
}

static void the_cpu_pauses_and_goes_on(void)
{
	for (int i = 0; i < 1000; i++)
		cpu_pause();
}

/* False alarm: 2^-128 */
static void getrandom_fills(void)
{
	uint64_t words[4] = { 0 };

	check_equal(sys_getrandom(words, 16, 0), 16);
	check(words[0] | words[1]);
	check(!(words[2] | words[3]));
	check_equal(sys_getrandom(words, 8, 0xffff), -EINVAL);
}

/* False alarm: 2^-64, where the CPU has the instruction at all */
static void the_cpu_draws_what_it_claims_to(void)
{
	uint32_t found = cpu_find_hardware();
	uint64_t first = 0, second = 0;

	check(!(found & ~(uint32_t)(DRAW | SEED)));
	if (found & DRAW)
		check(cpu_draw(&first) && cpu_draw(&second) && first != second);
	for (int tries = 0; found & SEED && !cpu_seed(&first); tries++)
		check(tries < 1000);
	check(!(found & SEED) || first != second);
	first = cpu_count_cycles();
	for (int tries = 0; cpu_count_cycles() == first; tries++)
		check(tries < 1000000);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(files_are_opened_read_and_closed),
		TEST(files_are_read_from_an_offset),
		TEST(files_are_looked_at),
		TEST(descriptors_have_flags),
		TEST(a_lock_shows_whether_another_holds_it),
	TEST(pages_are_mapped_at_an_offset),
		TEST(bells_ring),
		TEST(the_clock_goes_on_while_polling),
		TEST(threads_are_told_apart),
		TEST(devices_are_controlled),
		TEST(the_cpu_pauses_and_goes_on),
		TEST(getrandom_fills),
		TEST(the_cpu_draws_what_it_claims_to),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
