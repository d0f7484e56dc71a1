/* Waiting until the count grows. */

#ifndef VMFORK_WAITING_H
#define VMFORK_WAITING_H

enum {
	SLOT_FREE = 0,
	SLOT_OPENING = 1,
	SLOT_OPEN = 2,
	SLOT_WAITING = 3,
	SLOT_PHASE = 3,
	SLOT_WOKEN = 1 << 2,
	SLOT_SEQUENCE_SHIFT = 3,
	SEQUENCE_MASK = (1 << 26) - 1,
	HANDLE_SEQUENCE_SHIFT = 5,
	MIN_INTERVAL = 1,
	MAX_INTERVAL = 1000
};

/*
 * One wait. The state tells who holds the slot, for the how-manieth time, and whether it was woken; the
 * bell only cuts ppoll short. So a late ring of a wait that is over wakes nobody.
 */
static struct slot {
	uint32_t state;
	int bell; /* an eventfd + 1, made once; 0: not yet */
} slots[MAX_WAITS];

static uint32_t get_sequence(uint32_t state)
{
	return state >> SLOT_SEQUENCE_SHIFT;
}

static uint32_t make_state(uint32_t sequence, uint32_t phase)
{
	return sequence << SLOT_SEQUENCE_SHIFT | phase;
}

