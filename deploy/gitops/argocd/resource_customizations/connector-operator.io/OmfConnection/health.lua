-- Health of every kind of connector-operator.io, the same as kstatus and so Flux find it. Only what a person has to mend is Degraded;
-- whatever the operator waits for or tries again is Progressing.
local conditions = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    conditions[condition.type] = condition
  end
end

local function is_true(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local function because(name, otherwise)
  if conditions[name] ~= nil and conditions[name].message ~= nil then
    return conditions[name].message
  end
  return otherwise
end

if obj.metadata.deletionTimestamp ~= nil then
  return {status = "Progressing", message = because("Ready", "It is being deleted")}
end
if obj.spec ~= nil and obj.spec.suspend == true then
  return {status = "Suspended", message = "spec.suspend is set"}
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not seen this generation yet"}
end
if is_true("Stalled") then
  return {status = "Degraded", message = because("Stalled", "It is stalled")}
end
if is_true("Ready") and not is_true("Reconciling") then
  return {status = "Healthy", message = because("Ready", "It is ready")}
end
return {status = "Progressing", message = because("Ready", "The operator works on it")}
