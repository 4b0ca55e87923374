-- What the API shows of an order besides: its coupon, fees, refunds, and when a deposit is due. One document, since it is
-- shown as a whole and never searched.
ALTER TABLE orders ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
