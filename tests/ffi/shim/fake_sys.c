#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* The layout of linux/time_types.h, which libc's own headers do not like beside them */
struct __kernel_timespec {
	long long tv_sec, tv_nsec;
};

#include "fake_sys.h"

struct fake fake = { .device_major = 1, .device_minor = 1, .is_device = true, .hardware = DRAW | SEED };

static long or_errno(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* Returns the negated errno that this call is to fail with, or 0. */
static long count_call(enum call call, const char *path)
{
	int seen;

	__atomic_fetch_add(&fake.made[call], 1, __ATOMIC_RELAXED);
	if (fake.on_call[call])
		fake.on_call[call]();
	if (!fake.faults[call].at || (fake.faults[call].path && (!path || strcmp(path, fake.faults[call].path))))
		return 0;
	seen = __atomic_add_fetch(&fake.faults[call].seen, 1, __ATOMIC_RELAXED);
	if (seen < fake.faults[call].at || seen >= fake.faults[call].at + fake.faults[call].times)
		return 0;
	return -fake.faults[call].error;
}

static uint32_t get_clock_sequence(const void *page)
{
	uint32_t sequence;

	memcpy(&sequence, (const uint8_t *)page + 12, sizeof(sequence));
	return sequence;
}

static size_t limit(size_t size)
{
	return fake.most && size > fake.most ? fake.most : size;
}

static const char *under_root(const char *path, char into[512])
{
	snprintf(into, 512, "%s%s", fake.root, path);
	return into;
}

static void note_open(const char *path, int flags)
{
	const int at = __atomic_fetch_add(&fake.opens, 1, __ATOMIC_RELAXED);

	if (at < MAX_OPENS)
		snprintf(fake.opened[at], sizeof(fake.opened[at]), "%s", path);
	__atomic_store_n(&fake.opened_flags, flags, __ATOMIC_RELAXED);
}

long sys_openat(int dir, const char *path, int flags)
{
	char full[512];
	long ret = count_call(CALL_OPENAT, path);

	check(dir == AT_FDCWD);
	note_open(path, flags);
	if (fake.slow)
		usleep(300);
	return ret ? ret : or_errno(openat(dir, under_root(path, full), flags));
}

long sys_read(int fd, void *into, size_t size)
{
	long ret = count_call(CALL_READ, NULL);

	return ret ? ret : or_errno(read(fd, into, limit(size)));
}

/* Reading a vmclock notes what poll is to compare with, as the driver does. */
long sys_pread(int fd, void *into, size_t size, uint64_t offset)
{
	long ret = count_call(CALL_PREAD, NULL);

	check(offset == 0 && size >= 16);
	if (ret)
		return ret;
	ret = or_errno(pread(fd, into, size, (off_t)offset));
	if (ret >= 16)
		__atomic_store_n(&fake.clock_read, get_clock_sequence(into), __ATOMIC_RELAXED);
	return ret;
}

long sys_write(int fd, const void *from, size_t size)
{
	long ret = count_call(CALL_WRITE, NULL);

	return ret ? ret : or_errno(write(fd, from, limit(size)));
}

long sys_close(int fd)
{
	count_call(CALL_CLOSE, NULL);
	return or_errno(close(fd));
}

long sys_mmap(size_t size, int protection, int flags, int fd, uint64_t offset)
{
	long ret = count_call(CALL_MMAP, NULL);
	void *map;

	if (ret)
		return ret;
	fake.mapped_size = size;
	fake.mapped_protection = protection;
	fake.mapped_flags = flags;
	fake.mapped_offset = offset;
	map = mmap(NULL, size, protection, flags, fd, (off_t)offset);
	return map == MAP_FAILED ? -errno : (long)map;
}

long sys_munmap(long map, size_t size)
{
	count_call(CALL_MUNMAP, NULL);
	return or_errno(munmap((void *)map, size));
}

long sys_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *stat)
{
	long ret = count_call(CALL_STATX, NULL);

	if (ret)
		return ret;
	ret = or_errno(statx(dir, path, flags, mask, stat));
	if (!ret && fake.is_device && S_ISREG(stat->stx_mode)) {
		stat->stx_mode = S_IFCHR;
		stat->stx_rdev_major = fake.device_major;
		stat->stx_rdev_minor = fake.device_minor;
	}
	return ret;
}

