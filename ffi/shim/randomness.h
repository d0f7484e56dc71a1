/* Bytes from outside the memory of the process: from the kernel and from the CPU. */

#ifndef VMFORK_RANDOMNESS_H
#define VMFORK_RANDOMNESS_H

enum {
	HARDWARE_TESTED = 1 << 2,
	HARDWARE_TRIES = 10,
	HARDWARE_TEST_WORDS = 8,
	HALF_SEED_SIZE = 32,
	SEED_CYCLES = 2 * HALF_SEED_SIZE,
	SEED_BLOCK = SEED_CYCLES + 8
};

static uint32_t hardware;

static bool is_stuck(uint64_t word)
{
	return !word || !~word;
}

static bool read_cpu(uint32_t kind, uint64_t *word)
{
	return kind == HARDWARE_SEED ? cpu_seed(word) : cpu_draw(word);
}

static uint32_t test_hardware(uint32_t kind)
{
	uint64_t first = 0, word = 0;
	bool varied = false;
	int words = 0;

	for (int tries = 0; words < HARDWARE_TEST_WORDS && tries < HARDWARE_TEST_WORDS * HARDWARE_TRIES; tries++) {
		if (!read_cpu(kind, &word))
			continue;
		if (is_stuck(word))
			return 0;
		if (!words++)
			first = word;
		varied |= word != first;
	}
	return varied && words == HARDWARE_TEST_WORDS ? kind : 0;
}

/* Tested once; of several threads that test at the same time the first one decides. */
static uint32_t find_hardware(void)
{
	uint32_t known = __atomic_load_n(&hardware, __ATOMIC_RELAXED), found;

	if (known)
		return known;
	found = cpu_find_hardware();
	if (found & HARDWARE_DRAW && !test_hardware(HARDWARE_DRAW))
		found &= ~(uint32_t)HARDWARE_DRAW;
	if (found & HARDWARE_SEED && !test_hardware(HARDWARE_SEED))
		found &= ~(uint32_t)HARDWARE_SEED;
	found |= HARDWARE_TESTED;
	if (__atomic_compare_exchange_n(&hardware, &known, found, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return found;
	return known;
}

MUST_CHECK static bool draw_word(uint32_t kind, uint64_t *word)
{
	for (int tries = 0; tries < HARDWARE_TRIES; tries++)
		if (read_cpu(kind, word) && !is_stuck(*word))
			return true;
	return false;
}

/* Returns size; 0 and zeros when the CPU has none of `kinds`, which are tried in the order seed, draw. */
MUST_CHECK static int read_hardware(uint8_t *into, size_t size, uint32_t kinds)
{
	uint64_t word = 0;
	size_t taken;

	kinds &= find_hardware();
	for (size_t at = 0; at < size; at += taken) {
		taken = size - at < sizeof(word) ? size - at : sizeof(word);
		if (kinds && !(kinds & HARDWARE_SEED && draw_word(HARDWARE_SEED, &word)) &&
		    !(kinds & HARDWARE_DRAW && draw_word(HARDWARE_DRAW, &word))) {
			wipe(&word, sizeof(word));
			wipe(into, size);
			return -EIO;
		}
		put_le64(into + at, word, taken);
	}
	wipe(&word, sizeof(word));
	return kinds ? (int)size : 0;
}

MUST_CHECK static int read_kernel(uint8_t *into, size_t size)
{
	long ret;

	for (size_t at = 0; at < size; at += (size_t)ret) {
		do {
			ret = sys_getrandom(into + at, size - at, 0);
		} while (ret == -EINTR);
		if (ret <= 0)
			return ret ? (int)ret : -EIO;
	}
	return (int)size;
}

/* getrandom(size) XOR hardware(size) */
MUST_CHECK static int read_hedged(uint8_t *into, size_t size, uint32_t kinds)
{
	uint8_t scratch[HALF_SEED_SIZE];
	int ret;

	ret = read_kernel(into, size);
	if (ret < 0)
		goto out;
	ret = read_hardware(scratch, size, kinds);
	if (ret < 0)
		goto out;
	xor_bytes(into, scratch, size);
	ret = (int)size;
out:
	wipe(scratch, sizeof(scratch));
	return ret;
}

EXPORT int32_t vmfork_seed(uint8_t *seed)
{
	const uint32_t kinds = HARDWARE_SEED | HARDWARE_DRAW;
	int ret;

	if (!seed)
		return -EFAULT;
	ret = read_kernel(seed, HALF_SEED_SIZE);
	if (ret < 0)
		goto out;
	ret = read_hardware(seed + HALF_SEED_SIZE, HALF_SEED_SIZE, kinds);
	if (ret < 0)
		goto out;
	put_le64(seed + SEED_CYCLES, cpu_count_cycles(), 8);
	ret = read_hedged(seed + SEED_BLOCK, HALF_SEED_SIZE, kinds);
out:
	if (ret < 0)
		wipe(seed, SEED_SIZE);
	return ret < 0 ? ret : SEED_SIZE;
}

EXPORT int32_t vmfork_nonce(uint8_t *nonce)
{
	if (!nonce)
		return -EFAULT;
	return read_hardware(nonce, NONCE_SIZE, HARDWARE_DRAW);
}

EXPORT int32_t vmfork_hedged_nonce(uint8_t *nonce)
{
	int ret;

	if (!nonce)
		return -EFAULT;
	ret = read_hedged(nonce, NONCE_SIZE, HARDWARE_DRAW);
	if (ret < 0)
		wipe(nonce, NONCE_SIZE);
	return ret;
}

EXPORT uint32_t vmfork_hardware(void)
{
	return find_hardware() & (HARDWARE_DRAW | HARDWARE_SEED);
}

#endif
