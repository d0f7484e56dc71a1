// Imports every entry point and does nothing else.
import "../../mod.ts";
import "../../crng/mod.ts";
import "../../ffi/mod.ts";
import "../../ffi/testing/mod.ts";
import "../../ffi/install.ts";
import "../../ffi/guardian.ts";

console.log("imported");
