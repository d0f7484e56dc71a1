/*
 * Stands in for sys.h: the same names, answered by fake_sys.c in ordinary C, with paths under a test root
 * and faults where a test wants them.
 */

#ifndef VMFORK_FAKE_SYS_H
#define VMFORK_FAKE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct statx;
struct pollfd;
struct __kernel_timespec;

uint32_t cpu_find_hardware(void);
bool cpu_draw(uint64_t *word);
bool cpu_seed(uint64_t *word);
void cpu_pause(void);
uint64_t cpu_count_cycles(void);

long sys_openat(int dir, const char *path, int flags);
long sys_read(int fd, void *into, size_t size);
long sys_pread(int fd, void *into, size_t size, uint64_t offset);
long sys_write(int fd, const void *from, size_t size);
long sys_close(int fd);
long sys_mmap(size_t size, int protection, int flags, int fd, uint64_t offset);
long sys_munmap(long map, size_t size);
long sys_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *stat);
long sys_getrandom(void *into, size_t size, unsigned int flags);
long sys_eventfd2(unsigned int count, int flags);
long sys_ppoll(struct pollfd *fds, unsigned int count, struct __kernel_timespec *timeout);
long sys_fcntl(int fd, int command, long argument);
long sys_faccessat(int dir, const char *path, int mode);
long sys_clock_gettime(int clock, struct __kernel_timespec *now);
long sys_ioctl(int fd, unsigned int request, long argument);
long sys_getpid(void);
long sys_gettid(void);
long sys_tgkill(int process, int thread, int signal);

#endif
