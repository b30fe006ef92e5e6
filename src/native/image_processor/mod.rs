//! Images as the reference processors make them.
