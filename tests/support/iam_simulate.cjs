// Somebody else's evaluation of IAM policies: of many questions, in one process.
// Argument: the folder that has node_modules.
// In: a list of {policies, bucketPolicy, principal, account, action, resource, context};
// out: of {allowed, problem}.
"use strict";
const fs = require("node:fs");
const [folder] = process.argv.slice(2);
const iam = require(require.resolve("@cloud-copilot/iam-simulate", { paths: [folder] }));

// What is wrong with a question though its policies can be evaluated: they are, all the same
const KNOWS_LESS = new Set(["invalid.action", "no.resource.types", "must.use.wildcard"]);

async function opinion({ policies, bucketPolicy, principal, account, action, resource, context }) {
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
  const found = await iam.runSimulation(simulation, {});
  if (found.resultType !== "error") {
    return { allowed: found.overallResult === "Allowed", problem: null };
  }
  if (!KNOWS_LESS.has(found.errors.message)) {
    throw new Error(`no opinion: ${JSON.stringify({ policies, errors: found.errors })}`);
  }
  const allowed = iam.runUnsafeSimulation(simulation, {}) === "Allowed";
  return { allowed, problem: found.errors.message };
}

async function main() {
  const answers = [];
  for (const question of JSON.parse(fs.readFileSync(0, "utf8"))) {
    answers.push(await opinion(question));
  }
  process.stdout.write(JSON.stringify(answers));
}

main();
