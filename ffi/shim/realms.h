/*
 * Realms, the threads that draw, and the quiesce that they hold together: while it lasts there is no count to draw
 * under, and each of them wipes its secrets.
 */

#ifndef VMFORK_REALMS_H
#define VMFORK_REALMS_H

enum {
	REALM_INDEX_BITS = 8,
	REALM_SEQUENCE_MASK = (1 << 23) - 1
};

static uint32_t realms_lock;
static uint32_t last_quiesce; /* under the lock */
static uint32_t quiesced; /* the number of the quiesce that is on; 0: none */
static bool has_turned_away; /* a realm. For good: it can say neither that it has wiped nor that it ends */

/* All under the lock. The sequence tells for the how-manieth time the slot is taken: a late leave frees no other realm. */
static struct realm {
	int32_t thread; /* 0: free */
	uint32_t sequence;
	bool wiped, holds;
} realms[MAX_REALMS];

static bool is_quiesced(void)
{
	return get_status() & STATUS_QUIESCED;
}

static void free_realm(struct realm *realm)
{
	realm->thread = 0;
	realm->holds = false;
}

/*
 * FIRST the count, THEN the flag: whoever may draw again finds that he has to reseed. The number is gone LAST: whoever
 * finds none may draw.
 */
static void end_quiesce(void)
{
	grow_count(SOURCE_RESUME);
	drop_status(STATUS_QUIESCED);
	__atomic_store_n(&quiesced, 0, __ATOMIC_RELEASE);
}

/* Lets go of the realms whose threads have ended, and of a quiesce that nobody holds any more. */
static void settle_realms(void)
{
	const int process = (int)sys_getpid();
	bool held = false, used = false;

	for (int i = 0; i < MAX_REALMS; i++) {
		if (realms[i].thread && sys_tgkill(process, realms[i].thread, 0) == -ESRCH)
			free_realm(&realms[i]);
		held |= realms[i].holds;
		used |= realms[i].thread;
	}
	if (!held && is_quiesced())
		end_quiesce();
	if (!used)
		hide_this_copy();
}

static void leave_realms(void)
{
	drop_lock(&realms_lock);
}

/* Enters with the realm of this handle, or not at all. */
MUST_CHECK static int enter_realm(int32_t handle, struct realm **realm)
{
	const uint32_t number = (uint32_t)handle;
	int ret = take_lock(&realms_lock);

	if (ret < 0)
		return ret;
	*realm = &realms[number % MAX_REALMS];
	if (handle >= 0 && (*realm)->thread && (*realm)->sequence == number >> REALM_INDEX_BITS)
		return 0;
	leave_realms();
	return -EBADF;
}

static struct realm *find_free_realm(void)
{
	for (int i = 0; i < MAX_REALMS; i++)
		if (!realms[i].thread)
			return &realms[i];
	return NULL;
}

/* First those that have ended: the longer their threads' numbers stay here, the likelier others get them. */
static int join_realms(void)
{
	struct realm *realm;

	settle_realms();
	realm = find_free_realm();
	if (!realm) {
		has_turned_away = true;
		return -EMFILE;
	}
	realm->thread = (int32_t)sys_gettid();
	realm->sequence = (realm->sequence + 1) & REALM_SEQUENCE_MASK;
	realm->wiped = false;
	show_this_copy();
	return (int32_t)(realm->sequence << REALM_INDEX_BITS | (uint32_t)(realm - realms));
}

EXPORT int32_t vmfork_join(void)
{
	int ret = take_lock(&realms_lock);

	if (ret < 0)
		return ret;
	ret = join_realms();
	leave_realms();
	return ret;
}

EXPORT int32_t vmfork_leave(int32_t handle)
{
	struct realm *realm;
	int ret = enter_realm(handle, &realm);

	if (ret < 0)
		return ret;
	free_realm(realm);
	settle_realms();
	leave_realms();
	return 0;
}

/* The flag goes up FIRST: a realm that has wiped, for the flag or for the number, has no count to draw under. */
static void begin_quiesce(void)
{
	add_status(STATUS_QUIESCED);
	for (int i = 0; i < MAX_REALMS; i++)
		realms[i].wiped = false;
	last_quiesce = last_quiesce == UINT32_MAX ? 1 : last_quiesce + 1;
	__atomic_store_n(&quiesced, last_quiesce, __ATOMIC_RELEASE);
}

EXPORT int32_t vmfork_quiesce(int32_t handle)
{
	struct realm *realm;
	int ret = enter_realm(handle, &realm);

	if (ret < 0)
		return ret;
	settle_realms();
	if (!is_quiesced())
		begin_quiesce();
	realm->holds = true;
	leave_realms();
	return 0;
}

EXPORT int32_t vmfork_resume(int32_t handle)
{
	struct realm *realm;
	int ret = enter_realm(handle, &realm);

	if (ret < 0)
		return ret;
	realm->holds = false;
	settle_realms();
	leave_realms();
	return 0;
}

EXPORT int32_t vmfork_wiped(int32_t handle)
{
	struct realm *realm;
	int ret = enter_realm(handle, &realm);

	if (ret < 0)
		return ret;
	realm->wiped = true;
	leave_realms();
	return 0;
}

/* Another copy may have realms that go on, so that it counts as one that has not wiped. */
static int count_unwiped(void)
{
	int unwiped = has_turned_away + has_other_copies();

	settle_realms();
	for (int i = 0; i < MAX_REALMS; i++)
		unwiped += realms[i].thread && !realms[i].wiped;
	return is_quiesced() ? unwiped : 0;
}

EXPORT int32_t vmfork_unwiped(void)
{
	int ret = take_lock(&realms_lock);

	if (ret < 0)
		return ret;
	ret = count_unwiped();
	leave_realms();
	return ret;
}

/* Every realm asks now and then: so none waits for ever for a holder whose thread has ended. Never waits for the lock. */
static void settle_quiesce(void)
{
	if (is_quiesced() && try_lock(&realms_lock)) {
		settle_realms();
		leave_realms();
	}
}

EXPORT uint32_t vmfork_status(void)
{
	settle_quiesce();
	return get_status();
}

/* The flag alone would not tell a second quiesce from the first to whoever looks too seldom. */
EXPORT uint32_t vmfork_quiesced(void)
{
	settle_quiesce();
	return __atomic_load_n(&quiesced, __ATOMIC_ACQUIRE);
}

#endif
