#!/usr/bin/env bash
# Makes a snapshot of AWS accounts for `bailiwick scan`, with the `aws` command alone.
#
# Read-only: it lists, gets and describes, and never prints a secret. Run it again to resume: a file
# that is there is kept, and a file that is being made is put in its place only when it is whole.
# What a profile may not read is written down as refused, so that a scan can say what it cannot tell.
set -u
LC_ALL=C
export LC_ALL AWS_PAGER='' AWS_DEFAULT_OUTPUT=json

usage() {
  cat <<'EOF'
usage: scripts/collect.sh --out DIR [--profile NAME]... [--region NAME]... [--organization-profile NAME]

  --out DIR                    where the snapshot goes: DIR/estate/…
  --profile NAME               an account to read, by the name of its profile (default: the credentials at hand)
  --region NAME                a region to read (default: the one that is configured)
  --organization-profile NAME  a profile that may read AWS Organizations
  --only LIST                  parts, separated by commas: iam,agents,agentcore,lambda,compute,stores,organization

It needs `aws` and the rights of the managed policies SecurityAudit and AmazonBedrockReadOnly, or less;
what is refused is noted and passed over.
EOF
}

out='' profiles='' regions='' organization_profile='' only='iam,agents,agentcore,lambda,compute,stores,organization'
while [ $# -gt 0 ]; do
  case $1 in
    --out | --profile | --region | --organization-profile | --only)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      case $1 in
        --out) out=$2 ;;
        --profile) profiles="$profiles $2" ;;
        --region) regions="$regions $2" ;;
        --organization-profile) organization_profile=$2 ;;
        --only) only=$2 ;;
      esac
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    *) echo "unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
[ -n "$out" ] || { usage >&2; exit 2; }
command -v aws >/dev/null || { echo 'the aws command is not installed' >&2; exit 2; }

estate=$out/estate
mkdir -p "$estate" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
profile='' region='' calls='' refused=0

wanted() { case ",$only," in *",$1,"*) return 0 ;; *) return 1 ;; esac }

say() { echo "$*" >&2; }

# aws with the profile and region at hand.
run() {
  set -- aws "$@" --output json
  [ -z "$profile" ] || set -- "$@" --profile "$profile"
  [ -z "$region" ] || set -- "$@" --region "$region"
  "$@"
}

# The JSON string for a text.
quoted() {
  printf '%s' "$1" | tr '\n\r\t' '   ' | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$/"/'
}

# The values of a member, one a line. `aws` writes one member a line, so no JSON reader is needed.
values() { sed -n "s/^ *\"$1\": \"\\([^\"]*\\)\",\\{0,1\\}\$/\\1/p" "$work/response" | sort -u; }

# The same as JSON strings, in their order, from a file.
strings() { sed -n "s/^ *\"$1\": \\(\".*\"\\),\\{0,1\\}\$/\\1/p" "$2"; }

# The variables of an agent may hold secrets; their names are kept.
without_secrets() {
  sed '/^ *"environmentVariables": {$/,/^ *}/ s/^\( *"[^"]*": \)".*"\(,\{0,1\}\)$/\1"(left out)"\2/'
}

# ask OPERATION REQUEST aws-arguments…: appends the answer, or the refusal, to the calls at hand.
# The answer stays in $work/response.
ask() {
  operation=$1 request=$2
  shift 2
  [ -s "$calls" ] && printf ',\n' >>"$calls"
  printf '{"operation": "%s", "request": %s, ' "$operation" "$request" >>"$calls"
  if run "$@" >"$work/answer" 2>"$work/error"; then
    without_secrets <"$work/answer" >"$work/response"
    # Some answers are nothing at all: no resource policy, for one.
    [ -s "$work/response" ] || printf '{}' >"$work/response"
    { printf '"response": '; cat "$work/response"; printf '}'; } >>"$calls"
    return 0
  fi
  code=$(sed -n 's/.*An error occurred (\([A-Za-z0-9.]*\)).*/\1/p' "$work/error" | head -n 1)
  [ -n "$code" ] || code=NotAnswered
  message=$(grep -v '^ *$' "$work/error" | tail -n 1 | sed 's/^.*An error occurred .* when calling the [A-Za-z0-9]* operation[^:]*: //')
  printf '"error": {"code": "%s", "message": %s}}' "$code" "$(quoted "$message")" >>"$calls"
  : >"$work/response"
  case $code in
    NoSuch* | *NotFound*) ;;
    Expired* | RequestExpired | InvalidClientTokenId | UnrecognizedClient* | *Throttl* | TooManyRequests*)
      # Nothing wrong with the rights: the next run can have the answer.
      say "stopped at $operation: $message"
      say 'run this again when that is mended; what is there is kept'
      exit 1
      ;;
    *) refused=$((refused + 1)); say "    refused: $operation ($code)" ;;
  esac
  return 1
}

