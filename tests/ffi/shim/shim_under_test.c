/* The shim itself on the fake system, with the little of its inside that the tests set or look at. */

#define VMFORK_SYS "fake_sys.h"
#include "../../../ffi/shim/vmfork.c"

void test_set_count(uint32_t value)
{
	history = value;
}

void test_set_sequences(uint32_t sequence)
{
	for (int i = 0; i < MAX_WAITS; i++)
		slots[i].state = make_state(sequence, SLOT_FREE);
}

void test_hold_lock(bool held)
{
	__atomic_store_n(&discovery_lock, held, __ATOMIC_RELEASE);
}

int test_get_bell(int32_t handle)
{
	return slots[handle % MAX_WAITS].bell - 1;
}

void test_hold_realms(bool held)
{
	__atomic_store_n(&realms_lock, held, __ATOMIC_RELEASE);
}

void test_set_realm_sequences(uint32_t sequence)
{
	for (int i = 0; i < MAX_REALMS; i++)
		realms[i].sequence = sequence;
}

void test_set_last_quiesce(uint32_t number)
{
	last_quiesce = number;
}
