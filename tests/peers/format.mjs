// Whether Terraform's formatter leaves the modules in a folder as they are: the library behind
// `terraform fmt`, as WebAssembly. {"formatted": how many, "wrong": [what it would change]}.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import hcl from "@cdktf/hcl-tools";

const told = { formatted: 0, wrong: [] };
const modules = join(process.argv[2], "terraform");
for (const file of readdirSync(modules, { recursive: true }).sort()) {
  if (!file.endsWith(".tf")) continue;
  const text = readFileSync(join(modules, file), "utf8");
  const laid = await hcl.format(text);
  told.formatted += 1;
  if (laid === text) continue;
  const lines = laid.split("\n");
  const at = text.split("\n").findIndex((line, number) => line !== lines[number]);
  told.wrong.push(`${file}:${at + 1}: ${JSON.stringify(lines[at])}`);
}
console.log(JSON.stringify(told));
