/*
 * Tells a process that the virtual machine around it was cloned or rolled back, by what the hypervisor
 * and the platform show of it, and fetches bytes from outside the process's own memory: from the kernel
 * and from the CPU.
 *
 * symbols.ts is the contract. Freestanding: no libc, no allocation, no threads. A negative result is a
 * negated errno. The headers below are parts of this one translation unit, in the order in which they
 * need each other.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/time_types.h>

/* Mirrored in TypeScript */

enum {
	ABI = 3,
	UNIQUE_ID_SIZE = 16,
	SEED_SIZE = 104,
	NONCE_SIZE = 12,
	MAX_WAITS = 32,
	MAX_REALMS = 256,
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
	STATUS_CLOCK = 1 << 3,
	STATUS_CLOCK_NOTIFIES = 1 << 4,
	STATUS_FILE = 1 << 5,
	STATUS_EVENTS = 1 << 6,
	STATUS_QUIESCED = 1 << 7,
	STATUS_CONFIRMATION_SHIFT = 8,
	STATUS_CLOCK_CONFIRMATION_SHIFT = 12
};

enum source {
	SOURCE_VMGENID = 1 << 0,
	SOURCE_VMCLOCK = 1 << 1,
	SOURCE_FILE = 1 << 2,
	SOURCE_EVENTS = 1 << 3,
	SOURCE_RESUME = 1 << 4
};

enum confirmation {
	CONFIRMED_BY_DRIVER = 1,
	CONFIRMED_BY_IOMEM = 2,
	CONFIRMED_BY_PARENT = 3
};

/* Private */

enum {
	PAGE_SIZE = 4096
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

#include "text.h"
#include "files.h"
#include "lock.h"
#include "count.h"
#include "randomness.h"
#include "discovery.h"
#include "memory.h"
#include "vmgenid.h"
#include "vmclock.h"
#include "generation_file.h"
#include "acpi_events.h"
#include "generation.h"
#include "waiting.h"
#include "copies.h"
#include "realms.h"
#include "healing.h"

EXPORT uint32_t vmfork_abi(void)
{
	return ABI;
}
