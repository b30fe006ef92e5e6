//! Templates for checkpoints that ship none, by model type.

/// The template that `SmolVLM`, `SmolVLM2` and Idefics3 checkpoints publish.
const SMOLVLM: &str = "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}\
{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}\
{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}\
{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n\
{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// The built-in template of a model type.
pub(super) fn template(model_type: &str) -> Option<&'static str> {
    match model_type {
        "smolvlm" | "idefics3" => Some(SMOLVLM),
        _ => None,
    }
}
