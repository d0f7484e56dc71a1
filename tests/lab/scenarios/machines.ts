/** Chipsets, firmware and kernels: where the id is, and which level that gives. */

import assert from "node:assert/strict";
import type { Protection } from "../../../mod.ts";
import { bundle } from "../room/bundle.ts";
import { guidBytes, newGuid } from "../room/guid.ts";
import type { Hardware } from "../room/hardware.ts";
import type { KernelName } from "../room/kernels.ts";
import type { Room } from "../room/room.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { twoAtATime } from "./two_at_a_time.ts";

const RELAXED = "iomem=relaxed";

/** See the file's head. */
export const machines: Scenario = {
  name: "machines",
  title: "Chipsets, firmware and kernels: where the id is, and which level",
  quick: true,
  run,
};

interface Setting extends Pick<Hardware, "chipset" | "firmware" | "append"> {
  readonly kernel?: KernelName;
  readonly vmgenid?: false;
  readonly level: "memory" | "hedged";
  readonly quick?: true;
}

const SETTINGS: readonly Setting[] = [
  { chipset: "pc", firmware: "seabios", level: "memory", quick: true },
  { chipset: "q35", firmware: "seabios", level: "memory" },
  { chipset: "pc", firmware: "ovmf", level: "hedged" },
  { chipset: "q35", firmware: "ovmf", level: "hedged", quick: true },
  {
    chipset: "q35",
    firmware: "ovmf",
    append: RELAXED,
    level: "memory",
    quick: true,
  },
  { chipset: "pc", kernel: "6.1", level: "memory", quick: true },
  { chipset: "pc", kernel: "7", level: "memory", quick: true },
  { chipset: "pc", vmgenid: false, level: "hedged" },
];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const chosen = SETTINGS.filter((setting) => setting.quick || !quick);
  const rows = await twoAtATime(chosen, (setting) => runOne(room, setting));
  const columns = [
    "chipset",
    "firmware",
    "Linux",
    "parameter",
    "id at",
    "level",
    "confirmed by",
    "why not more",
  ];
  return { tables: [{ title: "Machines", columns, rows }] };
}

async function runOne(room: Room, setting: Setting): Promise<string[]> {
  const { chipset = "pc", firmware = "seabios", append, level } = setting;
  const { kernel = "6.12" } = setting;
  const guid = setting.vmgenid === false ? undefined : newGuid();
  const machine = await room.boot({
    name: `${chipset}-${firmware}`,
    kernel,
    hardware: {
      chipset,
      firmware,
      memory: 256,
      ...(append !== undefined && { append }),
      ...(guid !== undefined && { vmgenid: guid }),
    },
    program: {
      command: "deno run -A machines.js",
      files: { "machines.js": await bundle("machines.ts") },
    },
  });
  const found: Protection = JSON.parse(await machine.receiveText("protection"));
  const name = `${chipset}, ${firmware}, Linux ${kernel}, ${append ?? ""}`;
  assert.equal(found.level, level, `the level of ${name}`);
  const address = found.device?.address;
  assert.equal(address === undefined, guid === undefined, `device of ${name}`);
  if (address !== undefined && guid !== undefined) {
    const memory = await machine.memory(Number(address), 16);
    assert.deepEqual(memory, guidBytes(guid), `QEMU's memory of ${name}`);
    assert.equal(await machine.vmgenid(), guid);
  }
  if (firmware === "ovmf" && level === "hedged") {
    assert.match(found.notReached[0]?.reason ?? "", /ACPI NVS/);
  }
  await room.end(machine);
  return [
    chipset,
    firmware,
    kernel,
    append ?? "",
    address ?? "none",
    found.level,
    found.confirmedBy ?? "",
    found.notReached.map(({ reason }) => reason).join("; "),
  ];
}
