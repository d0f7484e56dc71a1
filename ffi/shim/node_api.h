/*
 * The part of Node-API that node_api.c uses, after node_api.h of Node.js. All of it is weak: where nothing has it, the
 * dynamic loader leaves null, and the file still loads.
 */

#ifndef VMFORK_NODE_API_H
#define VMFORK_NODE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEAK __attribute__((weak))

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef struct napi_deferred__ *napi_deferred;
typedef struct napi_async_work__ *napi_async_work;

typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);
typedef void (*napi_async_execute_callback)(napi_env env, void *data);
typedef void (*napi_async_complete_callback)(napi_env env, int status, void *data);

enum {
	NODE_API_VERSION = 8,
	NAPI_OK = 0,
	NAPI_CANCELLED = 11,
	NAPI_UINT8_ARRAY = 1
};

#define NAPI_AUTO_LENGTH SIZE_MAX

WEAK int napi_create_async_work(napi_env env, napi_value resource, napi_value name, napi_async_execute_callback execute,
				napi_async_complete_callback complete, void *data, napi_async_work *work);
WEAK int napi_create_function(napi_env env, const char *name, size_t length, napi_callback callback, void *data,
			      napi_value *function);
WEAK int napi_create_int32(napi_env env, int32_t number, napi_value *value);
WEAK int napi_create_promise(napi_env env, napi_deferred *deferred, napi_value *promise);
WEAK int napi_create_string_utf8(napi_env env, const char *text, size_t length, napi_value *value);
WEAK int napi_create_uint32(napi_env env, uint32_t number, napi_value *value);
WEAK int napi_delete_async_work(napi_env env, napi_async_work work);
WEAK int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments, napi_value *self,
			  void **data);
WEAK int napi_get_typedarray_info(napi_env env, napi_value array, int *type, size_t *length, void **data,
				  napi_value *buffer, size_t *offset);
WEAK int napi_get_value_bigint_uint64(napi_env env, napi_value value, uint64_t *number, bool *lossless);
WEAK int napi_get_value_int32(napi_env env, napi_value value, int32_t *number);
WEAK int napi_get_value_uint32(napi_env env, napi_value value, uint32_t *number);
WEAK int napi_is_arraybuffer(napi_env env, napi_value value, bool *is_arraybuffer);
WEAK int napi_queue_async_work(napi_env env, napi_async_work work);
WEAK int napi_resolve_deferred(napi_env env, napi_deferred deferred, napi_value value);
WEAK int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
WEAK int napi_throw_type_error(napi_env env, const char *code, const char *message);

#endif