static bool change_state(struct slot *slot, uint32_t *from, uint32_t to)
{
	return __atomic_compare_exchange_n(&slot->state, from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void set_state(struct slot *slot, uint32_t state)
{
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
}

static uint32_t get_state(const struct slot *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

static void ring_bell(const struct slot *slot)
{
	const uint64_t one = 1;

	while (sys_write(slot->bell - 1, &one, sizeof(one)) == -EINTR)
		;
}

static void quiet_bell(const struct slot *slot)
{
	uint64_t rings;

	read_some(slot->bell - 1, &rings, sizeof(rings));
}

static int open_slot(struct slot *slot, uint32_t sequence)
{
	long fd;

	if (!slot->bell) {
		fd = sys_eventfd2(0, O_CLOEXEC | O_NONBLOCK);
		if (fd < 0) {
			set_state(slot, make_state(sequence, SLOT_FREE));
			return (int)fd;
		}
		slot->bell = (int)fd + 1;
	}
	quiet_bell(slot);
	set_state(slot, make_state(sequence, SLOT_OPEN));
	return 0;
}

EXPORT int32_t vmfork_wait_open(void)
{
	for (uint32_t i = 0; i < MAX_WAITS; i++) {
		uint32_t state = get_state(&slots[i]);
		uint32_t sequence = (get_sequence(state) + 1) & SEQUENCE_MASK;
		int ret;

		if ((state & SLOT_PHASE) != SLOT_FREE || !change_state(&slots[i], &state, state | SLOT_OPENING))
			continue;
		ret = open_slot(&slots[i], sequence);
		return ret < 0 ? ret : (int32_t)(sequence << HANDLE_SEQUENCE_SHIFT | i);
	}
	return -EMFILE;
}

static int wake_slot(struct slot *slot, uint32_t sequence)
{
	uint32_t state = get_state(slot);

	do {
		if (get_sequence(state) != sequence || (state & SLOT_PHASE) < SLOT_OPEN)
			return -EBADF;
	} while (!change_state(slot, &state, state | SLOT_WOKEN));
	ring_bell(slot);
	return 0;
}

EXPORT int32_t vmfork_wake(int32_t handle)
{
	if (handle < 0)
		return -EBADF;
	return wake_slot(&slots[handle % MAX_WAITS], (uint32_t)handle >> HANDLE_SEQUENCE_SHIFT);
}

EXPORT int32_t vmfork_close(void)
{
	for (int i = 0; i < MAX_WAITS; i++)
		wake_slot(&slots[i], get_sequence(get_state(&slots[i])));
	return 0;
}

static int read_clock(uint64_t *now)
{
	struct __kernel_timespec time;
	long ret = sys_clock_gettime(CLOCK_MONOTONIC, &time);

	if (ret < 0)
		return (int)ret;
	*now = (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
	return 0;
}

/* What poll tells of the vmclock is for all waits, and only the first to read it hears it: it rings for the others. */
static void hear_vmclock(short revents)
{
	if (revents & ~POLLIN || !arm_vmclock(vmclock_descriptor))
		drop_status(STATUS_CLOCK_NOTIFIES);
	for (int i = 0; i < MAX_WAITS; i++)
		if ((get_state(&slots[i]) & SLOT_PHASE) == SLOT_WAITING)
			ring_bell(&slots[i]);
}

static int pause_slot(const struct slot *slot, uint64_t pause)
{
	const bool polls = get_status() & STATUS_CLOCK_NOTIFIES;
	struct pollfd fds[] = {
		{ .fd = slot->bell - 1, .events = POLLIN },
		{ .fd = vmclock_descriptor, .events = POLLIN }
	};
	struct __kernel_timespec timeout = {
		.tv_sec = (long)(pause / NSEC_PER_SEC),
		.tv_nsec = (long)(pause % NSEC_PER_SEC)
	};
	long ret = sys_ppoll(fds, polls ? 2 : 1, &timeout);

	if (ret < 0)
		return ret == -EINTR ? 0 : (int)ret;
	if (fds[0].revents & ~POLLIN)
		return -EIO;
	if (fds[0].revents & POLLIN)
		quiet_bell(slot);
	if (fds[1].revents)
		hear_vmclock(fds[1].revents);
	return 0;
}

/* The events too, unless they are all that cannot be read: a wait that ends for them could only be begun again. */
static uint32_t look_while_waiting(void)
{
	const uint32_t generation = look_at(ALL);

	return generation ? generation : read_generation();
}

/* Both in ns; a timeout of UINT64_MAX is none. Where the count is another one, it takes the place of the known one. */
static int watch_generation(const struct slot *slot, uint32_t *known, uint64_t interval, uint64_t timeout)
{
	uint64_t now = 0, deadline, pause;
	int ret;

	ret = read_clock(&now);
	deadline = timeout == UINT64_MAX ? UINT64_MAX : now + timeout;
	while (!ret) {
		const uint32_t generation = look_while_waiting();

		if (!generation || generation != *known) {
			*known = generation;
			return 1;
		}
		if (get_state(slot) & SLOT_WOKEN)
			return -ECANCELED;
		if (now >= deadline)
			return 0;
		pause = deadline - now;
		ret = pause_slot(slot, pause < interval ? pause : interval);
		if (!ret)
			ret = read_clock(&now);
	}
	return ret;
}

static int wait_in_slot(int32_t handle, uint32_t *known, uint32_t interval_ms, int32_t timeout_ms)
{
	struct slot *slot = &slots[(uint32_t)handle % MAX_WAITS];
	const uint32_t sequence = (uint32_t)handle >> HANDLE_SEQUENCE_SHIFT;
	const uint64_t timeout = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * NSEC_PER_MSEC;
	uint32_t state = get_state(slot);
	int ret;

	if (interval_ms < MIN_INTERVAL)
		interval_ms = MIN_INTERVAL;
	if (interval_ms > MAX_INTERVAL)
		interval_ms = MAX_INTERVAL;
	do {
		if (handle < 0 || get_sequence(state) != sequence || (state & SLOT_PHASE) != SLOT_OPEN)
			return -EBADF;
	} while (!change_state(slot, &state, state | SLOT_WAITING));
	ret = watch_generation(slot, known, interval_ms * NSEC_PER_MSEC, timeout);
	set_state(slot, make_state(sequence, SLOT_FREE));
	return ret;
}

EXPORT int32_t vmfork_wait(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms)
{
	return wait_in_slot(handle, &known, interval_ms, timeout_ms);
}

#endif
