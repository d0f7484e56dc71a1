/* What the tests of the shim share: its prototypes, the controls of the fake system, and a runner. */

#ifndef VMFORK_HARNESS_H
#define VMFORK_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shim's symbols, as in ffi/shim/symbols.ts */

uint32_t vmfork_abi(void);
uint32_t vmfork_generation(void);
uint32_t vmfork_look(void);
uint32_t vmfork_changed_by(uint32_t before, uint32_t after);
int32_t vmfork_unique_id(uint8_t *id);
int32_t vmfork_seed(uint8_t *seed);
int32_t vmfork_nonce(uint8_t *nonce);
int32_t vmfork_hedged_nonce(uint8_t *nonce);
uint32_t vmfork_hardware(void);
uint32_t vmfork_status(void);
int32_t vmfork_read_table(const char *name, uint8_t *into, uint32_t capacity);
int32_t vmfork_open_memory(void);
int32_t vmfork_adopt_memory(int32_t fd);
int32_t vmfork_read_physical(uint64_t address, uint32_t width, uint8_t *into);
int32_t vmfork_map(uint64_t address, const char *hid);
int32_t vmfork_open_clock(uint32_t index);
int32_t vmfork_adopt_clock(int32_t fd);
int32_t vmfork_map_clock(uint64_t address);
int32_t vmfork_watch_file(const char *path, uint32_t width);
int32_t vmfork_watch_events(const char *name);
int32_t vmfork_seal(void);
int32_t vmfork_wait_open(void);
int32_t vmfork_wait(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms);
int32_t vmfork_wake(int32_t handle);
int32_t vmfork_close(void);
int32_t vmfork_join(void);
int32_t vmfork_leave(int32_t realm);
int32_t vmfork_quiesce(int32_t realm);
int32_t vmfork_resume(int32_t realm);
int32_t vmfork_wiped(int32_t realm);
int32_t vmfork_unwiped(void);
uint32_t vmfork_quiesced(void);
int32_t vmfork_heal_kernel(void);
int32_t vmfork_guard(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms);

enum { DRAW = 1, SEED = 2 };
enum { SEALED = 1, MAPPED = 2, INHERITED = 4, CLOCK = 8, CLOCK_NOTIFIES = 16, WATCHED_FILE = 32, EVENTS = 64, QUIESCED = 128 };
enum { BY_DRIVER = 1, BY_IOMEM = 2, BY_PARENT = 3 };
enum { SEEN_VMGENID = 1, SEEN_VMCLOCK = 2, SEEN_FILE = 4, SEEN_EVENTS = 8, SEEN_RESUME = 16 };

/* Of shim_under_test.c */

void test_set_count(uint32_t value);
void test_set_sequences(uint32_t sequence);
void test_hold_lock(bool held);
int test_get_bell(int32_t handle);
void test_hold_realms(bool held);
void test_set_realm_sequences(uint32_t sequence);
void test_set_last_quiesce(uint32_t number);

/* The fake system */

enum call {
	CALL_OPENAT, CALL_READ, CALL_PREAD, CALL_WRITE, CALL_CLOSE, CALL_MMAP, CALL_MUNMAP, CALL_STATX, CALL_GETRANDOM,
	CALL_EVENTFD2, CALL_PPOLL, CALL_FCNTL, CALL_FACCESSAT, CALL_CLOCK_GETTIME, CALL_IOCTL, CALL_TGKILL, CALLS
};

enum { MAX_OPENS = 64 };

struct fake {
	char root[64];
	/* A call that matches `fail_path`, if set, fails at its `fail_at`th time (from 1) `fail_times` times. */
	struct {
		int at, times, error, seen;
		const char *path;
	} faults[CALLS];
	int made[CALLS];
	void (*on_call[CALLS])(void); /* runs before the call: what other threads do at that moment */
	size_t most; /* a read or getrandom gives at most so much; 0: no limit */
	bool dry; /* getrandom gives 0 */
	unsigned int device_major, device_minor;
	bool is_device; /* regular files pass for character devices */
	int flags; /* added to what F_GETFL tells */
	int revents; /* what ppoll reports */
	bool slow; /* openat takes its time, so that threads overlap */
	int clock_revents; /* what ppoll reports of the vmclock; 0: POLLIN once its sequence is not the one read */
	bool clock_has_no_poll; /* a driver without poll is always readable */
	uint32_t clock_read; /* the sequence that was read last */
	int clock_polls; /* polls that looked at the vmclock */
	unsigned int requested; /* of ioctl */
	int pauses, pauses_until; /* of the CPU; then `on_pause` runs */
	void (*on_pause)(void);
	bool endless; /* ppoll has no timeout: only a bell ends it */
	uint64_t longest_poll; /* the longest timeout of ppoll, in ns */
	uint64_t mapped_offset;
	size_t mapped_size;
	int mapped_protection, mapped_flags, opened_flags, random_flags, eventfd_flags;
	char opened[MAX_OPENS][96]; /* the first ones */
	int opens;
	uint32_t hardware;
	int gather; /* so many threads look for hardware before any of them goes on */
	int gathered;
	/* Words that the CPU gives; beyond them a counter goes on. NO_WORD: nothing this time. */
	const uint64_t *draws, *seeds;
	size_t draw_count, seed_count, draws_made, seeds_made;
};

#define NO_WORD 0xdeadull

extern struct fake fake;

void fail_call(enum call call, int at, int times, int error);
void fail_path(enum call call, const char *path, int error);

/* Of machine.c: one that shows a page with an id */

#define ID_ADDRESS 0xdfff0ull

void set_up_memory(void);
void map_id(void);

/* And a vmclock: struct vmclock_abi, in the device's file or in memory */

#define CLOCK_PATH "/dev/vmclock0"

enum { CLOCK_GENERATIONS = 1 << 8, CLOCK_NOTIFICATIONS = 1 << 9 };

struct clock_page {
	uint32_t magic, size;
	uint16_t version, kinds;
	uint32_t sequence;
	uint64_t marker, flags, time[9], generation;
};

struct clock_page make_clock(void);
void write_clock(const struct clock_page *clock);

void write_root(const char *path, const void *bytes, size_t size);
void write_text(const char *path, const char *text);
void write_memory(uint64_t address, const void *bytes, size_t size);
int open_root(const char *path, int flags);
int count_descriptors(void);
uint64_t now_ms(void);

/* The runner: each test in a process of its own, since the shim seals itself for life. */

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(function) { #function, function }

int run_tests(const struct test *tests, size_t count);
void check_failed(const char *file, int line, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));

#define check(condition) \
	do { \
		if (!(condition)) \
			check_failed(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

#define check_equal(actual, expected) \
	do { \
		long long actual_ = (long long)(actual), expected_ = (long long)(expected); \
		if (actual_ != expected_) \
			check_failed(__FILE__, __LINE__, "%s is %lld, not %lld", #actual, actual_, expected_); \
	} while (0)

#endif
