//! A node with a payment provider, and what must be true of both in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use earlybird_proto::v1::order::State;
use earlybird_proto::v1::orders_client::OrdersClient;
use earlybird_proto::v1::refund::Reason;
use earlybird_proto::v1::{ListOrdersRequest, Order};
use toss_sim::{Behaviour, Simulator};

use crate::chaos::eventually;
use crate::chaos::house::{self, Client, connect};
use crate::chaos::server::{Server, Site};
use crate::support::provider_that;

/// Rows of the hall, of 50 seats each.
const ROWS: u32 = 20;

/// A node's place, and its provider.
pub(super) struct Shop {
    pub(super) site: Site,
    pub(super) provider: Simulator,
}

/// What moved for each hold: captured and given back, payment by payment. One performance of a shop alone takes money, so
/// the numbers of its holds tell them apart.
type Moves = BTreeMap<u64, Vec<(i64, i64)>>;

impl Shop {
    /// A shop with a SQLite file.
    pub(super) async fn on_sqlite() -> Self {
        Self::at(Site::on_sqlite()).await
    }

    /// A shop with a PostgreSQL database; none when those tests are to be left out.
    pub(super) async fn on_postgres() -> Option<Self> {
        Some(Self::at(Site::on_postgres().await?).await)
    }

    async fn at(site: Site) -> Self {
        let behaviour = Behaviour { latency_median_ms: 5.0, ..Behaviour::default() };
        let provider = provider_that(behaviour).await;
        Self { site: site.paying_through(&provider), provider }
    }

    /// The provider behaves otherwise from now on.
    pub(super) fn let_provider(&self, change: impl FnOnce(&mut Behaviour)) {
        let mut behaviour = self.provider.provider().behaviour();
        change(&mut behaviour);
        self.provider.provider().behave(behaviour).expect("the settings are right");
    }

    /// A client of the node.
    pub(super) fn client(&self) -> Client {
        Client::of(&self.site.endpoint())
    }

    /// Starts the node, imports the hall, and opens `carmen`.
    pub(super) async fn begin(&self, hold_ttl: Duration) -> Server {
        let server = self.site.start().await;
        self.client().import(ROWS).await;
        self.open("carmen", hold_ttl).await;
        server
    }

    /// Opens a performance.
    pub(super) async fn open(&self, performance: &str, hold_ttl: Duration) {
        self.client().create(performance, hold_ttl).await;
    }

    /// Waits until every order is definite, and compares what they say with the provider's books, payment by payment.
    pub(super) async fn assert_settled(&self) {
        let is_open = |order: &Order| {
            matches!(
                order.state(),
                State::Unspecified | State::Paying | State::Refunding | State::AwaitingDeposit
            )
        };
        let settled = async || {
            let orders = self.orders().await?;
            (!orders.iter().any(is_open)).then_some(orders)
        };
        let orders = eventually("every order is definite", settled).await;
        let shown = by_hold(
            orders
                .iter()
                .filter(|order| order.state() != State::Declined && !is_reverted(order))
                .map(|order| (number(&order.hold), (order.amount_minor, order.refunded_minor))),
        );
        assert_eq!(shown, self.books(), "the orders (left) and the provider's books (right) differ");
    }

    /// Waits until the order of this number is as wanted.
    pub(super) async fn until_order(&self, order: u64, is_wanted: impl Fn(&Order) -> bool) -> Order {
        let look = async || {
            let orders = self.orders().await?;
            orders.into_iter().find(|found| number(&found.name) == order && is_wanted(found))
        };
        eventually("the order is as wanted", look).await
    }

    /// Ends the node in order; the audit of every performance is clean, and the journals add up to the provider's books.
    pub(super) async fn close(self, server: Server) {
        self.assert_settled().await;
        let (status, _) = server.terminate().await;
        assert!(status.success(), "SIGTERM ends it in order, not with {status}");
        let reports = house::audit(self.site.store()).await;
        let sum = |amount: fn(&earlybird::audit::MoneySum) -> i64| -> i64 {
            reports.iter().map(|report| amount(&report.money)).sum()
        };
        let totals = self.provider.provider().read(toss_sim::ledger::Ledger::totals);
        assert_eq!(
            (sum(|money| money.captured_minor), sum(|money| money.refunded_minor)),
            (totals.captured_amount, totals.refunded_amount),
            "the journals (left) and the provider's books (right) differ"
        );
        println!("{} captured, {} given back", totals.captured_amount, totals.refunded_amount);
    }

    /// All orders, of all performances; none if the node does not answer.
    async fn orders(&self) -> Option<Vec<Order>> {
        let mut client = OrdersClient::new(connect(&self.site.endpoint()));
        let request =
            ListOrdersRequest { parent: "performances/-".into(), page_size: 1_000, ..Default::default() };
        let page = client.list_orders(request).await.ok()?.into_inner();
        assert!(page.next_page_token.is_empty(), "one page has them all");
        Some(page.orders)
    }

    /// What the provider captured.
    fn books(&self) -> Moves {
        let lines = self.provider.provider().read(toss_sim::ledger::Ledger::lines);
        let captured = lines.iter().filter(|line| line.captured_amount > 0);
        by_hold(captured.map(|line| {
            let hold = line.order_id.as_str().rsplit('-').next().expect("the number of the hold");
            (hold.parse().expect("a number"), (line.captured_amount, line.refunded_amount))
        }))
    }
}

/// The bank took the money back, and the provider's books with it.
fn is_reverted(order: &Order) -> bool {
    order.refunds.iter().any(|refund| refund.reason() == Reason::DepositReverted)
}

fn by_hold(moves: impl Iterator<Item = (u64, (i64, i64))>) -> Moves {
    let mut by_hold = Moves::new();
    for (hold, amounts) in moves {
        by_hold.entry(hold).or_default().push(amounts);
    }
    by_hold.values_mut().for_each(|amounts| amounts.sort_unstable());
    by_hold
}

fn number(name: &str) -> u64 {
    name.rsplit('/').next().and_then(|number| number.parse().ok()).expect("a resource name")
}
