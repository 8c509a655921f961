//go:build tools

// Package tools names the load generator that ours is compared with, so that go.mod and go.sum pin it.
package tools

import _ "github.com/tsenart/vegeta/v12"
