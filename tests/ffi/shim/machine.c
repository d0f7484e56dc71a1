/* Machines for the shim to find on the fake system. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

void set_up_memory(void)
{
	write_text("/proc/iomem", "00001000-0009fbff : System RAM\n");
	write_memory(ID_ADDRESS, "0123456789abcdef", 16);
}

void map_id(void)
{
	set_up_memory();
	check_equal(vmfork_open_memory(), 0);
	check_equal(vmfork_map(ID_ADDRESS, ""), BY_IOMEM);
}

struct clock_page make_clock(void)
{
	return (struct clock_page){ .magic = 0x4b4c4356, .size = 4096, .version = 1, .sequence = 2, .marker = 7, .generation = 3 };
}

/* Over the same file: who has mapped it sees the change. */
void write_clock(const struct clock_page *clock)
{
	uint8_t page[4096] = { 0 };
	int fd = open_root(CLOCK_PATH, O_WRONLY | O_CREAT);

	memcpy(page, clock, sizeof(*clock));
	check(pwrite(fd, page, sizeof(page), 0) == sizeof(page));
	close(fd);
}