# into FILE FUNCTION: makes a file of calls, unless it is there.
into() {
  target=$1
  if [ -e "$target" ]; then
    say "  kept $target"
    return
  fi
  say "  making $target"
  mkdir -p "$(dirname "$target")"
  calls=$work/calls
  : >"$calls"
  "$2"
  { printf '{"calls": [\n'; cat "$calls"; printf '\n]}\n'; } >"$target.part" && mv "$target.part" "$target"
}

tags() { ask ListTagsForResource "{\"resourceArn\": \"$2\"}" "$1" list-tags-for-resource --resource-arn "$2"; }

agents() {
  ask ListAgents '{}' bedrock-agent list-agents
  for id in $(values agentId); do one_agent "$id"; done
  ask ListKnowledgeBases '{}' bedrock-agent list-knowledge-bases
  for id in $(values knowledgeBaseId); do
    base="\"knowledgeBaseId\": \"$id\""
    ask GetKnowledgeBase "{$base}" bedrock-agent get-knowledge-base --knowledge-base-id "$id" || continue
    for arn in $(values knowledgeBaseArn); do tags bedrock-agent "$arn"; done
    ask ListDataSources "{$base}" bedrock-agent list-data-sources --knowledge-base-id "$id"
    for source in $(values dataSourceId); do
      ask GetDataSource "{$base, \"dataSourceId\": \"$source\"}" \
        bedrock-agent get-data-source --knowledge-base-id "$id" --data-source-id "$source"
    done
  done
  ask ListFlows '{}' bedrock-agent list-flows
  for id in $(values id); do one_flow "$id"; done
}

one_agent() {
  agent="\"agentId\": \"$1\""
  ask GetAgent "{$agent}" bedrock-agent get-agent --agent-id "$1" || return
  for arn in $(values agentArn); do tags bedrock-agent "$arn"; done
  ask ListAgentAliases "{$agent}" bedrock-agent list-agent-aliases --agent-id "$1"
  routed=$(values agentVersion)
  ask ListAgentVersions "{$agent}" bedrock-agent list-agent-versions --agent-id "$1"
  for version in $(values agentVersion); do
    [ "$version" = DRAFT ] && continue
    ask GetAgentVersion "{$agent, \"agentVersion\": \"$version\"}" \
      bedrock-agent get-agent-version --agent-id "$1" --agent-version "$version"
  done
  # The tools of what can be invoked; other versions keep a role and nobody's attention.
  for version in $(printf '%s\n' DRAFT $routed | sort -u); do
    of="$agent, \"agentVersion\": \"$version\""
    set -- "$1" --agent-id "$1" --agent-version "$version"
    id=$1
    shift
    ask ListAgentActionGroups "{$of}" bedrock-agent list-agent-action-groups "$@"
    for group in $(values actionGroupId); do
      ask GetAgentActionGroup "{$of, \"actionGroupId\": \"$group\"}" \
        bedrock-agent get-agent-action-group "$@" --action-group-id "$group"
    done
    ask ListAgentCollaborators "{$of}" bedrock-agent list-agent-collaborators "$@"
    ask ListAgentKnowledgeBases "{$of}" bedrock-agent list-agent-knowledge-bases "$@"
    set -- "$id"
  done
}

