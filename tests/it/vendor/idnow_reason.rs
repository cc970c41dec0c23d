//! Every documented reason code, against a list kept apart from the code.

use std::collections::HashSet;

use idv_gateway::proto::ReasonCategory;
use idv_gateway::vendor::idnow::reason::{CODES, category, reason};

use super::rig::fixtures;

#[test]
fn every_documented_code_has_its_category() {
    let list = std::fs::read_to_string(fixtures("reasons.txt")).unwrap();
    let mut seen = HashSet::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let (name, codes) = line.split_once(": ").unwrap();
        let expected = ReasonCategory::from_str_name(&format!("REASON_CATEGORY_{name}")).unwrap();
        for code in codes.split(' ') {
            assert!(seen.insert(code), "{code} twice");
            assert_eq!(category(code), Some(expected), "{code}");
            let reason = reason(code);
            assert_eq!((reason.vendor_code.as_str(), reason.recognized), (code, true));
        }
    }
    assert_eq!(seen.len(), 102);
    assert_eq!(CODES.iter().map(|(_, codes)| codes.len()).sum::<usize>(), 102, "no code beyond the list");
}

#[test]
fn an_unknown_code_is_kept_and_marked() {
    for code in ["USER_CANCELLATION", "DATA_APPLICATION_DATA", "id_blurry", "X"] {
        let reason = reason(code);
        assert_eq!((reason.vendor_code.as_str(), reason.recognized), (code, false));
        assert_eq!(reason.category(), ReasonCategory::Other);
    }
    for code in ["Erika Beispiel", "", "a\nb", "CODE:x", &"A".repeat(65)] {
        assert_eq!(reason(code).vendor_code, "UNPRINTABLE", "{code}");
    }
}
