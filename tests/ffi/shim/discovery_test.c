/* Discovery: tables, physical reads, confirming and mapping the page, sealing; then the mapped generation. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

enum { PAGE = 4096 };

static const uint64_t ADDRESS = 0xdfff0, ADDRESS_PAGE = 0xdf000, STRADDLING = 0xdfff8;

static const char IOMEM[] =
	"00000000-00000fff : Reserved\n"
	"00001000-0009fbff : System RAM\n"
	"0009fc00-000fffff : Reserved\n"
	"  000f0000-000fffff : System ROM\n"
	"00100000-001fffff : System RAM\n"
	"  00100000-0012bb07 : Kernel code\n"
	"00200000-00ffffff : PCI Bus 0000:00\n"
	"  00300000-003fffff : dax0.0\n"
	"    00300000-00300fff : System RAM (kmem)\n"
	"  00400000-00400fff : Not System RAM\n"
	"100000000-63fffffff : System RAM\n";

static const char HIDDEN_IOMEM[] =
	"00000000-00000000 : Reserved\n"
	"00000000-00000000 : System RAM\n"
	"  00000000-00000000 : Kernel code\n";

static const char OTHER_LINES[] =
	"0x0000000092331dd9-0x000000000d014809   20480 irq_init_percpu_irqstack+0xca/0x100 vmap\n"
	"0x0000000005f70400-0x000000006c8de9aa   12288 acpi_os_map_iomem+0x1bc/0x1e0 phys=0x00000000000df000 ioremap\n"
	"0x0000000005f70400-0x000000006c8de9aa    8192 devm_ioremap+0x4c/0x90 phys=0x00000000000df000 ioremap\n"
	"0x000000006beffe79-0x00000000733d2aca    8192 memremap+0x12d/0x1c0 phys=0x0000004000000000 ioremap\n"
	"0x000000006beffe79-0x00000000733d2aca    8192 memremap+0x12d/0x1c0 pages=1 vmalloc N0=1\n"
	"0x000000006beffe79-0x00000000733d2aca    8192 memremap+0x12d/0x1c0 phys=0x000000000000df00 ioremap\n"
	"0x000000006beffe79-0x00000000733d2aca    8192 memremap+0x12d/0x1c0 phys=0x00000000000df0000 ioremap\n"
	"0x000000006beffe79-0x00000000733d2aca    8192 memremap+0x12d/0x1c0 phys=0x0000000000df000z ioremap\n"
	"0x000000006beffe79-0x00000000733d2aca    8192 memremap+0x12d/0x1c0 phys= ioremap\n";

static const char DRIVER_LINE[] =
	"0x00000000bf7d92ab-0x00000000cadf1038    8192 memremap+0x1bc/0x1e0 phys=0x00000000000df000 ioremap\n";

static const uint8_t ID[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const uint8_t OTHER_ID[16] = { 0xf1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const uint8_t ZERO_ID[16];

/* A machine that shows everything and whose kernel has no vmgenid driver */
static void set_up(void)
{
	write_text("/proc/iomem", IOMEM);
	write_text("/proc/vmallocinfo", OTHER_LINES);
	write_memory(0x1000000 - PAGE, ZERO_ID, 16);
	write_memory(ADDRESS, ID, 16);
}

static void bind_driver(const char *bus)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/%s/drivers/vmgenid/VMGENCTR:00", bus);
	write_text(path, "");
}

static void show_driver_mapping(void)
{
	char text[sizeof(OTHER_LINES) + sizeof(DRIVER_LINE)];

	snprintf(text, sizeof(text), "%s%s", OTHER_LINES, DRIVER_LINE);
	write_text("/proc/vmallocinfo", text);
}

static void hide_iomem(void)
{
	write_text("/proc/iomem", HIDDEN_IOMEM);
}

static int open_inherited(void)
{
	return open_root("/dev/mem", O_RDONLY);
}

static void adopt(void)
{
	check_equal(vmfork_adopt_memory(open_inherited()), 0);
}

static int map_after_open(uint64_t address, const char *hid)
{
	check_equal(vmfork_open_memory(), 0);
	return vmfork_map(address, hid);
}

static uint32_t status_of(uint32_t bits, uint32_t confirmation)
{
	return bits | confirmation << 8;
}

static bool has_id(const uint8_t *id)
{
	uint8_t bytes[16];

	return vmfork_unique_id(bytes) == 16 && !memcmp(bytes, id, 16);
}

/* Sealed after a map: the status, and the memory's descriptor closed but the page still there */
static void check_mapped(uint32_t bits, uint32_t confirmation)
{
	check_equal(vmfork_status(), status_of(SEALED | MAPPED | bits, confirmation));
	check_equal(vmfork_open_memory(), -EPERM);
	check_equal(fake.made[CALL_MUNMAP], 0);
	check_equal(fake.made[CALL_MMAP], 1);
	check_equal(fake.mapped_protection, PROT_READ);
	check_equal(fake.mapped_flags, MAP_SHARED);
	check(has_id(ID));
}

