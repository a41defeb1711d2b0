//! The list of fail points is true.

use std::collections::BTreeSet;
use std::path::Path;

use usher_engine::fail_point::NAMES;

fn points_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            points_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("fail_point.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for rest in text.split("fail_point!(\"").skip(1) {
                found.insert(rest.split('"').next().unwrap().to_owned());
            }
        }
    }
}

#[test]
fn every_fail_point_is_listed_and_every_listed_one_is_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    points_in(&root.join("src"), &mut found);
    points_in(&root.join("../engine/src"), &mut found);
    let listed: BTreeSet<String> = NAMES.iter().map(|name| name.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(found, listed);
    assert!(NAMES.len() >= 40);
}
