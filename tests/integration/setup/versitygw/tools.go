//go:build tools

// Package tools names the S3 server of the integration tests, so that go.mod and go.sum pin it.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