/* Tables */

static int read_table_into(const char *name, size_t capacity)
{
	uint8_t *into = malloc(capacity + 1);
	int ret = vmfork_read_table(name, into, (uint32_t)capacity);

	for (int i = 0; i < ret; i++)
		check_equal(into[i], (uint8_t)(i * 7));
	free(into);
	return ret;
}

static void write_table(const char *name, size_t size)
{
	uint8_t *bytes = malloc(size + 1);
	char path[64];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7);
	snprintf(path, sizeof(path), "/sys/firmware/acpi/tables/%s", name);
	write_root(path, bytes, size);
	free(bytes);
}

static void tables_of_the_known_names_are_read(void)
{
	static const char *const names[] = { "DSDT", "SSDT", "SSDT1", "SSDT27", "SSDT12345678901" };
	const int before = count_descriptors();

	for (size_t i = 0; i < 5; i++) {
		write_table(names[i], 5000 + i);
		check_equal(read_table_into(names[i], 10000), 5000 + (int)i);
		check_equal(fake.opened_flags, O_RDONLY | O_CLOEXEC);
	}
	check_equal(count_descriptors(), before);
}

static void other_names_are_refused_unopened(void)
{
	static const char *const names[] = { "", "D", "DSD", "FACP", "DSDT1", "dsdt", "SSDTx", "SSDT1x", "SSDT 1", "SSDT-1",
					     "../SSDT", "SSDT/..", "SSDT1/../../x", "DSDT/", "SSDT123456789012", " DSDT" };
	uint8_t into[16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_equal(vmfork_read_table(names[i], into, sizeof(into)), -EINVAL);
	check_equal(fake.opens, 0);
}

/* The sanitizer watches the end of the name. */
static void unended_names_are_not_overrun(void)
{
	char *name = malloc(16);
	uint8_t into[16];

	memcpy(name, "SSDT999999999999", 16);
	check_equal(vmfork_read_table(name, into, sizeof(into)), -EINVAL);
	free(name);
	check_equal(fake.opens, 0);
}

static void tables_must_fit(void)
{
	write_table("DSDT", 1000);
	check_equal(read_table_into("DSDT", 1000), 1000);
	check_equal(read_table_into("DSDT", 999), -EFBIG);
	check_equal(read_table_into("DSDT", 0), -EFBIG);
	write_table("DSDT", 0);
	check_equal(read_table_into("DSDT", 0), 0);
	write_table("DSDT", 1 << 20);
	check_equal(read_table_into("DSDT", 1 << 20), 1 << 20);
	write_table("DSDT", (1 << 20) + 1);
	check_equal(read_table_into("DSDT", 1 << 22), -EFBIG);
}

static void tables_survive_interrupts_and_short_reads(void)
{
	write_table("SSDT", 700);
	for (fake.most = 1; fake.most < 40; fake.most++) {
		fail_call(CALL_READ, 2, 2, EINTR);
		check_equal(read_table_into("SSDT", 700), 700);
		check(fake.faults[CALL_READ].seen >= 700 / (int)fake.most + 3);
	}
}

static void table_errors_are_passed(void)
{
	const int before = count_descriptors();
	uint8_t into[16];

	check_equal(read_table_into("DSDT", 100), -ENOENT);
	write_table("DSDT", 100);
	fail_call(CALL_OPENAT, 1, 1, EACCES);
	check_equal(read_table_into("DSDT", 100), -EACCES);
	fail_call(CALL_READ, 1, 1, EIO);
	check_equal(read_table_into("DSDT", 100), -EIO);
	fail_call(CALL_READ, 2, 1, EIO);
	check_equal(read_table_into("DSDT", 100), -EFBIG);
	check_equal(vmfork_read_table(NULL, into, 16), -EFAULT);
	check_equal(vmfork_read_table("DSDT", NULL, 16), -EFAULT);
	check_equal(count_descriptors(), before);
}

/* The memory's descriptor */

static void memory_is_opened_once_read_only_and_cached(void)
{
	const int before = count_descriptors();

	set_up();
	check_equal(vmfork_open_memory(), 0);
	check_equal(fake.opened_flags, O_RDONLY | O_CLOEXEC);
	check_equal(vmfork_open_memory(), 0);
	check_equal(fake.opens, 1);
	check_equal(count_descriptors(), before + 1);
	check_equal(vmfork_status(), 0);
}

static void memory_errors_are_passed(void)
{
	const int before = count_descriptors();

	check_equal(vmfork_open_memory(), -ENOENT);
	set_up();
	fail_call(CALL_OPENAT, 1, 1, EPERM);
	check_equal(vmfork_open_memory(), -EPERM);
	fail_call(CALL_STATX, 1, 1, ENOSYS);
	check_equal(vmfork_open_memory(), -ENOSYS);
	fail_call(CALL_FCNTL, 1, 1, EACCES);
	check_equal(vmfork_open_memory(), -EACCES);
	check_equal(count_descriptors(), before);
	check_equal(vmfork_open_memory(), 0);
}

static void other_devices_are_refused(void)
{
	static const unsigned int devices[][2] = { { 1, 3 }, { 1, 9 }, { 8, 1 }, { 0, 1 } };
	const int before = count_descriptors();
	int fd;

	set_up();
	fd = open_inherited();
	for (size_t i = 0; i < 4; i++) {
		fake.device_major = devices[i][0];
		fake.device_minor = devices[i][1];
		check_equal(vmfork_open_memory(), -EINVAL);
		check_equal(vmfork_adopt_memory(fd), -EINVAL);
	}
	fake.is_device = false;
	check_equal(vmfork_open_memory(), -EINVAL);
	check_equal(vmfork_adopt_memory(fd), -EINVAL);
	check_equal(close(fd), 0);
	check_equal(count_descriptors(), before);
}

static void check_not_adopted(int fd, int error)
{
	check(fd >= 0);
	check_equal(vmfork_adopt_memory(fd), -error);
	check_equal(close(fd), 0);
}

static void descriptors_of_another_kind_are_not_adopted(void)
{
	int pipes[2];

	set_up();
	check_not_adopted(open_root("/dev/mem", O_RDWR), EINVAL);
	check_not_adopted(open_root("/dev/mem", O_WRONLY), EINVAL);
	check_not_adopted(open_root("/dev/mem", O_RDONLY | O_SYNC), EINVAL);
	check_not_adopted(open_root("/dev/mem", O_RDONLY | O_DSYNC), EINVAL);
	check_not_adopted(open_root("/dev/mem", O_PATH), EBADF);
	check(!pipe(pipes));
	check_not_adopted(pipes[0], EINVAL);
	check_not_adopted(pipes[1], EINVAL);
	check_equal(vmfork_adopt_memory(-1), -EBADF);
	check_equal(vmfork_adopt_memory(1000), -EBADF);
	check_equal(vmfork_map(ADDRESS, ""), -EBADF);
}

static void adopting_takes_the_descriptor(void)
{
	int fd, other;

	set_up();
	fd = open_inherited();
	other = open_inherited();
	check_equal(fcntl(fd, F_GETFD), 0);
	fail_call(CALL_FCNTL, 2, 1, EBADF);
	check_equal(vmfork_adopt_memory(fd), -EBADF);
	check_equal(vmfork_adopt_memory(fd), 0);
	check_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	check_equal(vmfork_adopt_memory(other), -EBUSY);
	check_equal(vmfork_adopt_memory(fd), -EBUSY);
	check_equal(fcntl(other, F_GETFD), 0);
	check_equal(vmfork_open_memory(), 0);
	check_equal(fake.opens, 0);
	check_equal(vmfork_seal(), 0);
	check_equal(fcntl(fd, F_GETFD), -1);
}

/* Physical reads */

static uint64_t read_word(uint64_t address, uint32_t width)
{
	uint8_t bytes[9] = { 0 };
	uint64_t word = 0;

	bytes[width] = 0xcc;
	check_equal(vmfork_read_physical(address, width, bytes), width);
	check_equal(bytes[width], 0xcc);
	for (uint32_t i = 0; i < width; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

static void physical_reads_are_little_endian_words(void)
{
	const int before = count_descriptors();

	set_up();
	check_equal(vmfork_open_memory(), 0);
	check_equal(read_word(ADDRESS + 3, 1), 0x04);
	check_equal(read_word(ADDRESS + 2, 2), 0x0403);
	check_equal(read_word(ADDRESS + 4, 4), 0x08070605);
	check(read_word(ADDRESS + 8, 8) == 0x100f0e0d0c0b0a09);
	check_equal(fake.mapped_offset, ADDRESS_PAGE);
	check_equal(fake.mapped_size, PAGE);
	check_equal(fake.mapped_protection, PROT_READ);
	check_equal(fake.mapped_flags, MAP_SHARED);
	check_equal(fake.made[CALL_MMAP], 4);
	check_equal(fake.made[CALL_MUNMAP], 4);
	check_equal(vmfork_generation(), 1);
	check_equal(count_descriptors(), before + 1);
}

static void physical_reads_refuse_bad_arguments(void)
{
	static const uint32_t widths[] = { 0, 3, 5, 6, 7, 9, 16, ~0u };
	uint8_t into[8];

	set_up();
	check_equal(vmfork_open_memory(), 0);
	for (size_t i = 0; i < 8; i++)
		check_equal(vmfork_read_physical(0xdf000, widths[i], into), -EINVAL);
	check_equal(vmfork_read_physical(0xdf001, 2, into), -EINVAL);
	check_equal(vmfork_read_physical(0xdf002, 4, into), -EINVAL);
	check_equal(vmfork_read_physical(0xdf004, 8, into), -EINVAL);
	check_equal(vmfork_read_physical(1ull << 52, 1, into), -EINVAL);
	check_equal(vmfork_read_physical(~7ull, 8, into), -EINVAL);
	check_equal(vmfork_read_physical(0xdf000, 1, NULL), -EFAULT);
	check_equal(fake.made[CALL_MMAP], 0);
}

static void physical_reads_need_the_memory(void)
{
	uint8_t into[8];

	set_up();
	check_equal(vmfork_read_physical(ADDRESS, 8, into), -EBADF);
}

static void physical_reads_refuse_system_ram(void)
{
	static const uint64_t addresses[] = { 0x1000, 0x9f000, 0x9f800, 0x9fc00, 0x100000, 0x120000, 0x1ffff8, 0x300ff8,
					      0x100000000, 0x63ffffff8 };
	uint8_t into[8];

	set_up();
	check_equal(vmfork_open_memory(), 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		check_equal(vmfork_read_physical(addresses[i], 8, into), -EADDRNOTAVAIL);
	check_equal(fake.made[CALL_MMAP], 0);
	read_word(0xff8, 8);
	read_word(0xa0000, 8);
	read_word(0xffff8, 8);
	read_word(0x200000, 8);
	read_word(0x2ffff8, 8);
	read_word(0x301000, 8);
	read_word(0x400000, 8);
}

static void seventeen_physical_reads_are_one_too_many(void)
{
	uint8_t into[8];

	set_up();
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_read_physical(0x1000, 8, into), -EADDRNOTAVAIL);
	for (int i = 0; i < 15; i++)
		read_word(ADDRESS, 8);
	fail_call(CALL_MMAP, 1, 1, EPERM);
	check_equal(vmfork_read_physical(ADDRESS, 8, into), -EPERM);
	for (int i = 0; i < 3; i++)
		check_equal(vmfork_read_physical(ADDRESS, 8, into), -EDQUOT);
	check_equal(fake.made[CALL_MMAP], 16);
	check_equal(fake.made[CALL_MUNMAP], 15);
	check_equal(vmfork_map(ADDRESS, ""), BY_IOMEM);
}

static void check_unreadable_iomem(void)
{
	uint8_t into[8];

	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_read_physical(ADDRESS, 8, into), -EACCES);
	check_equal(vmfork_map(ADDRESS, ""), -EACCES);
	check_equal(vmfork_status(), 0);
	check_equal(fake.made[CALL_MMAP], 0);
}

static void an_iomem_that_does_not_tell_is_refused(void)
{
	const int before = count_descriptors();

	set_up();
	hide_iomem();
	check_unreadable_iomem();
	write_text("/proc/iomem", "");
	check_unreadable_iomem();
	write_text("/proc/iomem", "00000000-00000fff : Reserved\n00100000-001fffff : Not System RAM\n");
	check_unreadable_iomem();
	write_text("/proc/iomem", "garbage\n\n : \n-\nzz-ff : System RAM\n00000010000000000-20000000000000000 : System RAM\n"
				  "1000 : System RAM\n1000- : System RAM\n1000-2000: System RAM\n");
	check_unreadable_iomem();
	set_up();
	fail_path(CALL_OPENAT, "/proc/iomem", EACCES);
	check_unreadable_iomem();
	fail_call(CALL_OPENAT, 0, 0, 0);
	fail_call(CALL_READ, 1, 1000, EIO);
	check_unreadable_iomem();
	fail_call(CALL_READ, 2, 1000, EIO);
	check_unreadable_iomem();
	fail_call(CALL_READ, 0, 0, 0);
	check_equal(count_descriptors(), before);
	check_equal(map_after_open(ADDRESS, ""), BY_IOMEM);
}

/* Mapping */

static void the_drivers_mapping_confirms(void)
{
	set_up();
	bind_driver("platform");
	show_driver_mapping();
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), BY_DRIVER);
	check_mapped(0, BY_DRIVER);
	check_equal(fake.mapped_offset, ADDRESS_PAGE);
	check_equal(fake.mapped_size, PAGE);
}

