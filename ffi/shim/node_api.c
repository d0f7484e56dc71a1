/*
 * The second door of the same file: the functions of vmfork.c for Node.js and whatever else has Node-API, under the
 * same names, with the same arguments and results as ShimSymbols in shim.ts.
 *
 * Whoever loads the file can call these with anything. So every argument is checked: no call from JavaScript reads or
 * writes outside of the arrays that it passes.
 *
 * There is no state per environment: the main thread and any number of worker threads load the file, come and go.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>

#include "node_api.h"

/* Of vmfork.c. Protected: exported, and yet called without a detour that another library could take over. */
#define SHIM __attribute__((visibility("protected")))

SHIM uint32_t vmfork_abi(void);
SHIM uint32_t vmfork_generation(void);
SHIM uint32_t vmfork_look(void);
SHIM uint32_t vmfork_changed_by(uint32_t before, uint32_t after);
SHIM int32_t vmfork_unique_id(uint8_t *id);
SHIM int32_t vmfork_seed(uint8_t *seed);
SHIM int32_t vmfork_nonce(uint8_t *nonce);
SHIM int32_t vmfork_hedged_nonce(uint8_t *nonce);
SHIM uint32_t vmfork_hardware(void);
SHIM uint32_t vmfork_status(void);
SHIM int32_t vmfork_read_table(const char *name, uint8_t *into, uint32_t capacity);
SHIM int32_t vmfork_open_memory(void);
SHIM int32_t vmfork_adopt_memory(int32_t fd);
SHIM int32_t vmfork_read_physical(uint64_t address, uint32_t width, uint8_t *into);
SHIM int32_t vmfork_map(uint64_t address, const char *hid);
SHIM int32_t vmfork_open_clock(uint32_t index);
SHIM int32_t vmfork_adopt_clock(int32_t fd);
SHIM int32_t vmfork_map_clock(uint64_t address);
SHIM int32_t vmfork_watch_file(const char *path, uint32_t width);
SHIM int32_t vmfork_watch_events(const char *name);
SHIM int32_t vmfork_seal(void);
SHIM int32_t vmfork_wait_open(void);
SHIM int32_t vmfork_wait(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms);
SHIM int32_t vmfork_wake(int32_t handle);
SHIM int32_t vmfork_close(void);
SHIM int32_t vmfork_join(void);
SHIM int32_t vmfork_leave(int32_t realm);
SHIM int32_t vmfork_quiesce(int32_t realm);
SHIM int32_t vmfork_resume(int32_t realm);
SHIM int32_t vmfork_wiped(int32_t realm);
SHIM int32_t vmfork_unwiped(void);
SHIM uint32_t vmfork_quiesced(void);
SHIM int32_t vmfork_heal_kernel(void);
SHIM int32_t vmfork_guard(int32_t handle, uint32_t known, uint32_t interval_ms, int32_t timeout_ms);

enum {
	UNIQUE_ID_SIZE = 16,
	SEED_SIZE = 104,
	NONCE_SIZE = 12,
	MAX_WIDTH = 8,
	MAX_ARGUMENTS = 4,
	/* Of the pool's threads, four unless the user says otherwise, the others are for files and names. */
	MAX_PENDING = 2
};

#define EXPORT __attribute__((visibility("default")))

/* The functions: names and sizes only, since a pointer in a table would have to be relocated. */

enum kind {
	NONE,
	INT32,
	UINT32,
	UINT64, /* a bigint */
	STRING, /* a Uint8Array that ends in NUL */
	BYTES = MAX_WIDTH /* this and above: a Uint8Array of at least so many bytes */
};

enum function {
	ABI,
	GENERATION,
	LOOK,
	CHANGED_BY,
	UNIQUE_ID,
	SEED,
	NONCE,
	HEDGED_NONCE,
	HARDWARE,
	STATUS,
	READ_TABLE,
	OPEN_MEMORY,
	ADOPT_MEMORY,
	READ_PHYSICAL,
	MAP,
	OPEN_CLOCK,
	ADOPT_CLOCK,
	MAP_CLOCK,
	WATCH_FILE,
	WATCH_EVENTS,
	SEAL,
	WAIT_OPEN,
	WAIT,
	WAKE,
	CLOSE,
	JOIN,
	LEAVE,
	QUIESCE,
	RESUME,
	WIPED,
	UNWIPED,
	QUIESCED,
	HEAL_KERNEL,
	GUARD,
	FUNCTIONS
};

