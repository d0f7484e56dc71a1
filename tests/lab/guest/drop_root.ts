const NOBODY = 65534;
const PR_SET_DUMPABLE = 4;

/** Gives up root for the whole process, for good. */
export function dropRoot(): void {
  const libc = Deno.dlopen("libc.so.6", {
    // int setgid(gid_t gid)
    setgid: { parameters: ["u32"], result: "i32" },
    // int setuid(uid_t uid)
    setuid: { parameters: ["u32"], result: "i32" },
    // int prctl(int op, unsigned long arg2)
    prctl: { parameters: ["i32", "usize"], result: "i32" },
  });
  const { setgid, setuid, prctl } = libc.symbols;
  // The last one gives /proc/self back to its process, as an exec would.
  if (
    setgid(NOBODY) !== 0 || setuid(NOBODY) !== 0 ||
    prctl(PR_SET_DUMPABLE, 1n) !== 0
  ) throw new Error("Cannot give up root");
}
