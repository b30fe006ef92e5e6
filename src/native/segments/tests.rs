use proptest::prelude::*;

use super::*;

const IMAGE: i32 = -1;
const END: i32 = 0;

fn shown(name: &str, positions: usize) -> ShownImage {
    ShownImage { content: ContentHash::of(name.as_bytes()), positions }
}

fn cut_up(ids: &[i32], images: &[ShownImage]) -> Vec<Segment> {
    cut(ids, PREFILL_CHUNK, images, |id| id == IMAGE, |ids| ids.last() == Some(&END))
}

fn lengths(segments: &[Segment]) -> Vec<usize> {
    segments.iter().map(|segment| segment.ids.len()).collect()
}

#[test]
fn images_and_turns_are_cut_apart_and_markers_inside_an_image_stay_with_it() {
    let ids = [1, 2, IMAGE, 7, IMAGE, IMAGE, 3, END, 4, IMAGE, 5];
    let images = [shown("a", 3), shown("b", 1)];
    let segments = cut_up(&ids, &images);
    let spelled: Vec<&[i32]> = segments.iter().map(|segment| &*segment.ids).collect();
    let expected: [&[i32]; 6] =
        [&[1, 2], &[IMAGE, 7, IMAGE, IMAGE], &[3, END], &[4], &[IMAGE], &[5]];
    assert_eq!(spelled, expected);
    let rows =
        |name: usize, start, end| Some(ImageRows { content: images[name].content, start, end });
    let found: Vec<_> = segments.iter().map(|segment| segment.image).collect();
    assert_eq!(found, [None, rows(0, 0, 3), None, None, rows(1, 0, 1), None]);
}

#[test]
fn images_that_touch_are_cut_apart() {
    let segments = cut_up(&[IMAGE; 5], &[shown("a", 2), shown("b", 3)]);
    assert_eq!(lengths(&segments), [2, 3]);
    assert_ne!(segments[0].image.unwrap().content, segments[1].image.unwrap().content);
}

#[test]
fn long_pieces_are_cut_into_chunks_that_say_which_rows_they_show() {
    let mut ids = vec![9; PREFILL_CHUNK + 1];
    ids.extend([IMAGE; 2 * PREFILL_CHUNK]);
    let segments = cut_up(&ids, &[shown("a", 2 * PREFILL_CHUNK)]);
    assert_eq!(lengths(&segments), [PREFILL_CHUNK, 1, PREFILL_CHUNK, PREFILL_CHUNK]);
    let rows = segments[3].image.unwrap();
    assert_eq!((rows.start, rows.end), (PREFILL_CHUNK, 2 * PREFILL_CHUNK));
    // A chunk that ends where its turn does leaves no empty segment.
    let mut ids = vec![9; PREFILL_CHUNK - 1];
    ids.extend([END, 5]);
    assert_eq!(lengths(&cut_up(&ids, &[])), [PREFILL_CHUNK, 1]);
}

/// A prompt of runs of text, ends of turns and images.
fn prompts() -> impl Strategy<Value = (Vec<i32>, Vec<ShownImage>)> {
    let piece = prop_oneof![
        (1..700usize).prop_map(|n| (vec![5; n], None)),
        Just((vec![END], None)),
        (1..700usize, "[ab]").prop_map(|(n, name)| (vec![IMAGE; n], Some(shown(&name, n)))),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| {
        let images = pieces.iter().filter_map(|piece| piece.1).collect();
        (pieces.into_iter().flat_map(|piece| piece.0).collect(), images)
    })
}

proptest! {
    #[test]
    fn segments_join_to_the_prompt_and_show_every_row_once((ids, images) in prompts()) {
        let segments = cut_up(&ids, &images);
        let joined: Vec<i32> = segments.iter().flat_map(|segment| segment.ids.clone()).collect();
        prop_assert_eq!(&joined, &ids);
        prop_assert_eq!(positions(&segments), ids.len());
        prop_assert!(segments.iter().all(|segment| (1..=PREFILL_CHUNK).contains(&segment.ids.len())));
        for segment in &segments {
            let shown = segment.ids.iter().filter(|id| **id == IMAGE).count();
            prop_assert_eq!(shown, segment.image.map_or(0, |rows| rows.end - rows.start));
        }
        let rows: Vec<_> = segments
            .iter()
            .filter_map(|segment| segment.image)
            .flat_map(|rows| (rows.start..rows.end).map(move |row| (rows.content, row)))
            .collect();
        let expected: Vec<_> = images
            .iter()
            .flat_map(|image| (0..image.positions).map(|row| (image.content, row)))
            .collect();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn prompts_that_share_a_beginning_share_its_segments(
        (ids, images) in prompts(), (more, further) in prompts(),
    ) {
        let short = cut_up(&ids, &images);
        let long = cut_up(&[&ids[..], &more].concat(), &[&images[..], &further].concat());
        // All but the last, which the longer prompt may continue.
        let shared = short.len().saturating_sub(1);
        prop_assert_eq!(&short[..shared], &long[..shared]);
    }
}
