/*
 * What vmfork.c asks of the machine: raw system calls, which return a negated errno, and a few CPU
 * instructions. The tests swap this header for one of their own, with -DVMFORK_SYS.
 */

#ifndef VMFORK_SYS_H
#define VMFORK_SYS_H

#include <asm/unistd.h>

#if defined(__x86_64__)

static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline void cpu_id(uint32_t leaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx)
{
	uint32_t edx;

	*eax = leaf;
	*ecx = 0;
	__asm__ volatile("cpuid" : "+a"(*eax), "=b"(*ebx), "+c"(*ecx), "=d"(edx));
}

/* CPUID.1:ECX.RDRAND[30] and CPUID.(7,0):EBX.RDSEED[18] */
static inline uint32_t cpu_find_hardware(void)
{
	uint32_t leaves, eax, ebx, ecx, found = 0;

	cpu_id(0, &leaves, &ebx, &ecx);
	if (leaves >= 1) {
		cpu_id(1, &eax, &ebx, &ecx);
		if (ecx & 1u << 30)
			found |= HARDWARE_DRAW;
	}
	if (leaves >= 7) {
		cpu_id(7, &eax, &ebx, &ecx);
		if (ebx & 1u << 18)
			found |= HARDWARE_SEED;
	}
	return found;
}

static inline bool cpu_draw(uint64_t *word)
{
	bool filled;

	__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(filled));
	return filled;
}

static inline bool cpu_seed(uint64_t *word)
{
	bool filled;

	__asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(filled));
	return filled;
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause");
}

static inline uint64_t cpu_count_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

#elif defined(__aarch64__)

static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* ID_AA64ISAR0_EL1.RNDR[63:60], which Linux emulates for user space */
static inline uint32_t cpu_find_hardware(void)
{
	uint64_t isar0;

	__asm__("mrs %0, s3_0_c0_c6_0" : "=r"(isar0));
	return isar0 >> 60 ? HARDWARE_DRAW | HARDWARE_SEED : 0;
}

/* RNDR; PSTATE.Z says that it had nothing to give */
static inline bool cpu_draw(uint64_t *word)
{
	bool filled;

	__asm__ volatile("mrs %0, s3_3_c2_c4_0" : "=r"(*word), "=@ccne"(filled));
	return filled;
}

/* RNDRRS */
static inline bool cpu_seed(uint64_t *word)
{
	bool filled;

	__asm__ volatile("mrs %0, s3_3_c2_c4_1" : "=r"(*word), "=@ccne"(filled));
	return filled;
}

static inline void cpu_pause(void)
{
	__asm__ volatile("isb");
}

static inline uint64_t cpu_count_cycles(void)
{
	uint64_t cycles;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(cycles));
	return cycles;
}

#else
#error "vmfork knows x86_64 and aarch64"
#endif

static inline long sys_openat(int dir, const char *path, int flags)
{
	return sys_call(__NR_openat, dir, (long)path, flags, 0, 0, 0);
}

static inline long sys_read(int fd, void *into, size_t size)
{
	return sys_call(__NR_read, fd, (long)into, (long)size, 0, 0, 0);
}

static inline long sys_pread(int fd, void *into, size_t size, uint64_t offset)
{
	return sys_call(__NR_pread64, fd, (long)into, (long)size, (long)offset, 0, 0);
}

static inline long sys_write(int fd, const void *from, size_t size)
{
	return sys_call(__NR_write, fd, (long)from, (long)size, 0, 0, 0);
}

static inline long sys_close(int fd)
{
	return sys_call(__NR_close, fd, 0, 0, 0, 0, 0);
}

static inline long sys_mmap(size_t size, int protection, int flags, int fd, uint64_t offset)
{
	return sys_call(__NR_mmap, 0, (long)size, protection, flags, fd, (long)offset);
}

static inline long sys_munmap(long map, size_t size)
{
	return sys_call(__NR_munmap, map, (long)size, 0, 0, 0, 0);
}

static inline long sys_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *stat)
{
	return sys_call(__NR_statx, dir, (long)path, flags, mask, (long)stat, 0);
}

static inline long sys_getrandom(void *into, size_t size, unsigned int flags)
{
	return sys_call(__NR_getrandom, (long)into, (long)size, flags, 0, 0, 0);
}

static inline long sys_eventfd2(unsigned int count, int flags)
{
	return sys_call(__NR_eventfd2, count, flags, 0, 0, 0, 0);
}

static inline long sys_ppoll(struct pollfd *fds, unsigned int count, struct __kernel_timespec *timeout)
{
	return sys_call(__NR_ppoll, (long)fds, count, (long)timeout, 0, 0, 0);
}

static inline long sys_fcntl(int fd, int command, long argument)
{
	return sys_call(__NR_fcntl, fd, command, argument, 0, 0, 0);
}

static inline long sys_faccessat(int dir, const char *path, int mode)
{
	return sys_call(__NR_faccessat, dir, (long)path, mode, 0, 0, 0);
}

static inline long sys_clock_gettime(int clock, struct __kernel_timespec *now)
{
	return sys_call(__NR_clock_gettime, clock, (long)now, 0, 0, 0, 0);
}

static inline long sys_ioctl(int fd, unsigned int request, long argument)
{
	return sys_call(__NR_ioctl, fd, request, argument, 0, 0, 0);
}

static inline long sys_getpid(void)
{
	return sys_call(__NR_getpid, 0, 0, 0, 0, 0, 0);
}

static inline long sys_gettid(void)
{
	return sys_call(__NR_gettid, 0, 0, 0, 0, 0, 0);
}

static inline long sys_tgkill(int process, int thread, int signal)
{
	return sys_call(__NR_tgkill, process, thread, signal, 0, 0, 0);
}

#endif
