//! Virtual accounts: the buyer pays later, or not at all, and the bank may take it back.

use earlybird_proto::v1;
use earlybird_proto::v1::catalog_client::CatalogClient;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::refund::Reason;
use toss_sim::Behaviour;

use super::house::*;
use super::paying::Shop;

/// A performance that takes virtual accounts; the house's own does not.
pub(super) const WITH_DEPOSITS: &str = "performances/tosca";

/// A shop that hears of everything, and whose holds live for seconds.
pub(super) async fn open(behaviour: Behaviour) -> Shop {
    let shop = Shop::build(behaviour, Plan::default()).await;
    shop.tell();
    let price = |category: &str| v1::Price { category: category.into(), amount_minor: STALLS_MINOR };
    let span = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let performance = v1::Performance {
        display_name: "Tosca".into(),
        venue: "venues/opera".into(),
        currency_code: "KRW".into(),
        prices: vec![price("Stalls"), price("Circle")],
        phases: vec![general(-3_600, 3_600)],
        limits: Some(v1::Limits { hold_ttl: span(3), ..v1::Limits::default() }),
        deposit_ttl: span(3_600),
        ..Default::default()
    };
    let request = v1::CreatePerformanceRequest {
        performance_id: "tosca".into(),
        performance: Some(performance),
        request_id: request_id(),
    };
    CatalogClient::new(shop.house.server.channel()).create_performance(request).await.expect("all is well");
    shop
}

impl Shop {
    /// Ann holds these seats and asks for an account to pay into.
    pub(super) async fn await_deposit(&self, seats: &[u32], key: &str) -> v1::Order {
        let request =
            v1::HoldSeatsRequest { performance: WITH_DEPOSITS.into(), ..hold_request("ann", seats) };
        let hold = self.house.seating.clone().hold_seats(request).await.expect("free seats").into_inner();
        let order = self.pay(&hold, key).await.expect("an account");
        assert_eq!(order.state(), State::AwaitingDeposit);
        order
    }

    /// Ann has paid for these seats by a deposit.
    pub(super) async fn deposited(&self, seats: &[u32], key: &str) -> v1::Order {
        let order = self.await_deposit(seats, key).await;
        self.simulator.provider().deposit(&key.into()).expect("it waits");
        self.until_it_is(&order, State::Paid).await
    }

    /// The order as it is; none while the node is away.
    pub(super) async fn get(&self, order: &v1::Order) -> Option<v1::Order> {
        let get = v1::GetOrderRequest { name: order.name.clone() };
        self.house.orders.clone().get_order(get).await.ok().map(tonic::Response::into_inner)
    }

    pub(super) async fn until_it_is(&self, order: &v1::Order, state: State) -> v1::Order {
        eventually(&format!("{} is {state:?}", order.name), async || {
            let order = self.get(order).await?;
            (order.state() == state).then_some(order)
        })
        .await
    }

    /// Nothing can be paid into the account any more.
    #[track_caller]
    pub(super) fn assert_closed(&self, key: &str) {
        let deposited = self.simulator.provider().deposit(&key.into());
        assert!(deposited.is_err(), "the account of {key} is open");
    }

    /// Bob queues for a seat.
    async fn bob_waits_for(&self, seat: u32) {
        let join = v1::JoinWaitlistRequest { performance: WITH_DEPOSITS.into(), ..join_request("bob", seat) };
        self.house.waitlist.clone().join_waitlist(join).await.expect("it is taken");
    }

    /// Bob is offered the seat.
    async fn until_bob_has(&self, seat: u32) {
        let list = v1::ListHoldsRequest { parent: WITH_DEPOSITS.into(), buyer_id: "bob".into() };
        eventually("bob is offered the seat", async || {
            let holds = self.house.seating.clone().list_holds(list.clone()).await.ok()?.into_inner().holds;
            holds.iter().any(|hold| hold.offer && hold.seats == [seat]).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_deposit_pays_and_the_bank_may_take_it_back() {
    let shop = open(Behaviour::default()).await;
    let key = "sim.virtual-account.1";
    let order = shop.await_deposit(&[0], key).await;
    let account = order.virtual_account.clone().expect("an account");
    assert!(!account.account_number.is_empty() && !account.bank_code.is_empty());
    assert_eq!(account.deadline, order.deposit_deadline);
    shop.simulator.provider().deposit(&key.into()).expect("it waits");
    let paid = shop.until_it_is(&order, State::Paid).await;
    assert_eq!((paid.seats_left.as_slice(), paid.virtual_account), (&[0][..], None));
    assert_eq!(shop.books(), (STALLS_MINOR, 0));
    shop.bob_waits_for(0).await;
    shop.simulator.provider().revert(&key.into()).expect("it was paid");
    let reverted = shop.until_it_is(&order, State::Refunded).await;
    assert_eq!((reverted.seats_left.as_slice(), reverted.refunded_minor), (&[][..], 0));
    assert_eq!(reverted.refunds[0].reason(), Reason::DepositReverted);
    // The seat is another's: it must not be paid for again.
    shop.assert_closed(key);
    shop.until_bob_has(0).await;
    assert_eq!(shop.books(), (0, 0));
}

#[tokio::test]
async fn an_account_that_is_not_paid_into_frees_its_seats() {
    let shop = open(Behaviour { deposit_within_ms: 5_000, ..Behaviour::default() }).await;
    let key = "sim.virtual-account.1";
    let order = shop.await_deposit(&[0], key).await;
    shop.bob_waits_for(0).await;
    let declined = shop.until_it_is(&order, State::Declined).await;
    assert!(["EXPIRED", "DEPOSIT_NOT_PAID"].contains(&declined.decline_reason.as_str()), "{declined:?}");
    shop.assert_closed(key);
    shop.until_bob_has(0).await;
    assert_eq!(shop.books(), (0, 0));
}

#[tokio::test]
async fn a_deposit_that_comes_while_the_node_is_away_is_found() {
    let mut shop = open(Behaviour::default()).await;
    let key = "sim.virtual-account.1";
    let order = shop.await_deposit(&[0], key).await;
    shop.house.server.kill9().await;
    shop.simulator.provider().deposit(&key.into()).expect("it waits");
    shop.house.server.restart().await;
    shop.until_it_is(&order, State::Paid).await;
}

/// The provider tells of the deposit once, and does not answer when it is asked about it: it is asked again soon.
#[tokio::test]
async fn a_hint_of_a_deposit_outlives_questions_without_an_answer() {
    let shop = open(Behaviour::default()).await;
    shop.deposited(&[0], "sim.virtual-account.find-COMMON_ERROR-6.1").await;
}

#[tokio::test]
async fn where_accounts_are_not_taken_they_are_closed() {
    let shop = open(Behaviour::default()).await;
    let key = "sim.virtual-account.1";
    let hold = shop.house.hold("ann", &[0]).await.expect("a free seat");
    let (_, reason, details) = failure(shop.pay(&hold, key).await);
    assert_eq!(reason, "PAYMENT_DECLINED");
    let told = &details.error_info().expect("ErrorInfo").metadata["provider_reason"];
    assert_eq!(told, "VIRTUAL_ACCOUNT_NOT_ALLOWED");
    shop.assert_closed(key);
}
