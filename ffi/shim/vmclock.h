/*
 * The vmclock page: seen, like the page of the id, before the first instruction after a resume. Its counters are the
 * same in all clones.
 */

#ifndef VMFORK_VMCLOCK_H
#define VMFORK_VMCLOCK_H

/* struct vmclock_abi of <linux/vmclock-abi.h>, which few machines have yet */
struct vmclock {
	uint32_t magic, size;
	uint16_t version;
	uint8_t counter_id, time_type;
	uint32_t sequence; /* odd: about to change */
	uint64_t disruption_marker, flags;
	uint64_t time[9];
	uint64_t generation_counter;
};

_Static_assert(offsetof(struct vmclock, generation_counter) == 0x68 && sizeof(struct vmclock) == 0x70,
	       "the layout of vmclock_abi");

enum {
	VMCLOCK_MAGIC = 0x4b4c4356, /* "VCLK" */
	VMCLOCK_VERSION = 1,
	VMCLOCK_COUNTS_GENERATIONS = 1 << 8,
	VMCLOCK_NOTIFIES = 1 << 9,
	VMCLOCK_TRIES = 1000,
	VMCLOCK_POLL_TRIES = 3,
	MAX_VMCLOCK_INDEX = 9
};

static const volatile struct vmclock *vmclock; /* set once, never unmapped */
static int vmclock_descriptor = -1; /* kept for poll; none for a page of /dev/mem */

/* The marker also moves on live migration. A bit says which of the two it is: a flag that flips is news as well. */
static uint64_t load_vmclock(const volatile struct vmclock *page)
{
	if (__atomic_load_n(&page->flags, __ATOMIC_ACQUIRE) & VMCLOCK_COUNTS_GENERATIONS)
		return __atomic_load_n(&page->generation_counter, __ATOMIC_ACQUIRE) ^ 1ull << 63;
	return __atomic_load_n(&page->disruption_marker, __ATOMIC_ACQUIRE);
}

/* Returns false if the page is always about to change: whoever was to finish that never will. */
static bool read_vmclock_page(const volatile struct vmclock *page, uint64_t *word)
{
	for (int tries = 0; tries < VMCLOCK_TRIES; tries++) {
		const uint32_t sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);

		*word = load_vmclock(page);
		if (!(sequence & 1) && __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) == sequence)
			return true;
		cpu_pause();
	}
	return false;
}

static bool read_vmclock(uint64_t *word)
{
	return read_vmclock_page(__atomic_load_n(&vmclock, __ATOMIC_ACQUIRE), word);
}

static int check_vmclock(const volatile struct vmclock *page, uint64_t *word)
{
	if (!page->magic)
		return -ENODATA;
	if (page->magic != VMCLOCK_MAGIC || page->version != VMCLOCK_VERSION || page->size < sizeof(*page))
		return -EINVAL;
	return read_vmclock_page(page, word) ? 0 : -EAGAIN;
}

/* Reading it lets poll tell of the next change. */
static bool arm_vmclock(int fd)
{
	uint8_t bytes[sizeof(struct vmclock)];

	return sys_pread(fd, bytes, sizeof(bytes), 0) > 0;
}

/*
 * Before Linux 7.0 the device had no poll of its own, which counts as always readable: a wait would never rest. So what
 * was just read must not be readable; the host may have changed it in between, but not each time.
 */
static bool does_vmclock_notify(int fd)
{
	for (int tries = 0; tries < VMCLOCK_POLL_TRIES && arm_vmclock(fd); tries++) {
		struct pollfd poll = { .fd = fd, .events = POLLIN };
		struct __kernel_timespec timeout = { 0 };

		if (!sys_ppoll(&poll, 1, &timeout))
			return true;
	}
	return false;
}

/* `fd`: to be kept, or -1 */
static int publish_vmclock(long map, int fd, int confirmation)
{
	const volatile struct vmclock *page = (const volatile struct vmclock *)map;
	uint32_t bits = STATUS_CLOCK | (uint32_t)confirmation << STATUS_CLOCK_CONFIRMATION_SHIFT;
	uint64_t word;
	int ret = check_vmclock(page, &word);

	if (ret < 0) {
		sys_munmap(map, PAGE_SIZE);
		return ret;
	}
	if (fd >= 0 && page->flags & VMCLOCK_NOTIFIES && does_vmclock_notify(fd))
		bits |= STATUS_CLOCK_NOTIFIES;
	vmclock_descriptor = fd;
	begin_source(SOURCE_VMCLOCK, CLOCK_WORD, word);
	__atomic_store_n(&vmclock, page, __ATOMIC_RELEASE);
	add_status(bits);
	return confirmation;
}

static int map_vmclock_device(int fd, int confirmation)
{
	struct statx stat;
	long map;
	int ret = check_device(fd, &stat);

	if (ret < 0)
		return ret;
	ret = (int)sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (ret < 0)
		return ret;
	map = sys_mmap(PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	return map < 0 ? (int)map : publish_vmclock(map, fd, confirmation);
}

static int open_vmclock(uint32_t index)
{
	char path[sizeof("/dev/vmclock0")];
	int fd, ret;

	*put_string(path, "/dev/vmclock") = (char)('0' + index);
	path[sizeof(path) - 1] = '\0';
	fd = open_file(path);
	if (fd < 0)
		return fd;
	ret = map_vmclock_device(fd, CONFIRMED_BY_DRIVER);
	if (ret < 0)
		sys_close(fd);
	return ret;
}

static int map_vmclock(uint64_t address)
{
	int ram;
	long map = map_physical(address, memory_inherited, &ram);

	if (map < 0)
		return (int)map;
	return publish_vmclock(map, -1, ram < 0 ? CONFIRMED_BY_PARENT : CONFIRMED_BY_IOMEM);
}

/* It is mapped once. */
MUST_CHECK static int enter_vmclock(void)
{
	int ret = enter_discovery();

	if (ret < 0 || !(get_status() & STATUS_CLOCK))
		return ret;
	leave_discovery();
	return -EEXIST;
}

EXPORT int32_t vmfork_open_clock(uint32_t index)
{
	int ret;

	if (index > MAX_VMCLOCK_INDEX)
		return -EINVAL;
	ret = enter_vmclock();
	if (ret < 0)
		return ret;
	ret = open_vmclock(index);
	leave_discovery();
	return ret;
}

EXPORT int32_t vmfork_adopt_clock(int32_t fd)
{
	int ret = enter_vmclock();

	if (ret < 0)
		return ret;
	ret = map_vmclock_device(fd, CONFIRMED_BY_PARENT);
	leave_discovery();
	return ret;
}

EXPORT int32_t vmfork_map_clock(uint64_t address)
{
	int ret;

	if (!address || address % PAGE_SIZE || address >= ADDRESS_LIMIT)
		return -EINVAL;
	ret = enter_vmclock();
	if (ret < 0)
		return ret;
	ret = map_vmclock(address);
	leave_discovery();
	return ret;
}

#endif
