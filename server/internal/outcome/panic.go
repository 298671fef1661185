package outcome

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Panicked returns the error of a call that panicked with p. operation is empty if it is not
// known. The cause names the type of p and the stack, but not the value of p, which may be
// confidential. The text of a runtime error has only types and numbers, and is a part of the
// cause. Panicked must be called by the deferred function that recovered, or by a function
// that it calls: the stack still has the place of the panic.
func Panicked(operation string, p any) *Error {
	text := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		text = e.Error()
	}
	return Fault(operation, fmt.Errorf("panic: %s\n%s", text, debug.Stack()))
}
