/** The integer views that `getRandomValues()` fills, as in Web Crypto. */
export type IntegerView =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

const INTEGER_VIEWS: ReadonlySet<string> = new Set([
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "BigInt64Array",
  "BigUint64Array",
]);

/** The getter behind `%TypedArray%.prototype[@@toStringTag]`: a name that no object can pretend to. */
const nameOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

/**
 * The bytes of an integer view.
 *
 * @throws {TypeError} If it is anything else; Web Crypto has a `TypeMismatchError` for float views
 */
export function bytesOfIntegers(view: IntegerView): Uint8Array {
  const name: string | undefined = nameOf.call(view);
  if (name === "Uint8Array") return view as Uint8Array;
  if (name === undefined || !INTEGER_VIEWS.has(name)) {
    throw new TypeError("Cannot fill the view as it is not an integer array");
  }
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * The bytes of any buffer or view, for input. (Web Crypto's `BufferSource`; but that name is not known
 * where the types of browsers are not.)
 *
 * @throws {TypeError} If it is anything else
 */
export function bytesOfSource(
  source: ArrayBuffer | ArrayBufferView,
): Uint8Array {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  throw new TypeError(
    "Cannot mix in the extra bytes as they are no buffer or view",
  );
}

/** Whether another thread may see the view's memory. Another realm's buffer counts as shared. */
export function isShared(bytes: Uint8Array): boolean {
  return !(bytes.buffer instanceof ArrayBuffer);
}
