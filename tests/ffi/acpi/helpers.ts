import assert from "node:assert/strict";
import {
  AcpiError,
  type AcpiErrorCode,
  findVmGenId,
  type VmGenIdDevice,
} from "../../../ffi/acpi/mod.ts";
import {
  type Aml,
  device,
  index,
  int,
  local,
  method,
  name,
  packageOf,
  returns,
  store,
  string,
  table,
  zero,
} from "./aml_builder.ts";

/** A `readPhysical` for tables that need none. */
export function noMemory(): never {
  throw new Error("Nothing should read physical memory");
}

/** Asserts an AcpiError, and returns it. */
export function refused(
  act: () => unknown,
  code: AcpiErrorCode,
  reason: RegExp,
): AcpiError {
  try {
    act();
  } catch (error) {
    assert(error instanceof AcpiError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.reason, reason);
    assert.match(error.reason, /^[A-Z_\\].*[^.]$/);
    return error;
  }
  assert.fail("Nothing was thrown");
}

/** `_CID` as it has to be. */
export const cid: Aml = name("_CID", string("VM_Gen_Counter"));

/** An ADDR that is fine. */
export const goodAddr: Aml = name("ADDR", packageOf(2, int(0x1000), zero));

/** A DSDT with a device of the given body, after other terms. */
export function dsdt(body: readonly Aml[], ...before: readonly Aml[]): Aml {
  return table({}, ...before, device("\\_SB.VGEN", cid, ...body));
}

/** Finds the device in one table that needs no memory. */
export function find(aml: Uint8Array): VmGenIdDevice | undefined {
  return findVmGenId([aml], noMemory);
}

/** The address from a method ADDR with the given terms. */
export function run(
  terms: readonly Aml[],
  ...before: readonly Aml[]
): bigint | undefined {
  return find(dsdt([method("ADDR", 0, ...terms)], ...before))?.address;
}

/** What an expression yields, as the low half of the address. */
export function low(
  expression: Aml,
  ...before: readonly Aml[]
): bigint | undefined {
  return run(addrOf(expression), ...before);
}

/** The terms of an ADDR that returns an expression as the low half. */
export function addrOf(expression: Aml, high: Aml = zero): Aml[] {
  return [
    store(packageOf(2), local(0)),
    store(expression, index(local(0), zero)),
    store(high, index(local(0), int(1))),
    returns(local(0)),
  ];
}

/** A term within itself, so many times. */
export function nest(
  inner: Aml,
  times: number,
  wrap: (inner: Aml) => Aml,
): Aml {
  let term = inner;
  for (let i = 0; i < times; i++) term = wrap(term);
  return term;
}