/* On arm64, as Linux 6.12 shows it there: a device tree's page is ioremapped. */
static void show_ioremap(void)
{
	set_up();
	write_text("/proc/vmallocinfo",
		   "0x00000000719f1a7b-0x0000000092a42432    8192 __ioremap_prot+0x70/0xb8 phys=0x00000000000df000 ioremap\n");
}

static void the_drivers_mapping_by_device_tree_confirms(void)
{
	show_ioremap();
	check_equal(map_after_open(ADDRESS, ""), BY_DRIVER);
}

static void but_not_for_a_device_of_acpi(void)
{
	show_ioremap();
	bind_driver("platform");
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), -ENXIO);
}

static void without_a_driver_iomem_confirms(void)
{
	set_up();
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), BY_IOMEM);
	check_mapped(0, BY_IOMEM);
}

static void without_a_driver_vmallocinfo_may_be_unreadable(void)
{
	set_up();
	fail_path(CALL_OPENAT, "/proc/vmallocinfo", EACCES);
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), BY_IOMEM);
	check_mapped(0, BY_IOMEM);
}

static void without_a_hid_no_driver_is_looked_for(void)
{
	set_up();
	bind_driver("platform");
	check_equal(map_after_open(ADDRESS, ""), BY_IOMEM);
	check_equal(fake.made[CALL_FACCESSAT], 0);
	check_mapped(0, BY_IOMEM);
}

