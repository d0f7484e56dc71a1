/* A lock for what is rare and short. */

#ifndef VMFORK_LOCK_H
#define VMFORK_LOCK_H

enum {
	LOCK_TRIES = 1000,
	LOCK_SPINS = 100 /* before each pause of a millisecond: who only slept would starve beside those who come often */
};

static bool try_lock(uint32_t *lock)
{
	return !__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE);
}

static bool spin_for_lock(uint32_t *lock)
{
	for (int spins = 0; spins < LOCK_SPINS; spins++) {
		if (!__atomic_load_n(lock, __ATOMIC_RELAXED) && try_lock(lock))
			return true;
		cpu_pause();
	}
	return false;
}

static int take_lock(uint32_t *lock)
{
	struct __kernel_timespec pause;

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (spin_for_lock(lock))
			return 0;
		pause = (struct __kernel_timespec){ .tv_nsec = (long)NSEC_PER_MSEC };
		sys_ppoll(NULL, 0, &pause);
	}
	return -EBUSY;
}

static void drop_lock(uint32_t *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

#endif