static const struct {
	char name[24];
	uint8_t kinds[MAX_ARGUMENTS];
} functions[FUNCTIONS] = {
	[ABI] = { "vmfork_abi", { NONE } },
	[GENERATION] = { "vmfork_generation", { NONE } },
	[LOOK] = { "vmfork_look", { NONE } },
	[CHANGED_BY] = { "vmfork_changed_by", { UINT32, UINT32 } },
	[UNIQUE_ID] = { "vmfork_unique_id", { UNIQUE_ID_SIZE } },
	[SEED] = { "vmfork_seed", { SEED_SIZE } },
	[NONCE] = { "vmfork_nonce", { NONCE_SIZE } },
	[HEDGED_NONCE] = { "vmfork_hedged_nonce", { NONCE_SIZE } },
	[HARDWARE] = { "vmfork_hardware", { NONE } },
	[STATUS] = { "vmfork_status", { NONE } },
	[READ_TABLE] = { "vmfork_read_table", { STRING, BYTES, UINT32 } },
	[OPEN_MEMORY] = { "vmfork_open_memory", { NONE } },
	[ADOPT_MEMORY] = { "vmfork_adopt_memory", { INT32 } },
	[READ_PHYSICAL] = { "vmfork_read_physical", { UINT64, UINT32, MAX_WIDTH } },
	[MAP] = { "vmfork_map", { UINT64, STRING } },
	[OPEN_CLOCK] = { "vmfork_open_clock", { UINT32 } },
	[ADOPT_CLOCK] = { "vmfork_adopt_clock", { INT32 } },
	[MAP_CLOCK] = { "vmfork_map_clock", { UINT64 } },
	[WATCH_FILE] = { "vmfork_watch_file", { STRING, UINT32 } },
	[WATCH_EVENTS] = { "vmfork_watch_events", { STRING } },
	[SEAL] = { "vmfork_seal", { NONE } },
	[WAIT_OPEN] = { "vmfork_wait_open", { NONE } },
	[WAIT] = { "vmfork_wait", { INT32, UINT32, UINT32, INT32 } },
	[WAKE] = { "vmfork_wake", { INT32 } },
	[CLOSE] = { "vmfork_close", { NONE } },
	[JOIN] = { "vmfork_join", { NONE } },
	[LEAVE] = { "vmfork_leave", { INT32 } },
	[QUIESCE] = { "vmfork_quiesce", { INT32 } },
	[RESUME] = { "vmfork_resume", { INT32 } },
	[WIPED] = { "vmfork_wiped", { INT32 } },
	[UNWIPED] = { "vmfork_unwiped", { NONE } },
	[QUIESCED] = { "vmfork_quiesced", { NONE } },
	[HEAL_KERNEL] = { "vmfork_heal_kernel", { NONE } },
	[GUARD] = { "vmfork_guard", { INT32, UINT32, UINT32, INT32 } }
};

/* Arguments */

struct argument {
	uint8_t *bytes;
	size_t length; /* of the bytes */
	uint64_t wide;
	uint32_t number;
};

/* Not one on shared memory: another thread could change what was checked. */
static bool take_bytes(napi_env env, napi_value value, enum kind kind, struct argument *into)
{
	napi_value buffer = NULL;
	void *bytes = NULL;
	bool is_private = false;
	int type = -1;

	if (napi_get_typedarray_info(env, value, &type, &into->length, &bytes, &buffer, NULL) != NAPI_OK ||
	    napi_is_arraybuffer(env, buffer, &is_private) != NAPI_OK || !is_private || type != NAPI_UINT8_ARRAY ||
	    !bytes)
		return false;
	into->bytes = bytes;
	if (kind == STRING)
		return into->length && !into->bytes[into->length - 1];
	return into->length >= kind;
}

static bool take_argument(napi_env env, napi_value value, enum kind kind, struct argument *into)
{
	bool lossless = false;

	switch (kind) {
	case INT32:
		return napi_get_value_int32(env, value, (int32_t *)&into->number) == NAPI_OK;
	case UINT32:
		return napi_get_value_uint32(env, value, &into->number) == NAPI_OK;
	case UINT64:
		return napi_get_value_bigint_uint64(env, value, &into->wide, &lossless) == NAPI_OK && lossless;
	default:
		return take_bytes(env, value, kind, into);
	}
}

