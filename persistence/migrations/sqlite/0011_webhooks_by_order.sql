-- How many webhooks of an order wait to be looked at is counted before one more is kept.
CREATE INDEX webhook_waiting ON webhook (performance_id, order_id) WHERE handled = 0;