static void check_bound_driver_refuses(const char *bus)
{
	const int before = count_descriptors();

	set_up();
	bind_driver(bus);
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), -ENXIO);
	check_equal(vmfork_status(), 0);
	check_equal(vmfork_map(ADDRESS, "VMGENCTR"), -EBADF);
	check_equal(count_descriptors(), before);
	check_equal(map_after_open(ADDRESS, "QEMUVGID"), BY_IOMEM);
}

static void a_bound_driver_must_have_mapped_the_page(void)
{
	check_bound_driver_refuses("platform");
}

static void a_bound_driver_of_the_acpi_bus_must_too(void)
{
	check_bound_driver_refuses("acpi");
}

static void check_unreadable_vmallocinfo(void)
{
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), -EACCES);
	check_equal(vmfork_status(), 0);
}

static void a_bound_driver_needs_vmallocinfo(void)
{
	set_up();
	bind_driver("acpi");
	fail_path(CALL_OPENAT, "/proc/vmallocinfo", EACCES);
	check_unreadable_vmallocinfo();
	fail_call(CALL_OPENAT, 0, 0, 0);
	write_text("/proc/vmallocinfo", "");
	check_unreadable_vmallocinfo();
	set_up();
	fail_call(CALL_READ, 3, 1, EIO);
	check_unreadable_vmallocinfo();
	show_driver_mapping();
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), BY_DRIVER);
}

