/** getrandom(2) itself: what every program gets from the kernel alone. */
export function openGetrandom(): (length: number) => Uint8Array {
  const libc = Deno.dlopen("libc.so.6", {
    // ssize_t getrandom(void *buf, size_t buflen, unsigned int flags)
    getrandom: { parameters: ["buffer", "usize", "u32"], result: "isize" },
  });
  const { getrandom } = libc.symbols;
  return (length) => {
    const bytes = new Uint8Array(length);
    if (getrandom(bytes, BigInt(length), 0) === BigInt(length)) return bytes;
    throw new Error("getrandom(2) gave no bytes");
  };
}
