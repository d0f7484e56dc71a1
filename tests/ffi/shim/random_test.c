/* Randomness: what the seed and the nonces are made of, and when the CPU is believed. */

#include <errno.h>
#include <string.h>

#include "harness.h"

enum { SEED_SIZE = 104, NONCE_SIZE = 12, TEST_WORDS = 8, TRIES = 10 };

static const uint64_t ONES = ~0ull;

/* The fake CPU's `n`th word, from 0, repeats one byte. */
static uint8_t word_byte(size_t n)
{
	return (uint8_t)(n % 200 + 1);
}

static bool is_filled(const uint8_t *bytes, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

static void check_words(const uint8_t *bytes, size_t size, size_t first, uint8_t xor)
{
	for (size_t i = 0; i < size; i++)
		check_equal(bytes[i], word_byte(first + i / 8) ^ xor);
}

static void give_draws(const uint64_t *words, size_t count)
{
	fake.draws = words;
	fake.draw_count = count;
}

static void give_seeds(const uint64_t *words, size_t count)
{
	fake.seeds = words;
	fake.seed_count = count;
}

static void abi_is_3(void)
{
	check_equal(vmfork_abi(), 3);
}

static void hardware_is_tested_once(void)
{
	check_equal(vmfork_hardware(), DRAW | SEED);
	check_equal(vmfork_hardware(), DRAW | SEED);
	check_equal(fake.draws_made, TEST_WORDS);
	check_equal(fake.seeds_made, TEST_WORDS);
}

static void hardware_that_is_absent_is_not_touched(void)
{
	fake.hardware = 0;
	check_equal(vmfork_hardware(), 0);
	check_equal(fake.draws_made + fake.seeds_made, 0);
}

static void hardware_may_be_draw_alone(void)
{
	fake.hardware = DRAW;
	check_equal(vmfork_hardware(), DRAW);
}

static void hardware_may_be_seed_alone(void)
{
	uint8_t seed[SEED_SIZE], nonce[NONCE_SIZE];

	fake.hardware = SEED;
	check_equal(vmfork_hardware(), SEED);
	check_equal(vmfork_seed(seed), SEED_SIZE);
	check_words(seed + 32, 32, TEST_WORDS, 0);
	check_equal(vmfork_nonce(nonce), 0);
	check(is_filled(nonce, NONCE_SIZE, 0));
}

static void check_distrusted(const uint64_t *words, size_t count)
{
	give_draws(words, count);
	check_equal(vmfork_hardware(), SEED);
}

static void hardware_that_repeats_one_word_is_distrusted(void)
{
	static const uint64_t words[TEST_WORDS] = { 7, 7, 7, 7, 7, 7, 7, 7 };

	check_distrusted(words, TEST_WORDS);
}

static void hardware_that_differs_in_the_last_word_is_trusted(void)
{
	static const uint64_t words[TEST_WORDS] = { 7, 7, 7, 7, 7, 7, 7, 8 };

	give_draws(words, TEST_WORDS);
	check_equal(vmfork_hardware(), DRAW | SEED);
}

static void hardware_that_gives_zero_is_distrusted(void)
{
	static const uint64_t words[TEST_WORDS] = { 1, 2, 3, 4, 5, 6, 7, 0 };

	check_distrusted(words, TEST_WORDS);
}

static void hardware_that_gives_ones_is_distrusted(void)
{
	static const uint64_t words[TEST_WORDS] = { ~0ull, 2, 3, 4, 5, 6, 7, 8 };

	check_distrusted(words, TEST_WORDS);
}

static void hardware_that_gives_nothing_is_distrusted(void)
{
	static uint64_t words[1000];

	for (size_t i = 0; i < 1000; i++)
		words[i] = NO_WORD;
	check_distrusted(words, 1000);
	check_equal(fake.draws_made, TEST_WORDS * TRIES);
}

static void hardware_that_gives_nothing_at_times_is_trusted(void)
{
	static const uint64_t words[] = { NO_WORD, 1, NO_WORD, NO_WORD, 2, 3 };

	give_draws(words, 6);
	check_equal(vmfork_hardware(), DRAW | SEED);
	check_equal(fake.draws_made, TEST_WORDS + 3);
}

static void seed_that_is_distrusted_leaves_draw(void)
{
	static const uint64_t words[TEST_WORDS] = { 0 };

	give_seeds(words, TEST_WORDS);
	check_equal(vmfork_hardware(), DRAW);
}

static void check_seed(const uint8_t *seed)
{
	static const uint8_t cycles[8] = { 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01 };

	check(is_filled(seed, 32, 0x5a));
	check_words(seed + 32, 32, TEST_WORDS, 0);
	check(!memcmp(seed + 64, cycles, 8));
	check_words(seed + 72, 32, TEST_WORDS + 4, 0x5a);
}

static void seed_is_laid_out_as_designed(void)
{
	uint8_t seed[SEED_SIZE];

	check_equal(vmfork_seed(seed), SEED_SIZE);
	check_seed(seed);
	check_equal(fake.draws_made, TEST_WORDS);
	check_equal(fake.seeds_made, TEST_WORDS + 8);
	check_equal(fake.made[CALL_GETRANDOM], 2);
	check_equal(fake.random_flags, 0);
}

static void seed_survives_interrupts_and_short_reads(void)
{
	for (size_t most = 1; most <= 33; most++) {
		uint8_t seed[SEED_SIZE];

		fake.most = most;
		fake.seeds_made = TEST_WORDS * (most > 1);
		fail_call(CALL_GETRANDOM, 1, 3, EINTR);
		check_equal(vmfork_seed(seed), SEED_SIZE);
		check_seed(seed);
		check_equal(fake.faults[CALL_GETRANDOM].seen, 3 + 2 * (int)((32 + most - 1) / most));
	}
}

static void seed_has_zeros_without_hardware(void)
{
	uint8_t seed[SEED_SIZE];

	fake.hardware = 0;
	check_equal(vmfork_seed(seed), SEED_SIZE);
	check(is_filled(seed, 32, 0x5a) && is_filled(seed + 32, 32, 0) && is_filled(seed + 72, 32, 0x5a));
}

static void seed_takes_single_words_from_draw(void)
{
	static uint64_t words[TEST_WORDS + 1 + TRIES];
	uint8_t seed[SEED_SIZE];

	for (size_t i = 0; i < TEST_WORDS + 1; i++)
		words[i] = i + 1;
	for (size_t i = TEST_WORDS + 1; i < TEST_WORDS + 1 + TRIES; i++)
		words[i] = i % 3 == 0 ? NO_WORD : i % 3 == 1 ? 0 : ONES;
	give_seeds(words, TEST_WORDS + 1 + TRIES);
	check_equal(vmfork_seed(seed), SEED_SIZE);
	check_equal(seed[32], TEST_WORDS + 1);
	check(is_filled(seed + 33, 7, 0));
	check_words(seed + 40, 8, TEST_WORDS, 0);
	check_words(seed + 48, 16, TEST_WORDS + 1 + TRIES, 0);
	check_equal(fake.draws_made, TEST_WORDS + 1);
}

static void check_wiped_seed(int error)
{
	uint8_t seed[SEED_SIZE];

	memset(seed, 0xcc, SEED_SIZE);
	check_equal(vmfork_seed(seed), -error);
	check(is_filled(seed, SEED_SIZE, 0));
}

static void seed_fails_with_the_kernel(void)
{
	fail_call(CALL_GETRANDOM, 1, 1, ENOSYS);
	check_wiped_seed(ENOSYS);
	fail_call(CALL_GETRANDOM, 2, 1, EFAULT);
	check_wiped_seed(EFAULT);
	fake.dry = true;
	check_wiped_seed(EIO);
}

/* Trusted at first, then stuck after `good` further words */
static void break_hardware(size_t good)
{
	static uint64_t draws[1000], seeds[1000];

	for (size_t i = 0; i < 1000; i++) {
		draws[i] = i < TEST_WORDS ? i + 1 : ONES;
		seeds[i] = i < TEST_WORDS + good ? i + 1 : i % 2 ? 0 : NO_WORD;
	}
	give_draws(draws, 1000);
	give_seeds(seeds, 1000);
}

static void seed_fails_with_the_hardware_at_any_word(void)
{
	uint8_t seed[SEED_SIZE];

	check_equal(vmfork_hardware(), DRAW | SEED);
	for (size_t good = 0; good < 8; good++) {
		break_hardware(good);
		fake.draws_made = fake.seeds_made = TEST_WORDS;
		check_wiped_seed(EIO);
		check_equal(fake.seeds_made, TEST_WORDS + good + TRIES);
		check_equal(fake.draws_made, TEST_WORDS + TRIES);
	}
	break_hardware(8);
	fake.draws_made = fake.seeds_made = TEST_WORDS;
	check_equal(vmfork_seed(seed), SEED_SIZE);
}

static void nonce_is_drawn_not_seeded(void)
{
	uint8_t nonce[NONCE_SIZE];

	check_equal(vmfork_nonce(nonce), NONCE_SIZE);
	check_words(nonce, NONCE_SIZE, TEST_WORDS, 0);
	check_equal(fake.draws_made, TEST_WORDS + 2);
	check_equal(fake.seeds_made, TEST_WORDS);
	check_equal(fake.made[CALL_GETRANDOM], 0);
}

static void nonce_is_zeros_without_hardware(void)
{
	uint8_t nonce[NONCE_SIZE];

	fake.hardware = 0;
	memset(nonce, 0xcc, NONCE_SIZE);
	check_equal(vmfork_nonce(nonce), 0);
	check(is_filled(nonce, NONCE_SIZE, 0));
}

static void nonce_survives_nine_failures(void)
{
	static uint64_t words[TEST_WORDS + TRIES];
	uint8_t nonce[NONCE_SIZE];

	for (size_t i = 0; i < TEST_WORDS + TRIES - 1; i++)
		words[i] = i < TEST_WORDS ? i + 1 : i % 3 == 0 ? NO_WORD : i % 3 == 1 ? 0 : ONES;
	words[TEST_WORDS + TRIES - 1] = 0x4242424242424242;
	give_draws(words, TEST_WORDS + TRIES);
	check_equal(vmfork_nonce(nonce), NONCE_SIZE);
	check(is_filled(nonce, 8, 0x42));
	check_words(nonce + 8, 4, TEST_WORDS + TRIES, 0);
}

static void nonce_fails_at_the_tenth(void)
{
	uint8_t nonce[NONCE_SIZE];

	break_hardware(0);
	memset(nonce, 0xcc, NONCE_SIZE);
	check_equal(vmfork_nonce(nonce), -EIO);
	check(is_filled(nonce, NONCE_SIZE, 0));
	check_equal(fake.draws_made, TEST_WORDS + TRIES);
}

static void hedged_nonce_is_both(void)
{
	uint8_t nonce[NONCE_SIZE];

	fake.most = 5;
	fail_call(CALL_GETRANDOM, 2, 2, EINTR);
	check_equal(vmfork_hedged_nonce(nonce), NONCE_SIZE);
	check_words(nonce, NONCE_SIZE, TEST_WORDS, 0x5a);
	check_equal(fake.made[CALL_GETRANDOM], 5);
	check_equal(fake.seeds_made, TEST_WORDS);
}

static void hedged_nonce_is_the_kernel_without_hardware(void)
{
	uint8_t nonce[NONCE_SIZE];

	fake.hardware = SEED;
	check_equal(vmfork_hedged_nonce(nonce), NONCE_SIZE);
	check(is_filled(nonce, NONCE_SIZE, 0x5a));
}

static void hedged_nonce_fails_with_either(void)
{
	uint8_t nonce[NONCE_SIZE];

	memset(nonce, 0xcc, NONCE_SIZE);
	fail_call(CALL_GETRANDOM, 1, 1, ENOSYS);
	check_equal(vmfork_hedged_nonce(nonce), -ENOSYS);
	check(is_filled(nonce, NONCE_SIZE, 0));
	break_hardware(0);
	check_equal(vmfork_hardware(), DRAW | SEED);
	memset(nonce, 0xcc, NONCE_SIZE);
	check_equal(vmfork_hedged_nonce(nonce), -EIO);
	check(is_filled(nonce, NONCE_SIZE, 0));
}

static void no_buffer_is_refused(void)
{
	check_equal(vmfork_seed(NULL), -EFAULT);
	check_equal(vmfork_nonce(NULL), -EFAULT);
	check_equal(vmfork_hedged_nonce(NULL), -EFAULT);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(abi_is_3),
		TEST(hardware_is_tested_once),
		TEST(hardware_that_is_absent_is_not_touched),
		TEST(hardware_may_be_draw_alone),
		TEST(hardware_may_be_seed_alone),
		TEST(hardware_that_repeats_one_word_is_distrusted),
		TEST(hardware_that_differs_in_the_last_word_is_trusted),
		TEST(hardware_that_gives_zero_is_distrusted),
		TEST(hardware_that_gives_ones_is_distrusted),
		TEST(hardware_that_gives_nothing_is_distrusted),
		TEST(hardware_that_gives_nothing_at_times_is_trusted),
		TEST(seed_that_is_distrusted_leaves_draw),
		TEST(seed_is_laid_out_as_designed),
		TEST(seed_survives_interrupts_and_short_reads),
		TEST(seed_has_zeros_without_hardware),
		TEST(seed_takes_single_words_from_draw),
		TEST(seed_fails_with_the_kernel),
		TEST(seed_fails_with_the_hardware_at_any_word),
		TEST(nonce_is_drawn_not_seeded),
		TEST(nonce_is_zeros_without_hardware),
		TEST(nonce_survives_nine_failures),
		TEST(nonce_fails_at_the_tenth),
		TEST(hedged_nonce_is_both),
		TEST(hedged_nonce_is_the_kernel_without_hardware),
		TEST(hedged_nonce_fails_with_either),
		TEST(no_buffer_is_refused),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
