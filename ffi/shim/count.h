/* The count of the process, which every kind of source feeds, and the words that its sources showed last. */

#ifndef VMFORK_COUNT_H
#define VMFORK_COUNT_H

enum word {
	ID_LOW,
	ID_HIGH,
	CLOCK_WORD,
	FILE_WORD,
	EVENTS_WORD,
	WORDS
};

static uint64_t last_words[WORDS];
static uint32_t count = 1;
static uint32_t changed_by;
static uint32_t status;

static INLINE uint32_t get_status(void)
{
	return __atomic_load_n(&status, __ATOMIC_ACQUIRE);
}

static void add_status(uint32_t bits)
{
	__atomic_fetch_or(&status, bits, __ATOMIC_ACQ_REL);
}

static void drop_status(uint32_t bits)
{
	__atomic_fetch_and(&status, ~bits, __ATOMIC_ACQ_REL);
}

/* First the reason, then the growth: whoever finds the new count may ask for its reason. */
static void grow_count(uint32_t sources)
{
	uint32_t old = __atomic_load_n(&count, __ATOMIC_RELAXED), new;

	__atomic_store_n(&changed_by, sources, __ATOMIC_RELEASE);
	do {
		new = old == UINT32_MAX ? 1 : old + 1;
	} while (!__atomic_compare_exchange_n(&count, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

static INLINE uint64_t get_last(int word)
{
	return __atomic_load_n(&last_words[word], __ATOMIC_ACQUIRE);
}

static void set_last(int word, uint64_t value)
{
	__atomic_store_n(&last_words[word], value, __ATOMIC_RELEASE);
}

static INLINE uint32_t get_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

/* To begin to look at a source is news too. FIRST the count, THEN the word, as in generation.h. */
static void begin_source(uint32_t source, int word, uint64_t value)
{
	grow_count(source);
	set_last(word, value);
}

#endif
