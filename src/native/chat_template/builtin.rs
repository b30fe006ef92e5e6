//! Templates for checkpoints that ship none, by model type.

/// The template that `SmolVLM`, `SmolVLM2` and Idefics3 checkpoints publish.
const SMOLVLM: &str = "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}\
{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}\
{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}\
{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n\
{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// LLaVA 1.5's, and that of LLaVA-NeXT on Vicuna.
const VICUNA: &str = "{% for message in messages %}{% if message['role'] != 'system' %}\
{{ message['role'].upper() + ': '}}{% endif %}\
{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}\
{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}\
{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";

/// LLaVA-NeXT's on Mistral. The published template closes an answer with a misspelt
/// `<\s>`; here it is the token that the model ends its answers with.
const MISTRAL: &str = "{% for message in messages %}{% if message['role'] == 'system' %}\
{{ '<<SYS>>\n' + message['content'][0]['text'] + '\n<</SYS>>\n\n' }}\
{% elif message['role'] == 'user' %}{{ '[INST] ' }}\
{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}\
{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}\
{{ ' [/INST]' }}{% elif message['role'] == 'assistant' %}\
{{ ' ' + message['content'][0]['text'] + '</s> ' }}{% endif %}{% endfor %}";

/// Phi-3-vision's; a message's content is one string.
const PHI3V: &str = "{% for message in messages %}\
{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}\
{% if add_generation_prompt and messages[-1]['role'] != 'assistant' %}{{- '<|assistant|>\n' -}}{% endif %}";

/// The built-in template of a model type on a decoder of `text_model_type`.
pub(super) fn template(model_type: &str, text_model_type: Option<&str>) -> Option<&'static str> {
    match (model_type, text_model_type) {
        ("smolvlm" | "idefics3", _) => Some(SMOLVLM),
        ("llava_next", Some("mistral")) => Some(MISTRAL),
        ("llava" | "llava_next", _) => Some(VICUNA),
        ("phi3_v", _) => Some(PHI3V),
        _ => None,
    }
}
