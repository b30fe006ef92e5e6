//! Pure functions that judge answers.
