/**
 * What a guest sends: named blocks of bytes, in the file behind its port.
 *
 * A block is a line `lab1 NAME LENGTH SHA256`, its bytes and a line feed. A
 * clone's file may start in the middle of a block that was being written at the
 * snapshot: what does not check out is skipped.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

const START = "lab1 ";
const HEADER = /^lab1 (\S+) (\d+) ([0-9a-f]{64})\n/;
const LONGEST_HEADER = 256;

/** One block. */
export interface Block {
  /** As the guest named it. */
  readonly name: string;
  /** As the guest sent it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Takes bytes as they arrive, in any portions, and gives whole blocks. */
export class Decoder {
  #rest: Buffer<ArrayBuffer> = Buffer.alloc(0);

  /** Takes the next bytes and returns the blocks that they complete. */
  push(bytes: Uint8Array): Block[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const blocks: Block[] = [];
    let at = 0;
    while ((at = this.#rest.indexOf(START, at)) !== -1) {
      const header = HEADER.exec(
        this.#rest.toString("latin1", at, at + LONGEST_HEADER),
      );
      if (header === null) {
        if (this.#rest.length < at + LONGEST_HEADER) break;
        at++;
        continue;
      }
      const [line, name = "", length, digest] = header;
      const from = at + line.length;
      const end = from + Number(length);
      if (end > this.#rest.length) break;
      const content = new Uint8Array(this.#rest.subarray(from, end));
      if (createHash("sha256").update(content).digest("hex") === digest) {
        blocks.push({ name, bytes: content });
        at = end;
      } else {
        at++;
      }
    }
    const kept = at === -1 ? this.#rest.length - START.length : at;
    this.#rest = this.#rest.subarray(Math.max(0, kept));
    return blocks;
  }
}
