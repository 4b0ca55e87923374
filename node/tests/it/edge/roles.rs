//! Who may call what: every method of the API, as it describes itself.

use earlybird_proto::{FILE_DESCRIPTOR_SET, v1};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

use super::request_id;
use super::tokens::{server, token};

/// Who may call a method.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// Whoever has a token; what concerns one buyer, that buyer.
    Buyers,
    /// Frontends and administrators.
    Frontends,
    /// Administrators.
    Administrators,
}
use For::{Administrators, Buyers, Frontends};

/// Every method. What is told of one buyer is asked for with that buyer's name, and has tests of its own.
const METHODS: [(&str, &[(&str, For)]); 10] = [
    (
        "Admin",
        &[
            ("AuditPerformance", Administrators),
            ("BlockSeats", Administrators),
            ("UnblockSeats", Administrators),
            ("CancelPerformance", Administrators),
        ],
    ),
    (
        "Catalog",
        &[
            ("ImportVenue", Administrators),
            ("GetVenue", Buyers),
            ("ListVenues", Buyers),
            ("ListSeats", Buyers),
            ("CreatePerformance", Administrators),
            ("GetPerformance", Buyers),
            ("ListPerformances", Buyers),
        ],
    ),
    (
        "Cluster",
        &[
            ("GetCluster", Administrators),
            ("ListPlacements", Administrators),
            ("GetRouting", Buyers),
            ("PlanRebalance", Administrators),
            ("ApplyRebalance", Administrators),
            ("DrainNode", Administrators),
            ("UndrainNode", Administrators),
            ("PinPerformance", Administrators),
            ("UnpinPerformance", Administrators),
            ("MovePerformance", Administrators),
        ],
    ),
    (
        "Coupons",
        &[
            ("CreateCampaign", Administrators),
            ("GetCampaign", Frontends),
            ("ListCampaigns", Frontends),
            ("EndCampaign", Administrators),
            ("IssueCoupon", Administrators),
            ("IssueCoupons", Administrators),
            ("ClaimCoupon", Buyers),
            ("GetCoupon", Buyers),
            ("ListCoupons", Buyers),
            ("QuotePrice", Buyers),
        ],
    ),
    (
        "Jobs",
        &[
            ("GetJob", Administrators),
            ("ListJobs", Administrators),
            ("StartJob", Administrators),
            ("CancelJob", Administrators),
        ],
    ),
    (
        "Members",
        &[
            ("ImportMembers", Administrators),
            ("GetMember", Buyers),
            ("ListMembers", Frontends),
            ("DeleteMember", Administrators),
        ],
    ),
    (
        "Orders",
        // Without a buyer's name, a list is the frontend's, and a refund the administrator's.
        &[
            ("PayHold", Buyers),
            ("GetOrder", Buyers),
            ("ListOrders", Frontends),
            ("RefundOrder", Administrators),
            ("QuoteRefund", Administrators),
        ],
    ),
    ("Payments", &[("Reconcile", Administrators)]),
    (
        "Seating",
        &[
            ("GetSeatMap", Buyers),
            ("WatchSeatMap", Buyers),
            ("HoldSeats", Buyers),
            ("HoldBestAvailable", Buyers),
            ("ExtendHold", Buyers),
            ("ReleaseHold", Buyers),
            ("GetHold", Buyers),
            ("ListHolds", Buyers),
            ("Session", Buyers),
        ],
    ),
    (
        "Waitlist",
        &[
            ("JoinWaitlist", Buyers),
            ("LeaveWaitlist", Buyers),
            ("GetWaitlistEntry", Buyers),
            ("ListWaitlistEntries", Buyers),
            ("WatchOffers", Buyers),
        ],
    ),
];

/// A request that is in order, where one that is not would be told so first.
fn body(method: &str) -> Vec<u8> {
    let (performance, seats) = ("performances/night".to_owned(), vec![1]);
    let name = "performances/night/orders/1".to_owned();
    match method {
        "BlockSeats" => {
            v1::BlockSeatsRequest { performance, seats, request_id: request_id() }.encode_to_vec()
        }
        "UnblockSeats" => {
            v1::UnblockSeatsRequest { performance, seats, request_id: request_id() }.encode_to_vec()
        }
        "RefundOrder" => {
            v1::RefundOrderRequest { name, request_id: request_id(), ..Default::default() }.encode_to_vec()
        }
        "QuoteRefund" => v1::QuoteRefundRequest { name, ..Default::default() }.encode_to_vec(),
        _ => Vec::new(),
    }
}

#[test]
fn every_method_is_for_somebody() {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the API's description").file;
    let services = files.iter().flat_map(|file| &file.service);
    let mut described: Vec<_> = services
        .flat_map(|service| service.method.iter().map(|method| (service.name(), method.name())))
        .collect();
    let listed =
        METHODS.iter().flat_map(|(service, methods)| methods.iter().map(|(name, _)| (*service, *name)));
    let mut listed: Vec<_> = listed.collect();
    described.sort_unstable();
    listed.sort_unstable();
    assert_eq!(described, listed);
}

#[tokio::test]
async fn a_role_opens_what_is_for_it_and_nothing_else() {
    let server = server().await;
    let callers = [
        (token("alice", "buyer"), &[Buyers][..]),
        (token("web", "bff"), &[Buyers, Frontends][..]),
        (token("ops", "admin"), &[Buyers, Frontends, Administrators][..]),
    ];
    for (service, methods) in METHODS {
        for (method, is_for) in methods {
            // What a buyer alone may do is asked for without a name here, and refused to a buyer for that.
            if *is_for == Buyers {
                continue;
            }
            for (token, may) in &callers {
                let path = format!("earlybird.v1.{service}/{method}");
                let refusal = server.call(&path, &body(method), Some(token)).await.refusal();
                let is_denied = refusal == Some(Code::PermissionDenied);
                assert_eq!(is_denied, !may.contains(is_for), "{path} with {} roles: {refusal:?}", may.len());
            }
        }
        let path = format!("earlybird.v1.{service}/{}", methods[0].0);
        let refusal = server.call(&path, &[], None).await.refusal();
        assert_eq!(refusal, Some(Code::Unauthenticated), "{path}");
    }
}
