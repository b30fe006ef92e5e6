//! One model, one process: the crash fence, the deadline and the unload guarantee.

pub mod protocol;
