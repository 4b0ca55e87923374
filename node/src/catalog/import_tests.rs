//! Plans in, venues or errors out.

use earlybird_engine::SeatIndex;
use serde_json::{Value, json};

use super::*;

/// Two zones, a stage, an aisle, and rows in the wrong order.
fn plan() -> Value {
    let seat = |guid: &str, x: i32, category: &str| json!({"seat_guid": guid, "seat_number": guid, "position": {"x": x, "y": 0}, "category": category, "note": 1});
    json!({
        "name": "Small Hall",
        "categories": [{"name": "A", "color": "#000"}, {"name": "B", "color": "#fff"}],
        "size": {"width": 500, "height": 300},
        "zones": [
            {
                "name": "Stalls", "position": {"x": 10, "y": 20},
                "rows": [
                    {"row_number": "2", "position": {"x": 0, "y": 60.5},
                     "seats": [seat("2-1", 0, "B"), seat("2-2", 10, "B")]},
                    {"row_number": "1", "position": {"x": 0, "y": 30}, "seats": [
                        seat("1-4", 50, "A"), seat("1-3", 40, "A"), seat("1-2", 10, "A"), seat("1-1", 0, "A"),
                    ]},
                ],
                "areas": [{"shape": "rectangle", "position": {"x": 0, "y": 0}, "rectangle": {"width": 50, "height": 10},
                           "color": "#000", "border_color": "#000", "rotation": 0, "text": {"text": "Stage"}}],
            },
            {"name": "Box", "position": {"x": 100, "y": 0}, "rows": [{"row_number": "", "seats": [seat("box", 5, "A")]}]},
        ],
    })
}

fn import(plan: &Value) -> Result<Venue, PlanError> {
    import_venue(plan.to_string().as_bytes())
}

/// Changes the plan at `pointer` to `value` and expects this error.
#[track_caller]
fn check(pointer: &str, value: Value, expected: &str) {
    let mut plan = plan();
    *plan.pointer_mut(pointer).unwrap() = value;
    let error = import(&plan).unwrap_err().to_string();
    let error = error.split(" at line ").next().unwrap();
    assert_eq!(error, expected);
}

#[test]
fn seats_keep_the_order_of_the_file_and_rows_are_ranked_from_the_front() {
    let venue = import(&plan()).unwrap();
    assert_eq!(venue.capacity(), 7);
    let layout = &venue.layout.0;
    let names: Vec<&str> = venue.row_labels.iter().map(AsRef::as_ref).collect();
    assert_eq!(names, ["1", "2", ""]);
    assert_eq!(layout.rows[0].blocks, [vec![SeatIndex(5), SeatIndex(4)], vec![SeatIndex(3), SeatIndex(2)]]);
    assert_eq!(layout.rows[1].blocks, [[SeatIndex(0), SeatIndex(1)]]);
    assert_eq!(layout.rows[0].front_distance, 20_00);
    assert_eq!(layout.rows[1].front_distance, 50_50);
    assert_eq!(layout.seats[5].centre_distance, 25_00);

    let seat = venue.seat(SeatIndex(1)).unwrap();
    assert_eq!((seat.zone, seat.row, seat.category, &*seat.label.guid), ("Stalls", "2", "B", "2-2"));
    assert_eq!((seat.label.x_hundredths, seat.label.y_hundredths), (20_00, 80_50));
    assert!(venue.seat(SeatIndex(7)).is_none());
}

#[test]
fn a_stored_venue_reads_back_and_garbage_does_not() {
    let venue = import(&plan()).unwrap();
    let bytes = venue.encode().unwrap();
    assert_eq!(Venue::decode(&bytes).unwrap(), venue);
    for length in 0..bytes.len() {
        assert!(Venue::decode(&bytes[..length]).is_err());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(Venue::decode(&longer), Err(BodyError::Trailing(1))));
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 0x55;
        let _ = Venue::decode(&changed);
    }
}

