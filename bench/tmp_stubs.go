//go:build linux

package main

import "context"

func runScale(context.Context, []string) error       { return nil }
func runSlowGateway(context.Context, []string) error { return nil }
