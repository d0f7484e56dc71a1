/* Discovery: only until sealed, one caller at a time. And the firmware's tables, which it begins with. */

#ifndef VMFORK_DISCOVERY_H
#define VMFORK_DISCOVERY_H

enum {
	MAX_TABLE_NAME = 15
};

static uint32_t discovery_lock;
static int memory = -1; /* /dev/mem, held from open or adopt until map or seal */

static void drop_memory(void)
{
	if (memory >= 0)
		sys_close(memory);
	memory = -1;
}

static bool is_sealed(void)
{
	return get_status() & STATUS_SEALED;
}

static void seal(void)
{
	add_status(STATUS_SEALED);
}

static void leave_discovery(void)
{
	if (is_sealed())
		drop_memory();
	drop_lock(&discovery_lock);
}

MUST_CHECK static int enter_discovery(void)
{
	int ret = take_lock(&discovery_lock);

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
	if (!take_lock(&discovery_lock))
		leave_discovery();
	return 0;
}

/* (FDT|DSDT|SSDT[0-9]*) */
static bool is_table_name(const char *name)
{
	const char *digits = skip_prefix(name, "SSDT");

	if (!digits)
		return is_equal(name, "DSDT") || is_equal(name, "FDT");
	while (*digits >= '0' && *digits <= '9' && digits - name < MAX_TABLE_NAME)
		digits++;
	return !*digits;
}

static int read_table(const char *name, uint8_t *into, uint32_t capacity)
{
	char path[sizeof("/sys/firmware/acpi/tables/") + MAX_TABLE_NAME];
	int fd, ret;

	/* The flattened device tree, where there is one in place of ACPI. */
	if (is_equal(name, "FDT"))
		put_string(path, "/sys/firmware/fdt");
	else
		put_string(put_string(path, "/sys/firmware/acpi/tables/"), name);
	fd = open_file(path);
	if (fd < 0)
		return fd;
	ret = read_file(fd, into, capacity < MAX_TABLE_SIZE ? capacity : MAX_TABLE_SIZE);
	sys_close(fd);
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

#endif
