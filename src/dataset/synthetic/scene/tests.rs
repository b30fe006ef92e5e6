//! Scenes are reproducible and keep their promises.
use super::super::{describe, draw};
use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn things_have_places_of_their_own_and_lie_inside_the_picture(seed: u64, index in 0_u64..100_000) {
        let scene = Scene::random(seed, index);
        prop_assert!((1..=3).contains(&scene.objects.len()));
        let mut things: Vec<(Cell, i32, i32, i32)> =
            scene.objects.iter().map(|o| (o.cell, o.x, o.y, o.radius * 11 / 10)).collect();
        things.extend(scene.digit.map(|d| (d.cell, d.x, d.y, d.radius)));
        for (k, &(cell, x, y, reach)) in things.iter().enumerate() {
            prop_assert!(x >= reach && x + reach <= scene.width && y >= reach && y + reach <= scene.height);
            for &(other, ox, oy, other_reach) in &things[..k] {
                prop_assert_ne!(cell, other);
                prop_assert!((x - ox).abs() >= reach + other_reach || (y - oy).abs() >= reach + other_reach);
            }
        }
    }

    #[test]
    fn no_two_objects_look_alike(seed: u64) {
        let scene = Scene::random(seed, 0);
        for (k, object) in scene.objects.iter().enumerate() {
            for other in &scene.objects[..k] {
                prop_assert!((object.kind, object.colour) != (other.kind, other.colour));
            }
        }
    }

    #[test]
    fn the_picture_shows_the_facts(seed: u64) {
        let scene = Scene::random(seed, 7);
        let picture = draw(&scene);
        prop_assert_eq!((picture.width() as i32, picture.height() as i32), (scene.width, scene.height));
        for object in &scene.objects {
            prop_assert_eq!(picture.get_pixel(object.x as u32, object.y as u32).0, object.rgb);
        }
        let plain = picture.pixels().filter(|pixel| pixel.0 == scene.background_rgb).count();
        prop_assert!(plain * 2 > picture.pixels().count());
    }

    #[test]
    fn the_description_names_everything(seed: u64) {
        let scene = Scene::random(seed, 3);
        let text = describe(&scene);
        for object in &scene.objects {
            let part = format!("{} {} at the {}", object.colour.name(), object.kind.name(), object.cell.name());
            prop_assert!(text.contains(&part), "{}", text);
        }
        let digit = scene.digit.is_none_or(|d| text.contains(&format!("the digit {} at the {}", d.value, d.cell.name())));
        let end = format!("on a {} background.", scene.background.name());
        prop_assert!(digit && text.ends_with(&end), "{}", text);
    }
}

#[test]
fn a_seed_and_an_index_give_the_same_scene_again() {
    assert_eq!(Scene::random(2, 17), Scene::random(2, 17));
    assert_ne!(Scene::random(2, 17), Scene::random(2, 18));
    assert_ne!(Scene::random(2, 17), Scene::random(3, 17));
}

#[test]
fn a_full_scene_reads_as_one_sentence() {
    let scene = (0..1000)
        .map(|index| Scene::random(4, index))
        .find(|s| s.digit.is_some() && s.objects.len() == 3)
        .unwrap();
    let text = describe(&scene);
    assert!(text.starts_with("There are three shapes: a"), "{text}");
    assert_eq!(text.matches('.').count(), 1);
}
