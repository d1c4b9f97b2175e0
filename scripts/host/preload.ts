// Loaded before the tests (bunfig.toml), so that `bun test` started directly finds the adapter.
import { ensureDriverEnvironment } from "./driver.ts";

await ensureDriverEnvironment();