one_flow() {
  flow="\"flowIdentifier\": \"$1\""
  ask GetFlow "{$flow}" bedrock-agent get-flow --flow-identifier "$1" || return
  for arn in $(values arn); do tags bedrock-agent "$arn"; done
  ask ListFlowAliases "{$flow}" bedrock-agent list-flow-aliases --flow-identifier "$1"
  ask ListFlowVersions "{$flow}" bedrock-agent list-flow-versions --flow-identifier "$1"
  for version in $(values version); do
    [ "$version" = DRAFT ] && continue
    ask GetFlowVersion "{$flow, \"flowVersion\": \"$version\"}" \
      bedrock-agent get-flow-version --flow-identifier "$1" --flow-version "$version"
  done
}

agentcore() {
  core=bedrock-agentcore-control
  ask ListAgentRuntimes '{}' $core list-agent-runtimes
  for id in $(values agentRuntimeId); do
    of="\"agentRuntimeId\": \"$id\""
    ask GetAgentRuntime "{$of}" $core get-agent-runtime --agent-runtime-id "$id" || continue
    arns=$(values agentRuntimeArn) newest=$(values agentRuntimeVersion)
    for arn in $arns; do policy_and_tags "$arn"; done
    ask ListAgentRuntimeVersions "{$of}" $core list-agent-runtime-versions --agent-runtime-id "$id"
    ask ListAgentRuntimeEndpoints "{$of}" $core list-agent-runtime-endpoints --agent-runtime-id "$id"
    for version in $({ values liveVersion; values targetVersion; } | sort -u); do
      [ "$version" = "$newest" ] && continue
      ask GetAgentRuntime "{$of, \"agentRuntimeVersion\": \"$version\"}" \
        $core get-agent-runtime --agent-runtime-id "$id" --agent-runtime-version "$version"
    done
  done
  ask ListGateways '{}' $core list-gateways
  for id in $(values gatewayId); do
    of="\"gatewayIdentifier\": \"$id\""
    ask GetGateway "{$of}" $core get-gateway --gateway-identifier "$id" || continue
    for arn in $(values gatewayArn); do policy_and_tags "$arn"; done
    ask ListGatewayTargets "{$of}" $core list-gateway-targets --gateway-identifier "$id"
    for target_id in $(values targetId); do
      ask GetGatewayTarget "{$of, \"targetId\": \"$target_id\"}" \
        $core get-gateway-target --gateway-identifier "$id" --target-id "$target_id"
    done
  done
  each ListHarnesses list-harnesses harnessId GetHarness get-harness --harness-id arn
  each ListBrowsers 'list-browsers --type CUSTOM' browserId GetBrowser get-browser --browser-id browserArn
  each ListCodeInterpreters 'list-code-interpreters --type CUSTOM' codeInterpreterId \
    GetCodeInterpreter get-code-interpreter --code-interpreter-id codeInterpreterArn
  each ListMemories list-memories id GetMemory get-memory --memory-id arn
  each ListOnlineEvaluationConfigs list-online-evaluation-configs onlineEvaluationConfigId \
    GetOnlineEvaluationConfig get-online-evaluation-config --online-evaluation-config-id ''
  each ListPaymentManagers list-payment-managers paymentManagerId \
    GetPaymentManager get-payment-manager --payment-manager-id ''
  ask ListWorkloadIdentities '{}' $core list-workload-identities
  ask ListOauth2CredentialProviders '{}' $core list-oauth2-credential-providers
  ask ListApiKeyCredentialProviders '{}' $core list-api-key-credential-providers
}

policy_and_tags() {
  ask GetResourcePolicy "{\"resourceArn\": \"$1\"}" bedrock-agentcore-control get-resource-policy --resource-arn "$1"
  tags bedrock-agentcore-control "$1"
}

# each LIST list-command ID GET get-command --id ARN: lists a kind, and describes and tags each.
each() {
  # shellcheck disable=SC2086 # a command with its options
  ask "$1" '{}' bedrock-agentcore-control $2
  for id in $(values "$3"); do
    ask "$4" "{\"$3\": \"$id\"}" bedrock-agentcore-control "$5" "$6" "$id" || continue
    [ -n "$7" ] || continue
    for arn in $(values "$7"); do
      case $arn in arn:*:bedrock-agentcore:*"/$id") tags bedrock-agentcore-control "$arn" ;; esac
    done
  done
}

