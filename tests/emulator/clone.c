/*
 * A VM fork without a VM: preloaded into a runtime, this library lets the
 * process be cloned while nothing in it can tell. Both images then run on from
 * the same memory, as two clones of a machine do.
 *
 * Raw system calls only: what libc would do at a fork is what must not happen.
 */

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define PUBLIC __attribute__((visibility("default")))

/* The symbols that the process's libc must give, glibc or musl. */
extern int *__errno_location(void);
extern char *getenv(const char *name);

static int pid;

static long call(long number, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

/* A control: the process may see that it was cloned, as it would at a fork. */
static int shows_clone(void)
{
	return getenv("EMULATOR_SHOWS_CLONE") != NULL;
}

/* A clone of a machine keeps its pids: OpenSSL compares them to see a fork. */
PUBLIC int getpid(void)
{
	if (pid == 0 || shows_clone())
		pid = call(SYS_getpid, 0, 0, 0, 0);
	return pid;
}

/*
 * A clone of a machine keeps all memory: neither wiped pages, by which
 * BoringSSL and AWS-LC see a fork, nor left out ones, as V8 wants for its heap.
 */
PUBLIC int madvise(void *address, size_t length, int advice)
{
	long result;

	/* Without its heap, the second image would not get to its first draw. */
	if (advice == MADV_DONTFORK)
		return 0;
	if (advice == MADV_WIPEONFORK && !shows_clone())
		return 0;
	result = call(SYS_madvise, (long)address, length, advice, 0);
	if (result == 0)
		return 0;
	*__errno_location() = -result;
	return -1;
}

/* Ends with its parent, so that no image is left over after a failure. */
PUBLIC int emulator_die_with_parent(void)
{
	return call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
}

/* fork() without pthread_atfork() handlers: 0 in the second image. */
PUBLIC int emulator_clone(void)
{
	getpid();
	return call(SYS_fork, 0, 0, 0, 0);
}

/* Waits for the second image; its wait status. */
PUBLIC int emulator_wait(int child)
{
	int status = 0;
	long result = call(SYS_wait4, child, (long)&status, 0, 0);

	return result < 0 ? (int)result : status;
}

/* Ends this image at once: no handler, no thread that is no longer there. */
PUBLIC void emulator_exit(int code)
{
	call(SYS_exit_group, code, 0, 0, 0);
}
