use serde_json::Value;

use super::*;
use crate::native::checkpoint::tests::folder;

const LLAVA: &str = "{% for message in messages %}{{ message['role'].upper() + ': '}}\
{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}\
{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}\
{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endfor %}\
{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";
const PHI: &str = "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}\
{% if add_generation_prompt and messages[-1]['role'] != 'assistant' %}{{- '<|assistant|>\n' -}}{% endif %}";

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

fn two_turns() -> Chat {
    let answer = Message { role: Role::Assistant, content: vec![text("A1.")] };
    let first = Message::user([PathBuf::from("a.png")], "Q1?");
    Chat { messages: vec![first, answer, Message::user([], "Q2?")] }
}

fn open(files: &[(&str, Value)]) -> Result<ChatTemplate, ChatTemplateError> {
    let dir = folder(files);
    ChatTemplate::open(&Checkpoint::open(dir.path()).unwrap())
}

fn template(source: &str) -> ChatTemplate {
    open(&[("chat_template.json", json!({"chat_template": source}))]).unwrap()
}

fn render(source: &str, chat: &Chat) -> String {
    template(source).render(chat, ContentStyle::Parts, true).unwrap()
}

#[test]
fn the_built_in_template_writes_what_the_published_one_writes() {
    let template = open(&[]).unwrap();
    assert_eq!(template.origin(), "built-in template of smolvlm");
    let parts = |chat: &Chat| template.render(chat, ContentStyle::Parts, true).unwrap();
    let expected = "<|im_start|>User:<image>Q1?<end_of_utterance>\nAssistant: A1.<end_of_utterance>\nUser: Q2?<end_of_utterance>\nAssistant:";
    assert_eq!(parts(&two_turns()), expected);
    let content = vec![text("Q1?"), Content::Image { path: "a.png".into() }];
    let text_first = Chat { messages: vec![Message { role: Role::User, content }] };
    assert_eq!(parts(&text_first), "<|im_start|>User: Q1?<image><end_of_utterance>\nAssistant:");
    let unfinished = template.render(&two_turns(), ContentStyle::Parts, false).unwrap();
    assert!(unfinished.ends_with("Q2?<end_of_utterance>\n"), "{unfinished:?}");
}

#[test]
fn python_methods_and_generation_tags_work() {
    let expected = "USER: <image>\nQ1? ASSISTANT: A1. USER: Q2? ASSISTANT:";
    assert_eq!(render(LLAVA, &two_turns()), expected);
    let trimmed = "a\n {%- generation -%} \n b\n {%- endgeneration %} c";
    assert_eq!(render(trimmed, &two_turns()), "ab c");
}

#[test]
fn a_template_with_string_content_gets_numbered_images_before_the_text() {
    let mut chat = two_turns();
    chat.messages.push(Message::user(["b.png".into(), "c.png".into()], "Q3?"));
    let style = ContentStyle::Flat { image: |number| format!("<|image_{number}|>\n") };
    let rendered = template(PHI).render(&chat, style, true).unwrap();
    let expected = "<|user|>\n<|image_1|>\nQ1?<|end|>\n<|assistant|>\nA1.<|end|>\n<|user|>\nQ2?<|end|>\n\
                    <|user|>\n<|image_2|>\n<|image_3|>\nQ3?<|end|>\n<|assistant|>\n";
    assert_eq!(rendered, expected);
}

#[test]
fn blocks_are_trimmed_as_transformers_sets_jinja_up() {
    let source = "{% if true %}\nx\n  {% endif %}\ny\n";
    assert_eq!(render(source, &two_turns()), "x\ny");
}

#[test]
fn tojson_writes_what_python_writes() {
    let source = "{{ messages[0] | tojson }}";
    let chat = Chat { messages: vec![Message::user([], "<é> & \"q\"")] };
    let expected = r#"{"role": "user", "content": [{"type": "text", "text": "<é> & \"q\""}]}"#;
    assert_eq!(render(source, &chat), expected);
    let indented = "{{ [1, {'a': none}] | tojson(indent=2) }}";
    assert_eq!(render(indented, &chat), "[\n  1,\n  {\n    \"a\": null\n  }\n]");
}

#[test]
fn special_tokens_of_the_tokenizer_are_variables() {
    let config = json!({
        "chat_template": [{"name": "rag", "template": "no"}, {"name": "default", "template": "{{ bos_token }}{{ eos_token }}{{ sep_token }}"}],
        "bos_token": "<s>", "eos_token": {"content": "</s>"}
    });
    let template = open(&[("tokenizer_config.json", config)]).unwrap();
    assert_eq!(template.render(&two_turns(), ContentStyle::Parts, true).unwrap(), "<s></s>");
    assert!(template.origin().ends_with("tokenizer_config.json"));
}

#[test]
fn the_places_are_searched_in_order() {
    let named = |text: &str| json!({"chat_template": text});
    let mut files = vec![
        ("tokenizer_config.json", named("in tokenizer_config")),
        ("processor_config.json", named("in processor_config")),
        ("chat_template.json", named("in chat_template.json")),
        ("chat_template.jinja", Value::String("in chat_template.jinja".to_owned())),
    ];
    for expected in [
        "in chat_template.jinja",
        "in chat_template.json",
        "in processor_config",
        "in tokenizer_config",
    ] {
        assert_eq!(open(&files).unwrap().source(), expected);
        files.pop();
    }
}

#[test]
fn a_model_without_any_template_says_so() {
    let error = open(&[("config.json", json!({"model_type": "unheard_of"}))]).unwrap_err();
    assert!(error.to_string().contains("none is built in for model_type unheard_of"), "{error}");
}

#[test]
fn errors_name_the_file_and_the_line() {
    let error_of = |source: &str| {
        template(source).render(&two_turns(), ContentStyle::Parts, true).unwrap_err().to_string()
    };
    let malformed = error_of("line 1\n{% if %}");
    assert!(malformed.contains("chat_template.json, line 2 of the template"), "{malformed}");
    let refused = error_of("\n\n{{ raise_exception('only one turn') }}");
    assert!(refused.contains("line 3 of the template: only one turn"), "{refused}");
}

#[test]
fn the_digest_is_that_of_the_template_text() {
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(template("abc").sha256(), expected);
}
