//! What the README tells the author of a frontend to run really runs.

use earlybird_proto::v1::order::State;

use crate::support::{Options, Server, provider};

#[expect(dead_code, reason = "its main is for the command line")]
#[path = "../../examples/buy_with_coupon.rs"]
mod buy_with_coupon;

#[tokio::test]
async fn a_seat_is_bought_with_a_coupon_and_given_back() {
    let provider = provider(1.0).await;
    let server = Server::start_with(Options::default().paying_through(&provider)).await;
    let endpoint = format!("http://{}", server.grpc());
    // As often as one likes.
    for _ in 0..2 {
        let (paid, order) = buy_with_coupon::buy(endpoint.clone()).await.expect("it goes through");
        assert_eq!((paid.state(), paid.amount_minor, paid.discount_minor), (State::Paid, 81_000, 9_000));
        assert_eq!((order.state(), order.refunded_minor), (State::Refunded, 81_000));
    }
}
