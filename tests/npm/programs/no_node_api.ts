// As report.ts, in a runtime that cannot load modules of Node-API.
import process from "node:process";

Object.defineProperty(process, "dlopen", { value: undefined });
await import("./report.ts");
