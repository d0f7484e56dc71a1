/* Small files, whole or line by line. */

#ifndef VMFORK_FILES_H
#define VMFORK_FILES_H

enum {
	CHUNK_SIZE = 512,
	LINE_SIZE = 256
};

static long read_some(int fd, void *into, size_t size)
{
	long ret;

	do {
		ret = sys_read(fd, into, size);
	} while (ret == -EINTR);
	return ret;
}

static int open_file(const char *path)
{
	return (int)sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

/* Reads all of the file; -EFBIG if it has more than `capacity`. */
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

struct lines {
	int fd;
	size_t next, filled;
	char chunk[CHUNK_SIZE];
	char line[LINE_SIZE];
};

static int open_lines(struct lines *lines, const char *path)
{
	lines->fd = open_file(path);
	lines->next = lines->filled = 0;
	return lines->fd < 0 ? lines->fd : 0;
}

/* Returns 1 with the next character, 0 at the end of the file. */
static int read_char(struct lines *lines, char *c)
{
	int ret;

	if (lines->next == lines->filled) {
		ret = (int)read_some(lines->fd, lines->chunk, sizeof(lines->chunk));
		if (ret <= 0)
			return ret;
		lines->next = 0;
		lines->filled = (size_t)ret;
	}
	*c = lines->chunk[lines->next++];
	return 1;
}

/* Returns 1 with the next line, cut at LINE_SIZE - 1; 0 at the end of the file. */
static int read_line(struct lines *lines)
{
	size_t length = 0;
	int ret;
	char c;

	while ((ret = read_char(lines, &c)) > 0 && c != '\n')
		if (length < sizeof(lines->line) - 1)
			lines->line[length++] = c;
	lines->line[length] = '\0';
	return ret < 0 ? ret : ret || length;
}

#endif
