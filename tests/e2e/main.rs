//! Real processes on real sockets: what only the `holdfast` binary itself can show. Belongs to the root package, whose tests cargo
//! hands the binary. A file per rule; [`holdfast`] starts the processes.

mod holdfast;

mod mistakes_of_an_operator_end_the_process_with_the_right_code;
