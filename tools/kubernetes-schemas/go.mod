module volwatch/tools/kubernetes-schemas

go 1.26

// Only the custom resource definitions of these modules are read; nothing is built.
require (
	github.com/kedacore/keda/v2 v2.21.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