static bool take_arguments(napi_env env, napi_callback_info info, const uint8_t *kinds, struct argument *into)
{
	napi_value values[MAX_ARGUMENTS];
	size_t count = MAX_ARGUMENTS;

	if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != NAPI_OK)
		return false;
	for (size_t i = 0; i < MAX_ARGUMENTS && kinds[i] != NONE; i++)
		if (i >= count || !take_argument(env, values[i], (enum kind)kinds[i], &into[i]))
			return false;
	return true;
}

static napi_value refuse(napi_env env)
{
	napi_throw_type_error(env, NULL, "Cannot call the shim as the arguments are not those that it takes");
	return NULL;
}

/* Plain calls */

static napi_value call_generation(napi_env env, napi_callback_info info)
{
	napi_value value = NULL;

	(void)info;
	napi_create_uint32(env, vmfork_generation(), &value);
	return value;
}

static napi_value call_look(napi_env env, napi_callback_info info)
{
	napi_value value = NULL;

	(void)info;
	napi_create_uint32(env, vmfork_look(), &value);
	return value;
}

static napi_value call_quiesced(napi_env env, napi_callback_info info)
{
	napi_value value = NULL;

	(void)info;
	napi_create_uint32(env, vmfork_quiesced(), &value);
	return value;
}

/* Every result but the count and the number of a quiesce fits into an int32_t. */
static int32_t call_function(enum function function, const struct argument *a)
{
	switch (function) {
	case ABI:
		return (int32_t)vmfork_abi();
	case CHANGED_BY:
		return (int32_t)vmfork_changed_by(a[0].number, a[1].number);
	case UNIQUE_ID:
		return vmfork_unique_id(a[0].bytes);
	case SEED:
		return vmfork_seed(a[0].bytes);
	case NONCE:
		return vmfork_nonce(a[0].bytes);
	case HEDGED_NONCE:
		return vmfork_hedged_nonce(a[0].bytes);
	case HARDWARE:
		return (int32_t)vmfork_hardware();
	case STATUS:
		return (int32_t)vmfork_status();
	case READ_TABLE:
		return vmfork_read_table((const char *)a[0].bytes, a[1].bytes,
					 a[2].number < a[1].length ? a[2].number : (uint32_t)a[1].length);
	case OPEN_MEMORY:
		return vmfork_open_memory();
	case ADOPT_MEMORY:
		return vmfork_adopt_memory((int32_t)a[0].number);
	case READ_PHYSICAL:
		return vmfork_read_physical(a[0].wide, a[1].number, a[2].bytes);
	case MAP:
		return vmfork_map(a[0].wide, (const char *)a[1].bytes);
	case OPEN_CLOCK:
		return vmfork_open_clock(a[0].number);
	case ADOPT_CLOCK:
		return vmfork_adopt_clock((int32_t)a[0].number);
	case MAP_CLOCK:
		return vmfork_map_clock(a[0].wide);
	case WATCH_FILE:
		return vmfork_watch_file((const char *)a[0].bytes, a[1].number);
	case WATCH_EVENTS:
		return vmfork_watch_events((const char *)a[0].bytes);
	case SEAL:
		return vmfork_seal();
	case WAIT_OPEN:
		return vmfork_wait_open();
	case WAKE:
		return vmfork_wake((int32_t)a[0].number);
	case JOIN:
		return vmfork_join();
	case LEAVE:
		return vmfork_leave((int32_t)a[0].number);
	case QUIESCE:
		return vmfork_quiesce((int32_t)a[0].number);
	case RESUME:
		return vmfork_resume((int32_t)a[0].number);
	case WIPED:
		return vmfork_wiped((int32_t)a[0].number);
	case UNWIPED:
		return vmfork_unwiped();
	case HEAL_KERNEL:
		return vmfork_heal_kernel();
	default:
		return vmfork_close();
	}
}

static napi_value call_plain(napi_env env, napi_callback_info info)
{
	struct argument arguments[MAX_ARGUMENTS];
	napi_value value = NULL;
	void *data = NULL;
	enum function function;

	if (napi_get_cb_info(env, info, NULL, NULL, NULL, &data) != NAPI_OK)
		return refuse(env);
	function = (enum function)(uintptr_t)data;
	if (!take_arguments(env, info, functions[function].kinds, arguments))
		return refuse(env);
	napi_create_int32(env, call_function(function, arguments), &value);
	return value;
}

/* Waiting, on a thread of the pool. Places are static, since a wait may outlast whatever began it. */

static struct pending {
	bool taken, heals;
	int32_t handle, timeout_ms, result;
	uint32_t known, interval_ms;
	napi_deferred deferred;
	napi_async_work work;
} places[MAX_PENDING];

