/**
 * The C shim's symbols: the contract between `vmfork.c` and TypeScript.
 *
 * Plain calls with integers and buffers only, since a path-scoped `--allow-ffi=FILE` refuses pointers
 * into memory and callbacks. A negative result is a negated Linux errno.
 *
 * @module
 */

/** The ABI version that {@linkcode SHIM_SYMBOLS} describes, as returned by `vmfork_abi()`. */
export const SHIM_ABI = 3;

/** The symbols for `Deno.dlopen`, each with its C prototype. */
export const SHIM_SYMBOLS = {
  // uint32_t vmfork_abi(void);
  vmfork_abi: { parameters: [], result: "u32" },
  // uint32_t vmfork_generation(void); the count, 0 = cannot answer, or quiesced
  vmfork_generation: { parameters: [], result: "u32" },
  // uint32_t vmfork_look(void); the same, after a look at the ACPI events as well
  vmfork_look: { parameters: [], result: "u32" },
  // uint32_t vmfork_changed_by(uint32_t before, uint32_t after); enum source bits: what made the count grow from
  // one to the other, or all that may have if that is too long ago
  vmfork_changed_by: { parameters: ["u32", "u32"], result: "u32" },
  // int32_t vmfork_unique_id(uint8_t id[16]); 16, or 0 = there is none
  vmfork_unique_id: { parameters: ["buffer"], result: "i32" },
  // int32_t vmfork_seed(uint8_t seed[104]); getrandom(32) || hardware(32) || cycles(8) || getrandom(32) ^ hardware(32)
  vmfork_seed: { parameters: ["buffer"], result: "i32" },
  // int32_t vmfork_nonce(uint8_t nonce[12]); hardware(12), zeros without hardware
  vmfork_nonce: { parameters: ["buffer"], result: "i32" },
  // int32_t vmfork_hedged_nonce(uint8_t nonce[12]); getrandom(12) ^ hardware(12)
  vmfork_hedged_nonce: { parameters: ["buffer"], result: "i32" },
  // uint32_t vmfork_hardware(void); enum hardware bits
  vmfork_hardware: { parameters: [], result: "u32" },
  // uint32_t vmfork_status(void); enum status bits
  vmfork_status: { parameters: [], result: "u32" },
  // int32_t vmfork_read_table(const char *name, uint8_t *into, uint32_t capacity); the table's length
  vmfork_read_table: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  // int32_t vmfork_open_memory(void);
  vmfork_open_memory: { parameters: [], result: "i32" },
  // int32_t vmfork_adopt_memory(int32_t fd);
  vmfork_adopt_memory: { parameters: ["i32"], result: "i32" },
  // int32_t vmfork_read_physical(uint64_t address, uint32_t width, uint8_t *into); width
  vmfork_read_physical: { parameters: ["u64", "u32", "buffer"], result: "i32" },
  // int32_t vmfork_map(uint64_t address, const char *hid); enum confirmation
  vmfork_map: { parameters: ["u64", "buffer"], result: "i32" },
  // int32_t vmfork_open_clock(uint32_t index); maps /dev/vmclock<index>; enum confirmation
  vmfork_open_clock: { parameters: ["u32"], result: "i32" },
  // int32_t vmfork_adopt_clock(int32_t fd); maps an inherited vmclock device; enum confirmation
  vmfork_adopt_clock: { parameters: ["i32"], result: "i32" },
  // int32_t vmfork_map_clock(uint64_t address); maps the page from /dev/mem, before vmfork_map; enum confirmation
  vmfork_map_clock: { parameters: ["u64"], result: "i32" },
  // int32_t vmfork_watch_file(const char *path, uint32_t width); a generation file: 4 or 8 bytes, 0 = decimal text; the
  // one that is watched may be named again
  vmfork_watch_file: { parameters: ["buffer", "u32"], result: "i32" },
  // int32_t vmfork_watch_events(const char *name); "gpe" and two hexadecimal digits, or "ged"
  vmfork_watch_events: { parameters: ["buffer"], result: "i32" },
  // int32_t vmfork_seal(void);
  vmfork_seal: { parameters: [], result: "i32" },
  // int32_t vmfork_wait_open(void); a handle
  vmfork_wait_open: { parameters: [], result: "i32" },
  // int32_t vmfork_wait(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms);
  vmfork_wait: {
    parameters: ["i32", "u32", "u32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t vmfork_wake(int32_t handle);
  vmfork_wake: { parameters: ["i32"], result: "i32" },
  // int32_t vmfork_close(void); wakes every wait
  vmfork_close: { parameters: [], result: "i32" },
  // int32_t vmfork_join(void); registers the calling thread as a realm; its handle
  vmfork_join: { parameters: [], result: "i32" },
  // int32_t vmfork_leave(int32_t realm);
  vmfork_leave: { parameters: ["i32"], result: "i32" },
  // int32_t vmfork_quiesce(int32_t realm); from now on the count reads 0
  vmfork_quiesce: { parameters: ["i32"], result: "i32" },
  // int32_t vmfork_resume(int32_t realm); the last one to resume lets the count grow by 1 and be read
  vmfork_resume: { parameters: ["i32"], result: "i32" },
  // int32_t vmfork_wiped(int32_t realm); the realm has wiped its secrets for this quiesce
  vmfork_wiped: { parameters: ["i32"], result: "i32" },
  // int32_t vmfork_unwiped(void); how many living realms have not, and 1 for other copies of the shim; 0 when not
  // quiesced
  vmfork_unwiped: { parameters: [], result: "i32" },
  // uint32_t vmfork_quiesced(void); the number of the quiesce that is on, 0 = none
  vmfork_quiesced: { parameters: [], result: "u32" },
  // int32_t vmfork_heal_kernel(void); id and hardware randomness into /dev/urandom, then RNDRESEEDCRNG; bytes written
  vmfork_heal_kernel: { parameters: [], result: "i32" },
  // int32_t vmfork_guard(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms); waits, and heals at
  // once when the count grows; the count that it healed for, 0 = nothing to heal
  vmfork_guard: {
    parameters: ["i32", "u32", "u32", "i32"],
    result: "i32",
    nonblocking: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;
