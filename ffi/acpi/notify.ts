import { AmlReader, isNameLead } from "./aml_reader.ts";
import { AcpiError } from "./errors.ts";
import { MAX_CALL_DEPTH } from "./limits.ts";
import type { MethodObject, Namespace } from "./namespace.ts";
import { ELSE_OP, IF_OP, NOTIFY_OP, WHILE_OP } from "./opcodes.ts";
import { lastSegment } from "./path.ts";
import { skipTerm } from "./skip.ts";

/**
 * Event methods: `_Exx` and `_Lxx` for a GPE or GPIO event (ACPI 6.5 section
 * 5.6.4), `_EVT` for a Generic Event Device (5.6.9.4).
 */
const EVENT_METHOD = /^_(?:[EL][0-9A-F]{2}|EVT)$/;

/**
 * The event method that notifies a device, itself or through methods that it
 * calls. It is read, not run: the answer is where a Notify stands.
 */
export function notifiedBy(
  namespace: Namespace,
  devicePath: string,
): string | undefined {
  const search: Search = { namespace, devicePath, known: new Map() };
  for (const object of namespace.objects()) {
    if (object.kind !== "method") continue;
    if (!EVENT_METHOD.test(lastSegment(object.path))) continue;
    if (notifies(search, object, 0)) return object.path;
  }
  return undefined;
}

interface Search {
  readonly namespace: Namespace;
  readonly devicePath: string;
  /** Methods already looked at: each is read once. */
  readonly known: Map<string, boolean>;
}

function notifies(
  search: Search,
  method: MethodObject,
  depth: number,
): boolean {
  const known = search.known.get(method.path);
  if (known !== undefined) return known;
  search.known.set(method.path, false);
  const { notified, called } = readBody(search.namespace, method);
  const found = notified.has(search.devicePath) ||
    depth < MAX_CALL_DEPTH &&
      called.some((callee) => notifies(search, callee, depth + 1));
  search.known.set(method.path, found);
  return found;
}

interface Body {
  /** Paths that a Notify names. */
  readonly notified: ReadonlySet<string>;
  readonly called: readonly MethodObject[];
}

/** What a method notifies and calls, as far as its body is readable. */
function readBody(namespace: Namespace, method: MethodObject): Body {
  const notified = new Set<string>();
  const called: MethodObject[] = [];
  const reader = new AmlReader(method.span);
  try {
    while (!reader.done) {
      readStatement(namespace, method, reader, notified, called);
    }
  } catch (error) {
    if (!(error instanceof AcpiError)) throw error;
  }
  return { notified, called };
}

/** Blocks need no recursion: their terms simply follow. */
function readStatement(
  namespace: Namespace,
  method: MethodObject,
  reader: AmlReader,
  notified: Set<string>,
  called: MethodObject[],
): void {
  switch (reader.peekOpcode()) {
    case IF_OP:
    case ELSE_OP:
    case WHILE_OP:
      reader.opcode();
      reader.packageEnd();
      return;
    case NOTIFY_OP: {
      const target = new AmlReader(reader.rest());
      target.opcode();
      if (isNameLead(target.peek())) {
        const path = namespace.resolvePath(target.name(), method.path);
        if (path !== undefined) notified.add(path);
      }
    }
  }
  skipTerm(reader, (name) => {
    const object = namespace.resolve(name, method.path);
    if (object?.kind === "method") called.push(object);
    return namespace.argumentCount(name, method.path);
  });
}