static void a_driver_that_cannot_be_looked_for_is_an_error(void)
{
	set_up();
	fail_call(CALL_FACCESSAT, 1, 1, EACCES);
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), -EACCES);
	fail_call(CALL_FACCESSAT, 2, 1, ELOOP);
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), -ELOOP);
	fail_call(CALL_FACCESSAT, 1, 2, ENOTDIR);
	check_equal(map_after_open(ADDRESS, "VMGENCTR"), BY_IOMEM);
}

static void a_parent_vouches_where_iomem_is_hidden(void)
{
	set_up();
	hide_iomem();
	adopt();
	check_equal(vmfork_map(ADDRESS, "VMGENCTR"), BY_PARENT);
	check_mapped(INHERITED, BY_PARENT);
}

static void a_parent_vouches_where_nothing_is_readable(void)
{
	const int before = count_descriptors();

	set_up();
	bind_driver("platform");
	fail_path(CALL_OPENAT, "/proc/vmallocinfo", EACCES);
	hide_iomem();
	adopt();
	check_equal(vmfork_map(ADDRESS, "VMGENCTR"), BY_PARENT);
	check_mapped(INHERITED, BY_PARENT);
	check_equal(count_descriptors(), before);
}

static void a_parent_vouches_where_the_driver_cannot_be_looked_for(void)
{
	set_up();
	fail_call(CALL_FACCESSAT, 1, 1, EACCES);
	adopt();
	check_equal(vmfork_map(ADDRESS, "VMGENCTR"), BY_PARENT);
	check_mapped(INHERITED, BY_PARENT);
}

static void a_parent_that_names_no_device_vouches_for_it(void)
{
	/* The driver may well be bound, to another page: nobody could tell. */
	set_up();
	bind_driver("platform");
	adopt();
	check_equal(vmfork_map(ADDRESS, ""), BY_PARENT);
	check_mapped(INHERITED, BY_PARENT);
}

static void a_parent_is_not_believed_against_the_evidence(void)
{
	set_up();
	bind_driver("platform");
	adopt();
	check_equal(vmfork_map(ADDRESS, "VMGENCTR"), -ENXIO);
	adopt();
	check_equal(vmfork_map(0x120000, ""), -EADDRNOTAVAIL);
	check_equal(vmfork_status(), 0);
}

static void a_parents_page_may_be_confirmed_too(void)
{
	set_up();
	adopt();
	check_equal(vmfork_map(ADDRESS, "VMGENCTR"), BY_IOMEM);
	check_mapped(INHERITED, BY_IOMEM);
}

static void an_opened_memory_is_not_an_inherited_one(void)
{
	set_up();
	adopt();
	check_equal(vmfork_map(0x120000, ""), -EADDRNOTAVAIL);
	hide_iomem();
	check_equal(map_after_open(ADDRESS, ""), -EACCES);
}

