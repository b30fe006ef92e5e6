//! Histories whose answers have to be equal bit for bit, whatever is kept.

use std::fs;

use vlm_test::vlm::{Chat, Message, VisionLanguageModel};

use crate::{
    pair::{Pair, assistant, chat_of, everything, models, shipped, user, warm},
    support_native::{ask, chat, checkpoint, image},
};

#[test]
fn branches_of_one_conversation_are_answered_as_if_each_were_alone() {
    for folder in models() {
        let mut pair = Pair::of(&folder);
        let seen = user(&[0], "What is in the picture?");
        let reply = pair.ask(&chat_of([seen.clone()]), &everything(4)).answer;
        let history = [seen.clone(), assistant(&reply)];
        let turn = |text: &str| user(&[], text);
        let distractors =
            [turn("What is 2 plus 3?"), assistant("5"), turn("Why?"), assistant("So.")];
        let probe = "What colour is the background?";
        let branch = |messages: &[&[Message]]| Chat { messages: messages.concat() };
        let chats = [
            branch(&[&history, &[turn(probe)]]),
            branch(&[&history, &distractors, &[turn(probe)]]),
            branch(&[&history, &distractors, &[turn("How many shapes are there?")]]),
            branch(&[&history, &distractors[..2], &[turn(probe)]]),
            branch(&[&history[..1], &[assistant("Nothing."), turn(probe)]]),
            chat_of([user(&[0], probe)]),
            chat_of([user(&[1], probe)]),
            branch(&[&[turn("Hello."), assistant("Hi.")], &history, &[turn(probe)]]),
            branch(&[&history, &distractors, &[user(&[0], probe)]]),
            branch(&[&history, &distractors, &[user(&[2], probe)]]),
            branch(&[&history, &distractors, &[turn(probe)]]),
            chat_of([turn(probe)]),
        ];
        let reused = chats.iter().map(|chat| pair.ask(chat, &everything(4)).usage.cached_tokens);
        assert!(reused.filter(|tokens| *tokens > 0).count() > 5, "{}", folder.display());
    }
}

#[test]
fn interleaved_images_are_told_apart_by_content_and_place() {
    for folder in shipped() {
        let mut pair = Pair::of(&folder);
        for images in [&[0][..], &[0, 1], &[1, 0], &[0, 1, 0], &[0, 0], &[0, 0, 1], &[2], &[0, 1]] {
            pair.ask(&chat(images, "How many are there?"), &everything(3));
            let [first, rest @ ..] = images else { unreachable!() };
            let turns = [user(&[*first], "And this?"), assistant("yes"), user(rest, "Or that?")];
            pair.ask(&chat_of(turns), &everything(3));
        }
    }
}

#[test]
fn the_same_file_name_with_other_pixels_is_another_image() {
    for folder in models() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("image.png");
        let mut pair = Pair::of(&folder);
        let chat = chat_of([Message::user([path.clone()], "What is shown?")]);
        // 0 and 3 have the same shape, so that nothing but the pixels differs.
        let mirrored = image::open(image(0)).unwrap().fliph();
        let mut hashes = Vec::new();
        for number in [0, 1, 3, 0, 3, 3] {
            if number == 3 {
                mirrored.save(&path).unwrap();
            } else {
                fs::copy(image(number), &path).unwrap();
            }
            hashes.push(pair.ask(&chat, &everything(4)).image_sha256[0].clone());
        }
        assert_eq!(hashes[0], hashes[3]);
        assert_ne!(hashes[0], hashes[2]);
    }
}

#[test]
fn prompts_of_several_chunks_are_reused_chunk_by_chunk() {
    // Lengths on both sides of a chunk's end, with other room for the answer each time.
    for fixture in ["phi3_v_float32", "llava_bfloat16_full"] {
        let mut pair = Pair::of(&checkpoint(fixture));
        let words = |count: usize| "blue ".repeat(count);
        let mut reused = Vec::new();
        for (count, max_tokens) in
            [(300, 3), (310, 3), (500, 200), (500, 3), (505, 600), (310, 3), (760, 3), (765, 2)]
        {
            let chat = chat(&[0], &words(count));
            reused.push(pair.ask(&chat, &everything(max_tokens)).usage.cached_tokens);
        }
        assert!(reused.iter().any(|tokens| *tokens > 512), "{fixture}: {reused:?}");
    }
}

#[test]
fn an_answer_that_outgrows_the_rotary_regime_leaves_nothing_behind() {
    let mut pair = Pair::of(&checkpoint("phi3_v_float32"));
    let question = chat(&[0], "How many are there?");
    // The regime ends a few tokens behind the prompt.
    let reused = [3, 12, 3, 3, 12, 12].map(|max_tokens| {
        let answer = pair.ask(&question, &everything(max_tokens));
        let crossed = answer.usage.prompt_tokens + answer.token_ids.len() > 785;
        assert_eq!(crossed, max_tokens == 12, "{:?}", answer.usage);
        answer.usage.cached_tokens > 0
    });
    assert_eq!(reused, [false, true, false, true, true, false]);
    // Keys of one regime are of no use in the other.
    let long = chat(&[0], &"shape ".repeat(100));
    let reused = [&long, &long, &question, &long]
        .map(|chat| pair.ask(chat, &everything(3)).usage.cached_tokens);
    assert!(reused[1] > 0, "{reused:?}");
    assert_eq!([reused[0], reused[2], reused[3]], [0; 3]);
}

#[test]
fn caches_may_shrink_or_vanish_between_any_two_questions() {
    for folder in shipped() {
        let mut pair = Pair::of(&folder);
        let question = |n: usize| chat(&[n % 3], ["What is shown?", "How many?"][n / 3 % 2]);
        for n in 0..6 {
            pair.ask(&question(n / 2), &everything(3));
            let held = pair.warm.held_bytes();
            assert!(held > 0);
            for bytes in [held, held / 2, held / 8, 0].into_iter().take(n) {
                pair.warm.shrink_caches(bytes);
                assert!(pair.warm.held_bytes() <= bytes, "{} {n}", folder.display());
            }
        }
        // A worker that starts again in the middle of a conversation.
        pair.ask(&question(0), &everything(3));
        pair.warm = warm(&folder);
        assert_eq!(pair.ask(&question(0), &everything(3)).usage.cached_tokens, 0);
    }
}

#[test]
fn images_that_do_not_fit_are_encoded_again() {
    for folder in shipped() {
        let mut pair = Pair::of(&folder);
        let bytes = |pair: &mut Pair, number: usize| {
            pair.warm.shrink_caches(0);
            ask(&mut pair.warm, &chat(&[number], "a"), &everything(1));
            let all = pair.warm.held_bytes();
            pair.warm.shrink_caches(all - 1);
            pair.warm.held_bytes()
        };
        let largest = (0..3).map(|number| bytes(&mut pair, number)).max().unwrap();
        // Room for one image, for less than one, and for none.
        for limit in [largest, largest / 2, 0] {
            pair.warm.limit_features(limit);
            for images in [&[0][..], &[1], &[2], &[0, 1, 2], &[2, 0], &[2]] {
                pair.ask(&chat(images, "What is shown?"), &everything(2));
                pair.warm.shrink_caches(limit);
                assert!(pair.warm.held_bytes() <= limit);
            }
        }
    }
}
