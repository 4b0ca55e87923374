//! The provider: what a call does to the books, and what the caller gets to see of it.
//!
//! ```text
//!  POST ──► down? ──► key, header ──► idempotency key ──► time passes ──► fault? ──► books ──► webhooks
//!                                        │ known: the first answer                    │
//!  caller ◄──────────────────────────────┴──────────── answer, silence or reset ◄─────┘
//! ```
//!
//! A call is processed in a task of its own: a caller that goes away ends nothing, as in life.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use crate::answer::{Answer, Outcome};
use crate::code::ErrorCode;
use crate::fault::directive::Directives;
use crate::fault::{Attempts, Behaviour, Fault, Luck, Operation};
use crate::idempotency::{Claim, IdempotencyKeys, KeptAnswer, Scope};
use crate::ids::{OrderId, PaymentKey};
use crate::ledger::{CancelRequest, ConfirmRequest, Ledger, Lives, Session, Window};
use crate::payment::{Method, Payment, Transaction};
use crate::time::now;
use crate::webhook::{Event, Webhooks};

/// Of two refunds of a payment within this time only the first is done, where that is switched on.
const CONSECUTIVE: Duration = Duration::from_secs(1);

/// What a POST asks for.
#[derive(Clone, Debug)]
pub enum Order {
    /// Capture the money.
    Confirm(ConfirmRequest),
    /// Give some of it back.
    Cancel(PaymentKey, CancelRequest),
}

/// A POST, checked.
pub struct Post {
    /// What it asks for.
    pub order: Order,
    /// Its idempotency key.
    pub scope: Option<Scope>,
    /// The error that it asks to be answered with.
    pub test_code: Option<ErrorCode>,
}

/// The provider.
pub struct Provider {
    seed: u64,
    behaviour: RwLock<Behaviour>,
    ledger: Mutex<Ledger>,
    keys: Arc<IdempotencyKeys>,
    attempts: Attempts,
    counts: Mutex<BTreeMap<String, u64>>,
    /// When a payment was last asked to be refunded.
    cancelled_at: Mutex<foldhash::HashMap<PaymentKey, Instant>>,
    down_until: Mutex<Option<Instant>>,
    webhooks: Webhooks,
}

/// What comes of a call: when, and what goes wrong.
struct Fate {
    latency: Duration,
    fault: Option<Fault>,
}

impl Provider {
    /// A provider with these books.
    #[must_use]
    pub fn new(ledger: Ledger, answers: VecDeque<KeptAnswer>, behaviour: Behaviour, seed: u64) -> Arc<Self> {
        Arc::new_cyclic(|provider| Self {
            seed,
            behaviour: RwLock::new(behaviour),
            ledger: Mutex::new(ledger),
            keys: IdempotencyKeys::with(answers),
            attempts: Attempts::default(),
            counts: Mutex::default(),
            cancelled_at: Mutex::default(),
            down_until: Mutex::new(None),
            webhooks: Webhooks::start(provider.clone(), seed),
        })
    }

