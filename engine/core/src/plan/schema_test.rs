//! The published JSON schema and the document type say the same: generated plans follow the schema, and every field the
//! schema names is one the parser knows.

use serde_json::{Value, json};

use super::SeatingPlan;
use super::generate::{self, ArenaSpec, HallSpec};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../schema/seating-plan.schema.json")).unwrap()
}

/// Where `value` departs from `schema`, by the keywords this schema uses for structure and ranges.
fn departures(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is defined"));
        return departures(root, target, value, path, found);
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some(other) => panic!("{path}: type {other} is not known here"),
        None => value == &schema["const"],
    };
    let count = value.as_str().map(|text| text.chars().count()).or(value.as_array().map(Vec::len)).unwrap_or(0) as i64;
    let below = |limit: &str, number: i64| schema[limit].as_i64().is_some_and(|min| number < min);
    let above = |limit: &str, number: i64| schema[limit].as_i64().is_some_and(|max| number > max);
    let ranges = value.as_i64().is_some_and(|number| below("minimum", number) || above("maximum", number))
        || value.is_string() && (below("minLength", count) || above("maxLength", count))
        || value.is_array() && (below("minItems", count) || above("maxItems", count));
    if !fits || ranges {
        found.push(path.to_owned());
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(key) {
            Some(of_item) => departures(root, of_item, item, &format!("{path}/{key}"), found),
            None => found.push(format!("{path}/{key} is not in the schema")),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.extend(required.filter(|key| value.get(key).is_none()).map(|key| format!("{path}/{key} is missing")));
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        let of_item = schema["prefixItems"].get(i).unwrap_or(&schema["items"]);
        departures(root, of_item, item, &format!("{path}/{i}"), found);
    }
}

fn all_departures(document: &Value) -> Vec<String> {
    let (schema, mut found) = (schema(), Vec::new());
    departures(&schema, &schema, document, "", &mut found);
    found
}

/// A plan that uses every field there is.
fn complete() -> Value {
    json!({
        "format": "usher.seating-plan/1", "name": "All", "focal_point_cm": [0, 0],
        "tiers": [{"code": "A", "name": "A", "color": "#1d4ed8"}],
        "sections": [{"code": "S", "name": "S", "rows": [
            {"label": "A", "seats": [
                {"label": "1", "tier": "A", "x_cm": 0, "y_cm": 0, "accessible": true, "companion": true, "restricted_view": true}]},
            {"label": "B", "line": {
                "from_cm": [0, 90], "to_cm": [50, 90], "bulge_cm": [0, 5], "count": 2, "first_number": 3, "number_step": 2, "tier": "A",
                "overrides": [{"number": 5, "tier": "A", "accessible": true, "companion": true, "restricted_view": true}]}}]}],
        "areas": [{"code": "F", "name": "F", "capacity": 5, "tier": "A", "outline_cm": [[0, 0], [9, 0], [9, 9]]}]
    })
}

#[test]
fn generated_plans_follow_the_schema() {
    let plans = [generate::small(), generate::arena_of(14_000), HallSpec::about("Hall", 900).plan().unwrap()];
    for plan in plans {
        assert_eq!(all_departures(&serde_json::to_value(plan).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn the_schema_and_the_parser_know_the_same_fields() {
    let complete = complete();
    assert_eq!(all_departures(&complete), Vec::<String>::new());
    let plan: SeatingPlan = serde_json::from_value(complete.clone()).unwrap();
    assert_eq!(serde_json::to_value(&plan).unwrap(), complete, "no field is dropped");
    plan.compile().unwrap();
    // Every property the schema names stands in the complete plan.
    let text = complete.to_string();
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in definitions.flat_map(|definition| definition["properties"].as_object()).flat_map(|fields| fields.keys())
    {
        assert!(text.contains(&format!("\"{key}\":")), "{key} is used");
    }
}

#[test]
fn the_check_itself_finds_departures() {
    let mut plan = complete();
    plan["nmae"] = json!("x");
    plan["sections"][0]["rows"][1]["line"]["count"] = json!(0);
    plan["areas"][0].as_object_mut().unwrap().remove("tier");
    let found = all_departures(&plan);
    assert_eq!(found, ["/areas/0/tier is missing", "/nmae is not in the schema", "/sections/0/rows/1/line/count"]);
}

#[test]
fn the_demo_plans_are_valid_and_follow_the_schema() {
    for (text, capacity) in [
        (include_str!("../../../../config/demo/arena.json"), 14_000),
        (include_str!("../../../../config/demo/theatre.json"), 486),
        (include_str!("../../../../config/demo/club.json"), 800),
    ] {
        let document: Value = serde_json::from_str(text).unwrap();
        assert_eq!(all_departures(&document), Vec::<String>::new());
        let plan: SeatingPlan = serde_json::from_value(document).unwrap();
        assert_eq!(plan.compile().unwrap().capacity(), capacity, "{}", plan.name);
    }
    let arena: SeatingPlan = serde_json::from_str(include_str!("../../../../config/demo/arena.json")).unwrap();
    let drawn = ArenaSpec { name: arena.name.clone(), seats_count: 12_000, standing_count: 2_000 }.plan().unwrap();
    assert_eq!(arena, drawn, "the demo arena is what the generator draws");
}
