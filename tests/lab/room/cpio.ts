/**
 * The archive format of an initramfs: "newc", as the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst has it.
 */

/** One entry: a folder, a symbolic link or a file. */
export type Entry =
  | { readonly path: string; readonly folder: true }
  | { readonly path: string; readonly link: string }
  | {
    readonly path: string;
    readonly bytes: Uint8Array;
    readonly executable?: boolean;
  };

const FOLDER = 0o040755;
const LINK = 0o120777;
const FILE = 0o100644;
const EXECUTABLE = 0o100755;

const encoder = new TextEncoder();

/** Packs entries; missing parent folders are added. */
export function pack(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let inode = 0;
  const add = (path: string, mode: number, body: Uint8Array): void => {
    const name = encoder.encode(`${path}\0`);
    const fields = [++inode, mode, 0, 0, 1, 0, body.length, 0, 0, 0, 0];
    const header = [...fields, name.length, 0]
      .map((value) => value.toString(16).padStart(8, "0")).join("");
    parts.push(aligned(concat([encoder.encode(`070701${header}`), name])));
    parts.push(aligned(body));
  };

  const folders = new Set<string>();
  const addFolder = (path: string): void => {
    if (path === "" || folders.has(path)) return;
    addFolder(parent(path));
    folders.add(path);
    add(path, FOLDER, new Uint8Array());
  };

  for (const entry of entries) {
    const path = entry.path.replace(/^\//, "");
    addFolder(parent(path));
    if ("folder" in entry) addFolder(path);
    else if ("link" in entry) add(path, LINK, encoder.encode(entry.link));
    else add(path, entry.executable ? EXECUTABLE : FILE, entry.bytes);
  }
  add("TRAILER!!!", 0, new Uint8Array());
  return concat(parts);
}

function parent(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

function aligned(bytes: Uint8Array): Uint8Array {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : concat([bytes, new Uint8Array(4 - rest)]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
