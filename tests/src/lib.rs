//! What depends on everything. `sim/` runs the pure machines of a whole cluster in one thread. `e2e/` runs real processes; it belongs to the root package,
//! because cargo tells the path of a binary to the tests of its own package only.
