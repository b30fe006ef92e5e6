//! Tensor names: what all families leave out, and what some spell in several ways.

/// Whether a tensor follows from the configuration: position ids and rotary frequencies,
/// which old files store and nothing reads.
pub fn is_derived(name: &str) -> bool {
    name.contains("position_ids") || name.contains("rotary_emb.inv_freq")
}

/// Brings the spellings of the language model to one, `text_model.…` and `lm_head.…`.
/// Some files put `model.` before most names or inside `language_model.`; other names
/// only lose that prefix.
pub fn language_model(name: &str) -> String {
    let name = name.strip_prefix("model.").unwrap_or(name);
    match name.strip_prefix("language_model.") {
        None => name.to_owned(),
        Some(rest) if rest.starts_with("lm_head.") => rest.to_owned(),
        Some(rest) => format!("text_model.{}", rest.strip_prefix("model.").unwrap_or(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_language_model_becomes_one() {
        let spellings = [
            ("language_model.model.norm.weight", "text_model.norm.weight"),
            ("model.language_model.norm.weight", "text_model.norm.weight"),
            ("language_model.norm.weight", "text_model.norm.weight"),
            ("language_model.lm_head.scales", "lm_head.scales"),
            ("lm_head.weight", "lm_head.weight"),
            ("model.text_model.norm.weight", "text_model.norm.weight"),
            ("model.image_newline", "image_newline"),
        ];
        for (spelled, canonical) in spellings {
            assert_eq!(language_model(spelled), canonical, "{spelled}");
        }
    }

    #[test]
    fn only_what_nothing_reads_is_derived() {
        assert!(is_derived("vision_tower.vision_model.embeddings.position_ids"));
        assert!(is_derived("model.layers.0.self_attn.rotary_emb.inv_freq"));
        assert!(!is_derived("vision_model.embeddings.position_embedding.weight"));
    }
}
