//! The stable reasons of errors, each with the one gRPC code that it comes with.

use tonic::Code;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:ident;)*) => {
        /// Why a call failed: `google.rpc.ErrorInfo.reason`. The texts are part of the API and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The code that the reason comes with.
            #[must_use]
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }
        }
    };
}

reasons! {
    /// A field of the request has a form that is not accepted; `BadRequest` names it.
    InvalidField = "INVALID_FIELD", InvalidArgument;
    /// The seats named are none, too many, doubled, or do not exist.
    InvalidSeats = "INVALID_SEATS", InvalidArgument;
    /// The `request_id` came before with another body.
    RequestIdReused = "REQUEST_ID_REUSED", InvalidArgument;
    /// There is no such performance.
    PerformanceNotFound = "PERFORMANCE_NOT_FOUND", NotFound;
    /// There is no such hold, or none any more.
    HoldNotFound = "HOLD_NOT_FOUND", NotFound;
    /// There is no such order.
    OrderNotFound = "ORDER_NOT_FOUND", NotFound;
    /// The buyer does not wait for the seat.
    NotWaiting = "NOT_WAITING", NotFound;
    /// There is no such member.
    MemberNotFound = "MEMBER_NOT_FOUND", NotFound;
    /// There is no such campaign.
    CampaignNotFound = "CAMPAIGN_NOT_FOUND", NotFound;
    /// There is no such coupon.
    CouponNotFound = "COUPON_NOT_FOUND", NotFound;
    /// There is no such job.
    JobNotFound = "JOB_NOT_FOUND", NotFound;
    /// Seats are held, being paid or sold.
    SeatTaken = "SEAT_TAKEN", Aborted;
    /// Too few seats are free.
    NotEnoughSeats = "NOT_ENOUGH_SEATS", Aborted;
    /// Seats are out of the sale.
    SeatBlocked = "SEAT_BLOCKED", FailedPrecondition;
    /// Seats that were to be blocked are not free.
    SeatNotFree = "SEAT_NOT_FREE", FailedPrecondition;
    /// Seats that were to be unblocked are not blocked.
    SeatNotBlocked = "SEAT_NOT_BLOCKED", FailedPrecondition;
    /// No sale phase is open.
    SaleNotOpen = "SALE_NOT_OPEN", FailedPrecondition;
    /// Only a presale is open, and not for this buyer.
    PresaleOnly = "PRESALE_ONLY", FailedPrecondition;
    /// The open phase has no waitlist.
    WaitlistNotOpen = "WAITLIST_NOT_OPEN", FailedPrecondition;
    /// The seat that was to be queued for is free.
    SeatFree = "SEAT_FREE", FailedPrecondition;
    /// The buyer has the seat that was to be queued for.
    AlreadyHolder = "ALREADY_HOLDER", FailedPrecondition;
    /// The hold's deadline has passed.
    HoldExpired = "HOLD_EXPIRED", FailedPrecondition;
    /// The hold is being paid.
    PaymentInProgress = "PAYMENT_IN_PROGRESS", FailedPrecondition;
    /// The amount is not what the seats cost.
    AmountMismatch = "AMOUNT_MISMATCH", FailedPrecondition;
    /// The sum of the prices is beyond what can be charged.
    AmountOverflow = "AMOUNT_OVERFLOW", FailedPrecondition;
    /// A coupon takes off less than nothing, or more than the seats cost.
    InvalidDiscount = "INVALID_DISCOUNT", FailedPrecondition;
    /// The performance will not take place.
    PerformanceCancelled = "PERFORMANCE_CANCELLED", FailedPrecondition;
    /// Buyers of this performance may not refund.
    RefundNotAllowed = "REFUND_NOT_ALLOWED", FailedPrecondition;
    /// The order was paid by a deposit, and the request names no account that it can go back to.
    RefundAccountRequired = "REFUND_ACCOUNT_REQUIRED", FailedPrecondition;
    /// Buyers of this performance may not refund any more.
    RefundDeadlinePassed = "REFUND_DEADLINE_PASSED", FailedPrecondition;
    /// The fee is more than was paid for the seats.
    InvalidFee = "INVALID_FEE", FailedPrecondition;
    /// The payment provider declined.
    PaymentDeclined = "PAYMENT_DECLINED", FailedPrecondition;
    /// The payment provider refused the refund for good.
    RefundFailed = "REFUND_FAILED", FailedPrecondition;
    /// The order is in a state that does not allow this.
    OrderState = "ORDER_STATE", FailedPrecondition;
    /// The coupon's date has passed.
    CouponExpired = "COUPON_EXPIRED", FailedPrecondition;
    /// The coupon's date is to come.
    CouponNotYetValid = "COUPON_NOT_YET_VALID", FailedPrecondition;
    /// The coupon was used.
    CouponUsed = "COUPON_USED", FailedPrecondition;
    /// Another payment has the coupon.
    CouponReserved = "COUPON_RESERVED", FailedPrecondition;
    /// The coupon is not for what is bought.
    CouponNotApplicable = "COUPON_NOT_APPLICABLE", FailedPrecondition;
    /// What is bought costs less than the coupon asks for.
    MinimumSpend = "MINIMUM_SPEND", FailedPrecondition;
    /// The campaign has not begun.
    CampaignNotOpen = "CAMPAIGN_NOT_OPEN", FailedPrecondition;
    /// The campaign has ended.
    CampaignEnded = "CAMPAIGN_ENDED", FailedPrecondition;
    /// There is a campaign of that name.
    CampaignExists = "CAMPAIGN_EXISTS", AlreadyExists;
    /// The buyer queues for the seat already.
    AlreadyWaiting = "ALREADY_WAITING", AlreadyExists;
    /// Another buyer's.
    NotHolder = "NOT_HOLDER", PermissionDenied;
    /// The coupon is another member's.
    CouponNotOwner = "COUPON_NOT_OWNER", PermissionDenied;
    /// The caller may not do this.
    PermissionDenied = "PERMISSION_DENIED", PermissionDenied;
    /// The caller did not say who it is.
    Unauthenticated = "UNAUTHENTICATED", Unauthenticated;
    /// A limit of the performance is reached; `QuotaFailure` names it.
    LimitReached = "LIMIT_REACHED", ResourceExhausted;
    /// All coupons of the campaign were issued.
    CampaignOutOfStock = "CAMPAIGN_OUT_OF_STOCK", ResourceExhausted;
    /// The queue of the performance is full; `RetryInfo` says when to try again.
    Overloaded = "OVERLOADED", ResourceExhausted;
    /// The deadline passed before the command was decided: nothing was changed.
    DeadlineExceeded = "DEADLINE_EXCEEDED", DeadlineExceeded;
    /// The deadline passed without word from the owner: whether it was done is unknown.
    OwnerSilent = "OWNER_SILENT", DeadlineExceeded;
    /// The store does not answer.
    StoreUnavailable = "STORE_UNAVAILABLE", Unavailable;
    /// The performance was put to rest, or failed, with the command in it.
    ShardRestarted = "SHARD_RESTARTED", Unavailable;
    /// The node is shutting down.
    Draining = "DRAINING", Unavailable;
    /// Another node owns the performance, or nobody for the moment: nothing was done.
    NotOwner = "NOT_OWNER", Unavailable;
    /// The owner was lost with the command on its way: whether it was done is unknown.
    OwnerLost = "OWNER_LOST", Unavailable;
    /// There is no node of that name.
    NodeNotFound = "NODE_NOT_FOUND", NotFound;
    /// The node is dead, or draining.
    NodeNotActive = "NODE_NOT_ACTIVE", FailedPrecondition;
    /// No other node could take what it has.
    LastNode = "LAST_NODE", FailedPrecondition;
    /// Another performance of the bucket is pinned to another node.
    PinConflict = "PIN_CONFLICT", FailedPrecondition;
    /// Another rebalance is under way.
    RebalanceInProgress = "REBALANCE_IN_PROGRESS", Aborted;
    /// The node that rebalanced is not the coordinator any more, and has stopped between two moves.
    CoordinatorChanged = "COORDINATOR_CHANGED", Aborted;
    /// The performance is still where it was, or with nobody for a moment.
    MoveFailed = "MOVE_FAILED", Unavailable;
    /// The payment provider has not told the outcome of a payment yet.
    PaymentUnknown = "PAYMENT_UNKNOWN", Unavailable;
    /// The node has no payment provider.
    PaymentsOff = "PAYMENTS_OFF", Unavailable;
    /// What is stored cannot be what was written.
    StoreCorrupt = "STORE_CORRUPT", DataLoss;
    /// A fault of the server.
    Internal = "INTERNAL", Internal;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_distinct_and_well_formed() {
        let mut texts: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert!(texts.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|reason| reason.code() != Code::Ok && reason.code() != Code::Unknown));
        assert!(Reason::ALL.iter().enumerate().all(|(place, &reason)| reason as usize == place));
    }
}