    /// How it behaves.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour.read().clone()
    }

    /// Lets it behave otherwise from now on.
    ///
    /// # Errors
    /// What is wrong with the settings; nothing has changed.
    pub fn behave(&self, behaviour: Behaviour) -> Result<(), String> {
        behaviour.check()?;
        *self.behaviour.write() = behaviour;
        Ok(())
    }

    /// Resets every connection that asks for something, until then; none ends it.
    pub fn set_down(&self, until: Option<Instant>) {
        *self.down_until.lock() = until;
    }

    /// Whether nobody gets an answer.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down_until.lock().is_some_and(|until| Instant::now() < until)
    }

    /// Looks at the books.
    pub fn read<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.ledger.lock())
    }

    /// Calls by kind, and faults by kind and name.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().clone()
    }

    /// Does what a POST asks for.
    pub async fn post(self: &Arc<Self>, post: Post) -> Outcome {
        if self.is_down() {
            return Outcome::Reset;
        }
        if let Some(code) = post.test_code {
            return Outcome::Answer(code.into());
        }
        let claim = match self.keys.claim(post.scope, now()) {
            Ok(claim) => claim,
            Err(answer) => {
                self.count("replay", None);
                return Outcome::Answer(answer);
            }
        };
        let (reply, outcome) = oneshot::channel();
        let provider = Arc::clone(self);
        tokio::spawn(async move { provider.process(post.order, claim, reply).await });
        // A task that was ended with the runtime has nothing to say.
        outcome.await.unwrap_or(Outcome::Reset)
    }

    async fn process(self: Arc<Self>, order: Order, claim: Claim, reply: oneshot::Sender<Outcome>) {
        let (operation, payment) = order.call();
        if let Order::Confirm(request) = &order
            && let Err(code) = self.admit(request)
        {
            drop(reply.send(Outcome::Answer(self.settle(claim, code.into()))));
            return;
        }
        let fate = self.fate(operation, payment);
        tokio::time::sleep(fate.latency).await;
        // Whoever has gone away does not hear of it.
        let tell = |outcome| drop(reply.send(outcome));
        match fate.fault {
            // It never reached the provider, so its key is free.
            Some(Fault::Silent) => {
                drop(claim);
                tell(Outcome::Silence);
            }
            Some(Fault::Reset) => {
                drop(claim);
                tell(Outcome::Reset);
            }
            Some(Fault::SilentLate(delay)) => {
                tell(Outcome::Silence);
                tokio::time::sleep(delay).await;
                self.carry_out(&order, claim, None);
            }
            fault => tell(self.carry_out(&order, claim, fault)),
        }
    }

    /// Does what reached the provider, as well as the fault lets it. Returns what the caller gets to see.
    fn carry_out(&self, order: &Order, claim: Claim, fault: Option<Fault>) -> Outcome {
        let answer = match fault {
            Some(Fault::Error(code)) if order.ends_by(code) => self.execute(order, Some(code)),
            Some(Fault::Error(code)) => code.into(),
            _ => self.execute(order, None),
        };
        let answer = match fault {
            // What cannot be done is answered as ever.
            Some(Fault::ErrorDone(code)) if answer.status.is_success() => code.into(),
            _ => answer,
        };
        let answer = self.settle(claim, answer);
        match fault {
            Some(Fault::SilentDone) => Outcome::Silence,
            Some(Fault::ResetDone) => Outcome::Reset,
            _ => Outcome::Answer(answer),
        }
    }

    /// Opens a payment that nobody has opened, unless that is asked for.
    fn admit(&self, request: &ConfirmRequest) -> Result<(), ErrorCode> {
        if self.behaviour.read().needs_sessions {
            return Ok(());
        }
        let directives = Directives::of(&request.payment_key);
        let method = if directives.is_virtual_account { Method::VirtualAccount } else { Method::Card };
        self.ledger.lock().open_unless_known(request, method, now())
    }

    fn fate(&self, operation: Operation, payment: &PaymentKey) -> Fate {
        let calls_before = self.attempts.next(operation, payment);
        let directives = Directives::of(payment);
        let behaviour = self.behaviour.read();
        let mut luck = Luck::of(self.seed, operation, payment, calls_before);
        let latency = luck.latency(&behaviour);
        let fault = directives.fault(operation, calls_before).or_else(|| luck.fault(&behaviour, operation));
        drop(behaviour);
        self.count(operation.name(), fault);
        Fate { latency: directives.delay.unwrap_or(latency), fault }
    }

    fn count(&self, operation: &str, fault: Option<Fault>) {
        let mut counts = self.counts.lock();
        *counts.entry(operation.to_owned()).or_default() += 1;
        if let Some(fault) = fault {
            *counts.entry(format!("{operation}/{}", fault.name())).or_default() += 1;
        }
    }

    /// Does it, to the books.
    fn execute(&self, order: &Order, decline: Option<ErrorCode>) -> Answer {
        let behaviour = self.behaviour.read();
        let (lives, needs_account) = (behaviour.lives(), behaviour.needs_refund_account);
        let forbids_consecutive = behaviour.forbids_consecutive_cancels;
        drop(behaviour);
        let result = match order {
            Order::Confirm(request) => {
                self.change(|ledger| ledger.confirm(request, decline, now(), &lives).cloned())
            }
            Order::Cancel(key, _) if forbids_consecutive && self.is_consecutive(key) => {
                Err(ErrorCode::FORBIDDEN_CONSECUTIVE_REQUEST)
            }
            Order::Cancel(key, request) => {
                self.change(|ledger| ledger.cancel(key, request, needs_account, now(), &lives).cloned())
            }
        };
        Answer::of(result)
    }

    fn is_consecutive(&self, payment: &PaymentKey) -> bool {
        let now = Instant::now();
        let before = self.cancelled_at.lock().insert(payment.clone(), now);
        before.is_some_and(|before| now - before < CONSECUTIVE)
    }

    /// Changes a payment, and tells the shop.
    fn change(
        &self,
        act: impl FnOnce(&mut Ledger) -> Result<Payment, ErrorCode>,
    ) -> Result<Payment, ErrorCode> {
        let payment = act(&mut self.ledger.lock())?;
        self.webhooks.send(Event::StatusChanged(Box::new(payment.clone())));
        Ok(payment)
    }

    fn settle(&self, claim: Claim, answer: Answer) -> Answer {
        if let Some(kept) = claim.settle(&answer, now()) {
            self.ledger.lock().keep_answer(&kept);
        }
        answer
    }

    fn lives(&self) -> Lives {
        self.behaviour.read().lives()
    }
}

