/* /dev/mem: who holds it, what may be read through it. */

#ifndef VMFORK_MEMORY_H
#define VMFORK_MEMORY_H

enum {
	MEMORY_MAJOR = 1,
	MEMORY_MINOR = 1
};

static bool memory_inherited;
static uint32_t physical_reads;

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

/* A character device that is open read-only: -EINVAL for others, -EBADF for what only names one. */
static int check_device(int fd, struct statx *stat)
{
	long ret;

	ret = sys_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, stat);
	if (ret < 0)
		return (int)ret;
	if ((stat->stx_mode & S_IFMT) != S_IFCHR)
		return -EINVAL;
	ret = sys_fcntl(fd, F_GETFL, 0);
	if (ret < 0)
		return (int)ret;
	if (ret & O_PATH)
		return -EBADF;
	return (ret & O_ACCMODE) == O_RDONLY ? (int)ret : -EINVAL;
}

/* The memory device, cached: O_SYNC would ask for an uncached mapping beside the kernel's cached one. */
static int check_memory(int fd)
{
	struct statx stat;
	int flags = check_device(fd, &stat);

	if (flags < 0)
		return flags;
	if (stat.stx_rdev_major != MEMORY_MAJOR || stat.stx_rdev_minor != MEMORY_MINOR || flags & O_SYNC)
		return -EINVAL;
	return 0;
}

static void hold_memory(int fd, bool inherited)
{
	memory = fd;
	memory_inherited = inherited;
}

static int open_memory(void)
{
	int fd, ret;

	if (memory >= 0)
		return 0;
	fd = open_file("/dev/mem");
	if (fd < 0)
		return fd;
	ret = check_memory(fd);
	if (ret < 0)
		sys_close(fd);
	else
		hold_memory(fd, false);
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

/* Maps one page that is not System RAM, where that can be told: `ram` becomes 0, or why not. */
static long map_physical(uint64_t page, bool trusting, int *ram)
{
	if (memory < 0)
		return -EBADF;
	if (physical_reads == MAX_PHYSICAL_READS)
		return -EDQUOT;
	*ram = find_system_ram(page, page + PAGE_SIZE - 1);
	if (*ram > 0)
		return -EADDRNOTAVAIL;
	if (*ram < 0 && !trusting)
		return *ram;
	physical_reads++;
	return sys_mmap(PAGE_SIZE, PROT_READ, MAP_SHARED, memory, page);
}

static int read_physical(uint64_t address, uint32_t width, uint8_t *into)
{
	const uint64_t offset = address % PAGE_SIZE;
	int ram;
	long map = map_physical(address - offset, false, &ram);

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

#endif