#[test]
fn every_wrong_field_is_named() {
    check(
        "/zones/0/rows/1/seats/2/category",
        json!("X"),
        "zones[0].rows[1].seats[2].category: unknown category \"X\"; the plan has \"A\", \"B\"",
    );
    check(
        "/zones/1/rows/0/seats/0/seat_guid",
        json!("1-3"),
        "zones[1].rows[0].seats[0].seat_guid: seat_guid \"1-3\" is also that of zones[0].rows[1].seats[1]",
    );
    check(
        "/zones/1/rows/0/seats/0/seat_guid",
        json!(""),
        "zones[1].rows[0].seats[0].seat_guid: must not be empty",
    );
    check(
        "/zones/1/rows/0/seats/0/seat_number",
        json!(7),
        "zones[1].rows[0].seats[0].seat_number: invalid type: integer `7`, expected a string",
    );
    check(
        "/zones/1/rows/0/seats/0/position",
        json!({"x": 1}),
        "zones[1].rows[0].seats[0].position: missing field `y`",
    );
    check(
        "/zones/1/rows/0/seats/0/position/x",
        json!(1e12),
        "zones[1].rows[0].seats[0].position.x: 1000000000000 is out of range: -1000000 to 1000000 is accepted",
    );
    check(
        "/zones/1/position/y",
        json!(-1e300),
        &format!("zones[1].position.y: {} is out of range: -1000000 to 1000000 is accepted", -1e300),
    );
    check("/categories/1/name", json!("A"), "categories[1].name: category \"A\" is also categories[0]");
    check("/categories/0/name", json!("\u{7}"), "categories[0].name: must not contain control characters");
    check("/name", json!(""), "name: must not be empty");
    check("/name", json!("x".repeat(201)), "name: has 201 bytes; at most 200 are accepted");
    check("/zones", json!([]), "zones: the plan has no seats; at least one is needed");
    check("/zones", json!({}), "zones: invalid type: map, expected a sequence");
    check(
        "/categories",
        json!([]),
        "zones[0].rows[0].seats[0].category: unknown category \"B\"; the plan has no categories",
    );
}

#[test]
fn numbers_that_json_does_not_have_are_refused() {
    let text = plan().to_string();
    for number in ["NaN", "Infinity", "1e999"] {
        let wrong = text.replacen("\"y\":60.5", &format!("\"y\":{number}"), 1);
        assert_ne!(wrong, text);
        let error = import_venue(wrong.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("at line 1 column"), "{error}");
    }
}

#[test]
fn a_plan_may_have_200_000_seats_and_no_more() {
    let seat = |index: usize| json!({"seat_guid": index.to_string(), "seat_number": "", "position": {"x": index, "y": 0}, "category": "A"});
    let mut plan = plan();
    let mut seats: Vec<Value> = (0..SEATS_MAX - 6).map(seat).collect();
    plan["zones"][1]["rows"][0]["seats"] = json!(seats);
    assert_eq!(import(&plan).unwrap().capacity(), SEATS_MAX);
    seats.push(seat(SEATS_MAX));
    plan["zones"][1]["rows"][0]["seats"] = json!(seats);
    let error = import(&plan).unwrap_err().to_string();
    assert_eq!(error, "zones[1].rows[0].seats[199994]: the plan has more than 200000 seats");
}

/// Mutates a plan at random: whatever comes of it is a venue that reads back, or an error that says where.
#[test]
fn random_changes_never_panic() {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    let mut random = StdRng::seed_from_u64(7);
    let original = plan().to_string().into_bytes();
    let (mut imported, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut json = original.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..json.len());
            match random.random_range(0..4) {
                0 => json[at] = random.random(),
                1 => json[at] = b"{}[]\",:0-9e.ntf"[random.random_range(0..15)],
                2 => _ = json.remove(at),
                _ => {
                    let to = random.random_range(at..json.len().min(at + 40));
                    let copied = json[at..to].to_vec();
                    json.splice(at..at, copied);
                }
            }
        }
        match import_venue(&json) {
            Ok(venue) => {
                imported += 1;
                assert_eq!(Venue::decode(&venue.encode().unwrap()).unwrap(), venue);
            }
            Err(error) => {
                refused += 1;
                assert!(!error.message.is_empty());
                assert!(!error.path.is_empty() || error.message.contains("at line"), "{error}");
            }
        }
    }
    assert!(imported > 500 && refused > 500, "{imported} imported, {refused} refused");
}