/// Questions.
impl Provider {
    /// The payment of this key.
    pub async fn find_by_key(&self, key: &PaymentKey) -> Outcome {
        self.find(key, |ledger, lives| ledger.by_key(key, now(), lives).cloned()).await
    }

    /// The payment of this order.
    pub async fn find_by_order(&self, order: &OrderId) -> Outcome {
        let lives = self.lives();
        let known =
            self.ledger.lock().by_order(order, now(), &lives).map(|payment| payment.payment_key.clone());
        // An order that is not known has the luck of its own name.
        let key = known.unwrap_or_else(|| order.as_str().into());
        self.find(&key, |ledger, lives| ledger.by_order(order, now(), lives).cloned()).await
    }

    async fn find(&self, key: &PaymentKey, look: impl Fn(&mut Ledger, &Lives) -> Option<Payment>) -> Outcome {
        if self.is_down() {
            return Outcome::Reset;
        }
        let fate = self.fate(Operation::Find, key);
        tokio::time::sleep(fate.latency).await;
        match fate.fault {
            Some(Fault::Error(code) | Fault::ErrorDone(code)) => return Outcome::Answer(code.into()),
            Some(Fault::Silent | Fault::SilentDone | Fault::SilentLate(_)) => return Outcome::Silence,
            Some(Fault::Reset | Fault::ResetDone) => return Outcome::Reset,
            None => {}
        }
        let lives = self.lives();
        let found = look(&mut self.ledger.lock(), &lives);
        Outcome::Answer(Answer::of(found.ok_or(ErrorCode::NOT_FOUND_PAYMENT)))
    }

    /// The movements of money in a window.
    pub async fn transactions(&self, window: &Window) -> Outcome {
        if self.is_down() {
            return Outcome::Reset;
        }
        self.count("transactions", None);
        let median_ms = self.behaviour.read().latency_median_ms;
        tokio::time::sleep(Duration::from_secs_f64(median_ms / 1_000.0)).await;
        let page: Result<Vec<Transaction>, ErrorCode> =
            self.read(|ledger| Ok(ledger.transactions(window)?.into_iter().cloned().collect()));
        Outcome::Answer(Answer::of(page))
    }
}

/// What buyers and banks do.
impl Provider {
    /// A buyer opens a payment.
    ///
    /// # Errors
    /// Why not.
    pub fn open(&self, session: Session) -> Result<Payment, ErrorCode> {
        self.ledger.lock().open(session, now()).cloned()
    }

    /// A deposit comes to a virtual account.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn deposit(&self, key: &PaymentKey) -> Result<Payment, ErrorCode> {
        let lives = self.lives();
        let payment = self.change(|ledger| ledger.deposit(key, now(), &lives).cloned())?;
        self.webhooks.send(Event::Deposit(Box::new(payment.clone())));
        Ok(payment)
    }

    /// The bank takes a deposit back.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn revert(&self, key: &PaymentKey) -> Result<Payment, ErrorCode> {
        let lives = self.lives();
        let payment = self.change(|ledger| ledger.revert(key, now(), &lives).cloned())?;
        self.webhooks.send(Event::Deposit(Box::new(payment.clone())));
        Ok(payment)
    }

    /// Sends the webhook of a payment's status again.
    ///
    /// # Errors
    /// There is no such payment.
    pub fn resend(&self, key: &PaymentKey) -> Result<Payment, ErrorCode> {
        let lives = self.lives();
        self.change(|ledger| ledger.by_key(key, now(), &lives).cloned().ok_or(ErrorCode::NOT_FOUND_PAYMENT))
    }
}

impl Order {
    /// Whether this code ends the payment that it is about.
    fn ends_by(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Confirm(_)) && code.is_decline()
    }

    fn call(&self) -> (Operation, &PaymentKey) {
        match self {
            Self::Confirm(request) => (Operation::Confirm, &request.payment_key),
            Self::Cancel(key, _) => (Operation::Cancel, key),
        }
    }
}
