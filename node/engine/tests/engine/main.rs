//! What must always hold, tried on random histories.

mod audit;
mod best_available;
mod codec;
mod generate;
mod histories;
mod model;
mod model_act;
mod model_best;
mod model_money;
mod observe;
