//! What the provider's webhooks say, as far as it is read. None of it is believed: it says where to look.

use serde::Deserialize;

use crate::payments::PaymentName;

/// Longest text of a webhook that is looked at: keys are far shorter.
const TEXT_BYTES_MAX: usize = 800;

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A payment changed.
    Payment {
        /// Which one.
        payment: PaymentName,
        /// What it is now, it says.
        status: String,
    },
    /// Something was paid into a virtual account, or taken back.
    Deposit {
        /// Our name of the order.
        order_reference: String,
        /// What shows that the provider has sent it.
        secret: String,
    },
    /// Something that is not about payments.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    event_type: Option<String>,
    data: Option<Data>,
    // A deposit's callback is flat.
    order_id: Option<String>,
    secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    order_id: Option<String>,
    payment_key: Option<String>,
    status: Option<String>,
}

impl Message {
    /// Reads a webhook.
    ///
    /// # Errors
    /// It is not JSON, or lacks what its kind must have.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(body).map_err(|error| format!("not a webhook: {error}"))?;
        let text = |text: Option<String>, field: &str| {
            let text = text.filter(|text| !text.is_empty() && text.len() <= TEXT_BYTES_MAX);
            text.ok_or_else(|| format!("{field}: required, at most {TEXT_BYTES_MAX} bytes"))
        };
        match wire.event_type.as_deref() {
            Some("PAYMENT_STATUS_CHANGED") => {
                let data = wire.data.ok_or("data: required")?;
                let payment = PaymentName {
                    order_reference: text(data.order_id, "data.orderId")?,
                    payment_key: text(data.payment_key, "data.paymentKey")?,
                };
                Ok(Self::Payment { payment, status: text(data.status, "data.status")? })
            }
            None | Some("DEPOSIT_CALLBACK") => Ok(Self::Deposit {
                order_reference: text(wire.order_id, "orderId")?,
                secret: text(wire.secret, "secret")?,
            }),
            Some(_) => Ok(Self::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<Message, &str>) {
        let read = Message::read(body.as_bytes());
        match (read, expected) {
            (Ok(message), Ok(expected)) => assert_eq!(message, expected),
            (Err(error), Err(start)) => assert!(error.starts_with(start), "{error}"),
            (read, expected) => panic!("{read:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_changed_payment_names_itself() {
        check(
            r#"{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"x","data":{"paymentKey":"k","orderId":"order-1","status":"DONE","more":1}}"#,
            Ok(Message::Payment {
                payment: PaymentName { order_reference: "order-1".into(), payment_key: "k".into() },
                status: "DONE".into(),
            }),
        );
        let without = |field: &str| {
            let mut data = serde_json::json!({ "paymentKey": "k", "orderId": "order-1", "status": "DONE" });
            data.as_object_mut().and_then(|data| data.remove(field)).expect("it was there");
            serde_json::json!({ "eventType": "PAYMENT_STATUS_CHANGED", "data": data }).to_string()
        };
        check(&without("paymentKey"), Err("data.paymentKey"));
        check(&without("orderId"), Err("data.orderId"));
        check(&without("status"), Err("data.status"));
        check(r#"{"eventType":"PAYMENT_STATUS_CHANGED"}"#, Err("data: required"));
    }

    #[test]
    fn a_deposit_names_its_order() {
        check(
            r#"{"createdAt":"x","secret":"s","status":"DONE","transactionKey":"t","orderId":"order-1"}"#,
            Ok(Message::Deposit { order_reference: "order-1".into(), secret: "s".into() }),
        );
        check(r#"{"secret":"s","status":"DONE"}"#, Err("orderId"));
        let long = format!(r#"{{"secret":"{}","orderId":"order-1"}}"#, "s".repeat(801));
        check(&long, Err("secret"));
    }

    #[test]
    fn other_events_are_let_go_and_rubbish_is_not() {
        check(r#"{"eventType":"PAYOUT_STATUS_CHANGED","data":{}}"#, Ok(Message::Other));
        for rubbish in ["", "[]", "{", r#""text""#, r#"{"eventType":7}"#] {
            assert!(Message::read(rubbish.as_bytes()).is_err(), "{rubbish}");
        }
    }
}
