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

enum {
	REASON_BITS = 5, /* of enum source */
	REASON_MASK = (1 << REASON_BITS) - 1,
	REASONS = 6, /* that are remembered */
	REASONS_MASK = (1 << REASONS * REASON_BITS) - 1,
	REASONS_SHIFT = 32,
	MAX_COUNT = INT32_MAX /* then 1 again */
};

_Static_assert((int)SOURCE_RESUME <= REASON_MASK, "the layout of history");

/* Above the reasons: somebody has let the count grow and is about to store the words for which he did. */
static const uint64_t NOTICING = 1ull << 63;

static uint64_t last_words[WORDS];
/* The count, and above it what made it grow, the last reason lowest: in one word, so that each growth has its own. */
static uint64_t history = 1;
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

static INLINE uint64_t get_history(void)
{
	return __atomic_load_n(&history, __ATOMIC_ACQUIRE);
}

static bool change_history(uint64_t *old, uint64_t new)
{
	return __atomic_compare_exchange_n(&history, old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static uint64_t grow(uint64_t old, uint32_t sources)
{
	const uint32_t count = (uint32_t)old == MAX_COUNT ? 1 : (uint32_t)old + 1;
	const uint64_t reasons = (old >> REASONS_SHIFT << REASON_BITS | sources) & REASONS_MASK;

	return (old & NOTICING) | reasons << REASONS_SHIFT | count;
}

static void grow_count(uint32_t sources)
{
	uint64_t old = get_history();

	while (!change_history(&old, grow(old, sources)))
		;
}

/* Of several threads that have seen the same change one may let the count grow for it, and then store what it saw. */
static bool begin_notice(uint64_t seen_under, uint32_t sources)
{
	return !(seen_under & NOTICING) && change_history(&seen_under, grow(seen_under, sources) | NOTICING);
}

static void end_notice(void)
{
	__atomic_fetch_and(&history, ~NOTICING, __ATOMIC_ACQ_REL);
}

static uint32_t count_steps(uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + MAX_COUNT - from;
}

/* What made it grow from one count to the other; `unknown` if that is not remembered. */
static uint32_t get_reasons(uint32_t before, uint32_t after, uint32_t unknown)
{
	const uint64_t now = get_history();
	const uint32_t later = count_steps(after, (uint32_t)now), steps = count_steps(before, after);
	uint32_t reasons = 0;

	if (later > REASONS || steps > REASONS - later)
		return unknown;
	for (uint32_t i = later; i < later + steps; i++)
		reasons |= now >> (REASONS_SHIFT + i * REASON_BITS) & REASON_MASK;
	return reasons;
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
	return (uint32_t)get_history();
}

/* To begin to look at a source is news too. FIRST the count, THEN the word, as in generation.h. */
static void begin_source(uint32_t source, int word, uint64_t value)
{
	grow_count(source);
	set_last(word, value);
}

#endif
