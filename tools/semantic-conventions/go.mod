module volwatch/tools/semantic-conventions

go 1.26

// Only the generated constants of the semantic conventions are read; nothing is built.
require go.opentelemetry.io/otel v1.47.0
