import assert from "node:assert/strict";
import { test } from "node:test";
import { findVmGenId } from "../../../ffi/acpi/mod.ts";
import * as b from "./aml_builder.ts";
import { cid, dsdt, find, goodAddr, noMemory, refused } from "./helpers.ts";

const { int, one, path, zero } = b;
const id = "VM_Gen_Counter";

function withMark(...marks: readonly b.Aml[]): b.Aml {
  return b.table({}, b.device("VGEN", ...marks, goodAddr));
}

test("findVmGenId() matches _CID in any case", () => {
  for (const spelled of [id, "VM_GEN_COUNTER", "vm_gen_counter"]) {
    assert.equal(
      find(withMark(b.name("_CID", b.string(spelled))))?.cid,
      spelled,
    );
  }
});

test("findVmGenId() matches any string of a _CID package", () => {
  const list = b.packageOf(
    5,
    b.eisaId("PNP0C02"),
    b.string("OTHER"),
    path("\\_SB.FOO"),
    b.packageOf(1, b.string("NESTED")),
    b.string(id),
  );
  assert.equal(find(withMark(b.name("_CID", list)))?.cid, id);
});

test("findVmGenId() matches _DDN when no _CID does", () => {
  const ddn = b.name("_DDN", b.string(id));
  assert.equal(find(withMark(ddn))?.path, "\\VGEN");
  const method = b.method("_CID", 0, b.returns(b.string("OTHER")));
  assert.equal(find(withMark(method, ddn))?.path, "\\VGEN");
  const other = b.table(
    {},
    b.device("AAA", ddn, goodAddr),
    b.device("BBB", cid, goodAddr),
  );
  assert.equal(find(other)?.path, "\\BBB");
});

test("findVmGenId() never matches _HID", () => {
  for (const hid of ["QEMUVGID", "VMGENCTR", "Hyper_V_Gen_Counter_V1"]) {
    assert.equal(find(withMark(b.name("_HID", b.string(hid)))), undefined);
  }
  refused(
    () => find(withMark(b.name("_HID", b.string(id)))),
    "acpi-hidden",
    /VM_Gen_Counter/,
  );
});

test("findVmGenId() ignores a _CID of another type or another value", () => {
  for (const value of [b.string("VM_Gen_Counter2"), one, b.packageOf(3)]) {
    assert.equal(
      find(
        b.table(
          {},
          b.device("AAA", b.name("_CID", value)),
          b.device("VGEN", cid, goodAddr),
        ),
      )?.path,
      "\\VGEN",
    );
  }
});

test("findVmGenId() tolerates a broken _CID package of another device", () => {
  const broken = b.name("_CID", b.packageOf(2, b.raw(0x02)));
  const aml = b.table(
    {},
    b.device("AAA", broken),
    b.device("VGEN", cid, goodAddr),
  );
  assert.equal(find(aml)?.path, "\\VGEN");
});

test("_STA needs bits 0 and 3, as a Name or a Method", () => {
  for (let bits = 0; bits < 16; bits++) {
    for (
      const sta of [
        b.name("_STA", int(bits)),
        b.method("_STA", 0, b.returns(int(bits))),
      ]
    ) {
      const aml = dsdt([sta, goodAddr]);
      if ((bits & 9) === 9) {
        assert.equal(find(aml)?.address, 0x1000n);
      } else {
        refused(
          () => find(aml),
          "acpi-disabled",
          /_STA says that \\_SB\.VGEN is absent or disabled/,
        );
      }
    }
  }
});

test("_STA must be an integer, and a Name or a Method", () => {
  refused(
    () => find(dsdt([b.name("_STA", b.string("on")), goodAddr])),
    "acpi-evaluation",
    /Expected an integer/,
  );
  refused(
    () => find(dsdt([b.device("_STA"), goodAddr])),
    "acpi-unsupported",
    /_STA is no Name and no Method/,
  );
});

const disabled = b.name("_STA", zero);

test("one enabled device among disabled ones is found", () => {
  const aml = b.table(
    {},
    b.device("AAA", cid, disabled),
    b.device("BBB", cid, goodAddr),
    b.device("CCC", cid, disabled),
  );
  assert.equal(find(aml)?.path, "\\BBB");
});

test("several enabled devices are refused, and all are listed", () => {
  const ssdt = b.table({ signature: "SSDT" }, b.device("CCC", cid, goodAddr));
  const aml = b.table(
    {},
    b.device("AAA", cid, goodAddr),
    b.device("BBB", cid, disabled),
  );
  const error = refused(
    () => findVmGenId([aml, ssdt], noMemory),
    "acpi-ambiguous",
    /More than one device matches: \\AAA, \\CCC$/,
  );
  assert.equal(error.table, "SSDT");
});

test("several disabled devices are all listed", () => {
  const aml = b.table(
    {},
    b.device("AAA", cid, disabled),
    b.device("BBB", cid, disabled),
  );
  refused(() => find(aml), "acpi-disabled", /\\AAA, \\BBB is absent/);
});

test("a device without ADDR is refused", () => {
  const error = refused(
    () => find(dsdt([])),
    "acpi-evaluation",
    /\\_SB\.VGEN has no ADDR/,
  );
  assert.equal(error.table, "DSDT");
});

test("an ADDR that takes arguments is refused", () => {
  refused(
    () => find(dsdt([b.method("ADDR", 1, b.returns(b.packageOf(2)))])),
    "acpi-unsupported",
    /ADDR takes arguments/,
  );
});
