/*
 * Tells a process that the virtual machine around it was cloned or rolled back, by the generation id
 * that the hypervisor keeps in the guest's memory, and fetches bytes from outside the process's own
 * memory: from the kernel and from the CPU.
 *
 * symbols.ts is the contract. Freestanding: no libc, no allocation, no threads. A negative result is a
 * negated errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/time_types.h>

/* Mirrored in TypeScript */

enum {
	ABI = 1,
	UNIQUE_ID_SIZE = 16,
	SEED_SIZE = 104,
	NONCE_SIZE = 12,
	MAX_WAITS = 32,
	MAX_PHYSICAL_READS = 16,
	MAX_TABLE_SIZE = 1 << 20
};

enum hardware {
	HARDWARE_DRAW = 1 << 0,
	HARDWARE_SEED = 1 << 1
};

enum status {
	STATUS_SEALED = 1 << 0,
	STATUS_MAPPED = 1 << 1,
	STATUS_INHERITED = 1 << 2,
	STATUS_CONFIRMATION_SHIFT = 8
};

enum confirmation {
	CONFIRMED_BY_DRIVER = 1,
	CONFIRMED_BY_IOMEM = 2,
	CONFIRMED_BY_PARENT = 3
};

/* Private */

enum {
	HARDWARE_TESTED = 1 << 2,
	HARDWARE_TRIES = 10,
	HARDWARE_TEST_WORDS = 8,
	HALF_SEED_SIZE = 32,
	SEED_CYCLES = 2 * HALF_SEED_SIZE,
	SEED_BLOCK = SEED_CYCLES + 8,
	PAGE_SIZE = 4096,
	CHUNK_SIZE = 512,
	LINE_SIZE = 256,
	MEMORY_MAJOR = 1,
	MEMORY_MINOR = 1,
	MAX_TABLE_NAME = 15,
	MAX_HID = 31,
	EXISTS = 0, /* F_OK */
	LOCK_TRIES = 1000
};

static const uint64_t ADDRESS_LIMIT = 1ull << 52;
static const uint64_t NSEC_PER_MSEC = 1000 * 1000;
static const uint64_t NSEC_PER_SEC = 1000 * 1000 * 1000;

#ifndef VMFORK_SYS
#define VMFORK_SYS "sys.h"
#endif
#include VMFORK_SYS

#define EXPORT __attribute__((visibility("default")))
#define MUST_CHECK __attribute__((warn_unused_result))
#define RARE __attribute__((noinline, cold))
#define INLINE inline __attribute__((always_inline))

/* Small helpers */

static void wipe(void *bytes, size_t size)
{
	volatile uint8_t *at = bytes;

	while (size--)
		*at++ = 0;
}

static void put_le64(uint8_t *into, uint64_t word, size_t size)
{
	for (size_t i = 0; i < size; i++, word >>= 8)
		into[i] = (uint8_t)word;
}

static void xor_bytes(uint8_t *into, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		into[i] ^= from[i];
}

/* Copies a string without its NUL; returns where it ended. */
static char *put_string(char *into, const char *from)
{
	while (*from)
		*into++ = *from++;
	*into = '\0';
	return into;
}

/* Returns where `text` goes on after `prefix`, or NULL. */
static const char *skip_prefix(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return NULL;
	return text;
}

/* Returns where `text` goes on after the first `needle`, or NULL. */
static const char *skip_past(const char *text, const char *needle)
{
	for (; *text; text++) {
		const char *rest = skip_prefix(text, needle);

		if (rest)
			return rest;
	}
	return NULL;
}

static int parse_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Returns where the number of 1 to 16 digits ended, or NULL. */
static const char *parse_hex(const char *text, uint64_t *value)
{
	int digits = 0, digit;

	for (*value = 0; (digit = parse_hex_digit(*text)) >= 0; text++) {
		if (++digits > 16)
			return NULL;
		*value = *value << 4 | (uint64_t)digit;
	}
	return digits ? text : NULL;
}

