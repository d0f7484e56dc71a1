/* The generation: a look at the sources, and the count that it leads to. */

#ifndef VMFORK_GENERATION_H
#define VMFORK_GENERATION_H

enum {
	/* What a draw looks at; the events cost too much for it. */
	DRAWN = SOURCE_VMGENID | SOURCE_VMCLOCK | SOURCE_FILE,
	ALL = DRAWN | SOURCE_EVENTS,
	/* With any of these the page of the id alone does not tell. */
	DETOURS = STATUS_CLOCK | STATUS_FILE | STATUS_QUIESCED,
	MAX_LOOKS = 100
};

static const uint8_t source_of[WORDS] = {
	[ID_LOW] = SOURCE_VMGENID,
	[ID_HIGH] = SOURCE_VMGENID,
	[CLOCK_WORD] = SOURCE_VMCLOCK,
	[FILE_WORD] = SOURCE_FILE,
	[EVENTS_WORD] = SOURCE_EVENTS
};

static uint32_t find_sources(uint32_t state)
{
	return (state & STATUS_MAPPED ? SOURCE_VMGENID : 0) | (state & STATUS_CLOCK ? SOURCE_VMCLOCK : 0) |
	       (state & STATUS_FILE ? SOURCE_FILE : 0) | (state & STATUS_EVENTS ? SOURCE_EVENTS : 0);
}

/* The slow ones first: what happens meanwhile the quick ones still see. */
static bool read_words(uint32_t sources, uint64_t words[WORDS])
{
	return (!(sources & SOURCE_EVENTS) || !read_events(&words[EVENTS_WORD])) &&
	       (!(sources & SOURCE_FILE) || !read_generation_file(&words[FILE_WORD])) &&
	       (!(sources & SOURCE_VMCLOCK) || read_vmclock(&words[CLOCK_WORD])) &&
	       (!(sources & SOURCE_VMGENID) || read_id(get_id(), &words[ID_LOW], &words[ID_HIGH]));
}

static void get_lasts(uint64_t words[WORDS])
{
	for (int i = 0; i < WORDS; i++)
		words[i] = get_last(i);
}

static uint32_t find_news(uint32_t sources, const uint64_t words[WORDS], const uint64_t lasts[WORDS])
{
	uint32_t news = 0;

	for (int i = 0; i < WORDS; i++)
		if (sources & source_of[i] && words[i] != lasts[i])
			news |= source_of[i];
	return news;
}

/* FIRST the count, THEN the words: whoever finds the new word in `last_words` must also find the new count. */
static void store_news(uint32_t news, const uint64_t words[WORDS])
{
	for (int i = 0; i < WORDS; i++)
		if (news & source_of[i])
			set_last(i, words[i]);
}

/*
 * Lets the count grow for what was seen, unless it has grown meanwhile: then it may have been for the same. If that
 * goes on for too long, because a thread was stopped in the middle, one change may well count twice.
 */
static bool notice(uint64_t seen_under, uint32_t news, const uint64_t words[WORDS], bool at_last)
{
	const bool begun = begin_notice(seen_under, news);

	if (!begun && !at_last)
		return false;
	if (!begun)
		grow_count(news);
	store_news(news, words);
	if (begun)
		end_notice();
	return true;
}

/*
 * Returns 0 if one of the sources cannot be read, or while quiesced. The history comes first, and the state: who finds
 * the process no longer quiesced must also find the count that the resume has left. The last words come before the
 * reading: words that were read before another thread noticed newer ones are none to store.
 */
__attribute__((noinline)) static uint32_t look_at(uint32_t wanted)
{
	uint64_t words[WORDS], lasts[WORDS];

	for (int looks = 1;; looks++) {
		const uint64_t under = get_history();
		const uint32_t state = get_status(), sources = wanted & find_sources(state);
		uint32_t news;

		get_lasts(lasts);
		if (state & STATUS_QUIESCED || !read_words(sources, words))
			return 0;
		news = find_news(sources, words, lasts);
		if (!news || notice(under, news, words, looks == MAX_LOOKS))
			return get_count();
		cpu_pause();
	}
}

/* look_at(DRAWN), short where there is nothing but the page of the id. */
static INLINE uint32_t read_generation(void)
{
	const volatile uint64_t *id;
	uint64_t low, high, last_low, last_high;

	if (get_status() & DETOURS)
		return look_at(DRAWN);
	id = get_id();
	if (id) {
		last_low = get_last(ID_LOW);
		last_high = get_last(ID_HIGH);
		if (!read_id(id, &low, &high))
			return 0;
		if (low != last_low || high != last_high)
			return look_at(DRAWN);
	}
	return get_count();
}

EXPORT uint32_t vmfork_generation(void)
{
	return read_generation();
}

EXPORT uint32_t vmfork_look(void)
{
	return look_at(ALL);
}

/* Of too long ago any may have been it. */
EXPORT uint32_t vmfork_changed_by(uint32_t before, uint32_t after)
{
	return get_reasons(before, after, find_sources(get_status()) | SOURCE_RESUME);
}

#endif
