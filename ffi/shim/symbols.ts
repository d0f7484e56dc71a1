/**
 * The C shim's symbols: the contract between `vmfork.c` and TypeScript.
 *
 * Plain calls with integers and buffers only, since a path-scoped `--allow-ffi=FILE` refuses pointers
 * into memory and callbacks. A negative result is a negated Linux errno.
 *
 * @module
 */

/** The ABI version that {@linkcode SHIM_SYMBOLS} describes, as returned by `vmfork_abi()`. */
export const SHIM_ABI = 1;

/** The symbols for `Deno.dlopen`, each with its C prototype. */
export const SHIM_SYMBOLS = {
  // uint32_t vmfork_abi(void);
  vmfork_abi: { parameters: [], result: "u32" },
  // uint32_t vmfork_generation(void); the count, 0 = cannot answer
  vmfork_generation: { parameters: [], result: "u32" },
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
} as const satisfies Deno.ForeignLibraryInterface;
