/*
 * How often the kernel has handled the ACPI event that notifies the device: it moves also when a rollback has left the
 * id alone. Late, and dear to look at: for watchers.
 */

#ifndef VMFORK_ACPI_EVENTS_H
#define VMFORK_ACPI_EVENTS_H

static char events_path[sizeof("/sys/firmware/acpi/interrupts/gpe00")];
static bool events_generic; /* of a Generic Event Device: /proc/interrupts */

/* "       7  EN STS enabled      unmasked" */
static int parse_event(struct lines *lines, uint64_t *word)
{
	const char *text = lines->line;
	int ret = read_line(lines);

	if (ret <= 0)
		return ret < 0 ? ret : -ENODATA;
	while (*text == ' ')
		text++;
	text = parse_decimal(text, word);
	return text && (!*text || *text == ' ') ? 0 : -ENODATA;
}

/* " 24:          1          0  IO-APIC   5-edge      ACPI:Ged"; a column for each CPU makes lines of any length. */
struct interrupt {
	enum { LABEL, COLUMNS, REST } part;
	uint64_t sum, column;
	int matched; /* characters of the name */
	bool is_ged;
};

static void read_column(struct interrupt *line, char c)
{
	if (c >= '0' && c <= '9') {
		line->column = line->column * 10 + (uint64_t)(c - '0');
		return;
	}
	if (c == ' ' || c == '\n')
		line->sum += line->column;
	else
		line->part = REST;
	line->column = 0;
}

/* No beginning of the name comes again within it, so that after a mismatch only its first character counts. */
static void match_name(struct interrupt *line, char c)
{
	static const char name[] = "ACPI:Ged";

	line->matched = c == name[line->matched] ? line->matched + 1 : c == name[0];
	if (!name[line->matched]) {
		line->is_ged = true;
		line->matched = 0;
	}
}

static void take_character(struct interrupt *line, char c)
{
	match_name(line, c);
	if (line->part == COLUMNS)
		read_column(line, c);
	else if (line->part == LABEL && c == ':')
		line->part = COLUMNS;
}

static int sum_interrupts(struct lines *lines, uint64_t *word)
{
	struct interrupt line = { 0 };
	bool found = false;
	int ret;
	char c;

	*word = 0;
	do {
		ret = read_char(lines, &c);
		if (ret < 0)
			return ret;
		if (!ret)
			c = '\n';
		take_character(&line, c);
		if (c == '\n') {
			*word += line.is_ged ? line.sum : 0;
			found |= line.is_ged;
			line = (struct interrupt){ 0 };
		}
	} while (ret);
	return found ? 0 : -ENODATA;
}

static int read_events_of(const char *path, bool generic, uint64_t *word)
{
	struct lines lines;
	int ret = open_lines(&lines, path);

	if (ret < 0)
		return ret;
	ret = generic ? sum_interrupts(&lines, word) : parse_event(&lines, word);
	sys_close(lines.fd);
	return ret;
}

static int read_events(uint64_t *word)
{
	return read_events_of(events_path, events_generic, word);
}

static bool is_gpe_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* (ged|gpe[0-9A-F]{2}), as Linux names them */
static bool is_event(const char *name)
{
	const char *digits = skip_prefix(name, "gpe");

	if (!digits)
		return is_equal(name, "ged");
	return is_gpe_digit(digits[0]) && is_gpe_digit(digits[1]) && !digits[2];
}

static int watch_events(const char *name)
{
	uint64_t word;
	int ret;

	if (get_status() & STATUS_EVENTS)
		return -EEXIST;
	events_generic = is_equal(name, "ged");
	if (events_generic)
		put_string(events_path, "/proc/interrupts");
	else
		put_string(put_string(events_path, "/sys/firmware/acpi/interrupts/"), name);
	ret = read_events(&word);
	if (ret < 0)
		return ret;
	begin_source(SOURCE_EVENTS, EVENTS_WORD, word);
	add_status(STATUS_EVENTS);
	return 0;
}

EXPORT int32_t vmfork_watch_events(const char *name)
{
	int ret;

	if (!name)
		return -EFAULT;
	if (!is_event(name))
		return -EINVAL;
	ret = enter_discovery();
	if (ret < 0)
		return ret;
	ret = watch_events(name);
	leave_discovery();
	return ret;
}

#endif
