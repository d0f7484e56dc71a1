/* The page of the VM generation ID: confirmed, mapped, read. */

#ifndef VMFORK_VMGENID_H
#define VMFORK_VMGENID_H

enum {
	MAX_HID = 31,
	EXISTS = 0 /* F_OK */
};

static const volatile uint64_t *unique_id; /* in the mapped page; set once, never unmapped */

static INLINE const volatile uint64_t *get_id(void)
{
	return __atomic_load_n(&unique_id, __ATOMIC_ACQUIRE);
}

/* Returns false while the id is not filled in. */
static INLINE bool read_id(const volatile uint64_t *id, uint64_t *low, uint64_t *high)
{
	*low = id[0];
	*high = id[1];
	return *low | *high;
}

static int copy_id(uint8_t *into)
{
	const volatile uint64_t *id = get_id();
	uint64_t low, high;

	if (!id)
		return 0;
	if (!read_id(id, &low, &high))
		return -ENODATA;
	put_le64(into, low, 8);
	put_le64(into + 8, high, 8);
	return UNIQUE_ID_SIZE;
}

EXPORT int32_t vmfork_unique_id(uint8_t *into)
{
	return into ? copy_id(into) : -EFAULT;
}

/*
 * The driver calls memremap() for a page that ACPI describes. For one of a device tree, which has no hid, arm64 names
 * what every driver's mapping of registers goes through: there it only says that some driver has mapped the page.
 */
static const char *skip_caller(const char *line, const char *hid)
{
	const char *rest = skip_past(line, "memremap");

	return rest || *hid ? rest : skip_past(line, "__ioremap_prot");
}

/* "0x…-0x…    8192 memremap+0x1bc/0x1e0 phys=0x00000000000df000 ioremap" */
static bool is_mapping_of(const char *line, uint64_t page, const char *hid)
{
	uint64_t phys;

	line = skip_caller(line, hid);
	line = line ? skip_past(line, " phys=0x") : NULL;
	line = line ? parse_hex(line, &phys) : NULL;
	return line && *line == ' ' && phys == page;
}

/* Returns 1 if the kernel has mapped the page for a driver, 0 if not, -EACCES if /proc/vmallocinfo does not tell. */
static int find_driver_mapping(uint64_t page, const char *hid)
{
	struct lines lines;
	bool told = false, found = false;
	int ret;

	if (open_lines(&lines, "/proc/vmallocinfo") < 0)
		return -EACCES;
	while ((ret = read_line(&lines)) > 0) {
		told = true;
		found |= is_mapping_of(lines.line, page, hid);
	}
	sys_close(lines.fd);
	if (ret < 0 || !told)
		return -EACCES;
	return found;
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
	mapped = find_driver_mapping(first, hid);
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
	uint64_t low, high;

	if (!read_id(id, &low, &high)) {
		seal();
		return -ENODATA;
	}
	begin_source(SOURCE_VMGENID, ID_LOW, low);
	set_last(ID_HIGH, high);
	__atomic_store_n(&unique_id, id, __ATOMIC_RELEASE);
	/* Sealed and mapped at once: nobody finds discovery over and no page. */
	add_status(STATUS_SEALED | STATUS_MAPPED | (memory_inherited ? STATUS_INHERITED : 0) |
		   (uint32_t)confirmation << STATUS_CONFIRMATION_SHIFT);
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

#endif
