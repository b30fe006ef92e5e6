//! Two models of one run, compared on what both were asked.

use serde::{Deserialize, Serialize};

use super::{Figures, ModelReport, context};
use crate::scoring::context::{Comparison, Condition, compare};

/// How much better one model did than another, scenario by scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelComparison {
    /// The model that stands first in the run.
    pub first: String,
    /// The other one.
    pub second: String,
    /// By how much the first is better.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// Every pair of models with a valid context test, compared under A.
pub fn comparisons(models: &[ModelReport]) -> Vec<ModelComparison> {
    let tested = |model: &&ModelReport| {
        matches!(model.summary.figures, Figures::Context { .. }) && model.summary.figures.is_valid()
    };
    let tested: Vec<_> = models
        .iter()
        .filter(tested)
        .map(|model| (model, context::observations(&model.questions)))
        .collect();
    let pairs = tested.iter().enumerate().flat_map(|(place, first)| {
        tested.iter().skip(place + 1).map(move |second| (first, second))
    });
    pairs
        .filter_map(|((first, a), (second, b))| {
            Some(ModelComparison {
                first: first.name.clone(),
                second: second.name.clone(),
                comparison: compare(a, b, Condition::A, context::RESAMPLING_SEED)?,
            })
        })
        .collect()
}
