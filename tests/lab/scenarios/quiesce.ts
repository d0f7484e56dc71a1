/**
 * What a snapshot holds of keys and buffers: of a program that runs, and of the same program once it has
 * quiesced.
 *
 * A clone that keeps the id draws on from the keys and buffers of the first snapshot. From what it draws
 * the attacker knows them, and the program itself has no copy to report.
 */

import assert from "node:assert/strict";
import { findKeys } from "../attacker/keys.ts";
import { ramPages } from "../attacker/pages.ts";
import {
  ENCODINGS,
  findPieces,
  type FoundPiece,
  PIECE,
} from "../attacker/pieces.ts";
import type { QuiesceReport } from "../guest/quiesce.ts";
import { MARK_LENGTH, writeMark } from "../guest/position.ts";
import { DRAWN, SIZE } from "../guest/quiesce_wishes.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { Room, Snapshot } from "../room/room.ts";
import type { Figures, Scenario } from "./scenario.ts";

/** Two in the main realm, one in each of two Workers. */
const GENERATORS = 4;
const REALMS = 3;
const KINDS = ["key", "buffer", "mark that stays"] as const;
/** Draws that were left in a buffer of 992 bytes. */
const LEFT = 992 / SIZE - DRAWN;

/** See the file's head. */
export const quiesce: Scenario = {
  name: "quiesce",
  title: "Keys and buffers in a snapshot, before and after quiesce()",
  quick: true,
  run,
};

/** What is looked for: what a generator had at the first snapshot, and a mark that is in both. */
interface Secret {
  readonly kind: typeof KINDS[number];
  readonly bytes: Uint8Array;
}

/** The 16-byte draws of each generator. */
type Draws = readonly (readonly string[])[];

async function run(room: Room): Promise<Figures> {
  const source = await room.boot({
    name: "quiesce",
    // No hardware randomness: a key then tells the draws that come of it, and is known by them.
    hardware: {
      memory: 160,
      processor: "max,-rdrand,-rdseed",
      vmgenid: newGuid(),
    },
    program: {
      command: "deno run -A quiesce.js",
      files: {
        "quiesce.js": await bundle("quiesce.ts"),
        "quiesce_worker.js": await bundle("quiesce_worker.ts"),
      },
    },
  });
  assert.equal(await source.receiveText("ready"), "memory");
  const running = await room.snapshot(source);
  await source.tell("quiesce");
  await source.resume();
  const report: QuiesceReport = JSON.parse(
    await source.receiveText("quiesced"),
  );
  assert.equal(report.quiesced.notWiped, 0, "realms that have not wiped");
  assert.deepEqual(
    report.codes.flat(),
    Array(GENERATORS).fill("quiesced"),
    "what a draw throws meanwhile",
  );
  const quiesced = await room.snapshot(source);
  const { vmgenid } = source.hardware;
  await room.end(source);

  const drawnOn = await drawIn(room, running, "draw", vmgenid);
  const others = [
    await drawIn(room, quiesced, "resume", newGuid()),
    await drawIn(room, quiesced, "resume", newGuid()),
  ];
  const draws = [drawnOn, ...others].flat(2);
  assert.equal(new Set(draws).size, draws.length, "draws that are not equal");

  const [before, after] = [running, quiesced].map(({ file }) =>
    Deno.readFileSync(file)
  ) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  const mark = new Uint8Array(MARK_LENGTH);
  writeMark(mark);
  const secrets: Secret[] = [
    ...secretsOf(drawnOn, before),
    { kind: "mark that stays", bytes: mark },
  ];
  const list = secrets.map(({ bytes }) => bytes);
  const found = [before, after].map((image) =>
    findPieces(ramPages(image), list)
  ) as [FoundPiece[], FoundPiece[]];
  secrets.forEach(({ kind }, i) => {
    const known = found[0].some(({ secret }) => secret === i);
    assert.ok(known, `a ${kind} is found where it is: snapshot 1`);
  });
  const isMark = ({ secret }: FoundPiece): boolean =>
    secret === secrets.length - 1;
  const left = found[1].filter((piece) => !isMark(piece));
  assert.equal(left.length, 0, "pieces of keys and buffers in snapshot 2");
  for (const encoding of ["contiguous", "upper halves"]) {
    const marks = found[1].filter((piece) => piece.encoding === encoding);
    assert.ok(marks.some(isMark), `the mark in snapshot 2, ${encoding}`);
  }
  return {
    tables: [
      {
        title: "Pieces of 16 bytes in the snapshots",
        ...pieces(secrets, found),
      },
      {
        title: "The run",
        columns: ["figure", "value"],
        rows: [
          ["realms", REALMS],
          ["generators", GENERATORS],
          ["realms that had not wiped in time", report.quiesced.notWiped],
          ["ms until all had wiped", Math.round(report.ms)],
          ["bytes of snapshot 1", before.length],
          ["bytes of snapshot 2", after.length],
          ["draws of two clones after resume()", others.flat(2).length],
          ["equal draws", draws.length - new Set(draws).size],
        ],
      },
    ],
  };
}

/** Draws of a clone, by generator. */
async function drawIn(
  room: Room,
  snapshot: Snapshot,
  wish: "draw" | "resume",
  vmgenid: string | undefined,
): Promise<Draws> {
  const clone = await room.prepareClone(snapshot, vmgenid);
  await clone.tell(wish);
  await clone.resume();
  const draws: Draws = JSON.parse(await clone.receiveText("draws"));
  await room.end(clone);
  return draws;
}

/** Keys and buffers of the generators, told from all other bytes of the image by what was drawn on from them. */
function secretsOf(
  drawnOn: Draws,
  image: Uint8Array<ArrayBuffer>,
): Secret[] {
  const { found } = findKeys(ramPages(image), new Set(drawnOn.flat()));
  // One at most may lie across two pages, where nobody looks.
  assert.ok(found.length >= GENERATORS - 1, `${found.length} keys are found`);
  for (const { draw } of found) {
    const places = drawnOn.map((draws) => draws.indexOf(draw));
    assert.equal(Math.max(...places), LEFT, "the draw that a key gives first");
  }
  return [
    ...found.map(({ key }) => ({ kind: "key", bytes: key }) as const),
    ...drawnOn.map((draws) => {
      const bytes = Uint8Array.fromHex(draws.slice(0, LEFT).join(""));
      return { kind: "buffer", bytes } as const;
    }),
  ];
}

/** Counts pieces, each once however often it was found. */
function pieces(
  secrets: readonly Secret[],
  [before, after]: readonly [readonly FoundPiece[], readonly FoundPiece[]],
) {
  const rows = KINDS.flatMap((kind) => {
    const of = secrets.filter((secret) => secret.kind === kind);
    const bytes = of.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return ENCODINGS.map((encoding) => {
      const step = encoding === "contiguous" ? 1 : 4;
      const all = of.reduce((sum, { bytes }) => {
        return sum + (bytes.length - PIECE) / step + 1;
      }, 0);
      const count = (found: readonly FoundPiece[]): number =>
        new Set(
          found.filter((piece) =>
            piece.encoding === encoding && secrets[piece.secret]!.kind === kind
          ).map(({ secret, at }) => `${secret} ${at}`),
        ).size;
      return [
        kind,
        of.length,
        bytes,
        encoding,
        all,
        count(before),
        count(after),
      ];
    });
  });
  const columns = [
    "secret",
    "how many",
    "bytes",
    "encoding",
    "pieces",
    "found in snapshot 1",
    "found in snapshot 2",
  ];
  return { columns, rows };
}
