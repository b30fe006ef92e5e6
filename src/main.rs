//! The `vlm-test` binary.
fn main() {}
