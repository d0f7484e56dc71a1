import { AmlReader } from "./aml_reader.ts";
import { AcpiError, type AcpiErrorCode } from "./errors.ts";
import type { Evaluator } from "./evaluate.ts";
import type {
  DeviceObject,
  MethodObject,
  NamedObject,
  NameObject,
  Namespace,
} from "./namespace.ts";
import { PACKAGE_OP, STRING_PREFIX } from "./opcodes.ts";
import { join } from "./path.ts";
import { skipTerm } from "./skip.ts";
import { HEADER_BYTES } from "./table.ts";
import { asInteger } from "./values.ts";

/** One way to recognise a device: a Name in it that holds an identifier. */
export interface Mark {
  /** `_CID`, `_DDN` or `_HID`. */
  readonly object: string;
  /** The identifier, compared without regard to case. */
  readonly id: string;
}

/** A device that bears a mark. */
export interface MarkedDevice {
  readonly device: DeviceObject;
  /** The identifier as the table spells it. */
  readonly id: string;
}

/**
 * The one enabled device that bears the first mark found on any device.
 *
 * `undefined` when no device bears any of the marks; an error when one could
 * be hidden in bytes that were not readable.
 */
export function findDevice(
  namespace: Namespace,
  evaluator: Evaluator,
  marks: readonly Mark[],
): MarkedDevice | undefined {
  for (const mark of marks) {
    const marked = markedDevices(namespace, mark);
    if (marked.length > 0) return onlyEnabled(namespace, evaluator, marked);
  }
  for (const { id } of marks) refuseHidden(namespace, id);
  return undefined;
}

function markedDevices(namespace: Namespace, mark: Mark): MarkedDevice[] {
  const wanted = mark.id.toLowerCase();
  const found: MarkedDevice[] = [];
  for (const device of namespace.objects()) {
    if (device.kind !== "device") continue;
    const object = namespace.get(join(device.path, mark.object));
    if (object?.kind !== "name") continue;
    const id = strings(object).find((id) => id.toLowerCase() === wanted);
    if (id !== undefined) found.push({ device, id });
  }
  return found;
}

/** The string, or the strings of the package, that a Name holds. */
function strings(object: NameObject): string[] {
  const reader = new AmlReader(object.span);
  const opcode = reader.opcode();
  if (opcode === STRING_PREFIX) return [reader.string()];
  if (opcode !== PACKAGE_OP) return [];
  const elements = reader.body();
  const found: string[] = [];
  try {
    elements.byte();
    while (!elements.done) {
      if (elements.peek() === STRING_PREFIX) {
        elements.skip(1);
        found.push(elements.string());
      } else {
        skipTerm(elements, () => 0);
      }
    }
  } catch (error) {
    if (!(error instanceof AcpiError)) throw error;
  }
  return found;
}

function onlyEnabled(
  namespace: Namespace,
  evaluator: Evaluator,
  marked: readonly MarkedDevice[],
): MarkedDevice {
  for (const { device } of marked) refuseAbandoned(namespace, device);
  const enabled = marked.filter(({ device }) =>
    isEnabled(namespace, evaluator, device)
  );
  if (enabled.length === 1) return enabled[0]!;
  if (enabled.length === 0) {
    throw deviceError(
      marked[0]!.device,
      "acpi-disabled",
      `_STA says that ${paths(marked)} is absent or disabled`,
    );
  }
  throw deviceError(
    enabled[1]!.device,
    "acpi-ambiguous",
    `More than one device matches: ${paths(enabled)}`,
  );
}

function paths(marked: readonly MarkedDevice[]): string {
  return marked.map(({ device }) => device.path).join(", ");
}

/** What could not be read in a device may be what decides about it. */
function refuseAbandoned(namespace: Namespace, device: DeviceObject): void {
  for (const { scope, error } of namespace.abandoned) {
    if (scope === device.path || scope.startsWith(`${device.path}.`)) {
      throw error;
    }
  }
}

/** ACPI 6.5 section 6.3.7: bit 0 present, bit 3 functioning; no _STA means both. */
function isEnabled(
  namespace: Namespace,
  evaluator: Evaluator,
  device: DeviceObject,
): boolean {
  const present = 1n << 0n;
  const functioning = 1n << 3n;
  const status = child(namespace, device, "_STA");
  if (status === undefined) return true;
  const bits = asInteger(
    evaluator.evaluate(status),
    new AmlReader(status.span),
  );
  return (bits & present) !== 0n && (bits & functioning) !== 0n;
}

/** A Name or Method of the device; anything else there is an error. */
export function child(
  namespace: Namespace,
  device: DeviceObject,
  segment: string,
): NameObject | MethodObject | undefined {
  const object = namespace.get(join(device.path, segment));
  if (object === undefined) return undefined;
  if (object.kind === "name" || object.kind === "method") return object;
  throw deviceError(
    object,
    "acpi-unsupported",
    `${object.path} is no Name and no Method`,
  );
}

/** A Name or Method that the device must have. */
export function requiredChild(
  namespace: Namespace,
  device: DeviceObject,
  segment: string,
): NameObject | MethodObject {
  const object = child(namespace, device, segment);
  if (object !== undefined) return object;
  throw deviceError(
    device,
    "acpi-evaluation",
    `The device ${device.path} has no ${segment}`,
  );
}

/** An error at the place of an object. */
export function deviceError(
  object: NamedObject,
  code: AcpiErrorCode,
  reason: string,
): AcpiError {
  const { table, offset } = object.span;
  return new AcpiError(code, { table: table.label, offset }, reason);
}

/** "There is none" would be wrong of a device that the walk cannot see. */
function refuseHidden(namespace: Namespace, id: string): void {
  for (const { label, bytes } of namespace.tables) {
    const offset = indexOfText(bytes, id.toLowerCase());
    if (offset < 0) continue;
    const cause = namespace.abandoned[0]?.error;
    throw new AcpiError(
      "acpi-hidden",
      { table: label, offset },
      `The table holds "${id}", but no readable part declares its device`,
      cause && { cause },
    );
  }
}

/** Where AML holds a lower-cased text, in any case; -1 if nowhere. */
function indexOfText(bytes: Uint8Array, text: string): number {
  const first = text.charCodeAt(0);
  for (let at = HEADER_BYTES; at + text.length <= bytes.length; at++) {
    if ((bytes[at]! | 0x20) !== first) continue;
    const candidate = String.fromCharCode(
      ...bytes.subarray(at, at + text.length),
    );
    if (candidate.toLowerCase() === text) return at;
  }
  return -1;
}
