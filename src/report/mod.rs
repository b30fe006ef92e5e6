//! How a run is shown. Everything but [`console`] is pure: reports and events in,
//! text out.

pub mod answer;
pub mod console;
mod context;
mod describe;
pub mod download;
pub mod json;
pub mod layout;
pub mod live;
pub mod models;
mod outcomes;
mod overview;
pub mod policies;
pub mod problem;
mod recall;
pub mod table;
pub mod text;
pub mod units;
mod vqa;

pub use console::{Console, ConsoleOptions, Verbosity};
pub use download::Downloads;
pub use layout::Look;
pub use models::ModelRow;
pub use problem::Problem;
