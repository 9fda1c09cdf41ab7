// Answers the cases of `bailiwick evaluate` with @cloud-copilot/iam-simulate: cases in, one a line, on
// standard input; answers out, in the same order:
//
//   {"name", "decision": "allow" | "explicit_deny" | "implicit_deny", "ignored": [context keys]}
//   {"name", "error": why it gives no answer}
//
// It drops context keys that its data does not list for the action; `ignored` says which.

import { createInterface } from "node:readline";
import { anonymousPrincipal, runSimulation } from "@cloud-copilot/iam-simulate";

const DECISIONS = {
  Allowed: "allow",
  ExplicitlyDenied: "explicit_deny",
  ImplicitlyDenied: "implicit_deny",
};

const named = (policies) => policies?.map(({ name, document }) => ({ name, policy: document }));

const levels = (levels) =>
  (levels ?? []).map(({ target, policies }) => ({ orgIdentifier: target, policies: named(policies) }));

function principal(principal) {
  if (principal === "anonymous") return anonymousPrincipal;
  return principal.service ?? principal;
}

function simulation({ request, ...layers }) {
  if ((layers.session?.length ?? 0) > 1) throw new Error("it takes one session policy");
  const accountId = request.resource_account ?? request.resource.split(":")[4] ?? "";
  return {
    request: {
      principal: principal(request.principal),
      action: request.action,
      resource: { resource: request.resource, accountId },
      contextVariables: request.context ?? {},
    },
    identityPolicies: named(layers.identity) ?? [],
    sessionPolicy: layers.session?.[0]?.document,
    permissionBoundaryPolicies: named(layers.boundary ?? undefined),
    resourcePolicy: layers.resource_policy ?? undefined,
    serviceControlPolicies: levels(layers.scp),
    resourceControlPolicies: levels(layers.rcp),
    vpcEndpointPolicies: named(layers.endpoint ?? undefined),
  };
}

async function answer(line) {
  const { name, ...rest } = JSON.parse(line);
  try {
    const outcome = await runSimulation(simulation(rest), { simulationMode: "Strict" });
    if (outcome.resultType === "error") return { name, error: JSON.stringify(outcome.errors) };
    const results = outcome.resultType === "single" ? [outcome.result] : outcome.results;
    const ignored = [...new Set(results.flatMap((result) => result.ignoredContextKeys ?? []))];
    return { name, decision: DECISIONS[outcome.overallResult], ignored };
  } catch (error) {
    return { name, error: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== "") process.stdout.write(JSON.stringify(await answer(line)) + "\n");
}
