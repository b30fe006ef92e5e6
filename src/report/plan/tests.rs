use super::*;

fn form(form: &str, chosen: bool, weight_bytes: u64, fits: bool) -> FormRow {
    let (kv_bytes, activation_bytes) = (402_653_184, 1_240_000_000);
    FormRow {
        form: form.to_owned(),
        chosen,
        weight_bytes,
        kv_bytes,
        activation_bytes,
        peak_bytes: weight_bytes + kv_bytes + activation_bytes,
        largest_array_bytes: 393_216_000,
        fits,
    }
}

fn change(change: &str, peak_bytes: u64, fits: bool) -> ChangeRow {
    ChangeRow { change: change.to_owned(), peak_bytes, fits }
}

/// A model that does not fit a Mac with 16 GB, and one that does.
fn report() -> PlanReport {
    let llava = ModelPlan {
        model: "llava".to_owned(),
        frames: 5,
        vision_tokens: 2340,
        prompt_tokens: 2404,
        forms: vec![
            form("as stored", true, 15_130_000_000, false),
            form("float32", false, 30_260_000_000, false),
            form("float16", false, 15_130_000_000, false),
            form("8-bit", false, 8_050_000_000, true),
            form("4-bit", false, 4_270_000_000, true),
        ],
        changes: vec![
            change("show images of at most 320 × 240 pixels", 16_400_000_000, false),
            change("use a conversion to 8 bits", 9_320_000_000, true),
        ],
    };
    let tiny = ModelPlan {
        model: "smolvlm_tiny".to_owned(),
        frames: 1,
        vision_tokens: 64,
        prompt_tokens: 128,
        forms: vec![form("as stored", true, 4_200_000, true)],
        changes: Vec::new(),
    };
    PlanReport {
        machine: PlannedMachine {
            device: "gpu".to_owned(),
            total_bytes: Some(17_179_869_184),
            budget_bytes: 11_440_000_000,
            largest_array_bytes: Some(9_534_000_000),
        },
        question: QuestionRow {
            image_width: 640,
            image_height: 480,
            text_tokens: 64,
            max_tokens: 100,
        },
        models: vec![llava, tiny],
        problems: Vec::new(),
    }
}

#[test]
fn the_plan_says_what_fits_and_what_to_change_in_which_order() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("plan_80", render(&report(), 80)));
}

#[test]
fn where_no_change_is_enough_it_says_so() {
    let mut report = report();
    report.models.truncate(1);
    report.models[0].changes[1].fits = false;
    let text = render(&report, 80);
    assert!(text.contains("Nothing of this is enough: close other programs"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in [40, 60, 80, 120] {
        for line in render(&report(), columns).lines() {
            assert!(super::super::text::width(line) <= columns, "{columns}: {line}");
        }
    }
}
