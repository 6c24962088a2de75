//! A fourth vendor, outside of the crate: what the engine does for every vendor it does for this one, with no line of it in `src/`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "it is a test, and reads as a crate of its own would")]

mod city;
mod lamps;
mod stories;
#[path = "../support/mod.rs"]
mod support;

use city::CityHall;

const POST: &str = "POST /lamps";
const PUT: &str = "PUT /lamps/one";
const DELETE: &str = "DELETE /lamps/one";

#[tokio::test]
async fn a_lamp_is_created_once_kept_and_deleted_once() {
    stories::it_is_created_once_kept_and_deleted_once::<CityHall>(&[POST, DELETE]).await;
}

#[tokio::test]
async fn a_lamp_is_kept_equal_to_its_spec() {
    stories::it_is_kept_equal_to_its_spec::<CityHall>(&[POST, PUT, PUT]).await;
}

#[tokio::test]
async fn a_lamp_that_somebody_took_away_is_made_again() {
    stories::it_is_made_again::<CityHall>(&[POST, POST]).await;
}

#[tokio::test]
async fn a_lamp_that_is_there_is_taken_over_only_when_identical() {
    stories::what_is_there_is_taken_over_only_when_identical::<CityHall>().await;
}

#[tokio::test]
async fn observing_and_planning_never_write_to_the_city() {
    stories::observe_and_plan_never_write::<CityHall>().await;
}

#[tokio::test]
async fn an_outage_of_the_city_is_waited_out() {
    stories::an_outage_is_waited_out::<CityHall>(&[POST]).await;
}

#[test]
fn the_vendor_is_as_short_as_the_manual_says() {
    let lines = include_str!("lamps.rs").lines().count();
    assert!(lines <= 300, "lamps.rs has {lines} lines");
}