static struct pending *take_place(void)
{
	for (int i = 0; i < MAX_PENDING; i++)
		if (!__atomic_test_and_set(&places[i].taken, __ATOMIC_ACQUIRE))
			return &places[i];
	return NULL;
}

static void free_place(struct pending *pending)
{
	__atomic_clear(&pending->taken, __ATOMIC_RELEASE);
}

static void run_wait(napi_env env, void *data)
{
	struct pending *pending = data;

	(void)env;
	if (pending->heals) /* no pointer to either, which would have to be relocated */
		pending->result =
			vmfork_guard(pending->handle, pending->known, pending->interval_ms, pending->timeout_ms);
	else
		pending->result =
			vmfork_wait(pending->handle, pending->known, pending->interval_ms, pending->timeout_ms);
}

/* In the event loop. It runs also while an environment is torn down; then no promise can be resolved, nor need be. */
static void end_wait(napi_env env, int status, void *data)
{
	struct pending *pending = data;
	napi_value result = NULL;

	if (status == NAPI_CANCELLED) { /* it never ran, and its handle is still open */
		vmfork_wake(pending->handle);
		run_wait(env, pending);
	}
	napi_create_int32(env, pending->result, &result);
	napi_resolve_deferred(env, pending->deferred, result);
	napi_delete_async_work(env, pending->work);
	free_place(pending);
}

static bool queue_wait(napi_env env, struct pending *pending, napi_value *promise)
{
	napi_value name = NULL;

	if (napi_create_string_utf8(env, "vmfork_wait", NAPI_AUTO_LENGTH, &name) != NAPI_OK ||
	    napi_create_async_work(env, NULL, name, run_wait, end_wait, pending, &pending->work) != NAPI_OK)
		return false;
	if (napi_create_promise(env, &pending->deferred, promise) == NAPI_OK &&
	    napi_queue_async_work(env, pending->work) == NAPI_OK)
		return true;
	napi_delete_async_work(env, pending->work);
	return false;
}

/* No thread is to be had: whoever asked rests and looks by himself. Ends the handle, as a wait does. */
static napi_value turn_away(napi_env env, int32_t handle)
{
	napi_deferred deferred = NULL;
	napi_value promise = NULL, result = NULL;

	vmfork_wake(handle);
	vmfork_wait(handle, 0, 1, 0);
	if (napi_create_promise(env, &deferred, &promise) == NAPI_OK &&
	    napi_create_int32(env, -EAGAIN, &result) == NAPI_OK)
		napi_resolve_deferred(env, deferred, result);
	return promise;
}

static napi_value begin_wait(napi_env env, napi_callback_info info, bool heals)
{
	struct argument arguments[MAX_ARGUMENTS];
	struct pending *pending;
	napi_value promise = NULL;

	if (!take_arguments(env, info, functions[WAIT].kinds, arguments))
		return refuse(env);
	pending = take_place();
	if (!pending)
		return turn_away(env, (int32_t)arguments[0].number);
	pending->heals = heals;
	pending->handle = (int32_t)arguments[0].number;
	pending->known = arguments[1].number;
	pending->interval_ms = arguments[2].number;
	pending->timeout_ms = (int32_t)arguments[3].number;
	if (queue_wait(env, pending, &promise))
		return promise;
	free_place(pending);
	return turn_away(env, (int32_t)arguments[0].number);
}

static napi_value call_wait(napi_env env, napi_callback_info info)
{
	return begin_wait(env, info, false);
}

static napi_value call_guard(napi_env env, napi_callback_info info)
{
	return begin_wait(env, info, true);
}

/* The door */

static bool add_function(napi_env env, napi_value exports, enum function function)
{
	const napi_callback callback = function == GENERATION ? call_generation :
				       function == LOOK	      ? call_look :
				       function == QUIESCED   ? call_quiesced :
				       function == WAIT	      ? call_wait :
				       function == GUARD      ? call_guard :
								call_plain;
	const char *name = functions[function].name;
	napi_value value = NULL;

	return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, (void *)(uintptr_t)function, &value) ==
		       NAPI_OK &&
	       napi_set_named_property(env, exports, name, value) == NAPI_OK;
}

EXPORT int32_t node_api_module_get_api_version_v1(void)
{
	return NODE_API_VERSION;
}

/* Where adding fails, an exception is pending, and the caller throws it. */
EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	for (int i = 0; i < FUNCTIONS; i++)
		if (!add_function(env, exports, (enum function)i))
			break;
	return exports;
}
