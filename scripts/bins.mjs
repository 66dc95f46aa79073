/** After a build: makes the commands of package.json executable, which tsc does not. */
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

for (const file of Object.values(bin)) {
  const program = join(root, file);
  if (existsSync(program)) chmodSync(program, 0o755);
}
