/* Has the kernel reseed at once, for every process of the machine, from what the clones do not share. */

#ifndef VMFORK_HEALING_H
#define VMFORK_HEALING_H

enum {
	RANDOM_MAJOR = 1,
	RANDOM_MINOR = 9,
	HEALING_HARDWARE = 32,
	HEALING_SIZE = UNIQUE_ID_SIZE + HEALING_HARDWARE + 8
};

/* Returns how many bytes: id || hardware || cycle counter, as far as they are there. */
static int gather_healing(uint8_t *into)
{
	int id = copy_id(into), drawn;

	if (id < 0)
		id = 0;
	drawn = read_hardware(into + id, HEALING_HARDWARE, HARDWARE_SEED | HARDWARE_DRAW);
	if (drawn < 0)
		drawn = 0;
	if (!(id + drawn))
		return -ENODATA;
	put_le64(into + id + drawn, cpu_count_cycles(), 8);
	return id + drawn + 8;
}

static int open_random(void)
{
	int fd = (int)sys_openat(AT_FDCWD, "/dev/urandom", O_WRONLY | O_CLOEXEC);
	struct statx stat;
	long ret;

	if (fd < 0)
		return fd;
	ret = sys_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stat);
	if (!ret && (stat.stx_mode & S_IFMT) == S_IFCHR && stat.stx_rdev_major == RANDOM_MAJOR &&
	    stat.stx_rdev_minor == RANDOM_MINOR)
		return fd;
	sys_close(fd);
	return ret < 0 ? (int)ret : -EINVAL;
}

static int write_all(int fd, const uint8_t *from, int size)
{
	long ret;

	for (int at = 0; at < size; at += (int)ret) {
		do {
			ret = sys_write(fd, from + at, (size_t)(size - at));
		} while (ret == -EINTR);
		if (ret <= 0)
			return ret ? (int)ret : -EIO;
	}
	return size;
}

static int reseed_kernel(int fd)
{
	uint8_t bytes[HEALING_SIZE];
	int size = gather_healing(bytes), ret;

	ret = size < 0 ? size : write_all(fd, bytes, size);
	wipe(bytes, sizeof(bytes));
	if (ret < 0)
		return ret;
	ret = (int)sys_ioctl(fd, RNDRESEEDCRNG, 0);
	return ret < 0 ? ret : size;
}

static int heal_kernel(void)
{
	int fd = open_random(), ret;

	if (fd < 0)
		return fd;
	ret = reseed_kernel(fd);
	sys_close(fd);
	return ret;
}

EXPORT int32_t vmfork_heal_kernel(void)
{
	return heal_kernel();
}

/*
 * Heals in the very thread that sees the fork: whoever waits for it may need long to wake up, and till then the kernel
 * gives every clone the same. Returns the count that it healed for, 0 if there was nothing to heal.
 */
EXPORT int32_t vmfork_guard(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms)
{
	int ret = wait_in_slot(handle, &known, interval_ms, timeout_ms);

	if (ret <= 0 || !known)
		return ret < 0 ? ret : 0;
	ret = heal_kernel();
	return ret < 0 ? ret : (int32_t)known;
}

#endif
