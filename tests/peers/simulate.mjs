// Asks iam-simulate about cases as `bailiwick evaluate` takes them: NDJSON in, NDJSON out.
// {"name", "decision": "allow" | "implicit_deny" | "explicit_deny"} or {"name", "error"}.

import { readFileSync } from "node:fs";
import { runSimulation } from "@cloud-copilot/iam-simulate";

const DECISIONS = {
  Allowed: "allow",
  ImplicitlyDenied: "implicit_deny",
  ExplicitlyDenied: "explicit_deny",
};

const named = (policies) =>
  policies?.map(({ name, document }) => ({ name, policy: document }));

const levels = (found) =>
  (found ?? []).map(({ target, policies }) => ({
    orgIdentifier: target,
    policies: named(policies),
  }));

function simulation(found) {
  const { principal, action, resource, resource_account, context } = found.request;
  return {
    request: {
      principal:
        principal === "anonymous"
          ? { type: "Anonymous" }
          : (principal.service ?? principal),
      action,
      resource: { resource, accountId: resource_account },
      contextVariables: context,
    },
    sessionPolicy: found.session?.[0].document,
    identityPolicies: named(found.identity) ?? [],
    serviceControlPolicies: levels(found.scp),
    resourceControlPolicies: levels(found.rcp),
    resourcePolicy: found.resource_policy,
    permissionBoundaryPolicies: named(found.boundary),
    vpcEndpointPolicies: named(found.endpoint),
  };
}

const answers = [];
for (const line of readFileSync(0, "utf8").split("\n")) {
  if (line === "") continue;
  const found = JSON.parse(line);
  const answer = { name: found.name };
  try {
    const result = await runSimulation(simulation(found), {});
    if (result.resultType === "error") {
      answer.error = JSON.stringify(result.errors).slice(0, 400);
    } else {
      answer.decision = DECISIONS[result.overallResult];
    }
  } catch (error) {
    answer.error = String(error);
  }
  answers.push(JSON.stringify(answer));
}
process.stdout.write(answers.join("\n") + "\n");
