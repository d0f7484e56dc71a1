/* Strings and bytes without a libc. */

#ifndef VMFORK_TEXT_H
#define VMFORK_TEXT_H

enum {
	MAX_DECIMAL_DIGITS = 20
};

static void wipe(void *bytes, size_t size)
{
	volatile uint8_t *at = bytes;

	while (size--)
		*at++ = 0;
}

static void put_le64(uint8_t *into, uint64_t word, size_t size)
{
	for (size_t i = 0; i < size; i++, word >>= 8)
		into[i] = (uint8_t)word;
}

static uint64_t get_le64(const uint8_t *from, size_t size)
{
	uint64_t word = 0;

	while (size--)
		word = word << 8 | from[size];
	return word;
}

static void xor_bytes(uint8_t *into, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		into[i] ^= from[i];
}

/* Copies a string without its NUL; returns where it ended. */
static char *put_string(char *into, const char *from)
{
	while (*from)
		*into++ = *from++;
	*into = '\0';
	return into;
}

/* Returns where `text` goes on after `prefix`, or NULL. */
static const char *skip_prefix(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return NULL;
	return text;
}

static bool is_equal(const char *text, const char *other)
{
	const char *rest = skip_prefix(text, other);

	return rest && !*rest;
}

/* Returns where `text` goes on after the first `needle`, or NULL. */
static const char *skip_past(const char *text, const char *needle)
{
	for (; *text; text++) {
		const char *rest = skip_prefix(text, needle);

		if (rest)
			return rest;
	}
	return NULL;
}

static int parse_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Returns where the number of 1 to 16 digits ended, or NULL. */
static const char *parse_hex(const char *text, uint64_t *value)
{
	int digits = 0, digit;

	for (*value = 0; (digit = parse_hex_digit(*text)) >= 0; text++) {
		if (++digits > 16)
			return NULL;
		*value = *value << 4 | (uint64_t)digit;
	}
	return digits ? text : NULL;
}

/* Returns where the number of 1 to 20 digits ended, or NULL; also where it does not fit. */
static const char *parse_decimal(const char *text, uint64_t *value)
{
	int digits = 0;

	for (*value = 0; *text >= '0' && *text <= '9'; text++)
		if (++digits > MAX_DECIMAL_DIGITS || __builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*text - '0'), value))
			return NULL;
	return digits ? text : NULL;
}

#endif