functions() {
  # The variables of a function may hold secrets; the snapshot has no use for them.
  ask ListFunctions '{}' lambda list-functions --query '{Functions: Functions[].{FunctionName: FunctionName, FunctionArn: FunctionArn, Role: Role, Runtime: Runtime, LastModified: LastModified}}'
  for arn in $(values FunctionArn); do
    ask GetPolicy "{\"FunctionName\": \"$arn\"}" lambda get-policy --function-name "$arn"
    ask ListTags "{\"Resource\": \"$arn\"}" lambda list-tags --resource "$arn"
  done
}

compute() {
  # User data and variables may hold secrets; only what runs as which role is kept.
  ask DescribeInstances '{}' ec2 describe-instances --query '{Reservations: Reservations[].{Instances: Instances[].{InstanceId: InstanceId, IamInstanceProfile: IamInstanceProfile, Tags: Tags}}}'
  arns=$(run ecs list-task-definitions --status ACTIVE 2>/dev/null | sed -n 's/^ *"\(arn:[^"]*\)",\{0,1\}$/\1/p')
  for arn in $arns; do
    ask DescribeTaskDefinition "{\"taskDefinition\": \"$arn\"}" ecs describe-task-definition \
      --task-definition "$arn" --include TAGS --query '{taskDefinition: taskDefinition.{taskDefinitionArn: taskDefinitionArn, taskRoleArn: taskRoleArn, executionRoleArn: executionRoleArn}, tags: tags}'
  done
}

stores() {
  if [ "$region" = "$first_region" ]; then
    ask ListBuckets '{}' s3api list-buckets
    for bucket in $(values Name); do
      ask GetBucketPolicy "{\"Bucket\": \"$bucket\"}" s3api get-bucket-policy --bucket "$bucket"
      ask GetBucketTagging "{\"Bucket\": \"$bucket\"}" s3api get-bucket-tagging --bucket "$bucket"
    done
  fi
  ask ListKeys '{}' kms list-keys
  for key in $(values KeyId); do
    ask GetKeyPolicy "{\"KeyId\": \"$key\"}" kms get-key-policy --key-id "$key" --policy-name default
  done
  ask ListSecrets '{}' secretsmanager list-secrets
  for arn in $(values ARN); do
    ask GetResourcePolicy "{\"SecretId\": \"$arn\"}" secretsmanager get-resource-policy --secret-id "$arn"
  done
  ask ListTables '{}' dynamodb list-tables
  for name in $(sed -n 's/^ *"\([^":]*\)",\{0,1\}$/\1/p' "$work/response"); do
    arn=arn:$partition:dynamodb:$region:$account:table/$name
    ask GetResourcePolicy "{\"ResourceArn\": \"$arn\"}" dynamodb get-resource-policy --resource-arn "$arn"
  done
}

# iam.json: the answer itself.
principals() {
  target=$estate/accounts/$account/iam.json
  [ -e "$target" ] && { say "  kept $target"; return; }
  say "  making $target"
  if run iam get-account-authorization-details >"$target.part" 2>"$work/error"; then
    mv "$target.part" "$target"
  else
    rm -f "$target.part"
    refused=$((refused + 1))
    say "    refused: GetAccountAuthorizationDetails: $(tail -n 1 "$work/error")"
  fi
}

