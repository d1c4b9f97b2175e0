// Where set-up reads and writes. Everything it makes lies under the git-ignored .homeport folder.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const homeport = join(root, ".homeport");
/** Unpacked Vulkan drivers, one folder per provider. */
export const driverFolder = join(homeport, "driver");
/** The adapter that set-up found and the environment that its driver needs. */
export const driverFile = join(homeport, "driver.json");
/** Downloads and package lists of apt and npm; may be deleted at any time. */
export const cacheFolder = join(homeport, "cache");
