/** A page of a device or of physical memory, mapped through libc: the lab's own eyes need no shim. */

/** The size of a page on x86-64. */
export const PAGE = 4096;
const PROT_READ = 1;
const MAP_SHARED = 1;
const O_RDONLY = 0;

/** Maps one page of a file, read-only, for good. */
export function mapPage(path: string, offset: number): ArrayBuffer {
  const libc = Deno.dlopen("libc.so.6", {
    // int open(const char *pathname, int flags)
    open: { parameters: ["buffer", "i32"], result: "i32" },
    // void *mmap(void *, size_t, int prot, int flags, int fd, off_t)
    mmap: {
      parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
      result: "pointer",
    },
  });
  const { open, mmap } = libc.symbols;
  const file = open(new TextEncoder().encode(`${path}\0`), O_RDONLY);
  if (file < 0) throw new Error(`Cannot open ${path}`);
  const [size, from] = [BigInt(PAGE), BigInt(offset)];
  const at = mmap(null, size, PROT_READ, MAP_SHARED, file, from);
  if (at === null || Deno.UnsafePointer.value(at) === 2n ** 64n - 1n) {
    throw new Error(`Cannot map ${path} at 0x${offset.toString(16)}`);
  }
  return Deno.UnsafePointerView.getArrayBuffer(at, PAGE);
}