# iam-extra.json: a list that was refused is left out, for left out means unknown.
extra() {
  target=$estate/accounts/$account/iam-extra.json
  [ -e "$target" ] && { say "  kept $target"; return; }
  [ -e "$estate/accounts/$account/iam.json" ] || return
  say "  making $target"
  : >"$work/extra"
  if run iam list-roles --query 'Roles[].{RoleName: RoleName, MaxSessionDuration: MaxSessionDuration}' >"$work/response" 2>"$work/error"; then
    strings RoleName "$work/response" >"$work/names"
    sed -n 's/^ *"MaxSessionDuration": \([0-9]*\),\{0,1\}$/\1/p' "$work/response" >"$work/seconds"
    { printf '"roles": {\n'; paste -d: "$work/names" "$work/seconds" |
      sed 's/^\(.*\):\([0-9]*\)$/\1: {"MaxSessionDuration": \2}/; $!s/$/,/'; printf '}\n'; } >>"$work/extra"
  else
    refused=$((refused + 1)); say '    refused: ListRoles'
  fi
  credentials access_keys ListAccessKeys AccessKeyMetadata list-access-keys
  credentials service_specific_credentials ListServiceSpecificCredentials ServiceSpecificCredentials \
    list-service-specific-credentials
  { printf '{'; cat "$work/extra"; printf '}\n'; } >"$target.part" && mv "$target.part" "$target"
}

# credentials MEMBER OPERATION QUERY command: of every user; never the secrets, which AWS does not tell.
credentials() {
  : >"$work/list"
  for user in $(sed -n 's/^ *"UserName": "\([^"]*\)",\{0,1\}$/\1/p' "$estate/accounts/$account/iam.json"); do
    if ! run iam "$4" --user-name "$user" --query "$3" >"$work/response" 2>"$work/error"; then
      refused=$((refused + 1)); say "    refused: $2 ($user)"
      return
    fi
    # A list of some is `[`, its elements, `]`, each on lines of their own; of none, `[]`.
    [ "$(wc -l <"$work/response")" -gt 1 ] || continue
    [ -s "$work/list" ] && printf ',\n' >>"$work/list"
    sed '1d;$d' "$work/response" >>"$work/list"
  done
  [ -s "$work/extra" ] && printf ',\n' >>"$work/extra"
  { printf '"%s": [\n' "$1"; cat "$work/list"; printf ']\n'; } >>"$work/extra"
}

everything='{"name": "FullAWSAccess", "document": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}'

# policies TYPE TARGET: a list of {name, document}, the document as AWS keeps it. Fails if refused.
policies() {
  run organizations list-policies-for-target --filter "$1" --target-id "$2" >"$work/policies.$2" 2>"$work/error" || return 1
  comma=''
  printf '['
  for policy in $(sed -n 's/^ *"Id": "\(p-[^"]*\)",\{0,1\}$/\1/p' "$work/policies.$2"); do
    # RCPFullAWSAccess is implied, and cannot be taken away.
    [ "$policy" = p-RCPFullAWSAccess ] && continue
    if [ ! -s "$work/$policy" ]; then
      run organizations describe-policy --policy-id "$policy" \
        --query 'Policy.{name: PolicySummary.Name, document: Content}' >"$work/$policy" 2>"$work/error" || return 1
    fi
    printf '%s' "$comma"
    cat "$work/$policy"
    comma=,
  done
  printf ']'
}

# ceilings TARGET: the members scps and rcps of a node. A list that was refused is left out.
ceilings() {
  if [ "$has_scps" = no ]; then
    # Where SCPs are switched off, nothing restricts.
    printf ', "scps": [%s]' "$everything"
  elif found=$(policies SERVICE_CONTROL_POLICY "$1"); then
    printf ', "scps": %s' "$found"
  else
    say "    refused: SCPs of $1"
  fi
  if [ "$has_rcps" = no ]; then
    printf ', "rcps": []'
  elif found=$(policies RESOURCE_CONTROL_POLICY "$1"); then
    printf ', "rcps": %s' "$found"
  else
    say "    refused: RCPs of $1"
  fi
}

