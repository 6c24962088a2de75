{{/* The name of the objects, at most 63 characters. */}}
{{- define "connector-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The namespace of the operator's own objects. */}}
{{- define "connector-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "connector-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "connector-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "connector-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels and annotations of an object. Call with (dict "root" $ "labels" … "annotations" …). */}}
{{- define "connector-operator.metadata" -}}
{{- $root := .root -}}
labels:
  {{- include "connector-operator.selectorLabels" $root | nindent 2 }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
  {{- with merge (dict) (default (dict) .labels) $root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "connector-operator.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $name := ternary (printf "%s/%s" $registry .Values.image.repository) .Values.image.repository (ne $registry "") -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The plural names of the kinds whose controller is on, as a JSON list. */}}
{{- define "connector-operator.kinds" -}}
{{- $kinds := list -}}
{{- if .Values.controllers.onomondo.enabled -}}
{{- $kinds = concat $kinds (list "onomondoaccounts" "onomondoconnectors") -}}
{{- end -}}
{{- if .Values.controllers.apono.enabled -}}
{{- $kinds = concat $kinds (list "aponoaccounts" "aponoconnectors") -}}
{{- end -}}
{{- if .Values.controllers.omf.enabled -}}
{{- $kinds = concat $kinds (list "omfaccounts" "omfconnections") -}}
{{- end -}}
{{- if not $kinds -}}
{{- fail "every controller is off: set at least one of controllers.onomondo.enabled, controllers.apono.enabled and controllers.omf.enabled to true" -}}
{{- end -}}
{{- $kinds | toJson -}}
{{- end -}}

{{/* What the operator may do to the objects it works on: nothing beyond. */}}
{{- define "connector-operator.rules" -}}
{{- $kinds := include "connector-operator.kinds" . | fromJsonArray -}}
# The objects that people declare. Patch is for the finalizer and the claim annotation; there is no write to a spec.
- apiGroups: [connector-operator.io]
  resources:
    {{- toYaml $kinds | nindent 4 }}
  verbs: [get, list, watch, patch]
- apiGroups: [connector-operator.io]
  resources:
    {{- range $kinds }}
    - {{ . }}/status
    {{- end }}
  verbs: [patch]
{{- if .Values.rbac.openshiftFinalizers }}
- apiGroups: [connector-operator.io]
  resources:
    {{- range $kinds }}
    - {{ . }}/finalizers
    {{- end }}
  verbs: [update]
{{- end }}
# Credentials, keys and certificates that accounts and connectors name.
- apiGroups: [""]
  resources: [secrets]
  verbs: {{ ternary "[get, list, watch]" "[get]" .Values.secrets.watch }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* Whether an object of the Prometheus operator is rendered: "true" or nothing. Call with (dict "root" $ "kind" … "asked" …). */}}
{{- define "connector-operator.monitors" -}}
{{- $known := .root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind) -}}
{{- if and .asked.enabled (or $known (not .asked.skipIfMissing)) -}}
true
{{- end -}}
{{- end -}}
