// A bench for one kernel: what there is, whether it is right, how fast it is, and where a whole step goes.
//
//   npx bun scripts/kernel.ts list
//   npx bun scripts/kernel.ts check attention [--file my-attention.wgsl]
//   npx bun scripts/kernel.ts time attention --shape B=16,H=4,T=128,D=32
//   npx bun scripts/kernel.ts profile --step train
//   npx bun scripts/kernel.ts docs
import "./host/failure.ts";
import process from "node:process";

const USAGE = `Usage: npx bun scripts/kernel.ts COMMAND [options]

  list       every kernel: its file, its shapes, its variants
  check      kernels against float64 on the CPU and by finite differences
  time       one kernel, beside this adapter's ceilings or beside another kernel
  profile    where a whole training step or decode goes, by kernel
  docs       writes docs/kernels from the registry and the WGSL files

npx bun scripts/kernel.ts COMMAND --help tells the options of one.`;

const [command] = process.argv.splice(2, 1); // the rest of the command line is the command's own
switch (command) {
  case "list":
    (await import("./kernel/list.ts")).list();
    break;
  case "check":
    await (await import("./kernel/check.ts")).check();
    break;
  case "time":
    await (await import("./kernel/time.ts")).time();
    break;
  case "profile":
    await (await import("./kernel/profile.ts")).profile();
    break;
  case "docs":
    await (await import("./kernel/docs.ts")).docs();
    break;
  default:
    console.log(USAGE);
    process.exit(command === undefined || command === "--help" ? 0 : 2);
}
process.exit(0);
