//! Sizes and budgets as users write them.

use proptest::prelude::*;

use super::*;

#[test]
fn a_share_is_a_whole_percentage_of_something() {
    assert_eq!("100%".parse(), Ok(MemoryBudget::Share(100)));
    for text in ["0%", "101%", "-5%", "7.5%", "%", "x%"] {
        let expected = SizeError::Share(text.to_owned());
        assert_eq!(text.parse::<MemoryBudget>(), Err(expected));
    }
}

#[test]
fn results_hold_a_budget_as_it_was_written() {
    let json = serde_json::to_string(&MemoryBudget::Share(75)).unwrap();
    assert_eq!(json, "\"75%\"");
    assert_eq!(serde_json::from_str::<MemoryBudget>(&json).unwrap(), MemoryBudget::Share(75));
    assert!(serde_json::from_str::<MemoryBudget>("\"lots\"").is_err());
}

#[test]
fn a_budget_leaves_room_for_the_rest_of_the_machine() {
    let system = |total_bytes, available_bytes| {
        Some(SystemMemory { total_bytes, available_bytes, ..SystemMemory::default() })
    };
    let mac = |gib| DeviceMemory { working_set_bytes: Some(gib * GIB), ..DeviceMemory::default() };
    let cpu = DeviceMemory::default();
    assert_eq!(budget_bytes(None, mac(100), system(100 * GIB, 0), 0), 85 * GIB);
    assert_eq!(budget_bytes(None, mac(100), system(6 * GIB, 0), 0), 3 * GIB);
    assert_eq!(budget_bytes(None, mac(10), None, 0), 9 * GIB);
    // A control group's limit is the machine's total there.
    assert_eq!(budget_bytes(None, cpu, system(GIB, 10 * GIB), 0), percent(GIB, 80));
    assert_eq!(budget_bytes(None, cpu, None, GIB), u64::MAX);
    let share = Some(MemoryBudget::Share(50));
    assert_eq!(budget_bytes(share, mac(10), None, 0), 5 * GIB);
    assert_eq!(budget_bytes(Some(MemoryBudget::Bytes(7)), mac(10), system(GIB, GIB), 0), 7);
}

proptest! {
    #[test]
    fn a_budget_is_read_back_as_it_was_printed(bytes in 1u64.., share in 1u8..=100) {
        for budget in [MemoryBudget::Bytes(bytes), MemoryBudget::Share(share)] {
            prop_assert_eq!(budget.to_string().parse(), Ok(budget));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,12}") {
        let _ = text.parse::<MemoryBudget>();
    }

    #[test]
    fn the_cache_is_never_larger_than_a_quarter_of_the_budget_or_2_gib(
        budget in any::<u64>(), weights in any::<u64>(), kv in any::<u64>(),
    ) {
        let limit = cache_limit(budget, weights, kv);
        prop_assert!(limit <= budget / 4 && limit <= 2 * GIB);
        prop_assert!(limit >= (256 * MIB).min(budget / 4));
    }
}
