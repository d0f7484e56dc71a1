/*
 * Other copies of the shim in this process, loaded from other paths: each has a count, a flag and realms of its own,
 * which this one cannot reach. While it has realms each of them holds the same lock, one of open file descriptions, on a
 * folder of the process that no other user may open.
 */

#ifndef VMFORK_COPIES_H
#define VMFORK_COPIES_H

static int copies_lock = -1; /* under the lock of the realms */

static void hide_this_copy(void)
{
	if (copies_lock >= 0)
		sys_close(copies_lock);
	copies_lock = -1;
}

/* Without /proc, or before Linux 3.15, nothing can be told of other copies. */
static void show_this_copy(void)
{
	struct flock shared = { .l_type = F_RDLCK };

	if (copies_lock >= 0)
		return;
	copies_lock = open_file("/proc/self/ns");
	if (copies_lock >= 0 && sys_fcntl(copies_lock, F_OFD_SETLK, (long)&shared) < 0)
		hide_this_copy();
}

/* Only asks: whoever took the lock for a moment would not be seen by a copy that asks as well. */
static bool has_other_copies(void)
{
	struct flock alone = { .l_type = F_WRLCK };

	return copies_lock >= 0 && sys_fcntl(copies_lock, F_OFD_GETLK, (long)&alone) >= 0 && alone.l_type != F_UNLCK;
}

#endif
