// Evaluate access checks by iam-simulate, in one process.
// Argument: the folder that has node_modules.
// Input: a list of {policies, bucketPolicy, principal, account, action, resource, context}.
// Output: a list of {allowed, problem}.
"use strict";
const fs = require("node:fs");
const [folder] = process.argv.slice(2);
const iam = require(require.resolve("@cloud-copilot/iam-simulate", { paths: [folder] }));

// Problems with a request whose policies can still be evaluated
const TOLERATED_PROBLEMS = new Set(["invalid.action", "no.resource.types", "must.use.wildcard"]);

async function evaluate({ policies, bucketPolicy, principal, account, action, resource, context }) {
  const simulation = {
    request: {
      principal,
      action,
      resource: { resource, accountId: account },
      contextVariables: context,
    },
    identityPolicies: policies.map((policy, n) => ({ name: `policy ${n + 1}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: bucketPolicy === null ? undefined : bucketPolicy,
  };
  const result = await iam.runSimulation(simulation, {});
  if (result.resultType !== "error") {
    return { allowed: result.overallResult === "Allowed", problem: null };
  }
  if (!TOLERATED_PROBLEMS.has(result.errors.message)) {
    throw new Error(`cannot evaluate: ${JSON.stringify({ policies, errors: result.errors })}`);
  }
  const allowed = iam.runUnsafeSimulation(simulation, {}) === "Allowed";
  return { allowed, problem: result.errors.message };
}

async function main() {
  const results = [];
  for (const check of JSON.parse(fs.readFileSync(0, "utf8"))) {
    results.push(await evaluate(check));
  }
  process.stdout.write(JSON.stringify(results));
}

main();
