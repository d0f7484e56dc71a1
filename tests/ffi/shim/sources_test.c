/* The generation file and the count of the ACPI event: attached, looked at, refused; and what a look adds up to. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

enum { TEXT = 0, FOR_EVER = -1 };

#define FILE_PATH "/run/platform/generation"
#define GPE_PATH "/sys/firmware/acpi/interrupts/gpe05"
#define GED_PATH "/proc/interrupts"

/* The generation file. Regular files count as regular again. */

static void show_file(const char *text)
{
	fake.is_device = false;
	write_text(FILE_PATH, text);
}

static void watch_text(const char *text)
{
	show_file(text);
	check_equal(vmfork_watch_file(FILE_PATH, TEXT), 0);
	check_equal(vmfork_status(), WATCHED_FILE);
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_changed_by(1, 2), SEEN_FILE);
}

static void a_number_in_text_is_watched(void)
{
	const int before = count_descriptors();

	watch_text("41\n");
	check_equal(fake.opened_flags, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	write_text(FILE_PATH, "42\n");
	check_equal(vmfork_generation(), 3);
	check_equal(vmfork_generation(), 3);
	write_text(FILE_PATH, "42");
	check_equal(vmfork_look(), 3);
	write_text(FILE_PATH, "042");
	check_equal(vmfork_look(), 3);
	write_text(FILE_PATH, "41");
	check_equal(vmfork_look(), 4);
	check_equal(fake.made[CALL_MMAP], 0);
	check_equal(count_descriptors(), before);
}

static void numbers_of_4_and_8_bytes_are_watched(void)
{
	fake.is_device = false;
	write_root(FILE_PATH, "\1\0\0\0", 4);
	check_equal(vmfork_watch_file(FILE_PATH, 8), -EINVAL);
	check_equal(vmfork_watch_file(FILE_PATH, 4), 0);
	check_equal(vmfork_generation(), 2);
	write_root(FILE_PATH, "\1\0\0\x80", 4);
	check_equal(vmfork_generation(), 3);
	write_root(FILE_PATH, "\1\0\0\x80\0", 5);
	check_equal(vmfork_generation(), 0);
	write_root(FILE_PATH, "\1\0\0", 3);
	check_equal(vmfork_generation(), 0);
	write_root(FILE_PATH, "\1\0\0\x80", 4);
	check_equal(vmfork_generation(), 3);
}

static void all_8_bytes_count(void)
{
	uint8_t bytes[8] = { 0 };

	fake.is_device = false;
	write_root(FILE_PATH, bytes, 8);
	check_equal(vmfork_watch_file(FILE_PATH, 4), -EFBIG);
	check_equal(vmfork_watch_file(FILE_PATH, 8), 0);
	check_equal(vmfork_generation(), 2);
	for (uint32_t i = 0; i < 8; i++) {
		bytes[i] = 0x80;
		write_root(FILE_PATH, bytes, 8);
		check_equal(vmfork_generation(), 3 + i);
	}
}

static void check_text(const char *text, int ret)
{
	show_file(text);
	check_equal(vmfork_watch_file(FILE_PATH, TEXT), ret);
}

static void other_text_is_refused(void)
{
	static const char *const texts[] = { "", "\n", " 1", "-1", "+1", "x", "0x10", "1 ", "1\r\n", "1\n\n", "1\n2", "1.5",
					     "18446744073709551616", "99999999999999999999" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_text(texts[i], -EINVAL);
	check_text("000000000000000000001", -EINVAL);
	check_text("00000000000000000001\n\n", -EFBIG);
	check_text("1234567890123456789012345", -EFBIG);
	check_equal(vmfork_status(), 0);
	check_equal(vmfork_generation(), 1);
	check_text("18446744073709551615\n", 0);
	write_text(FILE_PATH, "00000000000000000000\n");
	check_equal(vmfork_generation(), 3);
	write_text(FILE_PATH, "18446744073709551615");
	check_equal(vmfork_generation(), 4);
	write_root(FILE_PATH, "1\0", 2);
	check_equal(vmfork_generation(), 0);
	write_root(FILE_PATH, "1\n\0", 3);
	check_equal(vmfork_generation(), 0);
}

static void what_becomes_unreadable_has_no_generation(void)
{
	watch_text("1");
	write_text(FILE_PATH, "");
	check_equal(vmfork_generation(), 0);
	check_equal(vmfork_look(), 0);
	write_text(FILE_PATH, "one");
	check_equal(vmfork_generation(), 0);
	write_text(FILE_PATH, "1");
	check_equal(vmfork_generation(), 2);
	fail_path(CALL_OPENAT, FILE_PATH, EMFILE);
	check_equal(vmfork_generation(), 0);
	fail_call(CALL_OPENAT, 0, 0, 0);
	fail_call(CALL_STATX, 1, 1, EIO);
	check_equal(vmfork_generation(), 0);
	fail_call(CALL_READ, 1, 1, EIO);
	check_equal(vmfork_generation(), 0);
	fail_call(CALL_READ, 2, 1, EIO);
	check_equal(vmfork_generation(), 0);
	check_equal(vmfork_generation(), 2);
}

static void rename_from(const char *path, const char *to)
{
	char from[256], into[256];

	snprintf(from, sizeof(from), "%s%s", fake.root, path);
	snprintf(into, sizeof(into), "%s%s", fake.root, to);
	check(!rename(from, into));
}

static void replacing_the_file_is_seen(void)
{
	watch_text("1");
	for (uint32_t i = 0; i < 3; i++) {
		char text[2] = { (char)('2' + i), 0 };

		write_text("/run/platform/next", text);
		rename_from("/run/platform/next", FILE_PATH);
		check_equal(vmfork_generation(), 3 + i);
	}
	rename_from(FILE_PATH, "/run/platform/gone");
	check_equal(vmfork_generation(), 0);
	rename_from("/run/platform/gone", FILE_PATH);
	check_equal(vmfork_generation(), 5);
}

static void reads_may_be_short_or_interrupted(void)
{
	watch_text("12345");
	for (fake.most = 1; fake.most < 6; fake.most++) {
		fail_call(CALL_READ, 1, 2, EINTR);
		check_equal(vmfork_generation(), 2);
	}
	fake.most = 1;
	write_text(FILE_PATH, "12346");
	check_equal(vmfork_generation(), 3);
}

static void check_path(const char *path, int ret)
{
	check_equal(vmfork_watch_file(path, TEXT), ret);
}

static void paths_are_absolute_and_have_255_bytes_at_most(void)
{
	char path[258];

	fake.is_device = false;
	check_path("", -EINVAL);
	check_path("generation", -EINVAL);
	check_path("./generation", -EINVAL);
	check_equal(vmfork_watch_file(NULL, TEXT), -EFAULT);
	for (size_t i = 0; i < 257; i++)
		path[i] = i % 2 ? '.' : '/';
	path[256] = '\0';
	check_path(path, -EINVAL);
	check_equal(fake.opens, 0);
	path[255] = '\0';
	check_path(path, -EINVAL); /* a folder, but of a path that is short enough */
	check_equal(fake.opens, 1);
}

/* The sanitizer watches the end of the path. */
static void unended_paths_are_not_overrun(void)
{
	char *path = malloc(256);

	memset(path, '/', 256);
	check_path(path, -EINVAL);
	free(path);
	check_equal(fake.opens, 0);
}

static void the_longest_path_is_kept_whole(void)
{
	char path[256];
	size_t at = 0;

	fake.is_device = false;
	write_text("/g", "7");
	while (at < 253)
		path[at++] = '/';
	strcpy(path + at, "/g");
	check_equal(strlen(path), 255);
	/* The fake root takes room in front. */
	check_equal(vmfork_watch_file(path, TEXT), 0);
	write_text("/g", "8");
	check_equal(vmfork_generation(), 3);
}

static void widths_are_0_4_and_8(void)
{
	static const uint32_t widths[] = { 1, 2, 3, 5, 6, 7, 9, 16, ~0u };

	show_file("1");
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		check_equal(vmfork_watch_file(FILE_PATH, widths[i]), -EINVAL);
	check_equal(fake.opens, 0);
}

static void errors_are_passed(void)
{
	const int before = count_descriptors();

	check_path("/nowhere", -ENOENT);
	show_file("1");
	fail_call(CALL_OPENAT, 1, 1, EACCES);
	check_path(FILE_PATH, -EACCES);
	fail_call(CALL_STATX, 1, 1, ENOSYS);
	check_path(FILE_PATH, -ENOSYS);
	fail_call(CALL_READ, 1, 1, EIO);
	check_path(FILE_PATH, -EIO);
	check_path("/run/platform", -EINVAL);
	check_equal(vmfork_status(), 0);
	check_equal(count_descriptors(), before);
}

/* Without a writer an open of it would wait for ever. */
static void a_pipe_is_refused_without_waiting(void)
{
	char path[256];

	show_file("1");
	snprintf(path, sizeof(path), "%s/run/pipe", fake.root);
	check(!mkfifo(path, 0600));
	check_path("/run/pipe", -EINVAL);
	check_equal(vmfork_watch_file("/run/pipe", 4), -EINVAL);
}

static void one_file_is_watched_and_no_other(void)
{
	watch_text("1");
	write_text("/other", "1");
	check_path("/other", -EEXIST);
	check_path(FILE_PATH "x", -EEXIST);
	check_equal(vmfork_watch_file(FILE_PATH, 8), -EEXIST);
	write_text("/other", "2");
	check_equal(vmfork_generation(), 2);
}

/* By another realm, which learns so that it is the file that it means: also after the end of discovery */
static void the_watched_file_may_be_named_again(void)
{
	watch_text("1");
	check_path(FILE_PATH, 0);
	check_equal(vmfork_seal(), 0);
	check_path(FILE_PATH, 0);
	check_path("/other", -EEXIST);
	check_equal(vmfork_generation(), 2);
}

/* A device in the form of /dev/sysgenid */

static void a_device_is_mapped_and_kept(void)
{
	const int before = count_descriptors();
	uint8_t page[4096] = { 5 };

	write_root("/dev/sysgenid", page, sizeof(page));
	check_equal(vmfork_watch_file("/dev/sysgenid", 4), 0);
	check_equal(fake.mapped_size, 4096);
	check_equal(fake.mapped_protection, PROT_READ);
	check_equal(fake.mapped_flags, MAP_SHARED);
	check_equal(vmfork_generation(), 2);
	fake.opens = 0;
	page[3] = 1;
	write_root("/dev/sysgenid", page, sizeof(page));
	check_equal(vmfork_generation(), 3);
	page[4] = 1;
	write_root("/dev/sysgenid", page, sizeof(page));
	check_equal(vmfork_generation(), 3);
	check_equal(fake.opens, 0);
	check_equal(fake.made[CALL_MUNMAP], 0);
	check_equal(count_descriptors(), before);
}

static void a_device_has_4_bytes(void)
{
	const int before = count_descriptors();

	write_text("/dev/sysgenid", "12345678");
	check_equal(vmfork_watch_file("/dev/sysgenid", 8), -EINVAL);
	check_equal(vmfork_watch_file("/dev/sysgenid", TEXT), -EINVAL);
	fail_call(CALL_MMAP, 1, 1, ENODEV);
	check_equal(vmfork_watch_file("/dev/sysgenid", 4), -ENODEV);
	check_equal(fake.made[CALL_READ], 0);
	check_equal(vmfork_status(), 0);
	check_equal(count_descriptors(), before);
}

/* A file that a device has taken the place of is not read: reading a device may do anything. */
static void a_device_in_place_of_the_file_is_unreadable(void)
{
	int reads;

	watch_text("1");
	fake.is_device = true;
	reads = fake.made[CALL_READ];
	check_equal(vmfork_generation(), 0);
	check_equal(fake.made[CALL_READ], reads);
	check_equal(fake.made[CALL_MMAP], 0);
	fake.is_device = false;
	check_equal(vmfork_generation(), 2);
}

/* The count of the event */

static void write_gpe(int count)
{
	char text[64];

	snprintf(text, sizeof(text), "%8d  EN STS enabled      unmasked\n", count);
	write_text(GPE_PATH, text);
}

static void the_count_of_an_event_is_looked_at(void)
{
	const int before = count_descriptors();

	write_gpe(0);
	check_equal(vmfork_watch_events("gpe05"), 0);
	check_equal(vmfork_status(), EVENTS);
	check_equal(vmfork_look(), 2);
	check_equal(vmfork_changed_by(1, 2), SEEN_EVENTS);
	write_gpe(1);
	check_equal(vmfork_look(), 3);
	check_equal(vmfork_look(), 3);
	write_gpe(123456789);
	check_equal(vmfork_look(), 4);
	check_equal(fake.opened_flags, O_RDONLY | O_CLOEXEC);
	check_equal(count_descriptors(), before);
}

/* drivers/acpi/sysfs.c: "gpe%02X" */
static void the_kernel_names_events_by_capital_letters(void)
{
	write_text("/sys/firmware/acpi/interrupts/gpeA0", "       1  EN STS enabled      unmasked\n");
	check_equal(vmfork_watch_events("gpeA0"), 0);
	check_equal(vmfork_look(), 2);
}

static void draws_do_not_look_at_it(void)
{
	write_gpe(0);
	check_equal(vmfork_watch_events("gpe05"), 0);
	fake.opens = 0;
	write_gpe(1);
	check_equal(vmfork_generation(), 2);
	check_equal(fake.opens, 0);
	check_equal(vmfork_look(), 3);
	check_equal(vmfork_generation(), 3);
}

static void an_unreadable_event_stops_looks_not_draws(void)
{
	write_gpe(0);
	check_equal(vmfork_watch_events("gpe05"), 0);
	fail_path(CALL_OPENAT, GPE_PATH, EMFILE);
	check_equal(vmfork_look(), 0);
	check_equal(vmfork_generation(), 2);
	fail_call(CALL_OPENAT, 0, 0, 0);
	write_text(GPE_PATH, "");
	check_equal(vmfork_look(), 0);
	write_text(GPE_PATH, "invalid\n");
	check_equal(vmfork_look(), 0);
	fail_call(CALL_READ, 1, 1, EIO);
	check_equal(vmfork_look(), 0);
	write_gpe(0);
	check_equal(vmfork_look(), 2);
}

static void other_events_are_refused_unopened(void)
{
	static const char *const names[] = { "", "g", "gpe", "gpe0", "gpe050", "gpe0a", "gpe0G", "GPE05", "gpe/5", "gpe..",
					     "ge", "geda", "GED", "sci", "../gpe05", "gpe_all" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_equal(vmfork_watch_events(names[i]), -EINVAL);
	check_equal(vmfork_watch_events(NULL), -EFAULT);
	check_equal(fake.opens, 0);
}

static void unended_event_names_are_not_overrun(void)
{
	static const char *const names[] = { "g", "gp", "gpe", "gpe0", "ge", "ged", "gpe00" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const size_t size = strlen(names[i]) + 1;
		char *name = malloc(size);

		memcpy(name, names[i], size);
		name[size - 1] = 'x';
		check_equal(vmfork_watch_events(name), -EINVAL);
		free(name);
	}
}

static void events_that_do_not_tell_are_refused(void)
{
	static const char *const texts[] = { "", "\n", "x", "       x\n", "-1\n", "7EN\n", "99999999999999999999\n" };

	check_equal(vmfork_watch_events("gpe05"), -ENOENT);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_text(GPE_PATH, texts[i]);
		check_equal(vmfork_watch_events("gpe05"), -ENODATA);
	}
	write_gpe(1);
	fail_call(CALL_READ, 1, 1, EIO);
	check_equal(vmfork_watch_events("gpe05"), -EIO);
	fail_call(CALL_OPENAT, 1, 1, EACCES);
	check_equal(vmfork_watch_events("gpe05"), -EACCES);
	check_equal(vmfork_status(), 0);
	check_equal(vmfork_look(), 1);
	write_text(GPE_PATH, "7");
	check_equal(vmfork_watch_events("gpe05"), 0);
}

static void one_event_is_watched_and_no_other(void)
{
	write_gpe(1);
	check_equal(vmfork_watch_events("gpe05"), 0);
	check_equal(vmfork_watch_events("gpe05"), -EEXIST);
	check_equal(vmfork_watch_events("ged"), -EEXIST);
	check_equal(vmfork_look(), 2);
}

/* Of a Generic Event Device */

static const char OTHER_INTERRUPTS[] =
	"           CPU0       CPU1       \n"
	"  1:          9          0   IO-APIC   1-edge      i8042\n"
	"  9:          5          5   IO-APIC   9-fasteoi   acpi\n";

static void write_interrupts(const char *more)
{
	char text[32768];

	snprintf(text, sizeof(text), "%s%sNMI:          4          4   Non-maskable interrupts\nERR:          0\n",
		 OTHER_INTERRUPTS, more);
	write_text(GED_PATH, text);
}

static void check_interrupts(const char *more, uint32_t count)
{
	write_interrupts(more);
	check_equal(vmfork_look(), count);
	check_equal(vmfork_look(), count);
}

static void the_interrupts_of_all_geds_are_added_up(void)
{
	write_interrupts(" 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n");
	check_equal(vmfork_watch_events("ged"), 0);
	check_equal(vmfork_status(), EVENTS);
	check(!strcmp(fake.opened[0], GED_PATH));
	check_interrupts(" 24:          0          1  IO-APIC   5-edge      ACPI:Ged\n", 2);
	check_interrupts(" 24:          1          1  IO-APIC   5-edge      ACPI:Ged\n", 3);
	check_interrupts(" 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n"
			 " 25:          0          1  IO-APIC   6-edge      ACPI:Ged\n", 3);
	check_interrupts(" 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n"
			 " 25:          0          2  IO-APIC   6-edge      ACPI:Ged\n", 4);
	check_interrupts(" 25:          3  IO-APIC   77-edge      ACPI:Ged, other\n", 4);
	check_interrupts(" 25: 3 GICv3 37 Edge ACPI:Ged", 4);
	check_interrupts(" 24:          4          0  IO-APIC   5-edge      ACPI:Ged\n", 5);
	check_interrupts(" 24: 18446744073709551615 5  -   5-edge      ACPI:Ged\n", 5);
}

/* Whatever is not one of the columns, or not one of the lines */
static void nothing_else_is_added(void)
{
	write_interrupts(" 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n");
	check_equal(vmfork_watch_events("ged"), 0);
	check_interrupts(" 24:          1          0  IO-APIC   7-edge      ACPI:Ged\n", 2);
	check_interrupts(" 99:          1          0  IO-APIC   5  7 8      ACPI:Ged 3\n", 2);
	check_interrupts(" 24:          1          0  8IO-APIC   5-edge      ACPI:Ged\n", 2);
	check_interrupts(" 24:          1          0  IO-APIC   5-edge      AACPI:Ged\n", 2);
	check_interrupts(" 24:          1          0  IO-APIC   5-edge      ACPI:ACPI:Ged\n", 2);
	check_interrupts(" 23:          7          0  IO-APIC   4-edge      ACPI:Gex\n"
			 " 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n", 2);
	check_interrupts(" 23:          7          0  IO-APIC   4-edge      ACPI:\n"
			 "Ged: 3 x\n"
			 " 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n", 2);
	check_interrupts(" 24:          2          0  IO-APIC   5-edge      ACPI:Ged\n", 3);
}

/* Machines with many CPUs: lines longer than any buffer, cut anywhere by the reads */
static void lines_may_be_long_and_cut_anywhere(void)
{
	static char text[16384];
	size_t at = (size_t)snprintf(text, sizeof(text), " 24:");

	for (int cpu = 0; cpu < 1024; cpu++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %10d", cpu == 777);
	snprintf(text + at, sizeof(text) - at, "  IO-APIC   5-edge      ACPI:Ged\n");
	write_interrupts(text);
	check_equal(vmfork_watch_events("ged"), 0);
	for (fake.most = 1; fake.most < 600; fake.most += 7) {
		fail_call(CALL_READ, 3, 2, EINTR);
		check_equal(vmfork_look(), 2);
	}
	fake.most = 0;
	check_interrupts(" 24: 1 IO-APIC   5-edge      ACPI:Ged\n", 2);
	check_interrupts(" 24: 2 IO-APIC   5-edge      ACPI:Ged\n", 3);
}

static void without_a_ged_there_is_nothing_to_watch(void)
{
	const int before = count_descriptors();

	check_equal(vmfork_watch_events("ged"), -ENOENT);
	write_interrupts("");
	check_equal(vmfork_watch_events("ged"), -ENODATA);
	write_text(GED_PATH, "");
	check_equal(vmfork_watch_events("ged"), -ENODATA);
	write_interrupts(" 24: 1 IO-APIC   5-edge      ACPI:Ged\n");
	fail_call(CALL_READ, 2, 1, EIO);
	check_equal(vmfork_watch_events("ged"), -EIO);
	check_equal(vmfork_watch_events("ged"), 0);
	write_interrupts("");
	check_equal(vmfork_look(), 0);
	check_equal(vmfork_generation(), 2);
	check_equal(count_descriptors(), before);
}

/* Together */

static void watch_both(void)
{
	show_file("1");
	write_gpe(1);
	check_equal(vmfork_watch_file(FILE_PATH, TEXT), 0);
	check_equal(vmfork_watch_events("gpe05"), 0);
	fake.is_device = true;
	map_id();
	fake.is_device = false;
	check_equal(vmfork_status(), SEALED | MAPPED | WATCHED_FILE | EVENTS | BY_IOMEM << 8);
	check_equal(vmfork_look(), 4);
}

static void several_changes_in_one_look_grow_the_count_once(void)
{
	watch_both();
	check_equal(vmfork_changed_by(3, 4), SEEN_VMGENID);
	write_text(FILE_PATH, "2");
	write_gpe(2);
	write_memory(ID_ADDRESS, "x", 1);
	check_equal(vmfork_look(), 5);
	check_equal(vmfork_changed_by(4, 5), SEEN_VMGENID | SEEN_FILE | SEEN_EVENTS);
	write_text(FILE_PATH, "3");
	write_gpe(3);
	check_equal(vmfork_generation(), 6);
	check_equal(vmfork_changed_by(5, 6), SEEN_FILE);
	check_equal(vmfork_look(), 7);
	check_equal(vmfork_changed_by(6, 7), SEEN_EVENTS);
}

/* What happens at a call in the midst of a look */

static enum call moment;
static int forks;

static void show_fork(void)
{
	char text[12];

	forks++;
	snprintf(text, sizeof(text), "%d", 1 + forks);
	write_memory(ID_ADDRESS, text, 1);
	write_text(FILE_PATH, text);
}

static void fork_once(void)
{
	fake.on_call[moment] = NULL;
	show_fork();
}

/* Another thread draws after the fork. */
static void overtake_each(void)
{
	fork_once();
	check_equal(vmfork_generation(), 4 + forks);
	fake.on_call[moment] = overtake_each;
}

static void overtake_once(void)
{
	overtake_each();
	fake.on_call[moment] = NULL;
}

static void set_moment(enum call call, void (*run)(void))
{
	watch_both();
	moment = call;
	fake.on_call[call] = run;
}

static void check_steady(uint32_t count)
{
	for (int i = 0; i < 3; i++) {
		check_equal(vmfork_look(), count);
		check_equal(vmfork_generation(), count);
	}
}

/* Each growth has its own reason: a resume that comes after a fork does not hide it. */
static void reasons_are_told_for_any_of_the_last_growths(void)
{
	int realm;

	watch_both(); /* 4 */
	write_memory(ID_ADDRESS, "x", 1);
	check_equal(vmfork_look(), 5);
	realm = vmfork_join();
	for (int i = 0; i < 2; i++) {
		check_equal(vmfork_quiesce(realm), 0);
		check_equal(vmfork_resume(realm), 0);
	}
	write_text(FILE_PATH, "2");
	check_equal(vmfork_look(), 8);
	check_equal(vmfork_changed_by(4, 5), SEEN_VMGENID);
	check_equal(vmfork_changed_by(5, 6), SEEN_RESUME);
	check_equal(vmfork_changed_by(5, 7), SEEN_RESUME);
	check_equal(vmfork_changed_by(4, 6), SEEN_VMGENID | SEEN_RESUME);
	check_equal(vmfork_changed_by(7, 8), SEEN_FILE);
	check_equal(vmfork_changed_by(4, 8), SEEN_VMGENID | SEEN_RESUME | SEEN_FILE);
	check_equal(vmfork_changed_by(8, 8), 0);
}

static void reasons_of_too_long_ago_may_be_any(void)
{
	const uint32_t any = SEEN_VMGENID | SEEN_FILE | SEEN_EVENTS | SEEN_RESUME;

	watch_both(); /* 4 */
	for (int i = 0; i < 6; i++) {
		write_memory(ID_ADDRESS, i % 2 ? "x" : "y", 1);
		check_equal(vmfork_look(), 5 + i);
	}
	check_equal(vmfork_changed_by(4, 10), SEEN_VMGENID);
	check_equal(vmfork_changed_by(4, 5), SEEN_VMGENID);
	check_equal(vmfork_changed_by(3, 10), any);
	check_equal(vmfork_changed_by(3, 4), any);
	check_equal(vmfork_changed_by(10, 9), any);
	check_equal(vmfork_changed_by(10, 11), any);
	check_equal(vmfork_changed_by(20, INT32_MAX), any);
}

static void reasons_are_told_across_the_end_of_the_count(void)
{
	int realm = vmfork_join();

	watch_both();
	test_set_count(INT32_MAX - 1);
	write_memory(ID_ADDRESS, "x", 1);
	check_equal(vmfork_look(), INT32_MAX);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_resume(realm), 0);
	write_text(FILE_PATH, "2");
	check_equal(vmfork_look(), 2);
	check_equal(vmfork_changed_by(INT32_MAX - 1, INT32_MAX), SEEN_VMGENID);
	check_equal(vmfork_changed_by(INT32_MAX, 1), SEEN_RESUME);
	check_equal(vmfork_changed_by(1, 2), SEEN_FILE);
	check_equal(vmfork_changed_by(INT32_MAX - 1, 2), SEEN_VMGENID | SEEN_RESUME | SEEN_FILE);
}

/* A fork during a slow read is seen in the same look by the quick ones. */
static void slow_sources_are_read_first(void)
{
	set_moment(CALL_OPENAT, fork_once);
	check_equal(vmfork_look(), 5);
	check_equal(vmfork_changed_by(4, 5), SEEN_VMGENID | SEEN_FILE);
	moment = CALL_STATX;
	fake.on_call[moment] = fork_once;
	check_equal(vmfork_generation(), 6);
	check_equal(vmfork_changed_by(5, 6), SEEN_VMGENID | SEEN_FILE);
	check_steady(6);
}

static void check_overtaken(enum call call, uint32_t (*look)(void))
{
	set_moment(call, overtake_once);
	check_equal(look(), 5);
	check_equal(forks, 1);
	check_equal(vmfork_changed_by(4, 5), SEEN_VMGENID | SEEN_FILE);
	check_steady(5);
}

/* Without storing anything old back, so that one fork is one */
static void a_look_that_is_overtaken_counts_nothing_twice(void)
{
	check_overtaken(CALL_READ, vmfork_look);
}

/* Here the file was read before the fork, and the id is after it. */
static void nor_does_a_draw(void)
{
	check_overtaken(CALL_CLOSE, vmfork_generation);
}

static void a_look_that_is_always_overtaken_ends(void)
{
	set_moment(CALL_STATX, overtake_each);
	check_equal(vmfork_look(), 105); /* the last one counts twice */
	check_equal(forks, 100);
	fake.on_call[moment] = NULL;
	check_steady(105);
}

static void an_unreadable_file_stops_the_id_too(void)
{
	watch_both();
	write_memory(ID_ADDRESS, "x", 1);
	write_text(FILE_PATH, "");
	check_equal(vmfork_generation(), 0);
	write_text(FILE_PATH, "1");
	check_equal(vmfork_generation(), 5);
	check_equal(vmfork_changed_by(4, 5), SEEN_VMGENID);
}

static void a_wait_looks_at_all_of_them(void)
{
	watch_both();
	write_gpe(2);
	check_equal(vmfork_wait(vmfork_wait_open(), 4, 1, FOR_EVER), 1);
	check_equal(vmfork_generation(), 5);
	write_text(FILE_PATH, "2");
	check_equal(vmfork_wait(vmfork_wait_open(), 5, 1, FOR_EVER), 1);
	check_equal(vmfork_generation(), 6);
}

/* It would end again at once, whoever begins it anew. */
static void a_wait_goes_on_without_the_events(void)
{
	watch_both();
	write_text(GPE_PATH, "");
	check_equal(vmfork_wait(vmfork_wait_open(), 4, 1, 5), 0);
	write_memory(ID_ADDRESS, "x", 1);
	check_equal(vmfork_wait(vmfork_wait_open(), 4, 1, FOR_EVER), 1);
	write_text(FILE_PATH, "");
	check_equal(vmfork_wait(vmfork_wait_open(), 5, 1, FOR_EVER), 1);
}

static void check_sealed(void)
{
	fake.opens = 0;
	check_equal(vmfork_watch_file(FILE_PATH, TEXT), -EPERM);
	check_equal(vmfork_watch_events("gpe05"), -EPERM);
	check_equal(vmfork_watch_events("ged"), -EPERM);
	check_equal(fake.opens, 0);
}

static void sealing_ends_it(void)
{
	show_file("1");
	write_gpe(1);
	check_equal(vmfork_seal(), 0);
	check_sealed();
	check_equal(vmfork_status(), SEALED);
}

static void the_page_of_the_id_seals_it_too(void)
{
	write_text(FILE_PATH, "1");
	write_gpe(1);
	map_id();
	check_sealed();
}

static void what_is_watched_stays_so_when_sealed(void)
{
	watch_text("1");
	write_gpe(1);
	check_equal(vmfork_watch_events("gpe05"), 0);
	check_equal(vmfork_seal(), 0);
	check_equal(vmfork_look(), 3);
	write_text(FILE_PATH, "2");
	check_equal(vmfork_generation(), 4);
	write_gpe(2);
	check_equal(vmfork_look(), 5);
}

static void a_held_lock_makes_it_give_up(void)
{
	show_file("1");
	test_hold_lock(true);
	check_equal(vmfork_watch_file(FILE_PATH, TEXT), -EBUSY);
	check_equal(vmfork_watch_events("gpe05"), -EBUSY);
}

/* The flattened device tree, which is read like a table */

static void the_device_tree_is_read(void)
{
	uint8_t into[8];

	check_equal(vmfork_read_table("FDT", into, 8), -ENOENT);
	write_root("/sys/firmware/fdt", "\xd0\x0d\xfe\xed", 4);
	check_equal(vmfork_read_table("FDT", into, 8), 4);
	check_equal(into[0], 0xd0);
	check_equal(vmfork_read_table("FDT", into, 3), -EFBIG);
	check(!strcmp(fake.opened[1], "/sys/firmware/fdt"));
	check_equal(vmfork_read_table("FDT1", into, 8), -EINVAL);
	check_equal(vmfork_read_table("fdt", into, 8), -EINVAL);
	check_equal(vmfork_read_table("FD", into, 8), -EINVAL);
	check_equal(vmfork_seal(), 0);
	check_equal(vmfork_read_table("FDT", into, 8), -EPERM);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_number_in_text_is_watched),
		TEST(numbers_of_4_and_8_bytes_are_watched),
		TEST(all_8_bytes_count),
		TEST(other_text_is_refused),
		TEST(what_becomes_unreadable_has_no_generation),
		TEST(replacing_the_file_is_seen),
		TEST(reads_may_be_short_or_interrupted),
		TEST(paths_are_absolute_and_have_255_bytes_at_most),
		TEST(unended_paths_are_not_overrun),
		TEST(the_longest_path_is_kept_whole),
		TEST(widths_are_0_4_and_8),
		TEST(errors_are_passed),
		TEST(a_pipe_is_refused_without_waiting),
		TEST(one_file_is_watched_and_no_other),
	TEST(the_watched_file_may_be_named_again),
		TEST(a_device_is_mapped_and_kept),
		TEST(a_device_has_4_bytes),
		TEST(a_device_in_place_of_the_file_is_unreadable),
		TEST(the_count_of_an_event_is_looked_at),
		TEST(the_kernel_names_events_by_capital_letters),
	TEST(draws_do_not_look_at_it),
		TEST(an_unreadable_event_stops_looks_not_draws),
		TEST(other_events_are_refused_unopened),
		TEST(unended_event_names_are_not_overrun),
		TEST(events_that_do_not_tell_are_refused),
		TEST(one_event_is_watched_and_no_other),
		TEST(the_interrupts_of_all_geds_are_added_up),
		TEST(nothing_else_is_added),
		TEST(lines_may_be_long_and_cut_anywhere),
		TEST(without_a_ged_there_is_nothing_to_watch),
		TEST(several_changes_in_one_look_grow_the_count_once),
		TEST(slow_sources_are_read_first),
		TEST(a_look_that_is_overtaken_counts_nothing_twice),
		TEST(nor_does_a_draw),
		TEST(a_look_that_is_always_overtaken_ends),
		TEST(an_unreadable_file_stops_the_id_too),
		TEST(a_wait_looks_at_all_of_them),
		TEST(a_wait_goes_on_without_the_events),
		TEST(sealing_ends_it),
		TEST(the_page_of_the_id_seals_it_too),
		TEST(what_is_watched_stays_so_when_sealed),
		TEST(a_held_lock_makes_it_give_up),
		TEST(reasons_are_told_for_any_of_the_last_growths),
		TEST(reasons_of_too_long_ago_may_be_any),
		TEST(reasons_are_told_across_the_end_of_the_count),
		TEST(the_device_tree_is_read),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
