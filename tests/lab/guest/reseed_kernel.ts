// Linux, <linux/random.h>: _IO('R', 0x07).
const RNDRESEEDCRNG = 0x5207;
const O_WRONLY = 1;

/** Has the kernel reseed its generator now, as root: its next timed reseed is then as far away as can be. */
export function reseedKernel(): void {
  const libc = Deno.dlopen("libc.so.6", {
    // int open(const char *path, int flags)
    open: { parameters: ["buffer", "i32"], result: "i32" },
    // int ioctl(int fd, unsigned long request), of which this one takes no more
    ioctl: { parameters: ["i32", "usize"], result: "i32" },
  });
  const path = new TextEncoder().encode("/dev/urandom\0");
  const descriptor = libc.symbols.open(path, O_WRONLY);
  if (libc.symbols.ioctl(descriptor, BigInt(RNDRESEEDCRNG)) !== 0) {
    throw new Error("The kernel did not reseed");
  }
  libc.close();
}