# below PARENT: the members units and accounts of a node.
below() (
  run organizations list-organizational-units-for-parent --parent-id "$1" >"$work/units.$1" 2>"$work/error" || exit 1
  run organizations list-accounts-for-parent --parent-id "$1" >"$work/accounts.$1" 2>"$work/error" || exit 1
  strings Id "$work/units.$1" | tr -d '"' >"$work/ids.$1"
  strings Name "$work/units.$1" >"$work/names.$1"
  comma=''
  printf ', "units": ['
  paste "$work/ids.$1" "$work/names.$1" | while IFS='	' read -r id name; do
    [ -n "$id" ] || continue
    printf '%s\n{"id": "%s", "name": %s' "$comma" "$id" "$name"
    ceilings "$id"
    below "$id" || exit 1
    printf '}'
    comma=,
  done || exit 1
  strings Id "$work/accounts.$1" | tr -d '"' >"$work/ids.$1"
  strings Name "$work/accounts.$1" >"$work/names.$1"
  printf '], "accounts": ['
  paste "$work/ids.$1" "$work/names.$1" | while IFS='	' read -r id name; do
    [ -n "$id" ] || continue
    printf '%s\n{"id": "%s", "name": %s' "$comma" "$id" "$name"
    if found=$(run organizations list-tags-for-resource --resource-id "$id" --query Tags 2>/dev/null); then
      printf ', "tags": %s' "$found"
    fi
    ceilings "$id"
    printf '}'
    comma=,
  done
  printf ']'
)

organization() {
  target=$estate/organization.json
  [ -e "$target" ] && { say "kept $target"; return; }
  say "making $target"
  region=''
  if ! run organizations describe-organization >"$work/response" 2>"$work/error"; then
    say "  refused: DescribeOrganization: $(tail -n 1 "$work/error")"
    say '  without it, which SCPs bind these accounts stays unknown; see --organization-profile'
    refused=$((refused + 1))
    return
  fi
  management=$(values MasterAccountId)
  organization_id=$(sed -n 's/^ *"Id": "\(o-[^"]*\)",\{0,1\}$/\1/p' "$work/response" | head -n 1)
  run organizations list-roots >"$work/roots" 2>"$work/error" || { refused=$((refused + 1)); say '  refused: ListRoots'; return; }
  root=$(sed -n 's/^ *"Id": "\(r-[^"]*\)",\{0,1\}$/\1/p' "$work/roots" | head -n 1)
  has_scps=no has_rcps=no
  grep -q '"SERVICE_CONTROL_POLICY"' "$work/roots" && has_scps=yes
  grep -q '"RESOURCE_CONTROL_POLICY"' "$work/roots" && has_rcps=yes
  if {
    printf '{"id": "%s", "management_account": "%s", "roots": [{"id": "%s"' "$organization_id" "$management" "$root"
    ceilings "$root"
    below "$root"
  } >"$work/organization"; then
    { cat "$work/organization"; printf '}]}\n'; } >"$target.part" && mv "$target.part" "$target"
  else
    refused=$((refused + 1))
    say "  refused: $(tail -n 1 "$work/error")"
  fi
}

one_account() {
  profile=$1 region=''
  account=$(run sts get-caller-identity --query Account 2>"$work/error" | tr -d '"')
  if [ -z "$account" ]; then
    say "profile ${profile:-(default)}: $(tail -n 1 "$work/error")"
    refused=$((refused + 1))
    return
  fi
  say "account $account"
  mkdir -p "$estate/accounts/$account"
  if wanted iam; then principals; extra; fi
  places=$regions
  [ -n "$places" ] || places=$(aws configure get region ${profile:+--profile "$profile"} || echo "${AWS_REGION:-${AWS_DEFAULT_REGION:-us-east-1}}")
  first_region=''
  for region in $places; do
    [ -n "$first_region" ] || first_region=$region
    case $region in cn-*) partition=aws-cn ;; us-gov-*) partition=aws-us-gov ;; *) partition=aws ;; esac
    folder=$estate/accounts/$account/$region
    if wanted agents; then into "$folder/bedrock-agent.json" agents; fi
    if wanted agentcore; then into "$folder/bedrock-agentcore-control.json" agentcore; fi
    if wanted lambda; then into "$folder/lambda.json" functions; fi
    if wanted compute; then into "$folder/compute.json" compute; fi
    if wanted stores; then into "$folder/stores.json" stores; fi
  done
}

if [ -z "$profiles" ]; then
  one_account ''
else
  for name in $profiles; do one_account "$name"; done
fi
if wanted organization; then
  profile=${organization_profile:-$profile}
  organization
fi

say "the snapshot is in $out; next: bailiwick scan $out"
if [ "$refused" -gt 0 ]; then
  say "$refused calls were refused; the scan says what it cannot tell for want of them"
fi