static void system_ram_is_never_mapped(void)
{
	static const uint64_t addresses[] = { 0x1000, 0x9f000, 0x9fff0, 0x100000, 0xffff8, 0x120000, 0x1ffff0, 0x2ffff8,
					      0x300000, 0xfffffff8, 0x63ffffff0 };

	set_up();
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		check_equal(map_after_open(addresses[i], ""), -EADDRNOTAVAIL);
	check_equal(fake.made[CALL_MMAP], 0);
	check_equal(vmfork_status(), 0);
}

static void bad_addresses_and_hids_are_refused(void)
{
	static const uint64_t addresses[] = { 0, 4, 0xdfff4, 0xdfff1, 1ull << 52, ~7ull };
	static const char *const hids[] = { "vmgenctr", "A/B", "..", "A:00", "A B", "A-B", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345" };

	set_up();
	for (size_t i = 0; i < 6; i++)
		check_equal(map_after_open(addresses[i], ""), -EINVAL);
	for (size_t i = 0; i < 7; i++)
		check_equal(map_after_open(ADDRESS, hids[i]), -EINVAL);
	check_equal(vmfork_map(ADDRESS, NULL), -EFAULT);
	check_equal(fake.made[CALL_MMAP], 0);
	check_equal(vmfork_map(ADDRESS, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123"), BY_IOMEM);
}

static void mapping_needs_the_memory(void)
{
	set_up();
	check_equal(vmfork_map(ADDRESS, ""), -EBADF);
	check_equal(vmfork_status(), 0);
}

static void the_kernels_refusal_is_passed_and_the_memory_closed(void)
{
	const int before = count_descriptors();

	set_up();
	fail_call(CALL_MMAP, 1, 1, EPERM);
	check_equal(map_after_open(ADDRESS, ""), -EPERM);
	check_equal(vmfork_status(), 0);
	check_equal(vmfork_generation(), 1);
	check_equal(count_descriptors(), before);
	check_equal(map_after_open(ADDRESS, ""), BY_IOMEM);
	check_equal(count_descriptors(), before);
}

static void an_id_across_two_pages_is_read_whole(void)
{
	set_up();
	write_memory(STRADDLING, ID, 16);
	check_equal(map_after_open(STRADDLING, ""), BY_IOMEM);
	check_mapped(0, BY_IOMEM);
	check_equal(fake.mapped_offset, ADDRESS_PAGE);
	check_equal(fake.mapped_size, 2 * PAGE);
	check_equal(vmfork_generation(), 2);
	write_memory(STRADDLING + 8, "x", 1);
	check_equal(vmfork_generation(), 3);
	write_memory(STRADDLING, "x", 1);
	check_equal(vmfork_generation(), 4);
}

static void an_id_of_zeros_seals_and_is_not_used(void)
{
	uint8_t id[16];
	const int before = count_descriptors();

	set_up();
	write_memory(ADDRESS, ZERO_ID, 16);
	check_equal(map_after_open(ADDRESS, ""), -ENODATA);
	check_equal(vmfork_status(), SEALED);
	check_equal(vmfork_generation(), 1);
	check_equal(vmfork_unique_id(id), 0);
	check_equal(fake.made[CALL_MUNMAP], 0);
	check_equal(vmfork_open_memory(), -EPERM);
	check_equal(count_descriptors(), before);
}

/* Whether the confirmation saw the driver's line; not sealed, since the kernel then refuses */
static bool sees_driver_line(void)
{
	int ret;

	fail_call(CALL_MMAP, 1, 1, EPERM);
	fake.opens = 0;
	ret = map_after_open(ADDRESS, "VMGENCTR");
	check(ret == -EPERM || ret == -ENXIO);
	return ret == -EPERM;
}

static void vmallocinfo_may_be_cut_anywhere(void)
{
	char text[2000];

	set_up();
	bind_driver("platform");
	for (int before = 0; before < 700; before++) {
		snprintf(text, sizeof(text), "%*s\n%s", before, "", DRIVER_LINE);
		write_text("/proc/vmallocinfo", text);
		check(sees_driver_line());
	}
	write_text("/proc/vmallocinfo", DRIVER_LINE);
	for (fake.most = 1; fake.most < 200; fake.most++) {
		fail_call(CALL_READ, (int)fake.most, 3, EINTR);
		check(sees_driver_line());
	}
}

static void vmallocinfo_may_end_without_a_newline(void)
{
	char text[200];

	set_up();
	bind_driver("platform");
	snprintf(text, sizeof(text), "%.*s", (int)strlen(DRIVER_LINE) - 1, DRIVER_LINE);
	write_text("/proc/vmallocinfo", text);
	check(sees_driver_line());
	for (size_t cut = strlen(DRIVER_LINE) - strlen(" ioremap\n"); cut > 0; cut--) {
		text[cut] = '\0';
		write_text("/proc/vmallocinfo", text);
		check(!sees_driver_line());
	}
}

static void long_lines_are_cut_not_joined(void)
{
	char text[2000];

	set_up();
	bind_driver("platform");
	for (int before = 100; before < 600; before++) {
		snprintf(text, sizeof(text), "%*s%s", before, "", DRIVER_LINE);
		write_text("/proc/vmallocinfo", text);
		check_equal(sees_driver_line(), before + strlen(DRIVER_LINE) - strlen("ioremap\n") <= 255);
	}
	snprintf(text, sizeof(text), "%*smemremap\n phys=0x00000000000df000 \n", 300, "");
	write_text("/proc/vmallocinfo", text);
	check(!sees_driver_line());
}

static void iomem_may_be_cut_anywhere(void)
{
	char text[2000];

	set_up();
	for (int before = 0; before < 600; before++) {
		snprintf(text, sizeof(text), "%*s\n  000df000-000dffff : System RAM\n", before, "");
		write_text("/proc/iomem", text);
		fake.opens = 0;
		check_equal(map_after_open(ADDRESS, ""), -EADDRNOTAVAIL);
	}
	for (fake.most = 1; fake.most < 100; fake.most++) {
		fail_call(CALL_READ, (int)fake.most, 3, EINTR);
		fake.opens = 0;
		check_equal(map_after_open(ADDRESS, ""), -EADDRNOTAVAIL);
	}
}

/* Sealing */

static void check_all_sealed(void)
{
	uint8_t into[16];
	int fd = open_inherited();

	fake.opens = 0;
	check_equal(vmfork_read_table("DSDT", into, 16), -EPERM);
	check_equal(vmfork_open_memory(), -EPERM);
	check_equal(vmfork_adopt_memory(fd), -EPERM);
	check_equal(vmfork_read_physical(ADDRESS, 8, into), -EPERM);
	check_equal(vmfork_map(ADDRESS, ""), -EPERM);
	check_equal(close(fd), 0);
	check_equal(fake.opens, 0);
	check_equal(vmfork_status() & SEALED, SEALED);
}

static void seal_is_for_ever(void)
{
	int before;

	set_up();
	write_table("DSDT", 10);
	before = count_descriptors();
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_seal(), 0);
	check_equal(count_descriptors(), before);
	check_equal(vmfork_seal(), 0);
	check_all_sealed();
	check_equal(vmfork_status(), SEALED);
	check_equal(vmfork_generation(), 1);
}

static void map_seals(void)
{
	set_up();
	write_table("DSDT", 10);
	check_equal(map_after_open(ADDRESS, ""), BY_IOMEM);
	check_all_sealed();
	check_equal(vmfork_seal(), 0);
	check_equal(vmfork_status(), status_of(SEALED | MAPPED, BY_IOMEM));
	check(has_id(ID));
}

static void a_held_lock_makes_others_give_up(void)
{
	uint8_t into[8];

	set_up();
	check_equal(vmfork_open_memory(), 0);
	test_hold_lock(true);
	check_equal(vmfork_map(ADDRESS, ""), -EBUSY);
	check_equal(vmfork_read_physical(ADDRESS, 8, into), -EBUSY);
	check_equal(vmfork_read_table("DSDT", into, 8), -EBUSY);
	check_equal(vmfork_open_memory(), -EBUSY);
	check_equal(vmfork_adopt_memory(0), -EBUSY);
	check_equal(vmfork_seal(), 0);
	check_equal(vmfork_status(), SEALED);
	test_hold_lock(false);
	check_equal(vmfork_map(ADDRESS, ""), -EPERM);
}

static void only_the_listed_files_are_opened(void)
{
	static const char *const listed[] = { "/sys/firmware/acpi/tables/DSDT", "/sys/firmware/acpi/tables/SSDT1", "/dev/mem",
					      "/proc/iomem", "/proc/vmallocinfo" };
	size_t at;

	set_up();
	bind_driver("platform");
	show_driver_mapping();
	write_table("DSDT", 10);
	write_table("SSDT1", 10);
	read_table_into("DSDT", 100);
	read_table_into("SSDT1", 100);
	check_equal(vmfork_open_memory(), 0);
	read_word(ADDRESS, 4);
	check_equal(vmfork_map(ADDRESS, "VMGENCTR"), BY_DRIVER);
	check_equal(fake.opens, 6);
	for (int i = 0; i < fake.opens; i++) {
		for (at = 0; at < 5 && strcmp(fake.opened[i], listed[at]); at++)
			;
		check(at < 5);
	}
}

/* The generation */

static void without_a_page_the_count_stands_at_1(void)
{
	uint8_t id[16];

	check_equal(vmfork_generation(), 1);
	check_equal(vmfork_generation(), 1);
	check_equal(vmfork_unique_id(id), 0);
	check_equal(vmfork_unique_id(NULL), -EFAULT);
	check_equal(vmfork_status(), 0);
}

static void map_open_page(void)
{
	set_up();
	check_equal(map_after_open(ADDRESS, ""), BY_IOMEM);
}

static void mapping_and_each_change_add_1(void)
{
	map_open_page();
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_generation(), 2);
	write_memory(ADDRESS, OTHER_ID, 16);
	check_equal(vmfork_generation(), 3);
	check_equal(vmfork_generation(), 3);
	check(has_id(OTHER_ID));
	write_memory(ADDRESS, ID, 16);
	check_equal(vmfork_generation(), 4);
	for (uint8_t i = 0; i < 16; i++) {
		write_memory(ADDRESS + i, "\xff", 1);
		check_equal(vmfork_generation(), 5 + i);
	}
}

static void the_neighbours_of_the_id_do_not_count(void)
{
	map_open_page();
	write_memory(ADDRESS - 1, "x", 1);
	write_memory(ADDRESS + 16, "x", 1);
	check_equal(vmfork_generation(), 2);
}

static void an_id_of_zeros_has_no_generation(void)
{
	uint8_t id[16];

	map_open_page();
	write_memory(ADDRESS, ZERO_ID, 16);
	check_equal(vmfork_generation(), 0);
	check_equal(vmfork_unique_id(id), -ENODATA);
	write_memory(ADDRESS + 15, "x", 1);
	check_equal(vmfork_generation(), 3);
	write_memory(ADDRESS, ZERO_ID, 16);
	write_memory(ADDRESS, "x", 1);
	check_equal(vmfork_generation(), 4);
}

static void the_count_skips_0(void)
{
	map_open_page();
	test_set_count(INT32_MAX - 1);
	write_memory(ADDRESS, OTHER_ID, 16);
	check_equal(vmfork_generation(), INT32_MAX);
	write_memory(ADDRESS, ID, 16);
	check_equal(vmfork_generation(), 1);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(tables_of_the_known_names_are_read),
		TEST(other_names_are_refused_unopened),
		TEST(unended_names_are_not_overrun),
		TEST(tables_must_fit),
		TEST(tables_survive_interrupts_and_short_reads),
		TEST(table_errors_are_passed),
		TEST(memory_is_opened_once_read_only_and_cached),
		TEST(memory_errors_are_passed),
		TEST(other_devices_are_refused),
		TEST(descriptors_of_another_kind_are_not_adopted),
		TEST(adopting_takes_the_descriptor),
		TEST(physical_reads_are_little_endian_words),
		TEST(physical_reads_refuse_bad_arguments),
		TEST(physical_reads_need_the_memory),
		TEST(physical_reads_refuse_system_ram),
		TEST(seventeen_physical_reads_are_one_too_many),
		TEST(an_iomem_that_does_not_tell_is_refused),
		TEST(the_drivers_mapping_confirms),
		TEST(the_drivers_mapping_by_device_tree_confirms),
		TEST(but_not_for_a_device_of_acpi),
		TEST(without_a_driver_iomem_confirms),
		TEST(without_a_driver_vmallocinfo_may_be_unreadable),
		TEST(without_a_hid_no_driver_is_looked_for),
		TEST(a_bound_driver_must_have_mapped_the_page),
		TEST(a_bound_driver_of_the_acpi_bus_must_too),
		TEST(a_bound_driver_needs_vmallocinfo),
		TEST(a_driver_that_cannot_be_looked_for_is_an_error),
		TEST(a_parent_vouches_where_iomem_is_hidden),
		TEST(a_parent_vouches_where_nothing_is_readable),
		TEST(a_parent_vouches_where_the_driver_cannot_be_looked_for),
		TEST(a_parent_that_names_no_device_vouches_for_it),
		TEST(a_parent_is_not_believed_against_the_evidence),
		TEST(a_parents_page_may_be_confirmed_too),
		TEST(an_opened_memory_is_not_an_inherited_one),
		TEST(system_ram_is_never_mapped),
		TEST(bad_addresses_and_hids_are_refused),
		TEST(mapping_needs_the_memory),
		TEST(the_kernels_refusal_is_passed_and_the_memory_closed),
		TEST(an_id_across_two_pages_is_read_whole),
		TEST(an_id_of_zeros_seals_and_is_not_used),
		TEST(vmallocinfo_may_be_cut_anywhere),
		TEST(vmallocinfo_may_end_without_a_newline),
		TEST(long_lines_are_cut_not_joined),
		TEST(iomem_may_be_cut_anywhere),
		TEST(seal_is_for_ever),
		TEST(map_seals),
		TEST(a_held_lock_makes_others_give_up),
		TEST(only_the_listed_files_are_opened),
		TEST(without_a_page_the_count_stands_at_1),
		TEST(mapping_and_each_change_add_1),
		TEST(the_neighbours_of_the_id_do_not_count),
		TEST(an_id_of_zeros_has_no_generation),
		TEST(the_count_skips_0),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
