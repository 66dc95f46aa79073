import { rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
for (const made of ["dist", "docs/api"]) rmSync(join(root, made), { recursive: true, force: true });