/* 0x5a everywhere, so that a test sees what was XORed to it */
long sys_getrandom(void *into, size_t size, unsigned int flags)
{
	long ret = count_call(CALL_GETRANDOM, NULL);

	fake.random_flags |= (int)flags;
	if (ret)
		return ret;
	if (fake.dry)
		return 0;
	memset(into, 0x5a, limit(size));
	return (long)limit(size);
}

long sys_eventfd2(unsigned int count, int flags)
{
	long ret = count_call(CALL_EVENTFD2, NULL);

	__atomic_store_n(&fake.eventfd_flags, flags, __ATOMIC_RELAXED);
	return ret ? ret : or_errno(eventfd(count, flags));
}

static void note_poll(uint64_t timeout)
{
	uint64_t longest = __atomic_load_n(&fake.longest_poll, __ATOMIC_RELAXED);

	while (timeout > longest && !__atomic_compare_exchange_n(&fake.longest_poll, &longest, timeout, true,
								 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* The vmclock's device is a regular file here, which poll knows nothing of: so this says what the driver would. */
static short poll_clock(int fd)
{
	uint8_t page[16];
	const int revents = __atomic_load_n(&fake.clock_revents, __ATOMIC_RELAXED);

	if (revents)
		return (short)revents;
	if (fake.clock_has_no_poll)
		return POLLIN;
	check(pread(fd, page, sizeof(page), 0) == sizeof(page));
	return get_clock_sequence(page) == __atomic_load_n(&fake.clock_read, __ATOMIC_RELAXED) ? 0 : POLLIN;
}

/* Looks at the vmclock once a millisecond, as nobody tells of it. */
static long poll_with_clock(struct pollfd *fds, unsigned int count, const struct timespec *timeout)
{
	struct pollfd *clock = &fds[count - 1];
	const uint64_t end = now_ms() + (uint64_t)timeout->tv_sec * 1000 + (uint64_t)timeout->tv_nsec / 1000000;
	long ret;

	for (;;) {
		ret = or_errno(poll(fds, count - 1, 0));
		clock->revents = poll_clock(clock->fd);
		if (ret < 0 || ret + !!clock->revents)
			return ret < 0 ? ret : ret + !!clock->revents;
		if (!fake.endless && now_ms() >= end)
			return 0;
		usleep(1000);
	}
}

static bool is_clock(const struct pollfd *fd)
{
	struct stat stat;

	return !fstat(fd->fd, &stat) && S_ISREG(stat.st_mode);
}

long sys_ppoll(struct pollfd *fds, unsigned int count, struct __kernel_timespec *timeout)
{
	struct timespec copy = { .tv_sec = (time_t)timeout->tv_sec, .tv_nsec = (long)timeout->tv_nsec };
	long ret = count_call(CALL_PPOLL, NULL);

	note_poll((uint64_t)copy.tv_sec * 1000000000 + (uint64_t)copy.tv_nsec);
	if (ret)
		return ret;
	if (count && is_clock(&fds[count - 1])) {
		__atomic_fetch_add(&fake.clock_polls, 1, __ATOMIC_RELAXED);
		ret = poll_with_clock(fds, count, &copy);
	} else {
		ret = or_errno(ppoll(fds, count, fake.endless ? NULL : &copy, NULL));
	}
	if (fake.revents)
		fds->revents = (short)fake.revents;
	return ret;
}

long sys_fcntl(int fd, int command, long argument)
{
	long ret = count_call(CALL_FCNTL, NULL);

	if (ret)
		return ret;
	ret = or_errno(fcntl(fd, command, argument));
	return command == F_GETFL && ret >= 0 ? ret | fake.flags : ret;
}

long sys_faccessat(int dir, const char *path, int mode)
{
	char full[512];
	long ret = count_call(CALL_FACCESSAT, path);

	check(mode == F_OK);
	return ret ? ret : or_errno(faccessat(dir, under_root(path, full), mode, 0));
}

long sys_clock_gettime(int clock, struct __kernel_timespec *now)
{
	struct timespec time;
	long ret = count_call(CALL_CLOCK_GETTIME, NULL);

	check(clock == CLOCK_MONOTONIC);
	if (ret)
		return ret;
	clock_gettime(clock, &time);
	now->tv_sec = time.tv_sec;
	now->tv_nsec = time.tv_nsec;
	return 0;
}

uint32_t cpu_find_hardware(void)
{
	__atomic_fetch_add(&fake.gathered, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&fake.gathered, __ATOMIC_RELAXED) < fake.gather)
		sched_yield();
	return fake.hardware;
}

long sys_ioctl(int fd, unsigned int request, long argument)
{
	struct stat stat;
	long ret = count_call(CALL_IOCTL, NULL);

	check(!fstat(fd, &stat) && !argument);
	fake.requested = request;
	return ret;
}

long sys_getpid(void)
{
	return getpid();
}

long sys_gettid(void)
{
	return syscall(SYS_gettid);
}

long sys_tgkill(int process, int thread, int signal)
{
	long ret = count_call(CALL_TGKILL, NULL);

	check(process == getpid() && thread > 0 && !signal);
	return ret ? ret : or_errno(syscall(SYS_tgkill, process, thread, signal));
}

void cpu_pause(void)
{
	if (__atomic_add_fetch(&fake.pauses, 1, __ATOMIC_RELAXED) == fake.pauses_until && fake.on_pause)
		fake.on_pause();
}

static bool take_word(uint64_t *word, const uint64_t *words, size_t count, size_t *made)
{
	const size_t at = __atomic_fetch_add(made, 1, __ATOMIC_RELAXED);

	*word = at < count ? words[at] : 0x0101010101010101ull * (at % 200 + 1);
	return *word != NO_WORD;
}

bool cpu_draw(uint64_t *word)
{
	return take_word(word, fake.draws, fake.draw_count, &fake.draws_made);
}

bool cpu_seed(uint64_t *word)
{
	return take_word(word, fake.seeds, fake.seed_count, &fake.seeds_made);
}

uint64_t cpu_count_cycles(void)
{
	return 0x0123456789abcdefull;
}

void fail_call(enum call call, int at, int times, int error)
{
	fake.faults[call].seen = 0;
	fake.faults[call].path = NULL;
	fake.faults[call].at = at;
	fake.faults[call].times = times;
	fake.faults[call].error = error;
}

void fail_path(enum call call, const char *path, int error)
{
	fail_call(call, 1, 1 << 30, error);
	fake.faults[call].path = path;
}

static void make_parents(char *path)
{
	for (char *at = path + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
}

int open_root(const char *path, int flags)
{
	char full[512];
	int fd;

	under_root(path, full);
	make_parents(full);
	fd = open(full, flags, 0644);
	check(fd >= 0);
	return fd;
}

void write_root(const char *path, const void *bytes, size_t size)
{
	int fd = open_root(path, O_WRONLY | O_CREAT | O_TRUNC);

	check(write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

void write_text(const char *path, const char *text)
{
	write_root(path, text, strlen(text));
}

void write_memory(uint64_t address, const void *bytes, size_t size)
{
	int fd = open_root("/dev/mem", O_WRONLY | O_CREAT);

	check(pwrite(fd, bytes, size, (off_t)address) == (ssize_t)size);
	check(lseek(fd, 0, SEEK_END) >= (off_t)((address | 4095) + 1) ||
	      !ftruncate(fd, (off_t)((address + size + 4095) & ~4095ull)));
	close(fd);
}

int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int found = 0;

	while (readdir(folder))
		found++;
	closedir(folder);
	return found;
}

uint64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}
