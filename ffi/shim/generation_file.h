/*
 * A generation file: a number that the platform publishes, and that someone has opted into. Nobody gets to see it, only
 * that it is another.
 *
 * A regular file is opened at each look: one that is replaced by rename would never change in a mapping, and one that is
 * truncated would end the process with a SIGBUS. A device, in the form of /dev/sysgenid, is mapped and stays so.
 */

#ifndef VMFORK_GENERATION_FILE_H
#define VMFORK_GENERATION_FILE_H

enum {
	MAX_PATH = 255,
	MAX_TEXT = MAX_DECIMAL_DIGITS + 1, /* and a newline */
	TEXT_WIDTH = 0,
	DEVICE_WIDTH = 4
};

static char generation_path[MAX_PATH + 1];
static uint32_t generation_width;
static const volatile uint32_t *generation_device; /* set once, never unmapped */

/* Digits, and a newline or none. */
static int parse_generation_text(const char *text, int size, uint64_t *value)
{
	const char *rest = parse_decimal(text, value);

	if (rest && *rest == '\n')
		rest++;
	return rest == text + size ? 0 : -EINVAL;
}

static int read_generation_bytes(int fd, uint32_t width, uint64_t *word)
{
	char bytes[MAX_TEXT + 1];
	int size = read_file(fd, (uint8_t *)bytes, width ? width : MAX_TEXT);

	if (size < 0)
		return size;
	bytes[size] = '\0';
	if (width == TEXT_WIDTH)
		return parse_generation_text(bytes, size, word);
	if ((uint32_t)size != width)
		return -EINVAL;
	*word = get_le64((const uint8_t *)bytes, width);
	return 0;
}

static int map_generation_device(int fd, uint32_t width, uint64_t *word)
{
	long map;

	if (width != DEVICE_WIDTH)
		return -EINVAL;
	map = sys_mmap(PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (map < 0)
		return (int)map;
	generation_device = (const volatile uint32_t *)map;
	*word = *generation_device;
	return 0;
}

/* Reads the number in it; `is_new`: a device will do as well, and is mapped. */
static int open_generation(const char *path, uint32_t width, bool is_new, uint64_t *word)
{
	/* Never waits for the other end of a pipe, nor takes a terminal over. */
	int fd = (int)sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), ret;
	struct statx stat;

	if (fd < 0)
		return fd;
	ret = (int)sys_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stat);
	if (!ret && (stat.stx_mode & S_IFMT) == S_IFREG)
		ret = read_generation_bytes(fd, width, word);
	else if (!ret && (stat.stx_mode & S_IFMT) == S_IFCHR && is_new)
		ret = map_generation_device(fd, width, word);
	else if (!ret)
		ret = -EINVAL;
	sys_close(fd);
	return ret;
}

static int read_generation_file(uint64_t *word)
{
	if (!generation_device)
		return open_generation(generation_path, generation_width, false, word);
	*word = *generation_device;
	return 0;
}

/* Whether it is the one that is watched; its path and width never change again. */
static int watch_again(const char *path, uint32_t width)
{
	return is_equal(path, generation_path) && width == generation_width ? 0 : -EEXIST;
}

static int watch_file(const char *path, uint32_t width)
{
	uint64_t word;
	int ret;

	if (get_status() & STATUS_FILE)
		return watch_again(path, width);
	ret = open_generation(path, width, true, &word);
	if (ret < 0)
		return ret;
	put_string(generation_path, path);
	generation_width = width;
	begin_source(SOURCE_FILE, FILE_WORD, word);
	add_status(STATUS_FILE);
	return 0;
}

/* Absolute, and not too long. */
static bool is_path(const char *path)
{
	size_t length = 0;

	if (*path != '/')
		return false;
	while (path[length])
		if (++length > MAX_PATH)
			return false;
	return true;
}

EXPORT int32_t vmfork_watch_file(const char *path, uint32_t width)
{
	int ret;

	if (!path)
		return -EFAULT;
	if ((width != TEXT_WIDTH && width != 4 && width != 8) || !is_path(path))
		return -EINVAL;
	if (get_status() & STATUS_FILE) /* also once discovery has ended */
		return watch_again(path, width);
	ret = enter_discovery();
	if (ret < 0)
		return ret;
	ret = watch_file(path, width);
	leave_discovery();
	return ret;
}

#endif