static long read_some(int fd, void *into, size_t size)
{
	long ret;

	do {
		ret = sys_read(fd, into, size);
	} while (ret == -EINTR);
	return ret;
}

/* The generation */

static const volatile uint64_t *unique_id; /* in the mapped page; set once, never unmapped */
static uint64_t last_id[2];
static uint32_t count = 1;
static uint32_t status;

static void grow_count(void)
{
	uint32_t old = __atomic_load_n(&count, __ATOMIC_RELAXED), new;

	do {
		new = old == UINT32_MAX ? 1 : old + 1;
	} while (!__atomic_compare_exchange_n(&count, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

/* FIRST the count, THEN the id: whoever finds the new id in `last_id` must also find the new count. */
RARE static void notice_id(uint64_t low, uint64_t high)
{
	grow_count();
	__atomic_store_n(&last_id[0], low, __ATOMIC_RELEASE);
	__atomic_store_n(&last_id[1], high, __ATOMIC_RELEASE);
}

static INLINE uint32_t read_generation(void)
{
	const volatile uint64_t *id = __atomic_load_n(&unique_id, __ATOMIC_ACQUIRE);
	uint64_t low, high;

	if (id) {
		low = id[0];
		high = id[1];
		if (!(low | high))
			return 0;
		if (low != __atomic_load_n(&last_id[0], __ATOMIC_ACQUIRE) ||
		    high != __atomic_load_n(&last_id[1], __ATOMIC_ACQUIRE))
			notice_id(low, high);
	}
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

EXPORT uint32_t vmfork_abi(void)
{
	return ABI;
}

EXPORT uint32_t vmfork_generation(void)
{
	return read_generation();
}

EXPORT int32_t vmfork_unique_id(uint8_t *into)
{
	const volatile uint64_t *id = __atomic_load_n(&unique_id, __ATOMIC_ACQUIRE);
	uint64_t low, high;

	if (!into)
		return -EFAULT;
	if (!id)
		return 0;
	low = id[0];
	high = id[1];
	if (!(low | high))
		return -ENODATA;
	put_le64(into, low, 8);
	put_le64(into + 8, high, 8);
	return UNIQUE_ID_SIZE;
}

EXPORT uint32_t vmfork_status(void)
{
	return __atomic_load_n(&status, __ATOMIC_ACQUIRE);
}

/* Randomness */

static uint32_t hardware;

static bool is_stuck(uint64_t word)
{
	return !word || !~word;
}

static bool read_cpu(uint32_t kind, uint64_t *word)
{
	return kind == HARDWARE_SEED ? cpu_seed(word) : cpu_draw(word);
}

static uint32_t test_hardware(uint32_t kind)
{
	uint64_t first = 0, word = 0;
	bool varied = false;
	int words = 0;

	for (int tries = 0; words < HARDWARE_TEST_WORDS && tries < HARDWARE_TEST_WORDS * HARDWARE_TRIES; tries++) {
		if (!read_cpu(kind, &word))
			continue;
		if (is_stuck(word))
			return 0;
		if (!words++)
			first = word;
		varied |= word != first;
	}
	return varied && words == HARDWARE_TEST_WORDS ? kind : 0;
}

/* Tested once; of several threads that test at the same time the first one decides. */
static uint32_t find_hardware(void)
{
	uint32_t known = __atomic_load_n(&hardware, __ATOMIC_RELAXED), found;

	if (known)
		return known;
	found = cpu_find_hardware();
	if (found & HARDWARE_DRAW && !test_hardware(HARDWARE_DRAW))
		found &= ~(uint32_t)HARDWARE_DRAW;
	if (found & HARDWARE_SEED && !test_hardware(HARDWARE_SEED))
		found &= ~(uint32_t)HARDWARE_SEED;
	found |= HARDWARE_TESTED;
	if (__atomic_compare_exchange_n(&hardware, &known, found, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return found;
	return known;
}

MUST_CHECK static bool draw_word(uint32_t kind, uint64_t *word)
{
	for (int tries = 0; tries < HARDWARE_TRIES; tries++)
		if (read_cpu(kind, word) && !is_stuck(*word))
			return true;
	return false;
}

/* Returns size; 0 and zeros when the CPU has none of `kinds`, which are tried in the order seed, draw. */
MUST_CHECK static int read_hardware(uint8_t *into, size_t size, uint32_t kinds)
{
	uint64_t word = 0;
	size_t taken;

	kinds &= find_hardware();
	for (size_t at = 0; at < size; at += taken) {
		taken = size - at < sizeof(word) ? size - at : sizeof(word);
		if (kinds && !(kinds & HARDWARE_SEED && draw_word(HARDWARE_SEED, &word)) &&
		    !(kinds & HARDWARE_DRAW && draw_word(HARDWARE_DRAW, &word))) {
			wipe(&word, sizeof(word));
			wipe(into, size);
			return -EIO;
		}
		put_le64(into + at, word, taken);
	}
	wipe(&word, sizeof(word));
	return kinds ? (int)size : 0;
}

MUST_CHECK static int read_kernel(uint8_t *into, size_t size)
{
	long ret;

	for (size_t at = 0; at < size; at += (size_t)ret) {
		do {
			ret = sys_getrandom(into + at, size - at, 0);
		} while (ret == -EINTR);
		if (ret <= 0)
			return ret ? (int)ret : -EIO;
	}
	return (int)size;
}

/* getrandom(size) XOR hardware(size) */
MUST_CHECK static int read_hedged(uint8_t *into, size_t size, uint32_t kinds)
{
	uint8_t scratch[HALF_SEED_SIZE];
	int ret;

	ret = read_kernel(into, size);
	if (ret < 0)
		goto out;
	ret = read_hardware(scratch, size, kinds);
	if (ret < 0)
		goto out;
	xor_bytes(into, scratch, size);
	ret = (int)size;
out:
	wipe(scratch, sizeof(scratch));
	return ret;
}

EXPORT int32_t vmfork_seed(uint8_t *seed)
{
	const uint32_t kinds = HARDWARE_SEED | HARDWARE_DRAW;
	int ret;

	if (!seed)
		return -EFAULT;
	ret = read_kernel(seed, HALF_SEED_SIZE);
	if (ret < 0)
		goto out;
	ret = read_hardware(seed + HALF_SEED_SIZE, HALF_SEED_SIZE, kinds);
	if (ret < 0)
		goto out;
	put_le64(seed + SEED_CYCLES, cpu_count_cycles(), 8);
	ret = read_hedged(seed + SEED_BLOCK, HALF_SEED_SIZE, kinds);
out:
	if (ret < 0)
		wipe(seed, SEED_SIZE);
	return ret < 0 ? ret : SEED_SIZE;
}

EXPORT int32_t vmfork_nonce(uint8_t *nonce)
{
	if (!nonce)
		return -EFAULT;
	return read_hardware(nonce, NONCE_SIZE, HARDWARE_DRAW);
}

EXPORT int32_t vmfork_hedged_nonce(uint8_t *nonce)
{
	int ret;

	if (!nonce)
		return -EFAULT;
	ret = read_hedged(nonce, NONCE_SIZE, HARDWARE_DRAW);
	if (ret < 0)
		wipe(nonce, NONCE_SIZE);
	return ret;
}

EXPORT uint32_t vmfork_hardware(void)
{
	return find_hardware() & (HARDWARE_DRAW | HARDWARE_SEED);
}

/* Files of /proc, line by line */

struct lines {
	int fd;
	size_t next, filled;
	char chunk[CHUNK_SIZE];
	char line[LINE_SIZE];
};

static int open_lines(struct lines *lines, const char *path)
{
	long ret = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	if (ret < 0)
		return (int)ret;
	lines->fd = (int)ret;
	lines->next = lines->filled = 0;
	return 0;
}

/* Returns 1 with the next line, cut at LINE_SIZE - 1; 0 at the end of the file. */
static int read_line(struct lines *lines)
{
	size_t length = 0;
	long ret;
	char c;

	for (;;) {
		if (lines->next == lines->filled) {
			ret = read_some(lines->fd, lines->chunk, sizeof(lines->chunk));
			if (ret < 0)
				return (int)ret;
			if (!ret && !length)
				return 0;
			if (!ret)
				break;
			lines->next = 0;
			lines->filled = (size_t)ret;
		}
		c = lines->chunk[lines->next++];
		if (c == '\n')
			break;
		if (length < sizeof(lines->line) - 1)
			lines->line[length++] = c;
	}
	lines->line[length] = '\0';
	return 1;
}

/* "  00100000-bfffffff : System RAM", at any depth. Who lacks the right to see the addresses is shown zeros. */
static bool parse_system_ram(const char *line, uint64_t *first, uint64_t *last)
{
	while (*line == ' ')
		line++;
	line = parse_hex(line, first);
	line = line ? skip_prefix(line, "-") : NULL;
	line = line ? parse_hex(line, last) : NULL;
	return line && *last && skip_prefix(line, " : System RAM");
}

/* Returns 1 if System RAM overlaps first..last, 0 if not, -EACCES if /proc/iomem does not tell. */
static int find_system_ram(uint64_t first, uint64_t last)
{
	struct lines lines;
	uint64_t ram_first, ram_last;
	bool told = false, overlaps = false;
	int ret;

	if (open_lines(&lines, "/proc/iomem") < 0)
		return -EACCES;
	while ((ret = read_line(&lines)) > 0) {
		if (!parse_system_ram(lines.line, &ram_first, &ram_last))
			continue;
		told = true;
		overlaps |= ram_first <= last && ram_last >= first;
	}
	sys_close(lines.fd);
	if (ret < 0 || !told)
		return -EACCES;
	return overlaps;
}

/* "0x…-0x…    8192 memremap+0x1bc/0x1e0 phys=0x00000000000df000 ioremap" */
static bool is_mapping_of(const char *line, uint64_t page)
{
	uint64_t phys;

	line = skip_past(line, "memremap");
	line = line ? skip_past(line, " phys=0x") : NULL;
	line = line ? parse_hex(line, &phys) : NULL;
	return line && *line == ' ' && phys == page;
}

/* Returns 1 if the kernel has mapped the page for a driver, 0 if not, -EACCES if /proc/vmallocinfo does not tell. */
static int find_driver_mapping(uint64_t page)
{
	struct lines lines;
	bool told = false, found = false;
	int ret;

	if (open_lines(&lines, "/proc/vmallocinfo") < 0)
		return -EACCES;
	while ((ret = read_line(&lines)) > 0) {
		told = true;
		found |= is_mapping_of(lines.line, page);
	}
	sys_close(lines.fd);
	if (ret < 0 || !told)
		return -EACCES;
	return found;
}

/* Discovery: only until sealed, one caller at a time */

static uint32_t lock;
static int memory = -1; /* /dev/mem, held from open or adopt until map or seal */
static bool memory_inherited;
static uint32_t physical_reads;

static void drop_memory(void)
{
	if (memory >= 0)
		sys_close(memory);
	memory = -1;
}

static bool is_sealed(void)
{
	return __atomic_load_n(&status, __ATOMIC_ACQUIRE) & STATUS_SEALED;
}

static void seal(void)
{
	__atomic_fetch_or(&status, STATUS_SEALED, __ATOMIC_ACQ_REL);
}

static int take_lock(void)
{
	struct __kernel_timespec pause;

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (!__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
			return 0;
		pause = (struct __kernel_timespec){ .tv_nsec = (long)NSEC_PER_MSEC };
		sys_ppoll(NULL, 0, &pause);
	}
	return -EBUSY;
}

static void leave_discovery(void)
{
	if (is_sealed())
		drop_memory();
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

MUST_CHECK static int enter_discovery(void)
{
	int ret = take_lock();

	if (ret < 0)
		return ret;
	if (is_sealed()) {
		leave_discovery();
		return -EPERM;
	}
	return 0;
}

EXPORT int32_t vmfork_seal(void)
{
	seal();
	if (!take_lock())
		leave_discovery();
	return 0;
}

/* (DSDT|SSDT[0-9]*) */
static bool is_table_name(const char *name)
{
	const char *digits = skip_prefix(name, "SSDT");

	if (!digits) {
		digits = skip_prefix(name, "DSDT");
		return digits && !*digits;
	}
	while (*digits >= '0' && *digits <= '9' && digits - name < MAX_TABLE_NAME)
		digits++;
	return !*digits;
}

static int read_file(int fd, uint8_t *into, size_t capacity)
{
	size_t size = 0;
	uint8_t more;
	long ret;

	do {
		if (size < capacity)
			ret = read_some(fd, into + size, capacity - size);
		else
			ret = read_some(fd, &more, sizeof(more)) ? -EFBIG : 0;
		if (ret < 0)
			return (int)ret;
		size += (size_t)ret;
	} while (ret);
	return (int)size;
}

static int read_table(const char *name, uint8_t *into, uint32_t capacity)
{
	char path[sizeof("/sys/firmware/acpi/tables/") + MAX_TABLE_NAME];
	long fd;
	int ret;

	put_string(put_string(path, "/sys/firmware/acpi/tables/"), name);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	ret = read_file((int)fd, into, capacity < MAX_TABLE_SIZE ? capacity : MAX_TABLE_SIZE);
	sys_close((int)fd);
	return ret;
}

EXPORT int32_t vmfork_read_table(const char *name, uint8_t *into, uint32_t capacity)
{
	int ret;

	if (!name || !into)
		return -EFAULT;
	ret = enter_discovery();
	if (ret < 0)
		return ret;
	ret = is_table_name(name) ? read_table(name, into, capacity) : -EINVAL;
	leave_discovery();
	return ret;
}

/* The memory device, read-only and cached: O_SYNC would ask for an uncached mapping beside the kernel's cached one. */
static int check_memory(int fd)
{
	struct statx stat;
	long ret;

	ret = sys_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stat);
	if (ret < 0)
		return (int)ret;
	if ((stat.stx_mode & S_IFMT) != S_IFCHR || stat.stx_rdev_major != MEMORY_MAJOR ||
	    stat.stx_rdev_minor != MEMORY_MINOR)
		return -EINVAL;
	ret = sys_fcntl(fd, F_GETFL, 0);
	if (ret < 0)
		return (int)ret;
	if (ret & O_PATH)
		return -EBADF;
	return (ret & O_ACCMODE) == O_RDONLY && !(ret & O_SYNC) ? 0 : -EINVAL;
}

static void hold_memory(int fd, bool inherited)
{
	memory = fd;
	memory_inherited = inherited;
}

static int open_memory(void)
{
	long fd;
	int ret;

	if (memory >= 0)
		return 0;
	fd = sys_openat(AT_FDCWD, "/dev/mem", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	ret = check_memory((int)fd);
	if (ret < 0)
		sys_close((int)fd);
	else
		hold_memory((int)fd, false);
	return ret;
}

static int adopt_memory(int fd)
{
	int ret;

	if (memory >= 0)
		return -EBUSY;
	ret = check_memory(fd);
	if (ret < 0)
		return ret;
	ret = (int)sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (ret < 0)
		return ret;
	hold_memory(fd, true);
	return 0;
}

EXPORT int32_t vmfork_open_memory(void)
{
	int ret = enter_discovery();

	if (ret < 0)
		return ret;
	ret = open_memory();
	leave_discovery();
	return ret;
}

EXPORT int32_t vmfork_adopt_memory(int32_t fd)
{
	int ret = enter_discovery();

	if (ret < 0)
		return ret;
	ret = adopt_memory(fd);
	leave_discovery();
	return ret;
}

/* One load of the width: the firmware's registers may lie here as well as its tables. */
static uint64_t load_word(long map, uint32_t width)
{
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)map;
	case 2:
		return *(const volatile uint16_t *)map;
	case 4:
		return *(const volatile uint32_t *)map;
	default:
		return *(const volatile uint64_t *)map;
	}
}

static int read_physical(uint64_t address, uint32_t width, uint8_t *into)
{
	const uint64_t offset = address % PAGE_SIZE, page = address - offset;
	long map;
	int ret;

	if (memory < 0)
		return -EBADF;
	if (physical_reads == MAX_PHYSICAL_READS)
		return -EDQUOT;
	ret = find_system_ram(page, page + PAGE_SIZE - 1);
	if (ret)
		return ret < 0 ? ret : -EADDRNOTAVAIL;
	physical_reads++;
	map = sys_mmap(PAGE_SIZE, PROT_READ, MAP_SHARED, memory, page);
	if (map < 0)
		return (int)map;
	put_le64(into, load_word(map + (long)offset, width), width);
	sys_munmap(map, PAGE_SIZE);
	return (int)width;
}

EXPORT int32_t vmfork_read_physical(uint64_t address, uint32_t width, uint8_t *into)
{
	int ret;

	if (!into)
		return -EFAULT;
	if ((width != 1 && width != 2 && width != 4 && width != 8) || address % width || address >= ADDRESS_LIMIT)
		return -EINVAL;
	ret = enter_discovery();
	if (ret < 0)
		return ret;
	ret = read_physical(address, width, into);
	leave_discovery();
	return ret;
}

/* [A-Z0-9_]{0,31} */
static bool is_hid(const char *hid)
{
	size_t length = 0;

	for (char c; (c = hid[length]); length++)
		if (length == MAX_HID || !((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	return true;
}

/* Returns 1 if the driver of this bus holds the device, 0 if not. */
static int find_bound_device(const char *driver, const char *hid)
{
	char path[sizeof("/sys/bus/platform/drivers/vmgenid/") + MAX_HID + sizeof(":00")];
	long ret;

	put_string(put_string(put_string(path, driver), hid), ":00");
	ret = sys_faccessat(AT_FDCWD, path, EXISTS);
	if (ret == -ENOENT || ret == -ENOTDIR)
		return 0;
	return ret < 0 ? (int)ret : 1;
}

/* The kernel's vmgenid driver: a platform driver since Linux 6.10, an ACPI driver before */
static int is_driver_bound(const char *hid)
{
	int ret;

	if (!*hid)
		return 0;
	ret = find_bound_device("/sys/bus/platform/drivers/vmgenid/", hid);
	return ret ? ret : find_bound_device("/sys/bus/acpi/drivers/vmgenid/", hid);
}

/* Where the kernel does not tell, only a privileged parent's word is left. */
static int trust_parent(int refusal)
{
	return memory_inherited ? CONFIRMED_BY_PARENT : refusal;
}

static int confirm_page(uint64_t first, uint64_t last, const char *hid)
{
	int ram, mapped, bound;

	ram = find_system_ram(first, last);
	if (ram > 0)
		return -EADDRNOTAVAIL;
	if (ram < 0 && !memory_inherited)
		return ram;
	mapped = find_driver_mapping(first);
	if (mapped > 0)
		return CONFIRMED_BY_DRIVER;
	/* Who passes a descriptor on names no device whose driver could be looked for. */
	if (memory_inherited && !*hid)
		return CONFIRMED_BY_PARENT;
	bound = is_driver_bound(hid);
	if (bound < 0)
		return trust_parent(bound);
	if (bound)
		return mapped < 0 ? trust_parent(mapped) : -ENXIO;
	return ram < 0 ? CONFIRMED_BY_PARENT : CONFIRMED_BY_IOMEM;
}

/* Seals even if the id is not filled in; then the page stays mapped, unused. */
static int publish_id(const volatile uint64_t *id, int confirmation)
{
	const uint64_t low = id[0], high = id[1];

	if (!(low | high)) {
		seal();
		return -ENODATA;
	}
	notice_id(low, high);
	__atomic_store_n(&unique_id, id, __ATOMIC_RELEASE);
	/* Sealed and mapped at once: nobody finds discovery over and no page. */
	__atomic_fetch_or(&status,
			  STATUS_SEALED | STATUS_MAPPED | (memory_inherited ? STATUS_INHERITED : 0) |
				  (uint32_t)confirmation << STATUS_CONFIRMATION_SHIFT,
			  __ATOMIC_ACQ_REL);
	return confirmation;
}

static int map_id(uint64_t address, const char *hid)
{
	const uint64_t offset = address % PAGE_SIZE, first = address - offset;
	const uint64_t last = (address + UNIQUE_ID_SIZE - 1) | (PAGE_SIZE - 1);
	int confirmation;
	long map;

	if (memory < 0)
		return -EBADF;
	confirmation = confirm_page(first, last, hid);
	if (confirmation < 0)
		return confirmation;
	map = sys_mmap(last - first + 1, PROT_READ, MAP_SHARED, memory, first);
	if (map < 0)
		return (int)map;
	return publish_id((const volatile uint64_t *)(map + (long)offset), confirmation);
}

EXPORT int32_t vmfork_map(uint64_t address, const char *hid)
{
	int ret;

	if (!hid)
		return -EFAULT;
	if (!address || address % 8 || address >= ADDRESS_LIMIT || !is_hid(hid))
		return -EINVAL;
	ret = enter_discovery();
	if (ret < 0)
		return ret;
	ret = map_id(address, hid);
	drop_memory();
	leave_discovery();
	return ret;
}

/* Waiting */

enum {
	SLOT_FREE = 0,
	SLOT_OPENING = 1,
	SLOT_OPEN = 2,
	SLOT_WAITING = 3,
	SLOT_PHASE = 3,
	SLOT_WOKEN = 1 << 2,
	SLOT_SEQUENCE_SHIFT = 3,
	SEQUENCE_MASK = (1 << 26) - 1,
	HANDLE_SEQUENCE_SHIFT = 5,
	MIN_INTERVAL = 1,
	MAX_INTERVAL = 1000
};

/*
 * One wait. The state tells who holds the slot, for the how-manieth time, and whether it was woken; the
 * bell only cuts ppoll short. So a late ring of a wait that is over wakes nobody.
 */
static struct slot {
	uint32_t state;
	int bell; /* an eventfd + 1, made once; 0: not yet */
} slots[MAX_WAITS];

static uint32_t get_sequence(uint32_t state)
{
	return state >> SLOT_SEQUENCE_SHIFT;
}

static uint32_t make_state(uint32_t sequence, uint32_t phase)
{
	return sequence << SLOT_SEQUENCE_SHIFT | phase;
}

static bool change_state(struct slot *slot, uint32_t *from, uint32_t to)
{
	return __atomic_compare_exchange_n(&slot->state, from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void set_state(struct slot *slot, uint32_t state)
{
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
}

static uint32_t get_state(const struct slot *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

static void ring_bell(const struct slot *slot)
{
	const uint64_t one = 1;

	while (sys_write(slot->bell - 1, &one, sizeof(one)) == -EINTR)
		;
}

static void quiet_bell(const struct slot *slot)
{
	uint64_t rings;

	read_some(slot->bell - 1, &rings, sizeof(rings));
}

static int open_slot(struct slot *slot, uint32_t sequence)
{
	long fd;

	if (!slot->bell) {
		fd = sys_eventfd2(0, O_CLOEXEC | O_NONBLOCK);
		if (fd < 0) {
			set_state(slot, make_state(sequence, SLOT_FREE));
			return (int)fd;
		}
		slot->bell = (int)fd + 1;
	}
	quiet_bell(slot);
	set_state(slot, make_state(sequence, SLOT_OPEN));
	return 0;
}

EXPORT int32_t vmfork_wait_open(void)
{
	for (uint32_t i = 0; i < MAX_WAITS; i++) {
		uint32_t state = get_state(&slots[i]);
		uint32_t sequence = (get_sequence(state) + 1) & SEQUENCE_MASK;
		int ret;

		if ((state & SLOT_PHASE) != SLOT_FREE || !change_state(&slots[i], &state, state | SLOT_OPENING))
			continue;
		ret = open_slot(&slots[i], sequence);
		return ret < 0 ? ret : (int32_t)(sequence << HANDLE_SEQUENCE_SHIFT | i);
	}
	return -EMFILE;
}

static int wake_slot(struct slot *slot, uint32_t sequence)
{
	uint32_t state = get_state(slot);

	do {
		if (get_sequence(state) != sequence || (state & SLOT_PHASE) < SLOT_OPEN)
			return -EBADF;
	} while (!change_state(slot, &state, state | SLOT_WOKEN));
	ring_bell(slot);
	return 0;
}

EXPORT int32_t vmfork_wake(int32_t handle)
{
	if (handle < 0)
		return -EBADF;
	return wake_slot(&slots[handle % MAX_WAITS], (uint32_t)handle >> HANDLE_SEQUENCE_SHIFT);
}

EXPORT int32_t vmfork_close(void)
{
	for (int i = 0; i < MAX_WAITS; i++)
		wake_slot(&slots[i], get_sequence(get_state(&slots[i])));
	return 0;
}

static int read_clock(uint64_t *now)
{
	struct __kernel_timespec time;
	long ret = sys_clock_gettime(CLOCK_MONOTONIC, &time);

	if (ret < 0)
		return (int)ret;
	*now = (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
	return 0;
}

static int pause_slot(const struct slot *slot, uint64_t pause)
{
	struct pollfd bell = { .fd = slot->bell - 1, .events = POLLIN };
	struct __kernel_timespec timeout = {
		.tv_sec = (long)(pause / NSEC_PER_SEC),
		.tv_nsec = (long)(pause % NSEC_PER_SEC)
	};
	long ret = sys_ppoll(&bell, 1, &timeout);

	if (ret < 0)
		return ret == -EINTR ? 0 : (int)ret;
	if (bell.revents & ~POLLIN)
		return -EIO;
	if (bell.revents & POLLIN)
		quiet_bell(slot);
	return 0;
}

/* Both in ns; a timeout of UINT64_MAX is none. */
static int watch_generation(const struct slot *slot, uint32_t known, uint64_t interval, uint64_t timeout)
{
	uint64_t now = 0, deadline, pause;
	int ret;

	ret = read_clock(&now);
	deadline = timeout == UINT64_MAX ? UINT64_MAX : now + timeout;
	while (!ret) {
		const uint32_t generation = read_generation();

		if (!generation || generation != known)
			return 1;
		if (get_state(slot) & SLOT_WOKEN)
			return -ECANCELED;
		if (now >= deadline)
			return 0;
		pause = deadline - now;
		ret = pause_slot(slot, pause < interval ? pause : interval);
		if (!ret)
			ret = read_clock(&now);
	}
	return ret;
}

EXPORT int32_t vmfork_wait(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms)
{
	struct slot *slot = &slots[(uint32_t)handle % MAX_WAITS];
	const uint32_t sequence = (uint32_t)handle >> HANDLE_SEQUENCE_SHIFT;
	const uint64_t timeout = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * NSEC_PER_MSEC;
	uint32_t state = get_state(slot);
	int ret;

	if (interval_ms < MIN_INTERVAL)
		interval_ms = MIN_INTERVAL;
	if (interval_ms > MAX_INTERVAL)
		interval_ms = MAX_INTERVAL;
	do {
		if (handle < 0 || get_sequence(state) != sequence || (state & SLOT_PHASE) != SLOT_OPEN)
			return -EBADF;
	} while (!change_state(slot, &state, state | SLOT_WAITING));
	ret = watch_generation(slot, known, interval_ms * NSEC_PER_MSEC, timeout);
	set_state(slot, make_state(sequence, SLOT_FREE));
	return ret;
}
