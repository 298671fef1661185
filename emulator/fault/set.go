package fault

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Limits of a set.
const (
	maxFaults = 1000
	maxBodies = 32 << 20 // bytes of all bodies together
)

// Set is the faults of a gateway, in the order in which they were set. It is safe for
// concurrent use.
type Set struct {
	catalog func() Catalog
	seed    uint64

	mu     sync.Mutex
	random *rand.Rand
	faults []*Fault
	lastID int
}

// NewSet returns an empty set. All chance comes from seed.
func NewSet(seed uint64, catalog func() Catalog) *Set {
	s := &Set{catalog: catalog, seed: seed}
	s.Reset()
	return s
}

// Reset removes all faults, and starts the chance and the IDs anew.
func (s *Set) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.lastID = nil, 0
	s.random = rand.New(rand.NewPCG(s.seed, 0))
}

// Add checks a fault and adds it. It returns the fault with its ID.
func (s *Set) Add(f Fault) (Fault, error) {
	if err := f.Check(s.catalog()); err != nil {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	bodies := len(f.Body)
	for _, other := range s.faults {
		bodies += len(other.Body)
	}
	if len(s.faults) >= maxFaults || bodies > maxBodies {
		return f, fmt.Errorf("there may be %d faults with bodies of %d MiB; remove some first",
			maxFaults, maxBodies>>20)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	s.lastID++
	f.ID, f.Left = "f"+strconv.Itoa(s.lastID), f.Count
	s.faults = append(s.faults, &f)
	return f, nil
}

// Take uses the first fault that matches and that chance does not spare, once. It returns nil
// if there is none.
func (s *Set) Take(matches func(*Fault) bool) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f *Fault) bool {
		return matches(f) && (f.Probability == 0 || s.random.Float64() < f.Probability)
	})
	if i < 0 {
		return nil
	}
	f := s.faults[i]
	if f.Left > 0 {
		if f.Left--; f.Left == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
	}
	used := *f
	return &used
}

// List returns the faults that are set.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		list[i] = *f
	}
	return list
}

// Remove removes a fault. It returns false if there is none with this ID.
func (s *Set) Remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.faults)
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return f.ID == id })
	return len(s.faults) < before
}

// Clear removes all faults. The IDs go on.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// maxMeans limits an exponentially distributed time, in means.
const maxMeans = 10

// Delay draws the delay of a fault.
func (s *Set) Delay(f *Fault) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := f.Delay
	if f.DelayMax > d {
		d += time.Duration(s.random.Int64N(int64(f.DelayMax-d) + 1))
	}
	if f.DelayMean > 0 {
		d += time.Duration(math.Min(s.random.ExpFloat64(), maxMeans) * float64(f.DelayMean))
	}
	return d
}
