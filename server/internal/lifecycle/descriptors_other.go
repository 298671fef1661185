//go:build !unix

package lifecycle

// descriptorLimit returns 0: only Unix limits descriptors.
func descriptorLimit() int { return 0 }
